"""Isolated margin: water-filling of an event, asset by asset, and its proof scenario by scenario (THEORY 1,
Thm 1).
"""

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.waterfill.level import water_levels

_ROUNDING = 1e-12  # relative: levels closer than this are one


def fill(event: Event, equity: Array | None = None) -> tuple[Array, Array]:
    """What each leg closes (legs,) contracts >= 0, and the water level of each asset (d,) x of equity (nan
    where nothing is required).

    With caps: closed = clip(position - level x equity, 0, cap x position). Optimal in every scenario, hence
    for every law and monotone risk: its leverages l minimise sum E l^2 (that is its KKT condition), so that
    where more of i and less of j may be closed l_j >= l_i. For convex phi, moving towards any other
    allocation changes sum E phi(l) by a positive combination of phi'_+(l_j) - phi'_-(l_i) >= 0; with phi(l) =
    (move x l - 1)^+ that is the loss in a scenario. Protected accounts are like those with nothing to close.

    equity (n,) quote currency, positive: to be levelled by instead of the book's. Raises EventError if an
    account has more than one position: levels are then not defined asset by asset.
    """
    if not isinstance(event, Event):
        raise EventError(
            f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})"
        )
    book = event.book
    if not book.isolated:
        count = np.bincount(book.account, book.position != 0, len(book.accounts))
        first = int(np.argmax(count > 1))
        raise EventError(
            f"water-filling needs isolated margin, but {(count > 1).sum():,} of {len(count):,} accounts "
            "hold more than one position, "
            f"first {book.accounts[first]!r} with {int(count[first])}; solve a Problem, or give each "
            "position its own equity (Book.from_isolated)"
        )
    amount, level = np.zeros(len(book.position)), np.full(len(book.assets), np.nan)
    equity = book.equity if equity is None else equity
    wanted = np.flatnonzero(event.side)
    level[wanted] = 0.0
    for some, legs in event.closable_legs.batches(wanted):
        # Contracts over (equity in contracts) is the leverage, so that clearing is exact in contracts.
        contracts = equity[book.account[legs]] / book.price[some, None]
        cap = event.size[legs] if event.capped else None
        level[some], amount[legs] = water_levels(event.held[legs], contracts, event.required[some], cap)
    return amount, level


def gross_levels(event: Event, wanted: Index) -> Array:
    """The gross leverage (x of equity) at which levelling it by closing one asset alone meets its
    requirement.

    wanted (K,) asset numbers; (K,), by bisection, 1e-12 relative.

    In isolated margin this is the water level. Accounts whose other positions keep them above it are closed
    in full.
    """
    book = event.book
    gross = book.gross_notional / book.equity
    level = np.zeros(len(event.side))
    for some, legs in event.closable_legs.batches(wanted):  # (K,) assets, (K, m) legs
        size, equity, leverage = event.size[legs], book.equity[book.account[legs]], gross[book.account[legs]]
        low, high = np.zeros(len(some)), leverage.max(axis=1)
        for _ in range(200):
            middle = (low + high) / 2
            contracts = (leverage - middle[:, None]) * equity / book.price[some, None]
            closed = np.clip(contracts, 0.0, size).sum(axis=1)
            wide = high - low > _ROUNDING * high
            low = np.where(wide & (closed >= event.required[some]), middle, low)
            high = np.where(wide & (closed < event.required[some]), middle, high)
            if not wide.any():
                break
        level[some] = (low + high) / 2
    return level[wanted]
