"""Spectral measures of the total loss: mixtures of CVaRs (THEORY 2, 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.symbols import ProgramSymbols
from adl_opt.inputs import SUM_TO_ONE, holds_truth
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.cvar import tail_weights
from adl_opt.objectives.risk_measure import RiskMeasure, mean_of, slack_of
from adl_opt.waterfill.optimal_ranges import affine_around


@dataclass(frozen=True, repr=False)
class Spectral(RiskMeasure):
    """A weighted mean of the quantiles of the total loss, larger ones weighing more (quote currency).

    `weights` (K,), nondecreasing, summing to 1: weights[k] is the weight of the losses between the quantiles
    k/K and (k+1)/K. It is a mixture of CVaRs: that of level k/K with weight `(weights[k] - weights[k-1]) (K -
    k)`. Raises ObjectiveError for weights that are negative, decrease or do not sum to 1 within 1e-9.

    Source: Acerbi (2002), Journal of Banking and Finance 26(7), 1505-1518; THEORY 2, THEORY 7.

    >>> loss, probability = np.array([0.0, 10.0, 100.0, 200.0]), np.full(4, 0.25)
    >>> round(adl.Spectral((0.1, 0.2, 0.3, 0.4)).of(loss, probability), 6)  # 0.2 x 10 + 0.3 x 100 + 0.4 x 200
    112.0
    """

    weights: tuple[float, ...] = (0.05, 0.1, 0.15, 0.3, 0.4)
    formula = "mean of the quantiles of L, weighted as {0}"

    def __post_init__(self) -> None:
        given = self.weights
        try:
            weights = np.atleast_1d(np.asarray(given, float)) if not holds_truth(given) else None
        except (TypeError, ValueError, OverflowError):
            weights = None
        if weights is None:
            raise ObjectiveError(
                f"weights = {given!r}: spectral weights are numbers, nondecreasing, that sum to 1"
            )
        if weights.ndim != 1 or not weights.size or not np.isfinite(weights).all():
            raise ObjectiveError(
                f"weights of shape {weights.shape}: spectral weights are a list of finite numbers, "
                "nondecreasing, that sum to 1"
            )
        if (weights < 0).any():
            first = int(np.argmax(weights < 0))
            raise ObjectiveError(
                f"{(weights < 0).sum()} of {len(weights)} spectral weights are negative, first number "
                f"{first + 1}: {weights[first]:.6g}; they are at least 0"
            )
        if (np.diff(weights) < 0).any():
            first = int(np.argmax(np.diff(weights) < 0))
            raise ObjectiveError(
                f"spectral weights decrease from number {first + 1}, {weights[first]:.6g}, to number "
                f"{first + 2}, {weights[first + 1]:.6g}: "
                "worse losses must not count less, or the measure is not convex"
            )
        if abs(math.fsum(weights) - 1) > SUM_TO_ONE:
            raise ObjectiveError(
                f"the spectral weights ({len(weights)} of them) sum to {math.fsum(weights):.12g}, not to "
                "1; divide them by their sum"
            )
        object.__setattr__(self, "weights", tuple((weights / math.fsum(weights)).tolist()))

    @property
    def mixture(self) -> tuple[Array, Array]:
        """(levels, shares) of the CVaRs of which this is the mean."""
        bins = len(self.weights)
        share = np.diff(self.weights, prepend=0.0) * (bins - np.arange(bins))
        kept = share > 0
        return (np.arange(bins) / bins)[kept], np.asarray(share[kept], float)

    def express(self, m: ProgramSymbols) -> Any:
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
        # By the spectrum: the part of each loss's probability that falls into each bin, times the bin's
        # density.
        order = np.argsort(loss, kind="stable")
        edges = np.minimum(np.concatenate(([0.0], np.cumsum(probability[order]))), 1.0)
        edges[-1] = 1.0
        reached = np.interp(
            edges, np.linspace(0, 1, len(self.weights) + 1), np.concatenate(([0.0], np.cumsum(self.weights)))
        )
        return mean_of(loss[order], np.diff(reached))

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        levels, shares = self.mixture
        given = (
            [None] * len(levels)
            if near is None or near.shape != (len(levels), len(loss))
            else near / shares[:, None]
        )
        weights = sum(
            (s * tail_weights(loss, probability, at, own) for at, s, own in zip(levels, shares, given)),
            start=np.zeros(len(loss)),
        )
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return (4 + 2 * self.weights[-1] * len(self.weights)) * UNIT * float(loss.max())

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, float(self.mixture[0][0]))

    def __str__(self) -> str:
        shown = ", ".join(f"{w:.4g}" for w in self.weights[:6])
        return f"Spectral([{shown}{', ...' if len(self.weights) > 6 else ''}])"
