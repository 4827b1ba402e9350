"""Hedges are kept: closing may not enlarge what an account holds net."""

from __future__ import annotations

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.linear import LinearConstraint, Rows, sparse
from adl_opt.data.event import Event
from adl_opt.errors import ConstraintError
from adl_opt.objectives.hooks import is_number
from adl_opt.text import rounded_up


class KeepHedged(LinearConstraint):
    """The net notional of each account, whatever its sign, does not grow by what is closed.

    `room`: by which share of its gross notional it may grow nevertheless, a fraction >= 0. It says something
    of accounts with positions on both sides alone; in isolated margin it always holds. Raises ConstraintError
    for another room.

    Source: THEORY 11.3.

    >>> frame = pd.DataFrame({"account": ["h", "h", "n"], "asset": ["BTC", "ETH", "BTC"], "equity": 1000.0,
    ...                       "position": [-10, 100, -10], "price": [100, 10, 100]})
    >>> event = adl.Event(adl.Book.from_frame(frame), short={"BTC": 6})
    >>> adl.Problem(adl.LeverageSquare(), event, subject_to=[adl.KeepHedged()]).solve().amount.tolist()
    [0.0, 0.0, 6.0]
    """

    def __init__(self, room: float = 0.0) -> None:
        if not (is_number(room) and 0 <= room < 1):
            raise ConstraintError(
                f"KeepHedged({room!r}): room is the share of its gross notional by which an account's net "
                "may grow, at least 0 and below 1, where it limits nothing; 0.1 is 10 %"
            )
        self.room = float(room)

    def rows(self, event: Event) -> Rows:
        book = event.book
        net, gross = book.per_account(book.notional), book.gross_notional
        sides = np.sign(book.position)
        mixed = (book.per_account((sides > 0).astype(float)) > 0) & (
            book.per_account((sides < 0).astype(float)) > 0
        )
        row, count = np.cumsum(mixed) - 1, int(mixed.sum())
        legs = np.flatnonzero(mixed[book.account] & event.closable)
        account = book.account[legs]
        share = book.notional[legs] / gross[account]
        # net - closed <= |net| + room gross, and its mirror image, all over the gross notional.
        both = np.concatenate([-share, share])
        at = np.concatenate([row[account], count + row[account]])
        matrix = sparse(both, at, np.concatenate([legs, legs]), (2 * count, len(book.position)))
        over = net[mixed] / gross[mixed]
        limit = np.concatenate([np.abs(over) - over, np.abs(over) + over]) + self.room
        names = [str(name) for name in book.accounts[mixed]]
        return Rows(matrix, limit, np.ones(2 * count), names + names)

    def ends(self, event: Event) -> tuple[Array, Array]:
        return np.zeros(len(event.size)), event.size

    def relaxed(self, share: float, event: Event) -> KeepHedged:
        return KeepHedged(min(rounded_up(self.room + share), 0.999999))

    def __str__(self) -> str:
        return f"KeepHedged({self.room:g})" if self.room else "KeepHedged"
