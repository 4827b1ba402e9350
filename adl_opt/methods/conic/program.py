"""An event, a law and an objective as one dimensionless DPP program in CVXPY (§10), solved and bounded.

Inside, a fraction closed lies in [0, 1], the row of account i is divided by D_i = max(gross notional,
equity), the objective by its value at pro rata; the user sees none of it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index
from adl_opt.certificates.conic_dual import dual_bound
from adl_opt.constraints.constrained import constrained
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError, SolveError
from adl_opt.evaluation.minorants import Dual
from adl_opt.laws.base import Law

# Imported for what it does: HiGHS keeps its name to itself, here and wherever CVXPY calls it.
from adl_opt.methods.conic import silence  # noqa: F401
from adl_opt.methods.conic.limits import expressed_limits
from adl_opt.methods.conic.own_rows import OwnRows
from adl_opt.methods.conic.row_duals import dual_of_rows, shortfalls
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.scalars import scalar
from adl_opt.methods.conic.solvers import solver_options
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.objectives.base import Objective, asked, foreign_part
from adl_opt.threads import SHARED, alone, filtered, shared

_MANY_LEGS, _MANY_ROWS = 5_000, 0.1  # legs, and rows beside clearing a leg, from which simplex is slow


@dataclass(frozen=True)
class Point:
    """What a solver returned: fraction (free legs,), the value it minimised and a proved bound in the
    objective's unit.

    dual: multipliers of the shortfall rows, weights of scenarios and of laws; price (d,) quote currency per
    contract, nan where nothing is free; accurate: whether the solver claims its full accuracy; seconds: its
    own time.
    """

    fraction: Array
    objective: float
    bound: float
    assumed: float | None
    dual: Dual
    price: Array
    accurate: bool
    solver: str
    seconds: float


class Program:
    """One compiled program; `solve` sets the requirement and the scale, nothing is recompiled.

    Threads solve it one after the other.
    """

    @shared
    def __init__(self, objective: Objective, event: Event, law: Law | None) -> None:
        self.objective, self.event, self.lock = objective, event, threading.RLock()
        self._table = Table(event, law, float(event.natural_scale.mean()))
        self.fraction = cp.Variable(len(self._table.free), bounds=[0, 1], name="fraction")
        plain = ConicSymbols(self._table, self.fraction, plain=True)
        self._plain = self._check(objective, plain)
        limits = constrained(objective)
        self.plain_limits = [] if limits is None else expressed_limits(limits, plain)
        self.symbols = ConicSymbols(self._table, self.fraction, plain=False)
        expression = scalar(objective, objective.express(self.symbols.part(0)))
        self.money = self._table.unit if objective.money else 1.0
        self.required = cp.Parameter(len(event.free_assets), nonneg=True, name="required")
        self.inverse = cp.Parameter(nonneg=True, name="inverse_scale")
        self.clearing = clearing_rows(event)[0] @ self.fraction == self.required
        self.limits = [] if limits is None else expressed_limits(limits, self.symbols)
        said = [row for rows in self.limits for row in rows]
        self.problem = cp.Problem(
            cp.Minimize(self.inverse * expression), [self.clearing, *self.symbols.constraints, *said]
        )
        if not self.problem.is_dpp():
            raise ObjectiveError(
                f"the objective {objective} breaks CVXPY's rule for parameters (DPP), so that it could not "
                "be solved again cheaply"
            )
        self.brings_variables = any(
            variable.id not in self.symbols.boxed for variable in self.problem.variables()
        )
        self._opaque = any(variable.id != self.fraction.id for variable in self._plain.variables())
        beside = [variable for constraint in plain.constraints for variable in constraint.variables()]
        self._own = self._opaque or any(variable.id not in plain.given for variable in beside)
        self.set(event, 1.0)

    @staticmethod
    def _check(objective: Objective, m: ConicSymbols) -> Any:
        """Convex on plain symbols: explicit epigraph variables can make a non-convex program look legal
        (§17).
        """
        expression = scalar(objective, asked(objective, "express", m))
        if not expression.is_convex():
            kind = "concave" if expression.is_concave() else "not convex"
            raise ObjectiveError(
                f"the objective {objective} is {kind} by CVXPY's rules (DCP), so a minimum cannot be proved; "
                f"write it with convex, nondecreasing functions of the symbols (§17)"
            )
        odd = [constraint for constraint in m.constraints if not constraint.is_dcp()]
        if odd:
            raise ObjectiveError(
                f"{len(odd)} of the constraints of {objective} are not convex (DCP), first "
                f"{' '.join(str(odd[0]).split())[:80]} (§17)"
            )
        binding = [c for c in m.constraints if all(variable.id in m.given for variable in c.variables())]
        if binding:
            raise ObjectiveError(
                f"{len(binding)} of the constraints of {objective} bind the allocation alone, first "
                f"{' '.join(str(binding[0]).split())[:80]}: an "
                "objective may constrain variables of its own only, or the bound would not hold for every "
                "allocation (§17)"
            )
        return expression

    @alone
    def expressed(self, fraction: Array) -> float | None:
        """What `express` says at a point, in the objective's unit; None if it brings variables of its own."""
        if self._opaque:
            return None
        self.fraction.value = np.clip(fraction, 0.0, 1.0)
        return float(np.ravel(self._plain.value)[0]) * self.money

    @alone
    def limits_at(self, fraction: Array) -> list[float | None]:
        """By how much what each constraint expresses is violated at a point, in its own unit; None where it
        brings variables of its own.
        """
        self.fraction.value = np.clip(fraction, 0.0, 1.0)
        found: list[float | None] = []
        for rows in self.plain_limits:
            known = all(v.id == self.fraction.id for row in rows for v in row.variables())
            found.append(max([0.0, *(float(np.max(r.violation())) for r in rows)]) if known else None)
        return found

    @alone
    def held(self, event: Event, amount: Array, scale: float) -> float:
        """What `express` says at an allocation (legs,) contracts, minimised over its own variables if it has
        any; scale: a value of its size, its unit.

        Raises SolveError if no solver masters what is left of the program.
        """
        fraction = event.fraction_from(amount)
        if (value := self.expressed(fraction)) is not None:
            return value
        self.set(event, scale)
        fixed = [self.fraction == fraction, *self.symbols.constraints]
        try:
            with filtered("ignore", UserWarning):  # "may be inaccurate": whoever asks compares with `value`
                program = cp.Problem(self.problem.objective, fixed)
                program.solve(solver=self.solver, **solver_options(self.solver, 1e-10, None))
        except cp.error.SolverError as error:
            reason = str(error).splitlines()[0]
            raise SolveError(f"{self.solver} cannot value {self.objective}: {reason}") from None
        return np.nan if program.value is None else float(program.value) * scale

    @cached_property
    def own_rows(self) -> OwnRows | None:
        """The rows with variables of an objective's own; None where there are none.

        The library's own measures choose levels too; the test suite holds them against `value`, a solver at
        every book would only blur that.
        """
        foreign = foreign_part(self.objective)
        if not self._own or foreign is None:
            return None
        with SHARED:
            return OwnRows(foreign, self._table)

    @alone
    def set(self, event: Event, reference: float) -> None:
        """The requirement, and the value that counts as 1 (§10)."""
        k = event.free_assets
        self.required.value = event.required[k] / event.capacities[k]
        self.inverse.value = self.money / reference

    @cached_property
    def linear(self) -> bool:
        return self.problem.objective.expr.is_pwl() and all(
            c.is_dcp() and all(a.is_pwl() for a in c.args) for c in self.problem.constraints
        )

    @property
    def solver(self) -> str:
        """The solver of our choice."""
        return "HIGHS" if "HIGHS" in self.solvers and not self._simplex_is_slow else "CLARABEL"

    @property
    def solvers(self) -> tuple[str, ...]:
        """Those that solve it, for second tries."""
        return ("HIGHS", "CLARABEL") if self.linear and not self.brings_variables else ("CLARABEL",)

    @cached_property
    def _simplex_is_slow(self) -> bool:
        """Linear programs without rows of scenarios, of many legs, with no or very many rows beside clearing.

        Seconds by simplex and by Clarabel, all certified, 20,000 accounts of two legs: sum of the fractions
        closed 5.7 and 0.8, highest leverage 4.3 and 1.6, L1 3.2 and 2.8, highest of ten groups 0.6 and 1.8,
        with 8 scenarios CVaR and highest leverage 1.7 and 6.2, worst case 1.3 and 1.6.
        """
        if self.fraction.size <= _MANY_LEGS or "shortfall" in self.symbols.named:
            return False
        rows = pieces(self.problem.objective.expr) + sum(
            row.size + sum(map(pieces, row.args)) for row in self.problem.constraints[1:]
        )
        return rows == 0 or rows > _MANY_ROWS * self.fraction.size

    @alone
    def solve(
        self, event: Event, reference: float, solver: str | None, accuracy: float, time_limit: float | None
    ) -> Point:
        """Solve for this event's requirement. Raises SolveError if the solver returns no point."""
        self.set(event, reference)
        name = solver or self.solver
        options = solver_options(name, accuracy, time_limit)
        with self._refusals(name):
            data, raw, chain, inverse = self._answered(name, options)
            found = chain.invert(raw, inverse)
        if not found.primal_vars or self.fraction.id not in found.primal_vars:
            raise SolveError(
                f"{name} returned no point for {self.objective} (it says {found.status}); try another "
                "solver= or a larger time_limit="
            )
        fraction = np.asarray(found.primal_vars[self.fraction.id], float).ravel()
        if not np.isfinite(fraction).all():
            raise SolveError(
                f"{name} returned a point that is not finite for {self.objective} (it says {found.status})"
            )
        gap, assumed = dual_bound(data, raw)
        gap += 1e-13  # the rounding of a program whose objective is of order 1
        back = self._back
        bound = (found.opt_val - gap) * back
        # By CVXPY's rules of signs: where nothing is lost, rounding must not say less than nothing.
        bound = max(bound, 0.0) if self._plain.is_nonneg() else bound
        duals = found.dual_vars or {}
        dual = replace(dual_of_rows(self.symbols, duals, back), limits=self._limits(duals, back))
        price = np.full(len(event.side), np.nan)
        if found.dual_vars and self.clearing.id in found.dual_vars:
            k = event.free_assets
            price[k] = np.ravel(found.dual_vars[self.clearing.id]) * back / event.capacities[k]
        return Point(
            fraction, found.opt_val * back, bound, assumed, dual, price,
            found.status == cp.OPTIMAL, name, float(found.attr.get("solve_time") or 0.0),
        )  # fmt: skip

    @alone
    def linear_data(self, event: Event, reference: float) -> tuple[dict[str, Any], Array, float]:
        """(data, x, back): the linear program that HiGHS is given, clearing rows first, its optimum, and the
        quote currency of a unit. Raises SolveError.
        """
        self.set(event, reference)
        options = solver_options("HIGHS", 1e-10, None)
        with self._refusals("HIGHS", KeyError, TypeError):
            data, raw, _, _ = self._answered("HIGHS", options)
            x = np.array(raw["solution"].col_value, float)
        return data, x, self._back

    def _answered(self, name: str, options: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
        """(data, raw answer, chain, inverse data): CVXPY's, the program compiled for a solver and solved."""
        with SHARED:
            found: Any = self.problem.get_problem_data(name, enforce_dpp=True, solver_opts=options)
        data, chain, inverse = found
        return data, chain.solve_via_data(self.problem, data, solver_opts=dict(options)), chain, inverse

    @contextmanager
    def _refusals(self, name: str, *kinds: type[Exception]) -> Iterator[None]:
        """What a solver raises, as a SolveError."""
        try:
            yield
        except (cp.error.SolverError, ValueError, *kinds) as error:
            reason = str(error).splitlines()[0]
            raise SolveError(f"{name} cannot solve {self.objective}: {reason}") from None

    @property
    def _back(self) -> float:
        """Of a unit of the program's objective: how much in the objective's own unit."""
        return 1 / float(self.inverse.value) * self.money

    def shortfall_multipliers(self, duals: Any) -> Array | None:
        """Of a program whose objective is 1 in its own money: quote currency per quote currency."""
        return shortfalls(self.symbols, duals or {}, self.symbols.unit)

    def _limits(self, duals: Any, back: float) -> tuple[tuple[Array, ...], ...]:
        """The multipliers of the constraints' rows, >= 0, per unit of what they say; nan of equations and
        cones.
        """
        return tuple(tuple(_flat(duals.get(row.id), row) * back for row in rows) for rows in self.limits)


def _flat(dual: Any, row: Any) -> Array:
    """A constraint's multipliers, (size,); those of equations and cones are no weights of a minorant."""
    if not isinstance(row, cp.constraints.Inequality):
        return np.full(row.size, np.nan)
    return np.zeros(row.size) if dual is None else np.maximum(np.ravel(dual, order="F"), 0.0)


def pieces(expression: Any) -> int:
    """About the rows that a piecewise linear expression becomes: what its atoms are the largest of."""
    own = 0 if expression.is_affine() else sum(one.size for one in expression.args)
    kinked = isinstance(expression, cp.atoms.atom.Atom) and not expression.is_atom_affine()
    inner = 0 if expression.is_affine() else sum(pieces(one) for one in expression.args)
    return (own if kinked else 0) + inner


def clearing_rows(event: Event) -> tuple[Any, Index]:
    """(matrix (assets to decide, free legs), those assets): what a fraction closed contributes, as a share of
    the asset's capacity (§10).
    """
    legs = np.flatnonzero(event.free)
    asset = event.book.asset[legs]
    row, share = np.searchsorted(event.free_assets, asset), event.size[legs] / event.capacities[asset]
    return sp.csr_array(
        (share, (row, np.arange(len(legs)))), shape=(len(event.free_assets), len(legs))
    ), event.free_assets
