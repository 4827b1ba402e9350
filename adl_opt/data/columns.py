"""Columns that change what position, price or equity mean, by the names that exchanges and ccxt use (§1-§3).

Names are those of Binance, Bybit, OKX, Hyperliquid, dYdX v4, Bitget, KuCoin, BitMEX, Deribit and ccxt's
unified positions. No column of this table is used, and one whose values could change a meaning is an error
that names it. Harmless are: a side that agrees with the sign of every position (or says nothing: BOTH, net),
contract sizes of 1, contracts said to be linear, one and the same currency of money, cross margin (or one
position an account), and columns without values. Case, blanks, underscores, a unit in brackets and what
stands before a dot (info.side) do not matter in a name.
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


def plain_name(name: str) -> str:
    """A column's name without case, blanks, underscores, a unit in brackets and what stands before a dot."""
    return re.sub(r"[\W_]", "", re.sub(r"[(\[{][^(\[{]*[)\]}]\s*$", "", name).rpartition(".")[2]).casefold()


def _names(text: str) -> frozenset[str]:
    return frozenset(map(plain_name, text.split()))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SIDES = {
    **dict.fromkeys(["long", "l", "buy", "b", "bid", "openlong", "closelong", "1", "+1", "1.0"], 1.0),
    **dict.fromkeys(["short", "s", "sell", "a", "ask", "openshort", "closeshort", "-1", "-1.0"], -1.0),
    **dict.fromkeys(["both", "net", "none", "flat"], 0.0),  # one position an asset, with a sign
}
_NO = _words("false 0 0.0 none")
_YES = _words("true 1 1.0")
_LINEAR = _words(
    "linear linearperpetual linearfutures linearswap flexible spot usdt-futures usdc-futures usdt-m "
    "usdc-m usds-m um"
)
_INVERSE = _words(
    "inverse reversed inverseperpetual inversefutures inverseswap coin-futures coin-m cm option options "
    "quanto"
)
_MONEY = _words("usd usdt usdc usde busd fdusd tusd dai usds usdd pyusd eur eurc gbp jpy krw try")
_CROSS = _words("cross crossed cross_margin regular_margin portfolio_margin 0 0.0 false")


def _against(sides: Mapping[str, float]) -> Odd:
    """Rows whose position has another sign than its side, 1 or -1 (0: says nothing); a side that is not known
    fits none.
    """

    def odd(said: list[str], index: Index, held: Held) -> Rows:
        side = np.array([sides.get(text, np.nan) for text in said])[index]
        return (held.position != 0) & (side != 0) & (side != np.sign(held.position))

    return odd


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
    first = next((text for text in said if text in _MONEY), None)
    return np.array([text != first for text in said])[index]


def _not_cross(said: list[str], index: Index, held: Held) -> Rows:
    several = np.bincount(held.account, held.position != 0)[held.account] > 1
    return _but(_CROSS)(said, index, held) & several


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
    Meaning(
        *_SIDE,
        _names(
            "side positionSide posSide holdSide direction positionDirection dir tradeSide longShort "
            "long_or_short buySell"
        ),
        _against(_SIDES),
    ),
    Meaning(
        *_SIDE,
        _names("isLong isBuy"),
        _against(dict.fromkeys(_YES, 1.0) | dict.fromkeys(_NO - {"none"}, -1.0)),
    ),
    Meaning(
        *_SIDE,
        _names("isShort isSell"),
        _against(dict.fromkeys(_YES, -1.0) | dict.fromkeys(_NO - {"none"}, 1.0)),
    ),
    Meaning(*_SIDE, _names("positionIdx"), _against({"0": 0.0, "1": 1.0, "2": -1.0})),
    Meaning(
        *_SIZE,
        _names(
            "contractSize contractValue contractMultiplier contractUnit ctVal ctMult multiplier "
            "sizeMultiplier qtyMultiplier quantoMultiplier volumeMultiplier lotSize faceValue"
        ),
        _not_one,
    ),
    Meaning(
        *_KIND,
        _names("contractType contractKind instType instrumentType ctType productType marginedBy"),
        _but(_LINEAR),
    ),
    Meaning(*_KIND, _names("category kind marketType"), _only(_INVERSE)),
    Meaning(*_KIND, _names("inverse isInverse quanto isQuanto"), _but(_NO)),
    Meaning(*_KIND, _names("linear isLinear"), _but(_YES)),
    Meaning(*_KIND, _names("optionType optType strike strikePrice"), _but(_NO)),
    Meaning(
        *_CURRENCY,
        _names(
            "settle settleCoin settleCcy settleCurrency settlCurrency settleAsset settlementCurrency "
            "settlementAsset marginCoin marginCcy marginCurrency marginAsset marginToken "
            "collateralCurrency collateralAsset collateralCoin quote quoteCoin quoteCcy quoteCurrency "
            "quoteAsset equityCurrency priceCurrency currency ccy posCcy sizeCurrency"
        ),
        _several_currencies,
    ),
    Meaning(*_MODE, _names("marginMode mgnMode marginType isolated isIsolated tradeMode"), _not_cross),
)
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
        shown, index = _distinct(columns[name])
        said = [text.strip().casefold().replace(" ", "") for text in shown]
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


def _distinct(values: Any) -> tuple[list[str], Index]:
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
