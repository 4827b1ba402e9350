"""The water level where an account may close no more than a cap: bisection over the leverages at which
accounts begin and stop to close. numpy only.
"""

import numpy as np

from adl_opt.arrays import Array


def capped_level(size: Array, equity: Array, cap: Array, required: float) -> tuple[float, Array]:
    """(level (x of equity), closed (n,)): closed = clip(size - level x equity, 0, cap), which sums to
    `required` but for rounding.

    size >= cap >= 0 and equity > 0 (n,) in one unit of account, 0 < required < sum of cap. What is closed
    falls in the level, linearly between the leverages size / equity, where an account begins, and (size -
    cap) / equity, where it stops.
    """
    start, stop = size / equity, (size - cap) / equity
    edges = np.unique(np.concatenate([start, stop]))
    low, high = 0, len(edges) - 1
    for _ in range(len(edges).bit_length()):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        if _closed(start - edges[middle], equity, cap).sum() <= required:
            high = middle
        else:
            low = middle
    # From the nearest edge, not from the level: a difference of nearby leverages is exact.
    depth = start - edges[high]
    moving = (depth >= 0) & (stop <= edges[low])
    weight = float(equity[moving].sum())
    # Where nobody moves between the two edges, what is left of the requirement is rounding.
    below = (required - float(_closed(depth, equity, cap).sum())) / weight if weight > 0 else 0.0
    return float(max(edges[high] - below, edges[low])), _closed(depth + below, equity, cap)


def _closed(depth: Array, equity: Array, cap: Array) -> Array:
    return np.clip(depth * equity, 0.0, cap)
