"""Formulas by hand, for claims and tests: lines of numpy that use nothing of the library's symbols, laws or
objectives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import TINY, Array, Mask
from adl_opt.data.event import Event
from adl_opt.laws.base import Law
from adl_opt.waterfill.level import water_level


def left(event: Event, amount: Array) -> Array:
    """Notional left (n, d), quote currency, of accounts that hold a leg in each of d assets.

    `amount` (legs,): contracts closed.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
    >>> adl.examples.left(event, np.array([5.0, 0.0])).tolist()
    [[-500.0], [-1000.0]]
    """
    book = event.book
    contracts = book.position - np.sign(book.position) * amount
    return (contracts * book.price[book.asset]).reshape(len(book.equity), -1)


def leverages(event: Event, amount: Array | float = 0.0) -> Array:
    """Leverage (n,), x of equity, of isolated accounts in one asset.

    `amount` (legs,): contracts closed, none by default.

    >>> adl.examples.leverages(adl.examples.shorts([10, 10], [500, 4000], 5, price=100)).tolist()
    [2.0, 0.25]
    """
    return (event.size - amount) * event.book.price[0] / event.book.equity


def inside(event: Event, amount: Array) -> Mask:
    """Legs (legs,) that are closed in part: a thousandth of the position or more is closed, and is left.

    `amount` (legs,): contracts closed.

    >>> adl.examples.inside(adl.examples.shorts([10, 10], [500, 4000], 5), np.array([5.0, 0.0])).tolist()
    [True, False]
    """
    return (amount > 1e-3 * event.size) & (amount < (1 - 1e-3) * event.size)


def losses(event: Event, amount: Array, moves: Array) -> Array:
    """The total loss beyond equity (S,), quote currency, of isolated accounts in one asset.

    `amount` (legs,): contracts closed; `moves` (S,): relative moves.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
    >>> adl.examples.losses(event, np.array([5.0, 0.0]), np.array([0.1, 2.0])).tolist()
    [0.0, 500.0]
    """
    return np.maximum(-np.multiply.outer(moves, left(event, amount)[:, 0]) - event.book.equity, 0.0).sum(
        axis=1
    )


def spread(event: Event, amount: Array, covariance: ArrayLike) -> tuple[Array, Array]:
    """Equities (n,), and standard deviations (n,) of the notional left under a covariance (d, d) of moves."""
    held = left(event, amount)
    return event.book.equity, np.maximum(np.sqrt(((held @ np.array(covariance)) * held).sum(axis=1)), TINY)


def normal_loss(event: Event, amount: Array, covariance: ArrayLike) -> float:
    """Expected loss under normal moves, quote currency: `sum s phi(z) - E Phi(-z)`, z = E / s.

    `amount` (legs,): contracts closed; `covariance` (d, d): of the moves.

    Source: THEORY 4.

    >>> event, amount = adl.examples.shorts([10, 10], [500, 4000], 5, price=100), np.array([5.0, 0.0])
    >>> round(adl.examples.normal_loss(event, amount, [[0.09]]), 4)
    0.0168
    """
    equity, s = spread(event, amount, covariance)
    z = np.minimum(equity / s, 40.0)  # beyond it nothing is left in a float
    beyond = np.array([math.erfc(x / 2**0.5) / 2 for x in z])
    return float(s @ np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) - equity @ beyond)


def student_loss(event: Event, amount: Array, covariance: ArrayLike) -> float:
    """Expected loss under Student t moves with 3 degrees of freedom, quote currency.

    `amount` (legs,): contracts closed; `covariance` (d, d): of the moves, whose scale matrix is a third of
    it. The sum of `s sqrt(3) / pi (1 - u arccot u)`, u = E / s / sqrt(3).

    Source: THEORY 4.

    >>> event, amount = adl.examples.shorts([10, 10], [500, 4000], 5, price=100), np.array([5.0, 0.0])
    >>> round(adl.examples.student_loss(event, amount, [[0.09]]), 4)
    1.5381
    """
    equity, deviation = spread(event, amount, covariance)
    u = equity / deviation
    return float(deviation @ (1 - u * np.arctan2(1, u)) / np.pi)


def law_loss(event: Event, amount: Array, law: Law) -> float:
    """Expected loss as a law itself tells it of each account, quote currency.

    `amount` (legs,): contracts closed; `law`: with a closed form for these accounts.

    >>> event, amount = adl.examples.shorts([10, 10], [500, 4000], 5, price=100), np.array([5.0, 0.0])
    >>> round(adl.examples.law_loss(event, amount, adl.Gaussian(0.09)), 4)
    0.0168
    """
    return float(law.expected_shortfall(left(event, amount), event.book.equity).sum())


def least_whole_loss(event: Event, law: Law) -> float:
    """The least expected loss of isolated shorts in one asset that close whole contracts, quote currency.

    A sum of convex functions, so those that save most are the ones to close, account after account or not.

    Source: THEORY 3.7.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
    >>> round(adl.examples.least_whole_loss(event, adl.Gaussian(0.09)), 4)
    0.0168
    """
    exposure = -np.arange(event.size.max() + 1)[:, None] * event.book.price[0]
    loss = [law.expected_shortfall(exposure, np.full(len(exposure), equity)) for equity in event.book.equity]
    saved = np.concatenate([np.diff(f[: int(size) + 1]) for f, size in zip(loss, event.size)])
    before = sum(f[int(size)] for f, size in zip(loss, event.size))
    return float(before - np.sort(saved)[::-1][: int(event.required[0])].sum())


def optimal_ends(event: Event, moves: Array) -> Array:
    """Least and most contracts (2, legs) that isolated shorts of one asset close at an optimum.

    Of the expected loss over `moves` (S,), relative: leverages may end anywhere between the two kinks 1 /
    move around the water level.

    Source: Thm 2, word for word.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.examples.optimal_ends(event, np.array([0.0, 1.0])).tolist()
    [[5.0, 0.0, 7.5], [7.5, 2.5, 10.0]]
    """
    size, equity, kink = event.size, event.book.equity / event.book.price[0], 1 / moves[moves > 0]
    level = water_level(size, equity, float(event.required[0]))[0]
    low, high = kink[kink < level].max(initial=0.0) * equity, kink[kink > level].min(initial=np.inf) * equity
    low, high = np.minimum(low, size), np.where(size > low, np.minimum(high, size), size)
    left = size.sum() - event.required[0]
    return size - [np.minimum(high, left - low.sum() + low), np.maximum(low, left - high.sum() + high)]


def above(event: Event, cutoff: float) -> Array:
    """Contracts (legs,) of isolated shorts of one asset that lie above a leverage cutoff.

    `cutoff`: x of equity.

    >>> adl.examples.above(adl.examples.shorts([10, 10], [500, 4000], 5, price=100), 1.0).tolist()
    [5.0, 0.0]
    """
    return np.maximum(event.size - cutoff * event.book.equity / event.book.price[0], 0.0)


def cutoff_ends(event: Event, cutoff: float) -> Array | None:
    """Least and most contracts (2, legs) that an optimum closes which touches nothing below a cutoff.

    `cutoff`: x of equity; above it anything goes. None if what lies above does not suffice.

    Source: THEORY 2 (cutoff theorem).

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.examples.cutoff_ends(event, 0.5).tolist()
    [[6.25, 0.0, 7.5], [7.5, 0.0, 8.75]]
    """
    over, required = above(event, cutoff), event.required[0]
    if over.sum() <= required:
        return None
    return np.array([np.maximum(required - over.sum() + over, 0.0), np.minimum(over, required)])


def apart(event: Event, one: Array, other: Array) -> Array:
    """How far two allocations (..., legs) are apart, leg by leg, as a fraction of the position.

    `one`, `other`: contracts closed.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5)
    >>> adl.examples.apart(event, np.array([5.0, 0.0]), np.array([2.5, 2.5])).tolist()
    [0.25, 0.25]
    """
    return np.abs(one - other) / np.maximum(event.size, TINY)


def least_loss(
    event: Event, moves: ArrayLike, low: ArrayLike = 0.0, most: Sequence[tuple[ArrayLike, float]] = ()
) -> float:
    """The least that isolated accounts can lose in several moves together, quote currency.

    A linear program that knows no theorem.

    `moves` (S, d) or (S,): relative moves; `low` (legs,): the least that each leg closes, contracts; `most`:
    pairs (weights (legs,), limit) of linear constraints weights . closed <= limit. One allocation is optimal
    in every move exactly if the least of the sum is the sum of the least.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
    >>> round(adl.examples.least_loss(event, [1.0]), 6)  # all 5 are closed of the first: 500 - 500
    0.0
    """
    from scipy.optimize import linprog

    book, scenarios = event.book, np.asarray(moves, float).reshape(-1, len(event.book.assets))
    legs, count = len(book.position), len(scenarios)
    # Variables: closed (legs,), then the loss of each account in each move.
    profit = book.notional * scenarios[:, book.asset]  # (S, legs) of whole positions
    change = np.sign(book.position) * book.price[book.asset] * scenarios[:, book.asset]  # per contract closed
    rows, right = [], []
    for s in range(count):
        for leg in range(legs):
            row = np.zeros(legs + count * legs)
            row[leg], row[legs + s * legs + leg] = change[s, leg], -1.0
            rows.append(row)
            right.append(profit[s, leg] + book.equity[book.account[leg]])
    for weights, limit in most:
        rows.append(np.concatenate([np.asarray(weights, float), np.zeros(count * legs)]))
        right.append(limit)
    wanted = [k for k in range(len(event.side)) if event.side[k]]
    clear = np.zeros((len(wanted), legs + count * legs))
    for row, k in enumerate(wanted):
        clear[row, np.flatnonzero(event.closable & (book.asset == k))] = 1.0
    high = np.concatenate([np.where(event.closable, event.size, 0.0), np.full(count * legs, np.inf)])
    least = np.concatenate([np.broadcast_to(np.asarray(low, float), (legs,)), np.zeros(count * legs)])
    cost = np.concatenate([np.zeros(legs), np.ones(count * legs)])
    found = linprog(cost, rows, right, clear, event.required[wanted], np.column_stack([least, high]))
    return float(found.fun) if found.status == 0 else math.inf
