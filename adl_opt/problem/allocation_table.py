"""Allocations as tables account, asset, closed: read, and held against the event."""

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import AllocationError


def amounts_from_frame(event: Event, frame: Any) -> Array:
    """What each leg closes (legs,) from a table account, asset, closed (signed like the position); legs not
    listed close nothing. Where an account holds both sides of an asset, the sign of `closed` says which.

    A sign against the position comes out negative, outside its box. Raises AllocationError for missing or
    repeated columns, positions that the book does not have, repeated lines and numbers that are not real and
    finite.
    """
    import pandas as pd

    frame = frame.to_pandas() if hasattr(frame, "to_pandas") else frame
    if not isinstance(frame, pd.DataFrame):
        raise AllocationError(
            f"an allocation is a table account, asset, closed (a DataFrame), not {type(frame).__name__}"
        )
    for name in ("account", "asset", "closed"):
        if (count := [str(column) for column in frame.columns].count(name)) != 1:
            how = "lacks the column" if count == 0 else f"has {count} times the column"
            raise AllocationError(
                f"the allocation {how} {name!r}; it needs account, asset, closed (contracts, signed like "
                "the position), each once"
            )
    book = event.book
    closed = _sizes(frame["closed"])
    own = [book.accounts[book.account], np.array(book.assets, dtype=object)[book.asset]]
    named = [np.array([str(label) for label in frame[name]], object) for name in ("account", "asset")]
    if pd.MultiIndex.from_arrays(own).has_duplicates:  # both sides of an asset
        own.append(np.where(_both_sides(book), np.sign(book.position), 0.0))
        side = _named_side(own, named, np.sign(closed))
        # closing 0 of either side says nothing
        tells = ~((side == 0) & (closed == 0) & _are_both(own, named))
        closed, named = closed[tells], [column[tells] for column in (*named, side)]
    pairs, given = pd.MultiIndex.from_arrays(own), pd.MultiIndex.from_arrays(named)
    leg = pairs.get_indexer(given)
    for bad, what in (
        (leg < 0, "is not a position of the book"),
        (given.duplicated(), "is listed twice"),
        (~np.isfinite(closed), "closes no finite number"),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise AllocationError(
                f"{bad.sum()} of {len(closed)} rows of the allocation, first row {row + 1}: account "
                f"{given[row][0][:40]!r}, "
                f"asset {given[row][1][:40]!r} {what}"
            )
    amount = np.zeros(len(book.position))
    # A zero position has no side: what it claims to close counts against its box, whatever the sign.
    amount[leg] = np.where(book.position[leg] == 0, -np.abs(closed), closed * np.sign(book.position[leg]))
    return amount


def _both_sides(book: Book) -> Mask:
    """Legs (legs,) of accounts that hold both sides of their asset."""
    key = book.account.astype(np.int64) * len(book.assets) + book.asset
    _, number, count = np.unique(key, return_inverse=True, return_counts=True)
    return count[number] > 1


def _named_side(own: list[Any], named: list[Any], sign: Array) -> Array:
    """The side that each line (lines,) means: that of `closed` where both are held, else 0."""
    return np.where(_are_both(own, named), sign, 0.0)


def _are_both(own: list[Any], named: list[Any]) -> Mask:
    """Lines (lines,) of an account and asset of which both sides are held."""
    both = {pair for pair, side in zip(zip(*own[:2]), own[2]) if side}
    return np.array([pair in both for pair in zip(*named)], dtype=bool)


def _sizes(column: Any) -> Array:
    """The column as floats, nan where it holds no real number; True and False are none."""
    if getattr(column.dtype, "kind", "O") in "iuf":
        with np.errstate(over="ignore"):
            return column.to_numpy(float, na_value=np.nan)
    return np.array([_size(value) for value in column], float)


def _size(value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (str, Real, Decimal)):
        return np.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return np.nan
