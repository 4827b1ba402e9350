"""What one contract is: its side, its size, linear or inverse, and the currency that it settles in (§1, §2).

A linear contract gains position x change of price, in the currency of its price; an inverse one of N units
of quote currency gains N (1 / entry - 1 / price) in its coin. Every function takes columns by name and
returns arrays by row with what it understood, in words; contradictions are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data import columns as known
from adl_opt.data.columns import distinct, plain_name, plain_value
from adl_opt.data.tables import arrow, number_column
from adl_opt.errors import BookError

MONEY_UNSAID = "quote currency"
_RATE = frozenset(map(plain_name, ("rate", "settlementRate", "conversionRate", "currencyRate")))
_UNIFIED = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s]+):(?P<coin>[^/:\s-]+)(-\d+)?(?P<option>-.*)?")


@dataclass
class Rows:
    """A table while it becomes a book: its columns, what rows are called, and what was understood of it."""

    columns: Mapping[str, Any]
    where: str
    names: Any  # (rows,) account ids, arrow text
    assets: Any  # (d,) labels
    asset: Index  # (rows,)
    said: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    sized: bool = False  # whether a column says how much one contract is

    def named(self, names: Iterable[str]) -> list[str]:
        """The columns of these plain names, which are thereby used."""
        found = [name for name in self.columns if plain_name(name) in names]
        self.used.update(found)
        return found

    def words(self, name: str, means: Mapping[str, float], what: str, unknown: float = np.nan) -> Array:
        """What the words of a column mean, (rows,): nan for blanks, `unknown` for other words if it is no
        nan, else BookError.
        """
        shown, index = distinct(self.columns[name])
        if not shown:
            return np.full(len(index), np.nan)
        value = np.array([means.get(plain_value(text), np.inf) for text in shown])[index]
        value[index < 0] = np.nan
        bad = np.isinf(value)
        if bad.any() and np.isnan(unknown):
            j = int(np.argmax(bad))
            raise self.wrong(bad, f"say {shown[index[j]][:40]!r} in the column {name!r}, which is no {what}")
        return np.where(bad, unknown, value)

    def wrong(self, rows: Mask, what: str) -> BookError:
        """An error about rows (rows,), the first of them named."""
        j = int(np.argmax(rows))
        return BookError(
            f"{self.where}: {rows.sum():,} of {len(rows):,} rows, first row {j + 1} (account "
            f"{self.names[j].as_py()!r}, asset {self.assets[self.asset[j]]!r}), {what}"
        )


def signed(rows: Rows, position: Array) -> tuple[Array, Array]:
    """(positions with their sign, the side that columns say: 1, -1 or 0), both (rows,).

    Sizes without any minus sign take the sign of their side; signed ones must agree with it.
    """
    side, said_by = np.zeros(len(position)), []
    for meaning in known.SIDE_COLUMNS:
        for name in rows.named(meaning.names):
            own = np.nan_to_num(_sides(rows, name, meaning.sides or {}, position))
            clash = side * own < 0
            if clash.any():
                raise rows.wrong(clash, f"have contradictory sides in {said_by[0]!r} and {name!r}; drop one")
            side = np.where(own != 0, own, side)
            said_by += [name] if own.any() else []
    backward = side * position < 0
    unsigned = not (position[side != 0] < 0).any()
    if backward.any() and not unsigned:
        j = int(np.argmax(backward))
        raise rows.wrong(
            backward,
            f"have contradictory sides: {said_by[0]!r} says {'long' if side[j] > 0 else 'short'} beside "
            f"position {position[j]:.6g}, and other sizes have signs; correct the sign or drop "
            "the column (§1)",
        )
    if backward.any():
        rows.said.append(f"sizes have no sign: {' and '.join(map(repr, said_by))} says the side")
    return (np.where(side != 0, side * np.abs(position), position) + 0.0 if unsigned else position), side


def _sides(rows: Rows, name: str, sides: Mapping[str, float], position: Array) -> Array:
    """As Rows.words; of an empty position a side may say anything."""
    side = rows.words(name, sides, "side", unknown=2.0)
    strange = (side == 2.0) & (position != 0)
    if strange.any():
        text, index = distinct(rows.columns[name])
        raise rows.wrong(
            strange,
            f"say {text[index[int(np.argmax(strange))]][:40]!r} in the column {name!r}, which is no side: "
            "write long or short, buy or sell",
        )
    return np.where(side == 2.0, 0.0, side)


def sizes(rows: Rows, position: Array) -> Array | None:
    """How much one contract of each row is (rows,); None where no column says it."""
    found = None
    for name in rows.named(known.SIZES):
        if arrow(rows.columns[name]).null_count == len(position):
            continue
        size = number_column(rows.columns[name], name, rows.names)
        if (size <= 0).any():
            raise rows.wrong(size <= 0, f"have no positive {name}: how much one contract is")
        one_per_asset(rows, size, name)
        found = size if found is None else found * size
        if (size != 1).any():
            rows.said.append(f"position = size x {name}")
    return found


def one_per_asset(rows: Rows, values: Array, name: str) -> Array:
    """The one value (d,) of each asset; BookError if its rows disagree (§9). nan says nothing."""
    first = np.full(len(rows.assets), np.nan)
    known_rows = ~np.isnan(values)
    first[rows.asset[known_rows][::-1]] = values[known_rows][::-1]
    other = known_rows & (values != first[rows.asset])
    if other.any():
        j = int(np.argmax(other))
        raise rows.wrong(
            other,
            f"have another {name} than the asset's first: {values[j]:.6g} beside "
            f"{first[rows.asset[j]]:.6g}; one asset, one {name} (§9)",
        )
    return first


@dataclass(frozen=True)
class Terms:
    """What contracts pay in: which assets are inverse (d,), the book's currency, and by row what a unit of
    money is in it (rows,), None where that is 1.
    """

    inverse: Mask
    currency: str
    rate: Array | None = None


def terms(rows: Rows, symbol: str = "") -> Terms:
    """Linear or inverse by asset, and the currency of the book.

    `symbol`: how a dialect's inverse labels look.
    """
    inverse, coins = kinds(rows, symbol)
    shown, index = _settlements(rows, coins)
    is_inverse = inverse == 1
    in_coin = is_inverse[rows.asset]
    if (in_coin & (index < 0)).any():
        raise rows.wrong(
            in_coin & (index < 0),
            "are inverse contracts without their settlement currency; give a column settlement, such as BTC",
        )
    money = np.array([text.casefold() in known.MONEY for text in shown] + [True])[index]
    if (in_coin & money).any():
        j = int(np.argmax(in_coin & money))
        raise rows.wrong(
            in_coin & money,
            f"are inverse contracts settled in {shown[index[j]]}, which is no coin: an inverse contract "
            "pays in the coin that it prices; correct kind or settlement",
        )
    unsaid = ~money & np.isnan(inverse)[rows.asset]
    if unsaid.any():
        j = int(np.argmax(unsaid))
        raise rows.wrong(
            unsaid,
            f"settle in {shown[index[j]]}, and nothing says of what kind their contracts are; give a column "
            "kind: inverse (N contracts gain N (1/entry - 1/price) coins) or linear (priced in the coin)",
        )
    several = sorted(set(index[index >= 0].tolist()))
    rate = _rates(rows, shown, index, in_coin) if len(several) > 1 else None
    currency = shown[several[0]] if len(several) == 1 else MONEY_UNSAID
    if rate is not None and len(kept := {shown[k] for k in set(index[(rate == 1) & (index >= 0)])}) == 1:
        currency = kept.pop()
    if is_inverse.any():
        rows.said.append(
            f"{is_inverse.sum():,} of {len(is_inverse):,} assets are inverse contracts: equity and what is "
            f"lost are in {currency}"
        )
    elif currency != MONEY_UNSAID:
        rows.said.append(f"money is in {currency}")
    return Terms(is_inverse, currency, rate)


def kinds(rows: Rows, symbol: str) -> tuple[Array, dict[int, str]]:
    """By asset 1 inverse, 0 linear, nan unsaid (d,), and the settlement coin that labels tell."""
    yes, no = dict.fromkeys(known.YES, 1.0), dict.fromkeys(known.NO, 0.0)
    words = dict.fromkeys(known.LINEAR, 0.0) | dict.fromkeys(known.INVERSE, 1.0)
    neutral = dict.fromkeys(known.NEUTRAL, np.nan)
    table = (
        (known.TYPES, words | neutral, "kind of contract (linear or inverse)"),
        (known.IS_INVERSE, yes | no, "yes or no"),
        (known.IS_LINEAR, dict.fromkeys(known.YES, 0.0) | dict.fromkeys(known.NO, 1.0), "yes or no"),
    )
    said: list[tuple[str, Array]] = []
    for names, means, what in table:
        for name in rows.named(names):
            said.append((name, one_per_asset(rows, rows.words(name, means, what), name)))
    for name in rows.named(known.CATEGORIES):
        value = rows.words(name, words | dict.fromkeys(known.STRANGE, 3.0), "", unknown=2.0)
        if (value == 3.0).any():
            raise rows.wrong(
                value == 3.0, f"are options or quanto by {name!r}: only linear and inverse are read"
            )
        said.append((name, one_per_asset(rows, np.where(value == 2.0, np.nan, value), name)))
    label, coins = _labels(rows, symbol)
    kind, by = np.full(len(rows.assets), np.nan), ""
    for name, own in [*said, ("asset", label)]:
        clash = ~np.isnan(kind) & ~np.isnan(own) & (kind != own)
        if clash.any():
            raise rows.wrong(
                clash[rows.asset], f"are linear by one and inverse by the other of {by!r} and {name!r}"
            )
        kind, by = np.where(np.isnan(own), kind, own), name if np.isfinite(own).any() else by
    return kind, coins


def _labels(rows: Rows, symbol: str) -> tuple[Array, dict[int, str]]:
    """What labels say: ccxt's BASE/QUOTE:SETTLE, or those of a dialect's inverse contracts."""
    kind, coins = np.full(len(rows.assets), np.nan), {}
    for k, asset in enumerate(rows.assets):
        if unified := _UNIFIED.fullmatch(asset):
            base, quote, coin = unified["base"], unified["quote"], unified["coin"]
            if unified["option"] or coin not in (base, quote):
                what = "an option" if unified["option"] else f"settled in {coin}, neither base nor quote"
                raise rows.wrong(rows.asset == k, f"are {what}: only linear and inverse contracts are read")
            kind[k], coins[k] = float(coin == base), coin
        elif symbol and (own := re.fullmatch(symbol, asset)):
            kind[k], coins[k] = 1.0, own["coin"]
    return kind, coins


def _settlements(rows: Rows, coins: dict[int, str]) -> tuple[list[str], Index]:
    """(currencies, the number of each row's, -1 where none is said)."""
    shown: list[str] = []
    index = np.full(len(rows.asset), -1, dtype=np.int64)
    told = [(name, *distinct(rows.columns[name])) for name in rows.named(known.SETTLEMENTS)]
    if coins:
        by_asset = np.full(len(rows.assets), -1, dtype=np.int64)
        by_asset[list(coins)] = np.arange(len(coins))
        told.append(("asset", list(coins.values()), by_asset[rows.asset]))
    first = ""
    for name, texts, own in told:
        if texts and all(_is_number(text) for text in texts if text.strip()):
            continue  # a column of numbers names no currency
        spelled = [text.strip().upper() for text in texts]
        shown += [text for text in dict.fromkeys(spelled) if text not in shown]
        here = np.array([shown.index(text) for text in spelled] + [-1])[own]
        clash = (index >= 0) & (here >= 0) & (index != here)
        if clash.any():
            raise rows.wrong(clash, f"settle in two currencies by {first!r} and {name!r}; drop one")
        index, first = np.where(here >= 0, here, index), first or name
    return shown, index


def _rates(rows: Rows, shown: list[str], index: Index, in_coin: Mask) -> Array:
    """What a unit of each row's currency is in the book's, (rows,)."""
    j = int(np.argmax((index >= 0) & (index != index[np.argmax(index >= 0)])))
    two = f"{shown[index[np.argmax(index >= 0)]]} and {shown[index[j]]}"
    other = (index >= 0) & (index == index[j])
    if in_coin.any():
        raise rows.wrong(
            other,
            f"settle in another currency ({two}) beside inverse contracts, whose coin's rate moves with the "
            "price: read the contracts of each coin as a book of their own",
        )
    names = rows.named(_RATE)
    if not names:
        raise rows.wrong(
            other,
            f"settle in another currency ({two}) without a rate; give a column rate (the book's currency per "
            "unit of the row's), or read them apart",
        )
    rate = number_column(rows.columns[names[0]], names[0], rows.names)
    if (rate <= 0).any():
        raise rows.wrong(rate <= 0, f"have no positive {names[0]}")
    rows.said.append(
        f"money of {len(set(index[index >= 0].tolist()))} currencies is converted by {names[0]!r}"
    )
    return rate


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
