"""From a price shock to an event: who fails, what the insurance fund cannot pay, which positions of solvent
accounts must be closed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array, Mask
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.inputs import MOST_MOVE, plain
from adl_opt.numerics.groups import Groups
from adl_opt.text import figure, nearest, two_lines

if TYPE_CHECKING:
    import pandas as pd

_STALE = ("profit_ratio", "realized_closed")  # columns that belong to the prices before
_ROUNDING = 1e-12  # of the contracts netted: a smaller remainder is the rounding of decimal numbers
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Stress:
    """What a price move does to a book: who fails, who pays, what must be closed; made by `stress`.

    - `before`: the book; `move` (d,): relative; `fund`: quote currency
    - `marked`: every account at the moved prices, equity of any sign; `book`: the solvent ones of them, None
      if there are none
    - `event`: what they must close, None if nothing
    - `netted` (d,): contracts that the insolvent hold in all, long > 0; `lacking` (d,): contracts that no
      solvent account holds on the opposite side

    >>> after = adl.stress(adl.examples.paper().book, {"BTC": 0.2, "ETH": -0.1}, fund=1000.0)
    >>> after.deficit, after.uncovered, after.event.short  # quote currency; contracts
    (12999.0, 11999.0, {'ETH': 190.0})
    """

    before: Book
    move: Array
    fund: float
    marked: Book
    book: Book | None
    event: Event | None
    netted: Array
    lacking: Array

    @property
    def insolvent(self) -> pd.DataFrame:
        """The accounts that fail, worst first: a table, a line an account.

        Columns account, equity_before, profit, equity, deficit, gross_notional (quote currency, after the
        move).

        >>> adl.stress(adl.examples.paper().book, {"BTC": 0.3}).insolvent[["account", "deficit"]].round(2)
        account        deficit
                quote currency
        B               58,000
        D               23,799
        """
        from adl_opt.table import with_units

        after = self.marked
        broke = np.flatnonzero(after.equity <= 0)
        broke = broke[np.argsort(after.equity[broke], kind="stable")]
        gross = after.gross_notional
        then, now = self.before.equity[broke], after.equity[broke]
        columns = {
            "equity_before": then,
            "profit": now - then,
            "equity": now,
            "deficit": 0.0 - now,
            "gross_notional": gross[broke],
        }
        units = dict.fromkeys(columns, after.currency)
        return with_units({"account": after.accounts[broke], **columns}, units)

    @property
    def deficit(self) -> float:
        """What the insolvent accounts owe in all, quote currency >= 0."""
        return math.fsum((-self.marked.equity[self.marked.equity <= 0]).tolist()) + 0.0

    @property
    def uncovered(self) -> float:
        """What the fund cannot pay of the deficit, quote currency: lost by the exchange."""
        return max(self.deficit - self.fund, 0.0)

    @property
    def fund_left(self) -> float:
        """Quote currency."""
        return max(self.fund - self.deficit, 0.0)

    @property
    def net_position(self) -> pd.Series:
        """By asset: what the insolvent hold in all, longs and shorts offset, contracts, long > 0.

        Net long closes solvent shorts, and conversely.
        """
        return self._by_asset(self.netted, "net_position")

    @property
    def missing(self) -> pd.Series:
        """By asset: contracts that remain when every solvent position on the opposite side is closed; 0 where
        it suffices.
        """
        return self._by_asset(self.lacking, "missing")

    def _by_asset(self, values: Array, name: str) -> pd.Series:
        import pandas as pd

        return pd.Series(values, index=list(self.before.assets), name=name)

    def summary(self) -> str:
        """Who failed, the deficit against the fund, and what must be closed, in words; several lines.

        >>> print(adl.stress(adl.examples.paper().book, {"BTC": 0.3}, fund=1000.0).summary())
        move: BTC +30 %
        insolvent: 2 of 4 accounts, owing B 58,000, D 23,799 (quote currency)
        deficit: 81,799; the fund pays 1,000, uncovered 80,799 (quote currency)
        BTC: the insolvent hold -17 net; missing 17: no solvent longs are left to close (contracts)
        ETH: the insolvent hold 228.7 net; close 228.7 of solvent shorts, who hold 649.2 (contracts)
        """
        after, assets = self.marked, self.before.assets
        broke = np.flatnonzero(after.equity <= 0)
        moved = ", ".join(f"{a} {100 * m:+,.6g} %" for a, m in zip(assets, self.move) if m) or "nothing moves"
        lines = [f"move: {moved}", f"insolvent: {len(broke):,} of {len(after.equity):,} accounts"]
        if not len(broke):
            return "\n".join([*lines, "nothing must be closed"])
        worst = broke[np.argsort(after.equity[broke], kind="stable")][:_SHOWN]
        owed = ", ".join(f"{after.accounts[i]} {figure(0.0 - after.equity[i])}" for i in worst)
        lines[-1] += f", owing {owed}{', ...' if len(broke) > len(worst) else ''} ({after.currency})"
        paid = (
            f"the fund of {figure(self.fund)} covers it, {figure(self.fund_left)} is left"
            if self.uncovered == 0
            else f"the fund pays {figure(self.fund)}, uncovered {figure(self.uncovered)}"
        )
        lines.append(f"deficit: {figure(self.deficit)}; {paid} ({after.currency})")
        for k in np.flatnonzero((self.netted != 0) | (self.lacking != 0)):
            net, side = self.netted[k], "shorts" if self.netted[k] > 0 else "longs"
            line = f"{assets[k]}: the insolvent hold {figure(net)} net"
            close = 0.0 if self.event is None else float(self.event.required[k])
            if self.event is not None and close:
                line += (
                    f"; close {figure(close)} of solvent {side}, who hold "
                    f"{figure(float(self.event.capacities[k]))}"
                )
            if self.lacking[k]:
                line += f"; missing {figure(self.lacking[k])}: no solvent {side} are left to close"
            elif not close:
                line += ", a rounding: nothing to close"
            lines.append(line + " (contracts)")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return two_lines(f"Stress({self.summary().replace(chr(10), '; ')})")

    def _repr_html_(self) -> str:
        said = [line.partition(": ") for line in self.summary().splitlines()]
        facts = html.facts((name, text) if text else ("so", name) for name, _, text in said)
        broke = self.insolvent
        below = html.line(html.shown(len(broke), "insolvent accounts, the worst first"))
        worst = broke.head(html.SHOWN).to_panel() + below if len(broke) else ""
        return html.panel(f"Stress of {len(self.before.accounts):,} accounts", facts, worst)


def stress(book: Book, move: Any, fund: float = 0.0, *, meant: bool = False) -> Stress:
    """Mark a book at moved prices: who becomes insolvent, what the fund cannot pay, what must be closed.

    - `book`: a Book of solvent accounts
    - `move`: asset -> relative price move > -1 (dict or Series); labels decide, assets not named do not move;
      0.05 is 5 %
    - `fund`: quote currency >= 0, which pays deficits first
    - `meant`: True says that a move above 1, which more than doubles a price, is right, which is asked about
      else

    An account's equity changes by the sum of position x price x move (of inverse contracts, in coin, of
    position / price x move / (1 + move)); it is insolvent if its equity is then <= 0. Positions of the
    insolvent offset asset by asset; what remains net long is closed against solvent shorts, net short against
    solvent longs, at the moved price. The event is the same whether or not the fund covers the deficit:
    someone must hold the other side of every position (and insolvent accounts never offset one another in
    every asset, for then they would have kept the equity they had). If the opposite side is too small, the
    event requires all of it and `missing` says how much remains. Remainders below 1e-12 of the contracts
    netted are rounding and count as 0. The columns profit_ratio and realized_closed belong to the old prices
    and are left out of the marked book.

    Returns a Stress. Raises EventError for accounts that are insolvent before the move (book.solvent() leaves
    them out, §8), unknown assets, moves that are not finite or <= -1, a negative fund, and prices or equities
    beyond what a float holds.

    >>> after = adl.stress(adl.examples.paper().book, {"BTC": 0.2, "ETH": -0.1}, fund=1000.0)
    >>> adl.gross_water_filling(after.event).certificate.status
    'certified'
    """
    need_solvent(book)
    return shocked(book, relative_moves(book, move, meant=meant), checked_fund(fund))


def shocked(book: Book, move: Array, fund: float) -> Stress:
    """`stress` of checked input: move (d,) > -1. Raises EventError beyond what a float holds."""
    with np.errstate(over="ignore", invalid="ignore"):
        growth = np.where(book.inverse, 1 / (1 + move), 1 + move)
        price, mark = book.price * growth, None if book.mark is None else book.mark * (1 + move)
        equity = book.equity + book.per_account(book.notional * book.gains(move)[book.asset])
    if not (np.isfinite(price) & (price > 0)).all() or not np.isfinite(equity).all():
        bad = ~(np.isfinite(price) & (price > 0))
        who = (
            f"the price of {book.assets[int(np.argmax(bad))]!r}"
            if bad.any()
            else f"the equity of account {book.accounts[int(np.argmax(~np.isfinite(equity)))]!r}"
        )
        raise EventError(f"after the move {who} is beyond what a float holds; use a smaller move")
    extra = {name: column for name, column in book.extra.items() if name not in _STALE}
    marked = replace(book, price=price, mark=mark, equity=equity, extra=extra)
    broke = equity[book.account] <= 0
    netted = _by_asset(book, book.position, broke)
    due = np.abs(netted) > _ROUNDING * np.bincount(
        book.asset, np.abs(book.position) * broke, len(book.assets)
    )
    opposite = ~broke & (np.sign(book.position) == -np.sign(netted)[book.asset])
    room = np.where(due, np.abs(_by_asset(book, book.position, opposite)), 0.0)
    lacking = np.where(due, np.abs(netted) - room, 0.0)
    lacking = np.where(lacking > _ROUNDING * np.abs(netted), lacking, 0.0)
    required = np.minimum(room, np.abs(netted))
    solvent = marked.solvent() if (equity > 0).any() else None
    short, long = (
        {a: float(q) for a, q, n in zip(book.assets, required, netted) if q > 0 and n * sign > 0}
        for sign in (1, -1)
    )
    event = Event(solvent, short=short, long=long) if solvent is not None and (short or long) else None
    return Stress(book, move, fund, marked, solvent, event, netted, lacking)


def _by_asset(book: Book, values: Array, legs: Mask) -> Array:
    """Correctly rounded sums of the chosen legs by asset, (d,)."""
    return Groups(book.asset, len(book.assets), legs).sums(values)


def need_solvent(book: object) -> None:
    """Raise EventError for what is no Book, or has accounts without positive equity."""
    if not isinstance(book, Book):
        raise EventError(
            f"a stress takes a Book, not {type(book).__name__}: adl.Book.read(path) or "
            "adl.Book.from_frame(frame)"
        )
    broke = book.equity <= 0
    if broke.any():
        first = int(np.argmax(broke))
        raise EventError(
            f"{broke.sum():,} of {len(broke):,} accounts are insolvent before the move, first "
            f"{book.accounts[first]!r} with "
            f"{book.equity[first]:.6g}; book.solvent() (--solvent on the command line) keeps the others (§8)"
        )


def relative_moves(book: Book, move: Any, where: str = "", *, meant: bool = False) -> Array:
    """Relative moves by asset number, (d,).

    EventError, begun with `where`, for unknown assets and what is no move above -1.

    Moves above 1 must be meant.
    """
    if not isinstance(move, Mapping) and not hasattr(move, "items"):
        raise EventError(
            f"{where}a move maps assets to relative price moves, such as {{'BTC': -0.15}}, not {move!r}"
        )
    found, known = np.zeros(len(book.assets)), book.number_of
    seen: set[str] = set()
    for name, value in move.items():
        asset = str(name)
        if asset not in known or asset in seen:
            why = (
                "twice"
                if asset in seen
                else f"that no account holds; did you mean {near!r}?"
                if (near := nearest(asset, book.assets))
                else (
                    "that no account holds; the book has "
                    f"{', '.join(book.assets[:6])}{', ...' if len(known) > 6 else ''}"
                )
            )
            raise EventError(f"{where}the move names {asset!r} {why} (§9)")
        seen.add(asset)
        amount = plain(value, text=True)
        if not math.isfinite(amount) or amount <= -1:
            raise EventError(
                f"{where}the move of {asset!r} is {value!r:.40}; it must be a relative price move above -1 "
                "(-0.15 is 15 % down)"
            )
        if amount > MOST_MOVE and not meant:
            raise EventError(
                f"{where}the move of {asset!r} is {amount:.6g}, which is {100 * amount:+,.6g} %; "
                f"write {amount / 100:.6g} for {amount:.6g} %, or say meant=True"
            )
        found[known[asset]] = amount
    return found


def checked_fund(fund: Any) -> float:
    """The fund as a float; EventError unless it is finite and at least 0."""
    if (
        isinstance(fund, bool)
        or not isinstance(fund, (int, float, np.number))
        or not (math.isfinite(fund) and fund >= 0)
    ):
        raise EventError(
            f"fund = {fund!r}: the insurance fund is a finite amount of quote currency, at least 0"
        )
    return float(fund)
