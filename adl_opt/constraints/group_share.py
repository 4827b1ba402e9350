"""A limit on the share that groups of accounts bear: of what is closed, or of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.constraints.accounts import groups_of, limit_of, listed, numbers_of, raised, share_of
from adl_opt.constraints.base import Constraint
from adl_opt.constraints.linear import LinearConstraint, Rows, sparse
from adl_opt.constraints.measured import MeasuredConstraint
from adl_opt.data.event import Event
from adl_opt.errors import ConstraintError
from adl_opt.evaluation.minorants import Dual, Minorant, closed_form_slope, scenario_support
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law, scenario_count
from adl_opt.objectives.base import Objective

_OF = ("closed", "loss")


class GroupShare(Constraint):
    """Each group of accounts bears at most a share: of the notional that is closed, or of the expected loss.

    - `groups`: name -> account ids; groups may overlap and need not cover the book
    - `share`: the most of it, a fraction >= 0: one number, or group -> number
    - `of`: "closed": of the notional that the event closes, quote currency; "loss": the expected shortfall
      of the group's accounts, at most that share of the expected loss before anything is closed (of the loss
      after closing a share is not convex)

    Isolated margin, one asset to decide, `of="closed"`, groups nested or disjoint: levelling inside each
    group stays optimal for every law. Raises ConstraintError for empty groups, shares that are no numbers,
    and accounts that the book does not have.

    Source: THEORY 11.3.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> desk = adl.GroupShare({"desk": ["a0", "a2"]}, 0.8)
    >>> problem = adl.Problem(adl.LeverageSquare(), event, subject_to=[desk])
    >>> problem.solve().amount.round(4).tolist()  # contracts: 12 of 15 in the group
    [4.6667, 3.0, 7.3333]
    """

    def __new__(cls, groups: Any = None, share: Any = None, of: str = "closed") -> Any:
        return super().__new__(_OfLoss if of == "loss" and cls is GroupShare else _OfClosed)

    def __init__(self, groups: Any, share: Any, of: str = "closed") -> None:
        if of not in _OF:
            raise ConstraintError(f"GroupShare(of={of!r}): it is a share of {' or '.join(map(repr, _OF))}")
        self.groups = groups_of("GroupShare", groups)
        read = limit_of if of == "loss" else share_of  # closing a hedge may raise a loss
        self.share, self.of = read("GroupShare", share, "the share, a fraction"), of
        if isinstance(self.share, dict) and set(self.share) != set(self.groups):
            odd = sorted(set(self.share) ^ set(self.groups))
            raise ConstraintError(
                f"GroupShare has shares and groups of other names, {len(odd)} in all, first {odd[0]!r}"
            )

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.groups, self.share, self.of

    def check(self, event: Event, law: Law | None) -> None:
        for group, ids in self.groups.items():
            numbers_of(event.book, list(ids), f"group {group!r} of GroupShare")

    def members(self, event: Event) -> dict[str, Index]:
        """Account numbers by group."""
        return {
            group: numbers_of(event.book, list(ids), f"group {group!r} of GroupShare")
            for group, ids in self.groups.items()
        }

    def shares(self) -> dict[str, float]:
        return self.share if isinstance(self.share, dict) else dict.fromkeys(self.groups, self.share)

    def relaxed(self, share: float, event: Event) -> Constraint:
        most = np.inf if self.of == "loss" else 1.0  # of what is closed 1 is all
        more = {group: min(raised(x, share), most) for group, x in self.shares().items()}
        return GroupShare(self.groups, more, self.of)

    def __str__(self) -> str:
        return f"GroupShare({listed(self.shares())} of the {'loss' if self.of == 'loss' else 'closing'})"


class _OfClosed(GroupShare, LinearConstraint):
    """Of the notional that is closed: a row a group."""

    def rows(self, event: Event) -> Rows:
        book, members, shares = event.book, self.members(event), self.shares()
        total = float(event.required @ book.price) or 1.0
        values, row, column = [np.zeros(0)], [np.zeros(0, int)], [np.zeros(0, int)]
        for number, account in enumerate(members.values()):
            legs = np.flatnonzero(np.isin(book.account, account) & event.closable)
            values.append(np.abs(book.notional[legs]) / total)
            row.append(np.full(len(legs), number))
            column.append(legs)
        shape = (len(members), len(book.position))
        matrix = sparse(np.concatenate(values), np.concatenate(row), np.concatenate(column), shape)
        limit = np.array([shares[group] for group in members])
        return Rows(matrix, limit, np.where(limit > 0, limit, 1.0), list(members))

    def saved_by_requirement(self, m: SymbolsAt, multipliers: Sequence[Array]) -> Array:
        # A share of more is more: the rows are divided by what is closed in all.
        rows, price = self.rows(m.event), m.event.book.price
        weight = np.maximum(np.ravel(multipliers[0]), 0.0) / rows.size
        saved = float(weight @ (rows.matrix @ m.fraction)) / float(m.event.required @ price or 1.0)
        return saved * price

    def group_caps(self, event: Event) -> list[tuple[Index, float]]:
        book, shares = event.book, self.shares()
        total = float(event.required @ book.price)
        k = event.free_assets[0]
        fixed = event.amount_from() * book.price[book.asset]
        caps = []
        for group, account in self.members(event).items():
            inside = np.isin(book.account, account)
            left = shares[group] * total - float(fixed[inside].sum())
            caps.append((np.flatnonzero(inside & event.free), left / float(book.price[k])))
        return caps


class _OfLoss(GroupShare, MeasuredConstraint):
    """Of the expected loss before anything is closed: a limited objective a group."""

    def measured(self, event: Event, law: Law | None) -> list[tuple[Objective, float, str]]:
        before = SymbolsAt(event, law, np.zeros(len(event.size))).expected_loss
        shares = self.shares()
        return [
            (GroupLoss(account), shares[group] * before, group)
            for group, account in self.members(event).items()
        ]


class GroupLoss(Objective):
    """The expected shortfall of some accounts together, quote currency; account: their numbers."""

    def __init__(self, account: Index) -> None:
        self._account = account

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        return cp.sum(m.expected_shortfall[self._account])

    def value(self, m: SymbolsAt) -> float:
        return float(m.expected_shortfall[self._account].sum())

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant:
        if not scenario_count(m.law):
            inside = np.isin(m.event.book.account, self._account)
            slope = np.where(inside, closed_form_slope(m), 0.0)
            return Minorant(0.0, slope, slope)
        return scenario_support(m, self._weight(m), dual)

    def scenario_weights(self, m: SymbolsAt, dual: Dual) -> Array | None:
        return self._weight(m) if scenario_count(m.law) else None

    def _weight(self, m: SymbolsAt) -> Array:
        inside = np.zeros(len(m.equity))
        inside[self._account] = 1.0
        return inside[:, None] * m.probability
