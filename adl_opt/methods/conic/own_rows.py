"""What `express` asks of variables of an objective's own, given an allocation: rows in cones (§17, THEORY
11.2).

A_x x + A_t t + s = b, s in K: x is the allocation and the losses that follow from it, t the objective's own
variables. Compiled once; two small programs for an x: the least that `express` can be over t, and by how much
every row must give way before any t fits.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index
from adl_opt.evaluation.minorants import point_support
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.cones import Cones, binding_cones, solved
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.objectives.base import Objective

# Names in the compiled program; a user's may be anything.
_GIVEN = {name: f"adl_opt {name}" for name in ("fraction", "shortfall", "loss")}


class BareSymbols(ConicSymbols):
    """The symbols with losses left to be filled in, as columns of their own."""

    def __init__(self, table: Table) -> None:
        fraction = cp.Variable(len(table.free), bounds=[0, 1], name=_GIVEN["fraction"])
        super().__init__(table, fraction, plain=True)

    @cached_property
    def _above_rows(self) -> Any:
        return cp.Variable(len(self.rows.constant), bounds=[0, self.rows.highest], name=_GIVEN["shortfall"])

    @cached_property
    def _total(self) -> Any:
        return cp.Variable(len(self.largest_loss), bounds=[0, self.largest_loss], name=_GIVEN["loss"])

    @cached_property
    def loss(self) -> Any:
        return self._root._total


@dataclass(frozen=True)
class Answer:
    """Of one program. status: "solved", "impossible" (no t fits), "endless" (no least value) or "unknown".

    slope (legs,): where solved, a subgradient of the value in the fraction closed of each whole position.
    """

    status: str
    value: float = np.nan
    slope: Array | None = None


class OwnRows:
    """The rows of `objective` with variables of its own, for the legs that an event leaves to be decided.

    count: rows as the user wrote them, boxes of variables among them. own: the variables.
    known: whether all cones have a rule here.
    """

    def __init__(self, objective: Objective, table: Table) -> None:
        self.objective, self.event, self.law, self._unit = objective, table.event, table.law, table.unit
        self.money = table.unit if objective.money else 1.0
        self._m = BareSymbols(table)
        problem = cp.Problem(cp.Minimize(cp.sum(objective.express(self._m.part(0)))), self._m.constraints)
        self.own = [variable for variable in problem.variables() if variable.name() not in _GIVEN.values()]
        self.count = sum(c.size for c in self._m.constraints) + sum(_sides(variable) for variable in self.own)
        try:
            data, _, inverse = problem.get_problem_data("CLARABEL")
        except cp.error.SolverError:  # integers, say
            self.known = False
            return
        self._offset = float(inverse[-1][cp.settings.OFFSET])
        program = data["param_prob"]
        place = {v.name(): np.arange(v.size) + program.var_id_to_col[v.id] for v in program.variables}
        self._at = {
            name: place[column] for name, column in _GIVEN.items() if column in place
        }  # columns of what is given
        self._own = np.setdiff1d(
            np.arange(len(data["c"])), np.concatenate([np.zeros(0, int), *self._at.values()])
        )
        self._cost = np.asarray(data["c"], float)
        quadratic = data.get("P")
        self._curve = sp.csr_array(quadratic if quadratic is not None else (len(self._cost),) * 2)
        dims = data["dims"]
        self.known = not (dims.psd or getattr(dims, "pnd", None))
        if self.known:
            self._keep(sp.csr_array(data["A"]), np.asarray(data["b"], float), dims)

    def _keep(self, A: Any, b: Array, dims: Any) -> None:
        """Keep the cones in which a variable of the objective's own stands; others are boxes of what is
        given.
        """
        given = np.setdiff1d(np.arange(A.shape[1]), self._own)
        rows = Cones.of(dims, np.diff(A[:, given].indptr) > 0)
        touched = rows.any(np.diff(A[:, self._own].indptr) > 0)
        self._all = rows.those(touched)
        kept = touched[rows.number]
        self._A, self._b = A[kept], b[kept]
        binding = binding_cones(self._A[:, self._own], self._all)
        self._rows = np.flatnonzero(binding[self._all.number])  # those that can lack something
        self.cones = self._all.those(binding)
        entries = abs(self._A[self._rows])
        # (cones,): those in which the allocation stands too.
        self.coupled = self.cones.any(np.diff(entries[:, given].indptr) > 0)
        self._beside = sp.csc_array(self._A[:, self._own])
        self._giving = sp.csc_array(self._beside[self._rows])
        self._scale = self.cones.largest(
            entries.max(axis=1).toarray().ravel() if len(self._rows) else np.zeros(0)
        )

    def least(self, fraction: Array, reference: float = 1.0) -> Answer:
        """The least of `express` over its own variables at fractions closed (free legs,).

        Quote currency or a pure number; reference: a value that counts as 1 in the program.
        """
        given, back = self._filled(fraction), reference / self.money
        cost = self._cost + self._curve @ given
        curve = self._curve[self._own][:, self._own]
        right = self._b - self._A @ given
        found = solved(curve / back, cost[self._own] / back, self._beside, right, self._all.kinds)
        if found.status != "solved":
            return Answer(found.status)
        t = np.zeros(len(given))
        t[self._own] = found.x
        value = found.value * back + self._cost @ given + given @ (self._curve @ given) / 2 + self._offset
        slope = self._cost + self._curve @ (given + t) + self._A.T @ found.z * back
        return Answer("solved", float(value) * self.money, self._slope(fraction, slope) * self.money)

    def lacking(self, fraction: Array, weight: Array) -> Answer:
        """By how much the cones, each times its `weight` (cones,), must give way before any t fits; < 0:
        room.
        """
        give = -self.cones.inside * (weight * self._scale)[self.cones.number]
        giving = sp.hstack([self._giving, sp.csc_array(give[:, None])], format="csc")
        cost = np.append(np.zeros(len(self._own)), 1.0)
        right = (self._b - self._A @ self._filled(fraction))[self._rows]
        found = solved(sp.csc_array((len(cost),) * 2), cost, giving, right, self.cones.kinds)
        if found.status != "solved":
            return Answer(found.status)
        z = np.zeros(len(self._b))
        z[self._rows] = found.z
        return Answer("solved", found.value, self._slope(fraction, self._A.T @ z))

    @property
    def entries(self) -> int:
        """How many numbers stand in its rows."""
        return self._A.nnz

    @cached_property
    def sides(self) -> Index:
        """Numbers from 1 of the rows in which the allocation stands; equations have two sides, and both
        signs.
        """
        rows = 1 + np.flatnonzero(self.coupled[self.cones.number])
        return np.concatenate([rows, -rows[self.cones.equation[rows - 1]]])

    def pull(self, fraction: Array, side: int) -> Array:
        """The slope (legs,) of the allocation's part of a row, as `sides` numbers it."""
        row = self._A[[self._rows[abs(side) - 1]]].toarray().ravel()
        return self._slope(fraction, np.sign(side) * row)

    def _filled(self, fraction: Array) -> Array:
        """What is given, in its columns, zero elsewhere."""
        given = np.zeros(len(self._cost))
        for name, columns in self._at.items():
            if name == "fraction":
                given[columns] = fraction
            elif name == "shortfall":
                given[columns] = np.maximum(self._m.rows.matrix @ fraction + self._m.rows.constant, 0.0)
            else:
                given[columns] = SymbolsAt(self.event, self.law, self.amount(fraction)).loss / self._unit
        return given

    def amount(self, fraction: Array) -> Array:
        """Contracts closed by leg, (legs,)."""
        return self.event.amount_from(fraction)

    def _slope(self, fraction: Array, by_column: Array) -> Array:
        """From slopes in what is given to slopes in the fraction closed, (legs,), through the losses."""
        event, free = self.event, self.event.free
        slope = np.zeros(len(free))
        if "fraction" in self._at:
            slope[free] = by_column[self._at["fraction"]] / event.closable_part(np.ones(len(free)))[free]
        if "shortfall" in self._at or "loss" in self._at:
            rows, scale = self._m.rows, self._m.scale
            weight = np.zeros((len(scale), len(self._m.probability)))
            if "loss" in self._at:
                weight += by_column[self._at["loss"]] / self._unit
            if "shortfall" in self._at:
                np.add.at(
                    weight,
                    (rows.account, rows.scenario),
                    by_column[self._at["shortfall"]] / scale[rows.account],
                )
            slope += point_support(SymbolsAt(event, self.law, self.amount(fraction)), weight).low
        return slope


def _sides(variable: Any) -> int:
    """How many numbers bound a variable by its attributes."""
    attributes = variable.attributes
    signs = sum(bool(attributes.get(name)) for name in ("nonneg", "nonpos", "pos", "neg", "PSD", "NSD"))
    bounds = attributes.get("bounds") or []
    values = [
        np.broadcast_to(np.asarray(getattr(side, "value", side), float), variable.shape)
        for side in bounds
        if side is not None
    ]
    return signs * variable.size + sum(int(np.isfinite(side).sum()) for side in values)
