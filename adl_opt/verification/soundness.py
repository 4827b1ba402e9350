"""What `verify` asks of every model beside its own claims: both definitions say one thing, gaps and prices
are what they are called (§17).

Each check takes a Problem and returns the worst violation, a pure number, or None where there is nothing to
ask. A problem on which the check could not fail, because all it would look at is 0, is a violation itself.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.base import Constraint
from adl_opt.data.event import Event, cleared
from adl_opt.errors import LawError, UncertifiedWarning
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.examples.events import any_allocation, closings, queue
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.certify import certify
from adl_opt.problem.problem import Problem

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Program

# Scenarios for the CVXPY side of a law that is none: the first count under which pro rata loses.
_SAMPLES = 64, 256, 1024, 4096
_VISIBLE = 1e-3  # a gap that another allocation than the optimum must show
_STEP = 1e-4  # of a requirement, for difference quotients


def allocations(event: Event, seed: int = 0, count: int = 2) -> list[Array]:
    """Allocations (legs,) contracts to try a statement at: pro rata, `count` random ones, `count` queues in
    random order.
    """
    rng = np.random.default_rng(seed)
    found = [event.pro_rata_amount]
    for _ in range(count):
        found += [any_allocation(event, rng), queue(event, rng.permutation(len(event.size)))]
    return [cleared(event, amount) for amount in found]


def express_against_value(problem: Problem) -> float | None:
    """The largest difference between `express`, minimised over its own variables, and `value`, relative, over
    `allocations` and the optimum.

    A law that is no set of scenarios is sampled, for both sides. Of a measure that cannot be minimised the
    one below it is asked, which must lie below.
    """
    event, above = problem.event, problem.objective
    objective = above.lower_bound_objective() or above
    if not event.free.any() or type(objective).express is Objective.express:
        return None
    found = _program(objective, event, problem.law)
    if found is None:
        return None
    program, law = found
    tried = [*allocations(event), Problem(objective, event, law).solve().amount]
    worst = disagreement(program, law, event, tried)
    if objective is not above:
        below, value = (
            [evaluate(one, SymbolsAt(event, law, amount)) for amount in tried] for one in (objective, above)
        )
        worst = max(worst, float((np.divide(below, value) - 1).max()))
    return worst


def disagreement(program: "Program", law: Law | None, event: Event, tried: list[Array]) -> float:
    """The largest relative difference between what a compiled program says of allocations (legs,) and
    `value`; 1 if the value of the first, pro rata, is 0.
    """
    values = [evaluate(program.objective, SymbolsAt(event, law, amount)) for amount in tried]
    largest, worst = max(map(abs, values)), 0.0 if values[0] else 1.0
    for amount, value in zip(tried, values):
        scale = max(abs(value), 1e-6 * largest) or 1.0
        worst = max(worst, abs(program.held(event, amount, scale) - value) / scale)
    return worst


def _program(objective: Objective, event: Event, law: Law | None) -> "tuple[Program, Law | None] | None":
    """The compiled program and the law it is of; None where a law is needed and there is none."""
    from adl_opt.methods.conic.program import Program

    try:
        return Program(objective, event, law), law
    except LawError:
        if law is None:
            return None
    pro_rata = event.pro_rata_fraction * event.size
    for count in _SAMPLES:
        sampled = law.sample(count, seed=1).align(event.book.assets)
        if evaluate(objective, SymbolsAt(event, sampled, pro_rata)) > 0:
            break
    return Program(objective, event, sampled), sampled


def gaps_are_gaps(problem: Problem) -> float | None:
    """How far a reported gap is from (objective - bound) / objective, or a bound from the least value: at
    `allocations`, of which one must be far from optimal, and the optimum.

    Of a measure that cannot be minimised the one below it is asked too; its least value is the bound.
    """
    event, law, above = problem.event, problem.law, problem.objective
    if not event.free.any() or (law is None and above.monotone):
        return None
    lower, limits = above.lower_bound_objective() or above, problem.subject_to
    best = Problem(lower, event, law, subject_to=limits).solve()
    return max(_gaps(objective, event, law, best, limits) for objective in {lower, above})


def _gaps(
    objective: Objective, event: Event, law: Law | None, best: Allocation, limits: Sequence[Constraint]
) -> float:
    proofs = [best.certificate] * (best.objective is objective)
    for amount in _that_hold(allocations(event), limits, event, law):
        proofs.append(certify(objective, event, law, closings(event, amount), subject_to=limits))
    if any(proof.gap is None or proof.bound is None for proof in proofs):
        return 1.0
    value, bound, said = np.array([(proof.value, proof.bound, proof.gap) for proof in proofs]).T
    largest, least = np.abs(value).max(), best.certificate.value
    if largest == 0 or (value.max() - value.min()) / largest <= _VISIBLE:
        return 1.0
    scale = np.maximum(np.abs(value), 1e-6 * largest)
    wrong = np.abs(np.maximum(value - bound, 0.0) / scale - said)
    slack = np.maximum(
        (least - bound) / scale - [proof.tolerance for proof in proofs], (bound - least) / scale
    )
    called = [float(proof.certified != (gap <= proof.tolerance)) for proof, gap in zip(proofs, said)]
    return float(max(wrong.max(), slack.max(), *called))


class _Cost(Objective):
    """A random linear function of the fractions closed: its optima are vertices of what the constraints
    leave.
    """

    money = 0

    def __init__(self, cost: Array) -> None:
        self._cost = cost

    def express(self, m: ProgramSymbols) -> Any:
        return self._cost @ m.fraction

    def value(self, m: SymbolsAt) -> float:
        return float(self._cost @ m.fraction)


def _that_hold(
    tried: list[Array], limits: Sequence[Constraint], event: Event, law: Law | None
) -> list[Array]:
    """The allocations tried; under constraints others, (legs,) contracts, that hold them."""
    if not limits:
        return tried
    rng = np.random.default_rng(0)
    costs = [_Cost(1 + rng.random(len(event.size))) for _ in tried]
    return [Problem(cost, event, law, subject_to=limits).solve().amount for cost in costs]


def prices_are_slopes(problem: Problem) -> float | None:
    """How far, relative, the shadow prices leave the two difference quotients of the least value in each
    requirement, between which convexity puts them.
    """
    event = problem.event
    if not event.free.any() or problem.objective.lower_bound_objective() is not None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertifiedWarning)  # an open gap is another check's
        here = problem.solve()
        asked = [k for k in event.free_assets if not np.isnan(here.shadow_price_by_asset[k])]
        worst = 0.0
        for k in asked:
            step = _STEP * min(event.required[k], event.capacities[k] - event.required[k])
            less, more = (_least(problem, int(k), change) for change in (-step, step))
            value = here.certificate.value
            quotients, price = ((value - more) / step, (less - value) / step), here.shadow_price_by_asset[k]
            scale = max(abs(price), *map(abs, quotients)) or 1.0
            worst = max(worst, (quotients[0] - price) / scale, (price - quotients[1]) / scale)
    return float(worst) if asked else None


def _least(problem: Problem, k: int, change: float) -> float:
    """The least value with another requirement of asset number k."""
    event = problem.event
    asset, required = event.book.assets[k], {**event.short, **event.long}
    required[asset] += change
    short, long = ({name: required[name] for name in side} for side in (event.short, event.long))
    return problem.solve(short=short, long=long).certificate.value
