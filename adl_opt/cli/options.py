"""The options of the commands, each said once; those of a law are in law_options.py."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from adl_opt.problem.problem import PREFER

BookFile = Annotated[
    Path, typer.Argument(help="CSV or Parquet: account, asset, position, price, equity", show_default=False)
]
Short = Annotated[
    list[str] | None,
    typer.Option(
        "--short",
        help=(
            "ASSET=CONTRACTS of shorts to close; ASSET=35%: that share of the capacity; ASSET=all: the "
            "capacity"
        ),
        show_default=False,
    ),
]
Long = Annotated[list[str] | None, typer.Option("--long", help="the same of longs", show_default=False)]
Realized = Annotated[
    bool,
    typer.Option(
        "--realized", help="require what was really closed (column realized_closed), and compare it too"
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        help="a policy by name, several times; default: pro_rata and (gross_)water_filling",
        show_default=False,
    ),
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help=(
            "measures: a model's objective by name, several times; default: MaxLeverage and ExpectedLoss, "
            "without a law LeverageSquare"
        ),
        show_default=False,
    ),
]
Solvent = Annotated[
    bool, typer.Option("--solvent", help="leave out accounts without positive equity, and say so")
]
Protect = Annotated[
    list[str] | None,
    typer.Option(
        "--protect", help="an account of which nothing may be closed, repeatable", show_default=False
    ),
]
Cap = Annotated[
    str | None,
    typer.Option(
        "--cap",
        help="the most that may be closed of each position, as a fraction: 0.5 or 50%",
        show_default=False,
    ),
]
ModelName = Annotated[
    str, typer.Option("--model", help="whose objective to minimise: a name (adl-opt models) or a .py file")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help=(
            "PARAMETER=NUMBER of the objective (level=0.99 or 99%), or NUMBER,NUMBER,... "
            "(weights=0.1,0.2,0.7); adl-opt models names them"
        ),
        show_default=False,
    ),
]
Explain = Annotated[
    list[str] | None,
    typer.Option(
        "--explain", help="an account, repeatable: why it was reduced or spared", show_default=False
    ),
]
Prefer = Annotated[
    str | None,
    typer.Option(
        "--prefer", help="which optimum, if there are several: " + " | ".join(PREFER), show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="overwrite existing output files")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="write every leg to .csv, .parquet or (with the proof) .json",
        show_default=False,
    ),
]
Table = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="write the whole table to .csv or .parquet", show_default=False),
]
Move = Annotated[
    list[str] | None,
    typer.Option(
        "--move",
        help="ASSET=RELATIVE price move, repeatable: BTC=-0.15 or BTC=-15% is down; others do not move",
        show_default=False,
    ),
]
Fund = Annotated[
    str, typer.Option("--fund", help="what the insurance fund holds, quote currency, such as 1e6")
]
SolventBook = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="write the solvent accounts after the move to .csv or .parquet",
        show_default=False,
    ),
]
ComparisonPlot = Annotated[
    Path | None,
    typer.Option(
        "--plot", help="picture of what policies exceed the optimum by (.png, .pdf, .svg)", show_default=False
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot", help="picture of leverage before and after (.png, .pdf, .svg)", show_default=False
    ),
]


def one_by_one(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer is to see it: a parameter that is an object of options, such as LawOptions, as those
    options one by one.
    """
    given = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: value.annotation for name, value in given.items() if is_dataclass(value.annotation)
    }
    shown: list[inspect.Parameter] = []
    for name, value in given.items():
        inner = (
            inspect.signature(groups[name], eval_str=True).parameters.values() if name in groups else [value]
        )
        shown += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in inner]

    @functools.wraps(command)
    def called(**options: Any) -> None:
        for name, kind in groups.items():
            options[name] = kind(**{field.name: options.pop(field.name) for field in fields(kind)})
        command(**options)

    vars(called)["__signature__"] = inspect.Signature(shown)
    called.__annotations__ = {one.name: one.annotation for one in shown}
    return called
