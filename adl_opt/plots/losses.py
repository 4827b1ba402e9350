"""The distribution of what is lost, and what less of it costs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.errors import AllocationError
from adl_opt.laws.base import Law
from adl_opt.plots.canvas import COLOURS, legend, panels, prefixed, prefixed_text, saved, title
from adl_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import pandas as pd

# Told apart without colours too
_STYLES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_MOST = len(_STYLES)
_BEYOND = 100.0  # the vertical axis goes down to the last 1 - level over this
_MARKERS = "osD^vP"


def losses(
    allocations: Allocation | Mapping[str, Allocation],
    law: Law | None = None,
    level: float = 0.99,
    path: str | Path | None = None,
    *,
    ax: Any = None,
) -> Any:
    """How likely it is to lose more than so much, allocation beside allocation, with quantile and CVaR.

    - `allocations`: an Allocation, or up to 6 by name, such as an optimum and policies
    - `law`: scenarios; default: that of each allocation's solve
    - `level`: in (0, 1): marked are the quantile, which is exceeded with probability 1 - level (on the
      curve), and the mean beyond it, CVaR (a tick on the axis of losses)
    - `path`: where the picture is saved, if given; `ax`: axes to draw in, of a figure of your own

    The total loss beyond equity (quote currency) is the horizontal axis, the probability of more the vertical
    one, logarithmic. Returns a matplotlib Figure. Raises AllocationError for more allocations and other
    levels, LawError as `allocation.losses` does.

    Source: THEORY 2.

    >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).sample(512, seed=1)
    >>> rules = {"pro rata": adl.pro_rata(event), "levelled": adl.gross_water_filling(event)}
    >>> adl.plots.losses(rules, law).axes[0].get_xlabel()
    'total loss beyond equity (quote currency)'
    """
    given = _named(allocations)
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise AllocationError(f"level = {level!r}: give a fraction between 0 and 1, such as 0.99")
    tables = {name: one.losses(law) for name, one in given.items()}
    marks = {name: one.loss_quantiles([level], law).iloc[0] for name, one in given.items()}
    figure, ((axes,),) = panels(ax, 1, 1, 7.2, 4.2)
    ends, least = [0.0], (1 - level) / _BEYOND
    for number, (name, table) in enumerate(tables.items()):
        loss, more = exceedance(table["loss"].to_numpy(), table["probability"].to_numpy())
        quantile, tail = float(marks[name]["quantile"]), float(marks[name]["CVaR"])
        colour = COLOURS[1 + number]
        said = f"{name}: quantile {prefixed_text(quantile)}, CVaR {prefixed_text(tail)}"
        style = {"color": colour, "linestyle": _STYLES[number], "linewidth": 1.8}
        axes.step(loss, more, where="post", label=said, **style)
        # Marks at one place stay in sight: they are hollow, and later ones smaller.
        size, tall = 13 - 2 * number, 0.025 * (1 + len(tables) - number)
        mark = {"mec": colour, "mfc": "none", "mew": 1.6, "markersize": size, "clip_on": False}
        axes.plot([quantile], [1 - level], _MARKERS[number], zorder=3, **mark)
        axes.axvline(tail, 0, tall, color=colour, linewidth=3.0)
        ends += [loss[np.argmax(more < least)], quantile, tail]
    axes.axhline(1 - level, color="#8a8f98", linewidth=0.8, zorder=0)
    where = axes.get_yaxis_transform()
    axes.text(1.0, 1 - level, f"{1 - level:.3g}", transform=where, ha="right", va="bottom", fontsize=8)
    axes.set_yscale("log")
    axes.set_ylim(least, 1.2)
    axes.set_xlim(0, 1.05 * max(ends) if max(ends) > 0 else 1.0)
    prefixed(axes.xaxis)
    axes.set_xlabel("total loss beyond equity (quote currency)")
    axes.set_ylabel("probability of losing more")
    title(axes, f"What is lost: quantile at {level:g} (on the curve) and CVaR (mark on the axis)")
    axes.spines[["top", "right"]].set_visible(False)
    legend(figure, axes, ax, 1)
    return saved(figure, path)


def exceedance(loss: Any, probability: Any) -> tuple[Any, Any]:
    """(losses, rising, from 0; the probability of more than each)."""
    at, which = np.unique(np.append(0.0, loss), return_inverse=True)
    weight = np.bincount(which, np.append(0.0, probability))
    return at, np.append(np.cumsum(weight[:0:-1])[::-1], 0.0)


def _named(allocations: Any) -> dict[str, Allocation]:
    given = {allocations.method: allocations} if isinstance(allocations, Allocation) else allocations
    if not isinstance(given, Mapping) or not all(isinstance(one, Allocation) for one in given.values()):
        raise AllocationError(
            'losses draws an Allocation, or a dict of them by name, such as {"pro rata": adl.pro_rata(event)}'
        )
    if not 1 <= len(given) <= _MOST:
        raise AllocationError(f"{len(given)} allocations do not fit into one picture: give from 1 to {_MOST}")
    return {str(name): one for name, one in given.items()}


def frontier(
    frame: pd.DataFrame, beside: pd.DataFrame | None = None, path: str | Path | None = None, *, ax: Any = None
) -> Any:
    """A Pareto frontier: what less of one objective costs in another, with policies beside it.

    - `frame`: a table of `adl.frontier`
    - `beside`: a table of `adl.compare` with both objectives among its measures, whose rows are marked
    - `path`: where the picture is saved, if given; `ax`: axes to draw in, of a figure of your own

    Below and left of the line there is no allocation. Returns a matplotlib Figure. Raises AllocationError for
    tables that are not of `adl.frontier` and `adl.compare`.

    >>> law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(8)
    >>> problem = adl.Problem(adl.ExpectedLoss(), adl.examples.paper(), law)
    >>> adl.plots.frontier(adl.frontier(problem, adl.MaxLeverage(), points=5)).axes[0].get_ylabel()
    'MaxLeverage (x of equity)'
    """
    if isinstance(beside, (str, PathLike)):
        raise AllocationError(
            f"beside is a table of adl.compare, not {str(beside)!r}: to save the picture there, write "
            f"path={str(beside)!r}"
        )
    names = getattr(frame, "attrs", {}).get("frontier")
    if not names:
        raise AllocationError("frontier draws a table made by adl.frontier(problem, other)")
    missing = [name for name in names if beside is not None and name not in getattr(beside, "columns", [])]
    if missing:
        raise AllocationError(
            f"beside has no column {missing[0]!r}: adl.compare(event, law, measures=[...]) of both objectives"
        )
    figure, ((axes,),) = panels(ax, 1, 1, 6.4, 4.4)
    x, y = (frame[name].to_numpy(float) for name in names)
    proved = (frame["status"] == "certified").to_numpy()
    axes.plot(x, y, "-", color=COLOURS[1], linewidth=1.8, zorder=1)
    axes.plot(x[proved], y[proved], "o", color=COLOURS[1], markersize=4, label="frontier, certified")
    if not proved.all():
        axes.plot(
            x[~proved], y[~proved], "o", mfc="white", mec=COLOURS[1], markersize=5, label="not certified"
        )
    if beside is not None:
        _beside(axes, beside, names)
    units = frame.attrs.get("units", {})
    for name, label, axis in zip(names, (axes.set_xlabel, axes.set_ylabel), (axes.xaxis, axes.yaxis)):
        label(f"{name} ({units.get(name, 'value')})")
        prefixed(axis)
    axes.margins(0.08)
    title(axes, f"Least {names[1]} for each {names[0]}")
    axes.spines[["top", "right"]].set_visible(False)
    legend(figure, axes, ax, 3)
    return saved(figure, path)


def _beside(axes: Any, beside: pd.DataFrame, names: list[str]) -> None:
    rows = beside[[not str(name).startswith("optimum of ") for name in beside.index]]
    for number, (name, row) in enumerate(rows.iterrows()):
        marker, colour = _MARKERS[(1 + number) % len(_MARKERS)], COLOURS[2 + number % (len(COLOURS) - 2)]
        axes.plot([row[names[0]]], [row[names[1]]], marker, color=colour, markersize=7, label=str(name))
