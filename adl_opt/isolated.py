"""Isolated margin: water-filling of an event, asset by asset, and its proof scenario by scenario (THEORY 1, Thm 1)."""

import numpy as np
from numpy.typing import NDArray

from .errors import EventError
from .event import Event
from .laws import Law
from .symbols import Symbols
from .waterfill import water_level

Array = NDArray[np.float64]


def fill(event: Event) -> tuple[Array, Array]:
    """What each leg closes (legs,) contracts >= 0, and the water level of each asset (d,) x of equity (nan where nothing is required).

    Raises EventError if an account has more than one position: levels are then not defined asset by asset.
    """
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")
    book = event.book
    if not book.isolated:
        count = np.bincount(book.account, book.position != 0, len(book.accounts))
        first = int(np.argmax(count > 1))
        raise EventError(
            f"water-filling needs isolated margin, but {(count > 1).sum():,} of {len(count):,} accounts hold more than one position, "
            f"first {book.accounts[first]!r} with {int(count[first])}; solve a Problem, or give each position its own equity (Book.from_isolated)"
        )
    amount, level = np.zeros(len(book.position)), np.full(len(book.assets), np.nan)
    for k in np.flatnonzero(event.side):
        legs = np.flatnonzero(event.closable & (book.asset == k))
        # Contracts over (equity in contracts) is the leverage, so that clearing is exact in contracts.
        level[k], amount[legs] = water_level(event.size[legs], book.equity[book.account[legs]] / book.price[k], event.required[k])
    return amount, level


def pathwise_gap(event: Event, law: Law, amount: Array) -> Array:
    """How much less than `amount` any allocation could lose, at most, in each scenario: (S,) quote currency, >= 0.

    Weak duality scenario by scenario: with slope u of each account's loss and price of each asset, the gap is the sum of
    (slope + price)^+ closed + (slope + price)^- (size - closed). At the water level it is rounding only (Thm 1).
    """
    m = Symbols(event, law, amount)
    book, moves = event.book, m.scenarios.moves
    level = np.zeros(len(book.assets))
    cut = event.free & (amount > 0)
    np.maximum.at(level, book.asset[cut], m.leverage[book.account[cut]])
    # Loss per contract closed less, if the account is under water: the sign of the side being closed times the move.
    per_contract = -event.side[None, :] * moves * book.price[None, :]
    price = np.where(-event.side[None, :] * moves * level[None, :] > 1, per_contract, 0.0)
    gap = np.zeros(len(moves))
    for a, b, argument in m.arguments():
        legs = np.arange(len(amount))[m.legs_of(a, b)]
        legs = legs[event.free[legs]]
        account, asset = book.account[legs] - a, book.asset[legs]
        raised = np.maximum(m.leverage[book.account[legs]], np.where(amount[legs] > 0, level[asset], 0.0))
        under = -event.side[asset, None] * moves.T[asset] * raised[:, None] > 1
        own = argument[account]
        gap += (np.maximum(own, 0.0) - np.where(under, own, 0.0)).sum(axis=0)
        tilt = price.T[asset] - np.where(under, per_contract.T[asset], 0.0)
        gap += (np.maximum(tilt, 0.0) * amount[legs, None]).sum(axis=0)
        gap += (np.maximum(-tilt, 0.0) * (event.size[legs] - amount[legs])[:, None]).sum(axis=0)
    return gap


def gross_level(event: Event, k: int) -> float:
    """The gross leverage (x of equity) at which levelling it by closing asset k alone meets the requirement; by bisection, 1e-12 relative.

    In isolated margin this is the water level. Accounts whose other positions keep them above it are closed in full.
    """
    book = event.book
    legs = event.closable & (book.asset == k)
    size, equity = event.size[legs], book.equity[book.account[legs]]
    leverage = (book.per_account(np.abs(book.notional)) / book.equity)[book.account[legs]]
    low, high = 0.0, float(leverage.max(initial=0.0))
    for _ in range(200):
        level = (low + high) / 2
        closed = np.clip((leverage - level) * equity / book.price[k], 0.0, size).sum()
        low, high = (low, level) if closed < event.required[k] else (level, high)
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2
