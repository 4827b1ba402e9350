"""The linear systems of a step: small ones, all accounts at once, and the one that couples accounts."""

from collections.abc import Callable

import numpy as np

from adl_opt.arrays import Array
from adl_opt.numerics import lapack
from adl_opt.threads import filtered

_SMALL = 4  # positions up to which systems are factored entry by entry, all accounts at once
_PIVOT = 1e-14  # the least pivot of a system scaled to diagonals of 1: below it a pivot is rounding

Lower = list[list[Array]]  # lower triangles of n matrices: entry [k][j], j <= k, is an array (n,)


def inverses(system: Lower, ridge: float) -> Lower:
    """The inverses of n symmetric positive definite systems; ridge is added to diagonals scaled to 1."""
    m = len(system)
    # Barriers of dust and of whales differ by many orders.
    scale = [1 / np.sqrt(system[k][k]) for k in range(m)]
    scaled = [[system[k][j] * scale[k] * scale[j] for j in range(k + 1)] for k in range(m)]
    inverse = _by_entries(scaled, ridge) if m <= _SMALL else _by_lapack(scaled, ridge)
    return [[inverse[k][j] * scale[k] * scale[j] for j in range(k + 1)] for k in range(m)]


def _by_lapack(system: Lower, ridge: float) -> Lower:
    m = len(system)
    table = np.empty((len(system[0][0]), m, m))
    for k in range(m):
        for j in range(k + 1):
            table[:, k, j] = table[:, j, k] = system[k][j] + (ridge if j == k else 0.0)
    table = lapack.inverse(table)
    return [[table[:, k, j] for j in range(k + 1)] for k in range(m)]


def _by_entries(system: Lower, ridge: float) -> Lower:
    """L D L' entry by entry, the inverse of L below its diagonal of ones, and L^-T D^-1 L^-1."""
    m = len(system)
    lower: Lower = [[] for _ in range(m)]
    pivot: list[Array] = []
    for k in range(m):
        for j in range(k):
            entry = system[k][j]
            for i in range(j):
                entry = entry - lower[k][i] * lower[j][i] * pivot[i]
            lower[k].append(entry / pivot[j])
        rest = np.full_like(system[k][k], 1 + ridge)
        for i in range(k):
            rest = rest - lower[k][i] ** 2 * pivot[i]
        pivot.append(np.maximum(rest, _PIVOT))
    back: Lower = [[] for _ in range(m)]
    for k in range(m):
        for j in range(k):
            entry = -lower[k][j]
            for i in range(j + 1, k):
                entry = entry - lower[k][i] * back[i][j]
            back[k].append(entry)
    over = [1 / entry for entry in pivot]
    found: Lower = [[] for _ in range(m)]
    for k in range(m):
        for j in range(k + 1):  # sum over i >= k of back[i][k] back[i][j] / pivot[i]
            total = over[k] * (back[k][j] if j < k else 1.0)
            for i in range(k + 1, m):
                total = total + back[i][k] * back[i][j] * over[i]
            found[k].append(total)
    return found


def definite_solver(matrix: Array) -> Callable[[Array], Array]:
    """right -> solution of a symmetric positive semidefinite system, scaled to diagonals of 1.

    Two assets that all accounts hold in one proportion have one price: then the solution of least norm.
    """
    scale = 1 / np.sqrt(np.diag(matrix))
    system = matrix * scale[:, None] * scale[None, :]
    return lambda right: scale * lapack.solve(system, scale * right)


def bordered_solver(system: Array) -> Callable[[Array], Array]:
    """right -> solution of a symmetric system whose last diagonal entry is 0: scaled, factored once, each
    solution refined once. Of a singular one, that of least norm.
    """
    from scipy.linalg import LinAlgWarning, lu_factor, lu_solve

    scale = np.append(1 / np.sqrt(np.diag(system)[:-1]), 1.0)
    scale[-1] = 1 / np.abs(system[:-1, -1] * scale[:-1]).max()
    system = system * scale[:, None] * scale
    with filtered("error", LinAlgWarning):
        try:
            factors = lu_factor(system, check_finite=False)
        except (LinAlgWarning, np.linalg.LinAlgError):
            return lambda right: scale * lapack.lstsq(system, scale * right)

    def solve(right: Array) -> Array:
        right = scale * right
        found = lu_solve(factors, right, check_finite=False)
        return scale * (found + lu_solve(factors, right - system @ found, check_finite=False))

    return solve
