"""Constraints that are linear in what is closed: rows, from which program, violation and proof follow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.base import Constraint
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt


@dataclass(frozen=True)
class Rows:
    """matrix @ fraction closed <= limit: matrix (J, legs) sparse, per fraction of a whole position.

    limit (J,): as the user gave it, less what is there before anything is closed. size (J,) > 0: what a
    violation of 1 is, the user's limit where that is not 0. labels: of what each row is.
    """

    matrix: Any
    limit: Array
    size: Array
    labels: list[str]

    def excess(self, fraction: Array) -> Array:
        """Left side minus limit of each row, (J,)."""
        return self.matrix @ fraction - self.limit


class LinearConstraint(Constraint):
    """A constraint that is linear in the fractions closed: children say its rows."""

    @abstractmethod
    def rows(self, event: Event) -> Rows:
        """The rows of an event; rows that hold at every allocation may be left out."""

    def express(self, m: ProgramSymbols) -> Any:
        rows = self.rows(m.event)
        if not len(rows.limit):
            return []
        return _divided(rows.matrix, rows.size) @ m.fraction <= rows.limit / rows.size

    def violation(self, m: SymbolsAt) -> float:
        rows = self.rows(m.event)
        return float((rows.excess(m.fraction) / rows.size).max(initial=0.0))

    def minorant(self, m: SymbolsAt, multipliers: Sequence[Array]) -> Minorant:
        rows = self.rows(m.event)
        if not len(rows.limit):
            nothing = np.zeros(len(m.amount))
            return Minorant(0.0, nothing, nothing)
        weight = np.maximum(np.ravel(multipliers[0]), 0.0) / rows.size
        slope = rows.matrix.T @ weight
        return Minorant(-float(weight @ rows.excess(m.fraction)), slope, slope)

    def prices(self, m: SymbolsAt, multipliers: Sequence[Array]) -> list[tuple[str, float]]:
        rows = self.rows(m.event)
        if not len(rows.limit):
            return []
        prices = np.maximum(np.ravel(multipliers[0]), 0.0) / rows.size
        return list(zip(rows.labels, prices.tolist()))


def sparse(values: Array, row: Array, column: Array, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_array

    return csr_array((values, (row, column)), shape=shape)


def _divided(matrix: Any, size: Array) -> Any:
    from scipy.sparse import diags_array

    return diags_array(1 / size) @ matrix
