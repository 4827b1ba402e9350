"""What rounding or an interior point touches is not closed: legs clearly off the price go to their end.

A leg that saves less a contract than the price should close nothing, one that saves more should close all; an
interior point leaves each a little from its end (THEORY 6, 8.4). Prices that prove nearly as well as the best
one form an interval. A leg is clearly off where what it saves lies outside, and goes to its end where it is
much nearer to that, as a fraction of its position, than its saving is to the price, as a fraction of it. The
others clear again, at one price where it matters; where less would be proved, all stays as it was. numpy
only.
"""

from collections.abc import Iterable
from operator import itemgetter

import numpy as np

from adl_opt.arrays import TINY, Array, Index, Mask
from adl_opt.certificates.assess import TIGHT, assess
from adl_opt.certificates.certificate import TOLERANCE, Evidence, Proof
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.hooks import minorant_of
from adl_opt.waterfill.level import clipped_level

_ROUNDING = 1e-12  # relative: changes of slopes, and rises of a value, below it are none
_STRAIGHT = 0.1  # relative: a slope that changes by more has no use for the secant
_NEAR = (1e-6, 1e-9)  # fractions tried where an objective has no slopes: its value decides
# A leg goes to its end where it is so much nearer to it than to the price, or nearer than a fraction of its
# position; the next where one proves less.
_TRIED = ((1e-2, 1e-6), (1e-2, 0.0), (1e-4, 0.0))


def assess_at_ends(
    objective: Objective,
    event: Event,
    law: Law | None,
    amount: Array,
    evidence: Evidence | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[Array, Proof]:
    """(amount (legs,) contracts, its proof): what rounding touches at its end, cleared and proved again.

    As it came where that proves less. evidence: as for `assess`. An objective without slopes sends legs next
    to their ends there where its value does not rise.
    """
    if not event.free.any():
        return amount, assess(objective, event, law, amount, evidence, tolerance)
    dual = Dual() if evidence is None else evidence.dual
    m = SymbolsAt(event, law, amount)
    duals = (dual, Dual()) if dual else (dual,)
    supports = [(each, below) for each in duals if (below := minorant_of(objective, m, each)) is not None]
    if not supports:
        return _by_value(objective, event, law, amount, evidence, tolerance)
    found = [(*_markets(event, amount, below), each, below) for each, below in supports]
    gap, markets, dual, below = min(found, key=itemgetter(0))
    if evidence is not None and evidence.conic_bound is not None:
        gap = min(gap, max(evaluate(objective, m) - evidence.conic_bound, 0.0))
    last = amount
    for closer, within in _TRIED:
        moved = _at_ends(event, amount, markets, gap, closer, within)
        if (moved == last).all():
            continue
        last = moved
        after = minorant_of(objective, SymbolsAt(event, law, moved), dual)
        if after is not None and _markets(event, moved, after)[0] > 2 * gap:  # else a step gains nothing
            moved = evened(event, amount, below, moved, after)
        proof = assess(objective, event, law, moved, evidence, tolerance)
        if _as_well(proof, gap, tolerance):
            return moved, proof
    return amount, assess(objective, event, law, amount, evidence, tolerance)


def _as_well(proof: Proof, gap: float, tolerance: float) -> bool:
    """Whether what is proved is as good as this gap, in the objective's unit, or no gap to speak of."""
    c = proof.certificate
    allowed = max(gap, TIGHT * min(1.0, tolerance / TOLERANCE) * abs(c.value))
    return c.certified and c.bound is not None and c.value - c.bound <= allowed


class Market:
    """The legs to decide of one asset, what a contract of each saves, and the price at which they prove most.

    The gap at a price is the sum of (price - dear)^+ closed + (cheap - price)^+ left: convex, piecewise
    linear (THEORY 6). legs (F,); size, closed, left (F,) contracts; cheap, dear (F,): what one more contract
    saves, what the last one saved, and price, quote currency per contract.
    """

    def __init__(self, event: Event, amount: Array, below: Minorant, k: int) -> None:
        self.k, self.legs = k, event.free_legs[k]
        self.size, self.closed = event.size[self.legs], amount[self.legs]
        self.left = self.size - self.closed
        held = event.held[self.legs]
        self.cheap, self.dear = -below.high[self.legs] / held, -below.low[self.legs] / held
        at, turns = np.concatenate([self.dear, self.cheap]), np.concatenate([self.closed, self.left])
        order = np.argsort(at, kind="stable")
        self._at = at[order]
        # Slope of the gap left of the first, between, and right of the last of these prices.
        self._rise = np.concatenate([[0.0], np.cumsum(turns[order])]) - self.left.sum()
        self._best = min(int(np.searchsorted(self._rise[1:], 0.0)), len(at) - 1)
        self.price = float(self._at[self._best])

    @property
    def gap(self) -> float:
        late, early = np.maximum(self.price - self.dear, 0.0), np.maximum(self.cheap - self.price, 0.0)
        return float(late @ self.closed + early @ self.left)

    def prices(self, allowed: float) -> tuple[float, float]:
        """Least and most of the prices that prove a gap larger than `gap` by `allowed` at most."""
        at, rise, best = self._at, self._rise, self._best
        down = _reach(-at[best::-1], -rise[best::-1], allowed)
        return -down, _reach(at[best:], rise[best + 1 :], allowed)


def _markets(event: Event, amount: Array, below: Minorant) -> tuple[float, list[Market]]:
    """(the gap that these slopes prove, quote currency, asset by asset)."""
    markets = [Market(event, amount, below, int(k)) for k in event.free_assets]
    return below.slack + sum(market.gap for market in markets), markets


def _reach(at: Array, slope: Array, allowed: float) -> float:
    """How far a function goes from at[0] until it has risen by `allowed`, its slope slope[j] beyond at[j]."""
    slope = np.maximum(slope, 0.0)  # below 0 by rounding alone
    risen = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(at))])
    j = int(np.searchsorted(risen, allowed, side="right")) - 1
    return float(at[j] + (allowed - risen[j]) / slope[j]) if slope[j] > 0 else float(at[j])


def _at_ends(
    event: Event, amount: Array, markets: list[Market], gap: float, closer: float, within: float
) -> Array:
    """`amount` (legs,) with legs clearly off the price, or next to an end, at their ends, clearing exactly.

    gap: how far all is proved from the optimum, quote currency.
    """
    found = amount.copy()
    for market in markets:
        least, most = market.prices(gap)
        inside = (market.closed > 0) & (market.left > 0)
        to_none, to_all = inside & (market.dear < least), inside & (market.cheap > most)
        saves = np.where(to_none, market.dear, market.cheap)
        scale = np.maximum(np.maximum(np.abs(saves), abs(market.price)), TINY)
        off = np.where(to_none | to_all, np.abs(saves - market.price) / scale, 0.0)
        more = np.where(off > 0, to_all, market.left < market.closed)  # towards which end
        near = np.where(more, market.left, market.closed) / market.size
        ends = np.where(more, market.size, 0.0)
        wanted = inside & (((off > 0) & (near <= closer * off)) | (near <= within))
        going = _that_clear(market, ends, np.flatnonzero(wanted), off, inside)
        if going.size:
            there = market.closed.copy()
            there[going] = ends[going]
            found[market.legs] = clear_exactly(there, market.size, float(event.required[market.k]))
    return found


def _that_clear(market: Market, ends: Array, going: Index, off: Array, inside: Mask) -> Index:
    """Those of the legs `going`, the furthest off first, whose way the others inside can make good."""
    order = going[np.argsort(-off[going], kind="stable")]
    more = np.cumsum(market.closed[order] - ends[order])  # contracts that the others must close instead
    up = market.left[inside].sum() - np.cumsum(market.left[order])
    down = market.closed[inside].sum() - np.cumsum(market.closed[order])
    fits = np.flatnonzero((more <= up) & (-more <= down))
    return order[: int(fits[-1]) + 1] if fits.size else order[:0]


def evened(event: Event, before: Array, below: Minorant, amount: Array, after: Minorant) -> Array:
    """`amount` (legs,) with the legs closed in part at one price again, asset by asset, clearing exactly.

    A step of the secant method from `before`, each leg by itself. below, after: the objective's slopes at
    `before` and at `amount`. A leg that went to an end where it is on the wrong side of the price comes back;
    one whose slope has not changed, or by so much that it is no line, stays.
    """
    found = amount.copy()
    for k in event.free_assets:
        legs = event.free_legs[k]
        size, held, there = event.size[legs], event.held[legs], amount[legs]
        saved, saves, change = -below.high[legs] / held, -after.high[legs] / held, there - before[legs]
        fall, scale = saved - saves, np.maximum(np.abs(saved), np.abs(saves))
        told = (np.abs(fall) > _ROUNDING * scale) & (np.abs(fall) < _STRAIGHT * scale) & (fall * change > 0)
        # Contracts that a leg closes more if the price falls by 1; not where slopes are next to nothing.
        with np.errstate(over="ignore"):
            give = np.divide(change, fall, out=np.zeros_like(fall), where=told)
        told &= np.isfinite(give)
        moving = told & (there > 0) & (there < size)
        if not moving.any():
            continue
        price = float((give * saves)[moving].sum() / give[moving].sum())
        moving |= told & np.where(there > 0, saves < price, saves > price)
        # What each would close if the price were 0, and the price at which they close as much as now.
        free, slope, room = (there + give * saves)[moving], give[moving], size[moving]
        step = clipped_level(-free, room - free, slope, float((there[moving] - free).sum()))[1]
        there[moving] = np.clip(free + step, 0.0, room)
        found[legs] = clear_exactly(there, size, float(event.required[k]))
    return found


def _by_value(
    objective: Objective,
    event: Event,
    law: Law | None,
    amount: Array,
    evidence: Evidence | None,
    tolerance: float,
) -> tuple[Array, Proof]:
    proof = assess(objective, event, law, amount, evidence, tolerance)
    c = proof.certificate
    gap = np.inf if c.bound is None else c.value - c.bound
    for moved in _nearby(event, amount):
        if evaluate(objective, SymbolsAt(event, law, moved)) <= c.value + _ROUNDING * abs(c.value):
            again = assess(objective, event, law, moved, evidence, tolerance)
            if _as_well(again, gap, tolerance) or not c.certified:
                return moved, again
    return amount, proof


def _nearby(event: Event, amount: Array) -> Iterable[Array]:
    """`amount` with the legs next to an end there, clearing exactly; nearer and nearer ones."""
    share = amount / np.where(event.size > 0, event.size, 1.0)
    for near in _NEAR:
        none, whole = (event.free & (x > 0) & (x <= near) for x in (share, 1 - share))
        if not (none | whole).any():
            return
        moved = np.where(none, 0.0, np.where(whole, event.size, amount))
        for k in event.free_assets:
            legs = event.free & (event.book.asset == k)
            moved[legs] = clear_exactly(moved[legs], event.size[legs], float(event.required[k]))
        yield moved
