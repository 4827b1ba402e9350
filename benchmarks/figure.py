"""scale.svg: seconds over accounts, logarithmic on both axes, with what each line certifies; scale.csv: its
numbers, for the notebook.
"""

import csv
from pathlib import Path

from .driver import Line, Result

SHOWN = (  # spec, contender, label
    ("scale, normal law", "separable", "separable, normal law"),
    ("scale, normal law", "conic", "conic, normal law"),
    ("scale, normal law", "certify", "certificate alone"),
    ("scale, scenarios", "separable", "separable, 1,000 scenarios"),
    ("scale, scenarios", "conic", "conic, 1,000 scenarios"),
    ("isolated margin", "closed form", "closed form, isolated margin"),
    ("published approach", "published dual ascent", "published dual ascent, 400 scenarios"),
    ("published approach", "published consensus (ADMM)", "published consensus, 400 scenarios"),
)


def draw(results: list[Result], path: Path) -> None:
    """A line a contender; points that are not certified within 1e-6 are hollow."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "adl_opt"
    figure, axes = plt.subplots(figsize=(8, 5))
    for number, (spec, contender, label) in enumerate(SHOWN):
        points = [
            (r.case.accounts, line)
            for r in results
            if r.spec.name == spec and (line := r.line(contender)) is not None
        ]
        if points:
            colour = f"C{number}"
            axes.plot([x for x, _ in points], [line.median for _, line in points], color=colour, label=label)
            for x, line in points:
                axes.plot(
                    x, line.median, "o", color=colour, markerfacecolor=colour if _proved(line) else "white"
                )
    axes.set(xscale="log", yscale="log", xlabel="accounts", ylabel="seconds, from nothing to the certificate")
    axes.set_title("Filled: certified within 1e-6. Hollow: not.", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def write(results: list[Result], path: Path) -> None:
    """The points of the figure: line, accounts, seconds (median), gap (relative)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["line", "accounts", "seconds", "gap"])
        for spec, contender, label in SHOWN:
            for result in results:
                line = result.line(contender)
                if result.spec.name == spec and line is not None:
                    table.writerow([label, result.case.accounts, f"{line.median:.4g}", f"{line.gap:.2g}"])


def _proved(line: Line) -> bool:
    return line.gap <= 1e-6
