"""Whether an allocation holds the constraints: the least relaxation of their limits, proved by multipliers
(THEORY 11.3).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

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
from adl_opt.text import figure, rounded_up
from adl_opt.threads import SHARED, filtered

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Program

_COUNTS = 1e-6  # of all multipliers: constraints that weigh less do not conflict
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
    """Raises InfeasibleError where no relaxation helps, SolveError if no solver tells."""
    with program.lock, SHARED:
        program.set(event, 1.0)
        rows = _relaxed_rows(program, limits, event)
        fixed = [program.clearing, *program.symbols.constraints]
        said = [row for each in rows.said for row in each]
        found, bound = _solved(cp.Problem(cp.Minimize(rows.share), [*fixed, *said]), limits)
        values, duals = found.primal_vars, found.dual_vars
        fraction = np.clip(np.asarray(values[program.fraction.id], float).ravel(), 0.0, 1.0)
        multipliers = tuple(
            tuple(_multiplier(row, duals) * rows.most / size for row, size in zip(each, sizes))
            for each, sizes in zip(rows.said, rows.sizes)
        )
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
    least = rows.most * float(np.ravel(values[rows.share.id])[0])
    return Relaxation(least, amount, multipliers, max(bounds), rows.most * bound, conflict)


class _Relaxed(NamedTuple):
    """Rows with their limits raised by most x share of them, each divided by its size at pro rata; most: the
    relaxation under which pro rata holds all, so that share 1 always does.
    """

    said: list[list[Any]]
    sizes: list[list[Array]]
    share: Any
    most: float


def _relaxed_rows(program: "Program", limits: Constrained, event: Event) -> _Relaxed:
    program.fraction.value = event.pro_rata_fraction[event.free]
    plain = [
        [_excess_of(row) / _limit(one, row) for row in rows]
        for one, rows in zip(limits.subject_to, program.plain_limits)
    ]
    known = [excess for each in plain for excess in each if excess.size]
    most = max([0.0, *(float(np.max(excess)) for excess in known)]) or 1.0
    share = cp.Variable(bounds=[-1.0 / most, 2.0], name="share")  # bounded: safe with HiGHS (THEORY 8.5)
    sizes = [[np.maximum(np.abs(excess), 1.0) for excess in each] for each in plain]
    said = [
        [_raised(row, size, most * share * _limit(one, row)) for row, size in zip(rows, each)]
        for one, rows, each in zip(limits.subject_to, program.limits, sizes)
    ]
    return _Relaxed(said, sizes, share, most)


def _excess_of(row: Any) -> Array:
    """Left side less right side of a row at the fractions set, flat; of cones its violation; 0 where it has
    variables of its own.
    """
    if isinstance(row, cp.constraints.Inequality):
        value = (row.args[0] - row.args[1]).value
    else:
        value = row.violation() if all(v.value is not None for v in row.variables()) else None
    return np.zeros(row.size) if value is None else np.broadcast_to(np.ravel(value, order="F"), row.size)


def refuse_impossible(found: Relaxation, limits: Constrained, event: Event) -> None:
    """Raise InfeasibleError where no allocation holds the constraints."""
    if found.share <= HOLDS:
        return
    names = names_of(limits.subject_to)
    conflict = [names[j] for j in found.conflict] or names
    together = " and ".join(conflict)
    share = rounded_up(found.share * (1 + _ROUND_UP))
    those = found.conflict or range(len(names))
    ways = [_raised_words(limits.subject_to[j], names[j], share, event) for j in those]
    several = len(ways) > 1
    remedy = f"the least that is possible{' together' * several} is {' and '.join(ways)}"
    remedy += f", each limit raised by {figure(100 * share, 6)} % of it" * several
    whose = "their" if len(conflict) > 1 else "its"
    how = "as the conic program says" if found.conic_bound <= HOLDS else "proved by the conic dual"
    how = f"proved by {whose} multipliers" if found.bound > HOLDS else how
    conflicts = " (they conflict)" if len(conflict) > 1 else ""
    raise InfeasibleError(f"no allocation of this event holds {together}{conflicts}: {how}; {remedy}")


def _raised_words(constraint: Constraint, name: str, share: float, event: Event) -> str:
    relaxed = constraint.relaxed(share, event)
    if relaxed is not None:
        return str(relaxed)
    return f"{name} with {figure(share, 6)} added to the right sides of its rows"


def _raised(row: Any, size: Array, more: Any) -> Any:
    """A constraint with its limit raised by `more`, divided by its size; of a kind without a limit, as it
    is.
    """
    if isinstance(row, cp.constraints.Inequality):
        excess = cp.vec(row.args[0] - row.args[1], order="F")
        return cp.multiply(1 / size, excess) <= more / size
    if isinstance(row, (cp.constraints.Equality, cp.constraints.Zero)):
        return cp.abs(row.expr) <= more
    if isinstance(row, cp.constraints.SOC):
        return cp.SOC(row.args[0] + more, row.args[1], axis=row.axis)
    return row


def _limit(constraint: Constraint, row: Any) -> float:
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


def _solved(problem: Any, limits: Constrained) -> tuple[Any, float]:
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
    if last == f"it says {cp.INFEASIBLE}":  # rows of a kind whose limits cannot be raised
        together = " and ".join(names_of(limits.subject_to))
        raise InfeasibleError(
            f"no allocation of this event holds {together}, as the conic program says; some of its rows have "
            "no limit that could be raised"
        )
    raise SolveError(f"whether an allocation holds the constraints is not told by the solver: {last}")
