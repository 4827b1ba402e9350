"""The Student t law of relative price moves: fat tails, with closed-form expected shortfalls (THEORY 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import LawError
from adl_opt.laws.annual import annual
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.elliptical import Gaussian
from adl_opt.laws.panel import Facts, Numbers
from adl_opt.laws.sampling import root
from adl_opt.laws.validation import set_fields
from adl_opt.numerics.tail_integrals import student_excess, student_tail


@dataclass(frozen=True, init=False, eq=False, repr=False)
class StudentT(Gaussian):
    """Relative price moves with fat tails: multivariate Student t.

    - `scale` (d, d): the scale matrix (the covariance is scale dof / (dof - 2) for dof > 2), in the forms
      that Gaussian takes
    - `dof` > 1: degrees of freedom; the fewer, the fatter the tails
    - `mean` (d,), `meant`: as of Gaussian

    Expected shortfalls have a closed form, for any number of assets. Raises LawError as Gaussian does, and
    for dof <= 1, where the expected loss is infinite.

    Source: THEORY 4.

    >>> fat, thin = adl.StudentT(0.005, dof=4), adl.Gaussian(0.01)  # one variance
    >>> [round(float(law.expected_shortfall([[-1000.0]], [400.0])[0]), 4) for law in (fat, thin)]
    [0.3469, 0.0007]
    """

    dof: float
    _name: ClassVar[str] = "scale"
    _spread: ClassVar[str] = "scale"

    def __init__(self, scale: Any, dof: float, mean: Any = None, *, meant: bool = False) -> None:
        if (
            isinstance(dof, bool)
            or not isinstance(dof, (int, float, np.integer, np.floating))
            or not (np.isfinite(dof) and dof > 1)
        ):
            raise LawError(
                f"dof = {dof!r}: Student t needs more than 1 degree of freedom, or its mean is not finite"
            )
        super().__init__(scale, mean, meant=meant)
        set_fields(self, dof=float(dof))

    @classmethod
    def annual(
        cls,
        volatility: Any,
        correlation: Any = None,
        horizon: Any = None,
        mean: Any = None,
        dof: float | None = None,
        *,
        meant: bool = False,
    ) -> Self:
        """As Gaussian.annual, with fat tails: volatilities are standard deviations of the moves.

        - `dof` > 2: degrees of freedom, without which there is no volatility; the rest as of Gaussian.annual

        Raises LawError for a dof that is missing or not above 2.

        >>> law = adl.StudentT.annual(0.6, horizon=10 / 365, dof=4)
        >>> round(float(law.covariance[0, 0]) * 365 / 10, 6)
        0.36
        """
        if dof is None or isinstance(dof, bool) or not isinstance(dof, (int, float)) or not dof > 2:
            raise LawError(f"dof = {dof!r}: a volatility needs more than 2 degrees of freedom")
        given = annual(volatility, correlation, horizon, meant)
        return cls(given.covariance * ((dof - 2) / dof), dof, given.over_horizon(mean), meant=meant)

    @property
    def covariance(self) -> Array:
        if self.dof <= 2:
            raise LawError(
                f"Student t with {self.dof:g} degrees of freedom has no finite covariance; its scale "
                "matrix is law.scale"
            )
        return self.scale * self.dof / (self.dof - 2)

    def _words(self) -> str:
        return f"{super()._words()}; {self.dof:g} degrees of freedom"

    def _said(self) -> tuple[Facts, Numbers]:
        return [("degrees of freedom", f"{self.dof:g}")], super()._said()[1]

    def quadrature(self, order: int) -> Scenarios:
        return Law.quadrature(self, order)

    def covariance_of_moves(self) -> Array | None:
        return self.scale * self.dof / (self.dof - 2) if self.dof > 2 else None

    def _tail(self, z: Array) -> tuple[Array, Array]:
        return student_tail(z, self.dof)

    def _excess(self, z: Array) -> Array:
        return student_excess(z, self.dof)

    def _log_excess(self, z: Array) -> Array:
        return np.log(student_excess(z, self.dof))

    def _density(self, z: Array) -> Array:
        return student_tail(z, self.dof)[0] * (self.dof - 1) / (self.dof + z**2)

    @property
    def _uniforms(self) -> int:
        return self.dimension + 1

    def _draw(self, uniforms: Array) -> Array:
        from scipy.special import gammaincinv, ndtri

        chi2 = 2 * gammaincinv(self.dof / 2, uniforms[:, -1:])
        return self.mean + ndtri(uniforms[:, :-1]) * 1.0 @ root(self.scale).T / np.sqrt(chi2 / self.dof)
