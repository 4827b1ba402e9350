"""Optimized certainty equivalents, and the mean-variance measure made monotone (THEORY 2, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import ProgramSymbols
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.cvar import tail_weights
from adl_opt.objectives.entropic import among, normal
from adl_opt.objectives.hooks import is_number
from adl_opt.objectives.risk_measure import RiskMeasure, mean_of, need, slack_of
from adl_opt.waterfill.optimal_ranges import affine_around


@dataclass(frozen=True, repr=False)
class OCE(RiskMeasure):
    """Losses above a threshold count more, below it less, at the best threshold (quote currency).

    The optimized certainty equivalent `min_t t + E u(L - t)` with `u(x) = above x_+ - below x_-`, 0 <=
    `below` <= 1 <= `above`, pure numbers. CVaR(level) is OCE(1 / (1 - level), 0). Raises ObjectiveError for
    numbers outside their range.

    Source: Ben-Tal, Teboulle (2007), Mathematical Finance 17(3), 449-476; THEORY 2.

    >>> loss, probability = np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1])
    >>> risks = adl.OCE(4.0, 0.5), adl.OCE(4.0, 0.0), adl.CVaR(0.75)
    >>> [round(risk.of(loss, probability), 6) for risk in risks]
    [42.0, 44.0, 44.0]
    """

    above: float = 4.0
    formula = "min over t of t + E[{0.above:g} (L − t)₊ − {0.below:g} (t − L)₊]"
    below: float = 0.5

    def __post_init__(self) -> None:
        need(
            "above",
            self.above,
            is_number(self.above) and 1 <= self.above <= 1e12,
            "the slope of the utility above its target is at least 1 and at most 1e12 (beyond, take "
            "WorstCase)",
        )
        need(
            "below",
            self.below,
            is_number(self.below) and 0 <= self.below <= 1,
            "the slope of the utility below its target lies between 0 and 1",
        )

    @property
    def _level(self) -> float:
        """It is below E + (1 - below) CVaR of this level."""
        return (
            0.0
            if self.above == self.below or self.below == 1
            else 1 - (1 - self.below) / (self.above - self.below)
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        loss, level = m.loss, m.level()
        mean = m.probability @ loss
        return (
            (1 - self.below) * level
            + self.below * mean
            + (self.above - self.below) * (m.probability @ cp.pos(loss - level))
        )

    def of(self, loss: Array, probability: Array) -> float:
        # The best target is a loss: the objective in t is piecewise linear with its kinks there.
        if self.below == 1 or self.above == 1:
            return mean_of(loss, probability)
        order = np.argsort(-loss, kind="stable")
        before = np.cumsum(probability[order]) - probability[order]
        cut = (1 - self.below) / (self.above - self.below)  # probability above the target
        at = loss[order][before < cut].min()
        excess = loss - at
        return float(at) + mean_of(np.where(excess > 0, self.above, self.below) * excess, probability)

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        own = (
            None if near is None or self.below == 1 else (near - self.below * probability) / (1 - self.below)
        )
        weights = self.below * probability + (1 - self.below) * tail_weights(
            loss, probability, self._level, own
        )
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (4 + 2 * self.above) * UNIT * float(loss.max())

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, self._level if self.below == 0 else 0.0)


def floored(m: ProgramSymbols, expression: Any, scale: float) -> Any:
    """max(expression, -scale) as a variable above it, for functions that do not fall where it is at least
    -scale.
    """
    import cvxpy as cp

    z = cp.Variable(expression.shape, bounds=[-scale, 1.001 * m.largest_loss + 1e-9], name="z")
    m.boxed.add(z.id)
    m.subject_to(z >= expression)
    return z


@dataclass(frozen=True, repr=False)
class MonotoneMeanVariance(RiskMeasure):
    """Mean and variance of the total loss, mended so that more loss never counts as less (quote currency).

    The largest nondecreasing measure below mean plus variance / (2 scale): `min_t t + E u(L - t)` with `u(x)
    = ((1 + x / scale)_+^2 - 1) scale / 2`. `scale` > 0 in quote currency. Raises ObjectiveError for another
    scale.

    Source: Maccheroni, Marinacci, Rustichini, Taboga (2009), Mathematical Finance 19(3), 487-521; THEORY 2.

    >>> loss, probability = np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1])
    >>> [round(adl.MonotoneMeanVariance(scale).of(loss, probability), 2) for scale in (50.0, 1e6)]
    [19.89, 11.0]
    """

    scale: float = 1e4
    formula = "min over t of t + E[(1 + (L − t) / {0.scale:,g})₊² − 1] {0.scale:,g} / 2"

    def __post_init__(self) -> None:
        need(
            "scale",
            self.scale,
            is_number(self.scale) and self.scale > 0,
            "the scale is a positive amount of quote currency",
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        # u(x) = z + z^2 / (2 scale), z = max(x, -scale): as a variable, so that nothing cancels where the
        # scale is large.
        scale, loss, level = self.scale / m.unit, m.loss, m.level()
        z = floored(m, loss - level, scale)
        return (
            level + m.probability @ z + cp.sum_squares(cp.multiply(np.sqrt(m.probability / (2 * scale)), z))
        )

    def _start(self, loss: Array, probability: Array) -> float:
        """s with E(L - s)_+ = scale, exactly: the loss above which the measure looks."""
        order = np.argsort(-loss, kind="stable")
        top, weight = loss[order], np.cumsum(probability[order])
        with np.errstate(divide="ignore", invalid="ignore"):
            volume = np.concatenate(([0.0], np.cumsum(weight[:-1] * -np.diff(top))))
            cut = int(np.searchsorted(volume, self.scale, side="right")) - 1
            return float(top[cut] - (self.scale - volume[cut]) / weight[cut])

    def of(self, loss: Array, probability: Array) -> float:
        target = self._start(loss, probability) + self.scale
        z = np.maximum(loss - target, -self.scale)
        return target + mean_of(z + z**2 / (2 * self.scale), probability)

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        above = loss - self._start(loss, probability)
        weights = among(
            near, normal(probability * np.maximum(above, 0.0), loss, probability), probability > 0
        )
        z = np.divide(weights, probability, out=np.zeros_like(weights), where=probability > 0)
        # Fenchel's inequality for the square, term by term: scale z^2 / 2 - z x + x_+^2 / (2 scale) >= 0, 0
        # at the worst weights.
        terms = self.scale / 2 * (z - np.maximum(above, 0.0) / self.scale) ** 2 + z * np.maximum(-above, 0.0)
        return weights, mean_of(terms, probability)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        # The target is the best one, so that its own error, a roundoff of the scale, counts to second order
        # only.
        target = self._start(loss, probability) + self.scale
        z = np.abs(np.maximum(loss - target, -self.scale))
        return (
            8 * UNIT * (abs(target) + mean_of(z + z**2 / (2 * self.scale), probability) + UNIT * self.scale)
        )

    def loss_ceiling(self, loss: Array, probability: Array) -> Array:
        return np.where(probability > 0, np.maximum(loss, self._start(loss, probability)), np.inf)
