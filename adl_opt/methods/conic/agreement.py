"""Whether an objective's two definitions agree, and its bounds with every value seen (§17)."""

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import rounding_at
from adl_opt.certificates.certificate import Certificate
from adl_opt.certificates.values_seen import downhill, key_of
from adl_opt.constraints.constrained import constrained
from adl_opt.data.event import Event
from adl_opt.errors import LawError, ObjectiveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import scenario_count
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.methods.conic.own_variables import DISAGREE
from adl_opt.objectives.base import Objective, evaluate, trusted

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Point

_AGREE = 1e-6  # relative difference between what the solver minimised and `value` that is an error
_MOST_CHECKED = 200_000  # accounts x scenarios up to which an objective is compiled only to be compared


def check(compiled: Compiled, event: Event, amount: Array) -> None:
    """Where a formula answers and nothing is compiled: a user's `express` must say at `amount` (legs,) what
    `value` says. Raises ObjectiveError.

    Left out for the library's own objectives, without an `express`, where the law is no set of scenarios,
    and above _MOST_CHECKED accounts x scenarios.
    """
    objective, law = compiled.objective, compiled.law
    cells = len(event.book.accounts) * scenario_count(law)
    if trusted(objective) or not expressed(objective) or cells > _MOST_CHECKED:
        return
    with contextlib.suppress(LawError):
        program, value = compiled.program(event), evaluate(objective, SymbolsAt(event, law, amount))
        fraction = event.fraction_from(amount)
        other = program.expressed(fraction)
        if (trial := compiled.trial(event)) is not None:
            trial.compare(fraction)
        if other is not None:
            scale = max(abs(value), abs(other), compiled.scales(event).reference)
            if abs(value - other) > _AGREE * scale:
                _disagree(compiled, event, value, other, "express says")


def expressed(objective: Objective) -> bool:
    """Whether every part has an `express`."""
    return all(type(part).express is not Objective.express for _, part in objective.weighted_parts())


def bound_counts(compiled: Compiled, event: Event, amount: Array, point: "Point") -> bool:
    """`value` at the solver's point against what `express` says there, or, if it brings variables, what the
    solver minimised.

    Raises ObjectiveError if they differ; False if only the solver's accuracy is in doubt, so that its bound
    must not count.
    """
    objective, program, scales = compiled.objective, compiled.program(event), compiled.scales(event)
    value, untouched = (
        evaluate(objective, SymbolsAt(event, compiled.law, at)) for at in (amount, np.zeros(len(event.size)))
    )
    noise = 1e-12 * abs(untouched) + 1e-14 * program.money
    other = program.expressed(point.fraction)
    if other is None:
        other, noise = point.objective, noise + 1e-8 * program.money
        scale, off = max(abs(value), scales.reference), abs(value - point.objective)
        if not point.accurate or trusted(objective) or off <= DISAGREE * scale + noise:
            trial = compiled.trial(event)
            return off <= _AGREE * scale + noise and not (trial is not None and trial.doubtful)
    else:
        larger, off = max(abs(value), abs(other)), abs(value - other)
        close = off <= _AGREE * max(larger, scales.told_apart) + noise
        if trusted(objective):  # the library's own differ by rounding only: then the bound does not count
            return close
        if close:  # where both are next to nothing, what a user's definitions differ by may be all there is
            return off <= _AGREE * larger + noise
    _disagree(compiled, event, value, other, "the solver minimised")


def _disagree(compiled: Compiled, event: Event, value: float, other: float, who: str) -> NoReturn:
    why = (
        "express and value disagree (in express an amount of money is divided by m.unit), or the "
        "objective is not convex (money and pure numbers in one class? Add two objectives)"
    )
    unit = compiled.program(event).symbols.unit
    if value * other > 0 and min(abs(np.log(value / other / u)) for u in (unit, 1 / unit)) < 1e-6:
        why = (
            "they differ by the unit of money: declare money = 1 if value is in quote currency, 0 if it is a "
            "pure number"
        )
    raise ObjectiveError(
        f"{compiled.objective}: {who} {other:.9g} but value gives {value:.9g} at that point; {why} (§17)"
    )


def doubted(compiled: Compiled, event: Event, amount: Array, certificate: Certificate) -> Certificate:
    """The certificate of amount (legs,), its bound held against every value seen and, for a user's objective,
    those downhill; it says what is believed. Raises ObjectiveError if the bound is above one of them.
    """
    objective, law, valued = compiled.objective, compiled.law, compiled.valued
    c, more = certificate, 0
    if c.status == "infeasible" or not event.free.any() or (law is None and objective.monotone):
        return c  # without a law another objective stands for a monotone one
    valued.note(event, c.value, "the answer")
    if constrained(objective) is None:  # under constraints the others need not be allocations of the problem
        valued.note(event, c.reference, "pro rata")
    if not trusted(objective) and c.bound is not None and constrained(objective) is None:
        more, lowest = downhill(objective, event, law, amount)
        valued.note(event, lowest, "an allocation downhill from the answer")
    places = (amount, event.pro_rata_amount)
    valued.refuse(objective, event, c, lambda: max(rounding_at(objective, event, law, at) for at in places))
    trial = compiled.trials.get(key_of(event))
    if trial is None or not trial.rows.own or "conic dual" not in c.proof:
        return c
    proof = c.proof.replace("conic dual", "conic dual of `express`", 1) + trial.words(1 + more)
    return replace(c, proof=proof)
