"""The options of the commands, each said once; those of a law are in law_options.py."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from adl_opt.problem.problem import PREFER

EVENT, AIM, RULES = "The event", "What is minimised", "What is compared"  # groups of options
PRICES, OUTPUT = "How prices may move", "Output"


def option(name: str, takes: str | None, says: str, group: str = OUTPUT, *short: str) -> Any:
    """An option of one group in --help; takes: what stands for its value there, None for a flag."""
    return typer.Option(name, *short, metavar=takes, help=says, rich_help_panel=group)


def argument(takes: str, says: str) -> Any:
    return typer.Argument(metavar=takes, help=says, show_default=False)


Strings = list[str] | None
BookFile = Annotated[Path, argument("BOOK", "CSV or Parquet: account, asset, position, price, equity")]
Short = Annotated[
    Strings, option("--short", "ASSET=SIZE", "contracts of shorts: 10, 35%, all; repeatable", EVENT)
]
Long = Annotated[Strings, option("--long", "ASSET=SIZE", "contracts of longs", EVENT)]
Realized = Annotated[bool, option("--realized", None, "require what column realized_closed says", EVENT)]
Solvent = Annotated[bool, option("--solvent", None, "leave out accounts without positive equity", EVENT)]
Protect = Annotated[
    Strings, option("--protect", "ACCOUNT", "of which nothing may be closed; repeatable", EVENT)
]
Cap = Annotated[
    str | None, option("--cap", "SHARE", "that may be closed of each position: 0.5 or 50%", EVENT)
]
SubjectTo = Annotated[
    Strings,
    option(
        "--subject-to", "LIMIT",
        "leverage=3, turnover=50%, hedged, loss:cvar=1e6, share:a1,a7=30%, loss-share:a1,a7=30%; repeatable",
        EVENT,
    ),
]  # fmt: skip
ModelName = Annotated[str, option("--model", "MODEL", "a name or .py file", AIM)]
Settings = Annotated[Strings, option("--set", "NAME=NUMBER", "a parameter of the objective; repeatable", AIM)]
Prefer = Annotated[str | None, option("--prefer", "WHICH", f"of several: {', '.join(PREFER)}", AIM)]
Policies = Annotated[
    Strings, option("--policy", "NAME", "repeatable  [default: pro_rata, (gross_)water_filling]", RULES)
]
Measures = Annotated[
    Strings,
    option(
        "--model", "MODEL",
        "whose objective measures; repeatable  [default: MaxLeverage and ExpectedLoss, or LeverageSquare "
        "without a law]",
        RULES,
    ),
]  # fmt: skip
Explain = Annotated[Strings, option("--explain", "ACCOUNT", "why it was reduced or spared; repeatable")]
Force = Annotated[bool, option("--force", None, "overwrite existing files")]
Output = Annotated[
    Path | None, option("--output", "FILE", "all legs: .csv, .parquet, or .json with the proof", OUTPUT, "-o")
]
Table = Annotated[Path | None, option("--output", "FILE", "the whole table: .csv, .parquet", OUTPUT, "-o")]
Move = Annotated[Strings, option("--move", "ASSET=MOVE", "-0.15 or -15% is down; repeatable", PRICES)]
Fund = Annotated[str, option("--fund", "MONEY", "of the insurance fund (quote currency)", EVENT)]
ComparisonPlot = Annotated[
    Path | None, option("--plot", "FILE", "what each exceeds the optimum by: .png, .pdf, .svg")
]
Plot = Annotated[Path | None, option("--plot", "FILE", "leverage before and after: .png, .pdf, .svg")]


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
