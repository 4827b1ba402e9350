"""The command line's laboratory: rules on trial.

Commands that app.py registers; they print and compute nothing.
"""

from pathlib import Path
from typing import Annotated, Any, cast

from rich.markup import escape

from adl_opt.cli.law_options import NO_LAW, LawOptions
from adl_opt.cli.options import (
    EVENT,
    OUTPUT,
    BookFile,
    Force,
    Fund,
    Move,
    Table,
    argument,
    one_by_one,
    option,
)
from adl_opt.cli.output import console, save_frame, say, say_command, writable, write_frame, written_as
from adl_opt.cli.parsing import book_of, fraction, next_command, number, pairs
from adl_opt.cli.tables import Sheet
from adl_opt.data.book import Book
from adl_opt.data.maintenance import MaintenanceTiers
from adl_opt.errors import AdlError
from adl_opt.laws.base import Scenarios
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.registry import policy
from adl_opt.progress import waiting
from adl_opt.studies import axioms
from adl_opt.studies.stress import stress
from adl_opt.studies.stress_distribution import StressDistribution

_SAMPLE = 1024  # scenarios of a law that is none
Tiers = Annotated[
    Path | None,
    option("--tiers", "FILE", "maintenance margins: asset, notional_floor, rate (.csv, .parquet)", EVENT),
]
Slippage = Annotated[
    str | None, option("--slippage", "SHARE", "that liquidations cost: 0.5% or 0.005", EVENT)
]
FundFirst = Annotated[bool, option("--fund-first", None, "no event where the fund covers everything", EVENT)]
WithInsolvent = Annotated[
    bool, option("--solvent", None, "say how many are insolvent; their positions count all the same", EVENT)
]
StressTable = Annotated[
    Path | None,
    option("--output", "FILE", "solvent accounts after it, or scenarios: .csv, .parquet", OUTPUT, "-o"),
]
StressPlot = Annotated[Path | None, option("--plot", "FILE", "of a law: .png, .pdf, .svg")]


def axioms_command(
    rule: Annotated[str, argument("RULE", "a policy or exchange by name, such as water_filling or bitmex")],
    seed: Annotated[int, option("--seed", "N", "of the random books", "The search")] = 1,
    output: Table = None,
    force: Force = False,
) -> None:
    """Which promises a rule keeps, and the smallest counterexamples."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    chosen = policy(rule)
    frame = axioms.check(chosen, seed, progress=True)
    files = save_frame(frame, output)
    table = Sheet(
        escape(f"{rule}: {frame.attrs['how']}"),
        "axiom",
        "holds",
        "in cross margin",
        "counterexample",
        left=("axiom", "holds", "in cross margin", "counterexample"),
    )
    words = {True: "[green]yes[/]", False: "[red]NO[/]", None: "not tested"}
    for axiom, holds, found, in_cross, hedged in frame.itertuples(index=False):
        said = escape(found or ("" if in_cross is None else hedged))  # of isolated margin, if there is one
        table.add_row(axiom, words[holds], words[in_cross], said or f"[dim]{frame.attrs['says'][axiom]}[/]")
    console.print(table)
    if isinstance(chosen, QueueRule):
        open_ends = "yes" if chosen.sure else "no"
        say(
            [
                f"source: {chosen.source}; it leaves nothing open: {open_ends}",
                f"assumed here: {chosen.assumed}",
            ]
        )
    say(files)


@one_by_one
def stress_command(
    book: BookFile,
    move: Move = None,
    fund: Fund = "0",
    tiers: Tiers = None,
    slippage: Slippage = None,
    fund_first: FundFirst = False,
    solvent: WithInsolvent = False,
    law_options: LawOptions = NO_LAW,
    output: StressTable = None,
    plot: StressPlot = None,
    force: Force = False,
) -> None:
    """Who fails, now, after a move or over a law; what must be closed."""
    writable([output, plot], force)
    written_as(output, ".csv", ".parquet")
    written_as(plot, ".png", ".pdf", ".svg")
    before, notes = book_of(book, False)
    law = law_options.law(before)
    if law is not None and move:
        raise AdlError("--move is one scenario and a law many: leave out one of them")
    if law is None and plot is not None:
        raise AdlError(
            "--plot draws a stress over scenarios; give a law, such as --volatility all=0.8 --horizon 1/365"
        )
    if solvent:
        notes = [*notes, _insolvent(before)]
    how: dict[str, Any] = {
        "maintenance": None if tiers is None else MaintenanceTiers.read(tiers),
        "slippage": 0.0 if slippage is None else fraction(slippage, "--slippage"),
        "fund_first": fund_first,
    }
    money = number(fund, "--fund")
    if law is not None:
        scenarios = law if law.scenarios is not None else law.sample(_SAMPLE, law_options.seed)
        with waiting("stressing the book"):
            spread = stress(before, cast("Scenarios", scenarios), money, **how)
        _say_distribution(spread, notes, output, plot)
        return
    with waiting("marking the book"):
        found = stress(before, pairs(move, "--move"), money, **how, meant=law_options.meant)
    files = []
    if output is not None and found.book is not None:
        write_frame(found.book.to_frame(), output)
        files = [f"wrote {output}: the {len(found.book.accounts):,} solvent accounts after the move"]
    say([*notes, found.summary(), *files])
    if found.book is None:
        say(["no account is solvent: there is nobody to deleverage, and no book to write"])
    if found.event is not None:
        say_command("next:", next_command(found.event, output or Path("after.csv")))
        say([] if output is not None else ["(-o after.csv writes that book)"])


def _insolvent(book: Book) -> str:
    broke = int((book.equity <= 0).sum())
    return (
        f"{broke:,} of {len(book.equity):,} accounts are without positive equity; what they hold counts here"
    )


def _say_distribution(
    found: StressDistribution, notes: list[str], output: Path | None, plot: Path | None
) -> None:
    files = save_frame(found.to_frame(), output)
    if plot is not None:
        from adl_opt.plots.stress import stress as drawn

        drawn(found, plot)
        files = [*files, f"wrote {plot}: how likely more than so much is"]
    say([*notes, found.summary(), *files])
