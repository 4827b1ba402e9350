"""Pictures of comparisons, sweeps and replays."""

from __future__ import annotations

import math
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
_ALL, _NAMED = 8, 6  # accounts up to which all are named; of more the highest ones


def sweep(frames: Mapping[str, pd.DataFrame], path: str | Path | None = None, *, ax: Any = None) -> Any:
    """Leverages of every account over a requirement, a column of panels for each sweep.

    `frames`: tables of `Problem.sweep` by name (usually a law); `path`: where the picture is saved, if given;
    `ax`: an axes for each panel, row by row, of a figure of your own. Above the factor leverages, where the
    sweep was given a `loading`, below the gross leverages (x of equity). The first requirement of a frame is
    the horizontal axis. Of more than 8 accounts the 6 that are highest anywhere are named, others grey.
    Returns a matplotlib Figure. Raises AllocationError for frames that do not begin with a requirement, such
    as those of `adl.sweep` over other parameters, and for frames without leverages of accounts.

    >>> problem = adl.Problem(adl.LeverageSquare(), adl.examples.shorts([10, 10], [500, 4000], 5))
    >>> len(adl.plots.sweep({"level": problem.sweep(short={"BTC": [1, 5, 10]})}).axes)
    1
    """
    _check_sweeps(frames)
    drawn = [
        kind
        for kind in _KINDS
        if all(any(str(c).startswith(f"{kind} ") for c in frame) for frame in frames.values())
    ]
    accounts, colours = _accounts(frames)
    entries, width = len(colours) + (len(accounts) > len(colours)), 3.2 * len(frames) + 1.2
    columns = max(1, min(entries, int(1.1 * width)))
    height = 2.6 * len(drawn) + 0.35 + 0.25 * math.ceil(entries / columns)
    figure, grid = panels(ax, len(drawn), len(frames), width, height, sharex=True, sharey="row")
    for column, (name, frame) in enumerate(frames.items()):
        certified = int((frame["status"] == "certified").sum())
        grid[0, column].set_title(
            f"{name}\n{certified} of {len(frame)} certified, gap at most "
            f"{max(float(frame['gap'].max()), 1e-12):.0e}",
            fontsize=9,
        )
        for row, kind in enumerate(drawn):
            _leverages(grid[row, column], frame, kind, accounts, colours)
        grid[-1, column].set_xlabel(f"{frame.columns[0]} to close (contracts)")
    for row, kind in enumerate(drawn):
        grid[row, 0].set_ylabel(f"{'gross' if kind == 'leverage' else 'factor'} leverage (x of equity)")
    legend(figure, grid[-1, 0], ax, columns)
    return saved(figure, path)


def _check_sweeps(frames: Any) -> None:
    """Raise AllocationError for what is no dict of tables of Problem.sweep with leverages of accounts."""
    if not isinstance(frames, Mapping):
        raise AllocationError("sweep draws a dict of frames by name, such as {'exact': problem.sweep(...)}")
    if not frames:
        raise AllocationError("no sweep to draw: give {name: problem.sweep(...)}")
    for name, frame in frames.items():
        columns = [str(c) for c in getattr(frame, "columns", [])]
        if not columns or not columns[0].startswith(("short ", "long ")):
            begins = f"begins with column {columns[0]!r}" if columns else "is no table"
            raise AllocationError(
                f"sweep {name!r} {begins}; drawn are tables whose first column is a requirement, such as "
                "'short BTC', with status, gap and 'leverage ' of each account: problem.sweep makes them"
            )
        if not any(c.startswith("leverage ") for c in columns) or not {"status", "gap"} <= set(columns):
            raise AllocationError(
                f"sweep {name!r} has no leverages by account with status and gap (a sweep shows those of at "
                "most 100 accounts)"
            )


def _accounts(frames: Mapping[str, pd.DataFrame]) -> tuple[list[str], dict[str, Any]]:
    """Accounts in order, and colours of those that are named: all of a few, else the highest anywhere."""
    highest: dict[str, float] = {}
    for frame in frames.values():
        for column in (c for c in map(str, frame) if c.startswith("leverage ")):
            account = column.removeprefix("leverage ")
            highest[account] = max(highest.get(account, 0.0), float(frame[column].max()))
    named = list(highest)
    if len(named) > _ALL:
        most = sorted(named, key=lambda account: -highest[account])[:_NAMED]
        named = [account for account in named if account in most]
    return list(highest), {account: colour_of(k, len(named)) for k, account in enumerate(named)}


def _leverages(axes: Any, frame: Any, kind: str, accounts: list[str], colours: dict[str, Any]) -> None:
    """A line an account; those without a colour thin and grey, under one name."""
    x, nothing = frame.iloc[:, 0], np.full(len(frame), np.nan)
    others = [account for account in accounts if account not in colours]
    for account, colour in colours.items():
        axes.plot(x, frame.get(f"{kind} {account}", nothing), color=colour, linewidth=1.6, label=account)
    for number, account in enumerate(others):
        label = f"{len(others)} less levered" if number == 0 else None
        values = frame.get(f"{kind} {account}", nothing)
        axes.plot(x, values, color=BEFORE, linewidth=0.8, label=label, zorder=1)
    axes.spines[["top", "right"]].set_visible(False)


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
