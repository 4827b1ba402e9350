"""Points and weights: tensor Gauss-Hermite, scrambled Sobol, quantiles of weighted points; tables with column
labels.
"""

import math
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.errors import LawError
from adl_opt.laws.validation import understood, whole
from adl_opt.numerics import lapack


def root(matrix: Array) -> Array:
    """A with A A' = matrix: Cholesky in asset order, or by eigenvectors where it is singular."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        with understood("the covariance or correlation of the law"):
            value, vector = lapack.eigh(matrix)
        return vector * np.sqrt(np.maximum(value, 0.0))


def gauss_hermite(order: int, d: int) -> tuple[Array, Array]:
    if d > 3:
        raise LawError(
            f"a tensor quadrature in {d} assets would need {order}^{d} nodes; use law.sample(4096, seed=1)"
        )
    nodes, weights = np.polynomial.hermite_e.hermegauss(whole(order))
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*[nodes] * d, indexing="ij")], axis=1)
    probability = np.prod(
        np.stack([axis.ravel() for axis in np.meshgrid(*[weights / weights.sum()] * d, indexing="ij")]),
        axis=0,
    )
    return grid, probability / probability.sum()


def generator(seed: Any) -> np.random.Generator:
    """Of a whole number >= 0, the same for the same; a Generator stays what it is. Raises LawError."""
    number = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0
    if not number and not isinstance(seed, np.random.Generator):
        raise LawError(f"seed = {seed!r}: a seed is a whole number, at least 0")
    return np.random.default_rng(seed)


def sobol(n: int, d: int, seed: int | np.random.Generator) -> Array:
    from scipy.stats import qmc

    engine = qmc.Sobol(d, scramble=True, rng=generator(seed))
    # A whole power of two is drawn and cut: the balance warning is for numbers that are not.
    points = engine.random_base2(math.ceil(math.log2(n)) if n > 1 else 0)[:n]
    return np.clip(points, 2.0**-60, 1 - 2.0**-53)


def inverse(probability: Array, uniform: Array) -> Index:
    cumulative = np.cumsum(probability)
    return np.minimum(
        np.searchsorted(cumulative / cumulative[-1], uniform, side="right"), len(probability) - 1
    )


def frame_like(table: Array, assets: tuple[str, ...] | None) -> Any:
    return table if assets is None else Labelled(table, assets)


class Labelled:
    """A table with column labels, so that laws can hand labels to Scenarios without pandas."""

    def __init__(self, table: Array, columns: tuple[str, ...]) -> None:
        self.table, self.columns = table, columns

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.table, dtype)
