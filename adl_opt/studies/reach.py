"""How far a price must move until auto-deleveraging reaches an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.policies.base import Policy, applied
from adl_opt.policies.places import legs_of_account
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.registry import policy
from adl_opt.studies.stress import need_solvent, stress

if TYPE_CHECKING:
    import pandas as pd

_TRIED = 128  # moves at which a rule that re-ranks is tried, spread over the moves at which accounts fail
_BEYOND = 1.5  # times the last move up at which an account fails: a move after it
_ROUNDING = 1e-12  # of a requirement: what is beyond what is ahead by less is the rounding of sums
_NEAR = 1e-15  # relative: two moves that are one


def reach(book: Book, account: object, rule: Policy | str, asset: str) -> pd.DataFrame:
    """The price move from which auto-deleveraging closes some of an account's position.

    - `book`: a Book of solvent accounts; `account`: the id of one that holds the asset
    - `rule`: a policy, or its name
    - `asset`: the label whose price moves, all others stand

    The move is the smallest, up and down, at which `rule` closes some of the account's position in the asset
    when it is asked for the event of `stress`. Between two moves at which accounts fail the requirement
    stands still, so that those are searched, and then the move between them by bisection to the last digit.
    Where what is ahead of an account cannot change, this is exact (column certain): a book in isolated
    margin, and a rule that ranks by leverage alone, by entry price alone, or by no score. Else a rule
    re-ranks as the price moves: up to 128 moves, spread over those at which accounts fail, are tried, and
    the move is one at which it is reached though just below it it is not; a smaller one is not excluded.

    Returns a DataFrame of two lines, direction up and down: move (fraction; nan where no tried move reaches
    it before it fails itself), price at that move, required and closed (contracts), fails_at (fraction: from
    there the account itself is insolvent; nan for never) and certain. Raises EventError as `stress`, for an
    account that the book does not have or that does not hold the asset, and for what the rule lacks.

    >>> rows = {"account": ["a", "b", "l"], "asset": "BTC", "position": [-10.0, -10.0, 20.0], "price": 100.0}
    >>> book = adl.Book.from_frame(pd.DataFrame({**rows, "equity": [500.0, 4000.0, 800.0]}))
    >>> adl.reach(book, "b", "leverage_queue", "BTC")[["direction", "move"]]
    direction     move
              fraction
    up               –
    down          -0.4
    """
    from adl_opt.table import with_units

    need_solvent(book)
    rule = policy(rule) if isinstance(rule, str) else rule
    k = book.number_of.get(asset, -1)
    i = _holder(book, account, asset, k)
    rows = [_towards(book, i, rule, asset, sign) for sign in (1, -1)]
    names = ("direction", "move", "price", "required", "closed", "fails_at", "certain")
    units = {
        "move": "fraction", "fails_at": "fraction", "required": "contracts",
        "closed": "contracts, signed like position",
    }  # fmt: skip
    return with_units([dict(zip(names, row)) for row in rows], units, currency=book.currency)


def _holder(book: Book, account: object, asset: str, k: int) -> int:
    """The number of an account that holds asset number k; EventError if it does not."""
    legs = legs_of_account(book, account)
    if not (legs & (book.asset == k) & (book.position != 0)).any():
        held = sorted({book.assets[j] for j in book.asset[legs & (book.position != 0)]})
        raise EventError(
            f"account {str(account)!r} holds no {asset!r}, which could be closed; it holds "
            f"{', '.join(held[:6]) or 'nothing'}"
        )
    return int(book.account[np.argmax(legs)])


def _towards(book: Book, i: int, rule: Policy, asset: str, sign: int) -> tuple[object, ...]:
    """A line of the table: what moves up (sign 1) or down of the asset do to account number i."""
    fails = _failures(book, book.number_of[asset], sign)
    own, others = fails[i], np.unique(np.delete(fails, i))
    others = others[np.isfinite(others) & (others < own)]
    sure = _keeps_order(rule, book)
    size, closed = _first(_between(others, own, sign), _closing(book, i, rule, asset, sign), sure)
    found = np.isfinite(size)
    event = stress(book, {asset: sign * size}, meant=True).event if found else None
    k = book.number_of[asset]
    return (
        "up" if sign > 0 else "down",
        sign * size if found else np.nan,
        book.quoted[k] * (1 + sign * size) if found else np.nan,
        np.nan if event is None else float(event.required[k]),
        closed,
        sign * own if np.isfinite(own) else np.nan,
        sure,
    )


def _failures(book: Book, k: int, sign: int) -> Array:
    """Sizes of the move of asset k, up (sign 1) or down, at which each account fails, (n,); inf: never."""
    net = book.per_account(np.where(book.asset == k, book.notional, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(net == 0, np.nan, -book.equity / net)  # of a long, at which equity is 0
        move = gain / (1 - gain) if book.inverse[k] else gain
        size = sign * np.where(book.inverse[k] & (gain >= 1), np.nan, move)
    return np.where((size > 0) & (sign * size > -1), size, np.inf)


def _between(failures: Array, own: float, sign: int) -> Array:
    """Sizes of moves, one after each of those at which other accounts fail (f,) and before the next."""
    end = own if np.isfinite(own) else np.inf if sign > 0 else 1.0
    if not len(failures):
        return failures
    last = failures[-1] * _BEYOND if not np.isfinite(end) else end
    return (failures + np.append(failures[1:], last)) / 2


def _closing(book: Book, i: int, rule: Policy, asset: str, sign: int) -> Callable[[float], float]:
    """What the rule closes of account i in the asset at a move of a size: contracts, signed."""
    name = book.accounts[i]

    def closed(size: float) -> float:
        event = stress(book, {asset: sign * size}, meant=True).event
        if event is None or not (event.book.accounts == name).any():
            return 0.0
        legs = legs_of_account(event.book, name) & (event.book.asset == event.book.number_of[asset])
        if not (legs & event.closable).any():
            return 0.0
        return float((np.sign(event.book.position) * _amount(rule, event))[legs].sum())

    return closed


def _amount(rule: Policy, event: Event) -> Array:
    """What a rule closes (legs,); a queue without losers, all that the others hold where it is too little."""
    if not isinstance(rule, QueueRule):
        return applied(rule, event).amount
    at = rule.places(event)
    room = event.required[event.book.asset] - at.ahead
    room = np.where(room > _ROUNDING * event.required[event.book.asset], room, 0.0)
    together = at.through - at.ahead  # of the positions at one place
    return np.nan_to_num(event.size * np.minimum(room / together, 1.0))


def _first(moves: Array, closed: Callable[[float], float], sure: bool) -> tuple[float, float]:
    """(size of the first move that reaches, what is closed at it); (inf, 0) where none does."""
    if not len(moves):
        return np.inf, 0.0
    if sure:
        tried = np.array([len(moves) - 1])
    else:
        tried = np.unique(np.linspace(0, len(moves) - 1, min(len(moves), _TRIED)).astype(int))
    low, high = -1, -1
    for j in tried.tolist():
        if closed(float(moves[j])):
            high = j
            break
        low = j
    if high < 0:
        return np.inf, 0.0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if closed(float(moves[middle])) else (middle, high)
    return _bisected(float(moves[low]) if low >= 0 else 0.0, float(moves[high]), closed)


def _bisected(low: float, high: float, closed: Callable[[float], float]) -> tuple[float, float]:
    """The end of [low, high] that reaches, drawn in until the ends are one number."""
    while high - low > _NEAR * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if closed(middle) else (middle, high)
    return high, closed(high)


def _keeps_order(rule: Policy, book: Book) -> bool:
    """Whether what is ahead of an account cannot change as one price moves.

    In isolated margin who is closed gains, so that none of the queue fails; (1 + R) / (e + R), the leverage
    of a long after a move R up, has the order of 1 / e for every R, and so have shorts for moves down.
    """
    if not isinstance(rule, QueueRule) or not book.isolated or rule.losers != "multiply":
        return False
    ties = (rule.ties,) if isinstance(rule.ties, str) else rule.ties
    by_leverage = rule.pnl == "none" and rule.leverage in ("none", "leverage", "account leverage")
    by_entry = rule.pnl == "entry price" and rule.leverage == "none"
    return (by_leverage or by_entry) and set(ties[:-1]) <= {"largest position"}
