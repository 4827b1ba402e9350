"""The command line's laboratory: rules on trial. Commands that cli.py registers; they print and compute nothing (DESIGN 6)."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from . import axioms
from .exchanges import policy
from .queues import QueueRule
from .shock import stress
from .show import console, table_of
from .words import (
    BookFile,
    Force,
    Fund,
    Meant,
    Move,
    Solvent,
    SolventBook,
    Table,
    book_of,
    next_command,
    number,
    pairs,
    writable,
    write_frame,
    written_as,
)  # fmt: skip


def axioms_command(
    rule: Annotated[str, typer.Argument(help="a policy or an exchange's ranking rule by name, such as water_filling or bitmex")],
    seed: Annotated[int, typer.Option("--seed", help="of the random books")] = 1,
    output: Table = None,
    force: Force = False,
) -> None:
    """Which promises a rule keeps, with the smallest counterexample found."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    chosen = policy(rule)
    with console.status(f"searching for counterexamples to {rule}"):
        frame = axioms.check(chosen, seed)
    table = table_of(f"{rule}: {frame.attrs['how']}", "axiom", "holds", "counterexample", left=("axiom", "holds", "counterexample"))
    for line in frame.itertuples():
        holds = {True: "[green]yes[/]", False: "[red]NO[/]"}.get(line.holds, "not tested")
        table.add_row(line.axiom, holds, escape(line.counterexample) or f"[dim]{frame.attrs['says'][line.axiom]}[/]")
    console.print(table)
    if isinstance(chosen, QueueRule):
        console.print(
            f"source: {chosen.source}; it leaves nothing open: {'yes' if chosen.sure else 'no'}", soft_wrap=True, markup=False
        )
        console.print(f"assumed here: {chosen.assumed}", soft_wrap=True, markup=False)
    if output is not None:
        write_frame(frame, output)
        console.print(f"wrote {output}", soft_wrap=True)


def stress_command(
    book: BookFile,
    move: Move = None,
    fund: Fund = "0",
    solvent: Solvent = False,
    meant: Meant = False,
    output: SolventBook = None,
    force: Force = False,
) -> None:
    """A price shock: who fails, what the fund cannot pay, and what solvent accounts must close."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    found = stress(book_of(book, solvent), pairs(move, "--move"), number(fund, "--fund"), meant=meant)
    console.print(found.summary(), soft_wrap=True, highlight=False, markup=False)
    if found.book is None:
        console.print("no account is solvent: there is nobody to deleverage, and no book to write")
    elif output is not None:
        write_frame(found.book.to_frame(), output)
        console.print(
            f"wrote {output}: the {len(found.book.accounts):,} solvent accounts after the move", soft_wrap=True, highlight=False
        )
    if found.event is not None:
        hint = "" if output is not None else "   (-o after.csv writes that book)"
        console.print(
            f"next: {next_command(found.event, output or Path('after.csv'))}{hint}", soft_wrap=True, highlight=False, markup=False
        )
