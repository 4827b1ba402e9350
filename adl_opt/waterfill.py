"""The exact water level with caps: everyone above one leverage is brought down to it (THEORY 1). numpy only."""

import math

import numpy as np
from numpy.typing import NDArray

from .errors import EventError

Array = NDArray[np.float64]


def water_level(size: Array, equity: Array, required: float) -> tuple[float, Array]:
    """The common leverage after closing `required`, and what each account closes.

    size (n,) >= 0 and required in one unit; equity (n,) > 0 in the same unit of account, so that
    size / equity is a leverage (contracts with equity / price will do). Returns the level (x of equity)
    and closed (n,), 0 <= closed <= size, with `math.fsum(closed) == required`. Accounts above the level
    end on it, the others are untouched; equal leverages are reduced in proportion to equity.

    With required = 0 the level is the highest leverage; with required = capacity it is 0.
    Raises EventError if required is negative or above the capacity `math.fsum(size)`, or an entry is out of its range.
    Source: Campbell et al. (2026), Thm 1 and the depth form of THEORY 1. Depths are measured from the
    account at the cut: a reference at the top loses all digits when leverages span many decades.
    """
    size, equity = np.asarray(size, float), np.asarray(equity, float)
    if size.ndim != 1 or size.shape != equity.shape:
        raise EventError(f"size and equity must be arrays of one length, not of shapes {size.shape} and {equity.shape}")
    for name, values, legal in (("size", size, size >= 0), ("equity", equity, equity > 0)):
        bad = ~(legal & np.isfinite(values))
        if bad.any():
            first = int(np.argmax(bad))
            wanted = "at least 0" if name == "size" else "positive"
            raise EventError(
                f"{bad.sum()} of {len(bad)} entries of {name} are not finite and {wanted}, first number {first + 1}: {values[first]:.6g}"
            )
    capacity = math.fsum(size)
    if not 0 <= required <= capacity:
        raise EventError(f"cannot close {required!r}: the requirement must lie between 0 and the capacity {capacity!r} (§7)")
    leverage = size / equity
    if required == 0:
        return (float(leverage.max()) if size.size else 0.0), np.zeros_like(size)
    if required == capacity:
        return 0.0, size.copy()

    order = np.argsort(-leverage, kind="stable")
    top, weight = leverage[order], np.cumsum(equity[order])
    volume = np.concatenate(([0.0], np.cumsum(weight[:-1] * (top[:-1] - top[1:]))))
    cut = int(np.searchsorted(volume, required, side="right")) - 1
    below_cut = (required - volume[cut]) / weight[cut]
    level = max(float(top[cut] - below_cut), 0.0)
    closed = np.where(leverage >= top[cut], equity * ((leverage - top[cut]) + below_cut), 0.0)
    closed = clear_exactly(np.clip(closed, 0.0, size), size, required, share=equity)
    return level, closed


def clipped_level(low: Array, high: Array, equity: Array, total: float) -> tuple[float, Array]:
    """(level, amounts (n,)) with amounts = clip(level x equity, low, high) summing to total, low <= high (n,) in quote currency, equity > 0."""
    edges = np.sort(np.concatenate([low / equity, high / equity]))
    # The sum is piecewise linear in the level: find its piece by bisection over the edges, then interpolate.
    first, last = 0, len(edges) - 1
    while last - first > 1:
        middle = (first + last) // 2
        if np.clip(edges[middle] * equity, low, high).sum() <= total:
            first = middle
        else:
            last = middle
    ends = [float(np.clip(edges[i] * equity, low, high).sum()) for i in (first, last)]
    share = min(max((total - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0) if ends[1] > ends[0] else 0.0
    level = float(edges[first] + share * (edges[last] - edges[first]))
    return level, np.clip(level * equity, low, high)


def clear_exactly(closed: Array, size: Array, required: float, share: Array | None = None) -> Array:
    """`closed` moved by its own rounding error so that `math.fsum(closed) == required` to the last bit (§6).

    closed, size (n,) with 0 <= closed <= size, required within [0, fsum(size)]; `share` (n,) says in which
    proportion the legs with room take the residual (default: their room). Raises EventError if no
    leg can represent the last part, which needs more than n ulps of required to be wrong.
    """
    closed = np.asarray(closed, float).copy()
    for _ in range(20):
        residual = _excess(closed, required)
        if abs(residual) <= 4 * np.finfo(float).eps * required:
            break
        room = closed if residual > 0 else size - closed
        inside = (closed > 0) & (closed < size)
        legs = inside if inside.any() else room > 0
        weight = np.where(legs, room if share is None else share, 0.0)
        if weight.sum() == 0:
            break
        closed = np.clip(closed - residual * (weight / weight.sum()), 0.0, size)
    return _last_part(closed, size, required)


def _excess(closed: Array, required: float) -> float:
    # Exactly rounded, so the sign and the size of even the last ulp are right.
    return math.fsum([*closed.tolist(), -required])


def _last_part(closed: Array, size: Array, required: float) -> Array:
    for _ in range(len(closed) + 3):
        residual = _excess(closed, required)
        if math.fsum(closed.tolist()) == required:
            return closed
        fits = np.flatnonzero((closed - residual >= 0) & (closed - residual <= size))
        # Prefer legs closed in part, then the largest: the difference is nothing to it, and to a dust account it may be much.
        untouched = (closed[fits] == 0) | (closed[fits] == size[fits])
        fits = fits[np.lexsort((-closed[fits], untouched))]
        for leg in fits[:64]:
            before = closed[leg]
            closed[leg] = before - residual
            if math.fsum(closed.tolist()) == required:
                return closed
            closed[leg] = before
        # No leg can take it all: those with most room are used up, then the next takes what it can.
        room = closed if residual > 0 else size - closed
        order = np.argsort(-room, kind="stable")
        used = order[: int(np.searchsorted(np.cumsum(room[order]), abs(residual)))]
        if used.size and room[used[0]] > 0:
            closed[used] = 0.0 if residual > 0 else size[used]
            continue
        leg = int(order[0])
        moved = min(max(closed[leg] - residual, 0.0), size[leg])
        if moved == closed[leg]:
            moved = min(max(np.nextafter(closed[leg], -np.inf if residual > 0 else np.inf), 0.0), size[leg])
        if moved == closed[leg]:
            break
        closed[leg] = moved
    raise EventError(
        f"the closed sizes miss the requirement {required!r} by {_excess(closed, required):.3g} and no leg can represent the "
        "difference: sizes and requirement differ by more digits than a float has (§6)"
    )
