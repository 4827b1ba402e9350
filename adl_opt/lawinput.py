"""What a law is given, checked: numbers, labels, vectors, covariance and correlation matrices."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.errors import LawError
from adl_opt.inputs import holds_truth
from adl_opt.numerics import lapack
from adl_opt.numerics.readonly import ReadOnly, fixed

Array = NDArray[np.float64]
_PSD_SLACK = 1e-10  # relative to the largest entry: rounding of an exactly singular matrix


def frozen(array: Array) -> Array:
    return fixed(np.array(array, dtype=float))


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Raise LawError in place of LinAlgError: no driver of LAPACK takes the matrix apart."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise LawError(f"{name} cannot be decomposed: none of LAPACK's drivers converges ({error}); round its entries") from None


def listing(names: Any, most: int = 6) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def labels_of(values: Any) -> tuple[str, ...] | None:
    labels = (
        tuple(values)
        if isinstance(values, Mapping)
        else tuple(values.index)
        if hasattr(values, "index") and hasattr(values, "to_numpy")
        else None
    )
    labels = None if labels is None else tuple(str(label) for label in labels)
    distinct(labels, "law")
    return labels


def entry(assets: tuple[str, ...] | None, k: int) -> str:
    """How entry k of a law is called: by its label, or by its number."""
    return repr(assets[k]) if assets else f"number {k + 1}"


def distinct(labels: tuple[str, ...] | None, name: str) -> None:
    if labels and len(set(labels)) < len(labels):
        count = Counter(labels)
        twice = next(label for label in labels if count[label] > 1)
        raise LawError(f"the labels of {name} are not distinct: {twice!r} stands {count[twice]} times")


def numbers_of(values: Any, name: str) -> Array:
    if values is None:
        raise LawError(f"{name} is missing: give numbers")
    names = list(map(str, values)) if isinstance(values, Mapping) else None
    if hasattr(values, "index") and hasattr(values, "to_numpy") and np.ndim(values) == 1:
        names = [str(label) for label in values.index]
    values = list(values.values()) if isinstance(values, Mapping) else values
    try:
        raw = np.asarray(values)
        if np.iscomplexobj(raw):
            raise LawError(f"{name} must be real numbers, not complex ones")
        if holds_truth(values):
            raise LawError(f"{name} must be numbers, not True or False: write 1 and 0 if those are meant")
        if raw.dtype.kind in "mM":
            raise LawError(f"{name} must be numbers, not of the type {raw.dtype}; dates belong in the index (set_index)")
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, LawError):
            raise
        hint = "; dates belong in the index (set_index)" if "Timestamp" in str(error) else ""
        raise LawError(f"{name} must be numbers: {str(error).splitlines()[0]}{hint}") from None
    if not np.isfinite(array).all():
        if not array.ndim:
            raise LawError(f"{name} is {float(array)}; it must be a finite number")
        first = np.argwhere(~np.isfinite(array))[0]
        where = repr(names[first[0]]) if names else f"at {tuple(int(k) + 1 for k in first)}"
        raise LawError(f"{(~np.isfinite(array)).sum()} of {array.size} numbers of {name} are missing or infinite, first {where}")
    return array


def _places(labels: tuple[str, ...], assets: tuple[str, ...]) -> list[int]:
    """Where each of the assets stands among the labels, which hold them all."""
    number = {label: k for k, label in enumerate(labels)}
    return [number[asset] for asset in assets]


def vector_of(values: Any, assets: tuple[str, ...] | None, d: int, name: str, default: float) -> Array:
    if values is None:
        return np.full(d, default)
    labels = labels_of(values)
    array = np.atleast_1d(numbers_of(values, name))
    if array.shape != (d,):
        known = set(labels or ())
        missing = [asset for asset in assets or () if labels is not None and asset not in known]
        which = f": {missing[0]!r} is missing" if missing else ""
        raise LawError(f"{name} must have one number an asset ({d}), not {array.size}{which}")
    if labels is not None and assets is None:
        raise LawError(f"{name} is labelled ({listing(labels)}) but the law is not; label both by asset, or neither")
    if labels is not None and assets is not None:
        if set(labels) != set(assets):
            raise LawError(f"{name} is labelled {listing(labels)}, the law {listing(assets)}; use the same labels")
        array = array[_places(labels, assets)]
    return array


class FactorModel(ReadOnly):
    """The covariance loading loading' + diag(specific) of relative moves: stands for the matrix of Gaussian, or the scale matrix of StudentT.

    loading: (d, f), or (d,) for one factor, moves per standard deviation of uncorrelated factors; specific: (d,) variances >= 0 of what is left. DataFrame, Series or
    dict by asset, or bare arrays. Raises LawError for a specific variance that is negative or lengths that differ.
    """

    def __init__(self, loading: Any, specific: Any) -> None:
        self.assets = labels_of(loading)
        table = numbers_of(loading, "loading")
        self.loading = frozen(table[:, None] if table.ndim == 1 else table)
        if self.loading.ndim != 2 or not self.loading.size:
            raise LawError(f"loading must be a table (assets, factors), not of shape {table.shape}")
        if specific is None:
            raise LawError("specific is missing: give the variance of each asset that the factors do not explain (0 if none)")
        self.specific = frozen(vector_of(specific, self.assets, len(self.loading), "specific", 0.0))
        if (self.specific < 0).any():
            first = int(np.argmax(self.specific < 0))
            raise LawError(
                f"{(self.specific < 0).sum()} of {len(self.specific)} specific variances are negative, first {entry(self.assets, first)}: {self.specific[first]:.6g}"
            )

    @property
    def matrix(self) -> Array:
        """The covariance, (d, d)."""
        return self.loading @ self.loading.T + np.diag(self.specific)

    def __repr__(self) -> str:
        d, f = self.loading.shape
        return f"FactorModel({d} assets, {f} factor{'s' * (f > 1)})"


def matrix_of(values: Any, name: str) -> tuple[Array, tuple[str, ...] | None]:
    assets = None
    if isinstance(values, FactorModel):
        return values.matrix, values.assets
    if isinstance(values, Mapping):
        assets = labels_of(values)
        odd = [row for row, entries in values.items() if not isinstance(entries, Mapping) or set(entries) != set(values)]
        if odd:
            raise LawError(f"the row {str(odd[0])!r} of {name} must map each of {listing(values)} to a number")
        values = [[row[column] for column in values] for row in values.values()]
    elif hasattr(values, "columns"):
        assets = tuple(str(c) for c in values.columns)
        if tuple(str(i) for i in values.index) != assets:
            raise LawError(f"the rows and columns of {name} are labelled differently; use the same labels in the same order")
        distinct(assets, name)
    matrix = np.atleast_2d(numbers_of(values, name))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise LawError(f"{name} must be square (d, d), not of shape {matrix.shape}")
    if np.abs(matrix - matrix.T).max() > 1e-9 * np.abs(matrix).max():
        i, j = np.unravel_index(np.argmax(np.abs(matrix - matrix.T)), matrix.shape)
        raise LawError(
            f"{name} is not symmetric: entries ({i + 1}, {j + 1}) and ({j + 1}, {i + 1}) are {matrix[i, j]:.6g} and {matrix[j, i]:.6g}"
        )
    matrix = (matrix + matrix.T) / 2
    with understood(name):
        least = lapack.least_eigenvalue(matrix)
    if least < -_PSD_SLACK * max(float(np.abs(matrix).max()), 1e-300):
        raise LawError(f"{name} is not positive semidefinite: its smallest eigenvalue is {least:.6g}")
    return matrix, assets


def correlation_of(values: Any, d: int, assets: tuple[str, ...] | None) -> tuple[Array, tuple[str, ...] | None]:
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
    if (np.abs(np.diag(matrix) - 1) > 1e-9).any():
        raise LawError(
            f"a correlation has ones on its diagonal; this one has {np.diag(matrix)[np.argmax(np.abs(np.diag(matrix) - 1))]:.6g}"
        )
    if labels is not None and assets is not None:
        if set(labels) != set(assets):
            raise LawError(f"correlation is labelled {listing(labels)}, volatility {listing(assets)}; use the same labels")
        index = _places(labels, assets)
        matrix = matrix[np.ix_(index, index)]
    return matrix, assets or labels


def whole(order: Any) -> int:
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or not 1 <= order <= 300:
        raise LawError(f"order = {order!r}: a quadrature needs a whole number of nodes, from 1 to 300")
    return int(order)
