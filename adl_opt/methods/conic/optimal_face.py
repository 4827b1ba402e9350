"""The set of all optima of one solved event, and what one can ask of it: ranges, uniqueness, the optimum one
prefers.

Linear objectives: whatever is optimal complements one dual solution, so that the optima are a polyhedron:
columns with a reduced cost stay at their bound, rows with a multiplier stay tight. Curved ones are constant
in what they curve (the loss, the leverages), which leaves a polyhedron too. Any other convex objective:
allocations within WITHIN of the optimum, by conic programs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import TINY, Array, Index
from adl_opt.certificates.conic_dual import given_bounds
from adl_opt.constraints.constrained import constrained
from adl_opt.data.event import Event
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law, scenario_count
from adl_opt.methods.conic.highs_models import highs_model, run_highs, solve_exactly
from adl_opt.methods.conic.preferred import preferred
from adl_opt.methods.conic.program import Program, clearing_rows
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.progress import counted
from adl_opt.threads import SHARED, shared

WITHIN = 1e-8  # of the optimum: how far above it allocations count as optimal if these are no polyhedron
_ZERO = 1e-9  # multipliers of a program whose objective is 1 below which they count as none
TELLABLE = 1e-8  # of a position: where less can move at most, programs do not tell optima apart
_SNAP = 1e-9  # fractions this close to 0 or 1, or to one another, are the solver's rounding


@dataclass(frozen=True)
class Face:
    """Optimal fractions closed: the columns `at` of x, with low <= x <= high, equality rows first, then rows
    <= right (all of a program in x).

    how: in words; within: multipliers below this fraction of the optimum count as none, so that what weighs
    less (dust accounts, scenarios of next to no probability) is not told apart. curved: something is held
    constant only within that tolerance.
    """

    event: Event
    at: Index
    low: Array
    high: Array
    rows: Any
    right: Array
    equal: int
    how: str
    within: float = 0.0
    curved: bool = False

    def extremes(self, costs: Any) -> tuple[Array, Array]:
        """Least and largest value over the face of each row of `costs` (K, free legs).

        Raises SolveError if HiGHS fails.
        """
        solver, columns = self.solver(), self.at.astype(np.int32)

        def least(cost: Array) -> float:
            solver.changeColsCost(len(columns), columns, cost)
            run_highs(solver)
            return solver.getInfo().objective_function_value

        return _ends_of_each(costs, least)

    def ranges(self) -> tuple[Array, Array]:
        """Least and most fraction closed of each free leg over the face, (free legs,)."""
        least, most = self.extremes(sp.eye_array(len(self.at), format="csr"))
        return np.clip(np.where(least <= _SNAP, 0.0, least), 0.0, 1.0), np.clip(
            np.where(most >= 1 - _SNAP, 1.0, most), 0.0, 1.0
        )

    def unique(self) -> bool | None:
        """Whether the face is one allocation: two random linear functions are constant on it.

        None where accuracy does not tell.
        """
        room = self.room
        if room < TELLABLE:
            return None
        notional = np.abs(self.event.notional[self.event.free])
        plain = self._random_costs()
        # Where a tolerance decides, dust accounts may have any freedom in it: then only what weighs by
        # notional counts as freedom.
        least, most = self.extremes(np.array([*plain, plain[0] * notional / notional.max()]))
        width, heavy = (most - least)[:2].max(), (most - least)[2]
        if width <= min(1e-7, 1e-2 * room):
            return True
        return False if (heavy if self.curved else width) > (1e-2 if self.curved else 1e-6) else None

    @property
    def room(self) -> float:
        """What can move at most, as a fraction of the largest position of its asset; of the asset where it is
        least.
        """
        event = self.event
        k = event.free_assets
        room = np.minimum(event.required[k], event.capacities[k] - event.required[k])
        return float(min(r / event.size[event.free_legs[j]].max() for j, r in zip(k, room)))

    def ends(self) -> list[Array]:
        """Allocations of the face, fractions (free legs,), that are far apart where it is more than one."""
        solver, columns, found = self.solver(), self.at.astype(np.int32), []
        for cost in self._random_costs():
            for sign in (1.0, -1.0):
                solver.changeColsCost(len(columns), columns, sign * cost)
                run_highs(solver)
                found.append(np.array(solver.getSolution().col_value, float)[self.at])
        return found

    def _random_costs(self) -> Array:
        return np.random.default_rng(0).normal(size=(2, len(self.at)))

    @shared
    def best(self, kind: str, time_limit: float | None = None) -> Array:
        """The fractions closed (free legs,) of the optimum that one prefers.

        Raises SolveError if no solver finds one.
        """
        x, equal = cp.Variable(len(self.low), bounds=[self.low, self.high]), self.equal
        face = [self.rows[:equal] @ x == self.right[:equal], self.rows[equal:] @ x <= self.right[equal:]]
        return preferred(kind, self.event, x[self.at], face, time_limit)

    def solver(self) -> Any:
        """HiGHS, holding the program without an objective."""
        return highs_model(self.low, self.high, self.rows, self.right, self.equal)


@dataclass(frozen=True)
class LevelSet(Face):
    """Allocations whose objective is at most `most` (1: `scale`): constraints of the compiled program, which
    others use too.
    """

    program: Any = None
    scale: float = 1.0
    most: float = 1.0

    def extremes(self, costs: Any) -> tuple[Array, Array]:
        with self.program.lock, SHARED:
            self.program.set(self.event, self.scale)
            return self._extremes(costs)

    def _extremes(self, costs: Any) -> tuple[Array, Array]:
        fraction, whole = self.program.fraction, self.program.problem
        cost = cp.Parameter(fraction.size)
        problem = cp.Problem(
            cp.Minimize(cost @ fraction), [*whole.constraints, whole.objective.args[0] <= self.most]
        )

        def least(values: Array) -> float:
            cost.value = values
            solve_exactly(problem, "CLARABEL", None)
            return float(problem.value)

        return _ends_of_each(costs, least)

    def unique(self) -> bool | None:
        return None  # a set within a tolerance of the optimum always has some width

    def best(self, kind: str, time_limit: float | None = None) -> Array:
        raise SolveError(
            "prefer= chooses among the optima of linear programs, of our risk measures and of leverage "
            "powers; the optima of this objective are no polyhedron"
        )


def _ends_of_each(costs: Any, least: Callable[[Array], float]) -> tuple[Array, Array]:
    """(least, largest) value of each row of `costs` (K, free legs), given the least value of a cost."""
    table: Any = sp.csr_array(costs)
    rows = (table[[k]].toarray().ravel() for k in range(table.shape[0]))
    with counted(range(table.shape[0]), "two programs a position") as numbers:
        ends = np.array([(least(row), -least(-row)) for _, row in zip(numbers, rows)])
    return ends[:, 0], ends[:, 1]


def optimal_face(
    objective: Objective,
    event: Event,
    law: Law | None,
    amount: Array,
    program: Program,
    scale: float,
    exact: bool = False,
) -> Face:
    """All optima of an event, given one of them, `amount` (legs,), and the compiled program; scale > 0: what
    counts as 1 of the objective; exact: the amount comes of a formula, not of a solver.

    Raises SolveError if a solver fails.
    """
    if not event.free.any():
        raise SolveError("every leg is fixed by the requirement: there is one allocation")
    if program.linear:
        with program.lock, SHARED:
            program.set(event, scale)
            solver = "CLARABEL" if program.brings_variables else "HIGHS"
            return _complementary(
                event, program.problem, solver, program.fraction, "linear programs over the optimal face"
            )
    if constrained(objective) is not None:
        raise SolveError(
            "the other optima under constraints are told where the objective and they are linear, not here"
        )
    room = 1e-13 if exact else 1e-9
    with SHARED:
        curved = _constant(objective, event, law, amount, room)
        if curved is not None:
            face = _complementary(
                event,
                curved[0],
                "HIGHS",
                curved[1],
                "linear programs where what the objective curves is constant",
            )
            return replace(face, within=max(room, _ZERO), curved=not exact)
    nothing, most = np.zeros(0), evaluate(objective, SymbolsAt(event, law, amount)) / scale + WITHIN
    return LevelSet(
        event, np.arange(program.fraction.size), nothing, nothing, sp.csr_array((0, 0)), nothing, 0,
        f"conic programs over allocations within {WITHIN:.0e} of the optimum", WITHIN, False, program, scale,
        most,
    )  # fmt: skip


def _constant(
    objective: Objective, event: Event, law: Law | None, amount: Array, room: float
) -> tuple[cp.Problem, Any] | None:
    """A linear program whose optima are those of a curved objective: what it curves is held where it is,
    linear terms are minimised.
    """
    book, m, unit = event.book, SymbolsAt(event, law, amount), float(event.natural_scale.mean())
    fraction = cp.Variable(int(event.free.sum()), bounds=[0, 1], name="fraction")
    symbols = ConicSymbols(Table(event, law, unit), fraction, plain=False)
    held: list[Any] = []
    total: Any = cp.Constant(0.0)
    parts = [(w, part) for w, part in objective.weighted_parts() if w > 0]
    # Beside another term a measure may change by a constant that the other makes good; beside fixed leverages
    # it cannot.
    alone = sum(not part.fixes_leverage() for _, part in parts) == 1
    for j, (weight, part) in enumerate(parts):
        if part.fixes_leverage():
            moving = np.flatnonzero(book.per_account(event.free.astype(float)) > 0)
            before = np.maximum(m.leverage_before[moving], TINY)
            ratio, now = cp.multiply(1 / before, symbols.leverage[moving]), m.leverage[moving] / before
            held += [ratio <= now + 1e-9, ratio >= now - 1e-9]
        elif alone and (limit := _ceiling(part, m)) is not None:
            bound = np.flatnonzero(np.isfinite(limit))
            most = limit[bound] + room * max(float(m.loss.max()), 1e-9 * unit)
            held.append(symbols.part(j).loss[bound] <= most / unit)
        else:
            expression = part.express(symbols.part(j))
            if not (isinstance(expression, cp.Expression) and expression.is_pwl()):
                return None
            total = total + weight * unit**part.money * expression
    if not all(argument.is_pwl() for row in symbols.constraints for argument in row.args):
        return None  # curved within the worst over laws
    scale = max(abs(float(objective.value(m))), 1e-200)
    matrix, assets = clearing_rows(event)
    clearing = matrix @ fraction == event.required[assets] / event.capacities[assets]
    return cp.Problem(cp.Minimize(total / scale), [clearing, *symbols.constraints, *held]), fraction


def _ceiling(part: Objective, m: SymbolsAt) -> Array | None:
    return part.loss_ceiling(m.loss, m.probability) if scenario_count(m.law) else None


def _complementary(event: Event, problem: cp.Problem, solver: str, fraction: Any, how: str) -> Face:
    """The optimal face of a linear program: solved once, then everything that complements its dual
    solution.
    """
    data, _, inverse = problem.get_problem_data(solver)
    at = _columns(data, inverse, fraction)
    A, b, c = sp.csr_array(data["A"]), np.asarray(data["b"], float), np.asarray(data["c"], float)
    dims, n = data["dims"], len(c)
    low, high = given_bounds(data)
    highs = Face(event, at, low, high, A, b, dims.zero, how).solver()
    highs.changeColsCost(n, np.arange(n, dtype=np.int32), c)
    run_highs(highs)
    solution = highs.getSolution()
    z = -np.array(solution.row_dual, float)
    reduced = c + A.T @ z
    high = np.where(reduced > _ZERO, low, high)
    low = np.where(reduced < -_ZERO, high, low)
    tight = np.arange(len(b)) < dims.zero
    tight |= z > _ZERO
    order = np.concatenate([np.flatnonzero(tight), np.flatnonzero(~tight)])
    return Face(event, at, low, high, A[order], b[order], int(tight.sum()), how, _ZERO)


def _columns(data: dict[str, Any], inverse: Any, fraction: Any) -> Index:
    """Where the fractions closed stand among the columns of a compiled program."""
    where = data[cp.settings.PARAM_PROB].var_id_to_col
    name = fraction.id
    for step in inverse:  # a reduction may have replaced the variable by one without bounds
        if isinstance(step, tuple) and step and isinstance(step[0], dict) and name in step[0]:
            name = step[0][name].id
    return np.arange(where[name], where[name] + fraction.size)
