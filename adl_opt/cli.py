"""The command line: reads options, calls the library, prints. It computes nothing (DESIGN 6).

Exit codes: 0 fine, 1 a claim or certificate fails, 2 bad input (one line on stderr).
"""

import sys
import warnings
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from . import __version__, catalog
from .allocation import Allocation
from .book import Book
from .comparison import compare as compare_policies
from .errors import AdlError, UncertifiedWarning
from .event import Event
from .laws import Law, LogNormal, Scenarios
from .model import verdicts
from .objectives import ExpectedLoss, Objective
from .problem import METHODS, Problem
from .show import console, figure, print_allocation, table_of

app = typer.Typer(
    help="Auto-deleveraging as convex optimization: proved allocations.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

BookFile = Annotated[Path, typer.Argument(help="CSV or Parquet: account, asset, position, price, equity", show_default=False)]
Short = Annotated[
    list[str] | None,
    typer.Option("--short", help="ASSET=CONTRACTS of shorts to close; ASSET=all: the capacity", show_default=False),
]
Long = Annotated[list[str] | None, typer.Option("--long", help="ASSET=CONTRACTS of longs to close", show_default=False)]
Solvent = Annotated[bool, typer.Option("--solvent", help="leave out accounts without positive equity, and say so")]
Volatility = Annotated[
    list[str] | None,
    typer.Option("--volatility", help="ASSET=YEARLY (0.6 = 60 %), or one number for a book of one asset", show_default=False),
]
Correlation = Annotated[float | None, typer.Option("--correlation", help="one number for all pairs of assets", show_default=False)]
Horizon = Annotated[str | None, typer.Option("--horizon", help="years, such as 10/365", show_default=False)]
ScenarioFile = Annotated[
    Path | None,
    typer.Option(
        "--scenarios", help="CSV or Parquet of relative price moves, a column an asset (and probability)", show_default=False
    ),
]
Quadrature = Annotated[
    int | None, typer.Option("--quadrature", help="nodes per asset of a Gauss-Hermite rule for the law", show_default=False)
]
Sample = Annotated[int | None, typer.Option("--sample", help="number of Sobol scenarios drawn from the law", show_default=False)]
Seed = Annotated[int, typer.Option("--seed", help="of --sample")]
ModelName = Annotated[str, typer.Option("--model", help="whose objective to minimise: a name (adl-opt models) or a .py file")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="PARAMETER=NUMBER of the objective", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="overwrite existing output files")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="write every leg to .csv, .parquet or (with the proof) .json", show_default=False),
]
Plot = Annotated[
    Path | None, typer.Option("--plot", help="picture of leverage before and after (.png, .pdf, .svg)", show_default=False)
]


_REMEDIES = (
    ("use law.quadrature(20) or law.sample(4096, seed=1)", "add --quadrature 20 or --sample 4096"),
    ("law.quadrature(20) or law.sample(4096, seed=1)", "--quadrature 20 or --sample 4096"),
    ('short={"BTC": 10.0} or long={"BTC": 10.0}', "--short BTC=10 or --long BTC=10"),
    ("book.solvent() (--solvent on the command line)", "--solvent"),
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
def demo(plot: Plot = Path("adl-opt-demo.png"), force: Force = False) -> None:
    """The paper's four accounts: solve, prove, draw."""
    _writable([plot], force)
    model = next(m for m in map(catalog.load, catalog.names()) if m.demo)
    problem = model.problem()
    console.print(f"[bold]{model.title}[/]\n{model.source}\n")
    _finish(problem.event, problem.solve(), None, plot, f"law: {model.law!r}")


@app.command()
def solve(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    solvent: Solvent = False,
    model: ModelName = "expected_loss",
    settings: Settings = None,
    method: Annotated[str, typer.Option("--method", help=" | ".join(METHODS))] = "auto",
    volatility: Volatility = None,
    correlation: Correlation = None,
    horizon: Horizon = None,
    scenarios: ScenarioFile = None,
    quadrature: Quadrature = None,
    sample: Sample = None,
    seed: Seed = 1,
    output: Output = None,
    plot: Plot = None,
    force: Force = False,
) -> None:
    """Who closes how much, with its certificate.

    Isolated margin and a monotone objective need no law: the answer is optimal for every law (Thm 1).
    """
    _writable([output, plot], force)
    _written_as(output, ".csv", ".parquet", ".json")
    _written_as(plot, ".png", ".pdf", ".svg")
    event = _event(book, short, long, solvent)
    law = _law(event.book, volatility, correlation, horizon, scenarios, quadrature, sample, seed)
    objective = _objective(model, settings)
    if law is None and objective.monotone and not event.book.isolated:
        raise AdlError(
            f"{objective} in cross margin needs a law: --volatility ASSET=0.6 --correlation 0.85 --horizon 10/365 --quadrature 20, or --scenarios FILE"
        )
    problem = Problem(objective, event, law)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertifiedWarning)  # the status is printed and decides the exit code
        allocation = problem.solve(method=method)
    _finish(event, allocation, output, plot, "no law given" if law is None else f"law: {law!r}")


@app.command()
def compare(
    book: BookFile,
    short: Short = None,
    long: Long = None,
    solvent: Solvent = False,
    volatility: Volatility = None,
    correlation: Correlation = None,
    horizon: Horizon = None,
    scenarios: ScenarioFile = None,
    quadrature: Quadrature = None,
    sample: Sample = None,
    seed: Seed = 1,
    output: Output = None,
    force: Force = False,
) -> None:
    """What each policy costs, with its gap to the proved optimum."""
    _writable([output], force)
    _written_as(output, ".csv", ".parquet")
    event = _event(book, short, long, solvent)
    law = _law(event.book, volatility, correlation, horizon, scenarios, quadrature, sample, seed)
    frame = compare_policies(event, law)
    table = table_of(
        "money in quote currency, MaxLeverage in x of equity; gap: share of the value above the proved bound (values below 1e-6 of pro rata count as it)",
        "policy", *("gap" if "gap" in c else c.removeprefix("accounts ") for c in frame.columns), left=("policy",),
    )  # fmt: skip
    for name, row in frame.iterrows():
        cells = (f"{int(v):,}" if c == "accounts reduced" else f"{v:.2g}" if "gap" in str(c) else figure(v) for c, v in row.items())
        table.add_row(str(name), *cells)
    console.print(table)
    if output is not None:
        _write_frame(frame.reset_index(), output)


@app.command()
def verify(
    models: Annotated[list[str] | None, typer.Argument(help="names or .py files; default: all", show_default=False)] = None,
) -> None:
    """Check every claim of the models; exit 1 if one fails."""
    chosen = [catalog.load(name) for name in (models or catalog.names())]
    failed = total = 0
    for model in chosen:
        table = table_of(f"{model.name}: {model.title}", "holds", "violation", "allowed", "claim", left=("holds", "claim"))
        with console.status(f"checking {model.name}") as status:
            for verdict in verdicts(model):
                total, failed = total + 1, failed + (not verdict.holds)
                status.update(f"checking {model.name}: {verdict.claim.name} done")
                holds, said = "[green]yes[/]" if verdict.holds else "[red]NO[/]", verdict.claim
                trouble = f" [red]{escape(verdict.trouble)}[/]" if verdict.trouble else ""
                table.add_row(
                    holds, f"{verdict.violation:.2g}", f"{said.tolerance:.0e}", f"{said.statement} [dim]({said.source})[/]{trouble}"
                )
        console.print(table)
    console.print(f"{total - failed} of {total} claims hold (violation: worst found, a pure number, 0 = holds exactly)")
    raise typer.Exit(1 if failed else 0)


@app.command()
def models() -> None:
    """The models there are."""
    table = table_of("models", "name", "what it says", "objective", "claims", left=("name", "what it says", "objective"))
    for model in map(catalog.load, catalog.names()):
        table.add_row(model.name, f"{model.title} ({model.source})", str(model.objective), str(len(model.claims)))
    console.print(table)
    console.print(f"adl-opt {__version__}; files in {catalog.folder()}", soft_wrap=True)


def main() -> None:
    """Entry point: bad input is one line on stderr and exit 2, never a traceback."""
    try:
        app()
    except AdlError as error:
        print(f"adl-opt: {_for_the_command_line(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("adl-opt: interrupted; nothing was written", file=sys.stderr)
        raise SystemExit(130) from None


def _for_the_command_line(sentence: str) -> str:
    """The remedies of the library, in options."""
    for python, option in _REMEDIES:
        sentence = sentence.replace(python, option)
    return sentence


def _event(path: Path, short: list[str] | None, long: list[str] | None, solvent: bool) -> Event:
    book = Book.read(path)
    if solvent:
        broke = book.equity <= 0
        kept = book.solvent()
        left_out = float(abs(book.notional[broke[book.account]]).sum())
        console.print(
            f"left out {int(broke.sum()):,} of {len(broke):,} accounts without positive equity: equity {book.equity[broke].sum():,.6g}, "
            f"gross notional {left_out:,.6g} (quote currency)",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
        book = kept
    return Event(book, short=_pairs(short, "--short"), long=_pairs(long, "--long"))


def _pairs(given: Iterable[str] | None, option: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise AdlError(f"{option} {text!r}: write ASSET=NUMBER, such as BTC=10")
        if name in pairs:
            raise AdlError(f"{option} names {name!r} twice")
        pairs[name] = "all" if value.lower() == "all" else _number(value, f"{option} {name}")
    return pairs


def _number(text: str, what: str) -> float:
    try:
        return float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        raise AdlError(f"{what}: {text!r} is not a number") from None


def _law(
    book: Book,
    volatility: list[str] | None,
    correlation: float | None,
    horizon: str | None,
    scenarios: Path | None,
    quadrature: int | None,
    sample: int | None,
    seed: int,
) -> Law | None:
    if scenarios is not None:
        if any(option is not None for option in (volatility, correlation, horizon, quadrature, sample)):
            raise AdlError(
                "--scenarios is a law by itself: leave out --volatility, --correlation, --horizon, --quadrature and --sample"
            )
        return _scenarios(scenarios)
    if not volatility:
        if any(option is not None for option in (correlation, horizon, quadrature, sample)):
            raise AdlError("a lognormal law needs --volatility ASSET=0.6 (a year)")
        return None
    if horizon is None:
        raise AdlError("--volatility needs --horizon, in years, such as 10/365")
    if len(volatility) == 1 and "=" not in volatility[0]:
        if len(book.assets) > 1:
            raise AdlError(
                f"--volatility {volatility[0]}: the book has {len(book.assets)} assets; write ASSET={volatility[0]} for each"
            )
        volatility = [f"{book.assets[0]}={volatility[0]}"]
    law = LogNormal(_pairs(volatility, "--volatility"), correlation, _number(horizon, "--horizon"))
    if quadrature is not None and sample is not None:
        raise AdlError("--quadrature and --sample are two ways to discretise a law: choose one")
    if quadrature is not None:
        return law.quadrature(quadrature)
    return law if sample is None else law.sample(sample, seed)


def _scenarios(path: Path) -> Scenarios:
    import pandas as pd

    try:
        frame = pd.read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise AdlError(f"--scenarios {str(path)!r} cannot be read: {str(error).splitlines()[0]}") from None
    weight = frame.pop("probability") if "probability" in frame.columns else None
    return Scenarios(frame, weight)


def _objective(name: str, settings: list[str] | None) -> Objective:
    # The default model's objective is in the library; loading the file would read pandas for nothing.
    objective: Objective = ExpectedLoss() if name == "expected_loss" else catalog.load(name).objective
    changes = _pairs(settings, "--set")
    known = [field.name for field in fields(objective) if field.init] if is_dataclass(objective) else []
    odd = [key for key in changes if key not in known]
    if odd:
        raise AdlError(f"--set {odd[0]}: {objective} has " + (f"the parameters {', '.join(known)}" if known else "no parameters"))
    return replace(objective, **changes) if changes else objective


def _writable(paths: Iterable[Path | None], force: bool) -> None:
    for path in paths:
        if path is not None and path.is_dir():
            raise AdlError(f"{str(path)!r} is a folder; name a file")
        if path is not None and path.exists() and not force:
            raise AdlError(f"{str(path)!r} exists and is not overwritten; say --force or choose another name")
        if path is not None and not path.resolve().parent.is_dir():
            raise AdlError(f"the folder of {str(path)!r} does not exist")


def _written_as(output: Path | None, *suffixes: str) -> None:
    if output is not None and output.suffix.lower() not in suffixes:
        raise AdlError(f"{str(output)!r}: its ending must be one of {', '.join(suffixes)}")


def _finish(event: Event, allocation: Allocation, output: Path | None, plot: Path | None, law: str) -> None:
    print_allocation(event, allocation, law)
    if output is not None:
        allocation.save(output, overwrite=True) if output.suffix == ".json" else _write_frame(allocation.to_frame(), output)
        console.print(f"wrote {output}", soft_wrap=True)
    if plot is not None:
        allocation.plot(plot)
        console.print(f"drew {plot}", soft_wrap=True)
    raise typer.Exit(0 if allocation.certificate.certified else 1)


def _write_frame(frame: Any, path: Path) -> None:
    try:
        frame.to_parquet(path, index=False) if path.suffix.lower() == ".parquet" else frame.to_csv(path, index=False)
    except OSError as error:
        raise AdlError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None
