"""Whose equity it is, and what backs it: isolated and cross positions of one wallet, collateral in several
currencies at a haircut (§3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.data import columns as known
from adl_opt.data.contracts import Rows
from adl_opt.data.tables import factorize, need_columns, number_column, text_column
from adl_opt.errors import BookError

_ISOLATED = ("isolated", "isolated_margin", "fixed", "1", "1.0", "true")
COLLATERAL = ("account", "currency", "amount", "price", "haircut")


def isolated_rows(rows: Rows, position: Array) -> Mask:
    """Rows (rows,) in isolated margin whose account holds other positions too."""
    isolated = np.zeros(len(position), dtype=bool)
    means = dict.fromkeys(known.CROSS, 0.0) | dict.fromkeys(_ISOLATED, 1.0)
    for name in rows.named(known.MODES):
        isolated |= rows.words(name, means, "margin mode: isolated or cross") == 1
    if not isolated.any():
        return isolated
    account = factorize(rows.names)[1]
    return isolated & (np.bincount(account, position != 0)[account] > 1)


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
