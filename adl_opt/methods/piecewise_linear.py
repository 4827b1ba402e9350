"""Scenarios in one asset, exactly: linear pieces of the expected loss, cheapest first, until the requirement
is met (THEORY 8.4).
"""

import math

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Scenarios
from adl_opt.numerics.exact_clearing import clear_exactly

# Slopes this close to the marginal one, relative to it, are one slope: legs share what is left in proportion.
_TIE = 1e-12


def polish(event: Event, law: Scenarios, amount: Array) -> Array:
    """Each asset decided again with the others held: never worse, clears exactly, and right on dust accounts
    (THEORY 8.4).
    """
    best, value = amount, SymbolsAt(event, law, amount).expected_loss
    for k in event.free_assets:
        candidate = best_in_asset(event, law, best, int(k))
        lower = SymbolsAt(event, law, candidate).expected_loss
        if lower <= value:
            best, value = candidate, lower
    return best


def best_in_asset(event: Event, law: Scenarios, amount: Array, k: int) -> Array:
    """`amount` with the legs of asset k chosen to minimise the expected loss, the others as they are."""
    legs = event.free_legs[k]
    others = amount.copy()
    others[legs] = 0.0
    leg, length, slope = _pieces(event, law, others, legs)
    size, required = event.size[legs], float(event.required[k])
    per_contract = slope / size[leg]
    order = np.argsort(per_contract, kind="stable")
    contracts = length * size[leg]
    reached = np.cumsum(contracts[order])
    marginal = per_contract[order][min(int(np.searchsorted(reached, required)), len(order) - 1)]
    width = _TIE * abs(marginal)
    before, tied = per_contract < marginal - width, np.abs(per_contract - marginal) <= width
    left = required - math.fsum(contracts[before].tolist())
    share = min(max(left / contracts[tied].sum(), 0.0), 1.0)
    # Fractions add up within a leg before its size multiplies them: a leg closed whole is exactly whole.
    closed = length * np.where(before, 1.0, np.where(tied, share, 0.0))
    fraction = np.minimum(np.bincount(leg, closed, len(legs)), 1.0)
    result = amount.copy()
    result[legs] = clear_exactly(fraction * size, size, required)
    return result


def _pieces(event: Event, law: Scenarios, untouched: Array, legs: Index) -> tuple[Index, Array, Array]:
    """(leg number, length in fraction closed, slope in quote currency per fraction) of every linear piece, in
    order within a leg.
    """
    book, weight = event.book, law.probability
    m = SymbolsAt(event, law, untouched)
    position = np.full(len(book.position), -1)
    position[legs] = np.arange(len(legs))
    found: list[tuple[Array, ...]] = []
    for a, b, argument in m.arguments():
        rows = np.arange(len(position))[m.legs_of(a, b)]
        rows = rows[position[rows] >= 0]
        if not rows.size:
            continue
        excess = argument[book.account[rows] - a]
        effect = event.notional[rows, None] * law.moves[:, book.asset[rows[0]]]
        with np.errstate(divide="ignore", invalid="ignore"):
            kink = -excess / effect
        inside = (kink > 0) & (kink < 1)
        kink = np.where(inside, kink, 1.0)
        order = np.argsort(kink, axis=1, kind="stable")
        jump = np.take_along_axis(np.where(inside, effect * weight, 0.0), order, axis=1)
        none = np.zeros((len(rows), 1))
        edges = np.concatenate([none, np.take_along_axis(kink, order, axis=1), none + 1], axis=1)
        # A scenario that closing worsens counts beyond its kink, one that closing eases before it: summed
        # apart, from the ends where they are 0, so that the slopes left by the tail are exact relative to
        # themselves, not to the largest.
        throughout = ~inside & np.where(effect > 0, excess >= 0, excess + effect >= 0)
        worse, eased = (
            np.where(throughout & side, effect * weight, 0.0).sum(axis=1)[:, None]
            for side in (effect > 0, effect < 0)
        )
        rising = np.cumsum(np.maximum(jump, 0.0), axis=1)
        easing = np.cumsum(np.minimum(jump, 0.0)[:, ::-1], axis=1)[:, ::-1]
        slopes = worse + np.concatenate([none, rising], axis=1)
        slopes = slopes + (eased + np.concatenate([easing, none], axis=1))
        lengths = np.diff(edges, axis=1)
        i, j = np.nonzero(lengths > 0)
        found.append((position[rows][i].astype(float), lengths[i, j], slopes[i, j]))
    number, length, slope = (np.concatenate(column) for column in zip(*found))
    return number.astype(np.int64), length, slope
