"""What a notebook shows of a problem, the sentence in mathematics, and of its answer: who pays, at which
prices, and what is proved.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adl_opt import html
from adl_opt.data.event import Event
from adl_opt.evaluation.counting import reduced
from adl_opt.objectives.base import Objective
from adl_opt.objectives.words import symbols, unit_of, where
from adl_opt.text import NOISE, counted, figure, one_line

_ASSETS = 5  # whose clearing is written out


def problem_panel(objective: Objective, event: Event, law: Any, subject_to: Sequence[str] = ()) -> str:
    """minimise ... over ... subject to ... under ..., with the numbers of this problem."""
    name, value = str(objective), symbols(objective)
    closable = f"{counted(event.closable.sum(), 'closable one')} of {len(event.closable):,} positions"
    limits = "".join(f"; {words}" for words in event.limits)
    facts = [
        (
            "minimise",
            f"{value}   ({unit_of(objective, event.book.currency)})" + (f"\n{name}" if value != name else ""),
        ),
        ("where", where(objective)),
        ("over", f"xⱼ, contracts closed of position j: {closable}"),
        ("subject to", "\n".join(_clearing(event))),
        ("", f"0 ≤ xⱼ ≤ {'cap · ' if event.capped else ''}|positionⱼ|{limits}"),
        *(("", limit) for limit in subject_to),
        ("under", "no law: the moves of prices are left open" if law is None else one_line(law)),
        ("book", one_line(event.book)),
    ]
    return html.panel(f"Problem: {name}", html.facts(facts))


def _clearing(event: Event) -> list[str]:
    number = np.flatnonzero(event.side)
    side = {-1: "shorts", 1: "longs"}
    lines = [
        f"Σⱼ xⱼ = {figure(event.required[k])} contracts over the {side[int(event.side[k])]} "
        f"of {event.book.assets[k]}, which have {figure(event.capacities[k])}"
        for k in number[:_ASSETS]
    ]
    more = len(number) - _ASSETS
    return [*lines, f"and {counted(more, 'more requirement')}"] if more > 0 else lines


def allocation_panel(allocation: Any, *more: tuple[str, str]) -> str:
    """The largest closings, shadow prices, and the certificate."""
    c, event = allocation.certificate, allocation.event
    closing = np.flatnonzero(reduced(event, allocation.amount))
    notional = allocation.amount * event.book.price[event.book.asset]
    largest = closing[np.argsort(-notional[closing], kind="stable")]
    who = allocation.to_frame().iloc[largest[: html.SHOWN]]
    facts = [("terms", _terms(allocation)), *more, *c.facts()]
    return html.panel(
        f"Allocation: {c.status}, by {allocation.method}",
        html.line(f"{counted(len(largest), 'position')} of {event.closable.sum():,} closable ones reduced"),
        who.reset_index(drop=True).to_panel(),
        html.line(html.shown(len(largest), "positions, largest notional closed first")),
        _prices(allocation),
        html.facts(facts),
    )


def _terms(allocation: Any) -> str:
    parts = allocation.parts if len(allocation.parts) > 1 else {}
    return "; ".join(f"{name}: {figure(value)}" for name, value in parts.items())


def _prices(allocation: Any) -> str:
    event, price = allocation.event, allocation.shadow_price_by_asset
    number = np.flatnonzero(event.side)
    k = number[: html.SHOWN]
    noise = NOISE * event.book.price[k]  # what closing saves, beside what a contract is worth
    told = [figure(x, 6, n) if np.isfinite(x) else "not determined" for x, n in zip(price[k], noise)]
    columns = [
        html.words("asset", [event.book.assets[j] for j in k]),
        html.Column("closed", "contracts", [figure(x) for x in event.required[k]]),
        html.Column("shadow price", f"{allocation.certificate.unit} per contract", told),
    ]
    return html.table(columns, html.shown(len(number), "assets"))
