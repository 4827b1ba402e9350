"""Figures, colours and files of all pictures. matplotlib is imported when one is drawn."""

import contextlib
import math
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from adl_opt.errors import AllocationError

BEFORE, AFTER, LEVEL, FIXED = "#b8c4d6", "#1f4e8c", "#c8442b", "#8a8f98"
# Told apart by the colour-blind: but for the first two those of Okabe and Ito
COLOURS = (BEFORE, AFTER, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#5b6770")
_LETTERS = 13.5  # of a title in an inch
_LINE = 0.17  # inches of a line of a legend inside axes


def colour_of(number: int, count: int) -> Any:
    """Told apart: the house's colours for a few, a colour map for more."""
    if count < len(COLOURS):
        return COLOURS[1 + number]
    from matplotlib import colormaps

    return colormaps["turbo"]((number + 0.5) / count)


def new_figure(width: float, height: float) -> Any:
    _import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(ax: Any, rows: int, columns: int, width: float, height: float, **shared: Any) -> tuple[Any, Any]:
    """(figure, axes (rows, columns)) to draw in: the axes that were given, row by row, or those of a new
    figure.
    """
    if ax is None:
        figure = new_figure(width, height)
        return figure, figure.subplots(rows, columns, squeeze=False, **shared)
    given = np.asarray(ax, dtype=object).ravel()
    if len(given) != rows * columns or not all(hasattr(one, "get_figure") for one in given):
        kinds = sorted({type(one).__name__ for one in given})
        raise AllocationError(
            f"ax is {len(given)} of {', '.join(kinds) or 'nothing'}; this picture needs {rows * columns} "
            f"axes ({rows} x {columns}): plt.subplots({rows}, {columns})[1]"
        )
    return given[0].get_figure(), given.reshape(rows, columns)


def legend(figure: Any, axes: Any, ax: Any, columns: int) -> None:
    """Of what is drawn in `axes`: below a figure of its own, inside axes that were given."""
    handles, labels = axes.get_legend_handles_labels()
    if ax is None:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    else:
        if axes.get_yscale() == "linear":  # room for it above what is drawn
            low, high = axes.get_ylim()
            inches = axes.get_window_extent().height / figure.dpi
            taken = min(_LINE * (len(labels) + 1) / inches, 0.6)
            axes.set_ylim(low, low + (high - low) / (1 - taken))
        axes.legend(handles, labels, edgecolor="none", framealpha=0.85, fontsize=8)


def title(axes: Any, *lines: str) -> None:
    """At the left, broken into lines as wide as the axes are."""
    wide = max(24, int(_LETTERS * axes.get_window_extent().width / axes.get_figure().dpi))
    axes.set_title("\n".join(textwrap.fill(line, wide) for line in lines), fontsize=10, loc="left")


def prefixed(axis: Any) -> None:
    """Ticks with SI prefixes: 2 k, 3 M."""
    from matplotlib.ticker import EngFormatter

    axis.set_major_formatter(EngFormatter())


def prefixed_text(value: float) -> str:
    """Three digits, of thousands and more with an SI prefix."""
    from matplotlib.ticker import EngFormatter

    if not 999.5 <= abs(value) < 1e18:
        return f"{value:.3g}"
    rounded = float(f"{value:.3g}")
    return EngFormatter(places=2 - math.floor(math.log10(abs(rounded))) % 3)(rounded)


def _import_matplotlib() -> None:
    """Import matplotlib, also where MPLBACKEND names a backend that is not installed, as in a shell that a
    notebook started.

    matplotlib refuses to be imported then, though pictures drawn here need no backend. One that is installed
    is kept.
    """
    if "matplotlib" in sys.modules:
        return
    named = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if named is not None:
        os.environ["MPLBACKEND"] = named
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = named


def saved(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        try:
            figure.savefig(path, dpi=150)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise AllocationError(f"the picture cannot be written to {str(path)!r}: {error}") from None
    return figure
