"""Book: validation at the door, storage by legs (§1-§4, §8, §9).

A book has rows, one a margin account with its equity; the legs of a row are its positions. Legs are stored
flat, grouped by account in order of first appearance; nothing here is ever a dense accounts x assets table
(§4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adl_opt import html
from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.magnitudes import check_book
from adl_opt.data.reading import book_fields
from adl_opt.data.tables import arrow_columns, need_columns, once_each, read_columns, text_column
from adl_opt.errors import BookError
from adl_opt.numerics.groups import Groups
from adl_opt.numerics.readonly import ReadOnly, fixed, keep
from adl_opt.text import counted, figure, several, two_lines

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Book(ReadOnly):
    """Accounts with their equity and positions; made with `Book.read`, `from_frame` or `from_isolated`.

    - `accounts` (n,): text ids, with `equity` (n,), quote currency, of any sign (an Event refuses equity <=
      0, §8)
    - `assets` (d,): labels in order of first appearance, with `price` (d,), quote currency > 0
    - `position` (legs,): contracts, long > 0 (§1); leg j is of account number `account[j]` in asset number
      `asset[j]`; an account may hold a long and a short leg of one asset (hedge mode)
    - `extra`: the optional columns, (legs,) by name, as they were given
    - `unused`: names of columns of a maintenance margin that no rule reads; one that ranks by it refuses
      the book
    - `inverse` (d,): assets whose contracts of 1 unit of quote currency are settled in coin. Money is then in
      `currency`, their `price` is what such a contract is worth, 1 / `mark` (the price as quoted), and a
      long gains N (1 / entry - 1 / mark)
    - `currency`: what money is in, "quote currency" where no column says it
    - `said`: what was understood of the table beyond its plain columns, in words

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
    inverse: Mask = None  # type: ignore[assignment]  # none of them
    currency: str = "quote currency"
    mark: Array | None = None
    said: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.inverse is None:
            object.__setattr__(self, "inverse", np.zeros(len(self.assets), dtype=bool))
        keep(self, "accounts", "price", "equity", "account", "asset", "position", "extra", "inverse")
        check_book(self)

    @classmethod
    def read(cls, path: str | Path, dialect: str | None = None, *, collateral: Any = None) -> Book:
        """A book from a CSV or Parquet file, a row a position.

        - `path`: a file with the columns account, asset, position (contracts, long > 0), price and equity
          (quote currency; the equity of the whole account), or those of an exchange. equity may be replaced
          by margin and entry_price: equity = margin + sum position (price - entry_price)
        - `dialect`: "ccxt", "binance", "bybit", "okx", "hyperliquid" or "dydx", by whose names columns are
          read; found by itself where they are unmistakable
        - `collateral`: a table (a DataFrame or a file) account, currency, amount, price, haircut, which gives
          each account's margin: the sum of amount x price x (1 - haircut)

        Columns side, contract_size, kind, settlement and margin_mode are understood by many names
        (notebooks/guide/reading.md); `book.said` tells what was. Columns that say something else about what a
        position, a price or an equity is are refused by name, all others ignored. Raises BookError, naming
        the first culprit, for whatever is missing, duplicated, contradictory, inconsistent or not a number,
        for an unknown dialect, and for files of other kinds.

        >>> adl.examples.paper().book.to_frame().to_csv("book.csv", index=False)
        >>> len(adl.Book.read("book.csv").accounts)
        4
        """
        return cls._build(*read_columns(path, "a book"), dialect, collateral)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, dialect: str | None = None, *, collateral: Any = None) -> Book:
        """A book from a DataFrame (pandas, polars, a table of pyarrow), a row a position.

        `frame`: the columns of `Book.read`, as are `dialect` and `collateral`; its index is ignored. Raises
        BookError as `read` does.

        >>> frame = pd.DataFrame({"account": ["A", "B"], "asset": "BTC", "position": [-8.0, -10.0]})
        >>> book = adl.Book.from_frame(frame.assign(price=67_000.0, equity=[242_100.0, 143_000.0]))
        >>> book.leverage.round(2).tolist()  # x of equity
        [2.21, 4.69]
        """
        return cls._build(columns_of(frame), "the frame", dialect, collateral)

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
        named = {"account": [f"{account}:{asset}" for account, asset in names]}
        return cls._build({**columns, **named}, "the frame", None, None)

    @classmethod
    def _build(cls, columns: Mapping[str, Any], where: str, dialect: str | None, collateral: Any) -> Book:
        backing = None if collateral is None else _columns_from(collateral, "collateral")
        read = book_fields(columns, where, dialect, backing)._asdict()
        quoted, inverse = read.pop("quoted"), read["inverse"]
        with np.errstate(over="ignore", under="ignore"):
            price = np.where(inverse, 1 / quoted, quoted)
        return cls(price=price, mark=quoted if inverse.any() else None, **read)

    def __repr__(self) -> str:
        equity = figure(self.equity.sum(), 6)
        return two_lines(
            f"Book({counted(len(self.accounts), 'account')} in {several(self.assets)}; "
            f"{counted(len(self.position), 'position')}, equity {equity} {self.currency})"
        )

    def _repr_html_(self) -> str:
        among = f"{counted(len(self.position), 'position')} in {counted(len(self.assets), 'asset')}"
        money = {"equity": self.equity.sum(), "gross notional": self.gross_notional.sum()}
        facts = [(name, f"{figure(value, 6)} {self.currency} in all") for name, value in money.items()]
        held, shown = len(self.accounts), len(set(self.account[: html.SHOWN].tolist()))
        return html.panel(
            f"Book: {counted(held, 'account')}, {among}",
            html.facts(
                [*facts, ("margin", "isolated" if self.isolated else "cross"), ("read", "; ".join(self.said))]
            ),
            self.to_frame().head(html.SHOWN).to_panel(),
            html.line(html.shown(held, "accounts", shown)),
        )

    @cached_property
    def notional(self) -> Array:
        """Signed notional of each leg, (legs,), quote currency, long > 0."""
        with np.errstate(over="ignore", under="ignore"):
            return fixed(self.position * self.price[self.asset])

    @property
    def quoted(self) -> Array:
        """Prices as they are quoted, (d,): of an inverse contract quote currency per coin."""
        return self.price if self.mark is None else self.mark

    @cached_property
    def direction(self) -> Array:
        """What a long gains where `price` rises by 1, (d,): 1, or -1 of an inverse contract, whose coin value
        falls as the price rises.
        """
        return fixed(np.where(self.inverse, -1.0, 1.0))

    def gains(self, move: Array) -> Array:
        """What one unit of notional held long gains where prices move by R, by asset along the last axis: R,
        or R / (1 + R) of an inverse contract, whose coin value 1 / price moves by -R / (1 + R).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.inverse, move / (1 + move), move) if self.inverse.any() else move

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
        from adl_opt.table import AS_QUOTED, with_units

        columns = {
            "account": self.accounts[self.account],
            "asset": np.array(self.assets, dtype=object)[self.asset],
            "position": self.position,
            "price": self.quoted[self.asset],
            "equity": self.equity[self.account],
        }
        if self.currency != "quote currency":
            columns["settlement"] = np.full(len(self.asset), self.currency, dtype=object)
        quoted = {}
        if self.inverse.any():
            columns["kind"] = np.where(self.inverse, "inverse", "linear").astype(object)[self.asset]
            quoted = dict.fromkeys(("price", "entry_price"), f"{AS_QUOTED}: quote currency per coin")
        return with_units({**columns, **self.extra}, quoted, currency=self.currency)

    def solvent(self) -> Book:
        """The book of the accounts with positive equity; the same assets.

        Raises BookError if there is none.
        """
        keep = self.equity > 0
        if not keep.any():
            raise BookError(f"none of the {len(self.equity)} accounts has positive equity")
        return self.kept(keep)

    def kept(self, keep: Mask) -> Book:
        """The book of the accounts (n,) that are True, at least one; the same assets.

        >>> book = adl.examples.paper().book
        >>> book.kept(book.equity > 100_000).accounts.tolist()
        ['A', 'B', 'C']
        """
        legs, renumbered = keep[self.account], np.cumsum(keep) - 1
        return replace(
            self,
            accounts=self.accounts[keep],
            equity=self.equity[keep],
            account=renumbered[self.account[legs]].astype(np.int32),
            asset=self.asset[legs],
            position=self.position[legs],
            extra={name: values[legs] for name, values in self.extra.items()},
        )

    def insolvent(self) -> pd.DataFrame:
        """account, equity, gross_notional (quote currency) of the accounts whose equity is not positive."""
        from adl_opt.table import with_units

        broke = self.equity <= 0
        gross = self.gross_notional
        return with_units(
            {"account": self.accounts[broke], "equity": self.equity[broke], "gross_notional": gross[broke]},
            currency=self.currency,
        )


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


def _columns_from(source: Any, what: str) -> tuple[dict[str, Any], str]:
    """(columns, what to call them) of a DataFrame or of the path of a file."""
    if hasattr(source, "columns"):
        return columns_of(source, what), f"the frame of {what}"
    return read_columns(source, what)
