"""Utility-based shortfall risk of the total loss (THEORY 2, 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.evaluation.symbols import ProgramSymbols
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.certainty_equivalent import floored
from adl_opt.objectives.entropic import among, normal
from adl_opt.objectives.hooks import is_number
from adl_opt.objectives.risk_measure import RiskMeasure, mean_of, need


@dataclass(frozen=True, repr=False)
class ShortfallRisk(RiskMeasure):
    """The least capital that makes what losses exceed it by bearable on average (quote currency).

    The least t with `E (1 + (L - t) / scale)_+^2 <= 1`: utility-based shortfall risk with a quadratic loss
    function. `scale` > 0 in quote currency. No loss has value 0. (Exponential utility gives Entropic, a
    piecewise linear one Expectile.) Raises ObjectiveError for another scale.

    Source: Foellmer, Schied (2002), Finance and Stochastics 6, 429-447; THEORY 2.

    >>> loss, probability = np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1])
    >>> [round(adl.ShortfallRisk(scale).of(loss, probability), 2) for scale in (10.0, 10_000.0)]
    [78.38, 11.04]
    """

    scale: float = 1e4
    formula = "the least t with E (1 + (L − t) / {0.scale:,g})₊² ≤ 1"

    def __post_init__(self) -> None:
        need(
            "scale",
            self.scale,
            is_number(self.scale) and self.scale > 0,
            "the scale is a positive amount of quote currency",
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        # With z = max(L - t, -scale): E z + E z^2 / (2 scale) <= 0; nothing cancels where the scale is large.
        scale, loss, level = self.scale / m.unit, m.loss, m.level()
        z = floored(m, loss - level, scale)
        m.subject_to(
            m.probability @ z + cp.sum_squares(cp.multiply(np.sqrt(m.probability / (2 * scale)), z)) <= 0
        )
        return level

    def of(self, loss: Array, probability: Array) -> float:
        # Newton from the left on the convex, falling function E (2 u + u^2), u = max((L - t) / scale, -1): it
        # never overshoots.
        t = float(loss[probability > 0].min())
        for _ in range(200):
            u = np.maximum((loss - t) / self.scale, -1.0)
            value, slope = mean_of(u * (2 + u), probability), mean_of(1 + u, probability)
            step = self.scale * value / (2 * slope) if slope > 0 else 0.0
            if value <= 0 or t + step <= t:
                break
            t += step
        return t

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        above = loss - self.of(loss, probability)
        weights = among(
            near,
            normal(probability * np.maximum(1 + above / self.scale, 0.0), loss, probability),
            probability > 0,
        )
        if near is None:
            return weights, 0.0
        # penalty(w) = scale (|w / probability|_2 - 1), so that the slack is what Cauchy and Schwarz leave.
        z = np.divide(weights, probability, out=np.zeros_like(weights), where=probability > 0)
        spread = mean_of((z - 1) ** 2, probability)
        return weights, max(self.scale * spread / (1 + math.sqrt(1 + spread)) - mean_of(above, weights), 0.0)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        # The error of what Newton's method makes 0, over its slope.
        t = self.of(loss, probability)
        u = np.maximum((loss - t) / self.scale, -1.0)
        slope = mean_of(1 + u, probability)
        off = self.scale * mean_of(np.abs(u) * (2 + np.abs(u)), probability) / slope if slope > 0 else 0.0
        return 4 * UNIT * (off + abs(t) + float(loss.max()))

    def loss_ceiling(self, loss: Array, probability: Array) -> Array:
        return np.where(probability > 0, np.maximum(loss, self.of(loss, probability) - self.scale), np.inf)
