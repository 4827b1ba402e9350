"""Entry prices and closing prices, and water-filling where positions are closed away from the mark."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.inputs import plain
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.problem.allocation import Allocation
from adl_opt.waterfill.isolated import fill


def water_filling_at(event: Event, price: Mapping[str, float] | float) -> Allocation:
    """Water-filling where positions are closed at another price than the mark.

    - `event`: an Event in isolated margin
    - `price`: closing price in quote currency, by required asset (one number if one asset is required)

    Closing a contract changes equity by kappa (short: mark - price, long: price - mark), and size x mark /
    equity after closing is levelled. It equals water-filling on the equity E + kappa q that an account would
    have if wholly closed, and that sum closing leaves as it is: therefore it does not matter in how many
    steps one closes. Returns an Allocation. Raises EventError if wholly closed an account would have no
    equity left, or if a price is missing or not positive.

    Source: THEORY 3.4.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.water_filling_at(event, {"BTC": 102.0}).amount.round(4).tolist()  # contracts
    [6.6197, 0.0, 8.3803]
    """
    need_event(event)
    book, at = event.book, closing_prices(event, price)
    gain = event.side * book.direction * (at - book.price)
    change = np.where(event.closable, gain[book.asset] * event.held, 0.0)
    equity = book.equity + book.per_account(change)
    broke = equity <= 0
    if broke.any():
        first = int(np.argmax(broke))
        raise EventError(
            f"at this closing price {broke.sum():,} of {len(broke):,} accounts would have no equity if "
            "wholly closed, first "
            f"{book.accounts[first]!r} with {equity[first]:.6g}: closing would raise their leverage, and "
            "there is no level; choose a price nearer the mark"
        )
    return plain_allocation(event, fill(event, equity)[0], "water_filling_at", unique=None)


def entry_prices(event: Event, who: str, instead: str = "") -> Array:
    """Entry price of each leg (legs,), quote currency; of an inverse contract what it was worth in coin, 1 /
    entry.

    Raises EventError if the book has none, or one of a position is not positive.
    """
    book = event.book
    if "entry_price" not in book.extra:
        raise EventError(
            f"{who} needs the entry price of every position: the book has no column entry_price{instead}"
        )
    entry = book.extra["entry_price"]
    bad = (entry <= 0) & (book.position != 0)
    if bad.any():
        j = int(np.argmax(bad))
        raise EventError(
            f"{who} needs positive entry prices, but {bad.sum():,} of {len(bad):,} are not, first of "
            f"account {book.accounts[book.account[j]]!r}, "
            f"asset {book.assets[book.asset[j]]!r}: {entry[j]:.6g}"
        )
    return worth(book, entry, book.asset)


def unrealized(event: Event, who: str) -> Array:
    """Unrealized profit of each leg (legs,), quote currency: position x (mark - entry price); of inverse
    contracts, in coin, position x (1 / entry - 1 / mark).
    """
    book = event.book
    return book.position * book.direction[book.asset] * (book.price[book.asset] - entry_prices(event, who))


def worth(book: Book, quoted: Array, asset: Index) -> Array:
    """What contracts of asset numbers (m,) are worth at quoted prices (m,), in the currency of the book."""
    if not book.inverse.any():
        return quoted
    with np.errstate(divide="ignore"):
        return np.where(book.inverse[asset], 1 / quoted, quoted)


def closing_prices(event: Event, price: Mapping[str, float] | float) -> Array:
    """The price each asset is closed at (d,), quote currency; the mark where nothing is required. Of an
    inverse contract what it is worth there in coin, 1 / price.

    Raises EventError for missing labels, and for no price.
    """
    wanted = event.required_assets
    if not hasattr(price, "items"):
        if len(wanted) > 1:
            raise EventError(
                f"closing {len(wanted)} assets needs a closing price of each, by label: {{{wanted[0]!r}: "
                "100.0, ...}"
            )
        given = {wanted[0]: price}
    else:
        given = {str(asset): value for asset, value in price.items()}
    at = event.book.price.copy()
    for k in np.flatnonzero(event.side):
        asset = event.book.assets[k]
        if asset not in given:
            raise EventError(
                f"there is no closing price of {asset!r}; {len(given)} are given: "
                f"{', '.join(list(given)[:6])}"
            )
        value = plain(given[asset])
        if not (np.isfinite(value) and value > 0):
            raise EventError(
                f"the closing price of {asset!r} must be a positive number of quote currency, not "
                f"{given[asset]!r}"
            )
        at[k] = 1 / value if event.book.inverse[k] else value
    return at
