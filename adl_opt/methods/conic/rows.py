"""Rows of losses that can be positive, as sparse matrices of the fractions closed (§10)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.event import Event
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import Symbols
from adl_opt.laws.base import Scenarios

_MOST_ROWS = 20_000_000  # accounts x scenarios the conic route will look at


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


def rows_of(event: Event, law: Scenarios, scale: Array, free: Index) -> Rows:
    book, moves = event.book, law.moves
    if len(book.accounts) * len(moves) > _MOST_ROWS:
        raise SolveError(
            f"{len(book.accounts):,} accounts x {len(moves):,} scenarios are too many rows for the conic "
            "method "
            f"(at most {_MOST_ROWS:,}); use fewer scenarios or fewer accounts"
        )
    start = Symbols(event, law, event.fixed_fraction * event.size)
    column = np.full(len(book.position), -1)
    column[free] = np.arange(len(free))
    kept, always = _Pile(), _Pile()
    for a, b, argument in start.arguments():  # argument: loss - equity with every free leg untouched
        legs = np.arange(len(column))[start.legs_of(a, b)]
        legs = legs[column[legs] >= 0]
        account = book.account[legs] - a
        effect = (
            event.notional[legs, None] * moves.T[book.asset[legs]]
        )  # of closing all that may be closed of the leg
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
