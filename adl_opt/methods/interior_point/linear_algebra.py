"""Small symmetric systems, all accounts at once, and how far a step can be followed. numpy only."""

import numpy as np

from adl_opt.arrays import Array
from adl_opt.numerics import lapack

_SMALL = 4  # positions up to which systems are factored entry by entry, all accounts at once


def reach(*pairs: tuple[Array, Array]) -> float:
    """How far values >= 0 (those of 0 do not change) can follow their changes before one reaches 0; at most
    1.
    """
    return 1 / max(
        1.0, *(-float((change / np.where(value > 0, value, 1.0)).min(initial=0.0)) for value, change in pairs)
    )


def inverse_of(system: list[list[Array]], ridge: float) -> list[list[Array]]:
    """The inverses of symmetric positive definite systems, given and returned as lower triangles of arrays
    (n,); ridge is added to diagonals of 1.
    """
    m = len(system)
    scale = [
        1 / np.sqrt(system[k][k]) for k in range(m)
    ]  # barriers of dust and of whales differ by many orders
    if m > _SMALL:
        table = np.empty((len(scale[0]), m, m))
        for k in range(m):
            for j in range(k + 1):
                table[:, k, j] = table[:, j, k] = system[k][j] * scale[k] * scale[j] + (
                    ridge if j == k else 0.0
                )
        table = lapack.inverse(
            table
        )  # where it is singular to the last digit, as below: a pivot that is rounding is made a small one
        return [[table[:, k, j] * scale[k] * scale[j] for j in range(k + 1)] for k in range(m)]
    # L D L' entry by entry, then the inverse of L.
    lower: list[list[Array]] = [[] for _ in range(m)]
    pivot: list[Array] = []
    for k in range(m):
        for j in range(k):
            entry = system[k][j] * scale[k] * scale[j]
            for i in range(j):
                entry = entry - lower[k][i] * lower[j][i] * pivot[i]
            lower[k].append(entry / pivot[j])
        rest = np.full_like(scale[k], 1 + ridge)
        for i in range(k):
            rest = rest - lower[k][i] ** 2 * pivot[i]
        pivot.append(np.maximum(rest, 1e-14))
    back: list[list[Array]] = [[] for _ in range(m)]  # the inverse of L, below its diagonal of ones
    for k in range(m):
        for j in range(k):
            entry = -lower[k][j]
            for i in range(j + 1, k):
                entry = entry - lower[k][i] * back[i][j]
            back[k].append(entry)
    over = [1 / one for one in pivot]
    found: list[list[Array]] = [[] for _ in range(m)]
    for k in range(m):
        for j in range(k + 1):  # sum over i >= k of back[i][k] back[i][j] / pivot[i]
            total = over[k] * (back[k][j] if j < k else 1.0)
            for i in range(k + 1, m):
                total = total + back[i][k] * back[i][j] * over[i]
            found[k].append(total * scale[k] * scale[j])
    return found
