"""Whether an allocation holds the constraints: the least relaxation of their limits, proved by multipliers
(THEORY 11.3).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cvxpy as cp
import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.conic_dual import dual_bound
from adl_opt.certificates.knapsack import knapsack
from adl_opt.constraints.base import HOLDS, Constraint
from adl_opt.constraints.constrained import Constrained, Multipliers, names_of, penalty
from adl_opt.constraints.measured import MeasuredConstraint
from adl_opt.data.event import Event, cleared
from adl_opt.errors import InfeasibleError, SolveError
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.methods.conic.solvers import solver_options
from adl_opt.objectives.base import Objective
from adl_opt.text import figure
from adl_opt.threads import SHARED, filtered

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Program

_COUNTS = 1e-6  # of all multipliers: constraints that weigh less do not conflict
_MOST = 1e9  # a relaxation beyond it is none; a bounded variable is safe with HiGHS (THEORY 8.5)
_ROUND_UP = 1e-6  # relative: by so much more than the least relaxation is told, that it is one


class Nothing(Objective):
    """0 everywhere: what is minimised where only the constraints matter."""

    def express(self, m: ProgramSymbols) -> Any:
        return cp.Constant(0.0)

    def value(self, m: SymbolsAt) -> float:
        return 0.0


@dataclass(frozen=True)
class Relaxation:
    """share: of their limits, by which all must be raised before an allocation holds them; negative:
    the room there is. amount (legs,): that allocation. bound, conic_bound: below the share, proved by the
    multipliers, or by the conic dual. conflict: numbers of the constraints that weigh in it.
    """

    share: float
    amount: Array
    multipliers: Multipliers
    bound: float
    conic_bound: float
    conflict: list[int]


def least_relaxation(program: "Program", limits: Constrained, event: Event, law: Law | None) -> Relaxation:
    """Raises SolveError if no solver tells."""
    with program.lock, SHARED:
        program.set(event, 1.0)
        share = cp.Variable(bounds=[-1.0, _MOST], name="share")
        said = [[_raised(row, constraint, event, share, k) for k, row in enumerate(rows)]
                for constraint, rows in zip(limits.subject_to, program.limits)]  # fmt: skip
        rows = [row for each in said for row in each]
        fixed = [program.clearing, *program.symbols.constraints]
        problem = cp.Problem(cp.Minimize(share), [*fixed, *rows])
        found, bound = _solved(problem)
        values, duals = found.primal_vars, found.dual_vars
        fraction = np.clip(np.asarray(values[program.fraction.id], float).ravel(), 0.0, 1.0)
        multipliers = tuple(tuple(_multiplier(row, duals) for row in each) for each in said)
        dual = Dual(program.shortfall_multipliers(duals), limits=multipliers)
    amount = cleared(event, event.amount_from(fraction))
    m = SymbolsAt(event, law, amount)
    bounds = [-np.inf]  # of knapsacks, which are nearer to a textbook
    for told in (dual, dual.of_limits):
        below = penalty(limits, m, multipliers, told)
        if below is not None:
            bounds.append(-knapsack(event, m, below)[0])
    weight = [sum(float(np.sum(row)) for row in each) for each in multipliers]
    conflict = [j for j, w in enumerate(weight) if w > _COUNTS * max(sum(weight), 1e-300)]
    least = float(np.ravel(values[share.id])[0])
    return Relaxation(least, amount, multipliers, max(bounds), bound, conflict)


def refuse_impossible(found: Relaxation, limits: Constrained) -> None:
    """Raise InfeasibleError where no allocation holds the constraints."""
    if found.share <= HOLDS:
        return
    names = names_of(limits.subject_to)
    conflict = [names[j] for j in found.conflict] or names
    together = " and ".join(conflict)
    relaxed = [limits.subject_to[j].relaxed(found.share * (1 + _ROUND_UP)) for j in found.conflict]
    known = [str(one) for one in relaxed if one is not None]
    if known and len(known) == len(relaxed):
        possible = f"the least that is possible{' together' * (len(known) > 1)} is {' and '.join(known)}"
        remedy = f"{possible}, limits raised by {figure(100 * found.share, 6)} %"
    else:
        remedy = f"raise each limit by {figure(found.share, 6)} of it, or of its rows' unit, at least"
    whose = "their" if len(conflict) > 1 else "its"
    how = "as the conic program says" if found.conic_bound <= HOLDS else "proved by the conic dual"
    how = f"proved by {whose} multipliers" if found.bound > HOLDS else how
    conflicts = " (they conflict)" if len(conflict) > 1 else ""
    raise InfeasibleError(f"no allocation of this event holds {together}{conflicts}: {how}; {remedy}")


def _raised(row: Any, constraint: Constraint, event: Event, share: Any, k: int) -> Any:
    """A constraint with its limit raised by `share` of it; of a kind without a limit, as it is."""
    if isinstance(row, cp.constraints.Inequality):
        return row.args[0] - row.args[1] <= share * _limit(constraint, event, row)
    if isinstance(row, (cp.constraints.Equality, cp.constraints.Zero)):
        return cp.abs(row.expr) <= share
    return row


def _limit(constraint: Constraint, event: Event, row: Any) -> float:
    """What a share of 1 is worth, in the row's unit; rows of linear constraints are divided by their
    limit.
    """
    if isinstance(constraint, MeasuredConstraint):
        return max(float(np.abs(np.asarray(row.args[1].value)).max()), 0.0) or 1.0
    return 1.0


def _multiplier(row: Any, duals: Any) -> Array:
    dual = duals.get(row.id) if duals else None
    if dual is None or not isinstance(row, cp.constraints.Inequality):
        return np.zeros(row.size)
    return np.maximum(np.ravel(dual, order="F"), 0.0)


def _solved(problem: Any) -> tuple[Any, float]:
    """CVXPY's solution, without its assignment of values, which refuses the rounding of bounded variables;
    and a bound from the conic dual.
    """
    linear = all(c.is_dcp() and all(a.is_pwl() for a in c.args) for c in problem.constraints)
    last = "it says nothing"
    for name in ("HIGHS", "CLARABEL") if linear else ("CLARABEL",):
        options = solver_options(name, 1e-10, None)
        try:
            with filtered("ignore", UserWarning):
                data, chain, inverse = problem.get_problem_data(name, solver_opts=options)
                raw = chain.solve_via_data(problem, data, solver_opts=dict(options))
                found = chain.invert(raw, inverse)
        except (cp.error.SolverError, ValueError) as error:
            last = str(error).splitlines()[0]
            continue
        if found.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            gap, assumed = dual_bound(data, raw)
            return found, -np.inf if assumed else found.opt_val - gap
        last = f"it says {found.status}"
    raise SolveError(f"whether an allocation holds the constraints is not told by the solver: {last}")
