"""A limit on the leverage that accounts are left with: isolated, a lower end on closing (THEORY 11.3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.accounts import by_account, limit_of, listed, raised
from adl_opt.constraints.linear import LinearConstraint, Rows, sparse
from adl_opt.data.event import Event
from adl_opt.laws.base import Law


class LeverageAtMost(LinearConstraint):
    """The gross leverage that each account is left with is at most a limit.

    `most`: x of equity, >= 0: one number for every account, or account -> number, for those alone. Where an
    account's positions cannot be closed far enough there is no allocation; InfeasibleError then names the
    least limit that there is. In isolated margin it is a lower end on what is closed, and water-filling
    between both ends stays optimal for every law; the least limit is then water-filling's highest leverage.
    Raises ConstraintError for limits that are no numbers, and accounts that the book does not have.

    Source: THEORY 11.3.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> problem = adl.Problem(adl.LeverageSquare(), event, subject_to=[adl.LeverageAtMost({"a0": 0.5})])
    >>> problem.solve().leverages()[1].tolist()  # x of equity; without it 0.667, 0.25, 0.667
    [0.5, 0.25, 1.0]
    """

    def __init__(self, most: Any) -> None:
        self.most = limit_of("LeverageAtMost", most, "the leverage, x of equity")

    def check(self, event: Event, law: Law | None) -> None:
        by_account(type(self).__name__, self.most, event.book)

    def rows(self, event: Event) -> Rows:
        book, most = event.book, by_account(type(self).__name__, self.most, event.book)
        before = book.gross_notional / book.equity
        over = before > most  # closing only lowers leverage: the others hold it whatever is closed
        row = np.cumsum(over) - 1
        legs = np.flatnonzero(over[book.account])
        account = book.account[legs]
        slope = -np.abs(book.notional[legs]) / book.equity[account]
        matrix = sparse(slope, row[account], legs, (int(over.sum()), len(book.position)))
        limit = (most - before)[over]
        size = np.where(most > 0, most, 1.0)[over]
        return Rows(matrix, limit, size, [str(name) for name in book.accounts[over]])

    def ends(self, event: Event) -> tuple[Array, Array]:
        book = event.book
        most = by_account(type(self).__name__, self.most, book)[book.account]
        kept = most * book.equity[book.account] / book.price[book.asset]  # contracts
        return np.maximum(event.held - kept, 0.0), event.size

    def relaxed(self, share: float, event: Event) -> LeverageAtMost:
        if isinstance(self.most, dict):
            return LeverageAtMost({name: raised(x, share) for name, x in self.most.items()})
        return LeverageAtMost(raised(self.most, share))

    def __str__(self) -> str:
        return f"LeverageAtMost({listed(self.most)})"
