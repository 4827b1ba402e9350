"""Terms of queues that are made of maintenance margins, the account's own."""

from typing import Any

import numpy as np

from adl_opt.arrays import TINY, Array
from adl_opt.data.event import Event
from adl_opt.data.maintenance import COLUMN, MaintenanceTiers, by_account
from adl_opt.errors import EventError


def maintenance_margin(rule: Any, event: Event) -> Array:
    """The maintenance margin of each account (n,): by the tiers of the rule, else by the column
    maintenance_margin, else at one rate for all.

    Raises EventError beside a column of another kind, which is not used.
    """
    book = event.book
    if isinstance(rule.maintenance, MaintenanceTiers) or COLUMN in book.extra:
        tiers = rule.maintenance if isinstance(rule.maintenance, MaintenanceTiers) else COLUMN
        return by_account(book, tiers)
    if book.unused:
        raise EventError(
            f"{rule.name} ranks by a maintenance margin, and the book has the column {book.unused[0]!r}, "
            "which is not used: give the column maintenance_margin (quote currency, of each position), or "
            "tiers by dataclasses.replace(rule, maintenance=adl.MaintenanceTiers(...)); or drop the column, "
            f"to rank by one rate for all, {rule.maintenance:g} of the notional"
        )
    return rule.maintenance * book.gross_notional


def maintenance_ratio(rule: Any, event: Event) -> Array:
    """Maintenance margin of the account / its equity, (legs,)."""
    return (maintenance_margin(rule, event) / event.book.equity)[event.book.account]


def margin_ratio(rule: Any, event: Event) -> Array:
    """1 / max(maintenance margin, equity) of the account, of its gross notional, (legs,)."""
    book = event.book
    gross = np.maximum(book.gross_notional, TINY)
    return (gross / np.maximum(maintenance_margin(rule, event), book.equity))[book.account]
