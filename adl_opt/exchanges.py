"""How exchanges say they rank accounts today, as presets with their source; every policy by name; Drift's charge, which closes nothing."""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.data.book import Book
from adl_opt.errors import AdlError, EventError
from adl_opt.history import realized
from adl_opt.inputs import plain
from adl_opt.policies import (
    Policy,
    gross_water_filling,
    pro_rata,
    pro_rata_equity,
    pro_rata_profit,
    uniform,
    water_filling,
)
from adl_opt.queues import QueueRule

if TYPE_CHECKING:
    import pandas as pd

_EQUITY = "leverage is the position's notional at the mark over the account's equity"
_ORDER = "ties, which the text does not state, go by account order"
_RATE = "one maintenance margin rate for all (the field maintenance), which then cancels in the ranking; rates that rise with size would not"


def _preset(name: str, pnl: str, leverage: str, losers: str, price: str, source: str, sure: bool, assumed: str, ties: str | tuple[str, ...] = "account order") -> QueueRule:  # fmt: skip
    return QueueRule(pnl, leverage, losers, price, ties, name, source, sure, assumed)


PRESETS: tuple[QueueRule, ...] = (
    _preset(
        "bitmex", "return on entry", "leverage", "divide", "bankruptcy",
        "support.bitmex.com, What is Auto-Deleveraging (also MEXC, XT, Poloniex, Satori)", True,
        f"mark value - bankruptcy value is the account's equity; {_ORDER}",
    ),
    _preset(
        "binance", "return on wallet", "maintenance ratio", "zero", "bankruptcy",
        "Binance futures FAQ on insurance funds and ADL (formula sure; whether still current: not)", False,
        f"{_RATE}; wallet is the column margin, else equity less unrealized profit; {_ORDER}",
    ),
    _preset(
        "aster", "return on mark", "leverage", "divide", "bankruptcy", "docs.asterdex.com", True,
        f"abs(notional) is at the mark; balance + uPnL is the account's equity; {_ORDER}",
    ),
    _preset(
        "okx", "return on entry", "leverage", "divide", "mark", "okx.com help, introduction to ADL", True,
        f"L is not defined in the text: {_EQUITY}; losses rank below profits, divided by leverage; closed at the bankruptcy price when the fund is nearly empty; {_ORDER}",
    ),
    _preset(
        "bybit", "return on entry", "leverage", "divide", "bankruptcy", "Bybit help centre", False,
        f"the text has no formula: return times leverage as at BitMEX, {_EQUITY}; {_ORDER}",
    ),
    _preset(
        "hyperliquid", "price ratio", "leverage", "exclude", "previous mark", "Hyperliquid docs, auto-deleveraging", False,
        f"as printed mark/entry does not flip for shorts; here it does (the rule hyperliquid_as_printed does not); closed at the previous mark (older page: previous oracle); {_ORDER}",
    ),
    _preset(
        "hyperliquid_as_printed", "mark over entry", "leverage", "exclude", "previous mark", "Hyperliquid docs, auto-deleveraging", False,
        f"mark/entry for shorts too, so that among shorts the least profitable rank first; {_ORDER}",
    ),
    _preset(
        "kucoin", "return on entry", "leverage", "divide", "bankruptcy", "kucoin.com support", True,
        f"effective margin is the account's equity; {_ORDER}",
    ),
    _preset(
        "bitget", "return on entry", "maintenance ratio", "divide", "bankruptcy", "Bitget support (cross margin)", True,
        f"{_RATE}; {_ORDER}",
    ),
    _preset(
        "coinex", "price ratio", "open leverage", "multiply", "bankruptcy", "support.coinex.com", True,
        f"margin is the column margin, else equity less unrealized profit; the score is one product for winners and losers; {_ORDER}",
    ),
    _preset(
        "bluefin", "return on entry", "margin ratio", "zero", "not stated", "learn.bluefin.io", True,
        f"the oracle price is the book's price; one maintenance margin rate for all, 1% unless the field maintenance says otherwise; margin ratio is equity / gross notional; {_ORDER}",
    ),
    _preset(
        "ethereal", "none", "account leverage", "multiply", "oracle", "docs.ethereal.trade", True,
        "effective leverage is gross notional / equity; uPnL is the position's; balance is the column margin, else equity less unrealized profit; the last account of the book is "
        "the newest; the oracle mark is capped at the bankruptcy price",
        ("unrealized profit", "lowest balance", "newest first"),
    ),
    _preset(
        "dydx", "none", "none", "multiply", "bankruptcy", "dYdX v4-chain, deleveraging", True,
        "no score: account order stands for the list of subaccounts, the start is drawn with `seed`; pairs are not skipped, since an event knows no bankruptcy price of the "
        "liquidated account; closed at the bankruptcy or the oracle price", "random start",
    ),
    _preset(
        "leverage_queue", "none", "leverage", "multiply", "not stated", "no exchange: leverage alone, highest first", True, _ORDER,
    ),
)  # fmt: skip

POLICIES: dict[str, Policy] = {
    "water_filling": water_filling,
    "pro_rata": pro_rata,
    "gross_water_filling": gross_water_filling,
    "pro_rata_equity": pro_rata_equity,
    "pro_rata_profit": pro_rata_profit,
    "uniform": uniform,
    "realized": realized,
    **{rule.name: rule for rule in PRESETS},
}


def policy(name: str) -> Policy:
    """A policy by name; exchanges' names give QueueRules. Raises AdlError naming those there are."""
    if not isinstance(name, str) or name not in POLICIES:
        near = difflib.get_close_matches(str(name).lower(), POLICIES, 1, 0.6)
        raise AdlError(
            f"there is no policy {name!r}; " + (f"did you mean {near[0]!r}? " if near else "") + f"there are {', '.join(POLICIES)}"
        )
    return POLICIES[name]


def drift_charge(book: Book, loss: Mapping[str, float]) -> "pd.DataFrame":
    """Drift v2 shares a loss and closes none: loss / (sum of longs + sum of shorts) for each contract, charged to both sides. Not a policy.

    loss: quote currency to be covered, by asset, at least 0. One line a position of these assets: account, asset, position (contracts), charge (quote currency).
    The charges of an asset sum to its loss up to rounding. Source: protocol liquidation maths (code). Raises EventError for assets nobody holds.
    """
    import pandas as pd

    if not isinstance(book, Book) or not hasattr(loss, "items"):
        raise EventError(
            f"drift_charge takes a Book and the loss by asset, such as {{'BTC': 1000.0}}, not {type(book).__name__} and {loss!r}"
        )
    rates = np.zeros(len(book.assets))
    size = np.abs(book.position)
    for asset, amount in loss.items():
        k = book.number_of.get(asset)
        held = 0.0 if k is None else float(size[book.legs_of[k]].sum())
        if held == 0:
            raise EventError(f"nobody holds {asset!r}, so that there is nobody to charge its loss of {amount!r}")
        if not (np.isfinite(covered := plain(amount)) and covered >= 0):
            raise EventError(f"the loss in {asset!r} must be a number of quote currency, at least 0, not {amount!r}")
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
