"""Decompositions that LAPACK may fail to converge on, each with a second driver. numpy, and scipy.linalg
where numpy fails.

Divide and conquer (numpy's drivers for singular values and eigenvalues) can stop at a finite matrix; the
older QR iterations and the complete orthogonal factorisation do not. Each function raises
numpy.linalg.LinAlgError only if both drivers do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from adl_opt.arrays import Array


def lstsq(matrix: Array, right: Array, rcond: float | None = None) -> Array:
    """The least-squares solution of least norm; singular values below rcond times the largest count as 0."""
    try:
        return np.linalg.lstsq(matrix, right, rcond=rcond)[0]
    except np.linalg.LinAlgError:
        from scipy import linalg

        found: Any = linalg.lstsq(matrix, right, cond=rcond, lapack_driver="gelsy")
        return found[0]


def solve(matrix: Array, right: Array) -> Array:
    """The solution of a square system; of a singular one the least-squares solution of least norm."""
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return lstsq(matrix, right)


def eigh(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues (..., m), ascending, and eigenvectors (..., m, m) of symmetric matrices (..., m, m)."""
    try:
        value, vector = np.linalg.eigh(matrix)
        return value, vector
    except np.linalg.LinAlgError:
        from scipy import linalg

        pairs = [linalg.eigh(one, driver="ev") for one in matrix.reshape(-1, *matrix.shape[-2:])]
        value, vector = (
            np.reshape([pair[k] for pair in pairs], matrix.shape[: len(matrix.shape) - 1 + k]) for k in (0, 1)
        )
        return value, vector


def least_eigenvalue(matrix: Array) -> float:
    """Of one symmetric matrix (m, m)."""
    try:
        return float(np.linalg.eigvalsh(matrix)[0])
    except np.linalg.LinAlgError:
        return float(eigh(matrix)[0][0])


def inverse_diagonal(matrix: Array, cut: float) -> tuple[Array, Array]:
    """(diagonal (..., m) of the pseudoinverse of symmetric matrices (..., m, m), which of them are regular
    (...)).

    Eigenvalues up to `cut` times the largest count as 0.
    """
    value, vector = eigh(matrix)
    keep = np.abs(value) > cut * np.abs(value).max(axis=-1, keepdims=True)
    inverse = np.where(keep, 1 / np.where(keep, value, 1.0), 0.0)
    return (vector**2 @ inverse[..., None])[..., 0], keep.all(axis=-1)


def inverse(matrix: Array) -> Array:
    """Of symmetric positive definite matrices (..., m, m) with diagonals near 1; eigenvalues below 1e-13,
    which are rounding, count as 1e-13.
    """
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        value, vector = eigh(matrix)
        return (vector / np.maximum(value, 1e-13)[..., None, :]) @ np.swapaxes(vector, -1, -2)


def lower_root(matrix: Array) -> Array:
    """Lower triangular L (..., m, m) with L L' = matrix, symmetric positive semidefinite (..., m, m)."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        value, vector = eigh(matrix)
        half = np.sqrt(np.maximum(value, 0.0))[..., None] * np.swapaxes(vector, -1, -2)
        lower = np.swapaxes(np.linalg.qr(half, mode="r"), -1, -2)
        return lower * np.where(np.einsum("...kk->...k", lower) < 0, -1.0, 1.0)[..., None, :]


def null_space(matrix: Array) -> tuple[Array, Callable[[Array], Array]]:
    """(orthonormal columns that span the null space of one matrix, right -> the solution x of least norm of
    matrix x = right).

    Singular values count as 0 up to rounding, and in the solution up to 1e-12 of the largest.
    """
    try:
        u, s, v = np.linalg.svd(matrix, full_matrices=True)
    except np.linalg.LinAlgError:
        from scipy import linalg

        u, s, v = linalg.svd(matrix, lapack_driver="gesvd")
    rank = int((s > np.finfo(float).eps * max(matrix.shape) * s.max(initial=0.0)).sum())
    kept = int((s > 1e-12 * s.max(initial=0.0)).sum())
    return v[rank:].T, lambda right: v[:kept].T @ ((u[:, :kept].T @ right) / s[:kept])
