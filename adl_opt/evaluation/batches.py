"""Accounts answer: the expected shortfall of every account with its slope and curvature, in batches of equal
numbers of positions.

numpy and scipy only. Positions of 0 contracts take no part: they cannot be closed and lose nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.book import Book
from adl_opt.laws.base import Law

_CHUNK = 4_000_000  # numbers of a batch's largest table


class Batch(NamedTuple):
    """Accounts of m positions each: account (n,) and leg (n, m) numbers."""

    account: Index
    leg: Index


_KNOWN: WeakKeyDictionary[Book, list[Batch]] = WeakKeyDictionary()  # a book does not change


def batches(book: Book) -> list[Batch]:
    """The accounts with a position, grouped by how many, in pieces that fit into memory; found once a
    book.
    """
    if book not in _KNOWN:
        _KNOWN[book] = _grouped(book)
    return _KNOWN[book]


def _grouped(book: Book) -> list[Batch]:
    held = np.flatnonzero(book.position != 0)
    account = book.account[held]
    count = np.bincount(account, minlength=len(book.accounts))
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    found = []
    for m in np.unique(count[count > 0]):
        mine = np.flatnonzero(count == m)
        leg = held[start[mine, None] + np.arange(m)]
        step = max(1, _CHUNK // int(m) ** 2)
        found += [Batch(mine[a : a + step], leg[a : a + step]) for a in range(0, len(mine), step)]
    return found


def answers(
    book: Book, law: Law, notional: Array, wanted: int, parts: list[Batch] | None = None
) -> Iterator[tuple[Batch, tuple[Array, ...]]]:
    """By batch: the expected shortfall, its slope and its curvature in the notionals left, notional (legs,)
    signed: the first 1 + wanted.
    """
    for batch in batches(book) if parts is None else parts:
        yield (
            batch,
            law.shortfall_terms(
                book.asset[batch.leg], notional[batch.leg], book.equity[batch.account], wanted
            ),
        )


def expected_shortfall(book: Book, law: Law, notional: Array) -> Array:
    """(n,) quote currency."""
    value = np.maximum(-book.equity, 0.0)
    for batch, terms in answers(book, law, notional, 0):
        value[batch.account] = terms[0]
    return value


def slope(book: Book, law: Law, notional: Array) -> Array:
    """The slope of the total in each position's notional, (legs,): a pure number; 0 for positions of
    nothing.
    """
    found = np.zeros(len(book.position))
    for batch, terms in answers(book, law, notional, 1):
        found[batch.leg] = terms[1]
    return found
