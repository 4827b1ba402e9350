"""From a price shock to an event: who fails, what the insurance fund cannot pay, which positions of solvent
accounts must be closed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, overload

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.data.maintenance import COLUMN, Maintenance
from adl_opt.errors import EventError
from adl_opt.inputs import MOST_MOVE, plain
from adl_opt.laws.base import Law, Scenarios
from adl_opt.numerics.groups import Groups
from adl_opt.studies.liquidation import INSOLVENT_ONLY, Liquidation, liquidation, netted
from adl_opt.studies.stress_distribution import StressDistribution, over_scenarios
from adl_opt.studies.stressed import Stress
from adl_opt.text import nearest

_STALE = ("profit", "profit_ratio", "realized_closed")  # columns that belong to the prices before


@overload
def stress(
    book: Book,
    move: Scenarios,
    fund: float = 0.0,
    *,
    maintenance: Maintenance | None = None,
    slippage: Any = 0.0,
    fund_first: bool = False,
    meant: bool = False,
) -> StressDistribution: ...
@overload
def stress(
    book: Book,
    move: Any = None,
    fund: float = 0.0,
    *,
    maintenance: Maintenance | None = None,
    slippage: Any = 0.0,
    fund_first: bool = False,
    meant: bool = False,
) -> Stress: ...
def stress(
    book: Book, move: Any = None, fund: float = 0.0, *, maintenance: Maintenance | None = None,
    slippage: Any = 0.0, fund_first: bool = False, meant: bool = False,
) -> Stress | StressDistribution:  # fmt: skip
    """Mark a book at moved prices: who becomes insolvent, what the fund cannot pay, what must be closed.

    - `book`: a Book, whose accounts may be insolvent already
    - `move`: asset -> relative price move > -1 (dict or Series); labels decide, assets not named do not move;
      0.05 is 5 %. None: the book as it stands. Scenarios, such as `law.sample(1000, seed=1)`: their
      distribution
    - `fund`: quote currency >= 0, which pays deficits first
    - `maintenance`: `MaintenanceTiers`, one rate for all, or "maintenance_margin", the book's column:
      accounts are liquidated where their equity is at most that margin, not only where it is at most 0
    - `slippage`: what liquidation costs of the notional, one fraction or asset -> fraction: closed at the
      mark less that (above it for shorts)
    - `fund_first`: True says that where the fund covers the whole deficit it takes the positions over, as
      some venues do, and nothing must be closed
    - `meant`: True says that a move above 1, which more than doubles a price, is right, which is asked about
      else

    An account's equity changes by the sum of position x price x move (of inverse contracts, in coin, of
    position / price x move / (1 + move)); it is insolvent if its equity is then <= 0. Positions of the
    insolvent offset asset by asset; what remains net long is closed against solvent shorts, net short against
    solvent longs, at the moved price. The event is the same whether or not the fund covers the deficit:
    someone must hold the other side of every position. If the opposite side is too small, the event requires
    all of it and `missing` says how much remains. Remainders below 1e-12 of the contracts netted are rounding
    and count as 0.

    With `maintenance` whoever is liquidated closes everything, whole. Who can pay the slippage is left the
    rest, and the market takes the positions (`market`), first against those of who cannot; who cannot fails,
    and owes what is missing after the slippage. Only accounts that are not liquidated stay in the book. A
    column maintenance_margin moves with the notional; profit, profit_ratio and realized_closed belong to the
    old prices and are left out where a price moves.

    Returns a Stress, of scenarios a StressDistribution. Raises EventError for unknown assets, moves that are
    not finite or <= -1, a law that is no scenarios, a negative fund, slippage outside [0, 1) or without
    `maintenance`, and prices or equities beyond what a float holds; BookError for assets without tiers.

    >>> after = adl.stress(adl.examples.paper().book, {"BTC": 0.2, "ETH": -0.1}, fund=1000.0)
    >>> adl.gross_water_filling(after.event).certificate.status
    'certified'
    """
    need_book(book)
    how, money = liquidation(book, maintenance, slippage, fund_first), checked_fund(fund)
    if isinstance(move, Law):
        return over_scenarios(book, move, money, how, shocked)
    return shocked(book, relative_moves(book, {} if move is None else move, meant=meant), money, how)


def shocked(book: Book, move: Array, fund: float, how: Liquidation = INSOLVENT_ONLY) -> Stress:
    """`stress` of checked input: move (d,) > -1. Raises EventError beyond what a float holds."""
    marked = marked_at(book, move)
    size = np.abs(marked.notional)
    margin = marked.per_account(how.margin(size))
    closing = marked.equity <= margin
    cost = np.where(closing, marked.per_account(how.cost_rate(marked) * size), 0.0)
    failed = closing & (marked.equity - cost <= 0)
    broke, stays, long = failed[book.account], ~closing[book.account], book.position > 0
    paying = ~(broke | stays)
    sums = [_by_asset(book, book.position, legs) for legs in (broke, paying, stays & long, stays & ~long)]
    gross = np.bincount(book.asset, np.abs(book.position) * broke, len(book.assets))
    found = netted(sums[0], gross, sums[1], sums[2], -sums[3])
    owed = math.fsum((cost - marked.equity)[failed].tolist())
    if how.fund_first and owed <= fund:
        nothing = np.zeros(len(book.assets))
        found = found._replace(required=nothing, lacking=nothing)
    left = None if closing.all() else marked.kept(~closing) if closing.any() else marked
    short, over = (
        {a: float(abs(q)) for a, q in zip(book.assets, found.required) if q * sign > 0} for sign in (1, -1)
    )
    event = Event(left, short=short, long=over) if left is not None and (short or over) else None
    return Stress(
        book, move, fund, marked, left, event, found.failed, found.lacking, found.sold, failed, closing, cost,
        margin, how,
    )  # fmt: skip


def marked_at(book: Book, move: Array) -> Book:
    """The book at moved prices. Raises EventError beyond what a float holds."""
    if not move.any():
        return book
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
    if COLUMN in extra:
        extra[COLUMN] = extra[COLUMN] * growth[book.asset]
    return replace(book, price=price, mark=mark, equity=equity, extra=extra)


def _by_asset(book: Book, values: Array, legs: Mask) -> Array:
    """Correctly rounded sums of the chosen legs by asset, (d,)."""
    return Groups(book.asset, len(book.assets), legs).sums(values)


def need_book(book: object) -> None:
    """Raise EventError for what is no Book."""
    if not isinstance(book, Book):
        raise EventError(
            f"a stress takes a Book, not {type(book).__name__}: adl.Book.read(path) or "
            "adl.Book.from_frame(frame)"
        )


def need_solvent(book: Book) -> None:
    """Raise EventError for what is no Book, or has accounts without positive equity."""
    need_book(book)
    broke = book.equity <= 0
    if broke.any():
        first = int(np.argmax(broke))
        raise EventError(
            f"{broke.sum():,} of {len(broke):,} accounts are insolvent before the move, first "
            f"{book.accounts[first]!r} with "
            f"{book.equity[first]:.6g}; book.solvent() (--solvent on the command line) keeps the others (§8)"
            "; adl.stress(book) says what these must have closed"
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
