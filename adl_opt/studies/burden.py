"""Who bears an allocation: what it costs each account, and how it is shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import EventError
from adl_opt.evaluation.counting import accounts, left, reduced
from adl_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import pandas as pd
from adl_opt.policies.closing_prices import closing_prices

_TOP = 10  # the most levered tenth


def burden(allocation: Allocation, price: Mapping[str, float] | float) -> pd.DataFrame:
    """What an allocation costs each account if positions are closed at a price: a table, a line an account.

    - `allocation`: an Allocation
    - `price`: closing price by required asset as in `water_filling_at`, such as the bankruptcy price of the
      liquidated order

    Returns a DataFrame: account; closed_notional at the mark (quote currency); transfer = closed x (mark -
    closing price), quote currency, positive if the account gives it up (the sizes closed do not depend on
    it); wholly_closed: whether it was reduced and no position is left. Raises EventError for a price that is
    missing or not positive.

    >>> allocation = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100))
    >>> adl.burden(allocation, {"BTC": 102.0})
    account closed_notional        transfer wholly_closed
             quote currency quote currency,
                               given up > 0
    a0                  250               5 no
    a1                  250               5 no
    """
    from adl_opt.table import with_units

    if not isinstance(allocation, Allocation):
        raise EventError(
            f"burden takes an Allocation, such as adl.pro_rata(event), not {type(allocation).__name__}"
        )
    event, book = allocation.event, allocation.event.book
    gone = (book.direction * (book.price - closing_prices(event, price)))[book.asset]
    closing = reduced(event, allocation.amount)
    return with_units(
        {
            "account": book.accounts,
            "closed_notional": book.per_account(allocation.amount * book.price[book.asset]),
            "transfer": book.per_account(allocation.closed_by_leg * gone),
            "wholly_closed": accounts(event, closing) & ~accounts(event, left(event, allocation.amount)),
        },
        {"transfer": "quote currency, given up > 0"},
        currency=book.currency,
    )


def bearing(allocation: Allocation) -> dict[str, float]:
    """Counts and shares of one allocation, by name.

    "accounts reduced" and "wholly closed" (of the required side nothing is left to them) are numbers of
    accounts; "top tenth bears" is the share of the notional closed that the tenth of highest gross leverage
    among the accounts that could be closed bears, an account cut by the tenth with its part, ties by account
    order; "Gini" is the Gini coefficient of the notional closed by account over the same accounts: 0 if all
    bear alike, near 1 if one bears all. The last two are nan where nothing is closed.
    """
    event, book = allocation.event, allocation.event.book
    price = book.price[book.asset]
    closed = book.per_account(allocation.amount * price)
    could = book.per_account(np.where(event.closable, event.size, 0.0)) > 0
    whole = could & ~accounts(event, event.closable & left(event, allocation.amount))
    return {
        "accounts reduced": int(accounts(event, reduced(event, allocation.amount)).sum()),
        "wholly closed": int(whole.sum()),
        "top tenth bears": _top_share(closed[could], book.leverage.to_numpy()[could]),
        "Gini": gini(closed[could]),
    }


def _top_share(burden: Array, leverage: Array) -> float:
    total = burden.sum()
    if not total > 0:
        return float("nan")
    order = np.argsort(-leverage, kind="stable")
    tenth = len(burden) / _TOP
    weight = np.clip(tenth - np.arange(len(burden)), 0.0, 1.0)
    return float(burden[order] @ weight / total)


def gini(burden: Array) -> float:
    """sum_ij |b_i - b_j| / (2 n sum b) of burdens (n,) >= 0; nan where all are 0."""
    total = float(burden.sum())
    if not total > 0:
        return float("nan")
    ordered, n = np.sort(burden), len(burden)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))
