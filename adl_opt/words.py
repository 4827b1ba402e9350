"""What the words of a command mean: options, events, laws, objectives, output files (DESIGN 6)."""

import shlex
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from adl_opt import catalog
from adl_opt.certificates.certificate import Certificate
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.data.tables import read_columns
from adl_opt.errors import AdlError
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.elliptical import Gaussian, StudentT
from adl_opt.laws.lognormal import LogNormal
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.parsing import fraction, number, pairs
from adl_opt.policies.realized import realized_event
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.problem import PREFER

LAWS = ("lognormal", "gaussian", "student")
BookFile = Annotated[Path, typer.Argument(help="CSV or Parquet: account, asset, position, price, equity", show_default=False)]
Short = Annotated[
    list[str] | None,
    typer.Option(
        "--short",
        help="ASSET=CONTRACTS of shorts to close; ASSET=35%: that share of the capacity; ASSET=all: the capacity",
        show_default=False,
    ),
]
Long = Annotated[list[str] | None, typer.Option("--long", help="the same of longs", show_default=False)]
Realized = Annotated[
    bool, typer.Option("--realized", help="require what was really closed (column realized_closed), and compare it too")
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", help="a policy by name, several times; default: pro_rata and (gross_)water_filling", show_default=False
    ),
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="measures: a model's objective by name, several times; default: MaxLeverage and ExpectedLoss, without a law LeverageSquare",
        show_default=False,
    ),
]
Solvent = Annotated[bool, typer.Option("--solvent", help="leave out accounts without positive equity, and say so")]
Protect = Annotated[
    list[str] | None, typer.Option("--protect", help="an account of which nothing may be closed, repeatable", show_default=False)
]
Cap = Annotated[
    str | None,
    typer.Option("--cap", help="the most that may be closed of each position, as a fraction: 0.5 or 50%", show_default=False),
]
Volatility = Annotated[
    list[str] | None,
    typer.Option(
        "--volatility",
        help="ASSET=YEARLY, 0.6 or 60%; all=YEARLY: every asset alike; the number alone for a book of one asset",
        show_default=False,
    ),
]
Correlation = Annotated[
    str | None,
    typer.Option("--correlation", help="one number for all pairs of assets, 0.85 or 85%", show_default=False),
]
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
        help="PARAMETER=NUMBER of the objective (level=0.99 or 99%), or NUMBER,NUMBER,... (weights=0.1,0.2,0.7); adl-opt models names them",
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
        "--move",
        help="ASSET=RELATIVE price move, repeatable: BTC=-0.15 or BTC=-15% is down; others do not move",
        show_default=False,
    ),
]
Fund = Annotated[str, typer.Option("--fund", help="what the insurance fund holds, quote currency, such as 1e6")]
SolventBook = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="write the solvent accounts after the move to .csv or .parquet", show_default=False),
]
ComparisonPlot = Annotated[
    Path | None,
    typer.Option("--plot", help="picture of what policies exceed the optimum by (.png, .pdf, .svg)", show_default=False),
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
) -> tuple[Event, list[str]]:
    """The event, and what to say of reading it."""
    if realized and (short or long):
        raise AdlError("--realized requires what was really closed; leave out --short and --long, or leave out --realized")
    (book, notes), most = book_of(path, solvent), 1.0 if cap is None else fraction(cap, "--cap")
    if realized:
        return realized_event(book, protected=protect or (), cap=most), notes
    required = {"short": pairs(short, "--short"), "long": pairs(long, "--long")}
    return Event(book, **required, protected=protect or (), cap=most), notes


def book_of(path: Path, solvent: bool) -> tuple[Book, list[str]]:
    """The book of a file, without accounts of no positive equity if `solvent`, and in words what is left out."""
    book = Book.read(path)
    if not solvent:
        return book, []
    broke = book.equity <= 0
    left_out = float(abs(book.notional[broke[book.account]]).sum())
    said = (
        f"left out {int(broke.sum()):,} of {len(broke):,} accounts without positive equity: "
        f"equity {book.equity[broke].sum():,.6g}, gross notional {left_out:,.6g} (quote currency)"
    )
    return book.solvent(), [said]


def law_of(
    book: Book,
    volatility: list[str] | None,
    correlation: str | None,
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
                f"--volatility {volatility[0]}: the book has {len(book.assets)} assets; write all={volatility[0]}, or ASSET={volatility[0]} for each"
            )
        volatility = [f"{book.assets[0]}={volatility[0]}"]
    given = pairs(volatility, "--volatility")
    if set(given) == {"all"}:
        given = dict.fromkeys(book.assets, given["all"])
    rho = None if correlation is None else fraction(correlation, "--correlation")
    law: Law = LogNormal(given, rho, number(horizon, "--horizon"), meant=meant)
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


def exit_code(certificate: Certificate) -> int:
    """What a command that shows this certificate ends with: 0 where there is nothing left to save that counts, else 1."""
    return 0 if certificate.status in ("certified", "negligible") else 1


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


def save_frame(frame: Any, output: Path | None) -> list[str]:
    """Write a table, if a file is named: what to say of it. Before anything is printed, since a reader may leave at any line."""
    if output is None:
        return []
    write_frame(frame, output)
    return [f"wrote {output}"]


def save_allocation(allocation: Allocation, output: Path | None, plot: Path | None) -> list[str]:
    """Write and draw what is named: what to say of it."""
    files = []
    if output is not None and output.suffix.lower() == ".json":
        allocation.save(output, overwrite=True)
        files.append(f"wrote {output}")
    elif output is not None:
        files += save_frame(allocation.to_frame(), output)
    if plot is not None:
        allocation.plot(plot)
        files.append(f"drew {plot}")
    return files
