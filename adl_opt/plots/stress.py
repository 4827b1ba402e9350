"""Pictures of a stress over scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import AllocationError
from adl_opt.plots.canvas import AFTER, LEVEL, panels, prefixed, saved, title
from adl_opt.studies.stress_distribution import StressDistribution


def stress(found: StressDistribution, path: str | Path | None = None, *, ax: Any = None) -> Any:
    """How likely more than so much is: of the deficit, of what must be closed, of accounts that fail.

    `found`: what `adl.stress` returned for scenarios; `path`: where the picture is saved, if given; `ax`:
    three axes of a figure of your own. Probability over quote currency and accounts, the fund as a line,
    missing what nobody holds. Returns a matplotlib Figure. Raises AllocationError for anything but a
    StressDistribution.

    >>> law = adl.Gaussian([[0.04]]).sample(64, seed=1)
    >>> found = adl.stress(adl.examples.shorts([10, 10], [500, 900], 5, price=100).book, law)
    >>> [axes.get_xlabel() for axes in adl.plots.stress(found).axes]
    ['deficit (quote currency)', 'to close (quote currency)', 'accounts that fail']
    """
    if not isinstance(found, StressDistribution):
        raise AllocationError(
            "stress draws what adl.stress returns for scenarios, such as law.sample(1000, seed=1), not "
            f"{type(found).__name__}"
        )
    figure, grid = panels(ax, 1, 3, 9.6, 3.2, sharey=True)
    weight, money, frame = found.probability, found.book.currency, found.to_frame()
    shown = (
        (f"deficit ({money})", {"deficit": found.deficit}),
        (f"to close ({money})", {name: frame[name].to_numpy(float) for name in ("to_close", "missing")}),
        ("accounts that fail", {"insolvent": found.insolvent, "liquidated": found.liquidated}),
    )
    for axes, (label, curves) in zip(grid[0], shown):
        for (name, values), style, colour in zip(curves.items(), ("-", "--"), (AFTER, LEVEL)):
            if style == "-" or (np.any(values != next(iter(curves.values()))) and np.any(values)):
                line = {"color": colour, "linestyle": style, "label": name.replace("_", " ")}
                axes.step(*_exceedance(values, weight), where="post", **line)
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        prefixed(axes.xaxis)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("probability of more")
    if found.fund:
        grid[0, 0].axvline(found.fund, color=LEVEL, linewidth=1.2, label="fund")
    for axes in grid[0]:
        if len(axes.lines) > 1:
            axes.legend(frameon=False, fontsize=8)
    title(grid[0, 0], f"{len(weight):,} scenarios")
    return saved(figure, path)


def _exceedance(values: Array, weight: Array) -> tuple[Array, Array]:
    """(x, the probability of more than x), x from 0 or the least value on."""
    order = np.argsort(values, kind="stable")
    x, more = values[order].astype(float), np.maximum(1 - np.cumsum(weight[order]), 0.0)
    return (x, more) if x[0] <= 0 else (np.concatenate(([0.0], x)), np.concatenate(([1.0], more)))
