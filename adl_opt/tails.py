"""Risk measures by tails of the total loss: CVaR, spectral, worst case, and CVaR account by account. Tails are exact:
a scenario at the edge counts with the part of its probability that lies inside.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant, scenario_support
from adl_opt.evaluation.rounding import scenario_rounding
from adl_opt.evaluation.symbols import Symbols
from adl_opt.hooks import is_number
from adl_opt.inputs import holds_truth
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives import Objective, evaluate
from adl_opt.risk import RiskMeasure, mean_of, need, slack_of
from adl_opt.waterfill.isolated import fill
from adl_opt.waterfill.optimal_ranges import affine_around

Array = NDArray[np.float64]


def tail_weights(loss: Array, probability: Array, level: float, near: Array | None = None) -> Array:
    """Weights in [0, probability / (1 - level)] that sum to 1, along the last axis, the worst at `loss`; ties share in proportion.

    loss (..., S), probability (S,). near (..., S): the weights nearest to these instead, summing to at most 1: losses are not negative, so that
    weight left over may lie anywhere, and a solver leaves it out where no loss is possible.
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
    share = np.clip(np.divide(1 - full.sum(axis=-1, keepdims=True), width, out=np.zeros_like(width), where=width > 0), 0.0, 1.0)
    return full + share * tied


@dataclass(frozen=True, repr=False)
class CVaR(RiskMeasure):
    """The mean of the worst 1 - level of total losses (quote currency), 0 <= level < 1; also expected shortfall, average value at risk.

    level = 0 is the expected loss. Minimised as by Rockafellar and Uryasev: min_t t + E(L - t)_+ / (1 - level). Raises ObjectiveError for
    a level outside [0, 1). Isolated margin: water-filling is optimal, and not alone: see optimal_range (cutoff theorem).
    """

    level: float = 0.95

    def __post_init__(self) -> None:
        need(
            "level",
            self.level,
            is_number(self.level) and 0 <= self.level < 1,
            "the level of CVaR is a fraction, at least 0 and below 1 (0.95: the worst 5 %)",
        )

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        loss, level = m.loss, m.level()
        return level + m.probability @ cp.pos(loss - level) / (1 - self.level)

    def of(self, loss: Array, probability: Array) -> float:
        # By the tail itself, not by its dual: losses from the worst down until 1 - level of probability is used.
        order = np.argsort(-loss, kind="stable")
        used = np.minimum(np.cumsum(probability[order]), 1 - self.level)
        return mean_of(loss[order], np.diff(used, prepend=0.0)) / (1 - self.level)

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        weights = tail_weights(loss, probability, self.level, near)
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (4 + 2 / (1 - self.level)) * UNIT * float(loss.max())

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, self.level)


@dataclass(frozen=True, repr=False)
class Spectral(RiskMeasure):
    """A weighted mean of the quantiles of the total loss (quote currency): weights (K,), nondecreasing, summing to 1.

    weights[k] is the weight of the losses between the quantiles k/K and (k+1)/K. It is a mixture of CVaRs: that of level k/K with weight
    (weights[k] - weights[k-1]) (K - k). Raises ObjectiveError for weights that are negative, decrease or do not sum to 1 within 1e-9.
    """

    weights: tuple[float, ...] = (0.05, 0.1, 0.15, 0.3, 0.4)

    def __post_init__(self) -> None:
        given = self.weights
        try:
            weights = np.atleast_1d(np.asarray(given, float)) if not holds_truth(given) else None
        except (TypeError, ValueError, OverflowError):
            weights = None
        if weights is None:
            raise ObjectiveError(f"weights = {given!r}: spectral weights are numbers, nondecreasing, that sum to 1")
        if weights.ndim != 1 or not weights.size or not np.isfinite(weights).all():
            raise ObjectiveError(
                f"weights of shape {weights.shape}: spectral weights are a list of finite numbers, nondecreasing, that sum to 1"
            )
        if (weights < 0).any():
            first = int(np.argmax(weights < 0))
            raise ObjectiveError(
                f"{(weights < 0).sum()} of {len(weights)} spectral weights are negative, first number {first + 1}: {weights[first]:.6g}; they are at least 0"
            )
        if (np.diff(weights) < 0).any():
            first = int(np.argmax(np.diff(weights) < 0))
            raise ObjectiveError(
                f"spectral weights decrease from number {first + 1}, {weights[first]:.6g}, to number {first + 2}, {weights[first + 1]:.6g}: "
                "worse losses must not count less, or the measure is not convex"
            )
        if abs(math.fsum(weights) - 1) > 1e-9:
            raise ObjectiveError(
                f"the spectral weights ({len(weights)} of them) sum to {math.fsum(weights):.12g}, not to 1; divide them by their sum"
            )
        object.__setattr__(self, "weights", tuple((weights / math.fsum(weights)).tolist()))

    @property
    def mixture(self) -> tuple[Array, Array]:
        """(levels, shares) of the CVaRs of which this is the mean."""
        bins = len(self.weights)
        share = np.diff(self.weights, prepend=0.0) * (bins - np.arange(bins))
        kept = share > 0
        return (np.arange(bins) / bins)[kept], share[kept]

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        levels, shares = self.mixture
        loss, most = m.loss, m.largest_loss
        chosen = [m.level() for _ in levels]
        above = m.excess(cp.vstack([loss - level for level in chosen]), np.tile(most, (len(levels), 1)))
        return sum(
            share * (level + above[k] @ m.probability / (1 - at))
            for k, (level, at, share) in enumerate(zip(chosen, levels, shares))
        )

    def of(self, loss: Array, probability: Array) -> float:
        # By the spectrum: the part of each loss's probability that falls into each bin, times the bin's density.
        order = np.argsort(loss, kind="stable")
        edges = np.minimum(np.concatenate(([0.0], np.cumsum(probability[order]))), 1.0)
        edges[-1] = 1.0
        reached = np.interp(edges, np.linspace(0, 1, len(self.weights) + 1), np.concatenate(([0.0], np.cumsum(self.weights))))
        return mean_of(loss[order], np.diff(reached))

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        levels, shares = self.mixture
        given = [None] * len(levels) if near is None or near.shape != (len(levels), len(loss)) else near / shares[:, None]
        weights = sum(
            (s * tail_weights(loss, probability, at, own) for at, s, own in zip(levels, shares, given)), start=np.zeros(len(loss))
        )
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (4 + 2 * self.weights[-1] * len(self.weights)) * UNIT * float(loss.max())

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, float(self.mixture[0][0]))

    def __str__(self) -> str:
        shown = ", ".join(f"{w:.4g}" for w in self.weights[:6])
        return f"Spectral([{shown}{', ...' if len(self.weights) > 6 else ''}])"


@dataclass(frozen=True, repr=False)
class WorstCase(RiskMeasure):
    """The largest total loss over the scenarios that have positive probability (quote currency)."""

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        return cp.max(m.loss[np.flatnonzero(m.probability > 0)])

    def of(self, loss: Array, probability: Array) -> float:
        return float(loss[probability > 0].max())

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        value = self.of(loss, probability)
        worst = np.where(loss == value, probability, 0.0) if near is None else np.where(probability > 0, np.maximum(near, 0.0), 0.0)
        weights = worst / worst.sum() if worst.sum() > 0 else probability
        return weights, slack_of(value, loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return 0.0

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, 1.0)


@dataclass(frozen=True, repr=False)
class AccountCVaR(Objective):
    """sum_i CVaR(loss beyond the equity of account i) (quote currency), 0 <= level < 1. NOT the CVaR of the total, but an upper bound on it.

    Each account has its own worst scenarios, so that it ignores which accounts fail together: its optimum is another one (THEORY 7).
    Isolated margin: water-filling minimises it too, being least for every convex function of the leverages (Thm 1).
    """

    level: float = 0.95

    def __post_init__(self) -> None:
        CVaR(self.level)

    def express(self, m: Any) -> Any:
        import cvxpy as cp

        most = m.largest_shortfall
        level = cp.Variable(most.shape[0], bounds=[0, most.max(axis=1)], name="levels")
        m.boxed.add(level.id)
        above = m.excess(m.shortfall - cp.reshape(level, (most.shape[0], 1), order="C") @ np.ones((1, most.shape[1])), most)
        return cp.sum(level) + cp.sum(above @ m.probability) / (1 - self.level)

    def value(self, m: Any) -> float:
        total, probability = [], m.probability
        for _, _, argument in m.arguments():
            shortfall = np.maximum(argument, 0.0)
            order = np.argsort(-shortfall, axis=1, kind="stable")
            used = np.minimum(np.cumsum(probability[order], axis=1), 1 - self.level)
            total.append((np.take_along_axis(shortfall, order, axis=1) * np.diff(used, axis=1, prepend=0.0)).sum(axis=1))
        return math.fsum(np.concatenate(total).tolist()) / (1 - self.level)

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        return fill(event)[0] if event.book.isolated else None

    def _weights(self, m: Symbols, near: Array | None) -> Array:
        """Each account's worst weights, (n, S); where nothing is lost, by the loss before equity, which decides next."""
        probability = m.probability
        return np.concatenate(
            [
                tail_weights(argument, probability, self.level, None if near is None else near[a:b])
                for a, b, argument in m.arguments()
            ]
        )

    def scenario_weights(self, m: Symbols, dual: Dual) -> Array | None:
        return dual.weights[0] if 0 in dual.weights else self._weights(m, None)

    def minorant(self, m: Symbols, dual: Dual) -> Minorant:
        weights = self._weights(m, dual.weights.get(0))
        below = scenario_support(
            m, weights, dual if dual.total is not None else replace(dual, total=self.scenario_weights(m, dual))
        )
        worst = evaluate(self, m)
        under = math.fsum(float((np.maximum(argument, 0.0) * weights[a:b]).sum()) for a, b, argument in m.arguments())
        return Minorant(below.slack + max(worst - under, 0.0), below.low, below.high, one_sided=False)

    def value_rounding(self, m: Symbols) -> float:
        most = math.fsum(float(np.maximum(argument.max(axis=1), 0.0).sum()) for _, _, argument in m.arguments())
        return scenario_rounding(m, self._weights(m, None)) + (4 + 2 / (1 - self.level)) * UNIT * most

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, self.level, coupled=False)
