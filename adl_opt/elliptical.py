"""Elliptical laws of relative price moves: Gaussian and Student t, with their closed-form expected shortfall (THEORY 4)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .errors import LawError
from .lawinput import frozen, matrix_of, vector_of
from .laws import Law, Scenarios, described, set_fields
from .nodes import frame_like, gauss_hermite, root
from .shortfall import normal_excess, normal_tail, student_excess, student_tail

Array = NDArray[np.float64]


@dataclass(frozen=True, init=False, eq=False)
class Gaussian(Law):
    """Normal relative moves: covariance (d, d) over the horizon, mean (d,) (default 0).

    covariance may be a DataFrame or a nested dict (labels), an array, a FactorModel, or one number (one asset).
    Raises LawError if it is not symmetric or has a negative eigenvalue (named).
    """

    covariance: Array
    mean: Array
    assets: tuple[str, ...] | None
    _name: ClassVar[str] = "covariance"

    def __init__(self, covariance: Any, mean: Any = None) -> None:
        matrix, assets = matrix_of(covariance, self._name)
        set_fields(self, covariance=frozen(matrix), mean=frozen(vector_of(mean, assets, len(matrix), "mean", 0.0)), assets=assets)

    @property
    def dimension(self) -> int:
        return len(self.mean)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({described(self)})"

    def quadrature(self, order: int) -> "Scenarios":
        """Tensor Gauss-Hermite with order^d nodes, d <= 3; exact for polynomials of degree 2 order - 1."""
        nodes, probability = gauss_hermite(order, self.dimension)
        return Scenarios(frame_like(self.mean + nodes @ root(self.covariance).T, self.assets), probability)

    def shortfall_terms(self, asset: NDArray[np.int_], notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """h = s m(z) - e P(T > z), z = e/s, e = equity + notional.mean, s^2 = notional' covariance notional (THEORY 4).

        Curvature m(z)/s (C - b b') + f(z)/s (z b - mean)(z b - mean)', b = C notional / s, C the scale matrix, f the density of T; 0 where nothing moves.
        """
        if asset.shape[0] and asset.strides[0] == 0:  # every account over the same assets
            direction = notional @ self.covariance[np.ix_(asset[0], asset[0])]
        else:
            direction = sum(self.covariance[asset, asset[:, k, None]] * notional[:, k, None] for k in range(asset.shape[1]))
            direction = np.zeros_like(notional) + direction
        mean = self.mean[asset]
        s = np.sqrt(np.maximum((notional * direction).sum(axis=1), 0.0))
        cushion = equity + (notional * mean).sum(axis=1)
        moving = s > 0
        scale = np.where(moving, s, 1.0)
        z = cushion / scale
        terms = [np.where(moving, scale * self._excess(z), np.maximum(-cushion, 0.0))]
        if wanted >= 1:
            first, tail = self._tail(z)
            slope = (first / scale)[:, None] * direction - tail[:, None] * mean
            terms.append(np.where(moving[:, None], slope, -np.where(cushion < 0, 1.0, 0.0)[:, None] * mean))
        if wanted >= 2:
            unit = direction / scale[:, None]
            tilt = z[:, None] * unit - mean
            first, density = self._tail(z)[0] / scale, self._density(z) / scale
            flat = self.covariance[asset[:, :, None], asset[:, None, :]] - unit[:, :, None] * unit[:, None, :]
            curvature = first[:, None, None] * flat + density[:, None, None] * tilt[:, :, None] * tilt[:, None, :]
            terms.append(np.where(moving[:, None, None], curvature, 0.0))
        return tuple(terms)

    def covariance_of_moves(self) -> Array | None:
        return self.covariance

    def convex_where(self, asset: NDArray[np.int_], notional: Array, equity: Array) -> NDArray[np.bool_]:
        own = np.sqrt(np.diag(self.covariance))
        scaled = self.covariance / np.outer(own, own) if own.all() else np.zeros((1, 1))
        return np.full(len(equity), np.linalg.eigvalsh(scaled)[0] > 1e-12)  # a singular matrix has an eigenvalue that is rounding

    def tail_terms(self, z: Array) -> tuple[Array, Array]:
        """(m(z), P(T > z)) of the symmetric factor T, where m(z) = E T 1(T > z); z of any shape."""
        return self._tail(z)

    def reach(self, k: int) -> tuple[float, float] | None:
        return (-np.inf, np.inf) if self.covariance[k, k] > 0 else (float(self.mean[k]), float(self.mean[k]))

    def _tail(self, z: Array) -> tuple[Array, Array]:
        return normal_tail(z)

    def _excess(self, z: Array) -> Array:
        return normal_excess(z)

    def _density(self, z: Array) -> Array:
        return normal_tail(z)[0]  # of a normal, m(z) is the density

    def _take(self, index: NDArray[np.int_], assets: tuple[str, ...]) -> Self:
        law = object.__new__(type(self))
        set_fields(
            law,
            **{**self.__dict__, "covariance": self.covariance[np.ix_(index, index)], "mean": self.mean[index], "assets": assets},
        )
        return law

    def _draw(self, uniforms: Array) -> Array:
        from scipy.special import ndtri

        return self.mean + ndtri(uniforms) @ root(self.covariance).T


@dataclass(frozen=True, init=False, eq=False, repr=False)
class StudentT(Gaussian):
    """Multivariate Student t moves: scale (d, d) is the scale matrix (covariance = scale dof/(dof-2)), dof > 1, mean (d,).

    Raises LawError as Gaussian does, and for dof <= 1, where the expected loss is infinite.
    """

    dof: float
    _name: ClassVar[str] = "scale"

    def __init__(self, scale: Any, dof: float, mean: Any = None) -> None:
        if not (np.isfinite(dof) and dof > 1):
            raise LawError(f"dof = {dof!r}: Student t needs more than 1 degree of freedom, or its mean is not finite")
        super().__init__(scale, mean)
        set_fields(self, dof=float(dof))

    def quadrature(self, order: int) -> "Scenarios":
        return Law.quadrature(self, order)

    def covariance_of_moves(self) -> Array | None:
        return self.covariance * self.dof / (self.dof - 2) if self.dof > 2 else None

    def _tail(self, z: Array) -> tuple[Array, Array]:
        return student_tail(z, self.dof)

    def _excess(self, z: Array) -> Array:
        return student_excess(z, self.dof)

    def _density(self, z: Array) -> Array:
        return student_tail(z, self.dof)[0] * (self.dof - 1) / (self.dof + z**2)

    @property
    def _uniforms(self) -> int:
        return self.dimension + 1

    def _draw(self, uniforms: Array) -> Array:
        from scipy.special import gammaincinv, ndtri

        chi2 = 2 * gammaincinv(self.dof / 2, uniforms[:, -1:])
        return self.mean + ndtri(uniforms[:, :-1]) * 1.0 @ root(self.covariance).T / np.sqrt(chi2 / self.dof)
