"""Queues, the vertices of the allocations: asset by asset every leg closed whole or not at all but one."""

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event


def queue(event: Event, gain: Array) -> Array:
    """The allocation that is highest in `gain` (legs,), per fraction closed of a whole position (THEORY 6).

    Fractions closed (free legs,): asset by asset the legs that gain most by the contract come first.
    """
    fraction = np.zeros(len(gain))
    by_contract = np.divide(gain, event.held, out=np.zeros_like(gain), where=event.held > 0)
    for k in event.free_assets:
        legs = np.flatnonzero(event.free & (event.book.asset == k))
        order = legs[np.argsort(-by_contract[legs], kind="stable")]
        size = event.size[order]
        fraction[order] = np.clip((event.required[k] - (np.cumsum(size) - size)) / size, 0.0, 1.0)
    return fraction[event.free]


def random_queue(event: Event, rng: np.random.Generator) -> Array:
    """Legs in random order, as fractions closed (free legs,)."""
    return queue(event, rng.normal(size=len(event.held)) * event.held)
