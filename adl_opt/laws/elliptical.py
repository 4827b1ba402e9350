"""Elliptical laws of relative price moves: Gaussian and Student t, with their closed-form expected shortfall
(THEORY 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.inputs import ask_spread
from adl_opt.laws.annual import annual
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.covariance import REGULAR, matrix_of
from adl_opt.laws.panel import (
    Facts,
    Numbers,
    correlation_of_covariance,
    correlations,
    described,
    numbers,
    percent,
)
from adl_opt.laws.sampling import frame_like, gauss_hermite, root
from adl_opt.laws.validation import frozen, set_fields, vector_of
from adl_opt.numerics import lapack
from adl_opt.numerics.tail_integrals import UNIT, normal_excess, normal_log_excess, normal_tail
from adl_opt.text import two_lines


@dataclass(frozen=True, init=False, eq=False)
class Gaussian(Law):
    """Normally distributed relative price moves.

    - `covariance` (d, d): of the moves over the horizon; a DataFrame or nested dict by label, an array, a
      FactorModel, or one number (one asset)
    - `mean` (d,): of the moves, 0 by default
    - `meant`: True says that a standard deviation above 2 (200 %), a mean above 2 or below -1 is right, which
      is asked about else

    Expected shortfalls have a closed form, for any number of assets. Raises LawError for a covariance that is
    not symmetric or has a negative eigenvalue (named), and for what looks like percent.

    Source: THEORY 4.

    >>> law = adl.Gaussian({"BTC": {"BTC": 0.01, "ETH": 0.008}, "ETH": {"BTC": 0.008, "ETH": 0.01}})
    >>> alone, hedged = law.expected_shortfall([[-1000.0, 0.0], [-1000.0, 1000.0]], [100.0, 100.0])
    >>> round(float(alone), 3), round(float(hedged), 3)  # quote currency
    (8.332, 1.537)
    """

    scale: Array  # the covariance of Gaussian moves, the scale matrix of others
    mean: Array
    assets: tuple[str, ...] | None
    _name: ClassVar[str] = "covariance"
    _spread: ClassVar[str] = "standard deviation"

    def __init__(self, covariance: Any, mean: Any = None, *, meant: bool = False) -> None:
        matrix, assets = matrix_of(covariance, self._name)
        centre = vector_of(mean, assets, len(matrix), "mean", 0.0)
        if not meant:
            ask_spread(np.sqrt(np.maximum(np.diag(matrix), 0.0)), centre, self._spread, assets)
        set_fields(self, scale=frozen(matrix), mean=frozen(centre), assets=assets)

    @classmethod
    def annual(
        cls,
        volatility: Any,
        correlation: Any = None,
        horizon: Any = None,
        mean: Any = None,
        *,
        meant: bool = False,
    ) -> Self:
        """The law in the words of LogNormal: volatilities a year, correlations, a horizon.

        - `volatility` (d,): yearly, 0.6 = 60 %; `correlation`: a matrix (d, d) or one number for all pairs;
          `horizon`: in years; `mean` (d,): of the moves a year, 0 by default; `meant`: as of LogNormal

        Returns the law of relative moves over the horizon. Raises LawError as LogNormal and Gaussian do.

        >>> law = adl.Gaussian.annual({"BTC": 0.6, "ETH": 0.75}, correlation=0.85, horizon=10 / 365)
        >>> (law.covariance * 365 / 10).round(4).tolist()
        [[0.36, 0.3825], [0.3825, 0.5625]]
        """
        given = annual(volatility, correlation, horizon, meant)
        return cls(given.covariance, given.over_horizon(mean), meant=meant)

    @property
    def dimension(self) -> int:
        return len(self.mean)

    @property
    def covariance(self) -> Array:
        """Of the moves, (d, d). Raises LawError where it is not finite."""
        return self.scale

    def __repr__(self) -> str:
        return two_lines(f"{type(self).__name__}({self._words()})")

    def _words(self) -> str:
        return f"{described(self)}; {self._spread} {numbers(np.sqrt(np.diag(self.scale)))}"

    def _said(self) -> tuple[Facts, Numbers]:
        spread = {"mean": self.mean, self._spread: np.sqrt(np.diag(self.scale))}
        by_asset: Numbers = {name: ("% of the price", percent(values)) for name, values in spread.items()}
        return [], by_asset | correlations(self, correlation_of_covariance(self.scale))

    def quadrature(self, order: int) -> Scenarios:
        """Tensor Gauss-Hermite with order^d nodes, d <= 3; exact for polynomials of degree 2 order - 1."""
        nodes, probability = gauss_hermite(order, self.dimension)
        return Scenarios(
            frame_like(self.mean + nodes @ root(self.scale).T, self.assets), probability, meant=True
        )

    def shortfall_terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """h = s m(z) - e P(T > z), z = e/s, e = equity + notional.mean, s^2 = notional' covariance notional
        (THEORY 4).

        Curvature m(z)/s (C - b b') + f(z)/s (z b - mean)(z b - mean)', b = C notional / s, C the scale
        matrix, f the density of T; 0 where nothing moves.
        """
        if wanted < 2 and asset.shape[0] and asset.strides[0] == 0:  # every account over the same assets
            return self._terms(
                notional, notional @ self.scale[np.ix_(asset[0], asset[0])], self.mean[asset], equity, wanted
            )
        return self.terms_on(asset)(notional, equity, wanted)

    def terms_on(self, asset: Index) -> Callable[[Array, Array, int], tuple[Array, ...]]:
        # Entry by entry over all accounts: arrays (n,) in a row are what numpy is fast at.
        m = asset.shape[1]
        flat = np.ascontiguousarray(asset.T)
        block = np.empty((m, m, len(asset)))
        for k in range(m):
            for j in range(m):
                block[k, j] = self.scale[flat[k], flat[j]]
        mean = self.mean[flat].T

        def terms(notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
            direction = np.zeros(flat.shape)
            for k in range(m):
                for j in range(m):
                    direction[k] += block[k, j] * notional[:, j]
            return self._terms(notional, direction.T, mean, equity, wanted, block)

        return terms

    def _terms(
        self,
        notional: Array,
        direction: Array,
        mean: Array,
        equity: Array,
        wanted: int,
        block: Array | None = None,
    ) -> tuple[Array, ...]:
        """Terms from direction = C notional (n, m), mean (n, m) and, for curvatures, block (m, m, n) of C."""
        s = np.sqrt(np.maximum((notional * direction).sum(axis=1), 0.0))
        drift = bool(self.mean.any())
        cushion = equity + (notional * mean).sum(axis=1) if drift else equity
        moving = s > 0
        scale = np.where(moving, s, 1.0)
        z = cushion / scale
        terms = [np.where(moving, scale * self._excess(z), np.maximum(-cushion, 0.0))]
        if wanted >= 1:
            first, tail = self._tail(z)
            slope = np.where(moving, first / scale, 0.0)[:, None] * direction
            if drift:
                slope = slope - np.where(moving, tail, cushion < 0)[:, None] * mean
            terms.append(slope)
        if wanted >= 2 and block is not None:
            m = len(block)
            first, density = (
                np.where(moving, first / scale, 0.0),
                np.where(moving, self._density(z) / scale, 0.0),
            )
            unit = [direction[:, k] / scale for k in range(m)]
            tilt = [z * u - mean[:, k] if drift else z * u for k, u in enumerate(unit)]
            curvature = np.empty_like(block)
            for k in range(m):
                for j in range(k + 1):
                    curvature[k, j] = first * (block[k, j] - unit[k] * unit[j]) + density * tilt[k] * tilt[j]
                    curvature[j, k] = curvature[k, j]
            terms.append(curvature.transpose(2, 0, 1))
        return tuple(terms)

    def shortfall_rounding(self, asset: Index, notional: Array, equity: Array) -> Array:
        """By the deviation, whose square cancels where positions hedge one another, by the tail, and by the
        value itself (THEORY 11.1).
        """
        m = asset.shape[1]
        block = self.scale[asset[:, :, None], asset[:, None, :]]
        size = np.abs(notional)
        square = np.einsum("nk,nkj,nj->n", notional, block, notional)
        gross = np.einsum("nk,nkj,nj->n", size, np.abs(block), size)
        s = np.sqrt(np.maximum(square, 0.0))
        # Where all of the square is rounding, its root may be off by the root of the gross.
        s = np.maximum(s, np.sqrt(UNIT * gross))
        condition = np.divide(gross, s**2, out=np.ones_like(s), where=s > 0)
        drift = np.abs(self.mean[asset] * notional).sum(axis=1)
        scale = np.where(s > 0, s, 1.0)
        z = np.where(s > 0, (equity + (notional * self.mean[asset]).sum(axis=1)) / scale, np.inf)
        first, tail = self._tail(np.minimum(z, 1e150))
        spread = (4 + (m + 2) * condition) * first * s
        return UNIT * (spread + (m + 3) * tail * (equity + drift) + 8 * s * self._excess(z))

    def log_expected_shortfall(self, exposure: Array, equity: Array) -> Array:
        """The natural logarithm of `expected_shortfall`, (n,): it tells safe accounts apart where the
        shortfall itself is too small for a float.

        -inf where nothing can be lost. exposure (n, d) signed notional, equity (n,).
        """
        exposure, equity = np.asarray(exposure, float), np.asarray(equity, float)
        s = np.sqrt(np.maximum(((exposure @ self.scale) * exposure).sum(axis=1), 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (equity + exposure @ self.mean) / s
            plain = np.log(self.expected_shortfall(exposure, equity))
            return np.where(s > 0, np.log(s) + self._log_excess(np.where(s > 0, z, 0.0)), plain)

    def elliptical_form(self) -> Gaussian:
        return self

    def mean_of_moves(self) -> Array | None:
        return self.mean

    def covariance_of_moves(self) -> Array | None:
        return self.scale

    def move_size(self) -> tuple[Array, Array]:
        return np.sqrt(np.diag(self.scale)), self.mean

    def convex_where(self, asset: Index, notional: Array, equity: Array) -> Mask:
        own = np.sqrt(np.diag(self.scale))
        scaled = self.scale / np.outer(own, own) if own.all() else np.zeros((1, 1))
        return np.full(
            len(equity), lapack.least_eigenvalue(scaled) > REGULAR
        )  # a singular matrix has an eigenvalue that is rounding

    def tail_terms(self, z: Array) -> tuple[Array, Array]:
        """(m(z), P(T > z)) of the symmetric factor T, where m(z) = E T 1(T > z); z of any shape."""
        return self._tail(z)

    def support_interval(self, k: int) -> tuple[float, float] | None:
        return (-np.inf, np.inf) if self.scale[k, k] > 0 else (float(self.mean[k]), float(self.mean[k]))

    def _tail(self, z: Array) -> tuple[Array, Array]:
        return normal_tail(z)

    def _excess(self, z: Array) -> Array:
        return normal_excess(z)

    def _log_excess(self, z: Array) -> Array:
        return normal_log_excess(z)

    def _density(self, z: Array) -> Array:
        return normal_tail(z)[0]  # of a normal, m(z) is the density

    def _take(self, index: Index, assets: tuple[str, ...]) -> Self:
        law = object.__new__(type(self))
        set_fields(
            law,
            **{
                **self.__dict__,
                "scale": self.scale[np.ix_(index, index)],
                "mean": self.mean[index],
                "assets": assets,
            },
        )
        return law

    def _draw(self, uniforms: Array) -> Array:
        from scipy.special import ndtri

        return self.mean + ndtri(uniforms) @ root(self.scale).T
