"""The command line's laboratory: rules on trial.

Commands that app.py registers; they print and compute nothing.
"""

from pathlib import Path
from typing import Annotated

from rich.markup import escape

from adl_opt.cli.law_options import Meant
from adl_opt.cli.options import BookFile, Force, Fund, Move, Solvent, SolventBook, Table, argument, option
from adl_opt.cli.output import console, save_frame, say, say_command, writable, write_frame, written_as
from adl_opt.cli.parsing import book_of, next_command, number, pairs
from adl_opt.cli.tables import Sheet
from adl_opt.errors import AdlError
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.registry import policy
from adl_opt.progress import waiting
from adl_opt.studies import axioms
from adl_opt.studies.stress import stress


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


def stress_command(
    book: BookFile,
    move: Move = None,
    fund: Fund = "0",
    solvent: Solvent = False,
    meant: Meant = False,
    output: SolventBook = None,
    force: Force = False,
) -> None:
    """A price shock: who fails, and what solvent accounts must close."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    before, notes = book_of(book, solvent)
    if not move:
        first = before.assets[0]
        raise AdlError(
            f"stress needs a price move: --move {first}=-0.15 or {first}=-15%, one for each asset that "
            "moves; "
            f"--move {first}=0 marks the book where it stands"
        )
    with waiting("marking the book"):
        found = stress(before, pairs(move, "--move"), number(fund, "--fund"), meant=meant)
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
