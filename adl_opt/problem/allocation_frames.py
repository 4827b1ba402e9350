"""Allocations as tables that are read: by position, by account, and what is lost by scenario."""

from __future__ import annotations

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import SymbolsAt, needed, scenarios_of
from adl_opt.laws.base import Law
from adl_opt.table import Table, with_units


def positions(event: Event, amount: Array) -> Table:
    """A row a position."""
    book, m = event.book, SymbolsAt(event, None, amount)
    return with_units(
        {
            "account": book.accounts[book.account],
            "asset": np.array(book.assets, dtype=object)[book.asset],
            "position": book.position,
            "closed": m.closed + 0.0,
            "left": m.left,
            "leverage_before": m.leverage_before[book.account],
            "leverage_after": m.leverage[book.account],
        },
        currency=book.currency,
    )


def accounts(event: Event, amount: Array) -> Table:
    """A row an account."""
    book, m = event.book, SymbolsAt(event, None, amount)
    gross, after = book.gross_notional, book.per_account(np.abs(m.notional))
    closed = book.per_account(amount * book.price[book.asset])
    return with_units(
        {
            "account": book.accounts,
            "equity": book.equity,
            "gross_before": gross,
            "gross_after": after,
            "closed_notional": closed,
            "fraction_closed": np.divide(closed, gross, out=np.zeros_like(gross), where=gross > 0),
            "leverage_before": m.leverage_before,
            "leverage_after": m.leverage,
        },
        currency=book.currency,
    )


def losses(event: Event, amount: Array, law: Law | None, by_account: bool) -> Table:
    """A row a scenario."""
    scenarios = scenarios_of(needed(law).for_book(event.book))
    m = SymbolsAt(event, scenarios, amount)
    columns = {"probability": scenarios.probability, "loss": m.loss}
    if by_account:
        losing = [
            (a + np.flatnonzero((x > 0).any(axis=1)), x[(x > 0).any(axis=1)]) for a, _, x in m.arguments()
        ]
        names = [f"loss {account}" for rows, _ in losing for account in event.book.accounts[rows]]
        columns |= dict(zip(names, np.maximum(np.concatenate([x for _, x in losing]), 0.0)))
    money = dict.fromkeys(list(columns)[1:], event.book.currency)
    return with_units(columns, {"probability": "of the scenario"} | money)
