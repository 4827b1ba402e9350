"""The knapsack: the least that an affine minorant takes over all allocations, asset by asset, and the prices
that prove it (THEORY 6).
"""

import math

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.numerics.groups import row_sums


def knapsack(event: Event, m: SymbolsAt, below: Minorant) -> tuple[float, Array]:
    """(gap, price): how far the minimum of an affine minorant over all allocations lies below the value at
    `m`, and the prices (d,) that prove it, quote currency per contract (THEORY 6). Exact, asset by asset; no
    solver.
    """
    gaps, prices = np.zeros(len(event.side)), np.full(len(event.side), np.nan)
    for some, legs in event.free_legs.batches(event.free_assets):  # (K,) assets, (K, m) legs
        size, closed = event.size[legs], m.amount[legs]
        held = event.held[legs] if event.capped else size
        cheap, dear = -below.high[legs] / held, -below.low[legs] / held  # what a contract of the leg saves
        left = size - closed
        at = np.concatenate([dear, cheap], axis=1)
        order = np.argsort(at, axis=1, kind="stable")
        # Derivative of the gap in the price: closed legs that save less cost, open legs that save more cost.
        moved = np.take_along_axis(np.concatenate([closed, left], axis=1), order, 1)
        tilt = np.cumsum(moved, axis=1) - row_sums(left)[:, None]
        place = np.minimum((tilt < 0).sum(axis=1), at.shape[1] - 1)
        price = at[np.arange(len(at)), order[np.arange(len(at)), place]]
        charged = (
            np.maximum(price[:, None] - dear, 0.0) * closed + np.maximum(cheap - price[:, None], 0.0) * left
        )
        gaps[some] = row_sums(charged) + price * (event.required[some] - row_sums(closed))
        prices[some] = price
    return math.fsum([below.slack, *gaps.tolist()]), prices


def one_sided(event: Event, m: SymbolsAt, below: Minorant | None, price: Array) -> Array:
    """Prices where the requirement is 0 (what the first contract would save) or the capacity (what the last
    one saved).
    """
    price = price.copy()
    if below is None or not below.one_sided:
        return price
    for k in np.setdiff1d(np.flatnonzero(event.side), event.free_assets):
        legs = event.closable_legs[k]
        if not legs.size:
            continue
        if event.required[k] == 0:
            price[k] = (-below.high[legs] / event.held[legs]).max()
        else:
            price[k] = (-below.low[legs] / event.held[legs]).min()
    return price
