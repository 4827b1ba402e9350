"""The conic route: an event, a law and an objective as one dimensionless DPP program in CVXPY (§10), solved
and bounded.

`ConicSymbols` says the symbols of symbols.py in CVXPY. Inside, a fraction closed lies in [0, 1], the row of
account i is divided by D_i = max(gross notional, equity), the objective by its value at pro rata; the user
sees none of it.
"""

import threading
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index
from adl_opt.certificates.conic_dual import dual_bound
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError, SolveError
from adl_opt.evaluation.minorants import Dual
from adl_opt.laws.base import Law
from adl_opt.methods.conic import silence  # noqa: F401  HiGHS keeps its name to itself, here and wherever CVXPY calls it
from adl_opt.methods.conic.own_rows import OwnRows
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.objectives.base import Objective, foreign_part
from adl_opt.threads import SHARED, alone, shared


@dataclass(frozen=True)
class Point:
    """What a solver returned: fraction (free legs,), the value it minimised and a proved bound in the
    objective's unit.

    dual: multipliers of the shortfall rows and scenario weights; price (d,) quote currency per contract, nan
    where nothing is free; accurate: whether the solver claims its full accuracy; seconds: its own time.
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
        self.objective, self.event, self._law, self.lock = objective, event, law, threading.RLock()
        book, free = event.book, event.free
        self.fraction = cp.Variable(int(free.sum()), bounds=[0, 1], name="fraction")
        unit = float(np.maximum(book.per_account(np.abs(book.notional)), book.equity).mean())
        plain = ConicSymbols(event, law, unit, self.fraction, plain=True)
        self._plain = self._check(objective, plain)
        self.symbols = plain.alike(plain=False)
        expression = _scalar(objective, objective.express(self.symbols.part(0)))
        self.money = unit if objective.money else 1.0
        self.required = cp.Parameter(len(event.free_assets), nonneg=True, name="required")
        self.inverse = cp.Parameter(nonneg=True, name="inverse_scale")
        self.clearing = clearing_rows(event)[0] @ self.fraction == self.required
        self.problem = cp.Problem(
            cp.Minimize(self.inverse * expression), [self.clearing, *self.symbols.constraints]
        )
        if not self.problem.is_dcp(dpp=True):
            raise ObjectiveError(
                f"the objective {objective} breaks CVXPY's rule for parameters (DPP), so that it could not "
                "be solved again cheaply"
            )
        self.brings_variables = any(
            variable.id not in self.symbols.boxed for variable in self.problem.variables()
        )
        self._opaque = any(variable.id != self.fraction.id for variable in self._plain.variables())
        beside = [variable for constraint in plain.constraints for variable in constraint.variables()]
        self._own = self._opaque or any(variable.id not in plain.own for variable in beside)
        self.set(event, 1.0)

    @staticmethod
    def _check(objective: Objective, m: ConicSymbols) -> Any:
        """Convex on plain symbols: explicit epigraph variables can make a non-convex program look legal
        (§17).
        """
        expression = _scalar(objective, objective.express(m))
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
        own = [c for c in m.constraints if all(variable.id in m.own for variable in c.variables())]
        if own:
            raise ObjectiveError(
                f"{len(own)} of the constraints of {objective} bind the allocation alone, first "
                f"{' '.join(str(own[0]).split())[:80]}: an "
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
    def held(self, event: Event, amount: Array, scale: float) -> float:
        """What `express` says at an allocation (legs,) contracts, minimised over its own variables if it has
        any; scale: a value of its size, its unit.

        Raises SolveError if no solver masters what is left of the program.
        """
        fraction = (amount / np.where(event.size > 0, event.size, 1.0))[event.free]
        said = self.expressed(fraction)
        if said is not None:
            return said
        self.set(event, scale)
        name = "HIGHS" if self.linear and not self.brings_variables else "CLARABEL"
        try:
            with SHARED, warnings.catch_warnings():
                program = cp.Problem(
                    self.problem.objective, [self.fraction == fraction, *self.problem.constraints[1:]]
                )
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # "may be inaccurate": whoever asks compares with `value`
                program.solve(solver=name, **_options(name, 1e-10, None))
        except cp.error.SolverError as error:
            raise SolveError(f"{name} cannot value {self.objective}: {str(error).splitlines()[0]}") from None
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
            return OwnRows(foreign, self.event, self._law, self.symbols.unit)

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

    @alone
    def solve(
        self, event: Event, reference: float, solver: str | None, accuracy: float, time_limit: float | None
    ) -> Point:
        """Solve for this event's requirement. Raises SolveError if the solver returns no point."""
        self.set(event, reference)
        name = solver or ("HIGHS" if self.linear and not self.brings_variables else "CLARABEL")
        options = _options(name, accuracy, time_limit)
        try:
            with SHARED:
                data, chain, inverse = self.problem.get_problem_data(
                    name, enforce_dpp=True, solver_opts=options
                )
            raw = chain.solve_via_data(self.problem, data, solver_opts=dict(options))
            found = chain.invert(raw, inverse)
        except (cp.error.SolverError, ValueError) as error:
            raise SolveError(f"{name} cannot solve {self.objective}: {str(error).splitlines()[0]}") from None
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
        back = 1 / float(self.inverse.value) * self.money
        bound = (found.opt_val - gap) * back
        if (
            self._plain.is_nonneg()
        ):  # by CVXPY's rules of signs: where nothing is lost, rounding must not say less than nothing
            bound = max(bound, 0.0)
        dual = Dual(self._multipliers(found.dual_vars, back), self._weights(found.dual_vars, back))
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
        options = _options("HIGHS", 1e-10, None)
        try:
            with SHARED:
                data, chain, _ = self.problem.get_problem_data("HIGHS", enforce_dpp=True, solver_opts=options)
            raw = chain.solve_via_data(self.problem, data, solver_opts=dict(options))
            x = np.array(raw["solution"].col_value, float)
        except (cp.error.SolverError, ValueError, KeyError, TypeError) as error:
            raise SolveError(f"HIGHS cannot solve {self.objective}: {str(error).splitlines()[0]}") from None
        return data, x, 1 / float(self.inverse.value) * self.money

    def _multipliers(self, duals: Any, back: float) -> Array | None:
        row = self.symbols.named.get("shortfall")
        if row is None:
            return None
        rows = self.symbols.rows
        table = np.full((len(self.symbols.scale), len(self.symbols.probability)), np.nan)
        if len(rows.constant):
            if not duals or row.id not in duals:
                return None
            table[rows.account, rows.scenario] = (
                np.ravel(duals[row.id]) * back / self.symbols.scale[rows.account]
            )
        return table

    def _weights(self, duals: Any, back: float) -> dict[int, Array]:
        """By part of the objective: the multipliers of the rows that it raised, per unit of quote
        currency.
        """
        found = {}
        for name, row in self.symbols.named.items():
            if name.startswith("weights ") and duals and row.id in duals:
                table = np.reshape(np.ravel(duals[row.id], order="F"), row.shape, order="F")
                found[int(name.split()[1])] = np.maximum(table * back / self.symbols.unit, 0.0)
        return found


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


def _scalar(objective: Objective, expression: Any) -> Any:
    try:
        found = cp.Expression.cast_to_const(expression)
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or found.is_complex() or (isinstance(found, cp.Constant) and not _finite(found.value)):
        raise ObjectiveError(
            f"express of {objective} gives {type(expression).__name__}, not a CVXPY expression of real "
            "numbers"
        )
    expression = found
    if expression.size != 1:
        raise ObjectiveError(
            f"express of {objective} gives an expression of shape {expression.shape}; an objective is one "
            "number (cp.sum?)"
        )
    return cp.sum(expression) if expression.shape else expression


def _finite(values: Any) -> bool:
    return bool(np.isfinite(values.data if sp.issparse(values) else values).all())


_TIME_LIMIT = {
    "HIGHS": "time_limit",
    "CLARABEL": "time_limit",
    "OSQP": "time_limit",
    "SCS": "time_limit_secs",
}


def _options(name: str, accuracy: float, time_limit: float | None) -> dict[str, Any]:
    if time_limit is not None and name not in _TIME_LIMIT:
        raise SolveError(f"time_limit= is known here for {', '.join(_TIME_LIMIT)}, not for {name}")
    limit = {} if time_limit is None else {_TIME_LIMIT[name]: float(time_limit)}
    if name == "HIGHS":
        tight = max(accuracy, 1e-10)
        # Dust accounts have entries below HiGHS's default 1e-9 in the clearing rows (THEORY 8.3).
        return {
            "small_matrix_value": 1e-12,
            "primal_feasibility_tolerance": tight,
            "dual_feasibility_tolerance": tight,
            **limit,
        }
    if name == "CLARABEL":
        return {
            "tol_gap_abs": accuracy,
            "tol_gap_rel": accuracy,
            "tol_feas": accuracy,
            # The default leaves residuals a hundred times larger on our programs.
            "static_regularization_constant": 1e-10,
            "accept_unknown": True,
            "max_iter": 500,
            **limit,
        }
    return limit
