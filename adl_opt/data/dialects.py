"""The columns of exchanges' exports of positions, by the names a Book has for them
(notebooks/guide/reading.md).

A dialect is found by itself where a table has its marks and lacks columns of a tidy one; case, blanks,
underscores and what stands before a dot do not matter in a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from adl_opt.data.columns import plain_name
from adl_opt.errors import BookError
from adl_opt.text import nearest

TIDY = ("account", "asset", "position", "price")
_ACCOUNT = "account accountId accountName user userId uid wallet walletAddress address trader owner"
_EQUITY = "equity accountEquity accountValue totalEquity"
_COMMON = {  # of every dialect, by what a Book calls it
    "account": _ACCOUNT, "equity": _EQUITY, "margin": "margin walletBalance",
    "initial_margin": "initialMargin", "maintenance_margin": "maintenanceMargin",
    "profit": "profit unrealizedPnl unrealisedPnl", "realized_closed": "realizedClosed",
}  # fmt: skip


class Dialect(NamedTuple):
    """How one venue names what a Book reads."""

    title: str
    marks: str  # plain names that together are unmistakable
    names: Mapping[str, str]  # of a Book -> of the venue; other columns keep their names
    total: str = ""  # money of a wallet that holds the margin of isolated positions
    cross: str = ""  # money of a wallet that does not
    own_margin: bool = False  # whether margin, beside an equity, is that of an isolated position
    counted: str = ""  # contracts of these kinds are counted: a column of their sizes is needed
    symbol: str = ""  # what a label says of an inverse contract and its settlement currency: a group `coin`

    def called(self) -> dict[str, str]:
        """Plain name of a column -> what a Book calls it."""
        table = {name: f"{text} {self.names.get(name, '')}" for name, text in _COMMON.items()}
        return {plain_name(n): book for book, text in ({**self.names} | table).items() for n in text.split()}


DIALECTS: dict[str, Dialect] = {
    "ccxt": Dialect(
        "ccxt's unified positions", "symbol contracts",
        {"asset": "symbol", "position": "contracts", "price": "markPrice", "entry_price": "entryPrice",
         "equity": "collateral"},
        counted="all",
    ),
    "binance": Dialect(
        "Binance", "symbol positionAmt",
        {"asset": "symbol", "position": "positionAmt", "price": "markPrice", "entry_price": "entryPrice",
         "equity": "marginBalance totalMarginBalance", "margin": "crossWalletBalance totalWalletBalance",
         "maintenance_margin": "maintMargin", "isolated_equity": "isolatedMargin",
         "isolated_wallet": "isolatedWallet"},
        total="marginBalance totalMarginBalance walletBalance totalWalletBalance", cross="crossWalletBalance",
        counted="inverse", symbol=r"(?P<coin>[A-Z0-9]+?)USD_(PERP|\d{6})",
    ),
    "bybit": Dialect(
        "Bybit", "symbol size positionIdx",
        {"asset": "symbol", "position": "size", "price": "markPrice", "entry_price": "avgPrice entryPrice",
         "initial_margin": "positionIM", "maintenance_margin": "positionMM"},
        total="totalEquity walletBalance",
        symbol=r"(?P<coin>[A-Z0-9]+?)USD([FHJKMNQUVXZ]\d{2})?",
    ),
    "okx": Dialect(
        "OKX", "instId pos",
        {"asset": "instId", "position": "pos", "price": "markPx", "entry_price": "avgPx",
         "equity": "eq totalEq", "initial_margin": "imr", "maintenance_margin": "mmr", "profit": "upl"},
        total="eq totalEq", own_margin=True,
        counted="all", symbol=r"(?P<coin>[A-Z0-9]+)-USD-(SWAP|\d{6})",
    ),
    "hyperliquid": Dialect(
        "Hyperliquid", "coin szi",
        {"asset": "coin", "position": "szi", "price": "markPx", "entry_price": "entryPx",
         "margin_mode": "leverageType", "isolated_equity": "marginUsed",
         "equity": "crossAccountValue crossMarginSummaryAccountValue marginSummaryAccountValue"},
        total="accountValue marginSummaryAccountValue",
        cross="crossAccountValue crossMarginSummaryAccountValue",
    ),
    "dydx": Dialect(
        "dYdX v4", "market size subaccountNumber",
        {"asset": "market", "position": "size", "price": "oraclePrice", "entry_price": "entryPrice",
         "subaccount": "subaccountNumber"},
    ),
}  # fmt: skip


def found(columns: Mapping[str, Any], where: str, dialect: str | None) -> str | None:
    """The name of the dialect asked for, or of the one that is unmistakable; None for a tidy table.

    Raises BookError for an unknown name.
    """
    if dialect is not None:
        if dialect not in DIALECTS:
            near = nearest(str(dialect), tuple(DIALECTS))
            raise BookError(
                f"there is no dialect {dialect!r}"
                + (f"; did you mean {near!r}?" if near else f"; there are {', '.join(DIALECTS)}")
            )
        return dialect
    if all(name in columns for name in TIDY):
        return None
    plain = _plain(columns)
    fitting = [name for name, one in DIALECTS.items() if {plain_name(m) for m in one.marks.split()} <= plain]
    if len(fitting) > 1:
        raise BookError(
            f"{where} has the columns of {len(fitting)} dialects, {' and '.join(fitting)}; say "
            f"dialect={fitting[0]!r}"
        )
    return fitting[0] if fitting else None


def holds_isolated(name: str | None, called: str) -> bool | None:
    """Whether a wallet's column holds the margin of its isolated positions; None where nothing tells."""
    if name is None:
        return None
    one = DIALECTS[name]
    for plain in (_whole(called), plain_name(called)):
        for names, holds in ((one.cross, False), (one.total, True)):
            if plain in map(plain_name, names.split()):
                return holds
    return None


def _plain(columns: Mapping[str, Any]) -> set[str]:
    return {plain_name(name) for name in columns} | {_whole(name) for name in columns}


def _whole(name: str) -> str:
    """A name with what stands before its dot: leverage.type is leveragetype."""
    return re.sub(r"[\W_]", "", name).casefold()


def renamed(columns: Mapping[str, Any], where: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """(the columns by the names of a Book, by those names what each is called in the table).

    Raises BookError where two columns are one of a Book.
    """
    called = DIALECTS[name].called()
    table: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for own, values in columns.items():
        book = called.get(_whole(own)) or called.get(plain_name(own))
        if book is None or (own in TIDY and book != own):
            book = own
        if book in table:
            raise BookError(
                f"{where}, read as {name}, says {book} twice, as {spelled[book]!r} and {own!r}; drop one"
            )
        table[book], spelled[book] = values, own
    if DIALECTS[name].own_margin and "equity" in table and "margin" in table:
        table["isolated_wallet"], spelled["isolated_wallet"] = table.pop("margin"), spelled.pop("margin")
    return table, spelled
