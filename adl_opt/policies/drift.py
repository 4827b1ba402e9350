"""Drift: what closing for others costs the accounts on the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.data.book import Book
from adl_opt.errors import EventError
from adl_opt.inputs import plain

if TYPE_CHECKING:
    import pandas as pd


def drift_charge(book: Book, loss: Mapping[str, float]) -> pd.DataFrame:
    """What Drift v2 charges each position for a loss: the same for every contract, long or short.

    - `book`: a Book
    - `loss`: quote currency to be covered, by asset, at least 0

    It shares a loss and closes none, and so is no policy: loss / (sum of longs + sum of shorts) a contract.
    Returns a DataFrame, a line a position of these assets: account, asset, position (contracts), charge
    (quote currency); the charges of an asset sum to its loss up to rounding. Raises EventError for assets
    nobody holds.

    Source: drift-labs/protocol-v2, liquidation maths (code).

    >>> adl.drift_charge(adl.examples.paper().book, {"BTC": 3300.0})[["account", "charge"]]
      account  charge
    0       A   800.0
    1       B  1000.0
    2       C   800.0
    3       D   700.0
    """
    import pandas as pd

    if not isinstance(book, Book) or not hasattr(loss, "items"):
        raise EventError(
            "drift_charge takes a Book and the loss by asset, such as {'BTC': 1000.0}, not "
            f"{type(book).__name__} and {loss!r}"
        )
    rates = np.zeros(len(book.assets))
    size = np.abs(book.position)
    for asset, amount in loss.items():
        k = book.number_of.get(asset)
        held = 0.0 if k is None else float(size[book.legs_of[k]].sum())
        if held == 0:
            raise EventError(
                f"nobody holds {asset!r}, so that there is nobody to charge its loss of {amount!r}"
            )
        if not (np.isfinite(covered := plain(amount)) and covered >= 0):
            raise EventError(
                f"the loss in {asset!r} must be a number of quote currency, at least 0, not {amount!r}"
            )
        rates[k] = covered / held
    legs = np.isin(np.array(book.assets, dtype=object)[book.asset], list(loss)) & (size > 0)
    return pd.DataFrame(
        {
            "account": book.accounts[book.account[legs]],
            "asset": np.array(book.assets, dtype=object)[book.asset[legs]],
            "position": book.position[legs],
            "charge": (rates[book.asset] * size)[legs],
        }
    )
