"""What the command line prints: tables of certificates, closed positions and comparisons, in words and
numbers with units (§15).
"""

import math
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from adl_opt.certificates.certificate import Certificate
from adl_opt.cli.figures import proved, share
from adl_opt.cli.tables import Sheet
from adl_opt.constraints.constrained import names_of
from adl_opt.data.event import Event
from adl_opt.errors import AdlError
from adl_opt.evaluation.counting import reduced
from adl_opt.problem.allocation import Allocation
from adl_opt.progress import waiting
from adl_opt.text import NOISE, figure

if TYPE_CHECKING:
    import pandas as pd

_FREE = 1e-9  # of a position: freedom that is more than rounding


console = Console()
_BINDS, _LIMITS = 1e-6, 5  # of the dearest: limits that do not bind; limits that are shown
_QUICK = 500  # positions to decide up to which uniqueness is worth two more programs
_SHOWN = 20  # accounts printed; -o writes them all


def _read_by_a_person() -> bool:
    """Whether sentences are folded at the width: on a terminal, and where COLUMNS says one; a pipe gets each
    on a line of its own.
    """
    return console.is_terminal or "COLUMNS" in os.environ


def say(lines: Iterable[str], markup: bool = False) -> None:
    """Sentences, each from a new line on, folded between words."""
    for line in lines:
        console.print(line, soft_wrap=not _read_by_a_person(), highlight=False, markup=markup)


def folded(before: str, words: Sequence[str], width: int | None) -> str:
    """A command line that a shell takes as it stands: lines of at most `width` that a backslash joins; an
    option stays with its value.
    """
    lines, parts = [before], list[str]()
    for word, last in zip(words, ["", *words]):
        if last.startswith("-") and not word.startswith("-"):
            parts[-1] += f" {shlex.quote(word)}"
        else:
            parts.append(shlex.quote(word))
    for part in parts:
        if width is not None and len(lines[-1]) + len(part) + 3 > width and lines[-1].strip():
            lines.append("   ")
        lines[-1] += f" {part}" if lines[-1] else part
    return " \\\n".join(lines)


def say_command(before: str, words: Sequence[str]) -> None:
    width = console.width if _read_by_a_person() else None
    console.print(folded(before, words, width), soft_wrap=True, highlight=False, markup=False)


def print_allocation(event: Event, allocation: Allocation, law: str) -> None:
    c = allocation.certificate
    required = [
        f"{q:,.12g} of {a} ({side}s)"
        for side, m in (("short", event.short), ("long", event.long))
        for a, q in m.items()
    ]
    colour = {"certified": "green", "negligible": "green", "uncertified": "yellow"}.get(c.status, "red")
    limits = () if allocation.priced is None else names_of(allocation.priced.subject_to)
    said = "; ".join(
        [
            f"close {', '.join(required)} contracts",
            *event.limits,
            *(f"subject to {name}" for name in limits),
            f"{len(event.book.accounts):,} accounts",
            law,
        ]
    )
    say([said])
    say([f"[bold {colour}]{c.status}[/] by {allocation.method}: {escape(c.proof)}"], markup=True)
    proof = Sheet("certificate", "quantity", "value", left=("quantity",))
    proof.add_row(escape(f"{c.objective_name} ({c.unit})"), proved(c.value, c))
    if c.bound is not None:
        proof.add_row(f"proved lower bound ({c.unit})", proved(c.bound, c))
        how = " (or of its rounding / tolerance)" if c.rounding else ""
        proof.add_row(f"gap (fraction of the value){how}", share(c.gap))
    proof.add_row(escape(f"{c.objective_name} at pro rata ({c.unit})"), figure(c.reference))
    proof.add_row("clearing error (contracts)", figure(c.clearing_error, 2))
    with waiting("what else is optimal"):
        only, ends = _what_else(event, allocation)
    if only:
        proof.add_row("the only optimum", only)
    for k, asset in enumerate(event.book.assets):
        if event.side[k] and allocation.shadow_price_by_asset[k] == allocation.shadow_price_by_asset[k]:
            said = figure(allocation.shadow_price_by_asset[k])
            if ends is not None and ends.loc[asset, "least"] < ends.loc[asset, "most"]:
                least, most = ends.loc[asset, "least"], ends.loc[asset, "most"]
                said = f"{figure(least)} to {figure(most)}"
                said = f"at most {figure(most)}, all is closed" if least == -math.inf else said
                said = f"at least {figure(least)}, nothing is closed" if most == math.inf else said
            proof.add_row(escape(f"shadow price of {asset} ({c.unit} per contract)"), said)
    for name, price in _dearest(allocation):
        proof.add_row(escape(f"one more unit of {name} would save ({c.unit})"), figure(price))
    console.print(proof)
    console.print(_accounts(event, allocation))


def _dearest(allocation: Allocation) -> list[tuple[str, float]]:
    """The constraints that bind, the dearest first, and what a unit more of each limit would save."""
    prices = allocation.constraint_prices.reset_index()
    most = float(prices["price"].max()) if len(prices) else 0.0
    binding = [(f"{name}{f' for {of}' if of else ''}", x) for name, of, x in prices.to_numpy()]
    return sorted((one for one in binding if one[1] > _BINDS * most), key=lambda one: -one[1])[:_LIMITS]


def _what_else(event: Event, allocation: Allocation) -> "tuple[str, pd.DataFrame | None]":
    """Whether there is another optimum, in words, and the ends of the shadow prices; of small events only."""
    quick = event.free.sum() <= _QUICK
    said = {True: "yes", False: "no (adl-opt range)", None: "not determined"}
    only = said[allocation.unique] if quick or allocation.method == "closed-form" else ""
    return only, allocation.shadow_price_range if quick else None


def print_ranges(event: Event, frame: "pd.DataFrame", objective: str, law: str) -> None:
    """The positions with most freedom first."""
    least, most = (abs(frame[name].to_numpy()) for name in ("least", "most"))
    notional = event.book.price[event.book.asset]
    closable = event.closable.nonzero()[0]
    freedom = (most - least) * notional
    moving = int((freedom[closable] > _FREE * (event.size * notional)[closable]).sum())
    order = closable[np.lexsort((-(most * notional)[closable], -freedom[closable]))]
    shown = order[:_SHOWN]
    freely = f"{moving:,} of {len(closable):,} closable positions can close more or less"
    say(
        [
            f"optima of {objective}; {len(event.book.accounts):,} accounts; {law}",
            f"{freely if moving else 'there is one optimum'}; {frame.attrs['how']}",
        ]
    )
    more = (
        f", the {_SHOWN} with most freedom of {len(order):,} (-o writes all)"
        if len(order) > len(shown)
        else ""
    )
    table = Sheet(
        f"what each position can close at an optimum{more}; contracts, long > 0",
        "account",
        "asset",
        "position",
        "least",
        "most",
        left=("account", "asset"),
    )
    for j in shown:
        line = frame.iloc[j]
        table.add_row(
            escape(str(line["account"])),
            escape(str(line["asset"])),
            *map(figure, (event.book.position[j], line["least"], line["most"])),
        )
    console.print(table)


def _accounts(event: Event, allocation: Allocation) -> Sheet:
    closing = reduced(event, allocation.amount).nonzero()[0]
    notional = allocation.amount * event.book.price[event.book.asset]
    shown = closing[(-notional[closing]).argsort(kind="stable")][:_SHOWN]
    more = f", the {_SHOWN} largest of {len(closing):,} (-o writes all)" if len(closing) > len(shown) else ""
    table = Sheet(
        f"closed positions{more}; positions in contracts, long > 0, leverage in x of equity",
        "account",
        "asset",
        "position",
        "closed",
        "leverage",
        "after",
        left=("account", "asset"),
    )
    before, after = allocation.leverages()
    book, closed = event.book, allocation.closed_by_leg
    for j in shown:
        i = book.account[j]
        values = (book.position[j], closed[j], before[i], after[i])
        table.add_row(escape(str(book.accounts[i])), escape(book.assets[book.asset[j]]), *map(figure, values))
    return table


def print_comparison(frame: "pd.DataFrame") -> None:
    """A table a measure, cheapest first, and one of who bears it."""
    for measure in (str(c).removesuffix(" excess") for c in frame.columns if str(c).endswith(" excess")):
        unit = frame.attrs["units"][measure]
        title = f"{measure} ({unit}); excess over the proved least; gap: excess as a share of the value"
        table = Sheet(escape(title), "policy", "value", "excess", "gap", left=("policy",))
        for name, row in frame.sort_values(measure, kind="stable").iterrows():
            value, excess, gap = row[measure], row[f"{measure} excess"], row[f"{measure} gap"]
            cells = figure(value), figure(excess, noise=NOISE * abs(value)), figure(gap, 2, noise=NOISE)
            table.add_row(escape(str(name)), *cells)
        console.print(table)
    bearing = [str(c) for c in frame.columns[-4:]]
    table = Sheet(
        "who bears it (accounts; shares of the notional closed)", "policy", *bearing, left=("policy",)
    )
    for name, row in frame.iterrows():
        shares = ("top tenth bears", "Gini")
        cells = (figure(row[c], 3, noise=NOISE) if c in shares else f"{int(row[c]):,}" for c in bearing)
        table.add_row(escape(str(name)), *cells)
    console.print(table)


def exit_code(certificate: Certificate) -> int:
    """What a command that shows this certificate ends with: 0 where there is nothing left to save that
    counts, else 1.
    """
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
        frame.to_parquet(path, index=False) if path.suffix.lower() == ".parquet" else frame.to_csv(
            path, index=False
        )
    except OSError as error:
        raise AdlError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None


def save_frame(frame: Any, output: Path | None) -> list[str]:
    """Write a table, if a file is named: what to say of it.

    Before anything is printed, since a reader may leave at any line.
    """
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
