"""Numbers grouped by a label, from one sort: the legs of each of many assets without a pass over all legs for
each.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.numerics.readonly import ReadOnly, fixed


class Groups(ReadOnly):
    """`groups[k]`: the numbers among `chosen`, rising, whose label is k; empty for a k that does not occur.

    label (n,) whole numbers from 0 to below `count`; chosen (n,) bool, all if it is left out.
    """

    def __init__(self, label: Index, count: int, chosen: Mask | None = None) -> None:
        members = np.arange(len(label)) if chosen is None else np.flatnonzero(chosen)
        label = label[members]
        self._members = fixed(members[np.argsort(label, kind="stable")])
        self._end = [0, *np.cumsum(np.bincount(label, minlength=count)).tolist()]

    def __getitem__(self, k: int) -> Index:
        return self._members[self._end[k] : self._end[k + 1]]

    def __len__(self) -> int:
        return len(self._end) - 1

    def sums(self, values: Array, less: Sequence[float] | Array | None = None) -> Array:
        """The sum of `values` (n,) in each group, less `less` (count,) where given: (count,), correctly
        rounded.
        """
        ordered, end = values[self._members].tolist(), self._end
        if less is None:
            return np.array([math.fsum(ordered[a:b]) for a, b in pairwise(end)])
        taken = [-float(x) for x in less]
        return np.array([math.fsum([*ordered[a:b], x]) for a, b, x in zip(end, end[1:], taken)])

    def batches(self, wanted: Index) -> Iterator[tuple[Index, Index]]:
        """(groups (K,), members (K, m)) of the wanted groups, those of one size m > 0 side by side."""
        end = np.array(self._end)
        size = end[wanted + 1] - end[wanted]
        for m in np.unique(size[size > 0]):
            some = wanted[size == m]
            yield some, self._members[end[some][:, None] + np.arange(m)]


def row_sums(rows: Array) -> Array:
    """The sum of each row, correctly rounded."""
    return np.array([math.fsum(row) for row in rows.tolist()])
