"""What `express` asks of variables of an objective's own, given an allocation: rows in cones, compiled once (§17, THEORY 11.2).

A_x x + A_t t + s = b, s in K: x is the allocation and the losses that follow from it, t the objective's own variables. Two small programs for an x:
the least that `express` can be over t, and by how much every row must give way before any t fits.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import clarabel
import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .conicsymbols import ConicSymbols
from .event import Event
from .laws import Law
from .objectives import Objective
from .supports import point_support
from .symbols import Symbols

Array = NDArray[np.float64]
_GIVEN = {
    name: f"adl_opt {name}" for name in ("fraction", "shortfall", "loss")
}  # names in the compiled program; a user's may be anything
_INSIDE_EXP, _INSIDE_POWER = [-1.0, 1.0, 1.0], [1.0, 1.0, 0.0]  # points inside these cones, as Clarabel orders them
_ACCURACY = 1e-9


class BareSymbols(ConicSymbols):
    """The symbols with losses left to be filled in, as columns of their own."""

    def __init__(self, event: Event, law: Law | None, unit: float) -> None:
        fraction = cp.Variable(int(event.free.sum()), bounds=[0, 1], name=_GIVEN["fraction"])
        super().__init__(event, law, unit, fraction, plain=True)

    @cached_property
    def _above_rows(self) -> Any:
        return cp.Variable(len(self.rows.constant), bounds=[0, self.rows.highest], name=_GIVEN["shortfall"])

    @cached_property
    def _total(self) -> Any:
        return cp.Variable(len(self.largest_loss), bounds=[0, self.largest_loss], name=_GIVEN["loss"])

    @property
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
    """The rows of `objective` with variables of its own, for the legs that `event` leaves to be decided.

    count: numbers of rows as the user wrote them, boxes of variables among them. own: the variables. known: whether all cones have a rule here.
    """

    def __init__(self, objective: Objective, event: Event, law: Law | None, unit: float) -> None:
        self.objective, self.event, self.law, self._unit = objective, event, law, unit
        self.money = unit if objective.money else 1.0
        self._m = BareSymbols(event, law, unit)
        problem = cp.Problem(cp.Minimize(cp.sum(objective.express(self._m.part(0)))), self._m.constraints)
        self.own = [variable for variable in problem.variables() if variable.name() not in _GIVEN.values()]
        self.count = sum(c.size for c in self._m.constraints) + sum(_sides(variable) for variable in self.own)
        data, _, inverse = problem.get_problem_data("CLARABEL")
        self._offset = float(inverse[-1][cp.settings.OFFSET])
        program = data["param_prob"]
        place = {v.name(): np.arange(v.size) + program.var_id_to_col[v.id] for v in program.variables}
        self._at = {name: place[said] for name, said in _GIVEN.items() if said in place}  # columns of what is given
        self._own = np.setdiff1d(np.arange(len(data["c"])), np.concatenate([np.zeros(0, int), *self._at.values()]))
        self._cost = np.asarray(data["c"], float)
        quadratic = data.get("P")
        self._curve = sp.csr_array(quadratic if quadratic is not None else (len(self._cost),) * 2)
        dims = data["dims"]
        self.known = not (dims.psd or getattr(dims, "pnd", None))
        if self.known:
            self._keep(sp.csr_array(data["A"]), np.asarray(data["b"], float), dims)

    def _keep(self, A: Any, b: Array, dims: Any) -> None:
        """Keep the cones in which a variable of the objective's own stands; the others are boxes of what is given."""
        given = np.setdiff1d(np.arange(A.shape[1]), self._own)
        rows = Cones.of(dims, np.diff(A[:, given].indptr) > 0)
        touched = rows.any(np.diff(A[:, self._own].indptr) > 0)
        self._all = rows.those(touched)
        kept = touched[rows.number]
        self._A, self._b = A[kept], b[kept]
        binding = _binding(self._A[:, self._own], self._all)
        self._rows = np.flatnonzero(binding[self._all.number])  # those that can lack something
        self.cones = self._all.those(binding)
        entries = abs(self._A[self._rows])
        self.coupled = self.cones.any(np.diff(entries[:, given].indptr) > 0)  # (cones,): whether the allocation stands in it too
        self._scale = self.cones.largest(entries.max(axis=1).toarray().ravel() if len(self._rows) else np.zeros(0))

    def least(self, fraction: Array, reference: float = 1.0) -> Answer:
        """The least of `express` over the objective's own variables at fractions closed (free legs,), quote currency or a pure number.

        reference: a value that counts as 1 in the program.
        """
        given, back = self._filled(fraction), reference / self.money
        cost = self._cost + self._curve @ given
        curve = self._curve[self._own][:, self._own]
        beside, right = self._A[:, self._own], self._b - self._A @ given
        found = _solve(curve / back, cost[self._own] / back, beside, right, self._all.kinds)
        if found.status != "solved":
            return Answer(found.status)
        t = np.zeros(len(given))
        t[self._own] = found.x
        value = found.value * back + self._cost @ given + given @ (self._curve @ given) / 2 + self._offset
        slope = self._cost + self._curve @ (given + t) + self._A.T @ found.z * back
        return Answer("solved", float(value) * self.money, self._slope(fraction, slope) * self.money)

    def lacking(self, fraction: Array, weight: Array) -> Answer:
        """By how much the cones, each times its `weight` (cones,), must give way before any t fits; negative where there is room."""
        given, A = self._filled(fraction), self._A[self._rows]
        give = -self.cones.inside * (weight * self._scale)[self.cones.number]
        beside = sp.hstack([A[:, self._own], sp.csr_array(give[:, None])], format="csc")
        cost = np.append(np.zeros(len(self._own)), 1.0)
        found = _solve(None, cost, beside, self._b[self._rows] - A @ given, self.cones.kinds)
        if found.status != "solved":
            return Answer(found.status)
        return Answer("solved", found.value, self._slope(fraction, A.T @ found.z))

    @property
    def entries(self) -> int:
        """How many numbers stand in its rows."""
        return self._A.nnz

    @cached_property
    def sides(self) -> NDArray[np.int64]:
        """Numbers of the rows in which the allocation stands, from 1, and of equations, which have two sides, with both signs."""
        rows = 1 + np.flatnonzero(self.coupled[self.cones.number])
        return np.concatenate([rows, -rows[self.cones.equation[rows - 1]]])

    def pull(self, fraction: Array, side: int) -> Array:
        """The slope (legs,) of the allocation's part of a row, as `sides` numbers it."""
        row = self._A[[self._rows[abs(side) - 1]]].toarray().ravel()
        return self._slope(fraction, np.sign(side) * row)

    def _filled(self, fraction: Array) -> Array:
        """What is given, in its columns, zero elsewhere."""
        given = np.zeros(len(self._cost))
        values = {
            "fraction": lambda: fraction,
            "shortfall": lambda: self._shortfall(fraction),
            "loss": lambda: self._loss(fraction),
        }
        for name, columns in self._at.items():
            given[columns] = values[name]()
        return given

    def _shortfall(self, fraction: Array) -> Array:
        return np.maximum(self._m.rows.matrix @ fraction + self._m.rows.constant, 0.0)

    def _loss(self, fraction: Array) -> Array:
        return Symbols(self.event, self.law, self.amount(fraction)).loss / self._unit

    def amount(self, fraction: Array) -> Array:
        """Contracts closed by leg, (legs,)."""
        amount = self.event.fixed_fraction * self.event.size
        amount[self.event.free] = fraction * self.event.size[self.event.free]
        return amount

    def _slope(self, fraction: Array, by_column: Array) -> Array:
        """From slopes in what is given to slopes in the fraction closed, (legs,), through the losses that follow from it."""
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
                np.add.at(weight, (rows.account, rows.scenario), by_column[self._at["shortfall"]] / scale[rows.account])
            slope += point_support(Symbols(event, self.law, self.amount(fraction)), weight).low
        return slope


@dataclass(frozen=True)
class Cones:
    """Which rows form a cone: number (rows,) of the cone of each row; inside (rows,): a direction into it, 0 in equations; head (rows,): rows that may grow
    without limit, whatever the others; single: by cone None for an equation, 1 for an inequality, else Clarabel's cone."""

    number: NDArray[np.int64]
    inside: Array
    head: NDArray[np.bool_]
    single: list[Any]

    @classmethod
    def of(cls, dims: Any, given: NDArray[np.bool_]) -> "Cones":
        """given (rows,): rows in which the allocation stands; a cone of three gives way in those alone, where that helps."""
        single: list[Any] = [None] * dims.zero + [1] * dims.nonneg
        single += [clarabel.SecondOrderConeT(size) for size in dims.soc]
        single += [clarabel.ExponentialConeT() for _ in range(dims.exp)] + [clarabel.PowerConeT(a) for a in dims.p3d]
        sizes = [1] * (dims.zero + dims.nonneg) + [*dims.soc] + [3] * (dims.exp + len(dims.p3d))
        number, first = np.repeat(np.arange(len(sizes)), sizes), dims.zero + dims.nonneg + sum(dims.soc)
        head = np.arange(len(number)) >= dims.zero
        head[dims.zero + dims.nonneg :] = False
        head[dims.zero + dims.nonneg + np.cumsum([0, *dims.soc[:-1]], dtype=int)[: len(dims.soc)]] = True
        inside = head.astype(float)
        threes = given[first:].reshape(-1, 3)
        full = np.array([_INSIDE_EXP] * dims.exp + [_INSIDE_POWER] * len(dims.p3d)).reshape(-1, 3)
        last = np.where(np.arange(len(threes)) < dims.exp, threes[:, 1], threes[:, 2]) | ~threes.any(axis=1)
        inside[first:] = np.where(last[:, None] | threes, full, 0.0).ravel()
        return cls(number, inside, head, single)

    @property
    def equation(self) -> NDArray[np.bool_]:
        """(rows,): those that never give way."""
        return np.array([one is None for one in self.single], bool)[self.number]

    @property
    def kinds(self) -> list[Any]:
        hard, soft = sum(one is None for one in self.single), sum(one == 1 for one in self.single if isinstance(one, int))
        found = [clarabel.ZeroConeT(hard)] * (hard > 0) + [clarabel.NonnegativeConeT(soft)] * (soft > 0)
        return found + [one for one in self.single if one is not None and not isinstance(one, int)]

    def those(self, kept: NDArray[np.bool_]) -> "Cones":
        rows = kept[self.number]
        number = (np.cumsum(kept) - 1)[self.number[rows]]
        return Cones(number, self.inside[rows], self.head[rows], [one for one, stays in zip(self.single, kept) if stays])

    def any(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(cones,): whether one of its rows is."""
        return np.bincount(self.number, rows, len(self.single)) > 0

    def largest(self, values: Array) -> Array:
        """(cones,): the largest of its rows' values; 1 where there is none."""
        top = np.zeros(len(self.single))
        np.maximum.at(top, self.number, values)
        return np.where(top > 0, top, 1.0)


def _binding(A: Any, cones: Cones) -> NDArray[np.bool_]:
    """(cones,): those that can lack something, whatever is given. The others have a variable that only ever helps as it grows, or an equation's own."""
    binding = np.ones(len(cones.single), bool)
    entry, (height, width) = sp.coo_array(A), A.shape
    while True:
        alive = binding[cones.number[entry.row]]
        row, column, value = entry.row[alive], entry.col[alive], entry.data[alive]
        seen = np.bincount(column, minlength=width)
        heads = [np.bincount(column, cones.head[row] & (sign * value > 0), width) == seen for sign in (1, -1)]
        alone = (seen == 1) & (np.bincount(column, cones.equation[row], width) == 1)
        helps = (seen > 0) & (heads[0] | heads[1] | alone)
        met = cones.any(np.bincount(row, helps[column], height) > 0) & binding
        if not met.any():
            return binding
        binding &= ~met


@dataclass(frozen=True)
class _Found:
    status: str
    value: float
    x: Array
    z: Array


_STATUS = {"Solved": "solved", "AlmostSolved": "solved", "PrimalInfeasible": "impossible", "DualInfeasible": "endless"}


def _solve(curve: Any, cost: Array, A: Any, b: Array, kinds: list[Any]) -> _Found:
    """minimise cost't + t'(curve)t / 2 subject to b - A t in K, by Clarabel."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _ACCURACY
    settings.max_threads = 1
    quadratic = sp.csc_array((len(cost),) * 2) if curve is None else sp.csc_array(sp.triu(curve))
    found = clarabel.DefaultSolver(quadratic, cost, sp.csc_array(A), b, kinds, settings).solve()
    return _Found(_STATUS.get(str(found.status), "unknown"), float(found.obj_val), np.array(found.x), np.array(found.z))


def _sides(variable: Any) -> int:
    """How many numbers bound a variable by its attributes."""
    said = variable.attributes
    signs = sum(bool(said.get(name)) for name in ("nonneg", "nonpos", "pos", "neg", "PSD", "NSD"))
    bounds = said.get("bounds") or []
    values = [
        np.broadcast_to(np.asarray(getattr(side, "value", side), float), variable.shape) for side in bounds if side is not None
    ]
    return signs * variable.size + sum(int(np.isfinite(side).sum()) for side in values)
