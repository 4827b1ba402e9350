"""Expected loss under elliptical laws from below: second-order-cone cuts, one an account and point (THEORY
4).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.constrained import over
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.laws.sampling import root
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import with_expected_loss
from adl_opt.objectives.parts import laws_of
from adl_opt.objectives.robust import changed_by_law


def cut_below(objective: Objective, law: Law | None, points: Sequence[SymbolsAt]) -> Objective | None:
    """The objective with its expected losses replaced by cuts made at `points`; None if it has none or a
    law is neither elliptical nor a set of scenarios, which need no cuts.
    """
    first = points[0]
    laws = laws_of(objective, law, first.event.book)
    if not all(each.scenarios is not None or each.elliptical_form() is not None for each in laws):
        return None

    def change(part: Objective, m: SymbolsAt) -> Objective | None:
        mine = law if m is first else m.law
        form = None if mine is None else mine.elliptical_form()
        if mine is None or form is None:
            return None
        own = points if m is first else [point.under(mine) for point in points]
        return with_expected_loss(part, lambda: Cuts(form, [_place(point, form) for point in own]))

    return over(objective, changed_by_law(objective, first, change, level=False))


def _place(m: SymbolsAt, law: Any) -> Array:
    """z = cushion / deviation of every account, (n,); infinite where nothing moves."""
    deviation = np.sqrt(np.maximum(np.einsum("nd,nd->n", m.exposure @ law.scale, m.exposure), 0.0))
    cushion = m.equity + m.exposure @ law.mean
    return np.divide(cushion, deviation, out=np.full(len(cushion), np.inf), where=deviation > 0)


class Cuts(Objective):
    """sum_i max_j (m(z_ij) s_i - P(T > z_ij) e_i): below the expected loss, and equal to it where the cuts
    were made (quote currency).
    """

    def __init__(self, law: Any, places: Sequence[Array]) -> None:
        self._law, self._root = law, root(law.scale)
        with np.errstate(invalid="ignore"):
            terms = [law.tail_terms(np.minimum(z, 1e6)) for z in places]
        self._first, self._tail = (np.array([term[k] for term in terms]) for k in (0, 1))  # (cuts, n)

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        deviation = cp.norm(m.exposure @ self._root, 2, axis=1)
        cushion = m.equity + m.exposure @ self._law.mean
        heights = [
            cp.multiply(a, deviation) - cp.multiply(b, cushion) for a, b in zip(self._first, self._tail)
        ]
        return cp.sum(cp.maximum(0, *heights))

    def value(self, m: SymbolsAt) -> float:
        deviation = np.linalg.norm(m.exposure @ self._root, axis=1)
        cushion = m.equity + m.exposure @ self._law.mean
        return float(np.maximum((self._first * deviation - self._tail * cushion).max(axis=0), 0.0).sum())
