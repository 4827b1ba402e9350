"""Entropic risk of the total loss (THEORY 2, 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.base import Objective
from adl_opt.objectives.hooks import is_number
from adl_opt.objectives.risk_measure import RiskMeasure, mean_of, need
from adl_opt.waterfill.optimal_ranges import affine_around

_MOST_EXPONENT = 700.0  # of a number whose exponential, summed over scenarios, is still a float


def normal(raised: Array, loss: Array, probability: Array) -> Array:
    """Weights made a probability; where all have underflown they lie on the largest possible loss."""
    if not raised.any():
        raised = np.where((probability > 0) & (loss == loss[probability > 0].max()), probability, 0.0)
    return raised / math.fsum(raised.tolist())


def among(near: Array | None, worst: Array, possible: Mask) -> Array:
    """`near` made a probability on the possible scenarios; the worst weights if it is None or nothing is
    left.
    """
    if near is None:
        return worst
    kept = np.where(possible, np.maximum(near, 0.0), 0.0)
    total = math.fsum(kept.tolist())
    return kept / total if total > 0 else worst


@dataclass(frozen=True, repr=False)
class Entropic(RiskMeasure):
    """A mean of losses in which large ones count exponentially more (quote currency): entropic risk.

    The value is `log E exp(aversion L) / aversion`. `aversion` > 0 per unit of quote currency, so that 1 /
    aversion is a loss that hurts. Raises ObjectiveError for another one. Isolated margin: the optima are
    those of the expected loss.

    Source: Foellmer, Schied (2002), Finance and Stochastics 6, 429-447; THEORY 2.

    >>> loss, probability = np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1])
    >>> [round(adl.Entropic(aversion).of(loss, probability), 2) for aversion in (1e-6, 0.01, 1.0)]
    [11.0, 16.75, 97.7]
    """

    aversion: float = 1e-4
    formula = "log E exp({0.aversion:g} L) / {0.aversion:g}"

    def __post_init__(self) -> None:
        need(
            "aversion",
            self.aversion,
            is_number(self.aversion) and self.aversion > 0,
            "a risk aversion is positive (per unit of quote currency)",
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        possible = np.flatnonzero(m.probability > 0)
        aversion = self.aversion * m.unit
        weight = m.probability[possible] / math.fsum(m.probability[possible].tolist())
        return cp.log_sum_exp(aversion * m.loss[possible] + np.log(weight)) / aversion

    def of(self, loss: Array, probability: Array) -> float:
        possible = probability > 0
        scaled, weight = self.aversion * loss[possible], probability[possible]
        if scaled.max() < _MOST_EXPONENT:  # log E exp loses digits where a large loss is rare; this does not
            return math.log1p(mean_of(np.expm1(scaled), weight)) / self.aversion
        shifted = scaled + np.log(weight)
        top = shifted.max()
        if top < _MOST_EXPONENT:
            return math.log1p(math.fsum((np.exp(shifted) - weight).tolist())) / self.aversion
        return (top + math.log(math.fsum(np.exp(shifted - top).tolist()))) / self.aversion

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        scaled = np.where(
            probability > 0, self.aversion * loss, -np.inf
        )  # an impossible loss may be of any size
        raised = probability * np.exp(scaled - scaled.max())
        worst = raised / math.fsum(raised.tolist())
        if near is None:
            return worst, 0.0
        # A solver's accuracy is absolute: weights that are next to nothing are known better at the point.
        weights = among(np.where(worst > 1e-9, near, worst), worst, worst > 0)
        # The price of other weights is their relative entropy to the worst ones, sum worst ((1 + d) log(1 +
        # d) - d): no term is negative.
        d = np.divide(weights - worst, worst, out=np.zeros_like(worst), where=worst > 0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            exact = np.where(d > -1, (1 + d) * np.log1p(d) - d, 1.0)
        small = np.clip(d, -1e-3, 1e-3)
        terms = np.where(d == small, small**2 * (1 / 2 - small / 6 + small**2 / 12), exact)
        slack = mean_of(np.maximum(terms, 0.0), worst) / self.aversion
        return (weights, slack) if slack <= 1e-8 * abs(self.of(loss, probability)) else (worst, 0.0)

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (
            4 * UNIT * self.of(loss, probability) * (1 + self.aversion * float(loss[probability > 0].max()))
        )

    def loss_ceiling(self, loss: Array, probability: Array) -> Array:
        return np.where(probability > 0, loss, np.inf)

    def local_model(self, m: SymbolsAt) -> Objective:
        return _Tilted(self.aversion, m.loss, self.worst_weights(m.loss, m.probability))


class _Tilted(RiskMeasure):
    """Entropic to second order around a loss: w'z + aversion/2 Var_w z, z = max(L - loss, -radius), where it
    is nondecreasing.

    Exponential cones lose digits where aversion x loss ranges over hundreds; a few of these quadratic
    programs regain them.
    """

    def __init__(self, aversion: float, loss: Array, weights: Array) -> None:
        self._aversion, self._loss, self._weights, self._radius = aversion, loss, weights, 0.5 / aversion
        self.solver_scale = (
            1 / aversion
        )  # what its values are measured in, when a solver is asked for accuracy
        with np.errstate(divide="ignore"):  # scenarios that count for nothing may grow until they do
            self._most = np.minimum(
                np.maximum(self._radius, (np.log(1e-9) - np.log(weights)) / aversion), 1e3 / aversion
            )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        # Bounds that bind keep multipliers for themselves: losses of 0 get some room below.
        low, high = (
            -np.minimum(self._radius, self._loss + 0.1 * self._loss.max()) / m.unit,
            np.minimum(self._most / m.unit, m.largest_loss + 1e-9),
        )
        z = cp.Variable(len(low), bounds=[low, high], name="z")
        mean = cp.Variable(bounds=[low.min(), high.max()], name="mean")
        m.boxed |= {z.id, mean.id}
        m.subject_to(z >= m.loss - self._loss / m.unit)
        spread = cp.sum_squares(cp.multiply(np.sqrt(self._weights * self._aversion * m.unit / 2), z - mean))
        return self._weights @ z + spread

    def of(self, loss: Array, probability: Array) -> float:
        z = np.maximum(loss - self._loss, -self._radius)
        mean = mean_of(z, self._weights)
        return mean + self._aversion / 2 * mean_of((z - mean) ** 2, self._weights)
