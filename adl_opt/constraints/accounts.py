"""Accounts and numbers that a constraint names, checked: limits by account, ids by group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.book import Book
from adl_opt.errors import ConstraintError
from adl_opt.objectives.hooks import is_number
from adl_opt.text import clipped, rounded_up


def limit_of(name: str, given: Any, what: str) -> float | dict[str, float]:
    """A limit >= 0, or account -> limit, as given to the constraint `name`. Raises ConstraintError."""
    if not isinstance(given, Mapping):
        if not (is_number(given) and given >= 0):
            raise ConstraintError(
                f"{name}({given!r}): {what} is a number, at least 0, or a mapping by account"
            )
        return float(given)
    if not given:
        raise ConstraintError(
            f"{name}({{}}) limits no account: give account -> number, or one number for all"
        )
    odd = [(k, v) for k, v in given.items() if not (is_number(v) and v >= 0)]
    if odd:
        raise ConstraintError(
            f"{len(odd)} of {len(given)} limits of {name} are no numbers, at least 0, first {odd[0][0]!r}: "
            f"{odd[0][1]!r}; {what}"
        )
    return {str(account): float(value) for account, value in given.items()}


def share_of(name: str, given: Any, what: str) -> float | dict[str, float]:
    """`limit_of` for shares. Raises ConstraintError for one above 1, which would limit nothing."""
    found = limit_of(name, given, what)
    listed = found if isinstance(found, dict) else {"": found}
    odd = [(key, x) for key, x in listed.items() if x > 1]
    if odd:
        of = f" of {odd[0][0]!r}" if odd[0][0] else ""
        raise ConstraintError(
            f"{len(odd)} of {len(listed)} shares of {name} are above 1, first{of} {odd[0][1]:.6g}, which is "
            f"{100 * odd[0][1]:,.6g} % and limits nothing; {what}: 0.5 is 50 %"
        )
    return found


def by_account(name: str, given: float | dict[str, float], book: Book) -> Array:
    """The limit of each account, (n,), infinite where none is given. Raises ConstraintError for accounts that
    the book does not have.
    """
    if not isinstance(given, dict):
        return np.full(len(book.accounts), given)
    most = np.full(len(book.accounts), np.inf)
    most[numbers_of(book, list(given), name)] = list(given.values())
    return most


def listed(limits: float | dict[str, float]) -> str:
    """Limits in a name: the number, or the first few accounts with theirs."""
    if not isinstance(limits, dict):
        return f"{limits:.6g}"
    few = ", ".join(f"{clipped(name)} {x:.6g}" for name, x in list(limits.items())[:3])
    return few + (f", ... ({len(limits):,} in all)" if len(limits) > 3 else "")


def raised(limit: float, share: float) -> float:
    """A limit raised by `share` of it, of a limit of 0 by `share` itself; up to six digits."""
    return rounded_up(limit * (1 + share) if limit else share)


def groups_of(name: str, given: Any) -> dict[str, tuple[str, ...]]:
    """Group -> ids, as given. Raises ConstraintError for what is no such mapping, and for empty groups."""
    if not isinstance(given, Mapping) or not given:
        raise ConstraintError(
            f'{name} takes groups by name, such as {{"desk": ["a1", "a7"]}}, not {str(given)[:40]!r}'
        )
    found: dict[str, tuple[str, ...]] = {}
    for group, ids in given.items():
        if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
            raise ConstraintError(f"group {str(group)!r} of {name} is a list of account ids, not {ids!r}")
        found[str(group)] = tuple(dict.fromkeys(str(one) for one in ids))
    empty = [group for group, ids in found.items() if not ids]
    if empty:
        raise ConstraintError(
            f"{len(empty)} of {len(found)} groups of {name} have no accounts, first {empty[0]!r}: leave them "
            "out, or name their accounts"
        )
    return found


def numbers_of(book: Book, ids: list[str], what: str) -> Index:
    """Account numbers of the ids. Raises ConstraintError for those that the book does not have."""
    import pandas as pd

    number = pd.Index(book.accounts).get_indexer(ids)
    unknown = number < 0
    if unknown.any():
        raise ConstraintError(
            f"{unknown.sum():,} of {len(ids):,} accounts of {what} are not in the book, first "
            f"{ids[int(np.argmax(unknown))]!r}; its first is {str(book.accounts[0])!r}"
        )
    return number
