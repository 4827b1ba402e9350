"""Commands about models and made-up books: verify, models, generate."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from adl_opt import __version__, examples
from adl_opt.cli.options import Force  # fmt: skip
from adl_opt.cli.output import console, table_of, writable, write_frame, written_as
from adl_opt.cli.parsing import parameters
from adl_opt.verification import catalog
from adl_opt.verification.model import verdicts


def verify(
    models: Annotated[
        list[str] | None, typer.Argument(help="names or .py files; default: all", show_default=False)
    ] = None,
) -> None:
    """Check every claim of the models; exit 1 if one fails."""
    chosen = [catalog.load(name) for name in (models or catalog.names())]
    failed = total = refuted = 0
    for model in chosen:
        table = table_of(
            f"{model.name}: {model.title}", "holds", "violation", "allowed", "claim", left=("holds", "claim")
        )
        with console.status(f"checking {model.name}") as status:
            for verdict in verdicts(model):
                total, failed, refuted = (
                    total + 1,
                    failed + (not verdict.as_stated),
                    refuted + verdict.claim.fails,
                )
                status.update(f"checking {model.name}: {verdict.claim.name} done")
                said = verdict.claim
                holds = (
                    ("[yellow]no, as stated[/]" if said.fails else "[green]yes[/]")
                    if verdict.as_stated
                    else "[red]NO[/]"
                )
                if said.fails and not verdict.as_stated:
                    holds = "[red]YES, against what is stated[/]"
                trouble = f" [red]{escape(verdict.trouble)}[/]" if verdict.trouble else ""
                table.add_row(
                    holds,
                    f"{verdict.violation:.2g}",
                    f"{said.tolerance:.0e}",
                    f"{said.statement} [dim]({said.source})[/]{trouble}",
                )
        console.print(table)
    stated = (
        f"{total - failed} of {total} claims are as stated, {refuted} of them stated to fail"
        if refuted
        else f"{total - failed} of {total} claims hold"
    )
    console.print(f"{stated} (violation: worst found, a pure number, 0 = holds exactly)")
    raise typer.Exit(1 if failed else 0)


def generate(
    output: Annotated[Path, typer.Argument(help=".parquet or .csv to write")],
    accounts: Annotated[int, typer.Option(help="how many accounts")] = 100_000,
    assets: Annotated[int, typer.Option(help="how many assets")] = 3,
    legs: Annotated[int, typer.Option(help="positions an account, at most")] = 3,
    seed: Annotated[int, typer.Option("--seed", help="of the random book")] = 1,
    force: Force = False,
) -> None:
    """Write a made-up cross-margin book, to try how far the methods go."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    book = examples.book(accounts, assets, legs, seed)
    with console.status(f"writing {len(book.position):,} positions"):
        write_frame(book.to_frame(), output)
    console.print(
        f"wrote {output}: {accounts:,} accounts, {len(book.assets)} assets, {len(book.position):,} "
        "positions\n"
        f"try: adl-opt solve {output} --short {book.assets[0]}=30% --volatility all=0.8 --correlation 0.7 "
        "--horizon 1/365 --law gaussian",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def models() -> None:
    """The models there are."""
    table = table_of(
        "models",
        "name",
        "what it says",
        "objective",
        "--set",
        "claims",
        left=("name", "what it says", "objective", "--set"),
    )
    for model in map(catalog.load, catalog.names()):
        table.add_row(
            model.name,
            f"{model.title} ({model.source})",
            str(model.objective),
            ", ".join(parameters(model.objective)),
            str(len(model.claims)),
        )
    console.print(table)
    console.print(f"adl-opt {__version__}; files in {catalog.folder()}", soft_wrap=True)
