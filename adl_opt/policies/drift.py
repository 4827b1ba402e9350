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
    """Drift v2 shares a loss and closes none: loss / (sum of longs + sum of shorts) for each contract,
    charged to both sides. Not a policy.

    loss: quote currency to be covered, by asset, at least 0. One line a position of these assets: account,
    asset, position (contracts), charge (quote currency). The charges of an asset sum to its loss up to
    rounding. Source: protocol liquidation maths (code). Raises EventError for assets nobody holds.
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
