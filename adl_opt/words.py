"""What the words of a command mean: options, events, laws, objectives, output files (DESIGN 6)."""

import shlex
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from . import catalog
from .book import Book
from .elliptical import Gaussian, StudentT
from .errors import AdlError
from .event import Event
from .history import realized_event
from .laws import Law, Scenarios
from .lognormal import LogNormal
from .objectives import ExpectedLoss, Objective
from .problem import PREFER
from .show import console
from .tables import read_columns

LAWS = ("lognormal", "gaussian", "student")
BookFile = Annotated[Path, typer.Argument(help="CSV or Parquet: account, asset, position, price, equity", show_default=False)]
Short = Annotated[
    list[str] | None,
    typer.Option("--short", help="ASSET=CONTRACTS of shorts to close; ASSET=all: the capacity", show_default=False),
]
Long = Annotated[list[str] | None, typer.Option("--long", help="ASSET=CONTRACTS of longs to close", show_default=False)]
Realized = Annotated[
    bool, typer.Option("--realized", help="require what was really closed (column realized_closed), and compare it too")
]
Policies = Annotated[
    list[str] | None, typer.Option("--policy", help="a policy by name, several times; default: two yardsticks", show_default=False)
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="measures: a model's objective by name, several times; default: ExpectedLoss and MaxLeverage",
        show_default=False,
    ),
]
Solvent = Annotated[bool, typer.Option("--solvent", help="leave out accounts without positive equity, and say so")]
Protect = Annotated[
    list[str] | None, typer.Option("--protect", help="an account of which nothing may be closed, repeatable", show_default=False)
]
Cap = Annotated[
    str | None,
    typer.Option("--cap", help="the most that may be closed of each position, as a fraction such as 0.5", show_default=False),
]
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
Meant = Annotated[
    bool,
    typer.Option("--meant", help="moves above 100 % or below -100 %, volatilities and horizons that look like slips are meant"),
]
LawName = Annotated[str, typer.Option("--law", help="of --volatility: lognormal | gaussian | student (with --dof)")]
Dof = Annotated[float | None, typer.Option("--dof", help="degrees of freedom of --law student, above 2", show_default=False)]
Quadrature = Annotated[
    int | None, typer.Option("--quadrature", help="nodes per asset of a Gauss-Hermite rule for the law", show_default=False)
]
Sample = Annotated[int | None, typer.Option("--sample", help="number of Sobol scenarios drawn from the law", show_default=False)]
Seed = Annotated[int, typer.Option("--seed", help="of --sample")]
ModelName = Annotated[str, typer.Option("--model", help="whose objective to minimise: a name (adl-opt models) or a .py file")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="PARAMETER=NUMBER of the objective (level=0.99), or NUMBER,NUMBER,... (weights=0.1,0.2,0.7); adl-opt models names them",
        show_default=False,
    ),
]
Explain = Annotated[
    list[str] | None, typer.Option("--explain", help="an account, repeatable: why it was reduced or spared", show_default=False)
]
Prefer = Annotated[
    str | None, typer.Option("--prefer", help="which optimum, if there are several: " + " | ".join(PREFER), show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="overwrite existing output files")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="write every leg to .csv, .parquet or (with the proof) .json", show_default=False),
]
Table = Annotated[Path | None, typer.Option("--output", "-o", help="write the whole table to .csv or .parquet", show_default=False)]
Move = Annotated[
    list[str] | None,
    typer.Option(
        "--move", help="ASSET=RELATIVE price move, repeatable: BTC=-0.15 is 15 % down; others do not move", show_default=False
    ),
]
Fund = Annotated[str, typer.Option("--fund", help="what the insurance fund holds, quote currency, such as 1e6")]
SolventBook = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="write the solvent accounts after the move to .csv or .parquet", show_default=False),
]
Plot = Annotated[
    Path | None, typer.Option("--plot", help="picture of leverage before and after (.png, .pdf, .svg)", show_default=False)
]


def event_of(
    path: Path,
    short: list[str] | None,
    long: list[str] | None,
    solvent: bool,
    realized: bool = False,
    protect: list[str] | None = None,
    cap: str | None = None,
) -> Event:
    if realized and (short or long):
        raise AdlError("--realized requires what was really closed; leave out --short and --long, or leave out --realized")
    book, most = book_of(path, solvent), 1.0 if cap is None else number(cap, "--cap")
    if realized:
        return realized_event(book, protected=protect or (), cap=most)
    return Event(book, short=pairs(short, "--short"), long=pairs(long, "--long"), protected=protect or (), cap=most)


def book_of(path: Path, solvent: bool) -> Book:
    """The book of a file, without accounts of no positive equity if `solvent`: what is left out is printed."""
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
    return book


def pairs(given: Iterable[str] | None, option: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise AdlError(
                f"{option} {text!r}: write "
                + (
                    "PARAMETER=NUMBER, such as level=0.99"
                    if option == "--set"
                    else f"ASSET=NUMBER, such as BTC={'-0.15' if option == '--move' else '10'}"
                )
            )
        if name in found:
            raise AdlError(f"{option} names {name!r} twice")
        share = option in ("--short", "--long") and value.endswith("%")
        found[name] = value if value.lower() == "all" or share else numbers(value, f"{option} {name}")
    return found


def numbers(text: str, what: str) -> float | tuple[float, ...]:
    """A number, or several with commas between: 0.1,0.2,0.7."""
    return tuple(number(part, what) for part in text.split(",")) if "," in text else number(text, what)


def number(text: str, what: str) -> float:
    try:
        return float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        raise AdlError(f"{what}: {text!r} is not a number") from None


def law_of(
    book: Book,
    volatility: list[str] | None,
    correlation: float | None,
    horizon: str | None,
    scenarios: Path | None,
    quadrature: int | None,
    sample: int | None,
    seed: int,
    name: str = "lognormal",
    dof: float | None = None,
    meant: bool = False,
) -> Law | None:
    if name not in LAWS:
        raise AdlError(f"--law {name!r} is not known; there are {', '.join(LAWS)}")
    if (dof is not None) != (name == "student"):
        raise AdlError("--law student needs --dof, above 2" if name == "student" else "--dof goes with --law student")
    if dof is not None and not dof > 2:
        raise AdlError(f"--dof {dof:g}: a volatility needs more than 2 degrees of freedom")
    if scenarios is not None:
        if any(option is not None for option in (volatility, correlation, horizon, quadrature, sample)):
            raise AdlError(
                "--scenarios is a law by itself: leave out --volatility, --correlation, --horizon, --quadrature and --sample"
            )
        return scenarios_of(scenarios, meant)
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
    given = pairs(volatility, "--volatility")
    if set(given) == {"all"}:
        given = dict.fromkeys(book.assets, given["all"])
    law: Law = LogNormal(given, correlation, number(horizon, "--horizon"), meant=meant)
    if name != "lognormal":
        law = _elliptical(law, dof, meant)
    if quadrature is not None and sample is not None:
        raise AdlError("--quadrature and --sample are two ways to discretise a law: choose one")
    if quadrature is not None:
        return law.quadrature(quadrature)
    return law if sample is None else law.sample(sample, seed)


def _elliptical(law: LogNormal, dof: float | None, meant: bool) -> Law:
    """The Gaussian or Student t law of relative moves with the same volatilities and correlations over the horizon."""
    import pandas as pd

    labels = list(law.assets or ())
    covariance = law.correlation * np.outer(law.deviation, law.deviation)
    frame = pd.DataFrame(covariance, index=labels, columns=labels)
    return Gaussian(frame, meant=meant) if dof is None else StudentT(frame * (dof - 2) / dof, dof, meant=meant)


def scenarios_of(path: Path, meant: bool = False) -> Scenarios:
    columns = {name: values.to_pandas() for name, values in read_columns(path, "--scenarios")[0].items()}
    weight = columns.pop("probability", None)
    return Scenarios(columns, weight, meant=meant)


def objective_of(name: str, settings: list[str] | None) -> Objective:
    # The default model's objective is in the library; loading the file would read pandas for nothing.
    objective: Objective = ExpectedLoss() if name == "expected_loss" else catalog.load(name).objective
    changes = pairs(settings, "--set")
    known = parameters(objective)
    odd = [key for key in changes if key not in known]
    if odd:
        raise AdlError(f"--set {odd[0]}: {objective} has " + (f"the parameters {', '.join(known)}" if known else "no parameters"))
    return replace(objective, **changes) if changes else objective


def parameters(objective: Objective) -> list[str]:
    """The names that --set knows."""
    return [field.name for field in fields(objective) if field.init] if is_dataclass(objective) else []


def next_command(event: Event, file: Path) -> str:
    """The solve of `event` on the book written to `file`; cross margin is given a law to begin with."""
    words = ["adl-opt", "solve", str(file)]
    for option, amounts in (("--short", event.short), ("--long", event.long)):
        for asset, amount in amounts.items():
            whole = amount == event.capacities[event.book.number_of[asset]]
            words += [option, f"{asset}=all" if whole else f"{asset}={amount!r}"]
    if not event.book.isolated:
        words += ["--volatility", "all=0.8", "--correlation", "0.7", "--horizon", "1/365", "--law", "gaussian"]
    return shlex.join(words)


def needs_law(objective: Objective, event: Event, law: Law | None) -> None:
    """Raise AdlError, naming the options, for a monotone objective in cross margin without a law."""
    if law is None and objective.monotone and not event.book.isolated:
        raise AdlError(
            f"{objective} in cross margin needs a law: --volatility ASSET=0.6 --correlation 0.85 --horizon 10/365 --quadrature 20, or --scenarios FILE"
        )


def writable(paths: Iterable[Path | None], force: bool) -> None:
    for path in paths:
        if path is not None and path.is_dir():
            raise AdlError(f"{str(path)!r} is a folder; name a file")
        if path is not None and path.exists() and not force:
            raise AdlError(f"{str(path)!r} exists and is not overwritten; say --force or choose another name")
        if path is not None and not path.resolve().parent.is_dir():
            raise AdlError(f"the folder of {str(path)!r} does not exist")


def written_as(output: Path | None, *suffixes: str) -> None:
    if output is not None and output.suffix.lower() not in suffixes:
        raise AdlError(f"{str(output)!r}: its ending must be one of {', '.join(suffixes)}")


def write_frame(frame: Any, path: Path) -> None:
    try:
        frame.to_parquet(path, index=False) if path.suffix.lower() == ".parquet" else frame.to_csv(path, index=False)
    except OSError as error:
        raise AdlError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None
