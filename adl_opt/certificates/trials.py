"""What a user's class is believed for, tried: its minorant lies below its value, it is monotone, it is
the expected loss that it says to be (§17, THEORY 11.2).

Tests that can refute, not proofs: a certificate that rests on them says so. The test suite tries the
library's own.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from adl_opt.arrays import TINY, Array
from adl_opt.constraints.base import own, violation_of
from adl_opt.constraints.constrained import Constrained
from adl_opt.data.event import Event
from adl_opt.errors import ConstraintError, ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import LossSymbols, SymbolsAt
from adl_opt.evaluation.vertices import queue, random_queue
from adl_opt.laws.base import Scenarios
from adl_opt.objectives.base import Objective, evaluate, foreign_part, trusted
from adl_opt.objectives.risk_measure import TRIED, RiskMeasure

_QUEUES, _STEPS = 8, 32  # other allocations; steps on the way to each
_MOST_CELLS = 20_000_000  # accounts x scenarios that the losses of other allocations may cost
_ROUNDING = 1e-9  # relative: two values that differ by less are one
_LITTLE = 1e-12  # of the mean account: losses this small are one


def try_minorant(
    objective: Objective, event: Event, m: SymbolsAt, supports: Sequence[Minorant | None]
) -> int:
    """Hold the minorants that a user's objective states at `m` against its value at other allocations:
    random queues, pro rata, the lowest point of each minorant, and points on the way to each.

    Returns the number of allocations tried, 0 for objectives of the library. Raises ObjectiveError where a
    minorant lies above the value.
    """
    told = [one for one in supports if one is not None]
    if foreign_part(objective) is None or not told or not event.free.any():
        return 0
    rng, here = np.random.default_rng(3), evaluate(objective, m)
    away = [random_queue(event, rng) for _ in range(_QUEUES)] + [event.pro_rata_fraction[event.free]]
    away += [queue(event, -(one.low + one.high) / 2) for one in told]
    held = np.where(event.held > 0, event.held, 1.0)
    for fraction in away:
        there = event.amount_from()
        there[event.free] = fraction * event.size[event.free]
        for way in (1.0, 10 ** rng.uniform(-2, 0), 10 ** rng.uniform(-5, -2)):
            other = m.amount + way * (there - m.amount)
            value, step = evaluate(objective, SymbolsAt(event, m.law, other)), (other - m.amount) / held
            for one in told:
                change = np.maximum(one.low * step, one.high * step)  # it states this for every slope between
                stated = here - one.slack + change.sum()
                if stated > value + _ROUNDING * (abs(here) + abs(value) + np.abs(change).sum()):
                    raise ObjectiveError(
                        f"minorant of {objective} states {stated:.9g} as a bound for an allocation whose "
                        "value is "
                        f"{value:.9g}: minorant and value disagree; it must lie below the value of every "
                        "allocation (§17)"
                    )
    return 3 * len(away)


def try_constraints(limits: Constrained, event: Event, m: SymbolsAt, dual: Dual) -> None:
    """Hold the minorants that a user's constraints state at `m` against random allocations that hold them,
    where what they state cannot be above 0. Raises ConstraintError.
    """
    rng = np.random.default_rng(5)
    for constraint, rows in zip(limits.subject_to, dual.limits):
        below = constraint.minorant(m, rows) if own(constraint) and event.free.any() else None
        if below is None:
            continue
        for _ in range(_QUEUES):
            away = event.amount_from(random_queue(event, rng))
            for way in (1.0, 10 ** rng.uniform(-2, 0), 10 ** rng.uniform(-5, -2)):
                other = m.amount + way * (away - m.amount)
                if violation_of(constraint, SymbolsAt(event, m.law, other)) > 0:
                    continue
                step = (other - m.amount) / np.where(event.held > 0, event.held, 1.0)
                change = np.maximum(below.low * step, below.high * step)
                stated = change.sum() - below.slack
                if stated > _ROUNDING * max(np.abs(change).sum(), abs(below.slack), TINY):
                    raise ConstraintError(
                        f"minorant of {constraint} states {stated:.6g}, above 0, for one that holds "
                        "it: it must lie below the constraint times its multipliers everywhere"
                    )


def try_expected_loss(objective: Objective, m: SymbolsAt) -> None:
    """Raise ObjectiveError where a user's part states `expected_loss_weight` and has another value at `m`."""
    for _, part in objective.weighted_parts():
        if m.law is None or part.expected_loss_weight is None or trusted(part):
            continue
        value, stated = evaluate(part, m), part.expected_loss_weight * m.expected_loss
        least = part.expected_loss_weight * float(m.event.natural_scale.mean())
        if abs(value - stated) > _ROUNDING * max(abs(value), abs(stated)) + _LITTLE * least:
            raise ObjectiveError(
                f"{part} says that it is {part.expected_loss_weight:.6g} times the expected loss, "
                f"{stated:.9g} at this allocation, but its value is {value:.9g}: leave out "
                "expected_loss_weight (§17)"
            )


def believed(objective: Objective, tried: int = 0) -> str:
    """What is taken on trust from a user's classes, in words; nothing of the library's.

    tried: the number of allocations at which their minorants were tried; 0: no minorant is believed, but that
    the objectives are monotone.
    """
    parts = [part for weight, part in objective.weighted_parts() if weight > 0 and not trusted(part)]
    if not parts:
        return ""
    names = " and ".join(str(part) for part in parts)
    if not tried:
        return f"; that {names} is monotone was tried, not proved"
    dual = all(
        isinstance(part, RiskMeasure) and type(part).minorant is RiskMeasure.minorant for part in parts
    )
    at = f"{TRIED} losses and {tried} allocations" if dual else f"{tried} allocations"
    return f"; the {'dual' if dual else 'minorant'} of {names} was tried at {at}, not proved"


def other_losses(event: Event, law: Scenarios) -> Iterator[Array]:
    """The total losses (S,) of random queues, quote currency; fewer on large books."""
    rng, cells = np.random.default_rng(4), len(event.book.accounts) * len(law.probability)
    for _ in range(int(np.clip(_MOST_CELLS // max(cells, 1), 1, _QUEUES))):
        amount = event.amount_from()
        amount[event.free] = random_queue(event, rng) * event.size[event.free]
        yield SymbolsAt(event, law, amount).loss


def check_monotone(
    objective: Objective, loss: Array, probability: Array, others: Iterable[Array] = ()
) -> None:
    """Raise ObjectiveError if the objective looks at more than the loss, or a larger loss has a smaller value
    (§17).

    Tried scenario by scenario, on random sets of scenarios with steps of every size, and in random steps
    towards what other allocations lose beyond it. ExpectedLoss is known to be monotone.
    """
    if objective.expected_loss_weight is not None and trusted(objective):
        return
    rng, here = np.random.default_rng(0), evaluate(objective, LossSymbols(loss, probability))
    size = float(np.abs(loss).max(initial=0.0)) or 1.0
    bumps = [np.arange(len(loss)) == s for s in range(min(len(loss), 32))] + [
        rng.random(len(loss)) < 0.5 for _ in range(32)
    ]
    for bump in bumps:
        steps = [0.01, 1.0] if trusted(objective) else np.sort([0.01, 1.0, *10 ** rng.uniform(-4, 0, 2)])
        _climb(objective, here, loss, size * bump, steps, probability)
    if trusted(objective):
        return
    for other in others:
        steps = np.sort([*rng.random(_STEPS // 2), *10 ** rng.uniform(-4, 0, _STEPS // 2), 1.0])
        _climb(objective, here, loss, np.maximum(other - loss, 0.0), steps, probability)
        _climb(
            objective,
            -np.inf,
            np.minimum(loss, other),
            np.maximum(loss - other, 0.0),
            [0.0, *steps],
            probability,
        )


def _climb(
    objective: Objective, highest: float, loss: Array, more: Array, steps: Iterable[float], probability: Array
) -> None:
    """The value must not fall along loss + step x more, steps rising; highest: what it was before them."""
    size = max(float(loss.max(initial=0.0)), float(more.max(initial=0.0)))
    for step in steps:
        value = evaluate(objective, LossSymbols(loss + step * more, probability))
        if value < highest - _ROUNDING * size - 1e-6 * max(
            abs(value), abs(highest) if math.isfinite(highest) else 0.0
        ):
            raise ObjectiveError(
                f"{objective} says monotone = True, but its value falls from {highest:.9g} to {value:.9g} "
                "when the loss "
                f"grows in {int((more > 0).sum())} of {len(loss)} scenarios; Thm 1 does not apply (§17)"
            )
        highest = max(highest, value)
