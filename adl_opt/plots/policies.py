"""What policies make of leverages and losses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adl_opt.errors import AllocationError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.plots.allocation import BARS
from adl_opt.plots.canvas import COLOURS, legend, panels, prefixed, saved
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.explain import volatility_leverage


def policies(
    allocations: Mapping[str, Allocation], law: Law, path: str | Path | None = None, *, ax: Any = None
) -> Any:
    """Allocations of one event side by side: leverages and expected shortfall of each account.

    - `allocations`: by name, at most 6, of a book of at most 40 accounts; what they leave stands beside what
      was there before
    - `law`: how prices may move
    - `path`: where the picture is saved, if given; `ax`: three axes to draw in, of a figure of your own

    Three panels: gross leverage and volatility leverage (the standard deviation of an account's profit and
    loss over its equity), x of equity, and expected shortfall under `law`, quote currency. Returns a
    matplotlib Figure. Raises AllocationError for too many of either.

    >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    >>> allocations = {"pro rata": adl.pro_rata(event), "level": adl.gross_water_filling(event)}
    >>> len(adl.plots.policies(allocations, law).axes)
    3
    """
    _check(allocations, law)
    event = next(iter(allocations.values())).event
    accounts = event.book.accounts
    aligned = law.for_book(event.book)
    amounts = {"before": np.zeros(len(event.size))} | {name: one.amount for name, one in allocations.items()}
    figure, (three,) = panels(ax, 1, 3, 9.6, 3.4)
    place, width = np.arange(len(accounts)), 0.8 / len(amounts)
    for number, (name, amount) in enumerate(amounts.items()):
        m = SymbolsAt(event, aligned, amount)
        volatility = volatility_leverage(m)
        volatility = np.full(len(accounts), np.nan) if volatility is None else volatility
        rows = (m.leverage, volatility, m.expected_shortfall)
        for axes, row in zip(three, rows):
            axes.bar(
                place + (number - (len(amounts) - 1) / 2) * width,
                row,
                width=0.92 * width,
                color=COLOURS[number],
                label=name,
            )
    titles = (
        "gross leverage (x of equity)",
        "volatility leverage (x of equity)",
        "expected shortfall (quote currency)",
    )
    for axes, title in zip(three, titles):
        axes.set_title(title, fontsize=10)
        axes.set_xticks(
            place, [str(name)[:12] for name in accounts], rotation=0 if len(accounts) <= 6 else 90
        )
        axes.spines[["top", "right"]].set_visible(False)
    prefixed(three[2].yaxis)
    legend(figure, three[0], ax, len(amounts))
    return saved(figure, path)


def _check(allocations: Any, law: Any) -> None:
    if not isinstance(allocations, Mapping) or not all(
        isinstance(one, Allocation) for one in allocations.values()
    ):
        raise AllocationError(
            'policies draws a dict of allocations by name, such as {"pro rata": adl.pro_rata(event)}'
        )
    if not isinstance(law, Law):
        raise AllocationError(f"policies needs a law of price moves, not {type(law).__name__}")
    if not 1 <= len(allocations) <= len(COLOURS) - 1:
        raise AllocationError(
            f"{len(allocations)} allocations do not fit into one picture: give from 1 to {len(COLOURS) - 1}"
        )
    event = next(iter(allocations.values())).event
    accounts = event.book.accounts
    if any(
        len(one.amount) != len(event.size) or not np.array_equal(one.event.book.accounts, accounts)
        for one in allocations.values()
    ):
        raise AllocationError("the allocations belong to different books; draw those of one event together")
    if len(accounts) > BARS:
        raise AllocationError(
            f"{len(accounts):,} accounts do not fit into one picture of bars (at most {BARS})"
        )
