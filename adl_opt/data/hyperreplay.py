"""The public table of the event of 10 October 2025, HyperReplay's `adl_detailed_analysis_REALTIME.csv`, as
waves; what is assumed of it.

The table is the one corrected in December 2025; the one before it gives positions after the fill. A row is
one fill that closed one user in one coin. Assumed, and refused where it is not so: `time` is in milliseconds
and never falls; `position_size` is signed (short < 0) and is what stood before that fill; `adl_size` has no
sign and is at most that. Rows of `every` seconds from the first are one wave. In a wave
- the price of a coin is the mean of its `adl_price`, weighted by `adl_size`, so that the notional closed is
  kept;
- the equity of a user is that of his first row: `total_equity` (cash and unrealised profit of all his
  positions) or `account_value_realtime` (cash alone, what the
  published leverages divide by); it differs between his fills of one millisecond, because each fill values
  the others as it finds them;
- the position of a user in a coin is what he held before the first fill, and what he added himself between
  the fills: the largest of what stood and had been closed. The table lists only those who were closed:
  whoever was spared in reality is nowhere in it, and no policy can close him.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.columns import refuse_meanings
from adl_opt.data.tables import factorize, need_columns, number_column, text_column
from adl_opt.errors import BookError
from adl_opt.inputs import plain

EQUITY = ("total_equity", "account_value_realtime")
NEEDED = ("user", "coin", "time", "adl_price", "adl_size", "position_size")
# Fmt: skip
KNOWN = (
    *NEEDED,
    *EQUITY,
    "entry_price",
    "adl_notional",
    "closed_pnl",
    "total_unrealized_pnl",
    "is_negative_equity",
    "leverage_realtime",
    "position_unrealized_pnl",
    "pnl_percent",
    "liquidated_user",
)
_ROUNDING = 1e-9  # relative: fills of a position sum to it up to this


def tidy(columns: Mapping[str, Any], where: str, every: float, equity: str) -> dict[str, Any]:
    """The columns of `Waves.read` from those of HyperReplay.

    Raises BookError as the docstring of this module says.
    """
    if equity not in EQUITY:
        raise BookError(f"equity = {equity!r}: a table of HyperReplay has {' and '.join(map(repr, EQUITY))}")
    if not 0 < plain(every) < float("inf"):
        raise BookError(f"every = {every!r}: a wave lasts a positive number of seconds")
    need_columns(columns, (*NEEDED, equity), where)
    users, coins = text_column(columns["user"], "user"), text_column(columns["coin"], "coin")
    if len(users) == 0:
        raise BookError(f"{where} has no rows: an event needs at least one closing")
    wanted = (*NEEDED[2:], equity, *(["entry_price"] if "entry_price" in columns else []))
    number = {name: number_column(columns[name], name, users) for name in wanted}
    refuse_meanings(columns, KNOWN, number["position_size"], users, where)
    odd = [name for name in columns if name not in KNOWN]
    if odd:
        raise BookError(
            f"{where} has {len(odd)} column{'s' * (len(odd) > 1)} unknown in HyperReplay, first "
            f"{odd[0]!r}; it has {', '.join(KNOWN)}"
        )
    (names, user), (labels, coin) = factorize(users), factorize(coins)
    time, size, held = number["time"], number["adl_size"], number["position_size"]
    _refuse_rows(time, size, held, lambda j: f"user {names[user[j]]!r}, coin {labels[coin[j]]!r}")
    wave = ((time - time[0]) // (1000.0 * every)).astype(np.int64)
    first, leg = _groups((wave * len(names) + user) * len(labels) + coin)
    mixed = np.sign(held) != np.sign(held[first][leg])
    if mixed.any():
        j = int(np.argmax(mixed))
        raise BookError(
            f"{mixed.sum():,} fills close a position on its other side within a wave, first row {j + 1}: "
            f"user {names[user[j]]!r}, coin "
            f"{labels[coin[j]]!r}; take shorter waves than every = {every:g} seconds"
        )
    closed = np.bincount(leg, size)
    stood = np.zeros(len(first))
    np.maximum.at(stood, leg, np.abs(held) + _before(leg, size))
    # Fills of a whole position sum to it but for rounding.
    closed = np.where(closed > stood * (1 - _ROUNDING), stood, closed)
    _, market = _groups(wave * len(labels) + coin)
    price = (np.bincount(market, size * number["adl_price"]) / np.bincount(market, size))[market]
    opening, account = _groups(wave * len(names) + user)
    sign = np.sign(held[first])
    tidied = {
        "wave": wave[first] + 1, "account": names[user[first]].tolist(),
        "asset": labels[coin[first]].tolist(), "position": sign * stood,
        "equity": number[equity][opening][account][first], "price": price[first],
        "realized_closed": sign * closed,
    }  # fmt: skip
    return tidied | ({"entry_price": number["entry_price"][first]} if "entry_price" in number else {})


def _refuse_rows(time: Array, size: Array, held: Array, name: Callable[[int], str]) -> None:
    for bad, what in (
        (np.concatenate(([False], np.diff(time) < 0)), "go back in time"),
        (size <= 0, "close nothing or less (adl_size has no sign)"),
        (size > np.abs(held) * (1 + _ROUNDING), "close more than position_size"),
    ):
        if bad.any():
            j = int(np.argmax(bad))
            raise BookError(
                f"{bad.sum():,} of {len(time):,} rows {what}, first row {j + 1}: {name(j)}, "
                f"time {time[j]:.0f}, adl_size {size[j]:.9g} of position_size {held[j]:.9g}"
            )


def _groups(key: Index) -> tuple[Index, Index]:
    """First row of each group, groups in order of first appearance, and the group of each row."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]


def _before(group: Index, values: Array) -> Array:
    """Sums within each group before each row.

    Row by row of all groups at once: differences of one long sum would lose the digits of dust.
    """
    order = np.argsort(group, kind="stable")
    count = np.bincount(group)
    start = np.cumsum(count) - count
    before, total = np.zeros(len(group)), np.zeros(len(count))
    for turn in range(int(count.max())):
        on = np.flatnonzero(count > turn)
        rows = order[start[on] + turn]
        before[rows] = total[on]
        total[on] += values[rows]
    return before
