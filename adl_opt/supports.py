"""Supports: affine functions below the expected loss, which every certificate minimises exactly (THEORY 6)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .symbols import Symbols, needed

Array = NDArray[np.float64]
_KINK = 1e-12  # an account this close to zero loss, relative to its terms, may take either slope; charged to the slack


@dataclass(frozen=True)
class Dual:
    """Dual information about a problem: multipliers (n, S) of `shortfall >= loss - equity`, 0 <= u <= probability, or None."""

    multipliers: Array | None = None


@dataclass(frozen=True)
class Minorant:
    """An affine function below the objective everywhere: at the point it is `slack` >= 0 below, quote currency (THEORY 6).

    Its slope in the fraction closed of leg j may be any number in [low[j], high[j]], (legs,), leg by leg.
    """

    slack: float
    low: Array
    high: Array
    one_sided: bool = True  # low and high are the one-sided slopes of the objective in each leg alone

    def times(self, weight: float) -> "Minorant":
        return Minorant(weight * self.slack, weight * self.low, weight * self.high, self.one_sided)

    def plus(self, other: "Minorant") -> "Minorant":
        return Minorant(self.slack + other.slack, self.low + other.low, self.high + other.high, self.one_sided and other.one_sided)


def closed_form_slope(m: Symbols) -> Array:
    book, law = m.event.book, needed(m.law)
    slope = np.zeros(len(m.amount))
    for a, b in m.chunks(law.dimension):
        legs = m.legs_of(a, b)
        gradient = law.shortfall_and_slope(m.exposure_rows(a, b), m.equity[a:b])[1]
        slope[legs] = -book.notional[legs] * gradient[book.account[legs] - a, book.asset[legs]]
    return slope


def multiplier_support(m: Symbols, multipliers: Array) -> Minorant:
    """THEORY 6: valid for every 0 <= u <= probability, whoever says it."""
    book, moves = m.event.book, m.scenarios.moves
    slack, slope = 0.0, np.zeros(len(m.amount))
    for a, b, argument in m.arguments():
        u = np.clip(multipliers[a:b], 0.0, m.probability)
        slack += float((np.maximum(argument, 0.0) * m.probability - u * argument).sum())
        legs = m.legs_of(a, b)
        account, asset = book.account[legs] - a, book.asset[legs]
        slope[legs] = book.notional[legs] * (u @ moves)[account, asset]
    return Minorant(max(slack, 0.0), slope, slope)


def point_support(m: Symbols) -> Minorant:
    """The subgradient at the point; an account with one free leg may take any slope between its one-sided ones.

    Accounts without a free leg get the one-sided slopes too, for shadow prices where the requirement is 0 or the capacity.
    """
    book, moves, probability = m.event.book, m.scenarios.moves, m.probability
    free = book.per_account(m.event.free.astype(float))
    slack, low, high = 0.0, np.zeros(len(m.amount)), np.zeros(len(m.amount))
    for a, b, argument in m.arguments():
        legs = m.legs_of(a, b)
        account, asset = book.account[legs] - a, book.asset[legs]
        scale = np.abs(argument + m.equity[a:b, None]) + m.equity[a:b, None]
        kink = (np.abs(argument) <= _KINK * scale) & (free[a:b, None] <= 1)
        firm = np.where((argument > 0) & ~kink, probability, 0.0) @ moves
        slope = book.notional[legs] * firm[account, asset]
        low[legs], high[legs] = slope, slope
        if kink.any():
            slack += float((np.where(kink & (free[a:b, None] == 1), np.abs(argument), 0.0) @ probability).sum())
            i, s = np.nonzero(kink)
            step = np.zeros((2, b - a, moves.shape[1]))
            np.add.at(step[0], i, probability[s, None] * np.minimum(moves[s], 0.0))
            np.add.at(step[1], i, probability[s, None] * np.maximum(moves[s], 0.0))
            down, up = step[:, account, asset] * np.abs(book.notional[legs])
            short = book.notional[legs] < 0
            low[legs] += np.where(short, -up, down)
            high[legs] += np.where(short, -down, up)
    return Minorant(slack, low, high)
