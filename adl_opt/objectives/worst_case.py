"""The largest total loss over the scenarios (THEORY 2, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import ProgramSymbols
from adl_opt.laws.base import Law
from adl_opt.objectives.risk_measure import RiskMeasure, slack_of
from adl_opt.waterfill.optimal_ranges import affine_around


@dataclass(frozen=True, repr=False)
class WorstCase(RiskMeasure):
    """The largest total loss over the scenarios that have positive probability (quote currency).

    Isolated margin: the largest adverse move decides alone; water-filling is optimal, and not alone.

    Source: Thm 1; THEORY 2.

    >>> adl.WorstCase().of(np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.2, 0.0]))
    10.0
    """

    formula = "max L over the scenarios"

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        return cp.max(m.loss[np.flatnonzero(m.probability > 0)])

    def of(self, loss: Array, probability: Array) -> float:
        return float(loss[probability > 0].max())

    def excess_cost(self, probability: Array) -> Array:
        return (probability > 0).astype(float)

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        value = self.of(loss, probability)
        worst = (
            np.where(loss == value, probability, 0.0)
            if near is None
            else np.where(probability > 0, np.maximum(near, 0.0), 0.0)
        )
        weights = worst / worst.sum() if worst.sum() > 0 else probability
        return weights, slack_of(value, loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return 0.0

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, 1.0)
