"""Supports: affine functions below an expected or risk-adjusted loss, which every certificate minimises
exactly (THEORY 6, 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.evaluation import batches
from adl_opt.evaluation.symbols import SymbolsAt, needed

# An account this close to zero loss, relative to its terms, may take either slope; charged to the slack.
_KINK = 1e-12


@dataclass(frozen=True)
class Dual:
    """Dual information about a problem; whatever it says, the bound that comes of it is valid.

    multipliers: (n, S) of the rows `shortfall >= loss - equity`, nan where the program has no such row; an
    array, or any object whose `[a:b]` gives rows a to b; None if they are not known. weights: for each part
    of the objective, by its number, the cost of a unit of loss in each scenario, (S,). total: (S,) or (n, S)
    the scenario weights of which the multipliers are shares; None: those of the part itself. limits: of a
    problem with constraints, an array for each row that each of them says. laws: for each part that is the
    worst over laws of its own, what is known of them.
    """

    multipliers: Any = None
    weights: Mapping[int, Array] = field(default_factory=dict)
    total: Array | None = None
    limits: tuple[tuple[Array, ...], ...] = ()
    laws: Mapping[int, LawDuals] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.multipliers is not None or bool(self.weights) or bool(self.laws)

    def times(self, factor: float) -> Dual:
        """What is known once the whole objective is multiplied by factor > 0."""
        multipliers = None if self.multipliers is None else factor * np.asarray(self.multipliers)
        weights = {number: factor * own for number, own in self.weights.items()}
        laws = {number: own.times(factor) for number, own in self.laws.items()}
        return Dual(multipliers, weights, laws=laws)

    @property
    def of_limits(self) -> Dual:
        """What is known of the constraints alone."""
        return Dual(limits=self.limits)

    def of(self, number: int, weight: float, total: Array | None = None) -> Dual:
        """What part `number` of a sum, weighted by `weight`, is told."""
        if weight <= 0:
            return Dual(None, {}, total)
        mine = {0: self.weights[number] / weight} if number in self.weights else {}
        laws = {0: self.laws[number].times(1 / weight)} if number in self.laws else {}
        return Dual(self.multipliers, mine, total, laws=laws)


@dataclass(frozen=True)
class LawDuals:
    """Of the worst over several laws: the weight (K,) >= 0 of each in the worst mixture, and dual
    information about each law's own term, times its weight.
    """

    weight: Array
    duals: tuple[Dual, ...]

    def times(self, factor: float) -> LawDuals:
        return LawDuals(factor * self.weight, tuple(dual.times(factor) for dual in self.duals))


@dataclass(frozen=True)
class Minorant:
    """A linear function below an objective everywhere: it proves allocations of one's own objective.

    `minorant(m, dual)` of an Objective returns one. At the point it is `slack` >= 0 below (quote currency, or
    the objective's unit). Its slope in the fraction closed of leg j, of the whole position whatever the cap,
    may be any number in [`low[j]`, `high[j]`], (legs,), leg by leg. `one_sided`: False if the slopes are
    those of the objective on either side.

    Source: THEORY 6.

    >>> below = adl.Minorant(0.0, np.array([-5.0, -2.0]), np.array([-5.0, -1.0]))
    >>> below.times(2.0).low.tolist()  # twice the objective is twice as steep
    [-10.0, -4.0]
    """

    slack: float
    low: Array
    high: Array
    one_sided: bool = True  # low and high are the one-sided slopes of the objective in each leg alone

    def times(self, weight: float) -> Minorant:
        return Minorant(weight * self.slack, weight * self.low, weight * self.high, self.one_sided)

    def plus(self, other: Minorant) -> Minorant:
        return Minorant(
            self.slack + other.slack,
            self.low + other.low,
            self.high + other.high,
            self.one_sided and other.one_sided,
        )


def closed_form_slope(m: SymbolsAt) -> Array:
    book = m.event.book
    return -book.notional * batches.slope(book, needed(m.law), m.notional)


def scenario_support(m: SymbolsAt, weight: Array, dual: Dual) -> Minorant:
    """A support of sum weight x shortfall at `m`; weight (S,) or (n, S), >= 0: a probability, or the worst
    case of a risk measure (THEORY 7).
    """
    return point_support(m, weight) if dual.multipliers is None else multiplier_support(m, weight, dual)


def multiplier_support(m: SymbolsAt, weight: Array, dual: Dual) -> Minorant:
    """THEORY 6: valid for every 0 <= u <= weight, whoever says it.

    Multipliers shared with other parts are taken in proportion.
    """
    book, moves = m.event.book, m.scenarios.moves
    slack, slope = 0.0, np.zeros(len(m.amount))
    total, multipliers = weight if dual.total is None else dual.total, dual.multipliers
    for a, b, argument in m.arguments():
        own, all_parts = (
            np.broadcast_to(w if w.ndim == 1 else w[a:b], argument.shape) for w in (weight, total)
        )
        said = np.asarray(multipliers[a:b])
        known = np.isfinite(said) & (all_parts > 0)
        share = np.clip(np.divide(said, all_parts, out=np.zeros(argument.shape), where=known), 0.0, 1.0)
        u = own * np.where(known, share, argument > 0)  # no row: the sign is the same everywhere in the box
        slack += float((np.maximum(argument, 0.0) * own - u * argument).sum())
        legs = m.legs_of(a, b)
        account, asset = book.account[legs] - a, book.asset[legs]
        slope[legs] = book.notional[legs] * (u @ moves)[account, asset]
    return Minorant(max(slack, 0.0), slope, slope)


def point_support(m: SymbolsAt, weight: Array) -> Minorant:
    """The subgradient at the point; an account with one free leg may take any slope between its one-sided
    ones.

    Accounts without a free leg get the one-sided slopes too, for shadow prices where the requirement is 0 or
    the capacity.
    """
    book, moves = m.event.book, m.scenarios.moves
    free = book.per_account(m.event.free.astype(float))
    slack, low, high = 0.0, np.zeros(len(m.amount)), np.zeros(len(m.amount))
    for a, b, argument in m.arguments():
        legs = m.legs_of(a, b)
        account, asset = book.account[legs] - a, book.asset[legs]
        own = np.broadcast_to(weight if weight.ndim == 1 else weight[a:b], argument.shape)
        scale = np.abs(argument + m.equity[a:b, None]) + m.equity[a:b, None]
        kink = (np.abs(argument) <= _KINK * scale) & (free[a:b, None] <= 1)
        firm = np.where((argument > 0) & ~kink, own, 0.0) @ moves
        slope = book.notional[legs] * firm[account, asset]
        low[legs], high[legs] = slope, slope
        if kink.any():
            slack += float((np.where(kink & (free[a:b, None] == 1), np.abs(argument), 0.0) * own).sum())
            i, s = np.nonzero(kink)
            step = np.zeros((2, b - a, moves.shape[1]))
            np.add.at(step[0], i, own[i, s, None] * np.minimum(moves[s], 0.0))
            np.add.at(step[1], i, own[i, s, None] * np.maximum(moves[s], 0.0))
            down, up = step[:, account, asset] * np.abs(book.notional[legs])
            short = book.notional[legs] < 0
            low[legs] += np.where(short, -up, down)
            high[legs] += np.where(short, -down, up)
    return Minorant(slack, low, high)
