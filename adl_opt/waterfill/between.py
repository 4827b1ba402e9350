"""Water-filling between a lower and an upper end of what each leg closes, and under caps on what nested or
disjoint groups close together (THEORY 11.3). numpy only.
"""

from collections.abc import Sequence

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.event import Event
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.waterfill.level import clipped_level

_ROUNDING = 1e-12  # relative: ends, and caps of groups, that are missed by less are met


def fill_between(
    event: Event, low: Array, high: Array, caps: Sequence[tuple[Index, float]] = ()
) -> Array | None:
    """What each leg closes, (legs,) contracts, low <= closed <= high (legs,), as level as can be: isolated
    margin. None where no allocation holds all of this, or the groups cross.

    caps: [(legs, the most that they close together, contracts)], where one asset is to decide.

    What stays of each position is clip(level x equity, held - high, held - low): optimal in every scenario,
    the proof of Thm 1 with both ends. A group that would close more than its cap closes its cap, level
    inside; the level of the others then falls, so that no other group is undone.
    """
    room = _ROUNDING * event.held
    if ((low > high + room) & event.closable).any() or ((low > room) & ~event.closable).any():
        return None
    whole = event.closable & ~event.free & (event.fixed_fraction > 0)
    if (event.size[whole] > high[whole] + room[whole]).any():
        return None
    if ((low > room) & event.closable & ~event.free & ~whole).any():
        return None
    groups = [(frozenset(legs.tolist()), cap) for legs, cap in caps]
    if any(a & b and not (a <= b or b <= a) for a, _ in groups for b, _ in groups):
        return None
    amount = event.amount_from()
    for k in event.free_assets:
        legs = event.free_legs[k]
        ends = np.minimum(low, high)[legs], high[legs]
        found = _filled(event, legs, *ends, float(event.required[k]), groups)
        if found is None:
            return None
        amount[legs] = found
    return amount


def _filled(
    event: Event,
    legs: Index,
    low: Array,
    high: Array,
    total: float,
    groups: list[tuple[frozenset[int], float]],
) -> Array | None:
    """Closed (m,) of `legs`, all of one asset and summing to `total`; None where that cannot be."""
    book = event.book
    contracts = book.equity[book.account[legs]] / book.price[book.asset[legs]]
    number = {leg: place for place, leg in enumerate(legs.tolist())}
    inner: dict[frozenset[int], float] = {}  # places of the members -> the least cap said of them
    for members, cap in groups:
        places = frozenset(number[leg] for leg in members if leg in number)
        if places:
            inner[places] = min(cap, inner.get(places, cap))
    masks = [(np.isin(np.arange(len(legs)), list(places)), cap) for places, cap in inner.items()]
    masks.sort(key=lambda group: int(group[0].sum()))
    return _level(event.held[legs], contracts, low, high, total, masks)


def _level(
    held: Array, contracts: Array, low: Array, high: Array, total: float, groups: list[tuple[Mask, float]]
) -> Array | None:
    """groups: smallest first, nested or disjoint."""
    slack = _ROUNDING * max(total, float(held.max(initial=0.0)))
    if not low.sum() - slack <= total <= high.sum() + slack:
        return None
    full = np.zeros(len(groups), bool)  # groups that close their cap
    while True:
        outermost = _outermost(groups, full)
        inside = np.any([np.zeros(len(held), bool), *(mask for mask, _ in outermost)], axis=0)
        left = total - sum(cap for _, cap in outermost)
        closed, outside = np.zeros(len(held)), ~inside
        if not low[outside].sum() - slack <= left <= high[outside].sum() + slack:
            return None
        if outside.any():
            stays = clipped_level(
                (held - high)[outside], (held - low)[outside], contracts[outside],
                float(held[outside].sum()) - left,
            )[1]  # fmt: skip
            closed[outside] = held[outside] - stays
        for mask, cap in outermost:  # the sum of its members is what counts outside
            closed[mask] = cap / mask.sum()
        over = _over(groups, closed, full, slack)
        if not over.any():
            break
        full |= over
    for mask, cap in outermost:
        smaller = [(m[mask], c) for m, c in groups if (m & mask).any() and m.sum() < mask.sum()]
        part = _level(held[mask], contracts[mask], low[mask], high[mask], cap, smaller)
        if part is None:
            return None
        closed[mask] = part
    return clear_exactly(np.clip(closed, low, high), high, total)


def _outermost(groups: list[tuple[Mask, float]], full: Mask) -> list[tuple[Mask, float]]:
    """The full groups that lie in no other full one."""
    chosen = [groups[j] for j in np.flatnonzero(full)]
    return [
        (mask, cap)
        for j, (mask, cap) in enumerate(chosen)
        if not any(k != j and (mask & ~other).sum() == 0 and (mask.sum() < other.sum() or k < j)
                   for k, (other, _) in enumerate(chosen))
    ]  # fmt: skip


def _over(groups: list[tuple[Mask, float]], closed: Array, full: Mask, slack: float) -> Mask:
    """Groups that would close more than their cap, what smaller groups inside them cannot close left out."""
    over = np.zeros(len(groups), bool)
    most = closed.copy()
    for j, (mask, cap) in enumerate(groups):  # smallest first
        if full[j]:
            continue
        together = float(most[mask].sum())
        if together > cap + slack:
            over[j] = True
            most[mask] *= cap / together
    return over
