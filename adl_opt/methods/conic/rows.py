"""An event under a law in numbers: rows of losses that can be positive, as sparse matrices of the fractions
closed (§10).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.event import Event
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt, scenarios_of
from adl_opt.laws.base import Law, Scenarios

_MOST_ROWS = 20_000_000  # accounts x scenarios the conic method will look at


@dataclass(frozen=True)
class Rows:
    """Rows loss_is - equity_i that can be positive somewhere in the box, divided by D_i (§10).

    kept: matrix (K, free legs), constant (K,), highest (K,) their largest value, account (K,), scenario (K,).
    Rows positive everywhere stand apart (always_*): they are affine, exactly. Rows positive nowhere are left
    out, exactly.
    """

    matrix: Any
    constant: Array
    highest: Array
    account: Index
    scenario: Index
    always_matrix: Any
    always_constant: Array
    always_account: Index
    always_scenario: Index


class Table:
    """What every view of an event's symbols shares, computed once; money in units of `unit` (quote
    currency). free (F,): the legs to decide; untouched: the symbols where none of them is closed.
    """

    def __init__(self, event: Event, law: Law | None, unit: float) -> None:
        self.event, self.law, self.unit = event, law, unit
        self.free = np.flatnonzero(event.free)
        self.untouched = SymbolsAt(event, law, event.amount_from())

    @cached_property
    def rows(self) -> Rows:
        return rows_of(self.untouched, scenarios_of(self.law), self.free)

    @cached_property
    def largest_shortfall(self) -> Array:
        """Of each account in each scenario over all fractions closed, (n, S) units."""
        r, scale = self.rows, self.event.natural_scale / self.unit
        most = np.zeros((len(scale), len(scenarios_of(self.law).probability)))
        most[r.account, r.scenario] = r.highest * scale[r.account]
        at_most = r.always_constant + np.asarray(r.always_matrix.maximum(0).sum(axis=1)).ravel()
        most[r.always_account, r.always_scenario] = at_most * scale[r.always_account]
        return most


def rows_of(untouched: SymbolsAt, law: Scenarios, free: Index) -> Rows:
    event, moves = untouched.event, law.moves
    book, scale = event.book, event.natural_scale
    if len(book.accounts) * len(moves) > _MOST_ROWS:
        raise SolveError(
            f"{len(book.accounts):,} accounts x {len(moves):,} scenarios are too many rows for the conic "
            f"method (at most {_MOST_ROWS:,}); use fewer scenarios or fewer accounts"
        )
    column = np.full(len(book.position), -1)
    column[free] = np.arange(len(free))
    kept, always = _Pile(), _Pile()
    for a, b, argument in untouched.arguments():  # argument: loss - equity with every free leg untouched
        legs = np.arange(len(column))[untouched.legs_of(a, b)]
        legs = legs[column[legs] >= 0]
        account = book.account[legs] - a
        # Of closing all that may be closed of the leg.
        effect = event.notional[legs, None] * moves.T[book.asset[legs]]
        low, high = argument.copy(), argument.copy()
        np.add.at(low, account, np.minimum(effect, 0.0))
        np.add.at(high, account, np.maximum(effect, 0.0))
        for pile, mask in ((kept, (high > 0) & (low < 0)), (always, (high > 0) & (low >= 0))):
            pile.add(mask, argument, high, effect, account, column[legs], scale[a:b], a)
    return Rows(
        *kept.stacked(len(free)), *(part for k, part in enumerate(always.stacked(len(free))) if k != 2)
    )


class _Pile:
    """Collects rows chunk by chunk into one sparse matrix."""

    def __init__(self) -> None:
        self.count = 0
        self.parts: list[tuple[Array, ...]] = []

    def add(
        self,
        mask: Mask,
        argument: Array,
        high: Array,
        effect: Array,
        account: Any,
        column: Any,
        scale: Array,
        first: int,
    ) -> None:
        number = np.cumsum(mask).reshape(mask.shape) - 1 + self.count
        i, s = np.nonzero(mask)
        leg, scenario = np.nonzero(mask[account])
        entry = effect[leg, scenario] / scale[account[leg]]
        row = number[account[leg], scenario]
        self.parts.append(
            (argument[i, s] / scale[i], high[i, s] / scale[i], i + first, s, row, column[leg], entry)
        )
        self.count += len(i)

    def stacked(self, width: int) -> tuple[Any, Array, Array, Any, Any]:
        constant, high, i, s, row, column, entry = (np.concatenate(part) for part in zip(*self.parts))
        matrix = sp.csr_array(
            (entry, (row.astype(np.int64), column.astype(np.int64))), shape=(self.count, width)
        )
        return matrix, constant, high, i.astype(np.int64), s.astype(np.int64)
