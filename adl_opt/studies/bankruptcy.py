"""At which price closing a position leaves its account nothing, in cross margin leg by leg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.maintenance import COLUMN, Margins, margins_of
from adl_opt.errors import EventError

if TYPE_CHECKING:
    import pandas as pd


def bankruptcy_prices(book: Book, maintenance: Any = None) -> pd.DataFrame:
    """The bankruptcy and the zero price of every position: a table, a line a position.

    - `book`: a Book; its accounts may be insolvent
    - `maintenance`: `MaintenanceTiers`, one rate, or "maintenance_margin", the book's column; by default that
      column where the book has it, else one rate for all (which one does not matter)

    An account that closes all its positions at their bankruptcy prices is left with nothing, not less. Its
    equity E is shared over its legs by maintenance margin: mark - E x (margin of the leg / margin of the
    account) / position, for shorts too, whose position is negative; with one leg that is mark - E / position.
    Closed at the zero price, contract by contract, equity / maintenance margin stays what it is: mark - E x
    rate x mark / margin of the account for a long, + for a short, at the rate of the tier that the leg is in.
    Without deductions both are one price. Prices of inverse contracts are as quoted, by the same formulas in
    coin. nan: an empty position, or no price above 0 (a long of leverage below 1, say, never loses all).

    Returns columns account, asset, position (contracts), price, equity, maintenance_margin (of the leg; nan
    where one rate is not given), bankruptcy_price, zero_price. Raises EventError for what is no Book,
    BookError as `MaintenanceTiers` does.

    Source: dYdX v4-chain, GetBankruptcyPriceInQuoteQuantums; docs.lighter.xyz, Liquidations (zero price).

    >>> frame = pd.DataFrame({"account": "a", "asset": ["BTC", "ETH"], "position": [2, -10]})
    >>> book = adl.Book.from_frame(frame.assign(price=[100.0, 10.0], equity=30.0))
    >>> adl.bankruptcy_prices(book)["bankruptcy_price"].tolist()  # 20 and 10 of the equity of 30
    [90.0, 11.0]
    """
    from adl_opt.table import AS_QUOTED, with_units

    if not isinstance(book, Book):
        raise EventError(f"bankruptcy_prices takes a Book, not {type(book).__name__}")
    told = maintenance is not None or COLUMN in book.extra
    margins = margins_of(book, maintenance if maintenance is not None else COLUMN if told else 0.01)
    size = np.abs(book.notional)
    margin = margins.of(size)
    whole, marginal = _prices(book, margin, margins, size)
    columns = {
        "account": book.accounts[book.account],
        "asset": np.array(book.assets, dtype=object)[book.asset],
        "position": book.position,
        "price": book.quoted[book.asset],
        "equity": book.equity[book.account],
        "maintenance_margin": margin if told else np.full(len(margin), np.nan),
        "bankruptcy_price": whole,
        "zero_price": marginal,
    }
    price = f"{AS_QUOTED}: quote currency per coin" if book.inverse.any() else "quote currency per contract"
    units = dict.fromkeys(("price", "bankruptcy_price", "zero_price"), price)
    return with_units(columns, units | {"maintenance_margin": "quote currency"}, currency=book.currency)


def _prices(book: Book, margin: Array, margins: Margins, size: Array) -> tuple[Array, Array]:
    """(bankruptcy, zero) prices of each leg (legs,), as quoted."""
    total, equity = book.per_account(margin)[book.account], book.equity[book.account]
    mark, sign = book.price[book.asset], np.sign(book.position) * book.direction[book.asset]
    held = (size > 0) & (total > 0)
    over = np.divide(equity, total, out=np.zeros_like(total), where=held)  # equity / maintenance margin
    per_contract = np.divide(margin, np.abs(book.position), out=np.zeros_like(margin), where=held)
    found = []
    for share in (per_contract, margins.rate(size) * mark):
        worth = mark - sign * over * share
        there = held & (worth > 0)
        quoted = np.divide(1, worth, out=np.zeros_like(worth), where=there)
        found.append(np.where(there, np.where(book.inverse[book.asset], quoted, worth), np.nan))
    return found[0], found[1]
