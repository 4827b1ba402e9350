"""What the command line prints: tables of certificates, closed positions and comparisons, in words and
numbers with units (§15).
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adl_opt.certificates.certificate import Certificate
from adl_opt.data.event import Event
from adl_opt.data.tables import figure
from adl_opt.errors import AdlError
from adl_opt.evaluation.counting import reduced
from adl_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import pandas as pd

_FREE = 1e-9  # of a position: freedom that is more than rounding


console = Console()
_QUICK = 500  # positions to decide up to which uniqueness is worth two more programs
_SHOWN = 20  # accounts printed; -o writes them all


def table_of(title: str, *columns: str, left: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        text = column in left
        table.add_column(column, justify="left" if text else "right", overflow="fold", no_wrap=not text)
    return table


def say(lines: Iterable[str]) -> None:
    """Lines as they are, one each."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def print_allocation(event: Event, allocation: Allocation, law: str) -> None:
    c = allocation.certificate
    required = [
        f"{q:,.12g} of {a} ({side}s)"
        for side, m in (("short", event.short), ("long", event.long))
        for a, q in m.items()
    ]
    colour = {"certified": "green", "negligible": "green", "uncertified": "yellow"}.get(c.status, "red")
    said = "; ".join(
        [
            f"close {', '.join(required)} contracts",
            *event.limits,
            f"{len(event.book.accounts):,} accounts",
            law,
        ]
    )
    say([said])
    proved = f"[bold {colour}]{c.status}[/] by {allocation.method}: {escape(c.proof)}"
    console.print(proved, soft_wrap=True, highlight=False)
    proof = table_of("certificate", "quantity", "value", left=("quantity",))
    proof.add_row(
        escape(f"{c.objective_name} ({c.unit})"),
        f"{c.value:,.9f}" if 1e-3 < abs(c.value) < 1e9 else f"{c.value:.12g}",
    )
    if c.bound is not None:
        proof.add_row(
            "proved lower bound", f"{c.bound:,.9f}" if 1e-3 < abs(c.bound) < 1e9 else f"{c.bound:.12g}"
        )
        how = " (or of its rounding / tolerance)" if c.rounding else ""
        proof.add_row(f"gap (fraction of the value){how}", f"{c.gap:.2g}")
    proof.add_row(escape(f"{c.objective_name} at pro rata"), figure(c.reference))
    proof.add_row("clearing error (contracts)", f"{c.clearing_error:.2g}")
    if event.free.sum() <= _QUICK or allocation.method == "closed-form":
        said = {True: "yes", False: "no (adl-opt range)", None: "not determined"}
        proof.add_row("the only optimum", said[allocation.unique])
    ends = allocation.shadow_price_range if event.free.sum() <= _QUICK else None
    for k, asset in enumerate(event.book.assets):
        if event.side[k] and allocation.shadow_price_by_asset[k] == allocation.shadow_price_by_asset[k]:
            said = figure(allocation.shadow_price_by_asset[k])
            if ends is not None and ends.loc[asset, "least"] < ends.loc[asset, "most"]:
                least, most = ends.loc[asset, "least"], ends.loc[asset, "most"]
                said = f"{figure(least)} to {figure(most)}"
                said = f"at most {figure(most)}, all is closed" if least == -math.inf else said
                said = f"at least {figure(least)}, nothing is closed" if most == math.inf else said
            proof.add_row(escape(f"shadow price of {asset} ({c.unit} per contract)"), said)
    console.print(proof)
    console.print(_accounts(event, allocation))


def print_ranges(event: Event, frame: "pd.DataFrame", objective: str, law: str) -> None:
    """The positions with most freedom first."""
    least, most = (abs(frame[name].to_numpy()) for name in ("least", "most"))
    notional = event.book.price[event.book.asset]
    closable = event.closable.nonzero()[0]
    freedom = (most - least) * notional
    moving = int((freedom[closable] > _FREE * (event.size * notional)[closable]).sum())
    order = closable[np.lexsort((-(most * notional)[closable], -freedom[closable]))]
    shown = order[:_SHOWN]
    console.print(
        f"optima of {objective}; {len(event.book.accounts):,} accounts; {law}\n"
        + (
            f"{moving:,} of {len(closable):,} closable positions can close more or less"
            if moving
            else "there is one optimum"
        )
        + f"; {frame.attrs['how']}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    more = (
        f", the {_SHOWN} with most freedom of {len(order):,} (-o writes all)"
        if len(order) > len(shown)
        else ""
    )
    table = table_of(
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


def _accounts(event: Event, allocation: Allocation) -> Table:
    closing = reduced(event, allocation.amount).nonzero()[0]
    notional = allocation.amount * event.book.price[event.book.asset]
    shown = closing[(-notional[closing]).argsort(kind="stable")][:_SHOWN]
    more = f", the {_SHOWN} largest of {len(closing):,} (-o writes all)" if len(closing) > len(shown) else ""
    table = table_of(
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
        unit = "x of equity" if measure == "MaxLeverage" else "quote currency, or as the measure says"
        title = (
            f"{escape(measure)} ({unit}); excess over the proved least; gap: excess as a share of the value"
        )
        table = table_of(title, "policy", "value", "excess", "gap", left=("policy",))
        for name, row in frame.sort_values(measure, kind="stable").iterrows():
            cells = (figure(row[measure]), figure(row[f"{measure} excess"]), f"{row[f'{measure} gap']:.2g}")
            table.add_row(escape(str(name)), *cells)
        console.print(table)
    bearing = [str(c) for c in frame.columns[-4:]]
    table = table_of(
        "who bears it (accounts; shares of the notional closed)", "policy", *bearing, left=("policy",)
    )
    for name, row in frame.iterrows():
        cells = (f"{row[c]:.3f}" if c in ("top tenth bears", "Gini") else f"{int(row[c]):,}" for c in bearing)
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
