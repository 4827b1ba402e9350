"""Exact clearing: sizes moved by their rounding so that they sum to a requirement to the last bit (§6). numpy
only."""

import math
from fractions import Fraction

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import EventError
from adl_opt.numerics.exact_sums import exact_sum

_FEW = 256  # numbers up to which `math.fsum` is the faster exact sum


def clear_exactly(closed: Array, size: Array, required: float, share: Array | None = None) -> Array:
    """`closed` moved by its own rounding error so that `math.fsum(closed) == required` to the last bit (§6).

    closed, size (n,) with 0 <= closed <= size, required within [0, fsum(size)]; `share` (n,) says in which
    proportion the legs with room take the residual (default: their room). Raises EventError if no
    leg can represent the last part, which needs more than n ulps of required to be wrong.
    """
    closed, required = np.asarray(closed, float).copy(), float(required)
    for _ in range(20):
        residual = _Sum(closed).less(required)
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


class _Sum:
    """The exact sum of floats, some of which change, rounded once when asked for; by `math.fsum` if they are
    few.
    """

    def __init__(self, values: Array) -> None:
        self._few = values.tolist() if len(values) <= _FEW else []
        self._rest = exact_sum(values) if len(values) > _FEW else Fraction(0)

    def less(self, *taken: float) -> float:
        """The sum less these numbers, correctly rounded."""
        if self._rest == 0:
            return math.fsum([*self._few, *(-x for x in taken)])
        return float(self._rest + sum(map(Fraction, self._few)) - sum(map(Fraction, taken)))

    def change(self, before: float, after: float) -> None:
        self._few += [-before, after]


def _last_part(closed: Array, size: Array, required: float) -> Array:
    total = _Sum(closed)
    for _ in range(len(closed) + 3):
        if total.less() == required:
            return closed
        residual = total.less(required)
        fits = np.flatnonzero((closed - residual >= 0) & (closed - residual <= size))
        # Prefer legs closed in part, then the largest: the difference is nothing to it, and to a dust account
        # it may be much.
        untouched = (closed[fits] == 0) | (closed[fits] == size[fits])
        fits = fits[np.lexsort((-closed[fits], untouched))]
        for leg in fits[:64]:
            after = closed[leg] - residual
            if total.less(closed[leg], -after) == required:
                closed[leg] = after
                return closed
        # No leg can take it all: those with most room are used up, then the next takes what it can.
        room = closed if residual > 0 else size - closed
        order = np.argsort(-room, kind="stable")
        used = order[: int(np.searchsorted(np.cumsum(room[order]), abs(residual)))]
        if used.size and room[used[0]] > 0:
            closed[used] = 0.0 if residual > 0 else size[used]
            total = _Sum(closed)
            continue
        leg = int(order[0])
        moved = min(max(closed[leg] - residual, 0.0), size[leg])
        if moved == closed[leg]:
            moved = min(max(np.nextafter(closed[leg], -np.inf if residual > 0 else np.inf), 0.0), size[leg])
        if moved == closed[leg]:
            break
        total.change(closed[leg], moved)
        closed[leg] = moved
    raise EventError(
        f"the closed sizes miss the requirement {required!r} by {_Sum(closed).less(required):.3g} and no "
        "leg can represent the "
        "difference: sizes and requirement differ by more digits than a float has (§6)"
    )
