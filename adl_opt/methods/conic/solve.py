"""The conic method: solved in units that suit the event, proved, refined where cones are hard on solvers
(§10, §11, §17).
"""

import contextlib
from dataclasses import replace

import numpy as np

from adl_opt.certificates.assess import TIGHT, assess
from adl_opt.certificates.certificate import Evidence
from adl_opt.constraints.base import own
from adl_opt.constraints.constrained import Constrained, constrained
from adl_opt.data.event import cleared
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt, scenarios_of
from adl_opt.laws.base import scenario_count
from adl_opt.methods import separable
from adl_opt.methods.base import Found, Method, Request, best_of
from adl_opt.methods.conic.agreement import bound_counts
from adl_opt.methods.conic.attempts import CONIC, amount_at, assessed, at_ends, at_pro_rata, first_answer
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.methods.conic.refinement import refined
from adl_opt.methods.conic.smooth_laws import by_cuts, by_newton, must_have_optimum
from adl_opt.methods.piecewise_linear import polish
from adl_opt.objectives.base import trusted
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.parts import told_weights
from adl_opt.objectives.worst_case import WorstCase

_SMALL_LOSS = 1e-4  # of the mean account: divided by less, a program is hard
_MOST_TRIED = 2_000  # legs up to which a user's constraint is tried at the optimum without it
_NEARLY = 1e-4  # a violation, by a user's own word, that no solver's rounding explains


class ConicMethod(Method):
    """One conic program in CVXPY, or several where a law has no scenarios."""

    name = CONIC
    takes_solver = True

    def refuses(self, request: Request) -> str | None:
        return None

    def solve(self, request: Request) -> Found:
        """Raises SolveError if no solver returns a point, InfeasibleError if no allocation holds the
        constraints, ObjectiveError as in §17.
        """
        limits = constrained(request.objective)
        if limits is None:
            return _solve(request)
        return _under_constraints(request, limits)


def _under_constraints(request: Request, limits: Constrained) -> Found:
    from adl_opt.methods.conic.limits import check_agreement, check_answer, check_bound

    event, law, compiled = request.event, request.law, request.compiled
    users = any(own(constraint) for constraint in limits.subject_to)
    if users:
        check_agreement(compiled.of_limits(event, limits).limits_at, limits, event, law)
    try:
        found = _solve(request)
    except SolveError:
        compiled.possible(event, limits)  # says so if that is why
        raise
    check_answer(limits, event, law, found.amount, _NEARLY)
    found = _sharpened(request, limits, found)
    if users and event.free.sum() <= _MOST_TRIED:
        with contextlib.suppress(SolveError):
            free = _solve(replace(request, compiled=compiled.beside(limits.inner)))
            check_bound(limits, event, law, found, free.amount)
    return found


def _solve(request: Request) -> Found:
    return by_cuts(request) or by_newton(request) or _by_scenarios(request)


def _sharpened(request: Request, limits: Constrained, found: Found) -> Found:
    """What is found, proved by the best multipliers there are, where those of the solver leave a gap."""
    if found.gap <= TIGHT or found.certificate.status == "infeasible":
        return found
    from adl_opt.methods.conic.multipliers import best_multipliers

    known = told_weights(limits, found.proof.law_weights)
    m = SymbolsAt(request.event, request.law, found.amount)
    multipliers = best_multipliers(limits, m, known, found.proof.limits)
    if multipliers is None:
        return found
    evidence = Evidence(replace(known, limits=multipliers))
    proof = assess(limits, request.event, request.law, found.amount, evidence, request.tolerance)
    return min(found, found._replace(proof=proof), key=lambda each: each.gap)


def _by_scenarios(request: Request) -> Found:
    """Solve, prove, refine."""
    found = _solved(request)
    found += _second_tries(request, found[0])
    found.append(refined(request, best_of(found)))
    best, c = found[-1], found[-1].certificate
    if not c.certified and c.value > c.reference:  # a solver that loses to pro rata
        best = best_of([*found, at_pro_rata(request)])
    return best


def _solved(request: Request) -> list[Found]:
    """The program's optimum, proved; where no solver masters it, optima of easier programs, or pro rata."""
    event, solver, compiled = request.event, request.solver, request.compiled
    program, reference = compiled.program(event), compiled.scales(event).reference
    compiled.trial(event)
    # Next to nothing may be lost at pro rata: divided by it, the program is hard; then in larger units.
    larger = max(reference, _SMALL_LOSS * program.money)
    tries = [(reference, solver, 1e-9), (larger, solver, 1e-9)]
    if solver is None:
        others = [name for name in program.solvers if name != program.solver]
        tries += [(larger, name, 1e-9) for name in others or ["CLARABEL"]]
    try:
        return [first_answer(lambda *how: _proved(request, *how), tries)]
    except SolveError:
        if solver is None and trusted(request.objective) and _easier_programs_help(request):
            return _optima_of_easier(request)
        if not must_have_optimum(request):
            raise
        return [at_pro_rata(request)]


def _second_tries(request: Request, first: Found) -> list[Found]:
    """Where the gap is open, perhaps because the loss is tiny: once more, scaled by the value found (§11);
    then what is best for easier programs.
    """
    found, value = [first], abs(first.certificate.value)
    if not first.certificate.certified and value != 0:
        with contextlib.suppress(SolveError):
            found.append(_proved(request, value, request.solver, 1e-10))
    program = request.compiled.program(request.event)
    if not best_of(found).certificate.certified and request.solver is None and len(program.solvers) > 1:
        other = next(name for name in program.solvers if name != program.solver)
        with contextlib.suppress(SolveError):
            unit = request.compiled.scales(request.event).reference
            found.append(_proved(request, unit, other, 1e-9))
    if not best_of(found).certificate.certified and _easier_programs_help(request):
        with contextlib.suppress(SolveError):
            found += _optima_of_easier(request)
    return found[1:]


def _easier_programs_help(request: Request) -> bool:
    """Whether linear programs lead near the optimum: where next to nothing need be lost, the least expected
    loss is as good for every monotone measure.
    """
    return request.objective.monotone and request.objective.expected_loss_weight is None


def _optima_of_easier(request: Request) -> list[Found]:
    """Where linear programs go, assessed by this objective: the least expected loss, the least worst case."""
    found = []
    for easy in (ExpectedLoss(), WorstCase()):
        if type(easy) is not type(request.objective):  # not itself, for ever
            compiled = Compiled(easy, request.law)
            optimum = ConicMethod().solve(replace(request, compiled=compiled, solver=None))
            found.append(assessed(request, optimum.amount))
    return found


def _proved(request: Request, unit: float, solver: str | None, accuracy: float) -> Found:
    """The program's optimum, `unit` of the objective counting as 1, polished and proved."""
    event, law, compiled = request.event, request.law, request.compiled
    point = compiled.program(event).solve(event, unit, solver, accuracy, request.time_limit)
    amount = amount_at(event, point)
    bound = point.bound if bound_counts(compiled, event, amount, point) else None
    amount = cleared(event, amount)
    cells = len(event.book.accounts) * scenario_count(law)
    if request.objective.expected_loss_weight is not None and 0 < cells <= separable.MOST_CELLS:
        amount = polish(event, scenarios_of(law), amount)
    found = at_ends(request, amount, Evidence(point.dual, bound, point.assumed, point.price))
    price = np.where(np.isnan(found.proof.price), point.price, found.proof.price)
    return found._replace(proof=replace(found.proof, price=price))
