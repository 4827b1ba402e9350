"""CVaR of the total loss: the mean of the worst tail (THEORY 2, 7)."""

from __future__ import annotations

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


def tail_weights(loss: Array, probability: Array, level: float, near: Array | None = None) -> Array:
    """Weights in [0, probability / (1 - level)] that sum to 1, along the last axis, the worst at `loss`; ties
    share in proportion.

    loss (..., S), probability (S,). near (..., S): the weights nearest to these instead, summing to at most
    1: losses are not negative, so that weight left over may lie anywhere, and a solver leaves it out where no
    loss is possible.
    """
    cap = probability / (1 - level)
    if near is not None:
        start = np.clip(near, 0.0, cap)
        return start / np.maximum(start.sum(axis=-1, keepdims=True), 1.0)
    order = np.argsort(-loss, axis=-1, kind="stable")
    ordered = cap[order]
    inside = (np.cumsum(ordered, axis=-1) - ordered < 1) & (ordered > 0)
    edge = np.where(inside, np.take_along_axis(loss, order, axis=-1), np.inf).min(axis=-1, keepdims=True)
    full, tied = np.where(loss > edge, cap, 0.0), np.where(loss == edge, cap, 0.0)
    width = tied.sum(axis=-1, keepdims=True)
    share = np.clip(
        np.divide(1 - full.sum(axis=-1, keepdims=True), width, out=np.zeros_like(width), where=width > 0),
        0.0,
        1.0,
    )
    return full + share * tied


@dataclass(frozen=True, repr=False)
class CVaR(RiskMeasure):
    """The mean of the worst share of total losses (quote currency): conditional value at risk.

    `level` in [0, 1): the share is 1 - level; 0 is the expected loss. Also called expected shortfall and
    average value at risk. Minimised as `min_t t + E(L - t)_+ / (1 - level)`. Raises ObjectiveError for
    another level. Isolated margin: water-filling is optimal, and not alone: see `optimal_range`.

    Source: Rockafellar, Uryasev (2000), Journal of Risk 2(3), 21-41; THEORY 2 (cutoff theorem), THEORY 7.

    >>> round(adl.CVaR(0.9).of(np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.15, 0.05])), 6)
    55.0
    >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(10)
    >>> adl.Problem(adl.CVaR(0.99), event, law).solve().certificate.status
    'certified'
    """

    level: float = 0.95
    formula = "min over t of t + E(L − t)₊ / (1 − {0.level:g})"

    def __post_init__(self) -> None:
        need(
            "level",
            self.level,
            is_number(self.level) and 0 <= self.level < 1,
            "the level of CVaR is a fraction, at least 0 and below 1 (0.95: the worst 5 %)",
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        loss, level = m.loss, m.level()
        return level + m.probability @ cp.pos(loss - level) / (1 - self.level)

    def of(self, loss: Array, probability: Array) -> float:
        # By the tail itself, not by its dual: losses from the worst down until 1 - level of probability is
        # used.
        order = np.argsort(-loss, kind="stable")
        used = np.minimum(np.cumsum(probability[order]), 1 - self.level)
        return mean_of(loss[order], np.diff(used, prepend=0.0)) / (1 - self.level)

    def excess_cost(self, probability: Array) -> Array | None:
        return probability / (1 - self.level) if self.level > 0 else None

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        weights = tail_weights(loss, probability, self.level, near)
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (4 + 2 / (1 - self.level)) * UNIT * float(loss.max())

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, self.level)
