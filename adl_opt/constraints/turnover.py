"""A limit on how much of an account is turned over."""

from __future__ import annotations

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.accounts import by_account, listed, raised, share_of
from adl_opt.constraints.linear import LinearConstraint, Rows, sparse
from adl_opt.data.event import Event
from adl_opt.laws.base import Law


class Turnover(LinearConstraint):
    """The notional that is closed of each account is at most a share of its gross notional.

    `most`: that share, a fraction >= 0 (0.5: half of the account may be closed): one number for every
    account, or account -> number, for those alone. It counts all positions of an account together, where
    `cap` of an Event limits each by itself. Raises ConstraintError for limits that are no numbers, and
    accounts that the book does not have.

    Source: THEORY 11.3.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> problem = adl.Problem(adl.LeverageSquare(), event, subject_to=[adl.Turnover(0.7)])
    >>> problem.solve().amount.tolist()  # contracts; without it 6.67, 0, 8.33
    [7.0, 1.0, 7.0]
    """

    def __init__(self, most: Any) -> None:
        self.most = share_of("Turnover", most, "the share of its gross notional that may be closed")

    def check(self, event: Event, law: Law | None) -> None:
        by_account(type(self).__name__, self.most, event.book)

    def rows(self, event: Event) -> Rows:
        book, most = event.book, by_account(type(self).__name__, self.most, event.book)
        closable = book.per_account(np.where(event.closable, event.size * book.price[book.asset], 0.0))
        some = closable > most * book.gross_notional  # the others cannot be turned over so much
        row = np.cumsum(some) - 1
        legs = np.flatnonzero(some[book.account] & event.closable)
        account = book.account[legs]
        share = np.abs(book.notional[legs]) / book.gross_notional[account]
        matrix = sparse(share, row[account], legs, (int(some.sum()), len(book.position)))
        limit = most[some]
        return Rows(matrix, limit, np.where(limit > 0, limit, 1.0), [str(x) for x in book.accounts[some]])

    def ends(self, event: Event) -> tuple[Array, Array]:
        most = by_account(type(self).__name__, self.most, event.book)[event.book.account]
        return np.zeros(len(event.size)), np.minimum(event.size, np.minimum(most, 1.0) * event.held)

    def relaxed(self, share: float, event: Event) -> Turnover:
        if isinstance(self.most, dict):
            return Turnover({name: min(raised(x, share), 1.0) for name, x in self.most.items()})
        return Turnover(min(raised(self.most, share), 1.0))

    def __str__(self) -> str:
        return f"Turnover({listed(self.most)})"
