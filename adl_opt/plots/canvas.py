"""Figures, colours and files of all pictures. matplotlib is imported when one is drawn."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from adl_opt.errors import AllocationError

BEFORE, AFTER, LEVEL, FIXED = "#b8c4d6", "#1f4e8c", "#c8442b", "#8a8f98"
COLOURS = (BEFORE, AFTER, LEVEL, "#3c8d5a", "#b07aa1", "#d9a441", "#5b6770")


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
