"""Leverage before and after, and who closes how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.certificates.assess import departure
from adl_opt.evaluation.counting import NOTHING, accounts, reduced
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.plots.canvas import AFTER, BEFORE, FIXED, LEVEL, legend, panels, saved, title
from adl_opt.problem.allocation import Allocation
from adl_opt.waterfill.isolated import gross_levels

_ROUNDING = 1e-12  # a gap below it is shown as that
_LEVEL = 1e-9  # relative: leverages this close to the water level are on it
LABELLED, BARS = 12, 40  # accounts up to which bars are labelled, and up to which each has its own


def allocation(allocation: Allocation, path: str | Path | None = None, *, ax: Any = None) -> Any:
    """Gross leverage of each account before and after, highest first, with the water level of each asset.

    `allocation`: an Allocation; `path`: where the picture is saved, if given (an existing file is
    overwritten); `ax`: axes to draw in, of a figure of your own. Leverages are x of equity. In isolated
    margin the level is where the reduced accounts end. In cross margin it is where levelling gross leverage
    would end: the optimum departs from it where positions hedge. Returns a matplotlib Figure. Raises
    AllocationError where it cannot be written.

    >>> figure = adl.plots.allocation(adl.water_filling(adl.examples.shorts([10, 10], [500, 4000], 5)))
    >>> figure.axes[0].get_ylabel()
    'gross leverage (x of equity)'
    """
    event, book = allocation.event, allocation.event.book
    m = SymbolsAt(event, None, allocation.amount)
    order = np.argsort(-m.leverage_before, kind="stable")
    before, after = m.leverage_before[order], m.leverage[order]
    figure, ((axes,),) = panels(ax, 1, 1, 7.2, 4.2)
    place = np.arange(1, len(order) + 1)
    if len(order) <= BARS:
        axes.bar(place, before, width=0.8, color=BEFORE, label="before")
        axes.bar(place, after, width=0.5, color=AFTER, label="after")
        fixed = ~(book.per_account(event.closable.astype(float)) > 0)[order]
        if (after[fixed] > 0).any():
            axes.bar(place[fixed], after[fixed], width=0.5, color=FIXED, label="nothing to close")
        axes.set_xticks(
            place, [str(name)[:12] for name in book.accounts[order]], rotation=0 if len(order) <= 10 else 90
        )
        axes.set_xlabel("account, highest leverage first")
    else:
        axes.plot(place, before, color=BEFORE, linewidth=2.5, label="before")
        axes.plot(place, after, ".", color=AFTER, markersize=2.5, label="after")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("account, by rank of leverage before")
    for k, level in zip(event.free_assets, gross_levels(event, event.free_assets)):
        name = "water level" if book.isolated else "levelling gross leverage (blind to hedges)"
        which = f" of {book.assets[k]}" if len(event.free_assets) > 1 else ""
        axes.axhline(
            level,
            color=LEVEL,
            linestyle="-" if book.isolated else "--",
            linewidth=1.2,
            label=f"{name}{which}: {level:.4g} x",
        )
    axes.set_ylabel("gross leverage (x of equity)")
    if len(order) <= LABELLED:
        _label_closings(axes, allocation, order, before)
    title(axes, *_title(allocation))
    legend(figure, axes, ax, 3 if book.isolated else 2)
    axes.spines[["top", "right"]].set_visible(False)
    return saved(figure, path)


def _label_closings(axes: Any, allocation: Allocation, order: Index, before: Array) -> None:
    """Over the bar of each reduced account the part that it closes of the notional that it could close."""
    event, book = allocation.event, allocation.event.book
    legs = book.price[book.asset] * event.closable
    moved, held = (book.per_account(size * legs)[order] for size in (allocation.amount, event.size))
    paying = accounts(event, reduced(event, allocation.amount))[order]
    for place in np.flatnonzero(paying):
        axes.text(
            place + 1, before[place], f"closes\n{_share(moved[place], held[place])}",
            ha="center", va="bottom", fontsize=8, color=LEVEL,
        )  # fmt: skip
    axes.margins(y=0.12)


def _share(part: float, whole: float) -> str:
    """Of the whole, in percent that never round to nothing or to all."""
    share = part / whole
    return (
        "all"
        if part >= whole * (1 - NOTHING)
        else "<1%"
        if share < 0.01
        else ">99%"
        if share > 0.99
        else f"{share:.0%}"
    )


def _title(allocation: Allocation) -> tuple[str, str]:
    """Two lines: what had to be closed and who pays; what is proved."""
    event, c = allocation.event, allocation.certificate
    asked = " and ".join(
        f"{amount:,.6g} {asset} of {side}"
        for side, wanted in (("shorts", event.short), ("longs", event.long))
        for asset, amount in wanted.items()
    )
    pays = (
        f"{int(accounts(event, reduced(event, allocation.amount)).sum()):,} of {len(event.book.accounts):,}"
    )
    m = SymbolsAt(event, None, allocation.amount)
    # LeverageSquare does not feel dust: what is best for every law is the water level of every account.
    every_law = event.book.isolated and c.certified and departure(event, m) <= _LEVEL
    proof = (
        "proved best for every law of price moves (Thm 1)"
        if every_law and c.objective_name == "LeverageSquare"
        else f"{c.status}: {c.objective_name} {c.value:,.6g} ({c.unit})"
    )
    return f"To close {asked}, {pays} accounts are reduced", proof + _gap(c.gap)


def _gap(gap: float | None) -> str:
    # Below 1e-12 it is rounding, which differs from machine to machine; pictures should not.
    return "" if gap is None else ", gap below 1e-12" if gap < _ROUNDING else f", gap {gap:.1g}"
