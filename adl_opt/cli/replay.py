"""The commands `replay` and `twin`: a real event, or its made-up twin, wave by wave; they print and compute
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.markup import escape

from adl_opt import examples
from adl_opt.cli.law_options import LawOptions
from adl_opt.cli.options import EVENT, PRICES, RULES, Force, Strings, Table, argument, one_by_one, option
from adl_opt.cli.output import console, save_frame, say, say_command, writable, write_frame, written_as
from adl_opt.cli.parsing import fraction
from adl_opt.cli.tables import Sheet
from adl_opt.data.waves import Waves
from adl_opt.errors import AdlError
from adl_opt.plots.studies import replay as draw
from adl_opt.policies.registry import POLICIES
from adl_opt.progress import waiting
from adl_opt.studies.replay.replay import Replay
from adl_opt.studies.replay.replay import replay as replay_waves
from adl_opt.text import figure

_COLUMNS = "CSV or Parquet: wave, account, asset, position, equity, price, realized_closed"
Event = Annotated[Path | None, argument("EVENT", _COLUMNS)]
Scale = Annotated[str, option("--scale", "SHARE", "of the twin's 34,983 closings", EVENT)]
TwinSeed = Annotated[int, option("--seed", "N", "of the twin", EVENT)]
Picture = Annotated[Path | None, option("--plot", "FILE", "of the waves: .png, .pdf, .svg")]
Chosen = Annotated[Strings, option("--policy", "NAME", f"repeatable: {', '.join(POLICIES)}", RULES)]


@dataclass(frozen=True)
class ReplayLawOptions(LawOptions):
    """The same options; the seed is the twin's too."""

    seed: Annotated[int, option("--seed", "N", "of the twin and of --sample", PRICES)] = 1


NO_LAW = ReplayLawOptions()


@one_by_one
def replay(
    event: Event = None,
    twin: Annotated[bool, option("--twin", None, "the made-up twin of 10 October 2025", EVENT)] = False,
    scale: Scale = "1",
    hyperreplay: Annotated[
        bool, option("--hyperreplay", None, "EVENT is its adl_detailed_analysis_REALTIME.csv", EVENT)
    ] = False,
    every: Annotated[float, option("--every", "SECONDS", "in a wave of --hyperreplay", EVENT)] = 60.0,
    solvent: Annotated[
        bool, option("--solvent", None, "leave out accounts without positive equity", EVENT)
    ] = False,
    isolated: Annotated[
        bool, option("--isolated", None, "each position an account with its share of equity", EVENT)
    ] = False,
    policies: Chosen = None,
    law_options: ReplayLawOptions = NO_LAW,
    output: Table = None,
    plot: Picture = None,
    force: Force = False,
) -> None:
    """A real event in waves: each policy beside what was realized."""
    writable([output, plot], force)
    written_as(output, ".csv", ".parquet")
    written_as(plot, ".png", ".pdf", ".svg")
    if twin == (event is not None):
        raise AdlError("replay takes a file of waves or --twin, one of them")
    with waiting("making the twin" if event is None else f"reading {event}"):
        if event is None:
            waves = examples.twin(law_options.seed, fraction(scale, "--scale"))
        else:
            waves = Waves.from_hyperreplay(event, every) if hyperreplay else Waves.read(event)
    notes = []
    if solvent:
        gone, whole = waves.insolvent(), waves
        waves = waves.solvent()
        notes.append(
            f"left out {len(gone):,} of {len(whole.accounts):,} accounts without positive equity in some "
            "wave: "
            f"{gone['realized_notional'].sum():,.6g} quote currency that they closed is required of nobody"
        )
    if isolated:
        waves = waves.isolated()
    first = waves.book(waves.labels[0])
    law = law_options.law(first)
    result = replay_waves(waves, policies or None, law)
    files = save_frame(result.to_frame(), output)
    if plot is not None:
        draw(result, plot)
        files.append(f"drew {plot}")
    say(notes)
    _print(result, "no law given" if law is None else f"law: {law!r}")
    say(files)


def twin(
    output: Annotated[Path, argument("FILE", ".parquet or .csv to write")],
    scale: Scale = "1",
    seed: TwinSeed = 1,
    force: Force = False,
) -> None:
    """Write the made-up twin of 10 October 2025, which `replay` reads."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    with waiting(f"making and writing {output}"):
        waves = examples.twin(seed, fraction(scale, "--scale"))
        write_frame(waves.to_frame(), output)
    say(
        [
            f"wrote {output}: {len(waves.wave):,} closings in {len(waves.labels)} waves, "
            f"{len(waves.accounts):,} accounts, {len(waves.assets)} assets, all made up"
        ]
    )
    say_command("try:", ["adl-opt", "replay", str(output)])


def _print(result: Replay, law: str) -> None:
    waves, frame = result.waves, result.to_frame()
    say(
        [
            f"{len(waves.wave):,} rows in {len(waves.labels)} waves, {len(waves.accounts):,} accounts, "
            f"{len(waves.assets)} assets; {law}"
        ]
    )
    names = [str(name) for name in frame.columns]
    # Gaps only where they were asked for.
    measures = [name for name in names[names.index("elsewhere") + 1 :] if bool(frame[name].notna().any())]
    columns = (
        ["leverage_max", "elsewhere"]
        if measures
        else ["required", "wholly_closed", "leverage_max", "leverage_p99", "elsewhere"]
    )
    short = {"wholly_closed": "wholly closed", "leverage_max": "highest leverage", "leverage_p99": "99 %"}
    table = Sheet(
        "required (quote currency); accounts wholly closed; gross leverage after (x of equity): highest, "
        "99th percentile; elsewhere: fraction not closed where it was realized",
        "wave", "policy", *(short.get(c, "gap" if c.endswith(" gap") else c) for c in (*columns, *measures)),
        left=("wave", "policy"),
    )  # fmt: skip
    for _, row in frame.iterrows():
        table.add_row(
            escape(str(row["wave"])),
            escape(str(row["policy"])),
            *(_cell(c, row[c]) for c in (*columns, *measures)),
        )
    console.print(table)
    _print_total(
        result, ("notional_closed", "missing", "overtaken", "dropped", "touched", "leverage_max", "elsewhere")
    )


def _print_total(result: Replay, columns: Sequence[str]) -> None:
    total, units = result.total(), result.to_frame().attrs["units"]
    table = Sheet("all waves; leverage after the last", "", *(str(name) for name in total.index), left=("",))
    for column in columns:  # a line a figure: policies have long names
        cells = (_cell(column, total.loc[name, column]) for name in total.index)
        table.add_row(f"{column.replace('_', ' ')} ({units[column]})", *cells)
    console.print(table)


def _cell(column: str, value: float) -> str:
    if column in ("touched", "wholly_closed"):
        return f"{int(value):,}"
    return (
        f"{value:.3g}" if column == "elsewhere" or column.endswith("gap") else figure(float(f"{value:.4g}"))
    )
