"""Columns that change what position, price or equity mean, by the names that Binance, Bybit, OKX, Hyperliquid, dYdX v4 and ccxt use (§1-§3).

No column of this table is used. One whose values leave the meaning as it is passes: a side that agrees with the sign of every position (or says nothing: BOTH, net),
contract sizes of 1, contracts said to be linear, one and the same currency of money, cross margin (or one position an account). Everything else is an error that names
the column. Case, blanks, underscores, what stands in brackets and before a dot (info.side) do not matter in a name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import BookError
from .tables import arrow, factorize

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]


class Held(NamedTuple):
    """What a column is held against: by row, signed positions (rows,) and account numbers (rows,)."""

    position: Array
    account: NDArray[np.integer[Any]]


class Meaning(NamedTuple):
    """What the columns of these names say; `odd` tells by row, from the distinct values and the number of each row's, where they change a meaning."""

    says: str
    remedy: str
    names: frozenset[str]
    odd: Callable[[list[str], NDArray[np.int32], Held], Rows]


def _names(text: str) -> frozenset[str]:
    return frozenset(map(plain_name, text.split()))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def plain_name(name: str) -> str:
    """A column's name without case, blanks, underscores, units in brackets and what stands before a dot."""
    return re.sub(r"[\W_]", "", re.sub(r"[(\[{][^(\[{]*[)\]}]\s*$", "", name).rpartition(".")[2]).casefold()


_LONG = _words("long l buy b bid openlong closelong 1 +1 1.0 true")
_SHORT = _words("short s sell a ask openshort closeshort -1 -1.0 2 false")
_SILENT = _words("both net none flat zero nan 0 0.0")
_LINEAR = _words("linear linearperpetual linearfutures linearswap flexible spot usdt-futures usdc-futures usdt-m usdc-m usds-m um")
_INVERSE = _words("inverse reversed inverseperpetual inversefutures inverseswap coin-futures coin-m cm option options quanto")
_MONEY = _words("usd usdt usdc usde busd fdusd tusd dai usds usdd pyusd eur eurc gbp jpy krw try")
_CROSS = _words("cross crossed cross_margin regular_margin portfolio_margin 0 0.0 false")


def _against_sign(said: list[str], index: NDArray[np.int32], held: Held) -> Rows:
    code = np.array([1.0 if text in _LONG else -1.0 if text in _SHORT else 0.0 if text in _SILENT else np.nan for text in said])
    side = code[index]
    return (held.position != 0) & (side != 0) & (side != np.sign(held.position))


def _against_short(said: list[str], index: NDArray[np.int32], held: Held) -> Rows:
    flipped = ["short" if text in _LONG else "long" if text in _SHORT | {"0", "0.0"} else text for text in said]
    return _against_sign(flipped, index, held)


def _not_one(said: list[str], index: NDArray[np.int32], _: Held) -> Rows:
    return ~np.array([_number(text) == 1 for text in said])[index]


def _not_linear(said: list[str], index: NDArray[np.int32], _: Held) -> Rows:
    return np.array([text not in _LINEAR for text in said])[index]


def _is_inverse(said: list[str], index: NDArray[np.int32], _: Held) -> Rows:
    return np.array([text in _INVERSE for text in said])[index]


def _not(word: str) -> Callable[[list[str], NDArray[np.int32], Held], Rows]:
    return lambda said, index, _: np.array([text not in (word, "1" if word == "true" else "0", "") for text in said])[index]


def _several_currencies(said: list[str], index: NDArray[np.int32], _: Held) -> Rows:
    """All rows but those in the first currency of money; a column of numbers names no currency."""
    if all(np.isfinite(_number(text)) for text in said):
        return np.zeros(len(index), dtype=bool)
    first = next((text for text in said if text in _MONEY), None)
    return np.array([text != first for text in said])[index]


def _not_cross(said: list[str], index: NDArray[np.int32], held: Held) -> Rows:
    several = np.bincount(held.account, held.position != 0)[held.account] > 1
    return np.array([text not in _CROSS for text in said])[index] & several


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


_LINEARLY = "a contract gains position x change of price (§2): convert the others to such contracts and drop the column, or drop it if all are linear"
MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        "the side of a position", "give short positions a negative sign (§1), and drop the column",
        _names("side positionSide posSide holdSide direction dir tradeSide longShort buySell isLong isBuy long_or_short positionDirection positionIdx"), _against_sign,
    ),
    Meaning("the side of a position", "give short positions a negative sign (§1), and drop the column", _names("isShort isSell"), _against_short),
    Meaning(
        "how much one contract is", "multiply position by it and drop the column; if position counts coins already, drop it alone",
        _names(
            "contractSize contractValue contractMultiplier contractUnit ctVal ctMult multiplier sizeMultiplier quantoMultiplier qtyMultiplier volumeMultiplier lotSize faceValue"
        ), _not_one,
    ),
    Meaning("the kind of a contract", _LINEARLY, _names("contractType contractKind instType instrumentType ctType productType marginedBy"), _not_linear),
    Meaning("the kind of a contract", _LINEARLY, _names("category kind marketType"), _is_inverse),
    Meaning("the kind of a contract", _LINEARLY, _names("inverse isInverse quanto isQuanto"), _not("false")),
    Meaning("the kind of a contract", _LINEARLY, _names("linear isLinear"), _not("true")),
    Meaning("the kind of a contract", _LINEARLY, _names("optionType optType strike strikePrice"), _not("none")),
    Meaning(
        "a currency", "prices and equity are in one quote currency (§2): convert them, and drop the column",
        _names(
            "settle settleCoin settleCcy settleCurrency settlCurrency settleAsset settlementCurrency settlementAsset marginCoin marginCcy marginCurrency "
            "marginAsset marginToken collateralCurrency collateralAsset collateralCoin quote quoteCoin quoteCcy quoteCurrency quoteAsset equityCurrency priceCurrency "
            "currency ccy posCcy sizeCurrency"
        ), _several_currencies,
    ),
    Meaning(
        "whose equity it is", "from_isolated reads an equity for every position (§3); if each equity is the whole account's, drop the column",
        _names("marginMode mgnMode marginType isolated isIsolated tradeMode"), _not_cross,
    ),
)  # fmt: skip
RANKED_BY = _names(
    "maintenanceMargin maintenanceMarginRate maintenanceMarginRatio maintenanceMarginPercentage maintenance maintMargin maintMarginRate maintMarginRatio maintMarginReq "
    "maintenanceMarginFraction maintenanceMarginRequirement maintenanceMarginUsed crossMaintenanceMarginUsed maintenanceAmount positionMM posMaint mmr tier tiers marginTier bracket brackets leverageBracket riskLimit riskLimitValue riskLimitTier riskId riskTier"
)


def refuse_meanings(columns: Mapping[str, Any], known: Iterable[str], position: Array, names: Any, where: str) -> None:
    """BookError for the first column, not among the `known`, whose values change what a position, a price or an equity means.

    position (rows,) as read, names (rows,) account ids as arrow text.
    """
    odd = [(name, meaning) for name in columns if name not in known for meaning in MEANINGS if plain_name(name) in meaning.names]
    held = Held(position, factorize(names)[1]) if odd else None
    for name, meaning in odd:
        shown, index = _distinct(columns[name])
        said = [text.strip().casefold().replace(" ", "") for text in shown]
        given = index >= 0
        assert held is not None
        wrong = np.zeros(len(index), dtype=bool)
        if given.any():
            wrong[given] = meaning.odd(said, index[given], Held(held.position[given], held.account[given]))
        if wrong.any():
            j = int(np.argmax(wrong))
            raise BookError(
                f"{where} has the column {name!r}, which says {meaning.says} and is not used: {wrong.sum():,} of {len(wrong):,} rows, first row {j + 1} "
                f"(account {names[j].as_py()!r}), say {shown[index[j]][:40]!r} beside position {position[j]:.6g}; {meaning.remedy}"
            )


def ranked_by(columns: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The columns, not used by a book, that say a maintenance margin or its tier: rules that rank by it must not pass over them."""
    return tuple(name for name in columns if name not in known and plain_name(name) in RANKED_BY)


def _distinct(values: Any) -> tuple[list[str], NDArray[np.int32]]:
    """(the distinct values as text, the number of each row's; -1 where there is none)."""
    import pyarrow as pa

    array = arrow(values)
    array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    try:
        text = array.cast(pa.string())
    except pa.ArrowException:
        text = pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
    gone = np.array(text.is_null(), dtype=bool)
    distinct, index = factorize(text.fill_null(""))
    blank = np.array([not str(value).strip() for value in distinct], dtype=bool)
    return [str(value) for value in distinct], np.where(gone | blank[index], -1, index).astype(np.int32)
