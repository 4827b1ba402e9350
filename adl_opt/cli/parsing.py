"""How numbers are written on the command line: 0.6, 60%, 10/365, BTC=10."""

import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from adl_opt.constraints.base import Constraint
from adl_opt.constraints.group_share import GroupShare
from adl_opt.constraints.keep_hedged import KeepHedged
from adl_opt.constraints.leverage_at_most import LeverageAtMost
from adl_opt.constraints.loss_at_most import LossAtMost
from adl_opt.constraints.turnover import Turnover
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import AdlError
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.policies.realized import realized_event
from adl_opt.progress import waiting
from adl_opt.verification import catalog

_GROUPED = re.compile(r"[+-]?\d{1,3}([,' \u00a0\u202f]\d{3})+(\.\d+)?%?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+%?")
_EXAMPLES = {
    "--set": "PARAMETER=NUMBER, such as level=0.99",
    "--move": "ASSET=NUMBER, such as BTC=-0.15",
    "": "ASSET=NUMBER, such as BTC=10",
}
# Fat tails over ten days: something can be lost; no scenarios, so that a large book is solved in seconds.
LAW_TO_BEGIN_WITH = (
    *("--volatility", "all=0.8", "--correlation", "0.7", "--horizon", "10/365"),
    *("--law", "student", "--dof", "3"),
)
_CONTRACTS = ("--short", "--long")  # their percents are shares of the capacity, which the event knows


def pairs(given: Iterable[str] | None, option: str) -> dict[str, Any]:
    """NAME=NUMBER, several times: name -> number; for --set tuples too, for requirements shares and `all` as
    they are written.
    """
    found: dict[str, Any] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise AdlError(f"{option} {text!r}: write {_EXAMPLES.get(option, _EXAMPLES[''])}")
        if name in found:
            raise AdlError(f"{option} names {name!r} twice")
        what = f"{option} {name}"
        if option in _CONTRACTS:
            found[name] = (
                value
                if value.strip().lower() == "all" or value.strip().endswith("%")
                else number(value, what)
            )
        elif option == "--set" and "," in value:
            found[name] = tuple(fraction(part, what) for part in value.split(","))
        else:
            found[name] = fraction(value, what)
    return found


def fraction(text: str, what: str) -> float:
    """A number where fractions are meant: 0.6 and 60% are the same."""
    bare = text.strip()
    if not bare.endswith("%"):
        return number(text, what)
    bare = bare[:-1].strip()
    # 7% is the double nearest to 0.07: the point is moved before it is read.
    return (
        number(bare, what, text) / 100
        if "e" in bare.lower() or "/" in bare
        else number(f"{bare}e-2", what, text)
    )


def number(text: str, what: str, written: str | None = None) -> float:
    """A number of anything: contracts, years, quote currency.

    Raises AdlError, naming it as it was written, for what is none.
    """
    try:
        return float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        written = text if written is None else written
        raise AdlError(f"{what}: {written!r} is not a number{_remedy(written.strip())}") from None


def _remedy(text: str) -> str:
    plain = re.sub(r"[^\d.%+-]", "", text)
    if _GROUPED.fullmatch(text):
        point = (
            f", or {text.replace(',', '.')} if that comma is a decimal point"
            if _DECIMAL_COMMA.fullmatch(text)
            else ""
        )
        return f"; write {plain}, without thousands separators{point}"
    if _DECIMAL_COMMA.fullmatch(text):
        return f"; write {text.replace(',', '.')}, with a decimal point"
    return "; it is no share of anything, so write it without %" if text.endswith("%") else ""


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
        raise AdlError(
            "--realized requires what was really closed; leave out --short and --long, or leave out "
            "--realized"
        )
    (book, notes), most = book_of(path, solvent), 1.0 if cap is None else fraction(cap, "--cap")
    if realized:
        return realized_event(book, protected=protect or (), cap=most), notes
    required = {"short": pairs(short, "--short"), "long": pairs(long, "--long")}
    return Event(book, **required, protected=protect or (), cap=most), notes


def book_of(path: Path, solvent: bool) -> tuple[Book, list[str]]:
    """The book of a file, without accounts of no positive equity if `solvent`, and in words what is left
    out.
    """
    with waiting(f"reading {path}"):
        book = Book.read(path)
    notes = [f"read: {words}" for words in book.said]
    if not solvent:
        return book, notes
    broke = book.equity <= 0
    left_out = float(abs(book.notional[broke[book.account]]).sum())
    said = (
        f"left out {int(broke.sum()):,} of {len(broke):,} accounts without positive equity: "
        f"equity {book.equity[broke].sum():,.6g}, gross notional {left_out:,.6g} ({book.currency})"
    )
    return book.solvent(), [*notes, said]


def objective_of(name: str, settings: list[str] | None) -> Objective:
    # The default model's objective is in the library; loading the file would read pandas for nothing.
    objective: Objective = ExpectedLoss() if name == "expected_loss" else catalog.load(name).objective
    changes = pairs(settings, "--set")
    known = parameters(objective)
    odd = [key for key in changes if key not in known]
    if odd:
        raise AdlError(
            f"--set {odd[0]}: {objective} has "
            + (f"the parameters {', '.join(known)}" if known else "no parameters")
        )
    return replace(objective, **changes) if changes else objective


def constraints_of(
    given: list[str] | None, model: str = "expected_loss", event: Event | None = None
) -> list[Constraint]:
    """KIND[:OF][=LIMIT], several times, as the ready-made constraints; and those of a model."""
    own = [] if event is None or model == "expected_loss" else catalog.load(model).limits(event)
    return [*own, *(_constraint(text) for text in given or ())]


def _constraint(text: str) -> Constraint:
    name, sign, limit = text.partition("=")
    kind, _, of = name.partition(":")
    if kind == "hedged" and not of:
        return KeepHedged(fraction(limit, "--subject-to hedged") if sign else 0.0)
    if sign and kind in ("leverage", "turnover") and not of:
        return (LeverageAtMost if kind == "leverage" else Turnover)(fraction(limit, f"--subject-to {kind}"))
    if sign and of and kind == "loss":
        return LossAtMost(objective_of(of, None), number(limit, "--subject-to loss"))
    if sign and of and kind in ("share", "loss-share"):
        measured = "loss" if kind == "loss-share" else "closed"
        return GroupShare({of: of.split(",")}, fraction(limit, f"--subject-to {kind}"), measured)
    raise AdlError(
        f"--subject-to {text!r}: write leverage=3, turnover=50%, hedged, loss:MODEL=AMOUNT, share:a1,a7=30% "
        "or loss-share:a1,a7=30%"
    )


def parameters(objective: Objective) -> list[str]:
    """The names that --set knows."""
    return [field.name for field in fields(objective) if field.init] if is_dataclass(objective) else []


def next_command(event: Event, file: Path) -> list[str]:
    """The solve of `event` on the book written to `file`; cross margin is given a law to begin with."""
    words = ["adl-opt", "solve", str(file)]
    for option, amounts in (("--short", event.short), ("--long", event.long)):
        for asset, amount in amounts.items():
            whole = amount == event.capacities[event.book.number_of[asset]]
            words += [option, f"{asset}=all" if whole else f"{asset}={amount!r}"]
    return words if event.book.isolated else [*words, *LAW_TO_BEGIN_WITH]


def needs_law(objective: Objective, event: Event, law: Law | None) -> None:
    """Raise AdlError, naming the options, for a monotone objective in cross margin without a law."""
    if law is None and objective.monotone and not event.book.isolated:
        raise AdlError(
            f"{objective} in cross margin needs a law: --volatility ASSET=0.6 --correlation 0.85 --horizon "
            "10/365 --quadrature 20, or --scenarios FILE"
        )
