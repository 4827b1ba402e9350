"""Risk measures by utility: entropic, optimized certainty equivalents, utility-based shortfall risk, expectiles (THEORY 2, 7)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import Symbols
from adl_opt.hooks import is_number
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives import Objective
from adl_opt.risk import RiskMeasure, mean_of, need, slack_of
from adl_opt.tails import tail_weights
from adl_opt.waterfill.optimal_ranges import affine_around

Array = NDArray[np.float64]
_MOST_EXPONENT = 700.0  # of a number whose exponential, summed over scenarios, is still a float


def _normal(raised: Array, loss: Array, probability: Array) -> Array:
    """Weights made a probability; where all have underflown they lie on the largest possible loss."""
    if not raised.any():
        raised = np.where((probability > 0) & (loss == loss[probability > 0].max()), probability, 0.0)
    return raised / math.fsum(raised.tolist())


def _among(near: Array | None, worst: Array, possible: NDArray[np.bool_]) -> Array:
    """`near` made a probability on the possible scenarios; the worst weights if it is None or nothing is left."""
    if near is None:
        return worst
    kept = np.where(possible, np.maximum(near, 0.0), 0.0)
    total = math.fsum(kept.tolist())
    return kept / total if total > 0 else worst


@dataclass(frozen=True, repr=False)
class Entropic(RiskMeasure):
    """log E exp(aversion L) / aversion (quote currency); aversion > 0 per unit of quote currency, so 1 / aversion is a loss that hurts.

    Raises ObjectiveError for an aversion that is not positive.
    """

    aversion: float = 1e-4

    def __post_init__(self) -> None:
        need(
            "aversion",
            self.aversion,
            is_number(self.aversion) and self.aversion > 0,
            "a risk aversion is positive (per unit of quote currency)",
        )

    def express(self, m: Any) -> Any:
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
        scaled = np.where(probability > 0, self.aversion * loss, -np.inf)  # an impossible loss may be of any size
        raised = probability * np.exp(scaled - scaled.max())
        worst = raised / math.fsum(raised.tolist())
        if near is None:
            return worst, 0.0
        # A solver's accuracy is absolute: weights that are next to nothing are known better at the point.
        weights = _among(np.where(worst > 1e-9, near, worst), worst, worst > 0)
        # The price of other weights is their relative entropy to the worst ones, sum worst ((1 + d) log(1 + d) - d): no term is negative.
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
        return 4 * UNIT * self.of(loss, probability) * (1 + self.aversion * float(loss[probability > 0].max()))

    def loss_ceiling(self, loss: Array, probability: Array) -> Array:
        return np.where(probability > 0, loss, np.inf)

    def local_model(self, m: Symbols) -> "Objective":
        return _Tilted(self.aversion, m.loss, self.worst_weights(m.loss, m.probability))


class _Tilted(RiskMeasure):
    """Entropic to second order around a loss: w'z + aversion/2 Var_w z, z = max(L - loss, -radius), where it is nondecreasing.

    Exponential cones lose digits where aversion x loss ranges over hundreds; a few of these quadratic programs regain them.
    """

    def __init__(self, aversion: float, loss: Array, weights: Array) -> None:
        self._aversion, self._loss, self._weights, self._radius = aversion, loss, weights, 0.5 / aversion
        self.solver_scale = 1 / aversion  # what its values are measured in, when a solver is asked for accuracy
        with np.errstate(divide="ignore"):  # scenarios that count for nothing may grow until they do
            self._most = np.minimum(np.maximum(self._radius, (np.log(1e-9) - np.log(weights)) / aversion), 1e3 / aversion)

    def express(self, m: Any) -> Any:
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


@dataclass(frozen=True, repr=False)
class OCE(RiskMeasure):
    """Optimized certainty equivalent min_t t + E u(L - t), u(x) = above x_+ - below x_- (quote currency); 0 <= below <= 1 <= above (Ben-Tal, Teboulle).

    CVaR(level) is OCE(1 / (1 - level), 0). Raises ObjectiveError for numbers outside their range.
    """

    above: float = 4.0
    below: float = 0.5

    def __post_init__(self) -> None:
        need(
            "above",
            self.above,
            is_number(self.above) and 1 <= self.above <= 1e12,
            "the slope of the utility above its target is at least 1 and at most 1e12 (beyond, take WorstCase)",
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
        return 0.0 if self.above == self.below or self.below == 1 else 1 - (1 - self.below) / (self.above - self.below)

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        loss, level = m.loss, m.level()
        mean = m.probability @ loss
        return (1 - self.below) * level + self.below * mean + (self.above - self.below) * (m.probability @ cp.pos(loss - level))

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
        own = None if near is None or self.below == 1 else (near - self.below * probability) / (1 - self.below)
        weights = self.below * probability + (1 - self.below) * tail_weights(loss, probability, self._level, own)
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (4 + 2 * self.above) * UNIT * float(loss.max())

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, self._level if self.below == 0 else 0.0)


def _floored(m: Any, expression: Any, scale: float) -> Any:
    """max(expression, -scale) as a variable above it, for functions that do not fall where it is at least -scale."""
    import cvxpy as cp

    z = cp.Variable(expression.shape, bounds=[-scale, 1.001 * m.largest_loss + 1e-9], name="z")
    m.boxed.add(z.id)
    m.subject_to(z >= expression)
    return z


@dataclass(frozen=True, repr=False)
class MonotoneMeanVariance(RiskMeasure):
    """Mean plus variance / (2 scale), made monotone: the largest nondecreasing measure below it (quote currency; Maccheroni et al. 2009).

    An optimized certainty equivalent: min_t t + E u(L - t), u(x) = ((1 + x / scale)_+^2 - 1) scale / 2. scale > 0 in quote currency.
    """

    scale: float = 1e4

    def __post_init__(self) -> None:
        need("scale", self.scale, is_number(self.scale) and self.scale > 0, "the scale is a positive amount of quote currency")

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        # u(x) = z + z^2 / (2 scale), z = max(x, -scale): as a variable, so that nothing cancels where the scale is large.
        scale, loss, level = self.scale / m.unit, m.loss, m.level()
        z = _floored(m, loss - level, scale)
        return level + m.probability @ z + cp.sum_squares(cp.multiply(np.sqrt(m.probability / (2 * scale)), z))

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
        weights = _among(near, _normal(probability * np.maximum(above, 0.0), loss, probability), probability > 0)
        z = np.divide(weights, probability, out=np.zeros_like(weights), where=probability > 0)
        # Fenchel's inequality for the square, term by term: scale z^2 / 2 - z x + x_+^2 / (2 scale) >= 0, 0 at the worst weights.
        terms = self.scale / 2 * (z - np.maximum(above, 0.0) / self.scale) ** 2 + z * np.maximum(-above, 0.0)
        return weights, mean_of(terms, probability)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        # The target is the best one, so that its own error, a roundoff of the scale, counts to second order only.
        target = self._start(loss, probability) + self.scale
        z = np.abs(np.maximum(loss - target, -self.scale))
        return 8 * UNIT * (abs(target) + mean_of(z + z**2 / (2 * self.scale), probability) + UNIT * self.scale)

    def loss_ceiling(self, loss: Array, probability: Array) -> Array:
        return np.where(probability > 0, np.maximum(loss, self._start(loss, probability)), np.inf)


@dataclass(frozen=True, repr=False)
class ShortfallRisk(RiskMeasure):
    """Utility-based shortfall risk: the least t with E (1 + (L - t) / scale)_+^2 <= 1 (quote currency; Foellmer, Schied). scale > 0 in quote currency.

    No loss has value 0. (Exponential utility gives Entropic, a piecewise linear one Expectile.) Raises ObjectiveError for a scale that is not positive.
    """

    scale: float = 1e4

    def __post_init__(self) -> None:
        need("scale", self.scale, is_number(self.scale) and self.scale > 0, "the scale is a positive amount of quote currency")

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        # With z = max(L - t, -scale): E z + E z^2 / (2 scale) <= 0; nothing cancels where the scale is large.
        scale, loss, level = self.scale / m.unit, m.loss, m.level()
        z = _floored(m, loss - level, scale)
        m.subject_to(m.probability @ z + cp.sum_squares(cp.multiply(np.sqrt(m.probability / (2 * scale)), z)) <= 0)
        return level

    def of(self, loss: Array, probability: Array) -> float:
        # Newton from the left on the convex, falling function E (2 u + u^2), u = max((L - t) / scale, -1): it never overshoots.
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
        weights = _among(near, _normal(probability * np.maximum(1 + above / self.scale, 0.0), loss, probability), probability > 0)
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


@dataclass(frozen=True, repr=False)
class Expectile(RiskMeasure):
    """The t with level E(L - t)_+ = (1 - level) E(t - L)_+ (quote currency); 1/2 <= level < 1, at 1/2 the expected loss.

    The only coherent measures that are elicitable; a utility-based shortfall risk with a piecewise linear loss function.
    """

    level: float = 0.9

    def __post_init__(self) -> None:
        need(
            "level",
            self.level,
            is_number(self.level) and 0.5 <= self.level < 1,
            "the level of an expectile is at least 0.5 and below 1, or it is not convex",
        )

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        loss, level = m.loss, m.level()
        gain = (1 - self.level) * (m.probability @ loss - level) + (2 * self.level - 1) * (m.probability @ cp.pos(loss - level))
        m.subject_to(gain <= 0)
        return level

    def of(self, loss: Array, probability: Array) -> float:
        # Between two losses t is a weighted mean of all losses; the right interval is where that mean lies in it.
        order = np.argsort(-loss, kind="stable")
        top, weight = loss[order], probability[order]
        above, below = np.cumsum(weight), np.concatenate((np.cumsum(weight[::-1])[::-1][1:], [0.0]))
        sum_above, sum_below = np.cumsum(weight * top), np.concatenate((np.cumsum((weight * top)[::-1])[::-1][1:], [0.0]))
        mass = self.level * above + (1 - self.level) * below
        candidate = np.divide(
            self.level * sum_above + (1 - self.level) * sum_below, mass, out=np.full(len(top), -np.inf), where=mass > 0
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
        return (8 + 2 * math.sqrt(len(loss))) * UNIT * self.of(loss, probability)  # ratios of running sums of one sign

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level)
