"""Covariances and correlations as users give them: matrices with labels, and factor models that are never
written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import TINY, Array
from adl_opt.errors import LawError
from adl_opt.inputs import SUM_TO_ONE
from adl_opt.laws.panel import Facts, Numbers, Shown, percent
from adl_opt.laws.validation import (
    distinct,
    entry,
    frozen,
    labels_of,
    listing,
    numbers_of,
    places,
    understood,
    vector_of,
)
from adl_opt.numerics import lapack
from adl_opt.numerics.readonly import ReadOnly

# A least eigenvalue, of a matrix with a diagonal of ones, from which it counts as positive definite.
REGULAR = 1e-12
_ASYMMETRY = 1e-9  # relative to the largest entry: rounding of a symmetric matrix
_FACTORS = 3  # whose loadings are shown
_PSD_SLACK = 1e-10  # relative to the largest entry: rounding of an exactly singular matrix


class FactorModel(Shown, ReadOnly):
    """A covariance of many assets by a few factors, which no d x d matrix need hold.

    It is `loading loading' + diag(specific)`, for the covariance of Gaussian or the scale matrix of StudentT.
    `loading` (d, f), or (d,) for one factor: moves per standard deviation of uncorrelated factors; `specific`
    (d,): variances >= 0 of what is left. DataFrame, Series or dict by asset, or bare arrays. Raises LawError
    for a specific variance that is negative or lengths that differ.

    >>> model = adl.FactorModel({"BTC": 0.05, "ETH": 0.06}, {"BTC": 0.0001, "ETH": 0.0004})
    >>> adl.Gaussian(model).covariance.round(6).tolist()
    [[0.0026, 0.003], [0.003, 0.004]]
    """

    def __init__(self, loading: Any, specific: Any) -> None:
        self.assets = labels_of(loading)
        table = numbers_of(loading, "loading")
        self.loading = frozen(table[:, None] if table.ndim == 1 else table)
        if self.loading.ndim != 2 or not self.loading.size:
            raise LawError(f"loading must be a table (assets, factors), not of shape {table.shape}")
        if specific is None:
            raise LawError(
                "specific is missing: give the variance of each asset that the factors do not explain (0 "
                "if none)"
            )
        self.specific = frozen(vector_of(specific, self.assets, len(self.loading), "specific", 0.0))
        if (self.specific < 0).any():
            first = int(np.argmax(self.specific < 0))
            raise LawError(
                f"{(self.specific < 0).sum()} of {len(self.specific)} specific variances are negative, "
                f"first {entry(self.assets, first)}: {self.specific[first]:.6g}"
            )

    @property
    def matrix(self) -> Array:
        """The covariance, (d, d)."""
        return self.loading @ self.loading.T + np.diag(self.specific)

    def __repr__(self) -> str:
        d, f = self.loading.shape
        return f"FactorModel({d:,} assets, {f:,} factor{'s' * (f > 1)})"

    def _said(self) -> tuple[Facts, Numbers]:
        d, f = self.loading.shape
        spread = np.sqrt(np.square(self.loading).sum(axis=1) + self.specific)
        by_asset: Numbers = {
            "standard deviation": ("%", percent(spread)),
            "of its own": ("%", percent(np.sqrt(self.specific))),
        }
        shown = range(min(f, _FACTORS))
        by_asset |= {
            f"factor {k + 1}": ("% per standard deviation", percent(self.loading[:, k])) for k in shown
        }
        return [("covariance", f"of {d:,} assets by {f:,} factor{'s' * (f > 1)}")], by_asset


def matrix_of(values: Any, name: str) -> tuple[Array, tuple[str, ...] | None]:
    assets = None
    if isinstance(values, FactorModel):
        return values.matrix, values.assets
    if isinstance(values, Mapping):
        assets = labels_of(values)
        odd = [
            row
            for row, entries in values.items()
            if not isinstance(entries, Mapping) or set(entries) != set(values)
        ]
        if odd:
            raise LawError(
                f"the row {str(odd[0])!r} of {name} must map each of {listing(values)} to a number"
            )
        values = [[row[column] for column in values] for row in values.values()]
    elif hasattr(values, "columns"):
        assets = tuple(str(c) for c in values.columns)
        if tuple(str(i) for i in values.index) != assets:
            raise LawError(
                f"the rows and columns of {name} are labelled differently; use the same labels in the same "
                "order"
            )
        distinct(assets, name)
    matrix = np.atleast_2d(numbers_of(values, name))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise LawError(f"{name} must be square (d, d), not of shape {matrix.shape}")
    if np.abs(matrix - matrix.T).max() > _ASYMMETRY * np.abs(matrix).max():
        i, j = np.unravel_index(np.argmax(np.abs(matrix - matrix.T)), matrix.shape)
        raise LawError(
            f"{name} is not symmetric: entries ({i + 1}, {j + 1}) and ({j + 1}, {i + 1}) are "
            f"{matrix[i, j]:.6g} and {matrix[j, i]:.6g}"
        )
    matrix = (matrix + matrix.T) / 2
    with understood(name):
        least = lapack.least_eigenvalue(matrix)
    if least < -_PSD_SLACK * max(float(np.abs(matrix).max()), TINY):
        raise LawError(f"{name} is not positive semidefinite: its smallest eigenvalue is {least:.6g}")
    return matrix, assets


def correlation_of(
    values: Any, d: int, assets: tuple[str, ...] | None
) -> tuple[Array, tuple[str, ...] | None]:
    if values is None:
        if d > 1:
            raise LawError(f"{d} assets need a correlation: one number for all pairs, or a matrix ({d}, {d})")
        return np.ones((1, 1)), assets
    if np.ndim(values) == 0 and not isinstance(values, Mapping):
        rho = float(numbers_of(values, "correlation"))
        if abs(rho) > 1:
            raise LawError(f"correlation = {rho:.6g}: it lies between -1 and 1")
        values = np.full((d, d), rho) + (1 - rho) * np.eye(d)
    matrix, labels = matrix_of(values, "correlation")
    if matrix.shape != (d, d):
        raise LawError(f"{d} volatilities need a correlation of shape ({d}, {d}), not {matrix.shape}")
    if (np.abs(np.diag(matrix) - 1) > SUM_TO_ONE).any():
        raise LawError(
            "a correlation has ones on its diagonal; this one has "
            f"{np.diag(matrix)[np.argmax(np.abs(np.diag(matrix) - 1))]:.6g}"
        )
    if labels is not None and assets is not None:
        if set(labels) != set(assets):
            raise LawError(
                f"correlation is labelled {listing(labels)}, volatility {listing(assets)}; use the same "
                "labels"
            )
        index = places(labels, assets)
        matrix = matrix[np.ix_(index, index)]
    return matrix, assets or labels
