"""Expected loss without scenarios to second order around an allocation, as a program; and where it is
strictly convex (THEORY 4).
"""

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.constrained import over
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import answers, batches
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt, needed
from adl_opt.laws.base import Law
from adl_opt.numerics import lapack
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import is_expected_loss, with_expected_loss
from adl_opt.objectives.robust import changed_by_law

# Of the expected loss: what a Newton step may hope to change, so that a solver's accuracy is asked of the
# change.
NATURAL = 1e-2


def newton_at(objective: Objective, m: SymbolsAt) -> Objective | None:
    """The objective with its expected losses replaced by their second-order models at `m`, whatever smooth
    law; None if it has none or there are scenarios.
    """

    def change(part: Objective, own: SymbolsAt) -> Objective | None:
        smooth = own.law is not None and own.law.scenarios is None
        return with_expected_loss(part, lambda: Newton(own)) if smooth else None

    try:
        return over(objective, changed_by_law(objective, m, change, level=True))
    except np.linalg.LinAlgError:  # no driver takes the curvature apart: no model
        return None


def strictly_convex(objective: Objective, event: Event, law: Law | None, amount: Array) -> bool:
    """Whether the objective is known to be strictly convex, around the allocation amount (legs,), in what is
    closed: then there is one optimum.

    An expected loss, of which every account that has something to decide can lose there (THEORY 4).
    """
    weighs = any(weight > 0 and is_expected_loss(part) for weight, part in objective.weighted_parts())
    if not weighs or law is None or law.scenarios is not None:
        return False
    book = event.book
    deciding = book.per_account(event.free.astype(float)) > 0
    longs = book.per_account((event.free & (book.position > 0)).astype(float)) > 0
    notional = np.sign(book.position) * (event.held - amount) * book.price[book.asset]
    for batch in batches(book):
        asset, left = book.asset[batch.leg], notional[batch.leg]
        # From nothing left, an allocation that differs leaves a short, and with a short anything can be lost.
        shorts_only = np.where(longs[batch.account][:, None], 0.0, -1.0) * event.free[batch.leg]
        sure = law.convex_where(asset, left, book.equity[batch.account])
        sure |= (
            law.convex_where(asset, np.where(left == 0, shorts_only, left), book.equity[batch.account])
            & ~longs[batch.account]
        )
        if not sure[deciding[batch.account]].all():
            return False
    return True


class Newton(Objective):
    """What the expected loss changes to second order around an allocation (quote currency)."""

    def __init__(self, m: SymbolsAt) -> None:
        book, legs = m.event.book, len(m.amount)
        self._at, self._notional = m.fraction, book.notional
        self.solver_scale = NATURAL * m.expected_loss
        self._slope, halves = np.zeros(legs), []
        for batch, (_, slope, curvature) in answers(book, needed(m.law), m.notional, 2):
            self._slope[batch.leg] = slope
            # Halves of the curvature: H = V diag(w) V', stacked into one sparse matrix (legs, legs).
            w, v = lapack.eigh(curvature)
            half = np.sqrt(np.maximum(w, 0.0))[:, :, None] * np.swapaxes(v, 1, 2)
            halves.append((half, *np.broadcast_arrays(batch.leg[:, :, None], batch.leg[:, None, :])))
        data, rows, columns = (np.concatenate([part[k].ravel() for part in halves]) for k in range(3))
        from scipy.sparse import csr_array

        self._half = csr_array((data, (rows, columns)), shape=(legs, legs))

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        step = cp.multiply(-self._notional / m.unit, m.fraction - self._at)
        return cp.sum(cp.multiply(self._slope, step)) + cp.sum_squares(
            self._half * np.sqrt(m.unit / 2) @ step
        )

    def value(self, m: SymbolsAt) -> float:
        step = -self._notional * (m.fraction - self._at)
        return float(self._slope @ step + ((self._half @ step) ** 2).sum() / 2)
