"""Every queue of a book, longs and shorts of each asset apart, before anything is required."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.policies.places import legs_of_account
from adl_opt.policies.queue import QueueRule

if TYPE_CHECKING:
    import pandas as pd


def queues(book: Book) -> Iterator[Event]:
    """Events that require nothing of a side, shorts first, of all assets that have holders there."""
    for side, sign in (("short", -1), ("long", 1)):
        held = np.unique(book.asset[np.sign(book.position) == sign])
        if len(held):
            yield Event(book, **{side: {book.assets[k]: 0.0 for k in held}})


def standing(book: Book, rule: QueueRule, account: object = None) -> pd.DataFrame:
    """`rule.lights` of all positions of a book, or of one account's, with a column side ("short", "long").

    Raises EventError for accounts without positive equity, an account that the book does not have, one
    without positions, and for what the rule lacks.
    """
    import pandas as pd

    tables = []
    for event in queues(book):
        lights = rule.lights(event)
        lights.insert(2, "side", "short" if event.short else "long")
        tables.append(lights)
    if account is not None and not (legs_of_account(book, account) & (book.position != 0)).any():
        raise EventError(f"account {str(account)!r} has no position that could be closed")
    tables = [table if account is None else table[table["account"] == str(account)] for table in tables]
    if not tables:
        raise EventError("no account of the book has a position that could be closed")
    return pd.concat(tables, ignore_index=True)
