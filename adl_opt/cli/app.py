"""The command line: reads options, calls the library, prints. It computes nothing.

Exit codes: 0 fine, 1 a claim or certificate fails, 2 bad input (one line on stderr).
"""

import sys
from typing import Annotated

import typer

from adl_opt import __version__
from adl_opt.cli import compare, models, replay, rules, solve, standing
from adl_opt.cli.helps import GroupedCommand
from adl_opt.cli.output import console
from adl_opt.cli.pipes import outlived
from adl_opt.errors import AdlError

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
    ("maintenance=adl.MaintenanceTiers(...), or one rate such as 0.01", "--tiers FILE"),
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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Auto-deleveraging as convex optimization: proved allocations."""


_PRICES = "--volatility all=0.7 --correlation 0.85 --horizon 10/365"
COMMANDS = {  # what it runs, and an example
    "demo": (solve.demo, "--plot demo.png"),
    "solve": (solve.solve, f"book.csv --short BTC=10 {_PRICES} -o closed.csv"),
    "range": (
        solve.range_,
        f"book.csv --short BTC=10 {_PRICES} --quadrature 20 --model cvar --set level=0.99",
    ),
    "compare": (compare.compare, f"book.csv --short BTC=10 {_PRICES} --policy pro_rata --policy uniform"),
    "verify": (models.verify, "cvar"),
    "generate": (models.generate, "made.parquet --accounts 20000"),
    "models": (models.models, "cvar"),
    "axioms": (rules.axioms_command, "bitmex"),
    "stress": (rules.stress_command, "book.csv --move BTC=20% --move ETH=-10% --fund 1000 -o after.csv"),
    "read": (standing.read_command, "book.csv"),
    "lights": (standing.lights_command, "positions.csv --policy bitmex --account A --reach"),
    "identify": (standing.identify_command, "positions.csv"),
    "replay": (replay.replay, "--twin --scale 1% --plot waves.png"),
    "twin": (replay.twin, "twin.parquet --scale 1%"),
}
for name, (command, words) in COMMANDS.items():
    app.command(name, cls=GroupedCommand, epilog=f"adl-opt {name} {words}")(command)


def main() -> None:
    """Entry point: bad input is one line on stderr and exit 2, never a traceback; a reader that leaves
    changes nothing.
    """
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
