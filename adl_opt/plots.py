"""Pictures: leverage before and after a closing, policies side by side, sweeps over a requirement. matplotlib only, no pyplot state."""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.errors import AllocationError
from adl_opt.evaluation.symbols import Symbols
from adl_opt.laws.base import Law
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.explain import volatility_leverage
from adl_opt.studies.replay.replay import Replay
from adl_opt.waterfill.isolated import gross_levels

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
_BARS = 40  # accounts up to which each has bars of its own
BEFORE, AFTER, LEVEL, FIXED = "#b8c4d6", "#1f4e8c", "#c8442b", "#8a8f98"
_COLOURS = (BEFORE, AFTER, LEVEL, "#3c8d5a", "#b07aa1", "#d9a441", "#5b6770")
_KINDS = ("factor leverage", "leverage")


def allocation(allocation: Allocation, path: str | Path | None = None) -> Any:
    """Gross leverage of each account before and after (x of equity), highest first, with the water level of each required asset.

    In isolated margin the level is where the reduced accounts end. In cross margin it is where levelling gross leverage would end: the
    optimum departs from it where positions hedge. Returns a matplotlib Figure, saved to `path` if given (an existing file is overwritten).
    """
    event, book = allocation.event, allocation.event.book
    m = Symbols(event, None, allocation.amount)
    order = np.argsort(-m.leverage_before, kind="stable")
    before, after = m.leverage_before[order], m.leverage[order]
    figure = _figure(7.2, 4.2)
    axes = figure.add_subplot()
    place = np.arange(1, len(order) + 1)
    if len(order) <= _BARS:
        axes.bar(place, before, width=0.8, color=BEFORE, label="before")
        axes.bar(place, after, width=0.5, color=AFTER, label="after")
        fixed = ~(book.per_account(event.closable.astype(float)) > 0)[order]
        if (after[fixed] > 0).any():
            axes.bar(place[fixed], after[fixed], width=0.5, color=FIXED, label="nothing to close")
        axes.set_xticks(place, [str(name)[:12] for name in book.accounts[order]], rotation=0 if len(order) <= 10 else 90)
        axes.set_xlabel("account, highest leverage first")
    else:
        axes.plot(place, before, color=BEFORE, linewidth=2.5, label="before")
        axes.plot(place, after, ".", color=AFTER, markersize=2.5, label="after")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("account, by rank of leverage before")
    for k, level in zip(event.free_assets, gross_levels(event, event.free_assets)):
        name = "water level" if book.isolated else "levelling gross leverage alone (blind to hedges)"
        which = f" of {book.assets[k]}" if len(event.free_assets) > 1 else ""
        axes.axhline(
            level, color=LEVEL, linestyle="-" if book.isolated else "--", linewidth=1.2, label=f"{name}{which}: {level:.4g} x"
        )
    axes.set_ylabel("gross leverage (x of equity)")
    c = allocation.certificate
    axes.set_title(
        f"{allocation.method}, {c.status}: {c.measure} {c.objective:,.6g} ({c.unit})" + _gap(c.gap),
        fontsize=10,
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return _saved(figure, path)


def policies(allocations: Mapping[str, Allocation], law: Law, path: str | Path | None = None) -> Any:
    """Allocations of one event side by side, three bars of each account: gross leverage, volatility leverage, and expected shortfall under `law`.

    allocations: by name, at most 6, of a book of at most 40 accounts; what they leave stands beside what was there before. Volatility leverage is the standard
    deviation of an account's profit and loss over its equity. Returns a matplotlib Figure, saved to `path` if given. Raises AllocationError for too many of either.
    """
    if not isinstance(allocations, Mapping) or not all(isinstance(one, Allocation) for one in allocations.values()):
        raise AllocationError('policies draws a dict of allocations by name, such as {"pro rata": adl.pro_rata(event)}')
    if not isinstance(law, Law):
        raise AllocationError(f"policies needs a law of price moves, not {type(law).__name__}")
    if not 1 <= len(allocations) <= len(_COLOURS) - 1:
        raise AllocationError(f"{len(allocations)} allocations do not fit into one picture: give from 1 to {len(_COLOURS) - 1}")
    event = next(iter(allocations.values())).event
    accounts = event.book.accounts
    if any(
        len(one.amount) != len(event.size) or not np.array_equal(one.event.book.accounts, accounts) for one in allocations.values()
    ):
        raise AllocationError("the allocations belong to different books; draw those of one event together")
    if len(accounts) > _BARS:
        raise AllocationError(f"{len(accounts):,} accounts do not fit into one picture of bars (at most {_BARS})")
    aligned = law.align(event.book.assets).exact()
    amounts = {"before": np.zeros(len(event.size))} | {name: one.amount for name, one in allocations.items()}
    figure = _figure(9.6, 3.4)
    panels = figure.subplots(1, 3)
    place, width = np.arange(len(accounts)), 0.8 / len(amounts)
    for number, (name, amount) in enumerate(amounts.items()):
        m = Symbols(event, aligned, amount)
        volatility = volatility_leverage(m)
        rows = (m.leverage, np.full(len(accounts), np.nan) if volatility is None else volatility, m.expected_shortfall)
        for axes, row in zip(panels, rows):
            axes.bar(place + (number - (len(amounts) - 1) / 2) * width, row, width=0.92 * width, color=_COLOURS[number], label=name)
    titles = ("gross leverage (x of equity)", "volatility leverage (x of equity)", "expected shortfall (quote currency)")
    for axes, title in zip(panels, titles):
        axes.set_title(title, fontsize=10)
        axes.set_xticks(place, [str(name)[:12] for name in accounts], rotation=0 if len(accounts) <= 6 else 90)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(amounts), frameon=False)
    return _saved(figure, path)


def sweep(frames: "Mapping[str, pd.DataFrame]", path: str | Path | None = None) -> Any:
    """Leverages of every account over a requirement: a column for each frame of `Problem.sweep`, by name (usually a law), on common axes.

    Above the factor leverages, where the sweep was given a `loading`, below the gross leverages (x of equity). The first requirement of a frame is the horizontal axis. Returns
    a matplotlib Figure, saved to `path` if given. Raises AllocationError for frames without leverages of accounts.
    """
    if not isinstance(frames, Mapping):
        raise AllocationError("sweep draws a dict of frames by name, such as {'exact': problem.sweep(...)}")
    shown = {name: {kind: [c for c in frame if str(c).startswith(f"{kind} ")] for kind in _KINDS} for name, frame in frames.items()}
    bare = [name for name, columns in shown.items() if not columns["leverage"]]
    if bare or not frames:
        raise AllocationError(
            f"sweep {bare[0]!r} has no leverages by account (a sweep shows those of at most 100 accounts)"
            if bare
            else "no sweep to draw: give {name: problem.sweep(...)}"
        )
    kinds = [kind for kind in _KINDS if all(columns[kind] for columns in shown.values())]
    figure = _figure(3.2 * len(frames) + 1.2, 2.6 * len(kinds) + 0.6)
    panels = figure.subplots(len(kinds), len(frames), sharex=True, sharey="row", squeeze=False)
    for column, (name, frame) in enumerate(frames.items()):
        axis = str(frame.columns[0])
        certified = int((frame["status"] == "certified").sum())
        panels[0, column].set_title(
            f"{name}\n{certified} of {len(frame)} certified, gap at most {max(float(frame['gap'].max()), 1e-12):.0e}", fontsize=9
        )
        for row, kind in enumerate(kinds):
            axes = panels[row, column]
            for number, leverage in enumerate(shown[name][kind]):
                account = str(leverage).removeprefix(f"{kind} ")
                axes.plot(frame[axis], frame[leverage], color=_colour(number, len(shown[name][kind])), linewidth=1.6, label=account)
            axes.spines[["top", "right"]].set_visible(False)
        panels[-1, column].set_xlabel(f"{axis} to close (contracts)")
    for row, kind in enumerate(kinds):
        panels[row, 0].set_ylabel(f"{'gross' if kind == 'leverage' else 'factor'} leverage (x of equity)")
    handles, labels = panels[-1, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=max(1, min(len(labels), int(1.1 * (3.2 * len(frames) + 1.2)))),
        frameon=False,
    )
    return _saved(figure, path)


def comparison(frame: "pd.DataFrame", path: str | Path | None = None) -> Any:
    """A table of adl.compare as bars: for each measure what a policy exceeds the proved optimum by, then who bears it.

    Returns a matplotlib Figure, saved to `path` if given. Raises AllocationError for a table that adl.compare has not made.
    """
    measures = [str(c).removesuffix(" excess") for c in getattr(frame, "columns", []) if str(c).endswith(" excess")]
    if not measures or "Gini" not in frame:
        raise AllocationError("comparison draws a table made by adl.compare(event, law)")
    rows = frame[[not str(name).startswith("optimum of ") for name in frame.index]]
    titles = {f"{one} excess": f"{one}\nabove the proved optimum" for one in measures}
    titles |= {"accounts reduced": "accounts reduced", "top tenth bears": "share that the most\nlevered tenth bears"}
    figure = _figure(2.9 * len(titles) + 1.5, 0.34 * len(rows) + 1.2)
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    place = np.arange(len(rows))[::-1]
    for axes, (column, title) in zip(panels, titles.items()):
        values = rows[column].to_numpy(float)
        if column.endswith(" excess"):  # rounding is none
            values = np.where(values <= 1e-9 * rows[column.removesuffix(" excess")].to_numpy(float), 0.0, values)
        axes.barh(place, values, color=_COLOURS[1], height=0.7)
        for y, value in zip(place, values):
            axes.annotate(f" {value:.3g}", (max(value, 0.0), y), va="center", fontsize=8)
        axes.set_title(title, fontsize=9)
        axes.set_xlim(0, 1.3 * max(float(np.nanmax(values)), 1e-300))
        axes.set_xticks([])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    panels[0].set_yticks(place, [str(name) for name in rows.index])
    return _saved(figure, path)


def replay(result: Replay, path: str | Path | None = None) -> Any:
    """An event by wave: notional closed (bars: realized; quote currency), accounts wholly closed, and the highest leverage after (x of equity), a line a policy.

    Above the bars, what policies could not find is missing from their points. Returns a matplotlib Figure, saved to `path` if given. Raises AllocationError for anything
    but the result of adl.replay.
    """
    if not isinstance(result, Replay):
        raise AllocationError(f"replay draws what adl.replay returns, not {type(result).__name__}")
    frame = result.to_frame()
    figure = _figure(9.6, 3.4)
    panels = figure.subplots(1, 3)
    shown = (
        ("notional_closed", "closed (quote currency)"),
        ("wholly_closed", "accounts wholly closed"),
        ("leverage_max", "highest gross leverage after (x of equity)"),
    )
    place = np.arange(len(result.waves.labels))
    for axes, (column, title) in zip(panels, shown):
        for number, (name, lines) in enumerate(frame.groupby("policy", sort=False)):
            values = lines[column].to_numpy(float)
            if number == 0:
                axes.bar(place, values, width=0.8, color=BEFORE, label=name)
            else:
                axes.plot(place, values, ".-", color=_colour(number - 1, frame["policy"].nunique()), linewidth=1.4, label=name)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("wave")
        step = max(1, len(place) // 12)
        axes.set_xticks(place[::step], [str(label) for label in result.waves.labels[::step]])
        axes.spines[["top", "right"]].set_visible(False)
        if column == "leverage_max" and (frame[column] > 0).any():
            axes.set_yscale("log")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return _saved(figure, path)


def _colour(number: int, count: int) -> Any:
    """Told apart: the house's colours for a few, a colour map for more."""
    if count < len(_COLOURS):
        return _COLOURS[1 + number]
    from matplotlib import colormaps

    return colormaps["turbo"]((number + 0.5) / count)


def _figure(width: float, height: float) -> Any:
    _import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _import_matplotlib() -> None:
    """Import matplotlib, also where MPLBACKEND names a backend that is not installed, as in a shell that a notebook started.

    matplotlib refuses to be imported then, though pictures drawn here need no backend. One that is installed is kept.
    """
    if "matplotlib" in sys.modules:
        return
    named = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if named is not None:
        os.environ["MPLBACKEND"] = named
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = named


def _saved(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        try:
            figure.savefig(path, dpi=150)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise AllocationError(f"the picture cannot be written to {str(path)!r}: {error}") from None
    return figure


def _gap(gap: float | None) -> str:
    # Below 1e-12 it is rounding, which differs from machine to machine; pictures should not.
    return "" if gap is None else ", gap below 1e-12" if gap < 1e-12 else f", gap {gap:.1g}"
