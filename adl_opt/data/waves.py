"""Waves: a deleveraging event as it happened, one requirement after the other, with what was really closed
(§1, §9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.book import Book, columns_of
from adl_opt.data.columns import refuse_meanings
from adl_opt.data.consistent_waves import check_waves
from adl_opt.data.tables import (
    clock_column,
    factorize,
    need_columns,
    number_column,
    once_each,
    read_columns,
    text_column,
)
from adl_opt.errors import BookError
from adl_opt.numerics.readonly import ReadOnly, fixed, keep
from adl_opt.text import two_lines

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("account", "asset", "position", "equity", "price", "realized_closed")
OPTIONAL = ("entry_price", "margin", "profit_ratio")


@dataclass(frozen=True, eq=False)
class Waves(ReadOnly):
    """A deleveraging event as it happened: what accounts held in each wave, and what was closed of it.

    Made with `Waves.read`, `from_frame` or `from_hyperreplay`. `labels` (w,) names the waves in order;
    `accounts` (n,) and `assets` (d,) stand in order of first appearance. A row j says that in wave number
    `wave[j]` account number `account[j]` held `position[j]` contracts (long > 0, §1) of asset number
    `asset[j]` at `price[j]` on `equity[j]` (quote currency, of the whole account), of which `realized[j]`
    contracts, signed like the position, were closed. `extra`: optional columns by row. Raises BookError for
    what is not consistent.

    >>> waves = adl.examples.twin(scale=0.001)
    >>> len(waves.labels), len(waves.assets), len(waves.position)
    (9, 5, 35)
    """

    labels: tuple[Any, ...]
    accounts: NDArray[np.object_]
    assets: tuple[str, ...]
    wave: Index
    account: Index
    asset: Index
    position: Array
    equity: Array
    price: Array
    realized: Array
    extra: Mapping[str, Array]

    def __post_init__(self) -> None:
        keep(self, "accounts", "wave", "account", "asset", "position", "equity", "price", "realized", "extra")

    @classmethod
    def read(cls, path: str | Path) -> Waves:
        """Waves from a CSV or Parquet file, a row a position in a wave.

        Columns wave (or time), account, asset, position, equity, price, realized_closed. wave: numbers or
        timestamps that never fall; rows of one value are one wave. entry_price, margin and profit_ratio are
        kept for rules that rank by them. Raises BookError, naming the first culprit, for what is missing,
        unknown, out of order, repeated or inconsistent, and for more closed than was held.

        >>> adl.examples.twin(scale=0.001).to_frame().to_csv("waves.csv", index=False)
        >>> len(adl.Waves.read("waves.csv").labels)
        9
        """
        return cls._build(*read_columns(path, "an event"))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Waves:
        """Waves from a DataFrame, a row a position in a wave.

        `frame`: the columns of `Waves.read`; its index is ignored. Raises BookError as `read` does.

        >>> adl.Waves.from_frame(adl.examples.twin(scale=0.001).to_frame()).labels[:3]
        (1, 2, 3)
        """
        return cls._build(columns_of(frame, "an event"), "the frame")

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Waves:
        """Waves from a dict of columns, lists or arrays of one length; pandas is not needed."""
        if not isinstance(columns, Mapping):
            raise BookError(
                f"from_columns takes a dict of columns, not {type(columns).__name__}; from_frame takes a "
                "DataFrame"
            )
        lengths = [
            -1 if isinstance(values, str) or not hasattr(values, "__len__") else len(values)
            for values in columns.values()
        ]
        if len(set(lengths)) > 1 or -1 in lengths:
            said = ", ".join(f"{name!r} {'no list' if n < 0 else n}" for name, n in zip(columns, lengths))
            raise BookError(
                f"the columns of the dict are lists of one length; their lengths are {said[:200]}"
            )
        return cls._build(dict(zip(once_each(columns, "the dict"), columns.values())), "the dict")

    @classmethod
    def from_hyperreplay(
        cls, source: str | Path | pd.DataFrame, every: float = 60.0, equity: str = "total_equity"
    ) -> Waves:
        """Waves from the public reconstruction of 10 October 2025 on Hyperliquid.

        - `source`: the path of `adl_detailed_analysis_REALTIME.csv`, or its DataFrame
        - `every`: seconds that make one wave
        - `equity`: the column that equity (quote currency) is read from

        Raises BookError for a file of another kind. Source: ConejoCapital/HyperReplay; what is assumed stands
        in `adl_opt/data/hyperreplay.py`.

        >>> row = {"user": ["u"], "coin": ["BTC"], "time": [0], "adl_price": [110_000.0], "adl_size": [1.0]}
        >>> frame = pd.DataFrame({**row, "position_size": [-2.0], "total_equity": [90_000.0]})
        >>> adl.Waves.from_hyperreplay(frame).realized.tolist()  # contracts
        [-1.0]
        """
        from adl_opt.data.hyperreplay import tidy

        columns, where = (
            (columns_of(source, "an event"), "the frame")
            if hasattr(source, "columns")
            else read_columns(source, "an event")
        )
        return cls._build(tidy(columns, where, every, equity), where)

    @classmethod
    def _build(cls, columns: Mapping[str, Any], where: str) -> Waves:
        clock = [name for name in ("wave", "time") if name in columns]
        if {"user", "coin", "adl_size"} <= set(columns):
            raise BookError(
                f"{where} is a table of HyperReplay: Waves.from_hyperreplay reads it (--hyperreplay on the "
                "command line)"
            )
        if len(clock) == 2:
            raise BookError(
                f"{where} has the columns 'wave' and 'time'; keep the one that says which rows are one wave"
            )
        need_columns(columns, (*(clock or ("wave",)), *NEEDED), where)
        names, labels = text_column(columns["account"], "account"), text_column(columns["asset"], "asset")
        if len(names) == 0:
            raise BookError(f"{where} has no rows: an event needs at least one closing")
        wanted = (*NEEDED[2:], *(name for name in OPTIONAL if name in columns))
        number = {name: number_column(columns[name], name, names) for name in wanted}
        known = (*clock, *NEEDED, *OPTIONAL)
        refuse_meanings(columns, known, number["position"], names, where)
        odd = [name for name in columns if name not in known]
        if odd:
            raise BookError(
                f"{where} has {len(odd)} unknown column{'s' * (len(odd) > 1)}, first {odd[0]!r}; "
                f"waves know {clock[0]}, {', '.join(NEEDED)} and, if given, {', '.join(OPTIONAL)}"
            )
        (accounts, account), (assets, asset) = factorize(names), factorize(labels)
        when, said = clock_column(columns[clock[0]], clock[0], names)
        back = np.flatnonzero(np.diff(when) < 0)
        if back.size:
            j = int(back[0]) + 1
            raise BookError(
                f"{clock[0]} goes back {back.size} time{'s' * (back.size > 1)}, first in row {j + 1} from "
                f"{said[j - 1]} to {said[j]}; sort the rows by {clock[0]}"
            )
        first = np.flatnonzero(np.concatenate(([True], np.diff(when) > 0)))
        wave = np.cumsum(np.concatenate(([0], (np.diff(when) > 0).astype(np.int64))))
        self = cls(
            tuple(said[j] for j in first),
            accounts,
            tuple(assets.tolist()),
            wave,
            account.astype(np.int64),
            asset.astype(np.int64),
            number["position"],
            number["equity"],
            number["price"],
            number["realized_closed"],
            {name: number[name] for name in OPTIONAL if name in number},
        )
        check_waves(self)
        return self

    @property
    def inverse(self) -> Mask:
        """Assets of inverse contracts (d,): none, waves are of linear ones."""
        return np.zeros(len(self.assets), dtype=bool)

    def book(self, wave: Any) -> Book:
        """The Book that the rows of one wave make, with the column realized_closed.

        `wave`: its label. All assets of the event are in it, at the latest price listed. Raises BookError for
        a label that is none.

        >>> waves = adl.examples.twin(scale=0.001)
        >>> event = adl.realized_event(waves.book(waves.labels[0]))
        >>> adl.realized(event).certificate.clearing_error  # contracts
        0.0
        """
        if wave not in self.labels:
            raise BookError(
                f"there is no wave {wave!r}; there are {len(self.labels)}, from {self.labels[0]} to "
                f"{self.labels[-1]}"
            )
        w = self.labels.index(wave)
        rows = self.rows_of(w)
        rows = rows[np.argsort(self.account[rows], kind="stable")]
        own, account = np.unique(self.account[rows], return_inverse=True)
        price = self.price_by_wave[w]
        equity = np.empty(len(own))
        equity[account] = self.equity[rows]
        extra = {name: values[rows] for name, values in self.extra.items()} | {
            "realized_closed": self.realized[rows]
        }
        asset = self.asset[rows].astype(np.int32)
        return Book(
            self.accounts[own],
            self.assets,
            price,
            equity,
            account.astype(np.int32),
            asset,
            self.position[rows],
            extra,
        )

    def rows_of(self, w: int) -> Index:
        """The rows of wave number w: they stand together."""
        return np.arange(*np.searchsorted(self.wave, [w, w + 1]))

    @cached_property
    def price_by_wave(self) -> Array:
        """Price of each asset in each wave, (w, d) quote currency: the latest that was listed, and before
        that the first.
        """
        price = np.full((len(self.labels), len(self.assets)), np.nan)
        price[self.wave, self.asset] = self.price
        known = np.maximum.accumulate(np.where(np.isnan(price), -1, np.arange(len(price))[:, None]), axis=0)
        first = np.argmax(~np.isnan(price), axis=0)
        return fixed(price[np.where(known < 0, first, known), np.arange(len(self.assets))])

    def solvent(self) -> Waves:
        """Without every account whose equity is not positive in some wave: all its rows, so that what it
        closed is required of nobody. BookError if none is left.
        """
        keep = ~np.isin(self.account, self.account[self.equity <= 0])
        if not keep.any():
            raise BookError(f"none of the {len(self.accounts)} accounts has positive equity in all its waves")
        left = {
            name: np.unique(getattr(self, name)[keep], return_index=True, return_inverse=True)
            for name in ("wave", "account", "asset")
        }
        # Numbers follow the order of first appearance among the rows that are left.
        number = {
            name: (np.argsort(np.argsort(first))[inverse], values[np.argsort(first)])
            for name, (values, first, inverse) in left.items()
        }
        return Waves(
            tuple(self.labels[k] for k in number["wave"][1]),
            self.accounts[number["account"][1]],
            tuple(self.assets[k] for k in number["asset"][1]),
            number["wave"][0],
            number["account"][0],
            number["asset"][0],
            self.position[keep],
            self.equity[keep],
            self.price[keep],
            self.realized[keep],
            {name: values[keep] for name, values in self.extra.items()},
        )

    def insolvent(self) -> pd.DataFrame:
        """What `solvent` leaves out, one line an account: account, least equity, realized_notional (quote
        currency, closed in all waves).
        """
        from adl_opt.table import with_units

        gone = np.unique(self.account[self.equity <= 0])
        least = np.full(len(self.accounts), np.inf)
        np.minimum.at(least, self.account, self.equity)
        closed = np.bincount(self.account, np.abs(self.realized) * self.price, len(self.accounts))
        return with_units(
            {"account": self.accounts[gone], "equity": least[gone], "realized_notional": closed[gone]}
        )

    def isolated(self) -> Waves:
        """Isolated margin: each position its own account "account:asset", with that share of the account's
        equity which its notional has among the positions listed in the wave.

        Each position then has the leverage that the account's listed positions have together (accounts with
        none keep equal shares), and water-filling applies. A position of 0 has no share: it stays listed, at
        leverage 0, with the account's whole equity. A position that is not listed in a wave keeps the equity
        that it had, as all that stands still does.
        """
        notional = np.abs(self.position) * self.price
        key = self.wave * len(self.accounts) + self.account
        _, group = np.unique(key, return_inverse=True)
        gross, count = np.bincount(group, notional)[group], np.bincount(group)[group]
        share = np.divide(notional, gross, out=1.0 / count, where=gross > 0)
        columns = self.to_frame()
        columns["account"] = columns["account"].astype(str) + ":" + columns["asset"].astype(str)
        # A position of 0 is news (its owner closed it): it stays listed. Its leverage is 0 on any equity.
        return Waves.from_frame(columns.assign(equity=self.equity * np.where(share > 0, share, 1.0)))

    def to_frame(self) -> pd.DataFrame:
        """The table that `Waves.from_frame` reads, a row a position in a wave.

        >>> adl.examples.twin(scale=0.001).to_frame().columns.tolist()
        ['wave', 'account', 'asset', 'position', 'equity', 'price', 'realized_closed']
        """
        from adl_opt.table import with_units

        columns = {
            "wave": np.array(self.labels, dtype=object)[self.wave],
            "account": self.accounts[self.account],
            "asset": np.array(self.assets, dtype=object)[self.asset],
            "position": self.position,
            "equity": self.equity,
            "price": self.price,
            "realized_closed": self.realized,
        }
        return with_units({**columns, **self.extra}).infer_objects()

    def __repr__(self) -> str:
        return two_lines(
            f"Waves({len(self.labels)} waves from {self.labels[0]} to {self.labels[-1]}, "
            f"{len(self.wave):,} rows, {len(self.accounts):,} accounts, "
            f"{len(self.assets)} assets, {(np.abs(self.realized) * self.price).sum():.6g} quote currency "
            "closed)"
        )
