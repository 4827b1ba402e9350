"""Isolated margin: what else is optimal beside water-filling, in closed form (THEORY 1, Thm 2)."""

import math

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law, Scenarios
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.numerics.tail_integrals import UNIT

_ROUNDING = 1e-12  # relative
_UNTOUCHED = 1e-9  # of a position: an account that need close no more need not be touched
_INSIDE = 8 * UNIT  # of a position: the rounding by which the ends of a range stay inside it


def affine_around(
    event: Event, law: Law | None, level: Array, ignored: float = 0.0, coupled: bool = True
) -> tuple[Array, Array] | None:
    """The leverages (d,), (d,) around each water level between which the expected loss of an account is
    affine in its leverage (Thm 2).

    ignored: only the worst 1 - ignored of the moves count (their tail law; 1: the worst move alone). coupled:
    the tail is that of the total loss; then one asset must be decided, and whatever else is lost must grow
    with the same moves, or None is returned. Kinks are 1 / (move against the position); a level on a kink has
    no interval around it. None if the law's support is not known.
    """
    if law is None:
        return level, level  # optimal for every law: laws with a density everywhere leave no freedom
    low, high = level.copy(), level.copy()
    if ignored > 0 and coupled and (law.scenarios is None or len(event.free_assets) > 1):
        return None
    for k in event.free_assets:
        if law.scenarios is None:
            support = law.support_interval(int(k))
            if support is None or ignored > 0:
                return None
            # The worst move against the side being closed.
            most = support[1] if event.side[k] < 0 else -support[0]
            kink = 1 / most if most > 0 else np.inf
            if level[k] < kink:
                low[k], high[k] = 0.0, kink
            elif support[0] == support[1] and level[k] > kink:
                low[k], high[k] = kink, np.inf
            continue
        against = -event.side[k] * law.moves[:, k]
        if ignored > 0 and coupled and not _grows(_other_loss(event, law), against, law.probability):
            return None
        move = against[_worst(against, law.probability, ignored)]
        kink = 1 / move[move > 0]
        if not (kink == level[k]).any():
            low[k], high[k] = (
                kink[kink < level[k]].max(initial=0.0),
                kink[kink > level[k]].min(initial=np.inf),
            )
    return low, high


def _worst(against: Array, probability: Array, ignored: float) -> Mask:
    """Which moves belong to the worst 1 - ignored, with any part of their probability; ties all belong."""
    possible = probability > 0
    if ignored >= 1:
        return possible & (against == against[possible].max())
    if ignored <= 0:
        return possible
    order = np.argsort(-against, kind="stable")
    before = np.cumsum(probability[order]) - probability[order]
    inside = possible[order] & (before < (1 - ignored) * (1 - _ROUNDING))
    return possible & (against >= against[order][inside].min())


def _other_loss(event: Event, law: Scenarios) -> Array:
    """Loss of the accounts that no allocation changes, (S,) quote currency."""
    m = SymbolsAt(event, law, event.amount_from())
    fixed = event.book.per_account(event.free.astype(float)) == 0
    total = np.zeros(len(law.probability))
    for a, b, argument in m.arguments():
        total += np.maximum(argument[fixed[a:b]], 0.0).sum(axis=0)
    return total


def _grows(loss: Array, against: Array, probability: Array) -> bool:
    """Whether a loss never falls when the move against the side being closed grows."""
    possible = probability > 0
    order = np.lexsort((loss[possible], against[possible]))
    ordered, moves = loss[possible][order], against[possible][order]
    tied = np.diff(moves) == 0
    return bool((np.diff(ordered) >= 0).all() and (np.diff(ordered)[tied] == 0).all())


def one_asset_ranges(event: Event, amount: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Least and most (legs,) contracts that each leg closes at an optimum: leverages of reduced accounts
    anywhere in [low, high] (d,) (Thm 2).

    Not for caps, unless low == high. amount: water-filling. Sums are of differences from it, so that dust
    accounts beside giants keep their digits.
    """
    book = event.book
    least, most = amount.copy(), amount.copy()
    for k in event.free_assets:
        legs = event.free_legs[k]
        if low[k] == high[k]:
            continue
        size, equity = event.size[legs], book.equity[book.account[legs]] / book.price[k]
        left = size - amount[legs]
        movable = size / equity > low[k]
        floor = np.where(movable, np.minimum(low[k] * equity, left), left)
        ceiling = np.where(movable, np.maximum(np.minimum(high[k] * equity, size), left), left)
        # A rounding inside, lest an end lie beyond its kink.
        down, up = (np.maximum(room - _INSIDE * size, 0.0) for room in (left - floor, ceiling - left))
        # What one account leaves more, the others must leave less.
        least[legs] = amount[legs] - np.minimum(up, _others(down))
        most[legs] = amount[legs] + np.minimum(down, _others(up))
    return np.where(least <= _ROUNDING * event.size, 0.0, least), np.minimum(most, event.size)


def fewest_touched(event: Event, least: Array, most: Array) -> Array:
    """An optimal amount (legs,) that reduces as few accounts as can be: those that must be, then those that
    can take most.

    least, most (legs,) as of one_asset_ranges. Exact: one requirement, so that the largest rooms first is the
    fewest.
    """
    amount = least.copy()
    for k in event.free_assets:
        legs = event.free_legs[k]
        room = most[legs] - least[legs]
        order = np.lexsort((-room, least[legs] <= _UNTOUCHED * event.size[legs]))
        missing = max(float(event.required[k]) - math.fsum(least[legs].tolist()), 0.0)
        before = np.cumsum(room[order]) - room[order]
        taken = np.clip(missing - before, 0.0, room[order])
        amount[legs[order]] += np.where(taken > 8 * _INSIDE * event.required[k], taken, 0.0)
        touched = legs[amount[legs] > 0]  # who is spared takes no part of the last digit either
        amount[touched] = clear_exactly(amount[touched], event.size[touched], float(event.required[k]))
    return amount


def _others(values: Array) -> Array:
    """Sum of all the other entries, (n,), without cancelling against a large one."""
    before = np.concatenate(([0.0], np.cumsum(values)[:-1]))
    after = np.concatenate((np.cumsum(values[::-1])[::-1][1:], [0.0]))
    return before + after
