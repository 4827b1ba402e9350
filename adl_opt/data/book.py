"""Book: validation at the door, storage by legs (§1-§4, §8, §9).

A book has rows, one a margin account with its equity; the legs of a row are its positions. Legs are stored
flat, grouped by account in order of first appearance; nothing here is ever a dense accounts x assets table
(§4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adl_opt import html
from adl_opt.arrays import Array, Index
from adl_opt.data.columns import ranked_by, refuse_meanings
from adl_opt.data.magnitudes import check_book
from adl_opt.data.tables import (
    arrow_columns,
    factorize,
    need_columns,
    number_column,
    once_each,
    read_columns,
    text_column,
)
from adl_opt.errors import BookError
from adl_opt.numerics.groups import Groups
from adl_opt.numerics.readonly import ReadOnly, fixed, keep
from adl_opt.text import counted, figure, several, two_lines

if TYPE_CHECKING:
    import pandas as pd

OPTIONAL = ("entry_price", "margin", "profit_ratio", "realized_closed")
USED = ("account", "asset", "position", "price", "equity", *OPTIONAL)


@dataclass(frozen=True, eq=False)
class Book(ReadOnly):
    """Accounts with their equity and positions; made with `Book.read`, `from_frame` or `from_isolated`.

    - `accounts` (n,): text ids, with `equity` (n,), quote currency, of any sign (an Event refuses equity <=
      0, §8)
    - `assets` (d,): labels in order of first appearance, with `price` (d,), quote currency > 0
    - `position` (legs,): contracts, long > 0 (§1); leg j is of account number `account[j]` in asset number
      `asset[j]`
    - `extra`: the optional columns, (legs,) by name
    - `unused`: names of columns of a maintenance margin, which no rule reads; one that ranks by it refuses
      the book

    Arrays are read-only: `dataclasses.replace(book, price=...)` makes another book. Raises BookError for what
    is not consistent (§9).

    >>> book = adl.examples.paper().book
    >>> book.leverage.round(2).to_dict()  # gross, x of equity
    {'A': 4.75, 'B': 5.2, 'C': 6.4, 'D': 7.1}
    """

    accounts: NDArray[np.object_]
    assets: tuple[str, ...]
    price: Array
    equity: Array
    account: Index
    asset: Index
    position: Array
    extra: Mapping[str, Array]
    unused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keep(self, "accounts", "price", "equity", "account", "asset", "position", "extra")
        check_book(self)

    @classmethod
    def read(cls, path: str | Path) -> Book:
        """A book from a CSV or Parquet file, a row a position.

        `path`: a file with the columns account, asset, position (contracts, long > 0), price and equity
        (quote currency; the equity of the whole account). equity may be replaced by margin and entry_price:
        equity = margin + sum position (price - entry_price). Other columns are ignored, but for those that
        say something else about what a position, a price or an equity is (side, contract size, contract kind,
        currency: columns.py), which are refused by name. Raises BookError, naming the first culprit, for
        whatever is missing, duplicated, inconsistent or not a number, and for files of other kinds.

        >>> adl.examples.paper().book.to_frame().to_csv("book.csv", index=False)
        >>> len(adl.Book.read("book.csv").accounts)
        4
        """
        return cls._build(*read_columns(path, "a book"))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Book:
        """A book from a DataFrame (pandas, polars, a table of pyarrow), a row a position.

        `frame`: the columns of `Book.read`; its index is ignored. Raises BookError as `read` does.

        >>> frame = pd.DataFrame({"account": ["A", "B"], "asset": "BTC", "position": [-8.0, -10.0]})
        >>> book = adl.Book.from_frame(frame.assign(price=67_000.0, equity=[242_100.0, 143_000.0]))
        >>> book.leverage.round(2).tolist()  # x of equity
        [2.21, 4.69]
        """
        return cls._build(columns_of(frame), "the frame")

    @classmethod
    def from_isolated(cls, frame: pd.DataFrame) -> Book:
        """A book in isolated margin: every position is an account with its own equity (§3).

        `frame`: the columns of `Book.read`, where equity is that of the position; its account is called
        "account:asset". Raises BookError as `read` does.

        >>> frame = pd.DataFrame({"account": "A", "asset": ["BTC", "ETH"], "position": [-8.0, -323.0]})
        >>> book = adl.Book.from_isolated(frame.assign(price=[67_000.0, 1_900.0], equity=1e5))
        >>> book.accounts.tolist(), book.isolated
        (['A:BTC', 'A:ETH'], True)
        """
        columns = columns_of(frame)
        need_columns(columns, ("account", "asset"), "the frame")
        names = zip(text_column(columns["account"], "account"), text_column(columns["asset"], "asset"))
        return cls._build(
            {**columns, "account": [f"{account}:{asset}" for account, asset in names]}, "the frame"
        )

    @classmethod
    def _build(cls, columns: Mapping[str, Any], where: str) -> Book:
        derived = "equity" not in columns and "margin" in columns and "entry_price" in columns
        need_columns(
            columns, ("account", "asset", "position", "price", *(() if derived else ("equity",))), where
        )
        names, labels = text_column(columns["account"], "account"), text_column(columns["asset"], "asset")
        if len(names) == 0:
            raise BookError(f"{where} has no rows: a book needs at least one position")
        wanted = (
            "position",
            "price",
            *(() if derived else ("equity",)),
            *(name for name in OPTIONAL if name in columns),
        )
        number = {name: number_column(columns[name], name, names) for name in wanted}
        refuse_meanings(columns, USED, number["position"], names, where)

        accounts, account = factorize(names)
        assets, asset = factorize(labels)
        order = np.argsort(account, kind="stable")
        account, asset = account[order], asset[order]
        number = {name: values[order] for name, values in number.items()}
        named = _Named(accounts, assets, account, asset)

        price = _one_value(number["price"], asset, len(assets), "price", "asset", named)
        if (price <= 0).any():
            first = int(np.argmax(price <= 0))
            raise BookError(
                f"{(price <= 0).sum()} of {len(assets)} prices are not positive, first {assets[first]!r} "
                f"with {price[first]:.6g} (§9)"
            )
        _refuse_duplicates(account, asset, named)
        if derived:
            margin = _one_value(number["margin"], account, len(accounts), "margin", "account", named)
            with np.errstate(over="ignore", invalid="ignore"):
                profit = number["position"] * (number["price"] - number["entry_price"])
                equity = margin + np.bincount(account, profit, len(accounts))
        else:
            equity = _one_value(number["equity"], account, len(accounts), "equity", "account", named)
        extra = {name: number[name] for name in OPTIONAL if name in number}
        unused = ranked_by(columns, USED)
        return cls(
            accounts, tuple(assets.tolist()), price, equity, account, asset, number["position"], extra, unused
        )

    def __repr__(self) -> str:
        equity = figure(self.equity.sum(), 6)
        return two_lines(
            f"Book({counted(len(self.accounts), 'account')} in {several(self.assets)}; "
            f"{counted(len(self.position), 'position')}, equity {equity} quote currency)"
        )

    def _repr_html_(self) -> str:
        among = f"{counted(len(self.position), 'position')} in {counted(len(self.assets), 'asset')}"
        money = {"equity": self.equity.sum(), "gross notional": self.gross_notional.sum()}
        facts = [(name, f"{figure(value, 6)} quote currency in all") for name, value in money.items()]
        held, shown = len(self.accounts), len(set(self.account[: html.SHOWN].tolist()))
        return html.panel(
            f"Book: {counted(held, 'account')}, {among}",
            html.facts([*facts, ("margin", "isolated" if self.isolated else "cross")]),
            self.to_frame().head(html.SHOWN).to_panel(),
            html.line(html.shown(held, "accounts", shown)),
        )

    @cached_property
    def notional(self) -> Array:
        """Signed notional of each leg, (legs,), quote currency, long > 0."""
        with np.errstate(over="ignore", under="ignore"):
            return fixed(self.position * self.price[self.asset])

    @cached_property
    def number_of(self) -> dict[str, int]:
        """Asset label -> its number."""
        return {asset: k for k, asset in enumerate(self.assets)}

    @cached_property
    def legs_of(self) -> Groups:
        """`book.legs_of[k]`: the legs in asset number k."""
        return Groups(self.asset, len(self.assets))

    @cached_property
    def start(self) -> Index:
        """First leg of each account, (n,): accounts own consecutive legs."""
        return fixed(np.searchsorted(self.account, np.arange(len(self.accounts))))

    @cached_property
    def gross_notional(self) -> Array:
        """Of each account (n,), quote currency: the sizes of its positions at the mark."""
        return fixed(self.per_account(np.abs(self.notional)))

    def per_account(self, values: Array) -> Array:
        """Sum a value of each leg (legs,) over its account: (n,)."""
        total: Any = np.bincount(self.account, values, len(self.accounts))
        return total

    @cached_property
    def isolated(self) -> bool:
        """Whether no account holds more than one position that is not zero (§3)."""
        return bool((np.bincount(self.account, self.position != 0, len(self.accounts)) <= 1).all())

    @property
    def leverage(self) -> pd.Series:
        """Gross leverage by account, x of equity; infinite where equity is not positive."""
        import pandas as pd

        gross = self.gross_notional
        ratio = np.divide(gross, self.equity, out=np.full_like(gross, np.inf), where=self.equity > 0)
        return pd.Series(ratio, index=pd.Index(self.accounts, name="account"), name="leverage")

    def to_frame(self) -> pd.DataFrame:
        """The table that `Book.from_frame` reads, a row a position.

        Columns account, asset, position (contracts, long > 0), price, equity (quote currency) and the
        optional ones.

        >>> adl.examples.paper().book.to_frame().head(2)[["account", "asset", "position", "price"]]
        account asset   position          price
                      contracts, quote currency
                        long > 0   per contract
        A       BTC           -8         67,000
        A       ETH         -323          1,900
        """
        from adl_opt.table import with_units

        columns = {
            "account": self.accounts[self.account],
            "asset": np.array(self.assets, dtype=object)[self.asset],
            "position": self.position,
            "price": self.price[self.asset],
            "equity": self.equity[self.account],
        }
        return with_units({**columns, **self.extra})

    def solvent(self) -> Book:
        """The book of the accounts with positive equity; the same assets.

        Raises BookError if there is none.
        """
        keep = self.equity > 0
        if not keep.any():
            raise BookError(f"none of the {len(self.equity)} accounts has positive equity")
        legs, renumbered = keep[self.account], np.cumsum(keep) - 1
        extra = {name: values[legs] for name, values in self.extra.items()}
        account = renumbered[self.account[legs]].astype(np.int32)
        return Book(
            self.accounts[keep], self.assets, self.price, self.equity[keep], account, self.asset[legs],
            self.position[legs], extra,
            self.unused,
        )  # fmt: skip

    def insolvent(self) -> pd.DataFrame:
        """account, equity, gross_notional (quote currency) of the accounts whose equity is not positive."""
        from adl_opt.table import with_units

        broke = self.equity <= 0
        gross = self.gross_notional
        return with_units(
            {"account": self.accounts[broke], "equity": self.equity[broke], "gross_notional": gross[broke]}
        )


@dataclass(frozen=True)
class _Named:
    accounts: NDArray[np.object_]
    assets: NDArray[np.object_]
    account: Index
    asset: Index

    def leg(self, j: int) -> str:
        return f"account {self.accounts[self.account[j]]!r}, asset {self.assets[self.asset[j]]!r}"


def columns_of(frame: Any, what: str = "a book") -> dict[str, Any]:
    """The columns, by name, of a DataFrame or a table that speaks arrow (pyarrow, polars); BookError for
    anything else.
    """
    if hasattr(frame, "columns") and hasattr(frame, "index"):
        return dict(zip(once_each(frame.columns, "the frame"), (frame[name] for name in frame.columns)))
    if hasattr(frame, "__arrow_c_stream__") and hasattr(frame, "columns"):
        import pyarrow as pa

        return arrow_columns(pa.table(frame), "the frame")
    hint = (
        "pandas.DataFrame(it) makes one"
        if isinstance(frame, (Mapping, list, tuple, np.ndarray))
        else "Book.read takes a file"
    )
    raise BookError(f"{what} is made of a DataFrame, not of {type(frame).__name__}; {hint}")


def _one_value(values: Array, group: Index, groups: int, name: str, kind: str, named: _Named) -> Array:
    """The one value a group has; BookError if its rows disagree (§9)."""
    first = np.zeros(groups)
    first[group[::-1]] = values[::-1]
    other = values != first[group]
    if other.any():
        j = int(np.argmax(other))
        label = named.accounts[group[j]] if kind == "account" else named.assets[group[j]]
        count = len(np.unique(group[other]))
        raise BookError(
            f"{count} of {groups} {kind}s have more than one {name}, first {label!r} with "
            f"{float(first[group[j]])!r} and {float(values[j])!r}; "
            f"one {kind}, one {name} (§9)"
            + ("; isolated margin: Book.from_isolated" if name == "equity" else "")
        )
    return first


def _refuse_duplicates(account: Index, asset: Index, named: _Named) -> None:
    key = account.astype(np.int64) * len(named.assets) + asset
    order = np.argsort(key, kind="stable")
    again = order[1:][key[order][1:] == key[order][:-1]]
    if again.size:
        raise BookError(
            f"{again.size} rows repeat an account and asset, first {named.leg(int(again.min()))}; add them "
            "up or remove one (§9)"
        )
