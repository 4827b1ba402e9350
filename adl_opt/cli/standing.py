"""The command line's first questions: what is in a file, where an account stands, which rule was used.

Commands that app.py registers; they print and compute nothing.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from rich.markup import escape

from adl_opt.cli.options import AIM, EVENT, RULES, BookFile, Force, Solvent, Strings, Table, argument, option
from adl_opt.cli.output import console, save_frame, say, writable, written_as
from adl_opt.cli.parsing import book_of
from adl_opt.cli.tables import Sheet
from adl_opt.data.book import Book
from adl_opt.errors import AdlError
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.realized import realized_event
from adl_opt.policies.registry import policy
from adl_opt.policies.standing import standing
from adl_opt.progress import waiting
from adl_opt.studies.identify import identify
from adl_opt.studies.reach import reach
from adl_opt.studies.understood import understood
from adl_opt.text import figure

_SHOWN = 20  # lines printed; -o writes them all
Rule = Annotated[str, option("--policy", "NAME", "an exchange's rule, such as bitmex", RULES)]
Tried = Annotated[Strings, option("--policy", "NAME", "a rule to try; repeatable  [default: all]", RULES)]
Account = Annotated[
    str | None, option("--account", "ID", "where this one stands; else the first of all", EVENT)
]
Reach = Annotated[bool, option("--reach", None, "how far prices must move to reach --account", AIM)]
Dialect = Annotated[
    str | None, option("--dialect", "NAME", "ccxt, binance, bybit, okx, hyperliquid, dydx", EVENT)
]


def read_command(
    file: Annotated[Path, argument("FILE", "CSV or Parquet: a book as an exchange exports it")],
    dialect: Dialect = None,
) -> None:
    """What is understood of a file, and what it lacks."""
    with waiting(f"reading {file}"):
        facts = understood(Book.read(file, dialect=dialect))
    wide = max(len(name) for name, _ in facts)
    said = [f"{name:{wide}}  {text}" for name, text in facts]
    say(said)


def lights_command(
    book: BookFile,
    rule: Rule,
    account: Account = None,
    reaching: Reach = False,
    solvent: Solvent = False,
    output: Table = None,
    force: Force = False,
) -> None:
    """Where accounts stand in an exchange's queue."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    chosen = policy(rule)
    if not isinstance(chosen, QueueRule):
        raise AdlError(
            f"{rule} ranks nobody; lights are of exchanges' rules, such as bitmex or leverage_queue"
        )
    if reaching and account is None:
        raise AdlError("--reach asks about one account: add --account ID")
    held, notes = book_of(book, solvent)
    frame = standing(held, chosen, account)
    files = save_frame(frame, output)
    say(notes)
    shown = frame.head(_SHOWN) if account is None else frame
    more = f", the first {_SHOWN} of {len(frame):,} (-o writes all)" if len(shown) < len(frame) else ""
    table = Sheet(
        escape(f"{rule}: the queue{more}; position and ahead in contracts, lights of 5"),
        "account", "asset", "position", "score", "rank", "ahead", "quantile", "lights",
        left=("account", "asset"),
    )  # fmt: skip
    for line in shown.itertuples():
        place = ["–", "never", "–", "–"]  # of whom the rule never closes
        if np.isfinite(line.rank):
            rank, through = f"{line.rank:,.0f} of {line.of:,.0f}", f"{100 * line.quantile_contracts:.3g} %"
            place = [figure(line.score, 4), rank, figure(line.ahead), through]
        table.add_row(
            escape(line.account), escape(line.asset), figure(line.position), *place, str(line.lights)
        )
    console.print(table)
    say(["quantile: share of the queue's contracts up to and with it; 5 lights: closed first"])
    if reaching:
        _print_reach(held, account, chosen, dict.fromkeys(frame["asset"]))
    say([f"source: {chosen.source}; assumed here: {chosen.assumed}", *files])


def _print_reach(book: Book, account: str | None, rule: QueueRule, assets: dict[str, None]) -> None:
    """How far the price of each asset must move until the account is closed in part."""
    lines = []
    for asset in assets:
        with waiting(f"moving {asset}"):
            found = reach(book, account, rule, asset)
        for line in found.itertuples():
            own = "" if np.isnan(line.fails_at) else f" (it fails itself at {100 * line.fails_at:+.4g} %)"
            where = f"{asset} {line.direction}: "
            if np.isnan(line.move):
                lines.append(f"{where}not reached{own}")
                continue
            sure = "" if line.certain else ", the first found of the moves tried"
            lines.append(
                f"{where}reached at {100 * line.move:+.6g} %, price {figure(line.price)}: closes "
                f"{figure(abs(line.closed))} of {figure(line.required)} contracts required{sure}{own}"
            )
    say(lines)


def identify_command(
    book: BookFile, tried: Tried = None, solvent: Solvent = False, output: Table = None, force: Force = False
) -> None:
    """Which exchange's rule explains what was closed."""
    writable([output], force)
    written_as(output, ".csv", ".parquet")
    held, notes = book_of(book, solvent)
    event = realized_event(held)
    with waiting("trying the rules"):
        found = identify(event, tried) if tried else identify(event)
    frame = found.to_frame()
    files = save_frame(frame, output)
    table = Sheet(
        "rules beside what was closed; explained: share of the notional, agreement: of positions",
        "rule", "explained", "agreement", "rank correlation", "contradicted by",
        left=("rule", "contradicted by"),
    )  # fmt: skip
    for line in frame[frame["note"] == ""].itertuples():
        correlation = "–" if np.isnan(line.rank_correlation) else f"{line.rank_correlation:.2f}"
        table.add_row(
            escape(line.rule), f"{100 * line.explained:.1f} %", f"{100 * line.agreement:.1f} %", correlation,
            escape(line.contradicted_by),
        )  # fmt: skip
    say([*notes, f"closed: {event.in_words()} (contracts)"])
    console.print(table)
    say([*found.refused.values(), found.summary(), *files])
