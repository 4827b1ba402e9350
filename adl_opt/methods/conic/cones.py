"""Programs in cones as Clarabel takes them: which rows form a cone, and which can lack something (THEORY
11.2).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index, Mask

_INSIDE_EXP, _INSIDE_POWER = [-1.0, 1.0, 1.0], [1.0, 1.0, 0.0]  # points inside these cones
_ACCURACY = 1e-9


@dataclass(frozen=True)
class Cones:
    """Which rows form a cone: number (rows,) of the cone of each row.

    inside (rows,): a direction into the cone, 0 in equations. head (rows,): rows that may grow without limit,
    whatever the others. single: by cone None for an equation, 1 for an inequality, else Clarabel's cone.
    """

    number: Index
    inside: Array
    head: Mask
    single: list[Any]

    @classmethod
    def of(cls, dims: Any, given: Mask) -> "Cones":
        """given (rows,): where the allocation stands; a cone of three gives way in those rows alone, if that
        helps.
        """
        single: list[Any] = [None] * dims.zero + [1] * dims.nonneg
        single += [clarabel.SecondOrderConeT(size) for size in dims.soc]
        single += [clarabel.ExponentialConeT() for _ in range(dims.exp)] + [
            clarabel.PowerConeT(a) for a in dims.p3d
        ]
        sizes = [1] * (dims.zero + dims.nonneg) + [*dims.soc] + [3] * (dims.exp + len(dims.p3d))
        number, first = np.repeat(np.arange(len(sizes)), sizes), dims.zero + dims.nonneg + sum(dims.soc)
        head = np.arange(len(number)) >= dims.zero
        head[dims.zero + dims.nonneg :] = False
        head[dims.zero + dims.nonneg + np.cumsum([0, *dims.soc[:-1]], dtype=int)[: len(dims.soc)]] = True
        inside = head.astype(float)
        threes = given[first:].reshape(-1, 3)
        full = np.array([_INSIDE_EXP] * dims.exp + [_INSIDE_POWER] * len(dims.p3d)).reshape(-1, 3)
        last = np.where(np.arange(len(threes)) < dims.exp, threes[:, 1], threes[:, 2]) | ~threes.any(axis=1)
        inside[first:] = np.where(last[:, None] | threes, full, 0.0).ravel()
        return cls(number, inside, head, single)

    @cached_property
    def equation(self) -> Mask:
        """(rows,): those that never give way."""
        return np.array([kind is None for kind in self.single], bool)[self.number]

    @cached_property
    def kinds(self) -> list[Any]:
        """As Clarabel takes them."""
        hard = sum(kind is None for kind in self.single)
        soft = sum(isinstance(kind, int) for kind in self.single)
        found = [clarabel.ZeroConeT(hard)] * (hard > 0) + [clarabel.NonnegativeConeT(soft)] * (soft > 0)
        return found + [kind for kind in self.single if kind is not None and not isinstance(kind, int)]

    def those(self, kept: Mask) -> "Cones":
        rows = kept[self.number]
        number = (np.cumsum(kept) - 1)[self.number[rows]]
        return Cones(
            number,
            self.inside[rows],
            self.head[rows],
            [kind for kind, stays in zip(self.single, kept) if stays],
        )

    def any(self, rows: Mask) -> Mask:
        """(cones,): whether one of its rows is."""
        return np.bincount(self.number, rows, len(self.single)) > 0

    def largest(self, values: Array) -> Array:
        """(cones,): the largest of its rows' values; 1 where there is none."""
        top = np.zeros(len(self.single))
        np.maximum.at(top, self.number, values)
        return np.where(top > 0, top, 1.0)


def binding_cones(A: Any, cones: Cones) -> Mask:
    """(cones,): those that can lack something.

    The others have a variable that only ever helps, or an equation's own.
    """
    binding = np.ones(len(cones.single), bool)
    entry, (height, width) = sp.coo_array(A), A.shape
    for _ in range(len(binding) + 1):  # each round but the last meets a cone
        alive = binding[cones.number[entry.row]]
        row, column, value = entry.row[alive], entry.col[alive], entry.data[alive]
        seen = np.bincount(column, minlength=width)
        heads = [np.bincount(column, cones.head[row] & (sign * value > 0), width) == seen for sign in (1, -1)]
        alone = (seen == 1) & (np.bincount(column, cones.equation[row], width) == 1)
        helps = (seen > 0) & (heads[0] | heads[1] | alone)
        met = cones.any(np.bincount(row, helps[column], height) > 0) & binding
        if not met.any():
            break
        binding &= ~met
    return binding


@dataclass(frozen=True)
class Found:
    status: str
    value: float
    x: Array
    z: Array


_STATUS = {
    "Solved": "solved",
    "AlmostSolved": "solved",
    "PrimalInfeasible": "impossible",
    "DualInfeasible": "endless",
}


def solved(curve: Any, cost: Array, A: Any, b: Array, kinds: list[Any]) -> Found:
    """minimise cost't + t'(curve)t / 2 subject to b - A t in K, by Clarabel; A by columns."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _ACCURACY
    settings.max_threads = 1
    found = clarabel.DefaultSolver(sp.csc_array(sp.triu(curve)), cost, A, b, kinds, settings).solve()
    return Found(
        _STATUS.get(str(found.status), "unknown"), float(found.obj_val), np.array(found.x), np.array(found.z)
    )
