"""Limits on what may be closed beside the positions: accounts that are protected, caps on the share of a
position (§5). The next one is a class here and a keyword of Event.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.book import Book
from adl_opt.errors import EventError


class Limit(ABC):
    """What may be closed of each leg: of `spared` accounts (n,) nothing, of each position `share`, (legs,) or
    (); None where it limits nothing.
    """

    name: ClassVar[str] = ""  # its keyword in Event, and its key in a file of an allocation
    given: Any  # as Event shows it and a file keeps it
    spared: Mask | None = None
    share: Array | None = None

    @abstractmethod
    def words(self) -> str:
        """What it limits, in words; "" for nothing."""


class Protected(Limit):
    """Accounts of which nothing may be closed.

    given: ids as in book.accounts; kept are those, once each, in the book's order. Raises EventError for one
    id instead of a list, and for ids that the book does not have.
    """

    name = "protected"

    def __init__(self, book: Book, given: Any) -> None:
        if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
            raise EventError(f"protected is a list of account ids, such as ['a1', 'a7'], not {given!r}")
        ids, self.given = [str(name) for name in given], ()
        if ids:
            self.spared = np.zeros(len(book.accounts), dtype=bool)
            self.spared[_numbers(book, ids, self.name)] = True
            self.given = tuple(str(name) for name in book.accounts[self.spared])

    def words(self) -> str:
        count = len(self.given)
        return f"{count:,} account{'s' * (count > 1)} protected" if count else ""


class Cap(Limit):
    """The most that may be closed of a position, as a fraction in (0, 1].

    given: one fraction, or a mapping account -> fraction, 1 for the others; kept without caps of 1. Raises
    EventError for other numbers and for ids that the book does not have.
    """

    name = "cap"

    def __init__(self, book: Book, given: Any) -> None:
        if hasattr(given, "items"):
            self._by_account(book, given)
            return
        fraction = _fraction(given)
        if fraction is None:
            raise EventError(
                f"cap = {given!r}: the most that may be closed of a position is a fraction above 0 and at "
                "most 1 (§5)"
            )
        self.given, self.share = fraction, None if fraction == 1 else np.array(fraction)

    def _by_account(self, book: Book, given: Any) -> None:
        said: dict[str, float] = {}
        odd = []
        for account, value in given.items():
            fraction, name = _fraction(value), str(account)
            if fraction is None or name in said:
                odd.append(f"{name!r} " + (f"with {value!r}" if fraction is None else "a second time"))
            else:
                said[name] = fraction
        if odd:
            raise EventError(
                f"{len(odd):,} of {len(given):,} caps are not one fraction above 0 and at most 1 for an "
                f"account, first {odd[0]}; "
                "an account of which nothing may be closed is protected=[...] (§5)"
            )
        number = _numbers(book, list(said), self.name)
        below = {account: fraction for account, fraction in said.items() if fraction < 1}
        self.given = below or 1.0
        if below:
            share = np.ones(len(book.accounts))
            share[number] = list(said.values())
            self.share = share[book.account]

    def words(self) -> str:
        if isinstance(self.given, dict):
            count = len(self.given)
            lowest = min(self.given.values())
            return f"{count:,} account{'s' * (count > 1)} capped, lowest cap {lowest:.6g}"
        return "" if self.share is None else f"cap {self.given:.6g}"


LIMITS: tuple[type[Protected | Cap], ...] = (Protected, Cap)


def _fraction(value: Any) -> float | None:
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value <= 1 else None


def _numbers(book: Book, ids: list[str], what: str) -> Index:
    """Account numbers of the ids; EventError for those that the book does not have."""
    import pandas as pd

    number = pd.Index(book.accounts).get_indexer(ids)
    unknown = number < 0
    if unknown.any():
        raise EventError(
            f"{unknown.sum():,} of {len(ids):,} accounts of {what} are not in the book, first "
            f"{ids[int(np.argmax(unknown))]!r}; "
            f"its first is {str(book.accounts[0])!r}"
        )
    return number
