"""Formulas by hand, for claims and tests: lines of numpy that use nothing of the library's symbols, laws or
objectives.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import TINY, Array, Mask
from adl_opt.data.event import Event
from adl_opt.laws.base import Law
from adl_opt.waterfill.level import water_level


def left(event: Event, amount: Array) -> Array:
    """Notional (n, d) left of accounts that hold a leg in each of d assets, after closing amount (legs,)."""
    book = event.book
    contracts = book.position - np.sign(book.position) * amount
    return (contracts * book.price[book.asset]).reshape(len(book.equity), -1)


def leverages(event: Event, amount: Array | float = 0.0) -> Array:
    """Leverage (n,) of isolated accounts in one asset after closing amount (legs,)."""
    return (event.size - amount) * event.book.price[0] / event.book.equity


def inside(event: Event, amount: Array) -> Mask:
    """Legs (legs,) that are closed in part: a thousandth of the position or more is closed, and is left."""
    return (amount > 1e-3 * event.size) & (amount < (1 - 1e-3) * event.size)


def losses(event: Event, amount: Array, moves: Array) -> Array:
    """The total loss (S,) of isolated accounts in one asset after closing amount (legs,), in moves (S,)."""
    return np.maximum(-np.multiply.outer(moves, left(event, amount)[:, 0]) - event.book.equity, 0.0).sum(
        axis=1
    )


def spread(event: Event, amount: Array, covariance: ArrayLike) -> tuple[Array, Array]:
    """Equities (n,), and standard deviations (n,) of the notional left under a covariance (d, d) of moves."""
    held = left(event, amount)
    return event.book.equity, np.maximum(np.sqrt(((held @ np.array(covariance)) * held).sum(axis=1)), TINY)


def normal_loss(event: Event, amount: Array, covariance: ArrayLike) -> float:
    """Expected loss under normal moves: sum s phi(z) - E Phi(-z), z = E / s."""
    equity, s = spread(event, amount, covariance)
    z = np.minimum(equity / s, 40.0)  # beyond it nothing is left in a float
    beyond = np.array([math.erfc(x / 2**0.5) / 2 for x in z])
    return float(s @ np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) - equity @ beyond)


def student_loss(event: Event, amount: Array, covariance: ArrayLike) -> float:
    """Expected loss under Student t moves with 3 degrees of freedom, whose scale matrix is a third of the
    covariance: sum s sqrt(3) / pi (1 - u arccot u), u = E / s / sqrt(3).
    """
    equity, deviation = spread(event, amount, covariance)
    u = equity / deviation
    return float(deviation @ (1 - u * np.arctan2(1, u)) / np.pi)


def law_loss(event: Event, amount: Array, law: Law) -> float:
    """Expected loss as a law itself tells it of each account."""
    return float(law.expected_shortfall(left(event, amount), event.book.equity).sum())


def least_whole_loss(event: Event, law: Law) -> float:
    """The least expected loss of isolated shorts in one asset that close whole contracts: a sum of convex
    functions, so those that save most are the ones to close, account after account or not.
    """
    exposure = -np.arange(event.size.max() + 1)[:, None] * event.book.price[0]
    loss = [law.expected_shortfall(exposure, np.full(len(exposure), equity)) for equity in event.book.equity]
    saved = np.concatenate([np.diff(f[: int(size) + 1]) for f, size in zip(loss, event.size)])
    before = sum(f[int(size)] for f, size in zip(loss, event.size))
    return float(before - np.sort(saved)[::-1][: int(event.required[0])].sum())


def optimal_ends(event: Event, moves: Array) -> Array:
    """Least and most (2, legs) contracts that isolated shorts of one asset close at an optimum of the
    expected loss over `moves` (S,): Thm 2 word for word.

    Leverages may end anywhere between the two kinks 1 / move around the water level.
    """
    size, equity, kink = event.size, event.book.equity / event.book.price[0], 1 / moves[moves > 0]
    level = water_level(size, equity, float(event.required[0]))[0]
    low, high = kink[kink < level].max(initial=0.0) * equity, kink[kink > level].min(initial=np.inf) * equity
    low, high = np.minimum(low, size), np.where(size > low, np.minimum(high, size), size)
    left = size.sum() - event.required[0]
    return size - [np.minimum(high, left - low.sum() + low), np.maximum(low, left - high.sum() + high)]


def above(event: Event, cutoff: float) -> Array:
    """Contracts (legs,) of isolated shorts of one asset that lie above a leverage cutoff."""
    return np.maximum(event.size - cutoff * event.book.equity / event.book.price[0], 0.0)


def cutoff_ends(event: Event, cutoff: float) -> Array | None:
    """Least and most (2, legs) contracts that an optimum closes where nothing below a leverage cutoff is
    touched and anything goes above; None if what lies above does not suffice.
    """
    over, required = above(event, cutoff), event.required[0]
    if over.sum() <= required:
        return None
    return np.array([np.maximum(required - over.sum() + over, 0.0), np.minimum(over, required)])


def apart(event: Event, one: Array, other: Array) -> Array:
    """How far two allocations (..., legs) are apart, leg by leg, of the position."""
    return np.abs(one - other) / np.maximum(event.size, TINY)
