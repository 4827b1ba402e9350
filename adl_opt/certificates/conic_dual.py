"""A lower bound from the conic dual of a compiled program, whatever the objective (§12, assess.py).

The program is: minimise c'x + x'Px/2 subject to b - Ax in K. Any z in the dual cone gives a bound once the
residual c + Px + A'z is charged to the boxes of x. The solver's z is projected, never trusted; variables
without a box of their own get a stated one.
"""

from typing import Any

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.numerics import lapack

_MOST_REPAIRED = 500  # unboxed variables up to which the repair is worth a dense system
_ASSUMED = 10.0  # times the largest entry of the point (at least 1): the stated box of auxiliary variables


def dual_bound(data: dict[str, Any], raw: Any) -> tuple[float, float | None]:
    """How far the value at the solver's point may lie above the optimum, in the program's own unit, and the
    stated box or None.

    data, raw: as CVXPY's get_problem_data and solve_via_data return them for Clarabel or HiGHS. The gap is
    infinite where no bound is known (no dual, or a cone without a projection here).
    """
    x, z = _primal_dual(raw)
    if "c" not in data or "dims" not in data:  # a solver's own quadratic form, with other data
        return np.inf, None
    if (
        x is None
        or z is None
        or len(z) != data["A"].shape[0]
        or not (np.isfinite(x).all() and np.isfinite(z).all())
    ):
        return np.inf, None
    z = _projected(z, data["dims"])
    if z is None:
        return np.inf, None
    A, b, c = data["A"], np.asarray(data["b"], float), np.asarray(data["c"], float)
    curved = data["P"] @ x if data.get("P") is not None else np.zeros_like(c)
    low, high = _boxes(data)
    unboxed = ~(np.isfinite(low) & np.isfinite(high))
    z = _repaired(z, A, c + curved, unboxed, data["dims"])
    residual = c + curved + A.T @ z
    # What is left in unboxed columns after the repair is rounding, charged with that of the sums below
    # (`lost`).
    rounding = 1e-15 * (np.maximum(1.0, np.abs(c + curved).max(initial=0.0)) + np.abs(A).T @ np.abs(z))
    small = unboxed & (np.abs(residual) <= rounding)
    terms = np.abs(c) @ np.abs(x) + np.abs(z) @ (np.abs(b) + np.abs(A) @ np.abs(x))
    lost = float(np.abs(residual[small]) @ (1 + 10 * np.abs(x[small])) + 8 * np.finfo(float).eps * terms)
    residual[small] = 0.0
    stated = _ASSUMED * max(1.0, float(np.abs(x).max(initial=0.0)))
    open_low, open_high = (residual > 0) & ~np.isfinite(low), (residual < 0) & ~np.isfinite(high)
    assumed = stated if (open_low | open_high).any() else None
    low, high = np.where(np.isfinite(low), low, -stated), np.where(np.isfinite(high), high, stated)
    # value(x) - bound, written so that nothing large cancels: c'x + x'Px/2 + b'z + x'Px/2 - min residual'y
    at_point = float(z @ (b - A @ x))
    charged = np.where(residual > 0, residual * (x - low), residual * (x - high)).sum()
    return at_point + float(charged) + lost, assumed


def _repaired(z: Array, A: Any, cost: Array, unboxed: Mask, dims: Any) -> Array:
    """z changed a little, within the dual cone, so that unboxed variables leave no residual: then no box need
    be assumed.

    Rows move in proportion to what they are, equality rows freely. Whatever comes out is projected on the
    cone again, so that the bound is valid however well this succeeds.
    """
    columns = np.flatnonzero(unboxed)
    if not columns.size or columns.size > _MOST_REPAIRED:
        return z
    weight = np.abs(z)
    weight[: dims.zero] = 1.0
    part = A[:, columns].toarray()
    best, least = z, np.abs(cost[columns] + part.T @ z).max()
    moved = z
    for _ in range(4):
        residual = cost[columns] + part.T @ moved
        try:
            step = lapack.lstsq(part.T * weight @ part, -residual, rcond=1e-14)
        except np.linalg.LinAlgError:  # what was reached so far is as valid
            break
        moved = _projected(moved + weight * (part @ step), dims)
        if moved is None or not np.isfinite(moved).all():
            break
        worst = np.abs(cost[columns] + part.T @ moved).max()
        if worst < least:
            best, least = moved, worst
    return best


def _primal_dual(raw: Any) -> tuple[Array | None, Array | None]:
    if isinstance(raw, dict) and "solution" in raw:  # HiGHS
        return np.array(raw["solution"].col_value, float), -np.array(raw["solution"].row_dual, float)
    if hasattr(raw, "x") and hasattr(raw, "z"):  # Clarabel
        return np.array(raw.x, float), np.array(raw.z, float)
    return None, None


def _projected(z: Array, dims: Any) -> Array | None:
    """z moved into the dual cone, cone by cone; None for cones without a rule here."""
    if dims.psd or getattr(dims, "pnd", None):
        return None
    z, at = z.copy(), dims.zero
    z[at : at + dims.nonneg] = np.maximum(z[at : at + dims.nonneg], 0.0)
    at += dims.nonneg
    for size in dims.soc:
        z[at] = max(z[at], float(np.linalg.norm(z[at + 1 : at + size])))
        at += size
    for _ in range(dims.exp):  # dual of {(x, y, t): y exp(x/y) <= t}: u < 0, -u exp(v/u - 1) <= w
        u, v = min(z[at], -1e-300), z[at + 1]
        with np.errstate(over="ignore"):
            least = -u * np.exp(v / u - 1)
        if not np.isfinite(least):
            return None
        z[at], z[at + 2] = u, max(z[at + 2], least)
        at += 3
    for a in dims.p3d:  # dual of {(x, y, t): x^a y^(1-a) >= |t|}
        z[at : at + 2] = np.maximum(z[at : at + 2], 0.0)
        most = (z[at] / a) ** a * (z[at + 1] / (1 - a)) ** (1 - a)
        z[at + 2] = np.clip(z[at + 2], -most, most)
        at += 3
    return z if at == len(z) else None


def given_bounds(data: dict[str, Any]) -> tuple[Array, Array]:
    """Lower and upper bounds of the variables in CVXPY's data of a program; infinite where none is given."""
    given = (data.get("lower_bounds"), data.get("upper_bounds"))
    free = (np.full(len(data["c"]), end) for end in (-np.inf, np.inf))
    low, high = (end if bound is None else np.array(bound, float) for bound, end in zip(given, free))
    return low, high


def _boxes(data: dict[str, Any]) -> tuple[Array, Array]:
    """Bounds of each variable: those given, and those that rows with one entry state."""
    low, high = given_bounds(data)
    rows = data["A"].tocsr()
    start = data["dims"].zero
    single = start + np.flatnonzero(np.diff(rows.indptr)[start : start + data["dims"].nonneg] == 1)
    where = rows.indptr[single]
    entry, variable = rows.data[where], rows.indices[where]
    limit = np.asarray(data["b"], float)[single] / np.where(entry == 0, np.nan, entry)
    up, down = entry > 0, entry < 0
    np.minimum.at(high, variable[up], limit[up])
    np.maximum.at(low, variable[down], limit[down])
    return low, high
