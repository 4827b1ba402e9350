"""From the columns of a table to the arrays of a Book, step by step (§1-§4, §8, §9).

A dialect gives columns their names (dialects.py), sides and sizes make positions, kinds and currencies say
what money is (contracts.py), margin modes and collateral whose equity it is (wallets.py); what is left over
and could change a meaning is refused (columns.py). Whatever was understood beyond plain columns is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data import contracts, dialects, wallets
from adl_opt.data.columns import plain_name, ranked_by, refuse_meanings
from adl_opt.data.contracts import Rows
from adl_opt.data.tables import arrow, factorize, need_columns, number_column, text_column
from adl_opt.errors import BookError
from adl_opt.text import counted

OPTIONAL = (
    "entry_price", "margin", "profit", "profit_ratio", "realized_closed", "initial_margin",
    "maintenance_margin",
)  # fmt: skip
USED = ("account", "asset", "position", "price", "equity", *OPTIONAL)
_BLANK = ("profit", "initial_margin", "maintenance_margin")  # not kept where a row has none
_MONEY = ("equity", "margin", "profit", "initial_margin", "maintenance_margin", "price", "entry_price")
_BESIDE = ("isolated_equity", "isolated_wallet", "haircut", "collateral", "collateral_price")
_SPELLED = {plain_name(name): name for name in ("initial_margin", "maintenance_margin")}


class Fields(NamedTuple):
    """The fields of a Book, by its names."""

    accounts: NDArray[np.object_]
    assets: tuple[str, ...]
    quoted: Array
    equity: Array
    account: Index
    asset: Index
    position: Array
    extra: dict[str, Array]
    unused: tuple[str, ...]
    inverse: Mask
    currency: str
    said: tuple[str, ...]


class _Named(NamedTuple):
    accounts: NDArray[np.object_]
    assets: NDArray[np.object_]
    account: Index
    asset: Index

    def leg(self, j: int) -> str:
        return f"account {self.accounts[self.account[j]]!r}, asset {self.assets[self.asset[j]]!r}"


def book_fields(
    columns: Mapping[str, Any],
    where: str,
    dialect: str | None = None,
    collateral: tuple[Mapping[str, Any], str] | None = None,
) -> Fields:
    """What a table says, checked. `collateral`: columns of a table of its own, and what to call it."""
    name = dialects.found(columns, where, dialect)
    table, spelled, said = _by_book_names(columns, where, name)
    backed = collateral is not None or "collateral" in table
    derived = "equity" not in table and (
        backed or ("margin" in table and ("entry_price" in table or "profit" in table))
    )
    need_columns(table, (*dialects.TIDY, *(() if derived else ("equity",))), where)
    names, labels = text_column(table["account"], "account"), text_column(table["asset"], "asset")
    if name and "subaccount" in table:
        names = _with_subaccounts(names, table["subaccount"], said)
    if len(names) == 0:
        raise BookError(f"{where} has no rows: a book needs at least one position")
    assets, asset = factorize(labels)
    rows = Rows(table, where, names, assets, asset, said)
    number = {
        column: number_column(table[column], spelled.get(column, column), names)
        for column in ("position", "price", *(("equity",) if "equity" in table else ()), *OPTIONAL)
        if column in table and not _left_blank(rows, column)
    }
    side = _positions(rows, number, name)
    symbol = dialects.DIALECTS[name].symbol if name else ""
    terms = contracts.terms(rows, symbol)
    if name and dialects.DIALECTS[name].counted == "inverse" and not rows.sized:
        _need_sizes(rows, terms.inverse[asset], name)
    _collateral(rows, number)
    if collateral is not None:
        number.pop("margin", None)
    rows = _wallets(rows, number, side, name, spelled, terms.inverse[asset])
    if collateral is not None:
        number["margin"] = wallets.margin_from(
            wallets.collateral_by_account(*collateral), rows, collateral[1]
        )
    known = (*USED, *_BESIDE, *rows.used)
    refuse_meanings(table, known, number["position"], rows.names, where)
    if terms.rate is not None:
        number |= {column: number[column] * terms.rate for column in _MONEY if column in number}
    unused = ranked_by(columns, [n for n in columns if _is_kept(n, spelled, number)])
    return _by_legs(rows, number, side, terms, unused, derived)


def _is_kept(own: str, spelled: Mapping[str, str], number: Mapping[str, Any]) -> bool:
    """Whether a column of the table is one of a Book's, and kept."""
    name = next((book for book, called in spelled.items() if called == own), None)
    name = name or _SPELLED.get(plain_name(own), own)
    return name in number or (name in USED and name != "maintenance_margin")


def _by_book_names(
    columns: Mapping[str, Any], where: str, name: str | None
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    if name is None:
        table = {
            _SPELLED.get(plain_name(own), own)
            if _SPELLED.get(plain_name(own)) not in columns
            else own: values
            for own, values in columns.items()
        }
        return table, {}, []
    table, spelled = dialects.renamed(columns, where, name)
    return table, spelled, [f"read as {dialects.DIALECTS[name].title} ({name})"]


def _with_subaccounts(names: Any, numbers: Any, said: list[str]) -> Any:
    """Account ids address/number: each subaccount is a margin account of its own."""
    import pyarrow.compute as pc

    said.append("accounts are subaccounts, named address/number")
    return pc.binary_join_element_wise(names, text_column(numbers, "subaccountNumber"), "/")


def _left_blank(rows: Rows, column: str) -> bool:
    """Whether an optional column has blanks and is not kept, which is said."""
    if column not in _BLANK:
        return False
    blanks = arrow(rows.columns[column]).null_count
    if blanks:
        rows.said.append(f"{column} is blank in {blanks:,} rows and is not kept")
    return bool(blanks)


def _positions(rows: Rows, number: dict[str, Array], dialect: str | None) -> Array:
    """Sign and size of positions, in place; returns the side of each row, as columns or signs say."""
    position, side = contracts.signed(rows, number["position"])
    size = contracts.sizes(rows, position)
    rows.sized = size is not None
    if dialect and dialects.DIALECTS[dialect].counted == "all" and size is None:
        _need_sizes(rows, position != 0, dialect)
    if size is not None:
        position = position * size
        if "realized_closed" in number:
            number["realized_closed"] = number["realized_closed"] * size
    number["position"] = position
    return np.where(side != 0, side, np.sign(position))


def _need_sizes(rows: Rows, counted: Mask, dialect: str) -> None:
    if counted.any():
        raise rows.wrong(
            counted,
            f"count contracts, and no column says how much one is ({dialects.DIALECTS[dialect].title}); give "
            "contract_size, 1 if positions count coins already",
        )


def _wallets(
    rows: Rows, number: dict[str, Array], side: Array, name: str | None, spelled: Mapping[str, str],
    inverse: Mask,
) -> Rows:  # fmt: skip
    """Isolated positions under names of their own, with their own margin."""
    money = {
        column: wallets.Money(called, dialects.holds_isolated(name, called))
        for column in ("equity", "margin")
        if column in number and (called := spelled.get(column, column))
    }
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        profit = _profit(number, inverse) if "entry_price" in number or "profit" in number else None
    return wallets.apart(rows, number, side, money, profit, spelled)


def _collateral(rows: Rows, number: dict[str, Array]) -> None:
    """Collateral columns at their haircut, in place."""
    table = rows.columns
    if "collateral" in table:
        need_columns(table, ("collateral", "collateral_price", "haircut"), rows.where)
        amount, price, haircut = (
            number_column(table[n], n, rows.names) for n in ("collateral", "collateral_price", "haircut")
        )
        _refuse_haircuts(rows, haircut)
        number["margin"] = wallets.at_haircut(amount * price, haircut)
        rows.said.append("margin is collateral x collateral_price x (1 - haircut)")
    elif "haircut" in table and "margin" in number and "equity" not in number:
        haircut = number_column(table["haircut"], "haircut", rows.names)
        _refuse_haircuts(rows, haircut)
        number["margin"] = wallets.at_haircut(number["margin"], haircut)
        rows.said.append("margin is counted at 1 - haircut")
    elif "haircut" in table:
        raise BookError(
            f"{rows.where} has the columns equity and haircut: an equity holds profits, which bear no "
            "haircut; give collateral, collateral_price and haircut (or margin and haircut) and entry_price "
            "instead of equity, or drop the haircut if equity is after it"
        )


def _refuse_haircuts(rows: Rows, haircut: Array) -> None:
    wrong = (haircut < 0) | (haircut > 1)
    if wrong.any():
        raise rows.wrong(
            wrong, f"have a haircut outside [0, 1], {haircut[np.argmax(wrong)]:.6g}; 5 % is 0.05"
        )


def _by_legs(
    rows: Rows, number: dict[str, Array], side: Array, terms: contracts.Terms, unused: tuple[str, ...],
    derived: bool,
) -> Fields:  # fmt: skip
    """Rows grouped by account, one price an asset, one equity an account."""
    accounts, account = factorize(rows.names)
    order = np.argsort(account, kind="stable")
    account, asset = account[order], rows.asset[order]
    number = {name: values[order] for name, values in number.items()}
    named = _Named(accounts, rows.assets, account, asset)
    price = _one_value(number["price"], asset, len(rows.assets), "price", "asset", named)
    if (price <= 0).any():
        first = int(np.argmax(price <= 0))
        raise BookError(
            f"{(price <= 0).sum()} of {len(price)} prices are not positive, first {rows.assets[first]!r} "
            f"with {price[first]:.6g} (§9)"
        )
    both = _refuse_duplicates(account, asset, side[order], named)
    if both:
        rows.said.append(
            f"hedge mode: {counted(both, 'account')} with both sides of an asset, each closable on its side"
        )
    if derived:
        margin = _one_value(number["margin"], account, len(accounts), "margin", "account", named)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            equity = margin + np.bincount(account, _profit(number, terms.inverse[asset]), len(accounts))
    else:
        equity = _one_value(number["equity"], account, len(accounts), "equity", "account", named)
    extra = {name: number[name] for name in OPTIONAL if name in number}
    return Fields(
        accounts, tuple(rows.assets.tolist()), price, equity, account, asset, number["position"], extra,
        unused, terms.inverse, terms.currency, tuple(rows.said),
    )  # fmt: skip


def _profit(number: Mapping[str, Array], inverse: Mask) -> Array:
    """Unrealized profit of each leg (legs,), in the currency of the book."""
    if "entry_price" not in number:
        return number["profit"]
    position, price, entry = number["position"], number["price"], number["entry_price"]
    return position * np.where(inverse, 1 / entry - 1 / price, price - entry)


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
            f"{count} of {groups} {kind}s have more than one {name}, first {label!r} with "
            f"{float(first[group[j]])!r} and {float(values[j])!r}; "
            f"one {kind}, one {name} (§9)"
            + ("; isolated margin: Book.from_isolated" if name == "equity" else "")
        )
    return first


def _refuse_duplicates(account: Index, asset: Index, side: Array, named: _Named) -> int:
    """How many accounts hold both sides of an asset; BookError for rows that repeat an account, an asset and
    a side, or have none.
    """
    key = account.astype(np.int64) * len(named.assets) + asset
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    before, again = order[:-1][same], order[1:][same]
    wrong = again[side[again] * side[before] != -1]
    thrice = again[1:][key[again[1:]] == key[again[:-1]]]
    wrong = np.union1d(wrong, thrice)
    if wrong.size:
        raise BookError(
            f"{wrong.size} rows repeat an account and asset, first {named.leg(int(wrong.min()))}; add them "
            "up or remove one (§9), unless they are its long and its short side"
        )
    return len(np.unique(account[again]))
