"""Lognormal prices: Black and Scholes for one position, one price analytically and the others by quadrature
for more (THEORY 8.6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.inputs import ask_spread
from adl_opt.laws import black_scholes
from adl_opt.laws.annual import annual
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.covariance import REGULAR
from adl_opt.laws.netting import Terms, on_nets, repeats
from adl_opt.laws.panel import Facts, Numbers, correlations, described, numbers, percent
from adl_opt.laws.sampling import frame_like, gauss_hermite, generator, root, sobol
from adl_opt.laws.validation import frozen, set_fields, vector_of, whole_number
from adl_opt.numerics import lapack
from adl_opt.text import two_lines

_REPLICATES = 8  # independent scrambles whose spread is the error of an estimate


@dataclass(frozen=True, init=False, eq=False)
class LogNormal(Law):
    """Lognormal prices, as in the formula of Black and Scholes; without drift unless one is given.

    Moves `R_k = exp(m_k T + v_k sqrt(T) Z_k - v_k^2 T / 2) - 1` with jointly normal Z.

    - `volatility` v (d,): yearly, a pure number (0.6 = 60 %); a Series or dict by label, a bare array, or one
      number (one asset)
    - `correlation` of Z: a matrix (d, d), or one number for all pairs; may be None for one asset
    - `horizon` T: in years (10 / 365); `mean` m (d,): drift a year, 0 by default: prices grow to `exp(m T)`
    - `meant`: True says that a volatility above 10 (1,000 % a year) or a horizon above 2 years is right,
      which is asked about else

    Expected shortfalls are exact for accounts of at most three positions. Raises LawError for what looks like
    a slip, volatility or horizon <= 0, or a correlation that is not positive semidefinite (eigenvalue named).

    Source: Black, Scholes (1973), Journal of Political Economy 81(3), 637-654; THEORY 8.6.

    >>> law = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, correlation=0.85, horizon=10 / 365)
    >>> law.expected_shortfall([[-8000.0, 0.0], [-8000.0, 6000.0]], [1000.0, 1000.0]).round(2).tolist()
    [48.61, 1.89]
    """

    volatility: Array
    correlation: Array
    horizon: float
    mean: Array  # a year
    assets: tuple[str, ...] | None
    inverse: Mask  # (d,) assets whose holders gain R / (1 + R), in coin (Law.on_inverse)
    batch_size: ClassVar[int] = 64  # nodes are many

    def __init__(
        self,
        volatility: Any,
        correlation: Any = None,
        horizon: Any = None,
        mean: Any = None,
        *,
        meant: bool = False,
    ) -> None:
        given = annual(volatility, correlation, horizon, meant)
        drift = vector_of(mean, given.assets, len(given.volatility), "mean", 0.0)
        if not meant:
            over = np.expm1(np.minimum(drift * given.horizon, 700.0))
            ask_spread(np.zeros(len(drift)), over, "mean", given.assets)
        set_fields(
            self,
            volatility=frozen(given.volatility),
            correlation=frozen(given.correlation),
            horizon=given.horizon,
            mean=frozen(drift),
            assets=given.assets,
            inverse=np.zeros(len(given.volatility), dtype=bool),
        )

    @property
    def dimension(self) -> int:
        return len(self.volatility)

    @property
    def deviation(self) -> Array:
        """Standard deviation of the log move over the horizon, (d,)."""
        return self.volatility * math.sqrt(self.horizon)

    @property
    def drift(self) -> Array:
        """Of the log of the mean price over the horizon, (d,)."""
        return self.mean * self.horizon

    def __repr__(self) -> str:
        mean = f", mean {numbers(self.mean)} a year" if self.mean.any() else ""
        return two_lines(
            f"LogNormal({described(self)}; volatility {numbers(self.volatility)} a year{mean}, "
            f"horizon {self.horizon:.4g} years)"
        )

    def _said(self) -> tuple[Facts, Numbers]:
        days = f"{365 * self.horizon:.4g} days ({self.horizon:.4g} years)"
        by_asset: Numbers = {
            "volatility": ("% a year", percent(self.volatility)),
            "standard deviation": ("% over the horizon, of the log price", percent(self.deviation)),
        }
        if self.mean.any():
            by_asset["mean"] = ("% over the horizon", percent(self.mean_of_moves()))
        return [("horizon", days)], by_asset | correlations(self, self.correlation)

    def quadrature(self, order: int) -> Scenarios:
        """The law as order^d weighted moves by Gauss-Hermite's rule, in d <= 3 assets.

        `order`: points an asset, on the Cholesky factor of the correlation in asset order. Returns Scenarios.
        Raises LawError for more assets.

        Source: THEORY 8.6 (what it does to an optimum).

        >>> len(adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(20).moves)
        400
        """
        nodes, probability = gauss_hermite(order, self.dimension)
        moves = frame_like(self._moves(nodes), self.assets)
        return Scenarios(moves, probability, meant=True).said_inverse(self.inverse)

    def shortfall_terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """Exact to about a relative 1e-10 (tested to 1e-9) for accounts of at most three positions (a tenth
        of a millisecond an account of two, four of three), where prices do not determine one another; else
        LawError.
        """
        return on_nets(asset, self._exact)(notional, equity, wanted)

    def _exact(self, asset: Index) -> Terms:
        return lambda notional, equity, wanted: self._terms(asset, notional, equity, wanted)

    def _terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        held = np.count_nonzero(notional, axis=1)
        if wanted or notional.shape[1] == 0:
            terms = black_scholes.integrated(self._accounts(asset, notional, equity), wanted)
            return self._of_long(asset, terms)
        # Positions of nothing have a slope, but no part in the value.
        value = np.zeros(len(equity))
        order = np.argsort(notional == 0, axis=1, kind="stable")
        asset, notional = (
            np.take_along_axis(asset, order, axis=1),
            np.take_along_axis(notional, order, axis=1),
        )
        for m in np.unique(held[held > 0]):
            mine = held == m
            value[mine] = black_scholes.integrated(
                self._accounts(asset[mine, :m], notional[mine, :m], equity[mine]), 0
            )[0]
        return (value,)

    def terms_on(self, asset: Index) -> Callable[[Array, Array, int], tuple[Array, ...]]:
        return on_nets(asset, lambda assets: self._integrator(assets, rougher=0))

    def rough_terms_on(self, asset: Index) -> Callable[[Array, Array, int], tuple[Array, ...]]:
        return on_nets(asset, lambda assets: self._integrator(assets, rougher=1))

    def _integrator(self, asset: Index, rougher: int) -> Terms:
        integrator, sign = black_scholes.CachedIntegrator(self._prices(asset), rougher), self._sign[asset]
        return lambda notional, equity, wanted: self._of_long(
            asset, integrator(sign * notional, equity, wanted)
        )

    def _of_long(self, asset: Index, terms: tuple[Array, ...]) -> tuple[Array, ...]:
        """Slope and curvature in notionals held long, from those in what the integrated prices multiply."""
        if not self.inverse.any():
            return terms
        sign = self._sign[asset]
        factors = (1.0, sign, sign[:, :, None] * sign[:, None, :])
        return tuple(factor * term for factor, term in zip(factors, terms))

    def shortfall_and_slope(self, exposure: Array, equity: Array) -> tuple[Array, Array]:
        """The expected shortfall (n,) and its gradient (n, d) in the positions that an account holds; nan in
        the others, where it is not computed.
        """
        value, gradient = np.zeros(len(equity)), np.full_like(exposure, np.nan)
        held = np.count_nonzero(exposure, axis=1)
        order = np.argsort(exposure == 0, axis=1, kind="stable")
        for m in np.unique(held):
            rows = np.flatnonzero(held == m)
            asset = order[rows, :m]
            terms = self.shortfall_terms(asset, exposure[rows[:, None], asset], equity[rows], 1)
            value[rows], gradient[rows[:, None], asset] = terms
        return value, gradient

    def estimated_shortfall(
        self, exposure: Array, equity: Array, points: int = 4096, seed: int | np.random.Generator = 1
    ) -> tuple[Array, Array]:
        """Expected shortfalls of accounts of any number of positions, (n,), with their standard errors, (n,).

        `exposure` (n, d) signed notional, long > 0, and `equity` (n,), quote currency, as is what is
        returned. One price is integrated analytically, the others by `points` scrambled Sobol points in each
        of eight independent scrambles, whose spread gives the error; `seed` as in `sample`. Accounts of at
        most three positions have `expected_shortfall`, which is exact. A shortfall rarer than one in `points`
        may be seen by none of them, and is then missing in value and error. Raises LawError for points < 1 or
        a singular correlation.

        >>> law = adl.LogNormal([0.6, 0.75, 0.9, 1.2], 0.85, 10 / 365)
        >>> value, error = law.estimated_shortfall(np.full((1, 4), -3000.0), np.array([1000.0]))
        >>> round(float(value[0])), bool(error[0] < 0.1)  # quote currency
        (288, True)
        """
        points = whole_number(points)
        exposure, equity = (
            np.atleast_2d(np.asarray(exposure, float)),
            np.atleast_1d(np.asarray(equity, float)),
        )
        value, error = np.zeros(len(equity)), np.zeros(len(equity))
        held = np.count_nonzero(exposure, axis=1)
        order = np.argsort(exposure == 0, axis=1, kind="stable")
        rng = generator(seed)
        for m in np.unique(held[held > 0]):
            rows = np.flatnonzero(held == m)
            asset = order[rows, :m]
            accounts = self._accounts(asset, exposure[rows[:, None], asset], equity[rows])
            if m == 1:
                value[rows] = black_scholes.integrated(accounts, 0)[0]
                continue
            drawn = [
                black_scholes.estimated(accounts, _normals(points, int(m) - 1, rng))
                for _ in range(_REPLICATES)
            ]
            value[rows], error[rows] = (
                np.mean(drawn, axis=0),
                np.std(drawn, axis=0, ddof=1) / math.sqrt(_REPLICATES),
            )
        return value, error

    def mean_of_moves(self) -> Array:
        return self._sign * np.expm1(self._drift)

    def covariance_of_moves(self) -> Array:
        scale = self._sign * np.exp(self._drift)
        spread = self._sign * self.deviation
        return np.outer(scale, scale) * np.expm1(self.correlation * np.outer(spread, spread))

    def log_covariance(self) -> tuple[Array, Array]:
        return self.correlation * np.outer(self.deviation, self.deviation), self.volatility

    def convex_where(self, asset: Index, notional: Array, equity: Array) -> Mask:
        # Prices have a density on all of (0, inf): a shortfall that can happen depends strictly on what is
        # held.
        regular = lapack.least_eigenvalue(self.correlation) > REGULAR
        held = self._sign[asset] * notional
        return regular & ~repeats(asset) & ((held < 0).any(axis=1) | (held.sum(axis=1) > equity))

    @property
    def _sign(self) -> Array:
        """What a unit of notional held long holds of each integrated price: -1 of the coin value 1 / S."""
        return np.where(self.inverse, -1.0, 1.0)

    @property
    def _drift(self) -> Array:
        """Of the log of the mean of each integrated price: of S the drift, of 1 / S v^2 T less the drift."""
        return np.where(self.inverse, self.deviation**2 - self.drift, self.drift)

    def _prices(self, asset: Index) -> black_scholes.Prices:
        one, other = asset[:, :, None], asset[:, None, :]
        correlation = self.correlation[one, other] * self._sign[one] * self._sign[other]
        return black_scholes.Prices(self.deviation[asset], self._drift[asset], correlation)

    def _accounts(self, asset: Index, notional: Array, equity: Array) -> black_scholes.Accounts:
        return black_scholes.prepared(self._sign[asset] * notional, equity, self._prices(asset))

    def on_inverse(self, inverse: Mask) -> LogNormal:
        """Exactly: the coin value 1 / S of a lognormal price S is lognormal too."""
        law = copy(self)
        set_fields(law, inverse=np.array(inverse))
        return law

    def support_interval(self, k: int) -> tuple[float, float] | None:
        return (-math.inf, 1.0) if self.inverse[k] else (-1.0, math.inf)

    def _moves(self, normals: Array) -> Array:
        """Moves R of prices, or what holders gain, R / (1 + R) = 1 - 1 / S, of inverse contracts."""
        log = normals @ root(self.correlation).T * self.deviation + self.drift - self.deviation**2 / 2
        return self._sign * np.expm1(self._sign * log)

    def _take(self, index: Index, assets: tuple[str, ...]) -> LogNormal:
        law = object.__new__(LogNormal)
        correlation = self.correlation[np.ix_(index, index)]
        set_fields(
            law,
            volatility=self.volatility[index],
            correlation=correlation,
            horizon=self.horizon,
            mean=self.mean[index],
            assets=assets,
            inverse=self.inverse[index],
        )
        return law

    def _draw(self, uniforms: Array) -> Array:
        from scipy.special import ndtri

        return self._moves(ndtri(uniforms))


def _normals(points: int, d: int, rng: np.random.Generator) -> Array:
    from scipy.special import ndtri

    return ndtri(sobol(points, d, rng))
