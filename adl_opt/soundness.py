"""What `verify` asks of every model beside its own claims: both definitions say one thing, gaps and prices are what they are called (§17).

Each check takes a Problem and returns the worst violation, a pure number, or None where there is nothing to ask. A problem on which the
check could not fail, because all it would look at is 0, is a violation itself.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import LawError, UncertifiedWarning
from .event import Event, cleared
from .examples import any_allocation
from .laws import Law
from .objectives import Objective, evaluate
from .outside import certify
from .problem import Problem
from .symbols import Symbols

if TYPE_CHECKING:
    from .conic import Program

Array = NDArray[np.float64]
SAMPLE = 64  # scenarios for the CVXPY side of a law that is none
_VISIBLE = 1e-3  # a gap that another allocation than the optimum must show
_STEP = 1e-4  # of a requirement, for difference quotients


def allocations(event: Event, seed: int = 0, count: int = 2) -> list[Array]:
    """Allocations (legs,) contracts to try a statement at: pro rata, `count` random ones, `count` queues in random order."""
    rng = np.random.default_rng(seed)
    found = [event.pro_rata_fraction * event.size]
    for _ in range(count):
        found += [any_allocation(event, rng), _queue(event, rng)]
    return [cleared(event, amount) for amount in found]


def _queue(event: Event, rng: np.random.Generator) -> Array:
    """A vertex of the set of allocations: asset by asset every leg is closed whole or not at all, but for one."""
    amount = event.fixed_fraction * event.size
    for k in event.free_assets:
        legs = rng.permutation(np.flatnonzero(event.free & (event.book.asset == k)))
        before = np.cumsum(event.size[legs]) - event.size[legs]
        amount[legs] = np.clip(event.required[k] - before, 0.0, event.size[legs])
    return amount


def express_against_value(problem: Problem) -> float | None:
    """The largest difference between `express`, minimised over its own variables, and `value`, relative, over `allocations` and the optimum.

    A law that is no set of scenarios is sampled, for both sides. Of a measure that cannot be minimised the one below it is asked, which must lie below.
    """
    event, above = problem.event, problem.objective
    objective = above.below() or above
    if not event.free.any() or type(objective).express is Objective.express:
        return None
    found = _program(objective, event, problem.law)
    if found is None:
        return None
    program, law = found
    tried = [*allocations(event), Problem(objective, event, law).solve().amount]
    values = [evaluate(objective, Symbols(event, law, amount)) for amount in tried]
    largest, worst = max(map(abs, values)), 0.0
    for amount, value in zip(tried, values):
        scale = max(abs(value), 1e-6 * largest) or 1.0
        worst = max(worst, abs(program.held(event, amount, scale) - value) / scale)
        if objective is not above:
            worst = max(worst, value / evaluate(above, Symbols(event, law, amount)) - 1)
    return worst if largest > 0 else 1.0


def _program(objective: Objective, event: Event, law: Law | None) -> "tuple[Program, Law | None] | None":
    """The compiled program and the law it is of; None where a law is needed and there is none."""
    from .conic import Program

    try:
        return Program(objective, event, law), law
    except LawError:
        if law is None:
            return None
        sampled = law.sample(SAMPLE, seed=1).align(event.book.assets)
        return Program(objective, event, sampled), sampled


def gaps_are_gaps(problem: Problem) -> float | None:
    """How far a reported gap is from (objective - bound) / objective, and a bound above a value: at `allocations`, of which one at least is far from optimal."""
    event, law = problem.event, problem.law
    if not event.free.any() or (law is None and problem.objective.monotone):
        return None
    table = event.book.to_frame()[["account", "asset"]]
    found = []
    for amount in allocations(event):
        closed = np.sign(event.book.position) * amount
        proof = certify(problem.objective, event, law, table.assign(closed=closed))
        if proof.gap is None or proof.bound is None:
            return 1.0
        found.append((evaluate(problem.objective, Symbols(event, law, amount)), proof))
    largest, least = max(abs(value) for value, _ in found), min(value for value, _ in found)
    worst = 0.0
    for value, proof in found:
        scale = max(abs(value), 1e-6 * largest) or 1.0
        gap = (value - proof.bound) / scale
        worst = max(worst, abs(proof.objective - value) / scale, (proof.bound - least) / max(abs(least), 1e-6 * largest))
        worst = max(worst, abs(gap - proof.gap) if gap > 0 else proof.gap, float(proof.certified != (proof.gap <= proof.tolerance)))
    return worst if max((value - least) / largest for value, _ in found) > _VISIBLE else 1.0


def prices_are_slopes(problem: Problem) -> float | None:
    """How far, relative, the shadow prices leave the two difference quotients of the least value in each requirement, between which convexity puts them."""
    event = problem.event
    if not event.free.any() or problem.objective.below() is not None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertifiedWarning)  # an open gap is another check's
        here = problem.solve()
        asked = [k for k in event.free_assets if not np.isnan(here.price[k])]
        worst = 0.0
        for k in asked:
            step = _STEP * min(event.required[k], event.capacities[k] - event.required[k])
            less, more = (_least(problem, int(k), change) for change in (-step, step))
            value = here.certificate.objective
            quotients, price = ((value - more) / step, (less - value) / step), here.price[k]
            scale = max(abs(price), *map(abs, quotients)) or 1.0
            worst = max(worst, (quotients[0] - price) / scale, (price - quotients[1]) / scale)
    return worst if asked else None


def _least(problem: Problem, k: int, change: float) -> float:
    """The least value with another requirement of asset number k."""
    event = problem.event
    asset, required = event.book.assets[k], {**event.short, **event.long}
    required[asset] += change
    short, long = ({name: required[name] for name in side} for side in (event.short, event.long))
    return problem.solve(short=short, long=long).certificate.objective
