"""What an exchange really closed, as an event and as a policy, so that it stands beside rules and optima."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.numerics.groups import Groups
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.problem.allocation import Allocation


def realized(event: Event) -> Allocation:
    """What was really closed, as an allocation to be judged beside others.

    `event`: an Event of a book with the column realized_closed (contracts, signed like the position);
    `adl.realized_event(book)` requires its total. Returns an Allocation. Nothing is clipped: data that close
    more than a position, or not what the event requires, give an allocation whose certificate says
    "infeasible" and by how much. Raises EventError if the book has no such column, or if it has not the
    position's sign.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, realized_closed=[-1.0, -4.0])
    >>> adl.compare(event, policies=[adl.realized, adl.pro_rata])["MaxLeverage"].round(4).to_dict()
    {'realized': 1.8, 'pro_rata': 1.5, 'optimum of LeverageSquare': 1.0, 'optimum of MaxLeverage': 1.0}
    """
    need_event(event)
    return plain_allocation(event, _closed(event.book), "realized", unique=None)


def realized_event(
    book: Book, *, protected: Iterable[Any] = (), cap: float | Mapping[Any, float] = 1.0
) -> Event:
    """The event that requires what was really closed, asset by asset.

    - `book`: a Book with the column realized_closed (contracts, signed like the position)
    - `protected`, `cap`: limits, as of Event

    Raises EventError without the column, or if an asset was closed on both sides, which one event cannot
    require (§5).

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, realized_closed=[-1.0, -3.0])
    >>> adl.realized_event(event.book).short  # contracts
    {'BTC': 4.0}
    """
    if not isinstance(book, Book):
        raise EventError(
            f"realized_event takes a Book, not {type(book).__name__}: adl.Book.read(path) or "
            "adl.Book.from_frame(frame)"
        )
    closed = _closed(book)
    required: dict[str, dict[str, float]] = {"short": {}, "long": {}}
    for side, sign in (("short", -1), ("long", 1)):
        legs = Groups(book.asset, len(book.assets), (closed > 0) & (np.sign(book.position) == sign))
        total = legs.sums(closed)
        required[side] = {book.assets[k]: float(total[k]) for k in np.flatnonzero(total > 0)}
    both = sorted(set(required["short"]) & set(required["long"]))
    if both:
        raise EventError(
            f"{len(both)} assets were closed on both sides, first {both[0]!r}; make an event of each side, "
            "adl.Event(book, short={...}) (§5)"
        )
    return Event(book, short=required["short"], long=required["long"], protected=protected, cap=cap)


def _closed(book: Book) -> Array:
    """Contracts really closed (legs,), >= 0 where they reduce the position."""
    if "realized_closed" not in book.extra:
        raise EventError(
            "the book has no column realized_closed (contracts, signed like the position), so that what "
            "was closed is not known"
        )
    closed = np.asarray(book.extra["realized_closed"], float)
    odd = closed * np.sign(book.position) < np.where(book.position == 0, np.abs(closed), 0.0)
    if odd.any():
        first = int(np.argmax(odd))
        raise EventError(
            f"realized_closed of {odd.sum():,} of {len(odd):,} positions is on the other side of the "
            "position, or of a position of 0, first that of account "
            f"{book.accounts[book.account[first]]!r} in {book.assets[book.asset[first]]!r}: "
            f"{closed[first]:.6g} of {book.position[first]:.6g}; "
            "it has the position's sign (§1); mend it, or leave these rows out"
        )
    return np.abs(closed)
