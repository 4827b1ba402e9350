"""Commands about models and made-up books: verify, models, generate."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from adl_opt import examples
from adl_opt.cli.figures import share
from adl_opt.cli.options import Force, Strings, argument, option
from adl_opt.cli.output import console, say, say_command, writable, write_frame, written_as
from adl_opt.cli.parsing import LAW_TO_BEGIN_WITH, parameters
from adl_opt.cli.tables import Sheet
from adl_opt.progress import waiting
from adl_opt.verification import catalog
from adl_opt.verification.model import OF_EVERY_MODEL, Claim, Model, Verdict, verdicts

BOOK = "The book"
_WIDEST = 100  # columns of text that are read easily


def verify(
    models: Annotated[Strings, argument("MODEL", "names or .py files  [default: all]")] = None,
) -> None:
    """Check every claim of the models; exit 1 if one fails."""
    chosen = [catalog.load(name) for name in (models or catalog.names())]
    failed = total = refuted = 0
    for model in chosen:
        title = f"{model.name}: {escape(model.title)}"
        table = Sheet(title, "holds", "violation", "allowed", "claim", left=("holds", "claim"))
        for verdict in verdicts(model, progress=True):
            total, failed = total + 1, failed + (not verdict.as_stated)
            refuted += verdict.claim.fails
            table.add_row(*_cells(verdict))
        console.print(table)
    stated = (
        f"{total - failed} of {total} claims are as stated, {refuted} of them stated to fail"
        if refuted
        else f"{total - failed} of {total} claims hold"
    )
    say(["", f"{stated} (violation: worst found, a pure number, 0 = holds exactly)"])
    raise typer.Exit(1 if failed else 0)


def _cells(verdict: Verdict) -> tuple[str, ...]:
    said = verdict.claim
    if said.fails:
        holds = "[yellow]no, as stated[/]" if verdict.as_stated else "[red]YES, against what is stated[/]"
    else:
        holds = "[green]yes[/]" if verdict.as_stated else "[red]NO[/]"
    trouble = f" [red]{escape(verdict.trouble)}[/]" if verdict.trouble else ""
    violation = share(verdict.violation) if verdict.holds else f"{verdict.violation:.2g}"
    return holds, violation, share(said.tolerance), _stated(said) + trouble


def _stated(claim: Claim) -> str:
    return f"{escape(claim.statement)} [dim]({escape(claim.source)})[/]"


def generate(
    output: Annotated[Path, argument("FILE", ".parquet or .csv to write")],
    accounts: Annotated[int, option("--accounts", "N", "how many accounts", BOOK)] = 100_000,
    assets: Annotated[int, option("--assets", "N", "how many assets", BOOK)] = 3,
    legs: Annotated[int, option("--legs", "N", "positions an account, at most", BOOK)] = 3,
    seed: Annotated[int, option("--seed", "N", "of the random book", BOOK)] = 1,
    force: Force = False,
) -> None:
    """Write a made-up cross-margin book, to try the methods on."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    with waiting(f"making and writing {output}"):
        book = examples.book(accounts, assets, legs, seed)
        write_frame(book.to_frame(), output)
    say(
        [
            f"wrote {output}: {accounts:,} accounts, {len(book.assets)} assets, "
            f"{len(book.position):,} positions"
        ]
    )
    words = ["adl-opt", "solve", str(output), "--short", f"{book.assets[0]}=30%", *LAW_TO_BEGIN_WITH]
    say_command("try:", words)


def models(
    model: Annotated[str | None, argument("MODEL", "a name or .py file: all of it is shown")] = None,
) -> None:
    """The models, a line each; all of one that is named."""
    if model is None:
        _list()
    else:
        _show(catalog.load(model), catalog.path_of(model))


def _list() -> None:
    names = catalog.names()
    wide = max(map(len, names)) + 2
    with waiting("reading the models"):
        titles = {name: catalog.load(name).title for name in names}
    fit = {"width": console.width - wide, "placeholder": " ...", "break_on_hyphens": False}
    lines = [f"{name:{wide}}{textwrap.shorten(title, **fit)}" for name, title in titles.items()]
    say(lines)
    say(["", "adl-opt models NAME shows all of one, adl-opt verify NAME checks its claims"])


def _show(model: Model, path: Path) -> None:
    """The program, and what is said of it."""
    console.print(f"[bold]{model.name}[/]: {escape(model.title)}\n")
    width = min(console.width, _WIDEST)
    for block in catalog.program_of(path).split("\n\n"):
        if not block.startswith("Source:"):
            say([*_paragraph(block, width), ""])
    values = [f"{name} = {getattr(model.objective, name)}" for name in parameters(model.objective)]
    facts = {
        "source": model.source,
        "objective": str(model.objective),
        "parameters": f"{', '.join(values)} (--set changes them)" if values else "none",
        "law": "none" if model.law is None else repr(model.law),
        "accounts": f"{', '.join(f'{n:,}' for n in model.sizes)} in its events",
        "file": str(path),
    }
    for name, said in facts.items():
        indent = " " * 13
        say(textwrap.wrap(f"{name + ':':13}{said}", width, subsequent_indent=indent, break_long_words=False))
    table = Sheet("claims", "claim", "what it says", "allowed", left=("claim", "what it says"))
    for one in (*model.claims, *OF_EVERY_MODEL):
        fails = "[yellow]fails, as stated:[/] " if one.fails else ""
        table.add_row(one.name, fails + _stated(one), share(one.tolerance))
    console.print(table)
    say(["", "allowed: the violation up to which a claim holds, a pure number"])


def _paragraph(block: str, width: int) -> Iterator[str]:
    """A paragraph folded at the width; formulas, which are indented, keep their lines."""
    lines = block.splitlines() if block.startswith(" ") else [" ".join(block.split())]
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        yield from textwrap.wrap(
            line, width, subsequent_indent=indent * 2, break_long_words=False, break_on_hyphens=False
        )
