"""Book and Event: validation at the door, storage by legs (§1-§9).

A book has rows, one a margin account with its equity; the legs of a row are its positions. Legs are stored flat,
grouped by account in order of first appearance; nothing here is ever a dense accounts x assets table (§4).
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import BookError, EventError
from .tables import factorize, need_columns, number_column, read_columns, text_column

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Index = NDArray[np.int32]
OPTIONAL = ("entry_price", "margin", "profit_ratio", "realized_closed")


@dataclass(frozen=True, eq=False)
class Book:
    """Accounts, assets and positions; make one with `Book.read`, `Book.from_frame` or `Book.from_isolated`.

    accounts (n,) text ids; assets (d,) labels in order of first appearance; price (d,) quote currency > 0;
    equity (n,) quote currency, any sign (an Event refuses equity <= 0, §8). A leg j is the position[j] (contracts,
    long > 0, §1) of account number account[j] in asset number asset[j]; extra holds the optional columns by leg.
    """

    accounts: NDArray[np.object_]
    assets: tuple[str, ...]
    price: Array
    equity: Array
    account: Index
    asset: Index
    position: Array
    extra: Mapping[str, Array]

    @classmethod
    def read(cls, path: str | Path) -> "Book":
        """A book from a CSV or Parquet file with columns account, asset, position, price, equity (tidy, a row a leg).

        equity may be replaced by margin and entry_price: equity = margin + sum position (price - entry_price).
        Raises BookError, naming the first culprit, for whatever is missing, duplicated, inconsistent or not a number.
        """
        return cls._build(*read_columns(Path(path)))

    @classmethod
    def from_frame(cls, frame: "pd.DataFrame") -> "Book":
        """A book from a DataFrame with the columns of `Book.read`; other columns are ignored, the index too."""
        return cls._build({str(name): frame[name] for name in frame.columns}, "the frame")

    @classmethod
    def from_isolated(cls, frame: "pd.DataFrame") -> "Book":
        """Isolated margin: each (account, asset) of the frame becomes its own row "account:asset" with its own equity (§3)."""
        columns: dict[str, Any] = {str(name): frame[name] for name in frame.columns}
        need_columns(columns, ("account", "asset"), "the frame")
        names = zip(text_column(columns["account"], "account"), text_column(columns["asset"], "asset"))
        return cls._build({**columns, "account": [f"{account}:{asset}" for account, asset in names]}, "the frame")

    @classmethod
    def _build(cls, columns: Mapping[str, Any], where: str) -> "Book":
        derived = "equity" not in columns and "margin" in columns and "entry_price" in columns
        need_columns(columns, ("account", "asset", "position", "price", *(() if derived else ("equity",))), where)
        names, labels = text_column(columns["account"], "account"), text_column(columns["asset"], "asset")
        if len(names) == 0:
            raise BookError(f"{where} has no rows: a book needs at least one position")
        wanted = ("position", "price", *(() if derived else ("equity",)), *(name for name in OPTIONAL if name in columns))
        number = {name: number_column(columns[name], name, names) for name in wanted}

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
                f"{(price <= 0).sum()} of {len(assets)} prices are not positive, first {assets[first]!r} with {price[first]:.6g} (§9)"
            )
        _refuse_duplicates(account, asset, named)
        if derived:
            margin = _one_value(number["margin"], account, len(accounts), "margin", "account", named)
            profit = number["position"] * (number["price"] - number["entry_price"])
            equity = margin + np.bincount(account, profit, len(accounts))
        else:
            equity = _one_value(number["equity"], account, len(accounts), "equity", "account", named)
        extra = {name: number[name] for name in OPTIONAL if name in number}
        return cls(accounts, tuple(assets.tolist()), price, equity, account, asset, number["position"], extra)

    def __repr__(self) -> str:
        return (
            f"Book({len(self.accounts):,} accounts, {len(self.assets)} asset{'s' * (len(self.assets) > 1)} ({', '.join(self.assets[:6])}"
            f"{', ...' if len(self.assets) > 6 else ''}), {len(self.position):,} positions, equity {self.equity.sum():.6g} quote currency)"
        )

    @cached_property
    def notional(self) -> Array:
        """Signed notional of each leg, (legs,), quote currency, long > 0."""
        return self.position * self.price[self.asset]

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """First leg of each account, (n,): accounts own consecutive legs."""
        return np.searchsorted(self.account, np.arange(len(self.accounts)))

    def per_account(self, values: Array) -> Array:
        """Sum a value of each leg (legs,) over its account: (n,)."""
        return np.bincount(self.account, values, len(self.accounts))

    @cached_property
    def isolated(self) -> bool:
        """Whether no account holds more than one position that is not zero (§3)."""
        return bool((np.bincount(self.account, self.position != 0, len(self.accounts)) <= 1).all())

    @property
    def leverage(self) -> "pd.Series":
        """Gross leverage by account, x of equity; infinite where equity is not positive."""
        import pandas as pd

        gross = self.per_account(np.abs(self.notional))
        ratio = np.divide(gross, self.equity, out=np.full_like(gross, np.inf), where=self.equity > 0)
        return pd.Series(ratio, index=pd.Index(self.accounts, name="account"), name="leverage")

    def to_frame(self) -> "pd.DataFrame":
        """The tidy table that `from_frame` reads: account, asset, position, price, equity and the optional columns."""
        import pandas as pd

        columns = {
            "account": self.accounts[self.account],
            "asset": np.array(self.assets, dtype=object)[self.asset],
            "position": self.position,
            "price": self.price[self.asset],
            "equity": self.equity[self.account],
        }
        return pd.DataFrame({**columns, **self.extra})

    def solvent(self) -> "Book":
        """The book of the accounts with positive equity; the same assets. Raises BookError if there is none."""
        keep = self.equity > 0
        if not keep.any():
            raise BookError(f"none of the {len(self.equity)} accounts has positive equity")
        legs, renumbered = keep[self.account], np.cumsum(keep) - 1
        extra = {name: values[legs] for name, values in self.extra.items()}
        account = renumbered[self.account[legs]].astype(np.int32)
        return Book(
            self.accounts[keep], self.assets, self.price, self.equity[keep], account, self.asset[legs], self.position[legs], extra
        )

    def insolvent(self) -> "pd.DataFrame":
        """account, equity, gross_notional (quote currency) of the accounts whose equity is not positive."""
        import pandas as pd

        broke = self.equity <= 0
        gross = self.per_account(np.abs(self.notional))
        return pd.DataFrame({"account": self.accounts[broke], "equity": self.equity[broke], "gross_notional": gross[broke]})


class Event:
    """What must be closed: `short={"BTC": 10.0}` closes 10 contracts of shorts, `long={"ETH": 5.0}` of longs (§1, §5).

    Requirements are positive numbers by side, or "all" for the capacity; one side an asset. Raises EventError for accounts without
    positive equity (§8), unknown assets, negative or infinite requirements, and for more than the capacity (§7).
    """

    def __init__(self, book: Book, short: Mapping[str, Any] | None = None, long: Mapping[str, Any] | None = None) -> None:
        self.book = book
        broke = book.equity <= 0
        if broke.any():
            first = int(np.argmax(broke))
            raise EventError(
                f"{broke.sum():,} of {len(broke):,} accounts have no positive equity, first {book.accounts[first]!r} with "
                f"{book.equity[first]:.6g}; book.solvent() (--solvent on the command line) keeps the others (§8)"
            )
        given = [
            (str(asset), value, sign) for amounts, sign in ((short, -1), (long, 1)) for asset, value in dict(amounts or {}).items()
        ]
        if not given:
            raise EventError('nothing to close: say short={"BTC": 10.0} or long={"BTC": 10.0}, in contracts')
        self.side = np.zeros(len(book.assets), dtype=np.int8)
        self.required = np.zeros(len(book.assets))
        for asset, value, sign in given:
            k = _asset_number(asset, book.assets)
            if self.side[k]:
                raise EventError(f"{asset!r} is required on both sides; an event closes one side of an asset (§5)")
            self.side[k] = sign
            self.required[k] = _amount(asset, value, sign, self._capacity(k))

    def _capacity(self, k: int) -> float:
        legs = (self.book.asset == k) & (np.sign(self.book.position) == self.side[k])
        return math.fsum(np.abs(self.book.position[legs]).tolist())

    @cached_property
    def capacities(self) -> Array:
        """The most that can be closed, (d,) contracts; 0 where nothing is required."""
        return np.array([self._capacity(k) if self.side[k] else 0.0 for k in range(len(self.side))])

    @property
    def capacity(self) -> "pd.Series":
        """The most that can be closed on the required side, contracts, by required asset."""
        import pandas as pd

        return pd.Series(self.capacities[self.side != 0], index=self.required_assets, name="capacity")

    @property
    def required_assets(self) -> list[str]:
        return [asset for asset, side in zip(self.book.assets, self.side) if side]

    @property
    def short(self) -> dict[str, float]:
        """Contracts of shorts to close, by asset."""
        return {a: float(q) for a, q, s in zip(self.book.assets, self.required, self.side) if s < 0}

    @property
    def long(self) -> dict[str, float]:
        """Contracts of longs to close, by asset."""
        return {a: float(q) for a, q, s in zip(self.book.assets, self.required, self.side) if s > 0}

    @cached_property
    def size(self) -> Array:
        """|position| of each leg, (legs,), contracts."""
        return np.abs(self.book.position)

    @cached_property
    def closable(self) -> NDArray[np.bool_]:
        """Legs on the side being closed in their asset (§5)."""
        return (np.sign(self.book.position) == self.side[self.book.asset]) & (self.book.position != 0)

    @cached_property
    def free_assets(self) -> NDArray[np.int64]:
        """Asset numbers whose requirement is strictly between 0 and the capacity: only there is something to decide (§5)."""
        return np.flatnonzero((self.required > 0) & (self.required < self.capacities))

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Legs that something is to be decided about."""
        return self.closable & np.isin(self.book.asset, self.free_assets)

    @cached_property
    def fixed_fraction(self) -> Array:
        """Fraction closed of the legs that are not free, (legs,): 1 where the capacity is required, else 0."""
        whole = (self.required > 0) & (self.required == self.capacities)
        return np.where(self.closable & whole[self.book.asset], 1.0, 0.0)

    @cached_property
    def pro_rata_fraction(self) -> Array:
        """Fraction closed if every closable leg gives the same share, (legs,): a feasible reference point."""
        share = np.divide(self.required, self.capacities, out=np.zeros_like(self.required), where=self.capacities > 0)
        return np.where(self.closable, share[self.book.asset], 0.0)

    def with_requirement(self, short: Mapping[str, Any] | None = None, long: Mapping[str, Any] | None = None) -> "Event":
        """The same book with another requirement (the whole of it)."""
        return Event(self.book, short=short, long=long)

    def __repr__(self) -> str:
        def side(name: str, amounts: dict[str, float]) -> list[str]:
            return [f"{name} {amount:.6g} of {asset}" for asset, amount in amounts.items()]

        return f"Event(close {', '.join(side('short', self.short) + side('long', self.long))} (contracts); {self.book!r})"


@dataclass(frozen=True)
class _Named:
    accounts: NDArray[np.object_]
    assets: NDArray[np.object_]
    account: Index
    asset: Index

    def leg(self, j: int) -> str:
        return f"account {self.accounts[self.account[j]]!r}, asset {self.assets[self.asset[j]]!r}"


def _asset_number(asset: str, assets: tuple[str, ...]) -> int:
    if asset not in assets:
        near = difflib.get_close_matches(asset, assets, 1, 0.4)
        raise EventError(
            f"no account holds {asset!r}; "
            + (
                f"did you mean {near[0]!r}?"
                if near
                else f"the book has {', '.join(assets[:6])}{', ...' if len(assets) > 6 else ''} (§9)"
            )
        )
    return assets.index(asset)


def _amount(asset: str, value: Any, sign: int, capacity: float) -> float:
    side = "shorts" if sign < 0 else "longs"
    if isinstance(value, str) and value == "all":
        return capacity
    try:
        amount = float(value)
    except (TypeError, ValueError):
        raise EventError(f"the requirement of {asset!r} must be a number of contracts or 'all', not {value!r}") from None
    if not (math.isfinite(amount) and amount >= 0):
        raise EventError(f"cannot close {amount!r} contracts of {asset!r}: requirements are finite and positive, by side (§1)")
    if amount > capacity:
        raise EventError(
            f"cannot close {amount!r} contracts of {asset!r}: the {side} hold {capacity!r} in all; "
            f"close at most that, or 'all' (§7)"
        )
    return amount


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
            f"{count} of {groups} {kind}s have more than one {name}, first {label!r} with {float(first[group[j]])!r} and {float(values[j])!r}; "
            f"one {kind}, one {name} (§9)" + ("; isolated margin: Book.from_isolated" if name == "equity" else "")
        )
    return first


def _refuse_duplicates(account: Index, asset: Index, named: _Named) -> None:
    key = account.astype(np.int64) * len(named.assets) + asset
    order = np.argsort(key, kind="stable")
    again = order[1:][key[order][1:] == key[order][:-1]]
    if again.size:
        raise BookError(
            f"{again.size} rows repeat an account and asset, first {named.leg(int(again.min()))}; add them up or remove one (§9)"
        )
