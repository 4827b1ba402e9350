"""Limits on what may be closed: accounts that are protected, and caps on the share of a position (§5)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.book import Book
from adl_opt.errors import EventError


def protected_accounts(book: Book, given: Any) -> tuple[tuple[str, ...], Mask | None]:
    """(ids in the book's order, once each; which accounts (n,), None if none are) of the accounts of which
    nothing may be closed.

    given: ids as in book.accounts. Raises EventError for one id instead of a list, and for ids that the book
    does not have.
    """
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise EventError(f"protected is a list of account ids, such as ['a1', 'a7'], not {given!r}")
    ids = [str(name) for name in given]
    if not ids:
        return (), None
    stays = np.zeros(len(book.accounts), dtype=bool)
    stays[_numbers(book, ids, "protected")] = True
    return tuple(str(name) for name in book.accounts[stays]), stays


def caps(book: Book, given: Any) -> tuple[float | dict[str, float], Array | None]:
    """(the cap as given, without caps of 1; the most that may be closed of each leg (legs,) or (), as a
    fraction of its position, None without a cap).

    given: one fraction in (0, 1], or a mapping account -> fraction, 1 for the others. Raises EventError for
    other numbers and for ids that the book does not have.
    """
    if not hasattr(given, "items"):
        fraction = _fraction(given)
        if fraction is None:
            raise EventError(
                f"cap = {given!r}: the most that may be closed of a position is a fraction above 0 and at "
                "most 1 (§5)"
            )
        return fraction, None if fraction == 1 else np.array(fraction)
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
    number = _numbers(book, list(said), "cap")
    below = {account: fraction for account, fraction in said.items() if fraction < 1}
    if not below:
        return 1.0, None
    share = np.ones(len(book.accounts))
    share[number] = list(said.values())
    return below, share[book.account]


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
