"""Whose equity it is, and what backs it: isolated and cross positions of one wallet, collateral in several
currencies at a haircut (§3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data import columns as known
from adl_opt.data.contracts import Rows
from adl_opt.data.tables import arrow, factorize, need_columns, number_column, text_column
from adl_opt.errors import BookError

_ISOLATED = ("isolated", "isolated_margin", "fixed", "1", "1.0", "true")
COLLATERAL = ("account", "currency", "amount", "price", "haircut")


class Money(NamedTuple):
    """A column of a wallet's money: what it is in the table, and whether it holds the margin of isolated
    positions; None where that cannot be told.
    """

    called: str
    holds_isolated: bool | None


def isolated_rows(rows: Rows) -> Mask:
    """Rows (rows,) whose margin mode is isolated."""
    isolated = np.zeros(len(rows.asset), dtype=bool)
    means = dict.fromkeys(known.CROSS, 0.0) | dict.fromkeys(_ISOLATED, 1.0)
    for name in rows.named(known.MODES):
        isolated |= rows.words(name, means, "margin mode: isolated or cross") == 1
    return isolated


def apart(
    rows: Rows, number: dict[str, Array], side: Array, money: Mapping[str, Money], profit: Array | None,
    spelled: Mapping[str, str],
) -> Rows:  # fmt: skip
    """Rows whose isolated positions are accounts of their own, each with its own margin, in place.

    `money`: equity and margin of `number`, as far as they are a wallet's; `profit` (rows,): unrealized, None
    where it is not known. Raises BookError for a margin that is missing, or counted twice.
    """
    mode, held = isolated_rows(rows), number["position"] != 0
    isolated = mode & held
    if not isolated.any():
        return rows
    wallet = factorize(rows.names)[1]
    several = np.bincount(wallet, held)[wallet] > 1
    own = next((name for name in ("isolated_equity", "isolated_wallet") if name in rows.columns), None)
    apart = (isolated if own else mode) & several
    named = replace(rows, names=own_names(rows, apart, side)) if apart.any() else rows
    if own:
        _give_own(rows, number, isolated, wallet, money, profit, own, spelled.get(own, own))
    else:
        _refuse_shared(rows, number, isolated, apart, wallet, money)
    return named


def _give_own(
    rows: Rows, number: dict[str, Array], isolated: Mask, wallet: Index, money: Mapping[str, Money],
    profit: Array | None, name: str, called: str,
) -> None:  # fmt: skip
    """Equity and margin of isolated positions from their own column, and of the wallet what it has left."""
    own = _numbers_of(rows, name, isolated)
    gain = np.zeros(len(own)) if profit is None else np.where(isolated, profit, 0.0)
    with_profit = name == "isolated_equity"
    left = np.bincount(wallet, (number["position"] != 0) & ~isolated)[wallet] > 0
    beside = np.bincount(wallet, isolated)[wallet] > 0
    for column, one in money.items():
        if profit is None and with_profit != (column == "equity"):
            raise rows.wrong(
                isolated,
                f"are isolated, and {called!r} is {'after' if with_profit else 'before'} unrealized profit, "
                f"{one.called!r} is not; give entry_price",
            )
        if one.holds_isolated is None and (left & isolated).any():
            raise rows.wrong(
                left & isolated,
                f"are isolated beside cross ones of their wallet, and nothing tells whether {one.called!r} "
                f"holds their margin: write each row's own there (of a cross row without it) and drop "
                f"{called!r}",
            )
        after = own + (gain if column == "equity" and not with_profit else 0.0)
        value = after - (gain if column == "margin" and with_profit else 0.0)
        inside = np.bincount(wallet, np.where(isolated, value, 0.0))[wallet]
        rest = number[column] - (inside if one.holds_isolated else 0.0)
        lone = beside & ~left & (np.bincount(wallet, isolated)[wallet] == 1)
        number[column] = np.where(isolated, value, np.where(lone, inside, rest))
        rows.said.append(
            f"the {column} of isolated positions is their own ({called}), that of cross ones {one.called}"
            + (" less it" if one.holds_isolated else "")
        )


def _numbers_of(rows: Rows, name: str, isolated: Mask) -> Array:
    """A column's numbers (rows,) where isolated; elsewhere it may be blank, and is 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = arrow(rows.columns[name])
    array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    if not pa.types.is_null(array.type):
        array = pc.if_else(pa.array(isolated), array, pa.scalar(0).cast(array.type))
    return number_column(array, name, rows.names)


def _refuse_shared(
    rows: Rows, number: Mapping[str, Array], isolated: Mask, apart: Mask, wallet: Index,
    money: Mapping[str, Money],
) -> None:  # fmt: skip
    """BookError where an isolated position has no money but the wallet's: by name, or by its number."""
    for column, one in money.items():
        if one.holds_isolated is not None:
            raise rows.wrong(
                isolated,
                f"are isolated, and {one.called!r} is their wallet's; give isolated_equity, each one's "
                "margin with its unrealized profit (isolatedMargin of Binance, marginUsed of Hyperliquid)",
            )
        order = np.argsort(isolated, kind="stable")[::-1]
        first = np.zeros(int(wallet.max()) + 1, dtype=np.int64)
        first[wallet[order]] = order  # a cross row of each wallet, where it has one
        same = isolated & apart & (number[column] == number[column][first[wallet]])
        same &= first[wallet] != np.arange(len(wallet))
        if same.any():
            raise rows.wrong(
                same,
                f"are isolated and repeat the {one.called} of their wallet, which would count twice: write "
                "each row's own there; if it is, name such accounts account:asset",
            )


def own_names(rows: Rows, isolated: Mask, side: Array) -> Any:
    """Account ids (rows,) where every isolated position is an account of its own, called account:asset, or
    account:asset:long and :short where both sides are held.

    Raises BookError for a name that another account has already.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = pa.array(rows.assets.tolist(), pa.string()).take(pa.array(rows.asset))
    own = pc.binary_join_element_wise(rows.names, labels, ":")
    number = factorize(own)[1]
    both = isolated & (np.bincount(number, isolated)[number] > 1)
    sided = pa.array(["short", "long"]).take(pa.array((side > 0).astype(np.int8)))
    own = pc.if_else(pa.array(both & (side != 0)), pc.binary_join_element_wise(own, sided, ":"), own)
    taken = set(own.filter(pa.array(isolated)).unique().to_pylist()) & set(rows.names.unique().to_pylist())
    if taken:
        raise BookError(
            f"{rows.where}: isolated positions become accounts of their own, and {len(taken)} such names are "
            f"other accounts', first {min(taken)!r}; rename those"
        )
    rows.said.append(
        f"{isolated.sum():,} isolated positions of wallets with others are accounts of their own, named "
        "account:asset"
    )
    return pc.if_else(pa.array(isolated), own, rows.names)


def collateral_by_account(columns: Mapping[str, Any], where: str) -> dict[str, float]:
    """What each account's collateral counts, in the book's currency: sum of amount x price x (1 - haircut).

    `columns`: account, currency, amount, price (of a unit, in the book's currency) and haircut, a fraction in
    [0, 1], a row an account and currency; a debt (amount < 0) counts in full. Raises BookError for what is
    missing, repeated or outside.
    """
    need_columns(columns, COLLATERAL, where)
    names = text_column(columns["account"], "account")
    currency = text_column(columns["currency"], "currency")
    amount, price, haircut = (number_column(columns[name], name, names) for name in COLLATERAL[2:])
    (accounts, account), (kinds, kind) = factorize(names), factorize(currency)
    key = account.astype(np.int64) * max(len(kinds), 1) + kind
    again = np.ones(len(key), dtype=bool)
    again[np.unique(key, return_index=True)[1]] = False
    for wrong, what in (
        (again, "repeat an account and currency; add them up"),
        (price <= 0, "have no positive price"),
        ((haircut < 0) | (haircut > 1), "have a haircut outside [0, 1]; 5 % is 0.05"),
    ):
        if wrong.any():
            j = int(np.argmax(wrong))
            raise BookError(
                f"{where}: {wrong.sum():,} of {len(wrong):,} rows of collateral, first row {j + 1} (account "
                f"{names[j].as_py()!r}, {currency[j].as_py()!r}, price {price[j]:.6g}, haircut "
                f"{haircut[j]:.6g}), {what}"
            )
    worth = np.bincount(account, at_haircut(amount * price, haircut), len(accounts))
    return dict(zip(accounts.tolist(), worth.tolist()))


def at_haircut(value: Array, haircut: Array) -> Array:
    """What collateral counts: less its haircut; a debt counts in full."""
    return value * np.where(value > 0, 1 - haircut, 1.0)


def margin_from(table: Mapping[str, float], rows: Rows, where: str) -> Array:
    """The margin of each row's account (rows,) by a table of collateral.

    Raises BookError for accounts of the book without collateral.
    """
    accounts, account = factorize(rows.names)
    missing = [name for name in accounts.tolist() if name not in table]
    if missing:
        raise BookError(
            f"{where}: {len(missing):,} of {len(accounts):,} accounts of the book have no collateral, first "
            f"{missing[0]!r}; write 0 if it has none"
        )
    if beyond := len(table) - len(accounts):
        rows.said.append(f"collateral of {beyond:,} accounts without a position is not used")
    rows.said.append("margin is collateral at its haircut")
    return np.array([table[name] for name in accounts.tolist()])[account]
