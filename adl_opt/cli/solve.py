"""Commands that solve: demo, solve, range."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from adl_opt.cli.law_options import NO_LAW, LawOptions
from adl_opt.cli.options import (
    AIM,
    BookFile,
    Cap,
    Explain,
    Force,
    Long,
    ModelName,
    Output,
    Plot,
    Prefer,
    Protect,
    Settings,
    Short,
    Solvent,
    SubjectTo,
    Table,
    one_by_one,
    option,
)
from adl_opt.cli.output import (
    exit_code,
    print_allocation,
    print_ranges,
    save_allocation,
    save_frame,
    say,
    writable,
    written_as,
)
from adl_opt.cli.parsing import constraints_of, event_of, needs_law, objective_of
from adl_opt.errors import UncertifiedWarning
from adl_opt.laws.base import Law
from adl_opt.methods.registry import NAMES
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.optimal_range import optimal_range
from adl_opt.problem.problem import Problem
from adl_opt.verification import catalog


def demo(
    plot: Annotated[Path, option("--plot", "FILE", "leverage before and after: .png, .pdf, .svg")] = Path(
        "adl-opt-demo.png"
    ),
    force: Force = False,
) -> None:
    """The paper's four accounts: solve, prove, draw."""
    writable([plot], force)
    written_as(plot, ".png", ".pdf", ".svg")
    model = next(m for m in map(catalog.load, catalog.names()) if m.demo)
    problem = model.problem()
    allocation = problem.solve(progress=True)
    drawn = save_allocation(allocation, None, plot)
    say([f"[bold]{model.title}[/]", model.source, ""], markup=True)
    _print(allocation, f"law: {model.law!r}", drawn)


@one_by_one
def solve(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    protect: Protect = None,
    cap: Cap = None,
    subject_to: SubjectTo = None,
    solvent: Solvent = False,
    model: ModelName = "expected_loss",
    settings: Settings = None,
    method: Annotated[str, option("--method", "NAME", ", ".join(NAMES), AIM)] = "auto",
    prefer: Prefer = None,
    law_options: LawOptions = NO_LAW,
    output: Output = None,
    plot: Plot = None,
    explain: Explain = None,
    force: Force = False,
) -> None:
    """Who closes how much, with its certificate.

    Isolated margin and a monotone objective need no law: the answer is optimal for every law (Thm 1).
    """
    writable([output, plot], force)
    written_as(output, ".csv", ".parquet", ".json")
    written_as(plot, ".png", ".pdf", ".svg")
    event, notes = event_of(book, short, long, solvent, protect=protect, cap=cap)
    law = law_options.law(event.book)
    objective = objective_of(model, settings)
    needs_law(objective, event, law)
    problem = Problem(objective, event, law, subject_to=constraints_of(subject_to, model, event))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertifiedWarning)  # the status is printed and decides the exit code
        allocation = problem.solve(method=method, prefer=prefer, progress=True)
    reasons = [allocation.explain(account) for account in explain or ()]
    files = save_allocation(allocation, output, plot)
    say(notes)
    _print(allocation, _law_in_words(law), files, reasons)


@one_by_one
def range_(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    protect: Protect = None,
    cap: Cap = None,
    subject_to: SubjectTo = None,
    solvent: Solvent = False,
    model: ModelName = "expected_loss",
    settings: Settings = None,
    law_options: LawOptions = NO_LAW,
    output: Table = None,
    force: Force = False,
) -> None:
    """What each position closes at an optimum, at least and at most."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    event, notes = event_of(book, short, long, solvent, protect=protect, cap=cap)
    law = law_options.law(event.book)
    objective = objective_of(model, settings)
    needs_law(objective, event, law)
    problem = Problem(objective, event, law, subject_to=constraints_of(subject_to, model, event))
    frame = optimal_range(problem, progress=True)
    files = save_frame(frame, output)
    say(notes)
    print_ranges(event, frame, str(objective), _law_in_words(law))
    say(files)


def _law_in_words(law: Law | None) -> str:
    return "no law given" if law is None else f"law: {law!r}"


def _print(allocation: Allocation, law: str, files: Sequence[str], reasons: Sequence[str] = ()) -> None:
    """The allocation, and the exit code that its certificate asks for.

    Files are written by now: a pipe may close at any line.
    """
    print_allocation(allocation.event, allocation, law)
    say([*reasons, *files])
    raise typer.Exit(exit_code(allocation.certificate))
