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
    """The mean of the worst 1 - level of total losses (quote currency), 0 <= level < 1; also expected
    shortfall, average value at risk.

    level = 0 is the expected loss. Minimised as by Rockafellar and Uryasev: min_t t + E(L - t)_+ / (1 -
    level). Raises ObjectiveError for a level outside [0, 1). Isolated margin: water-filling is optimal, and
    not alone: see optimal_range (cutoff theorem).
    """

    level: float = 0.95

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
