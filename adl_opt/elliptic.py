"""Expected loss under elliptical laws as programs without scenarios: second-order-cone cuts from below, Newton's model near the optimum (THEORY 4).

h(s, e) = E(s T - e)_+ = max_z m(z) s - P(T > z) e, attained at z = e / s: each z gives a cut, valid everywhere, and exact where it was made. Accounts
have deviation s = |root' exposure| and cushion e = equity + exposure.mean, so a cut is a norm and an affine function, in any dimension.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .elliptical import Gaussian
from .laws import Law
from .nodes import root
from .objectives import ExpectedLoss, Objective, Sum
from .symbols import Symbols

Array = NDArray[np.float64]
NATURAL = 1e-2  # of the expected loss: what a Newton step may hope to change, so that a solver's accuracy is asked of the change


def cut_below(objective: Objective, law: Law | None, points: Sequence[Symbols]) -> Objective | None:
    """The objective with its expected losses replaced by cuts made at `points`; None if it has none or the law is not elliptical."""
    return _replaced(objective, law, lambda: Cuts(law, [_place(m, law) for m in points]))


def newton_at(objective: Objective, m: Symbols) -> Objective | None:
    """The objective with its expected losses replaced by their second-order models at `m`; None as above."""
    return _replaced(objective, m.law, lambda: Newton(m))


def only_optimum(objective: Objective, law: Law | None) -> bool:
    """Whether the objective is strictly convex in what is closed: an expected loss under an elliptical law with positive definite matrix (THEORY 4)."""
    weighs = any(type(part) is ExpectedLoss and weight > 0 for weight, part in objective.parts())
    if not (weighs and isinstance(law, Gaussian)):
        return False
    scaled = (
        law.covariance / np.sqrt(np.outer(np.diag(law.covariance), np.diag(law.covariance)))
        if np.diag(law.covariance).all()
        else np.zeros((1, 1))
    )
    return float(np.linalg.eigvalsh(scaled)[0]) > 1e-12  # a singular matrix has an eigenvalue that is rounding


def _replaced(objective: Objective, law: Law | None, make: Any) -> Objective | None:
    if not isinstance(law, Gaussian) or not any(type(part) is ExpectedLoss for _, part in objective.parts()):
        return None
    other = make()
    return Sum(tuple((w, other if type(part) is ExpectedLoss else part) for w, part in objective.parts()))


def _place(m: Symbols, law: Any) -> Array:
    """z = cushion / deviation of every account, (n,); infinite where nothing moves."""
    deviation = np.sqrt(np.maximum(np.einsum("nd,nd->n", m.exposure @ law.covariance, m.exposure), 0.0))
    cushion = m.equity + m.exposure @ law.mean
    return np.divide(cushion, deviation, out=np.full(len(cushion), np.inf), where=deviation > 0)


class Cuts(Objective):
    """sum_i max_j (m(z_ij) s_i - P(T > z_ij) e_i): below the expected loss, and equal to it where the cuts were made (quote currency)."""

    def __init__(self, law: Any, places: Sequence[Array]) -> None:
        self._law, self._root = law, root(law.covariance)
        with np.errstate(invalid="ignore"):
            terms = [law.tail_terms(np.minimum(z, 1e6)) for z in places]
        self._first, self._tail = (np.array([term[k] for term in terms]) for k in (0, 1))  # (cuts, n)

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        deviation = cp.norm(m.exposure @ self._root, 2, axis=1)
        cushion = m.equity + m.exposure @ self._law.mean
        heights = [cp.multiply(a, deviation) - cp.multiply(b, cushion) for a, b in zip(self._first, self._tail)]
        return cp.sum(cp.maximum(0, *heights))

    def value(self, m: Any) -> float:
        deviation = np.linalg.norm(m.exposure @ self._root, axis=1)
        cushion = m.equity + m.exposure @ self._law.mean
        return float(np.maximum((self._first * deviation - self._tail * cushion).max(axis=0), 0.0).sum())


class Newton(Objective):
    """What the expected loss changes to second order around an allocation (quote currency)."""

    def __init__(self, m: Symbols) -> None:
        law: Any = m.law
        self._at, n, d = m.exposure.copy(), *m.exposure.shape
        self._value, self.natural = m.expected_loss, NATURAL * m.expected_loss
        self._slope, curvature = law.slope_and_curvature(self._at, m.equity)
        # Halves of the curvature: H = V diag(w) V', stacked into one sparse matrix (n d, n d).
        w, v = np.linalg.eigh(curvature)
        half = np.sqrt(np.maximum(w, 0.0))[:, :, None] * np.swapaxes(v, 1, 2)
        rows = (np.arange(n)[:, None, None] * d + np.arange(d)[None, :, None] + 0 * half).astype(int)
        columns = (np.arange(n)[:, None, None] * d + np.arange(d)[None, None, :] + 0 * half).astype(int)
        self._half = sp.csr_array((half.ravel(), (rows.ravel(), columns.ravel())), shape=(n * d, n * d))

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        step = m.exposure - self._at / m.unit
        curved = self._half * np.sqrt(m.unit / 2) @ cp.reshape(step, (step.size,), order="C")
        return cp.sum(cp.multiply(self._slope, step)) + cp.sum_squares(curved)

    def value(self, m: Any) -> float:
        step = m.exposure - self._at
        return float((self._slope * step).sum() + ((self._half @ step.ravel()) ** 2).sum() / 2)
