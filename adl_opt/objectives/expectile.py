"""Expectiles of the total loss (THEORY 2, 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import ProgramSymbols
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.hooks import is_number
from adl_opt.objectives.risk_measure import RiskMeasure, mean_of, need, slack_of
from adl_opt.waterfill.optimal_ranges import affine_around


@dataclass(frozen=True, repr=False)
class Expectile(RiskMeasure):
    """The loss at which expected excesses balance weighted expected lacks (quote currency).

    The t with `level E(L - t)_+ = (1 - level) E(t - L)_+`; `level` in [1/2, 1), at 1/2 the expected loss. The
    only coherent measures that are elicitable; a utility-based shortfall risk with a piecewise linear loss
    function. Raises ObjectiveError for another level.

    Source: Newey, Powell (1987), Econometrica 55, 819-847; Bellini et al. (2014), Insurance: Mathematics and
    Economics 54, 41-48; THEORY 2.

    >>> loss, probability = np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1])
    >>> [round(adl.Expectile(level).of(loss, probability), 2) for level in (0.5, 0.9, 0.99)]
    [11.0, 50.56, 91.76]
    """

    level: float = 0.9
    formula = "the t with {0.level:g} E(L − t)₊ = (1 − {0.level:g}) E(t − L)₊"

    def __post_init__(self) -> None:
        need(
            "level",
            self.level,
            is_number(self.level) and 0.5 <= self.level < 1,
            "the level of an expectile is at least 0.5 and below 1, or it is not convex",
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        loss, level = m.loss, m.level()
        gain = (1 - self.level) * (m.probability @ loss - level) + (2 * self.level - 1) * (
            m.probability @ cp.pos(loss - level)
        )
        m.subject_to(gain <= 0)
        return level

    def of(self, loss: Array, probability: Array) -> float:
        # Between two losses t is a weighted mean of all losses; the right interval is where that mean lies in
        # it.
        order = np.argsort(-loss, kind="stable")
        top, weight = loss[order], probability[order]
        above, below = np.cumsum(weight), np.concatenate((np.cumsum(weight[::-1])[::-1][1:], [0.0]))
        sum_above, sum_below = (
            np.cumsum(weight * top),
            np.concatenate((np.cumsum((weight * top)[::-1])[::-1][1:], [0.0])),
        )
        mass = self.level * above + (1 - self.level) * below
        candidate = np.divide(
            self.level * sum_above + (1 - self.level) * sum_below,
            mass,
            out=np.full(len(top), -np.inf),
            where=mass > 0,
        )
        return float(candidate.max())  # the measure is the largest mean over such weights

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        value = self.of(loss, probability)
        ratio = self.level / (1 - self.level)
        density = np.where(loss > value, ratio, 1.0)
        if near is not None:
            # Any density with largest / smallest <= ratio, divided by its mean, is possible.
            said = np.divide(near, probability, out=np.zeros_like(near), where=probability > 0)
            smallest = (1 - self.level) / (probability @ np.where(loss > value, self.level, 1 - self.level))
            density = np.clip(said, smallest, ratio * smallest)
        weights = probability * density / mean_of(density, probability)
        return weights, slack_of(value, loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (
            (8 + 2 * math.sqrt(len(loss))) * UNIT * self.of(loss, probability)
        )  # ratios of running sums of one sign

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level)
