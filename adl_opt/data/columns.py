"""Columns that change what position, price or equity mean, by the names that exchanges and ccxt use (§1-§3).

Names are those of Binance, Bybit, OKX, Hyperliquid, dYdX v4, Bitget, KuCoin, BitMEX, Deribit and ccxt's
unified positions. A Book is read by those that contracts.py and wallets.py know (`READ`); of any other one,
and of all of them beside Waves, values that could change a meaning are an error that names the column.
Harmless are: a side that agrees with the sign of every position (or says nothing: BOTH, net), contract sizes
of 1, contracts said to be linear, one and the same currency of money, cross margin (or one position an
account), and columns without values. Case, blanks, underscores, a unit in brackets and what stands before a
dot (info.side) do not matter in a name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.tables import arrow, factorize
from adl_opt.errors import BookError

Rows = Mask


class Held(NamedTuple):
    """What a column is held against, by row: signed positions (rows,) and account numbers (rows,)."""

    position: Array
    account: Index


Odd = Callable[
    [list[str], Index, Held], Rows
]  # distinct values, the number of each row's, what is held: rows with a meaning changed


class Meaning(NamedTuple):
    """What the columns of these names say, what to do about one that is not harmless, and in which rows it is
    not.
    """

    says: str
    remedy: str
    names: frozenset[str]
    odd: Odd
    sides: Mapping[str, float] | None = None  # of a side: what its words say, 1, -1 or nothing, 0


def plain_name(name: str) -> str:
    """A column's name without case, blanks, underscores, a unit in brackets and what stands before a dot."""
    return re.sub(r"[\W_]", "", re.sub(r"[(\[{][^(\[{]*[)\]}]\s*$", "", name).rpartition(".")[2]).casefold()


def _names(text: str) -> frozenset[str]:
    return frozenset(map(plain_name, text.split()))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIDES = {
    **dict.fromkeys(["long", "l", "buy", "b", "bid", "openlong", "closelong", "1", "+1", "1.0"], 1.0),
    **dict.fromkeys(["short", "s", "sell", "a", "ask", "openshort", "closeshort", "-1", "-1.0"], -1.0),
    **dict.fromkeys(["both", "net", "none", "flat"], 0.0),  # one position an asset, with a sign
}
NO = _words("false 0 0.0 none")
YES = _words("true 1 1.0")
LINEAR = _words(
    "linear linearperpetual linearfutures linearswap flexible spot usdt-futures usdc-futures usdt-m "
    "usdc-m usds-m um"
)
INVERSE = _words("inverse reversed inverseperpetual inversefutures inverseswap coin-futures coin-m cm")
STRANGE = _words("option options quanto")
# Which contract it is, not of what kind: said of linear and of inverse ones
NEUTRAL = _words(
    "perpetual perp swap future futures delivery current_quarter next_quarter current_month next_month"
)
MONEY = _words("usd usdt usdc usde busd fdusd tusd dai usds usdd pyusd eur eurc gbp jpy krw try")
CROSS = _words("cross crossed cross_margin regular_margin portfolio_margin 0 0.0 false")


def _against(sides: Mapping[str, float]) -> Odd:
    """Rows whose position has another sign than its side, 1 or -1 (0: says nothing); a side that is not known
    fits none.
    """

    def odd(said: list[str], index: Index, held: Held) -> Rows:
        side = np.array([sides.get(text, np.nan) for text in said])[index]
        return (held.position != 0) & (side != 0) & (side != np.sign(held.position))

    return odd


def _side(names: str, sides: Mapping[str, float]) -> Meaning:
    return Meaning(*_SIDE, _names(names), _against(sides), sides)


def _not_one(said: list[str], index: Index, _: Held) -> Rows:
    return np.array([_number(text) != 1 for text in said])[index]


def _but(harmless: frozenset[str]) -> Odd:
    return lambda said, index, _: np.array([text not in harmless for text in said])[index]


def _only(harmful: frozenset[str]) -> Odd:
    return lambda said, index, _: np.array([text in harmful for text in said])[index]


def _several_currencies(said: list[str], index: Index, _: Held) -> Rows:
    """All rows but those in the first currency of money; a column of numbers names no currency."""
    if all(np.isfinite(_number(text)) for text in said):
        return np.zeros(len(index), dtype=bool)
    first = next((text for text in said if text in MONEY), None)
    return np.array([text != first for text in said])[index]


def _not_cross(said: list[str], index: Index, held: Held) -> Rows:
    several = np.bincount(held.account, held.position != 0)[held.account] > 1
    return _but(CROSS)(said, index, held) & several


def plain_value(text: str) -> str:
    """What a cell says, without case and blanks."""
    return text.strip().casefold().replace(" ", "")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


_SIDE = "the side of a position", "give short positions a negative sign (§1), and drop the column"
_SIZE = (
    "how much one contract is",
    "multiply position by it and drop the column; if position counts coins already, drop it alone",
)
_KIND = (
    "the kind of a contract",
    "a contract gains position x change of price (§2): convert the others to such contracts and drop the "
    "column, "
    "or drop it if all are linear",
)
_CURRENCY = (
    "a currency",
    "prices and equity are in one quote currency (§2): convert them, and drop the column",
)
_MODE = (
    "whose equity it is",
    "from_isolated reads an equity for every position (§3); if each equity is the whole account's, drop "
    "the column",
)
MEANINGS: tuple[Meaning, ...] = (
    _side(
        "side positionSide posSide holdSide direction positionDirection dir tradeSide longShort "
        "long_or_short buySell",
        SIDES,
    ),
    _side("isLong isBuy", dict.fromkeys(YES, 1.0) | dict.fromkeys(NO - {"none"}, -1.0)),
    _side("isShort isSell", dict.fromkeys(YES, -1.0) | dict.fromkeys(NO - {"none"}, 1.0)),
    _side("positionIdx", {"0": 0.0, "1": 1.0, "2": -1.0}),
    Meaning(
        *_SIZE,
        _names(
            "contractSize contractValue contractMultiplier contractUnit ctVal ctMult multiplier "
            "sizeMultiplier qtyMultiplier quantoMultiplier volumeMultiplier faceValue"
        ),
        _not_one,
    ),
    Meaning(*_SIZE, _names("lotSize"), _not_one),
    Meaning(
        *_KIND,
        _names("contractType contractKind instType instrumentType ctType productType marginedBy"),
        _but(LINEAR),
    ),
    Meaning(*_KIND, _names("category kind marketType"), _only(INVERSE | STRANGE)),
    Meaning(*_KIND, _names("inverse isInverse"), _but(NO)),
    Meaning(*_KIND, _names("linear isLinear"), _but(YES)),
    Meaning(*_KIND, _names("quanto isQuanto optionType optType strike strikePrice"), _but(NO)),
    Meaning(
        *_CURRENCY,
        _names(
            "settle settleCoin settleCcy settleCurrency settlCurrency settleAsset settlement "
            "settlementCurrency settlementAsset marginCoin marginCcy marginCurrency marginAsset marginToken "
            "collateralCurrency collateralAsset collateralCoin equityCurrency currency ccy"
        ),
        _several_currencies,
    ),
    Meaning(
        *_CURRENCY,
        _names("quote quoteCoin quoteCcy quoteCurrency quoteAsset priceCurrency posCcy sizeCurrency"),
        _several_currencies,
    ),
    Meaning(*_MODE, _names("marginMode mgnMode marginType isolated isIsolated tradeMode"), _not_cross),
)


def _of(name: str) -> Meaning:
    return next(meaning for meaning in MEANINGS if plain_name(name) in meaning.names)


# What a Book is read by (contracts.py, wallets.py)
SIDE_COLUMNS = tuple(meaning for meaning in MEANINGS if meaning.sides is not None)
SIZES, TYPES, CATEGORIES = _of("contractSize").names, _of("contractType").names, _of("kind").names
IS_INVERSE, IS_LINEAR, SETTLEMENTS = _of("inverse").names, _of("linear").names, _of("settle").names
MODES = _of("marginMode").names
READ = frozenset().union(
    *(meaning.names for meaning in SIDE_COLUMNS), SIZES, TYPES, CATEGORIES, IS_INVERSE, IS_LINEAR,
    SETTLEMENTS, MODES,
)  # fmt: skip
RANKED_BY = _names(
    "maintenance maintenanceMargin maintenanceMarginRate maintenanceMarginRatio "
    "maintenanceMarginPercentage maintenanceMarginFraction maintenanceMarginRequirement "
    "maintenanceMarginUsed crossMaintenanceMarginUsed maintenanceAmount maintMargin maintMarginRate "
    "maintMarginRatio maintMarginReq positionMM posMaint mmr tier tiers marginTier bracket brackets "
    "leverageBracket riskLimit riskLimitValue riskLimitTier riskId riskTier"
)


def refuse_meanings(
    columns: Mapping[str, Any], known: Iterable[str], position: Array, names: Any, where: str
) -> None:
    """BookError for the first column, not among the `known`, whose values change what a position, price or
    equity means.

    position (rows,) as read, names (rows,) account ids as arrow text.
    """
    spelled = {name: plain_name(name) for name in columns if name not in known}
    odd = [
        (name, meaning) for name, plain in spelled.items() for meaning in MEANINGS if plain in meaning.names
    ]
    if not odd:
        return
    account = factorize(names)[1]
    for name, meaning in odd:
        shown, index = distinct(columns[name])
        said = [plain_value(text) for text in shown]
        given = np.flatnonzero(index >= 0)
        wrong = (
            given[meaning.odd(said, index[given], Held(position[given], account[given]))]
            if given.size
            else given
        )
        if wrong.size:
            j = int(wrong[0])
            raise BookError(
                f"{where} has the column {name!r}, which says {meaning.says} and is not used: "
                f"{wrong.size:,} of {len(index):,} "
                f"rows, first row {j + 1} (account {names[j].as_py()!r}), say {shown[index[j]][:40]!r} "
                "beside position "
                f"{position[j]:.6g}; {meaning.remedy}"
            )


def ranked_by(columns: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The columns, not used by a book, that say a maintenance margin or its tier: rules that rank by it
    refuse them.
    """
    return tuple(name for name in columns if name not in known and plain_name(name) in RANKED_BY)


def distinct(values: Any) -> tuple[list[str], Index]:
    """(the distinct values as text, the number of each row's; -1 where there is none)."""
    import pyarrow as pa

    array = arrow(values)
    array = array if pa.types.is_dictionary(array.type) else _encoded(array)
    try:
        said = array.dictionary.cast(pa.string()).to_pylist()
    except pa.ArrowException:
        said = [None if value is None else str(value) for value in array.dictionary.to_pylist()]
    index: Any = np.array(np.from_dlpack(array.indices.cast(pa.int64()).fill_null(-1)))
    blank = np.array([value is None or not value.strip() for value in said] + [True], dtype=bool)
    return [value or "" for value in said], np.where(blank[index], -1, index).astype(np.int32)


def _encoded(array: Any) -> Any:
    """As a dictionary and indices; what has none, such as lists, as text."""
    import pyarrow as pa

    try:
        return array.dictionary_encode()
    except pa.ArrowException:
        said = [None if value is None else str(value) for value in array.to_pylist()]
        return pa.array(said, pa.string()).dictionary_encode()
