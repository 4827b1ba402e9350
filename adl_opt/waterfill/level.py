"""The exact water level with caps: everyone above one leverage is brought down to it. numpy only.

`water_level` of one asset, `water_levels` of many. Source: Thm 1; THEORY 1.

>>> level, closed = adl.waterfill.water_level([10.0, 10.0, 10.0], [5.0, 40.0, 2.5], 15.0)
>>> round(level, 4), closed.round(4).tolist()  # 10 / 5 and 10 / 2.5 end at two thirds
(0.6667, [6.6667, 0.0, 8.3333])
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.magnitudes import LEAST, MOST
from adl_opt.errors import EventError
from adl_opt.inputs import holds_truth
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.numerics.exact_sums import exact_sum

_NEAR = 1e-9  # of the capacity: only so near to it is it needed to the last bit
_PIECE, _SAMPLE, _TRIES = 16_384, 50_000, 4
_FEW = 256  # accounts up to which a sort is faster than passes over memory


def water_level(size: Array, equity: Array, required: float, cap: Array | None = None) -> tuple[float, Array]:
    """The common leverage after closing `required`, and what each account closes.

    - `size` (n,) >= 0 and `required` in one unit, such as contracts; `equity` (n,) > 0 in the same unit of
      account, so that size / equity is a leverage (contracts with equity / price will do)
    - `cap` (n,), 0 <= cap <= size: the most that each may close; accounts that would have to close more end
      above the level

    Returns the level (x of equity) and closed (n,), 0 <= closed <= size, with `math.fsum(closed) ==
    required`. Accounts above the level end on it, the others are untouched; equal leverages are reduced in
    proportion to equity. With required = 0 the level is the highest leverage; with required = capacity the
    highest at which all is closed that may be, 0 without a cap. Depths are measured from the account at the
    cut: a reference at the top loses all digits when leverages span many decades. Raises EventError if
    required is negative or above the capacity `math.fsum(size)`, of the caps if there are, or an entry is out
    of its range.

    Source: Campbell et al. (2026), arXiv 2603.15963, Thm 1 and the depth form of THEORY 1.

    >>> adl.waterfill.water_level([4.0, 1.0], [1.0, 1.0], 2.0)  # 4 comes down to 2
    (2.0, array([2., 0.]))
    """
    size, equity = _floats("size", size), _floats("equity", equity)
    required = float(_floats("required", required))
    _check_digits(size, equity)
    most = size if cap is None else _floats("cap", cap)
    level, closed = filled(size, equity, required, None if cap is None else most)
    return level, clear_exactly(closed, most, required, share=equity) if closed.any() else closed


def filled(size: Array, equity: Array, required: float, cap: Array | None = None) -> tuple[float, Array]:
    """`water_level` but for the rounding of the sum: a few passes over memory, no sort.

    What lies above a level is convex in it, so that Newton's method, begun anywhere, comes from below after a
    step and ends at the level after finitely many.
    """
    if size.ndim != 1 or size.shape != equity.shape:
        raise EventError(
            f"size and equity must be arrays of one length, not of shapes {size.shape} and {equity.shape}"
        )
    _check_range(size, equity)
    most = size if cap is None else cap
    if cap is not None and (cap.shape != size.shape or not ((cap >= 0) & (cap <= size)).all()):
        raise EventError(
            "cap must hold the most that each account may close, from 0 to its size, in an array as long "
            "as size"
        )
    if required == 0:
        return (
            max(float((s / e).max()) for _, s, e in _pieces(size, equity)) if size.size else 0.0
        ), np.zeros_like(size)
    if (
        not 0 < required <= float(most.sum()) * (1 - _NEAR)
    ):  # only near its ends is the capacity needed to the last bit
        capacity = float(exact_sum(most))
        if not 0 <= required <= capacity:
            raise EventError(
                f"cannot close {required!r}: the requirement must lie between 0 and the capacity "
                f"{capacity!r} (§7)"
            )
        if required == capacity:
            return 0.0 if cap is None else float(((size - cap) / equity).min()), most.copy()
    if cap is not None:
        return capped_level(size, equity, cap, required)
    if len(size) <= _FEW:
        level, closed = sorted_levels(size[None], equity[None], np.array([required]))
        return float(level[0]), closed[0]
    reference, below = _cut(size, equity, required)
    # From the account at the cut, not from the level: a difference of nearby leverages is exact, and what
    # lies below the cut is small.
    closed, spare = np.empty_like(size), np.empty(_PIECE)
    for a, s, e in _pieces(size, equity):
        part = np.divide(s, e, out=spare[: len(s)])
        part -= reference
        part += below
        part *= e
        np.clip(part, 0.0, s, out=closed[a : a + len(s)])
    return max(reference - below, 0.0), closed


def water_levels(
    size: Array, equity: Array, required: Array, cap: Array | None = None
) -> tuple[Array, Array]:
    """`water_level` of K assets that m accounts each hold.

    `size`, `equity`, `cap` (K, m) and `required` (K,), as there. Returns level (K,) and closed (K, m).

    >>> size, equity = np.array([[4.0, 1.0], [3.0, 3.0]]), np.ones((2, 2))
    >>> level, closed = adl.waterfill.water_levels(size, equity, np.array([2.0, 2.0]))
    >>> level.tolist(), closed.tolist()
    ([2.0, 2.0], [[2.0, 0.0], [1.0, 1.0]])
    """
    inside = (required > 0) & (required < size.sum(axis=1) * (1 - _NEAR))
    plain = (
        cap is None
        and size.shape[1] <= _FEW
        and (size >= 0).all()
        and ((equity > 0) & np.isfinite(equity)).all()
    )
    level, closed = np.empty(len(size)), np.empty_like(size)
    for k in np.flatnonzero(~inside) if plain else range(len(size)):
        level[k], closed[k] = water_level(
            size[k], equity[k], float(required[k]), None if cap is None else cap[k]
        )
    if plain and inside.any():
        level[inside], closed[inside] = sorted_levels(size[inside], equity[inside], required[inside])
        for k in np.flatnonzero(inside):
            if math.fsum(closed[k].tolist()) != required[k]:
                closed[k] = clear_exactly(closed[k], size[k], float(required[k]), share=equity[k])
    return level, closed


def sorted_levels(size: Array, equity: Array, required: Array) -> tuple[Array, Array]:
    """`filled` of K assets that m accounts each hold, by a sort of each row; 0 < required (K,) < sums of size
    (K, m).
    """
    leverage = size / equity
    order = np.argsort(-leverage, axis=1, kind="stable")
    top, weights = (
        np.take_along_axis(leverage, order, 1),
        np.cumsum(np.take_along_axis(equity, order, 1), axis=1),
    )
    # What lies above each account's leverage, summed from the top.
    depth = np.zeros_like(size)
    np.cumsum(weights[:, :-1] * (top[:, :-1] - top[:, 1:]), axis=1, out=depth[:, 1:])
    cut = (depth <= required[:, None]).sum(axis=1) - 1
    row = np.arange(len(size))
    below = (required - depth[row, cut]) / weights[row, cut]
    reference = top[row, cut]
    closed = np.clip((leverage - reference[:, None] + below[:, None]) * equity, 0.0, size)
    return np.maximum(reference - below, 0.0), closed


def _cut(size: Array, equity: Array, required: float) -> tuple[float, float]:
    """(reference, below): the level is `below` under the lowest leverage above it, measured from there.

    About the level by Newton's method (what lies above a level is convex in it, so that it comes from below
    after a step), then exactly among the few accounts near it.
    """
    level = _sampled_level(size, equity, required)
    level = _newton(size, equity, required, level)
    width = 2e-3
    for tries in range(_TRIES + 1):
        low, high = level * (1 - width), level * (1 + width)
        volume, weight, leverage, own = _around(size, equity, low, high)
        order = np.argsort(-leverage, kind="stable")
        top, weights = np.append(high, leverage[order]), weight + np.cumsum(np.append(0.0, own[order]))
        depth = volume + np.cumsum(np.append(0.0, weights[:-1] * (top[:-1] - top[1:])))
        at_low = depth[-1] + weights[-1] * (top[-1] - low)
        if depth[0] <= required <= at_low or (low == 0 and required >= depth[0]):
            break
        if tries == _TRIES:
            raise EventError(_lost_in_rounding(size, equity, required))
        if tries == _TRIES - 1:  # Newton's method moves by rounding: all accounts, sorted
            level, width = max(float((s / e).max()) for _, s, e in _pieces(size, equity)), 1.0
            continue
        for _ in range(2):  # from below each step comes nearer, and few are left to pass
            level = _newton(size, equity, required, level)
    cut = int(np.searchsorted(depth, required, side="right")) - 1
    if weights[cut] == 0:  # nobody above: the highest is the reference
        cut += 1
    return float(top[cut]), float((required - depth[cut]) / weights[cut])


def _lost_in_rounding(size: Array, equity: Array, required: float) -> str:
    with np.errstate(over="ignore"):
        leverage = size / equity
    first = int(np.argmax(leverage))
    return (
        f"no water level is found for the requirement {required!r}: leverages go up to "
        f"{leverage[first]:.6g}, of entry number {first + 1} "
        f"with size {size[first]:.6g} on equity {equity[first]:.6g}, beyond what floats sum; leave that "
        "entry out, or use other units"
    )


def _newton(size: Array, equity: Array, required: float, level: float) -> float:
    """A better level; 0 if nobody is above `level`."""
    volumes, weights, spare = [], [], np.empty(_PIECE)
    for _, s, e in _pieces(size, equity):
        above = np.multiply(e, -level, out=spare[: len(s)])
        above += s
        on = (above > 0).astype(float)
        volumes.append(float(np.dot(above, on)))
        weights.append(float(np.dot(e, on)))
    weight = math.fsum(weights)
    return max(level + (math.fsum(volumes) - required) / weight, 0.0) if weight > 0 else 0.0


def _around(size: Array, equity: Array, low: float, high: float) -> tuple[float, float, Array, Array]:
    """(what lies above `high`, equity of the accounts there, leverages in [low, high], their equities)."""
    volumes, weights, spare = [], [], np.empty(_PIECE)
    leverages, equities = [np.zeros(0)], [np.zeros(0)]
    for _, s, e in _pieces(size, equity):
        leverage = np.divide(s, e, out=spare[: len(s)])
        near = np.flatnonzero((leverage >= low) & (leverage <= high))
        if near.size:
            leverages.append(leverage[near])
            equities.append(e[near])
        leverage -= high
        on = (leverage > 0).astype(float)
        leverage *= on
        volumes.append(float(np.dot(leverage, e)))
        weights.append(float(np.dot(on, e)))
    return math.fsum(volumes), math.fsum(weights), np.concatenate(leverages), np.concatenate(equities)


def _sampled_level(size: Array, equity: Array, required: float) -> float:
    """About the level, from some of the accounts: where to begin."""
    stride = max(1, len(size) // _SAMPLE)
    s, e = size[::stride], equity[::stride]
    leverage = s / e
    order = np.argsort(-leverage, kind="stable")
    top, weight = leverage[order], np.cumsum(e[order])
    volume = np.concatenate(([0.0], np.cumsum(weight[:-1] * (top[:-1] - top[1:]))))
    share = required * float(s.sum() / size.sum())
    cut = int(np.searchsorted(volume, share, side="right")) - 1
    return max(float(top[cut] - (share - volume[cut]) / weight[cut]), 0.0)


def _pieces(size: Array, equity: Array) -> Iterator[tuple[int, Array, Array]]:
    """(start, sizes, equities) of pieces that stay in the cache."""
    return ((a, size[a : a + _PIECE], equity[a : a + _PIECE]) for a in range(0, len(size), _PIECE))


def _check_range(size: Array, equity: Array) -> None:
    if all(
        s.min() >= 0 and e.min() > 0 and s.max() < np.inf and e.max() < np.inf
        for _, s, e in _pieces(size, equity)
    ):
        return
    for name, values, legal in (("size", size, size >= 0), ("equity", equity, equity > 0)):
        bad = ~(legal & np.isfinite(values))
        if bad.any():
            first = int(np.argmax(bad))
            wanted = "at least 0" if name == "size" else "positive"
            raise EventError(
                f"{bad.sum()} of {len(bad)} entries of {name} are not finite and {wanted}, first number "
                f"{first + 1}: {values[first]:.6g}"
            )


def _floats(name: str, values: object) -> Array:
    try:
        given = np.asarray(values)
        floats = given.astype(float) if given.dtype.kind in "iuf" and not holds_truth(values) else None
    except ValueError:  # lists of several lengths
        floats = None
    if floats is None or (name == "required" and floats.ndim):
        raise EventError(
            f"{name} must be {'a number' if name == 'required' else 'an array of numbers'}, not "
            f"{str(values)[:40]!r}"
        )
    return floats


def _check_digits(size: Array, equity: Array) -> None:
    """Sizes and leverages whose squares floats hold: what the entries of a Book keep to."""
    if size.shape != equity.shape:
        return
    with np.errstate(all="ignore"):
        for name, values in (("size", size), ("size / equity", size / equity)):
            bad = (size > 0) & (equity > 0) & ~((values >= LEAST) & (values <= MOST))
            if bad.any():
                first = int(np.argmax(bad))
                raise EventError(
                    f"{bad.sum()} of {len(bad)} entries of {name} are above {MOST:g} or below {LEAST:g}, "
                    f"first number {first + 1}: "
                    f"{values[first]:.6g}; leave it out, or use other units"
                )


def clipped_level(low: Array, high: Array, equity: Array, total: float) -> tuple[float, Array]:
    """(level, amounts (n,)) with amounts = clip(level x equity, low, high) summing to total, low <= high (n,)
    in quote currency, equity > 0.
    """
    edges = np.sort(np.concatenate([low / equity, high / equity]))
    # The sum is piecewise linear in the level: find its piece by bisection over the edges, then interpolate.
    first, last = 0, len(edges) - 1
    for _ in range(len(edges).bit_length()):
        if last - first <= 1:
            break
        middle = (first + last) // 2
        if np.clip(edges[middle] * equity, low, high).sum() <= total:
            first = middle
        else:
            last = middle
    ends = [float(np.clip(edges[i] * equity, low, high).sum()) for i in (first, last)]
    share = min(max((total - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0) if ends[1] > ends[0] else 0.0
    level = float(edges[first] + share * (edges[last] - edges[first]))
    return level, np.clip(level * equity, low, high)


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
        if _closed_at(start - edges[middle], equity, cap).sum() <= required:
            high = middle
        else:
            low = middle
    # From the nearest edge, not from the level: a difference of nearby leverages is exact.
    depth = start - edges[high]
    moving = (depth >= 0) & (stop <= edges[low])
    weight = float(equity[moving].sum())
    # Where nobody moves between the two edges, what is left of the requirement is rounding.
    below = (required - float(_closed_at(depth, equity, cap).sum())) / weight if weight > 0 else 0.0
    return float(max(edges[high] - below, edges[low])), _closed_at(depth + below, equity, cap)


def _closed_at(depth: Array, equity: Array, cap: Array) -> Array:
    return np.clip(depth * equity, 0.0, cap)
