"""The command line: reads options, calls the library, prints. It computes nothing (DESIGN 6).

Exit codes: 0 fine, 1 a claim or certificate fails, 2 bad input (one line on stderr).
"""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from adl_opt import __version__, catalog, examples, laboratory, replaywords
from adl_opt.errors import AdlError, UncertifiedWarning
from adl_opt.laws.base import Law
from adl_opt.model import verdicts
from adl_opt.pipes import outlived
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.optimal_range import optimal_range
from adl_opt.problem.problem import METHODS, Problem
from adl_opt.show import console, print_allocation, print_comparison, print_ranges, say, table_of
from adl_opt.studies.compare import compare as compare_policies
from adl_opt.words import (
    BookFile,
    Cap,
    ComparisonPlot,
    Correlation,
    Dof,
    Explain,
    Force,
    Horizon,
    LawName,
    Long,
    Meant,
    Measures,
    ModelName,
    Output,
    Plot,
    Policies,
    Prefer,
    Protect,
    Quadrature,
    Realized,
    Sample,
    ScenarioFile,
    Seed,
    Settings,
    Short,
    Solvent,
    Table,
    Volatility,
    event_of,
    exit_code,
    law_of,
    needs_law,
    objective_of,
    parameters,
    save_allocation,
    save_frame,
    writable,
    write_frame,
    written_as,
)  # fmt: skip

app = typer.Typer(
    help="Auto-deleveraging as convex optimization: proved allocations.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

_REMEDIES = (
    ("use law.quadrature(20) or law.sample(4096, seed=1)", "add --quadrature 20 or --sample 4096"),
    ("law.quadrature(20) or law.sample(4096, seed=1)", "--quadrature 20 or --sample 4096"),
    ("law.sample(4096, seed=1)", "--sample 4096"),
    ("say meant=True", "say --meant"),
    ("use method='auto'", "use --method auto"),
    ("use method='conic'", "use --method conic"),
    ('short={"BTC": 10.0} or long={"BTC": 10.0}', "--short BTC=10 or --long BTC=10"),
    ("book.solvent() (--solvent on the command line)", "--solvent"),
    ("waves.solvent() (--solvent on the command line)", "--solvent"),
    ("Waves.from_hyperreplay reads it (--hyperreplay on the command line)", "add --hyperreplay"),
)


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"adl-opt {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")] = False,
) -> None:
    """Auto-deleveraging as convex optimization: proved allocations."""


@app.command()
def demo(
    plot: Annotated[Path, typer.Option("--plot", help="picture of leverage before and after (.png, .pdf, .svg)")] = Path(
        "adl-opt-demo.png"
    ),
    force: Force = False,
) -> None:
    """The paper's four accounts: solve, prove, draw."""
    writable([plot], force)
    written_as(plot, ".png", ".pdf", ".svg")
    model = next(m for m in map(catalog.load, catalog.names()) if m.demo)
    problem = model.problem()
    allocation = problem.solve()
    drawn = save_allocation(allocation, None, plot)
    console.print(f"[bold]{model.title}[/]\n{model.source}\n")
    _print(allocation, f"law: {model.law!r}", drawn)


@app.command()
def solve(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    protect: Protect = None,
    cap: Cap = None,
    solvent: Solvent = False,
    model: ModelName = "expected_loss",
    settings: Settings = None,
    method: Annotated[str, typer.Option("--method", help=" | ".join(METHODS))] = "auto",
    prefer: Prefer = None,
    volatility: Volatility = None,
    correlation: Correlation = None,
    horizon: Horizon = None,
    scenarios: ScenarioFile = None,
    quadrature: Quadrature = None,
    sample: Sample = None,
    seed: Seed = 1,
    law_name: LawName = "lognormal",
    dof: Dof = None,
    meant: Meant = False,
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
    law = law_of(event.book, volatility, correlation, horizon, scenarios, quadrature, sample, seed, law_name, dof, meant)
    objective = objective_of(model, settings)
    needs_law(objective, event, law)
    problem = Problem(objective, event, law)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertifiedWarning)  # the status is printed and decides the exit code
        allocation = problem.solve(method=method, prefer=prefer, progress=console.is_terminal)
    reasons = [allocation.explain(account) for account in explain or ()]
    files = save_allocation(allocation, output, plot)
    say(notes)
    _print(allocation, _law_in_words(law), files, reasons)


@app.command(name="range")
def range_(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    protect: Protect = None,
    cap: Cap = None,
    solvent: Solvent = False,
    model: ModelName = "expected_loss",
    settings: Settings = None,
    volatility: Volatility = None,
    correlation: Correlation = None,
    horizon: Horizon = None,
    scenarios: ScenarioFile = None,
    quadrature: Quadrature = None,
    sample: Sample = None,
    seed: Seed = 1,
    law_name: LawName = "lognormal",
    dof: Dof = None,
    meant: Meant = False,
    output: Table = None,
    force: Force = False,
) -> None:
    """The least and the most that each position can close without leaving the optimum."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    event, notes = event_of(book, short, long, solvent, protect=protect, cap=cap)
    law = law_of(event.book, volatility, correlation, horizon, scenarios, quadrature, sample, seed, law_name, dof, meant)
    objective = objective_of(model, settings)
    needs_law(objective, event, law)
    with console.status("two programs a position, unless there is a closed form"):
        frame = optimal_range(Problem(objective, event, law))
    files = save_frame(frame, output)
    say(notes)
    print_ranges(event, frame, str(objective), _law_in_words(law))
    say(files)


@app.command()
def compare(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    protect: Protect = None,
    cap: Cap = None,
    realized: Realized = False,
    policies: Policies = None,
    measures: Measures = None,
    solvent: Solvent = False,
    volatility: Volatility = None,
    correlation: Correlation = None,
    horizon: Horizon = None,
    scenarios: ScenarioFile = None,
    quadrature: Quadrature = None,
    sample: Sample = None,
    seed: Seed = 1,
    law_name: LawName = "lognormal",
    dof: Dof = None,
    meant: Meant = False,
    output: Table = None,
    plot: ComparisonPlot = None,
    force: Force = False,
) -> None:
    """What each policy costs, with its gap to the proved optimum, and who bears it."""
    writable([output, plot], force)
    written_as(output, ".csv", ".parquet")
    written_as(plot, ".png", ".pdf", ".svg")
    event, notes = event_of(book, short, long, solvent, realized, protect, cap)
    law = law_of(event.book, volatility, correlation, horizon, scenarios, quadrature, sample, seed, law_name, dof, meant)
    chosen = [*(["realized"] if realized else []), *(policies or [])]
    plain = ["water_filling", "pro_rata"] if event.book.isolated else ["pro_rata", "gross_water_filling"]
    wanted = None if measures is None else [objective_of(name, None) for name in measures]
    frame = compare_policies(event, law, chosen + (plain if policies is None else []), wanted)
    files = save_frame(frame.reset_index(), output)
    if plot is not None:
        from adl_opt import plots

        plots.comparison(frame, plot)
        files.append(f"drew {plot}: what each policy exceeds the proved optimum by, and who bears it")
    say(notes)
    print_comparison(frame)
    say(files)


@app.command()
def verify(
    models: Annotated[list[str] | None, typer.Argument(help="names or .py files; default: all", show_default=False)] = None,
) -> None:
    """Check every claim of the models; exit 1 if one fails."""
    chosen = [catalog.load(name) for name in (models or catalog.names())]
    failed = total = refuted = 0
    for model in chosen:
        table = table_of(f"{model.name}: {model.title}", "holds", "violation", "allowed", "claim", left=("holds", "claim"))
        with console.status(f"checking {model.name}") as status:
            for verdict in verdicts(model):
                total, failed, refuted = total + 1, failed + (not verdict.as_stated), refuted + verdict.claim.fails
                status.update(f"checking {model.name}: {verdict.claim.name} done")
                said = verdict.claim
                holds = ("[yellow]no, as stated[/]" if said.fails else "[green]yes[/]") if verdict.as_stated else "[red]NO[/]"
                if said.fails and not verdict.as_stated:
                    holds = "[red]YES, against what is stated[/]"
                trouble = f" [red]{escape(verdict.trouble)}[/]" if verdict.trouble else ""
                table.add_row(
                    holds, f"{verdict.violation:.2g}", f"{said.tolerance:.0e}", f"{said.statement} [dim]({said.source})[/]{trouble}"
                )
        console.print(table)
    stated = (
        f"{total - failed} of {total} claims are as stated, {refuted} of them stated to fail"
        if refuted
        else f"{total - failed} of {total} claims hold"
    )
    console.print(f"{stated} (violation: worst found, a pure number, 0 = holds exactly)")
    raise typer.Exit(1 if failed else 0)


@app.command()
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
        f"wrote {output}: {accounts:,} accounts, {len(book.assets)} assets, {len(book.position):,} positions\n"
        f"try: adl-opt solve {output} --short {book.assets[0]}=30% --volatility all=0.8 --correlation 0.7 --horizon 1/365 --law gaussian",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


@app.command()
def models() -> None:
    """The models there are."""
    table = table_of(
        "models", "name", "what it says", "objective", "--set", "claims", left=("name", "what it says", "objective", "--set")
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


app.command("axioms")(laboratory.axioms_command)
app.command("stress")(laboratory.stress_command)
app.command("replay")(replaywords.replay)
app.command("twin")(replaywords.twin)


def main() -> None:
    """Entry point: bad input is one line on stderr and exit 2, never a traceback; a reader that leaves changes nothing."""
    with outlived():
        try:
            app()
        except (AdlError, OSError) as error:  # OSError: a full disk under stdout, say
            print(f"adl-opt: {_for_the_command_line(str(error))}", file=sys.stderr)
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            print("adl-opt: interrupted", file=sys.stderr)
            raise SystemExit(130) from None


def _for_the_command_line(sentence: str) -> str:
    """The remedies of the library, in options."""
    for python, option in _REMEDIES:
        sentence = sentence.replace(python, option)
    return sentence


def _law_in_words(law: Law | None) -> str:
    return "no law given" if law is None else f"law: {law!r}"


def _print(allocation: Allocation, law: str, files: Sequence[str], reasons: Sequence[str] = ()) -> None:
    """The allocation, and the exit code that its certificate asks for. Files are written by now: a pipe may close at any line."""
    print_allocation(allocation.event, allocation, law)
    say([*reasons, *files])
    raise typer.Exit(exit_code(allocation.certificate))
