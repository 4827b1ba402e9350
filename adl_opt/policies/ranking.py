"""Orders and ties: levels of equal scores, and what a queue closes of ordered positions. numpy only."""

from __future__ import annotations

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.numerics.exact_clearing import clear_exactly

TIED = 1e-12  # relative: scores this close differ by rounding and are tied
_LAST_BITS = 1e-15  # relative: of a running sum


def levels(values: Array) -> Index:
    """0 for the highest, and so on; neighbours closer than rounding have one number."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    new = -np.diff(ordered) > TIED * np.maximum(np.abs(ordered[1:]), np.abs(ordered[:-1]))
    level = np.empty(len(values), dtype=np.int64)
    level[order] = np.concatenate(([0], np.cumsum(new)))[: len(values)]
    return level


def taken(size: Array, group: Index, required: float) -> Array:
    """What each of the ordered legs closes: groups wholly, one after the other, the last one in proportion to
    size; exact (§6).
    """
    total = np.bincount(group, size)
    before = np.cumsum(total) - total
    share = np.clip(required - before, 0.0, total) / np.where(total > 0, total, 1.0)
    whole = np.round(share)
    share = np.where(np.abs(share - whole) <= TIED, whole, share)  # what sums leave by rounding is nothing
    last = int(np.searchsorted(before + total, required * (1 - _LAST_BITS)))
    return clear_exactly(share[group] * size, size, required, share=np.where(group == last, size, 0.0))
