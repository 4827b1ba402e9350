"""Every risk measure beside an independent definition of it, written from its textbook formula."""

import math
from fractions import Fraction

import numpy as np
from scipy.optimize import brentq, minimize_scalar

import adl_opt as adl


def _by_minimising(utility):
    """min_t t + E u(L - t), by brute force over t."""

    def value(loss, p):
        def at(t):
            return t + utility(loss - t) @ p

        grid = np.concatenate([np.linspace(loss.min() - 30, loss.max(), 400), loss])
        best = grid[np.argmin([at(t) for t in grid])]
        step = (loss.max() - loss.min() + 30) / 300
        return min(
            minimize_scalar(
                at, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-12}
            ).fun,
            at(best),
        )

    return value


def _cvar_in_fractions(level):
    """The mean of the worst 1 - level, in exact rational arithmetic: the edge of the tail counts in part."""

    def value(loss, p):
        left, total = 1 - Fraction(level), Fraction(0)
        for x, weight in sorted(zip(loss, p), reverse=True):
            part = min(left, Fraction(weight))
            total, left = total + part * Fraction(x), left - part
        return float(total / (1 - Fraction(level)))

    return value


def _quantile_integral(weights):
    """int q(u) h(u) du on a fine grid of exact pieces."""

    def value(loss, p):
        order = np.argsort(loss)
        edges = np.concatenate(([0.0], np.cumsum(p[order])))
        k = len(weights)
        total = 0.0
        for x, a, b in zip(loss[order], edges[:-1], edges[1:]):
            for j, w in enumerate(weights):
                total += x * w * k * max(min(b, (j + 1) / k) - max(a, j / k), 0.0)
        return total

    return value


def _shortfall_risk(scale):
    """The root of its defining inequality."""
    return lambda loss, p: brentq(
        lambda t: p @ np.maximum(1 + (loss - t) / scale, 0) ** 2 - 1,
        loss.min() - 1e-9,
        loss.max() + scale,
        xtol=1e-14,
    )


# measure, an independent definition of it written from its textbook formula
MEASURES = [
    (adl.CVaR(0.0), lambda loss, p: loss @ p),
    (adl.CVaR(0.7), _cvar_in_fractions(0.7)),
    (adl.CVaR(0.95), _cvar_in_fractions(0.95)),
    (adl.CVaR(0.999), _cvar_in_fractions(0.999)),
    (adl.Spectral((0.05, 0.1, 0.15, 0.3, 0.4)), _quantile_integral((0.05, 0.1, 0.15, 0.3, 0.4))),
    (adl.Spectral((0.0, 0.0, 0.3, 0.7)), _quantile_integral((0.0, 0.0, 0.3, 0.7))),
    (adl.WorstCase(), lambda loss, p: loss[p > 0].max()),
    (adl.Entropic(0.01), lambda loss, p: math.log(p @ np.exp(0.01 * loss)) / 0.01),
    (adl.Entropic(2.0), lambda loss, p: math.log(p @ np.exp(2 * loss)) / 2),
    (adl.OCE(4, 0.5), _by_minimising(lambda x: np.where(x > 0, 4 * x, 0.5 * x))),
    (adl.OCE(20, 0), _by_minimising(lambda x: 20 * np.maximum(x, 0))),
    (adl.OCE(1, 0.3), lambda loss, p: loss @ p),
    (adl.MonotoneMeanVariance(5.0), _by_minimising(lambda x: (np.maximum(1 + x / 5, 0) ** 2 - 1) * 2.5)),
    (adl.MonotoneMeanVariance(0.1), _by_minimising(lambda x: (np.maximum(1 + x / 0.1, 0) ** 2 - 1) * 0.05)),
    (adl.ShortfallRisk(3.0), _shortfall_risk(3.0)),
    (adl.ShortfallRisk(0.05), _shortfall_risk(0.05)),
    (
        adl.Expectile(0.8),
        lambda loss, p: brentq(
            lambda t: 0.8 * (p @ np.maximum(loss - t, 0)) - 0.2 * (p @ np.maximum(t - loss, 0)),
            loss.min() - 1,
            loss.max(),
            xtol=1e-14,
        ),
    ),
    (adl.MeanSemideviation(0.5), lambda loss, p: loss @ p + 0.5 * (p @ np.maximum(loss - loss @ p, 0))),
    (adl.MeanSemideviation(1.0), lambda loss, p: loss @ p + p @ np.maximum(loss - loss @ p, 0)),
]
ALL = [measure for measure, _ in MEASURES]
NAMES = [str(measure) for measure in ALL]


def losses(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Losses with ties and zeros, and weights of which one may be 0."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    loss = np.round(rng.lognormal(0, 1.0, n) * (rng.random(n) > 0.2), rng.integers(0, 8))
    weight = rng.random(n) * (rng.random(n) > 0.1) + 1e-3
    weight[rng.integers(n)] *= rng.random() > 0.5
    return loss, weight / weight.sum()
