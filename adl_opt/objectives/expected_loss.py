"""The expected loss: what the exchange expects to lose beyond its accounts' equity (THEORY 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Dual, Minorant, closed_form_slope, scenario_support
from adl_opt.evaluation.rounding import closed_form_rounding, scenario_rounding
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law, scenario_count
from adl_opt.objectives.base import Objective, Sum, trusted
from adl_opt.waterfill.optimal_ranges import affine_around


class ExpectedLoss(Objective):
    """What the exchange expects to lose beyond its accounts' equity (quote currency).

    The mean of `sum_i (loss_i - equity_i)_+`. Isolated margin: water-filling is optimal for every law. Cross
    margin: a linear program over scenarios, or without scenarios under a law that has a closed form for the
    event's accounts.

    Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963; Thm 1 and Thm 2, THEORY 4.

    >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    >>> allocation = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    >>> round(allocation.certificate.value, 2), allocation.certificate.unit, allocation.certificate.status
    (2194.89, 'quote currency', 'certified')
    """

    monotone = True
    expected_loss_weight = 1.0
    formula = "E L"

    def express(self, m: ProgramSymbols) -> Any:
        return m.expected_loss

    def value(self, m: SymbolsAt) -> float:
        return m.expected_loss

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant:
        if not scenario_count(m.law):
            slope = closed_form_slope(m)
            return Minorant(0.0, slope, slope)
        return scenario_support(m, m.probability, dual)

    def scenario_weights(self, m: SymbolsAt, dual: Dual) -> Array | None:
        return m.probability if scenario_count(m.law) else None

    def value_rounding(self, m: SymbolsAt) -> float:
        return scenario_rounding(m, m.probability) if scenario_count(m.law) else closed_form_rounding(m)

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level)


def is_expected_loss(part: Objective) -> bool:
    """Known to be it, not only believed: a bound rests on this."""
    return part.expected_loss_weight == 1.0 and trusted(part)


def with_expected_loss(objective: Objective, make: Callable[[], Objective]) -> Objective | None:
    """The objective with make() in place of its expected losses; None if it has none."""
    parts = objective.weighted_parts()
    if not any(is_expected_loss(part) for _, part in parts):
        return None
    other = make()
    return Sum(tuple((weight, other if is_expected_loss(part) else part) for weight, part in parts))
