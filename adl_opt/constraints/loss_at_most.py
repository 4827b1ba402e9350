"""A limit on a measure of the loss, or on any other objective."""

from __future__ import annotations

from typing import Any

from adl_opt.constraints.measured import MeasuredConstraint, unit_of_program
from adl_opt.data.event import Event
from adl_opt.errors import ConstraintError
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.hooks import check_hooks, is_number
from adl_opt.text import rounded_up


class LossAtMost(MeasuredConstraint):
    """A risk measure of the total loss, or another objective, is at most an amount.

    `risk`: an Objective, such as adl.CVaR(0.99), valued under the problem's law; `amount`: in its unit, quote
    currency for losses. Raises ConstraintError for what is no objective or no number.

    Source: THEORY 11.3.

    >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(8)
    >>> limit = adl.LossAtMost(adl.CVaR(0.99), 190_000)
    >>> allocation = adl.Problem(adl.LeverageSquare(), event, law, subject_to=[limit]).solve()
    >>> allocation.certificate.status, allocation.constraint_prices.round(2).tolist()
    ('certified', [19.19])
    """

    def __init__(self, risk: Objective, amount: Any) -> None:
        if not isinstance(risk, Objective):
            raise ConstraintError(
                f"LossAtMost takes an objective first, such as adl.CVaR(0.99), not {str(risk)[:40]!r}"
            )
        check_hooks(risk)
        if not is_number(amount):
            raise ConstraintError(f"LossAtMost({risk}, {amount!r}): the amount is a number, in its unit")
        self.risk, self.amount = risk, float(amount)

    def measured(self, event: Event, law: Law | None) -> list[tuple[Objective, float, str]]:
        return [(self.risk, self.amount, "")]

    def relaxed(self, share: float, event: Event) -> LossAtMost:
        scale = abs(self.amount) or unit_of_program(self.risk, event)
        more = self.amount + share * scale
        return LossAtMost(self.risk, rounded_up(more) if more > 0 else more)

    def __str__(self) -> str:
        return f"LossAtMost({self.risk}, {self.amount:,g})"
