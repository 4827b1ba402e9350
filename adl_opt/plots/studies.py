"""Pictures of comparisons, sweeps and replays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import TINY
from adl_opt.errors import AllocationError
from adl_opt.studies.replay.replay import Replay

if TYPE_CHECKING:
    import pandas as pd
from adl_opt.plots.canvas import BEFORE, COLOURS, colour_of, legend, panels, prefixed, prefixed_text, saved

_KINDS = ("factor leverage", "leverage")


def sweep(frames: Mapping[str, pd.DataFrame], path: str | Path | None = None, *, ax: Any = None) -> Any:
    """Leverages of every account over a requirement, a column of panels for each sweep.

    `frames`: tables of `Problem.sweep` by name (usually a law); `path`: where the picture is saved, if given;
    `ax`: an axes for each panel, row by row, of a figure of your own. Above the factor leverages, where the
    sweep was given a `loading`, below the gross leverages (x of equity). The first requirement of a frame is
    the horizontal axis. Returns a matplotlib Figure. Raises AllocationError for frames without leverages of
    accounts.

    >>> problem = adl.Problem(adl.LeverageSquare(), adl.examples.shorts([10, 10], [500, 4000], 5))
    >>> len(adl.plots.sweep({"level": problem.sweep(short={"BTC": [1, 5, 10]})}).axes)
    1
    """
    if not isinstance(frames, Mapping):
        raise AllocationError("sweep draws a dict of frames by name, such as {'exact': problem.sweep(...)}")
    shown = {
        name: {kind: [c for c in frame if str(c).startswith(f"{kind} ")] for kind in _KINDS}
        for name, frame in frames.items()
    }
    bare = [name for name, columns in shown.items() if not columns["leverage"]]
    if bare or not frames:
        raise AllocationError(
            f"sweep {bare[0]!r} has no leverages by account (a sweep shows those of at most 100 accounts)"
            if bare
            else "no sweep to draw: give {name: problem.sweep(...)}"
        )
    kinds = [kind for kind in _KINDS if all(columns[kind] for columns in shown.values())]
    width, height = 3.2 * len(frames) + 1.2, 2.6 * len(kinds) + 0.6
    figure, grid = panels(ax, len(kinds), len(frames), width, height, sharex=True, sharey="row")
    for column, (name, frame) in enumerate(frames.items()):
        axis = str(frame.columns[0])
        certified = int((frame["status"] == "certified").sum())
        grid[0, column].set_title(
            f"{name}\n{certified} of {len(frame)} certified, gap at most "
            f"{max(float(frame['gap'].max()), 1e-12):.0e}",
            fontsize=9,
        )
        for row, kind in enumerate(kinds):
            axes = grid[row, column]
            for number, leverage in enumerate(shown[name][kind]):
                account = str(leverage).removeprefix(f"{kind} ")
                axes.plot(
                    frame[axis],
                    frame[leverage],
                    color=colour_of(number, len(shown[name][kind])),
                    linewidth=1.6,
                    label=account,
                )
            axes.spines[["top", "right"]].set_visible(False)
        grid[-1, column].set_xlabel(f"{axis} to close (contracts)")
    for row, kind in enumerate(kinds):
        grid[row, 0].set_ylabel(f"{'gross' if kind == 'leverage' else 'factor'} leverage (x of equity)")
    accounts = len(grid[-1, 0].lines)
    legend(figure, grid[-1, 0], ax, max(1, min(accounts, int(1.1 * width))))
    return saved(figure, path)


def comparison(frame: pd.DataFrame, path: str | Path | None = None, *, ax: Any = None) -> Any:
    """A comparison as bars: what each policy exceeds the proved optimum by, then who bears it.

    `frame`: a table of `adl.compare`; `path`: where the picture is saved, if given; `ax`: an axes for each
    measure and two more, of a figure of your own. Returns a matplotlib
    Figure. Raises AllocationError for a table that adl.compare has not made.

    >>> frame = adl.compare(adl.examples.shorts([10, 10], [500, 4000], 5))
    >>> len(adl.plots.comparison(frame).axes)  # two measures, and two panels of who bears it
    4
    """
    measures = [
        str(c).removesuffix(" excess") for c in getattr(frame, "columns", []) if str(c).endswith(" excess")
    ]
    if not measures or "Gini" not in frame:
        raise AllocationError("comparison draws a table made by adl.compare(event, law)")
    rows = frame[[not str(name).startswith("optimum of ") for name in frame.index]]
    titles = {f"{one} excess": f"{one}\nabove the proved optimum" for one in measures}
    titles |= {
        "accounts reduced": "accounts reduced",
        "top tenth bears": "share that the most\nlevered tenth bears",
    }
    width, height = 2.9 * len(titles) + 1.5, 0.34 * len(rows) + 1.2
    figure, (row,) = panels(ax, 1, len(titles), width, height, sharey=True)
    place = np.arange(len(rows))[::-1]
    for axes, (column, title) in zip(row, titles.items()):
        values = rows[column].to_numpy(float)
        if column.endswith(" excess"):  # rounding is none
            values = np.where(
                values <= 1e-9 * rows[column.removesuffix(" excess")].to_numpy(float), 0.0, values
            )
        axes.barh(place, values, color=COLOURS[1], height=0.7)
        for y, value in zip(place, values):
            axes.annotate(f" {prefixed_text(value)}", (max(value, 0.0), y), va="center", fontsize=8)
        axes.set_title(title, fontsize=9)
        axes.set_xlim(0, 1.3 * max(float(np.nanmax(values)), TINY))
        axes.set_xticks([])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    row[0].set_yticks(place, [str(name) for name in rows.index])
    return saved(figure, path)


def replay(result: Replay, path: str | Path | None = None, *, ax: Any = None) -> Any:
    """An event by wave: what was closed, accounts wholly closed, and the highest leverage after.

    `result`: what `adl.replay` returned; `path`: where the picture is saved, if given; `ax`: three axes to
    draw in, of a figure of your own. Notional closed in
    quote currency (bars: realized), leverage in x of equity, a line a policy. Above the bars, what policies
    could not find is missing from their points. Returns a matplotlib Figure. Raises AllocationError for
    anything but a Replay.

    >>> result = adl.replay(adl.examples.twin(scale=0.001), ["pro_rata"])
    >>> len(adl.plots.replay(result).axes)
    3
    """
    if not isinstance(result, Replay):
        raise AllocationError(f"replay draws what adl.replay returns, not {type(result).__name__}")
    frame = result.to_frame()
    figure, (three,) = panels(ax, 1, 3, 9.6, 3.4)
    shown = (
        ("notional_closed", "closed (quote currency)"),
        ("wholly_closed", "accounts wholly closed"),
        ("leverage_max", "highest gross leverage after (x of equity)"),
    )
    place = np.arange(len(result.waves.labels))
    for axes, (column, title) in zip(three, shown):
        for number, (name, lines) in enumerate(frame.groupby("policy", sort=False)):
            values = lines[column].to_numpy(float)
            if number == 0:
                axes.bar(place, values, width=0.8, color=BEFORE, label=name)
            else:
                axes.plot(
                    place,
                    values,
                    ".-",
                    color=colour_of(number - 1, frame["policy"].nunique()),
                    linewidth=1.4,
                    label=name,
                )
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("wave")
        step = max(1, len(place) // 12)
        axes.set_xticks(place[::step], [str(label) for label in result.waves.labels[::step]])
        axes.spines[["top", "right"]].set_visible(False)
        if column == "leverage_max" and bool((frame[column] > 0).any()):
            axes.set_yscale("log")
    prefixed(three[0].yaxis)
    legend(figure, three[0], ax, 4)
    return saved(figure, path)
