"""Maintenance margins: tiers that rise with the notional, one rate for all, or a column of the book."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.book import Book, columns_of
from adl_opt.data.columns import plain_name
from adl_opt.data.tables import need_columns, number_column, read_columns, text_column
from adl_opt.errors import BookError
from adl_opt.inputs import plain
from adl_opt.numerics.readonly import ReadOnly, fixed
from adl_opt.text import clipped, counted, figure, nearest, two_lines

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "maintenance_margin"
OTHERS = "*"  # the label of tiers for every asset that is not named
_SHOWN = 3  # assets of a repr
_CONTINUOUS = 1e-6  # of the margin at a floor: deductions are published with so many digits
_NAMES = {  # plain names that mean a column: of Binance's brackets and of ccxt's tiers, beside our own
    "asset": "asset symbol",
    "notional_floor": "notionalFloor minNotional floor",
    "rate": "rate maintMarginRatio maintenanceMarginRate mmr",
    "deduction": "deduction cum maintenanceAmount",
    "notional_cap": "notionalCap maxNotional cap",
}
_MEANS = {plain_name(own): name for name, text in _NAMES.items() for own in text.split()}


class MaintenanceTiers(ReadOnly):
    """Maintenance margins by tiers: `{asset: [(notional floor, rate, deduction), ...]}`.

    A position of notional x pays `rate x - deduction` of the highest tier whose floor is at most x; each leg
    of hedge mode for itself. Floors are in the book's currency (coin for inverse contracts), rates fractions
    (0.004 is 0.4 %). Left out, a deduction is the one that makes the margin continuous; the label `"*"`
    stands for all assets not named. Positions beyond the last floor have the last rate.

    Raises BookError for tiers that do not begin at 0, repeat a floor, have falling rates or rates outside (0,
    1), and for deductions that make the margin jump.

    >>> tiers = adl.MaintenanceTiers({"BTC": [(0, 0.004), (50_000, 0.005), (250_000, 0.01, 1300)]})
    >>> tiers.margin("BTC", 300_000)  # quote currency: 0.01 x 300,000 - 1,300
    1700.0
    """

    def __init__(self, tiers: Mapping[str, Sequence[Sequence[float]]]) -> None:
        if not isinstance(tiers, Mapping) or not tiers:
            raise BookError(
                "tiers map an asset to its tiers, [(notional floor, rate), ...], such as {'BTC': [(0, "
                f"0.004), (50_000, 0.005)]}}, not {tiers!r:.40}"
            )
        checked = {str(asset): _checked(str(asset), rows) for asset, rows in tiers.items()}
        self.assets = tuple(checked)
        most = max(map(len, checked.values()))
        self._floor, self._rate, self._deduction = np.full((3, len(checked), most), np.inf)
        for k, rows in enumerate(checked.values()):
            for part, column in zip((self._floor, self._rate, self._deduction), zip(*rows)):
                part[k, : len(rows)] = column
        for part in (self._floor, self._rate, self._deduction):
            fixed(part)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The tiers in a CSV or Parquet file, a row a tier.

        Columns asset, notional_floor, rate and, if there are any, deduction and notional_cap (the next
        floor); the names of Binance's brackets (symbol, notionalFloor, maintMarginRatio, cum) and of ccxt's
        (minNotional, maintenanceMarginRate) are understood. Raises BookError as the class does, and for a cap
        that is not the next floor.

        >>> frame = pd.DataFrame({"asset": "BTC", "notional_floor": [0, 5e4], "rate": [0.004, 0.005]})
        >>> frame.to_csv("tiers.csv")
        >>> adl.MaintenanceTiers.read("tiers.csv").margin("BTC", 60_000)  # quote currency
        250.0
        """
        return cls._of(*read_columns(path, "a table of tiers"))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Self:
        """The tiers in a DataFrame, with the columns of `read`, as which it raises.

        >>> frame = pd.DataFrame({"asset": "BTC", "notional_floor": [0, 5e4], "rate": [0.004, 0.005]})
        >>> adl.MaintenanceTiers.from_frame(frame)
        MaintenanceTiers(BTC: 0.4 to 0.5 % in 2 tiers)
        """
        return cls._of(columns_of(frame, "a table of tiers"), "the frame of tiers")

    @classmethod
    def _of(cls, columns: Mapping[str, Any], where: str) -> Self:
        table: dict[str, Any] = {}
        for name, values in columns.items():
            if (means := _MEANS.get(plain_name(name))) is None:
                continue
            if means in table:
                raise BookError(f"{where} says {means} in two columns, the second {name!r}; drop one")
            table[means] = values
        need_columns(table, ("asset", "notional_floor", "rate"), where)
        names = text_column(table["asset"], "asset")
        fields = ("notional_floor", "rate", *(f for f in ("deduction", "notional_cap") if f in table))
        number = {field: number_column(table[field], field, names) for field in fields}
        rows: dict[str, list[tuple[float, ...]]] = {}
        for j, asset in enumerate(names.to_pylist()):
            rows.setdefault(asset, []).append(tuple(float(number[field][j]) for field in fields))
        if "notional_cap" in number:
            for asset, given in rows.items():
                _need_no_gap(asset, sorted(given))
            rows = {asset: [row[:-1] for row in given] for asset, given in rows.items()}
        return cls(rows)

    def margin(self, asset: str, notional: float) -> float:
        """What a position of this notional (book's currency, > 0) must keep, in the same currency.

        Raises BookError for an asset without tiers.

        >>> adl.MaintenanceTiers({"*": [(0, 0.01)]}).margin("ETH", 2000)
        20.0
        """
        return float(self.margins(self.rows((asset,)), np.array([abs(float(notional))]))[0])

    def rows(self, assets: Sequence[str]) -> Index:
        """The number of the tiers of each asset. Raises BookError for one without."""
        number = {asset: k for k, asset in enumerate(self.assets)}
        missing = [asset for asset in assets if asset not in number]
        if missing and OTHERS not in number:
            near = nearest(missing[0], self.assets)
            raise BookError(
                f"{len(missing):,} of {len(assets):,} assets have no tiers of maintenance margin, first "
                f"{missing[0]!r}{f'; did you mean {near!r}' if near else ''}; add them, or '*' for all others"
            )
        return np.array([number.get(asset, number.get(OTHERS, -1)) for asset in assets], dtype=int)

    def margins(self, row: Index, notional: Array) -> Array:
        """Margins of positions of the tiers numbered row (m,) and notional (m,) or (m, S) >= 0."""
        return self._looked_up(row, notional, lambda x, rate, deduction: rate * x - deduction)

    def rates(self, row: Index, notional: Array) -> Array:
        """The rate of the tier that each position reaches; arguments as of `margins`."""
        return self._looked_up(row, notional, lambda x, rate, deduction: np.broadcast_to(rate, x.shape))

    def _looked_up(self, row: Index, notional: Array, of: Any) -> Array:
        found = np.zeros(notional.shape)
        column = (slice(None), *(None,) * (notional.ndim - 1))
        for floor, rate, deduction in zip(self._floor.T, self._rate.T, self._deduction.T):
            reached = notional >= floor[row][column]
            if not reached.any():
                break
            with np.errstate(invalid="ignore"):
                found = np.where(reached, of(notional, rate[row][column], deduction[row][column]), found)
        return found

    def to_frame(self) -> pd.DataFrame:
        """The table that `from_frame` reads, a row a tier.

        >>> adl.MaintenanceTiers({"BTC": [(0, 0.004), (50_000, 0.005)]}).to_frame()["deduction"].tolist()
        [0.0, 50.0]
        """
        from adl_opt.table import with_units

        tier = np.isfinite(self._floor)
        money = dict.fromkeys(("notional_floor", "deduction"), "quote currency")
        columns = {"notional_floor": self._floor, "rate": self._rate, "deduction": self._deduction}
        names = np.repeat(np.array(self.assets, dtype=object), tier.sum(axis=1))
        return with_units(
            {"asset": names, **{name: values[tier] for name, values in columns.items()}},
            money | {"rate": "fraction of the notional"},
        )

    def __repr__(self) -> str:
        said = []
        for asset, floor, rate in list(zip(self.assets, self._floor, self._rate))[:_SHOWN]:
            rates = rate[np.isfinite(floor)]
            ends = " to ".join(dict.fromkeys(figure(100 * r) for r in (rates[0], rates[-1])))
            said.append(f"{clipped(asset)}: {ends} % in {counted(len(rates), 'tier')}")
        more = f"; ... ({len(self.assets):,} in all)" if len(self.assets) > _SHOWN else ""
        return two_lines(f"MaintenanceTiers({'; '.join(said)}{more})")


def _checked(asset: str, given: Any) -> list[tuple[float, float, float]]:
    """(floor, rate, deduction) by rising floor, continuous. Raises BookError."""
    listed = isinstance(given, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in given)
    rows = [tuple(map(plain, row)) for row in given] if listed else []
    if not rows or not all(2 <= len(row) <= 3 and np.isfinite(row).all() for row in rows):
        raise BookError(
            f"the tiers of {asset!r} are a list of (notional floor, rate) or (notional floor, rate, "
            f"deduction), finite numbers, not {given!r:.60}"
        )
    found: list[tuple[float, float, float]] = []
    for floor, rate, *deduction in sorted(rows):
        if not 0 < rate < 1:
            raise BookError(
                f"the tier of {asset!r} from {floor:,.12g} has the rate {rate:.6g}, outside (0, 1); 0.4 % is "
                "0.004"
            )
        if not found:
            if floor != 0:
                raise BookError(
                    f"the tiers of {asset!r} begin at {floor:,.12g}: nothing says the margin of smaller "
                    "positions; the first floor is 0"
                )
            continuous = 0.0
        else:
            below, lower, taken = found[-1]
            if floor == below:
                raise BookError(f"the tiers of {asset!r} have the floor {floor:,.12g} twice")
            if rate < lower:
                raise BookError(
                    f"the rates of {asset!r} fall, from {lower:.6g} to {rate:.6g} at {floor:,.12g}; a "
                    "maintenance rate rises with the notional"
                )
            continuous = taken + floor * (rate - lower)
        own = deduction[0] if deduction else continuous
        if abs(own - continuous) > _CONTINUOUS * floor * rate:
            raise BookError(
                f"the deduction of {asset!r} from {floor:,.12g} on is {own:,.12g}, and the margin jumps "
                f"there by {continuous - own:,.6g}; {continuous:,.12g} makes it continuous"
            )
        found.append((floor, rate, own))
    return found


def _need_no_gap(asset: str, rows: list[tuple[float, ...]]) -> None:
    """Raise BookError where a tier's cap, its last entry, is not the next one's floor."""
    for row, after in pairwise(rows):
        if row[-1] != after[0]:
            what = "a gap" if row[-1] < after[0] else "an overlap"
            raise BookError(
                f"the tiers of {asset!r} have {what}: one ends at {row[-1]:,.12g}, the next begins at "
                f"{after[0]:,.12g}"
            )


Maintenance = MaintenanceTiers | float | str


@dataclass(frozen=True)
class Margins:
    """The maintenance margin of each leg of a book as a function of its notional: `of(x)` and `rate(x)`, x
    (legs,) or (legs, S) >= 0, in the book's currency.
    """

    tiers: MaintenanceTiers | None
    row: Index
    flat: Array  # (legs,) rates, without tiers

    def of(self, notional: Array) -> Array:
        if self.tiers is not None:
            return self.tiers.margins(self.row, notional)
        return self.rate(notional) * notional

    def rate(self, notional: Array) -> Array:
        if self.tiers is not None:
            return self.tiers.rates(self.row, notional)
        return self.flat if notional.ndim == 1 else self.flat[:, None]


def margins_of(book: Book, maintenance: Any) -> Margins:
    """By tiers, one rate, or "maintenance_margin", the book's column, whose rate each position keeps.

    Raises BookError for anything else, an asset without tiers, and a book without the column.
    """
    if isinstance(maintenance, MaintenanceTiers):
        return Margins(maintenance, maintenance.rows(book.assets)[book.asset], np.zeros(0))
    none = np.zeros(0, dtype=int)
    if isinstance(maintenance, str) and maintenance == COLUMN:
        size = np.abs(book.notional)
        return Margins(None, none, np.divide(_column(book), size, out=np.zeros_like(size), where=size > 0))
    rate = plain(maintenance)
    if not (math.isfinite(rate) and 0 < rate < 1):
        raise BookError(
            f"maintenance = {maintenance!r:.40}: give adl.MaintenanceTiers, one rate between 0 and 1, "
            f"or {COLUMN!r}, the column of the book"
        )
    return Margins(None, none, np.full(len(book.asset), rate))


def _column(book: Book) -> Array:
    if COLUMN not in book.extra:
        raise BookError(f"the book has no column {COLUMN}; give it, or maintenance=adl.MaintenanceTiers(...)")
    margin = book.extra[COLUMN]
    bad = margin < 0
    if bad.any():
        j = int(np.argmax(bad))
        raise BookError(
            f"{bad.sum():,} of {len(bad):,} positions have a negative {COLUMN}, first of account "
            f"{book.accounts[book.account[j]]!r}: {margin[j]:.6g}"
        )
    return margin


def by_account(book: Book, maintenance: Any) -> Array:
    """The maintenance margin of each account (n,) at the book's prices, in its currency.

    Raises BookError as `margins_of`.
    """
    return book.per_account(margins_of(book, maintenance).of(np.abs(book.notional)))
