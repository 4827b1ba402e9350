"""Expected excesses of normal and Student t variables, far into the tail: against integration and series."""

import numpy as np
import pytest
from scipy import integrate, stats

import adl_opt as adl
from adl_opt.numerics.tail_integrals import normal_excess, normal_log_excess, student_excess
from tests.laws.test_laws import COVARIANCE, integral
from tests.tolerances import TOL


@pytest.mark.parametrize("z", [0.0, 0.5, 1.0, 2.9, 3.1, 6.0, -1.0, -4.0])
def test_normal_excess(z):
    expected = integral(stats.norm.pdf, lambda t: t - z, z, z + 40, points=[z + 1, max(z, 0) + 5])
    assert normal_excess(np.array([z]))[0] == pytest.approx(expected, rel=TOL.formula)


def test_normal_excess_to_two_hundred_deviations_in_logarithms():
    """The continued fraction of THEORY 4 in fifty digits: relative error of the excess below 1e-12 (its
    logarithm's beyond z = 38).
    """
    from decimal import Decimal, getcontext

    getcontext().prec = 50
    for z in (3.0, 5.9, 6.1, 12.5, 37.0, 60.0, 100.0, 200.0):
        c, big = Decimal(0), Decimal(z)
        for k in range(3000, 0, -1):
            c = k / (big + c)
        two_pi = 2 * Decimal("3.14159265358979323846264338327950288419716939937510")
        exact = -big * big / 2 - two_pi.ln() / 2 + c.ln() - (big + c).ln()
        assert abs(Decimal(float(normal_log_excess(np.array([z]))[0])) - exact) <= Decimal("2e-16") * abs(
            exact
        ) + Decimal("1e-13")
        if z < 38:
            assert normal_excess(np.array([z]))[0] == pytest.approx(float(exact.exp()), rel=TOL.rounding)
    law, account = adl.Gaussian(COVARIANCE), np.array([[1.0, -2.0]])
    deviation = np.sqrt(account[0] @ COVARIANCE @ account[0])
    for z in (-3.0, 0.5, 20.0, 150.0):
        log = law.log_expected_shortfall(account, np.array([z * deviation]))[0]
        assert log == pytest.approx(np.log(deviation) + normal_log_excess(np.array([z]))[0], rel=TOL.rounding)
    assert law.log_expected_shortfall(np.zeros((1, 2)), np.ones(1))[0] == -np.inf
    fat = adl.StudentT(COVARIANCE, 4.0)
    assert fat.log_expected_shortfall(account, np.ones(1)) == pytest.approx(
        np.log(fat.expected_shortfall(account, np.ones(1)))
    )


def test_normal_excess_far_out_is_the_asymptotic_series():
    z = np.array([20.0, 37.0])
    series = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / z**2 * (1 - 3 / z**2 + 15 / z**4 - 105 / z**6)
    assert normal_excess(z) == pytest.approx(series, rel=1e-6)


@pytest.mark.parametrize("z", [0.0, 2.0, 5.0, 10.0, 20.0])
def test_student_t_tends_to_the_normal(z):
    """Relative difference to the normal is about (z^4 + ...)/(4 dof): at dof = 1e14 nothing is left of it."""
    from adl_opt.numerics.tail_integrals import normal_excess

    assert student_excess(np.array([z]), 1e14) == pytest.approx(normal_excess(np.array([z])), rel=1e-8)


@pytest.mark.parametrize("dof", [1.05, 2.5, 4.9, 5.1, 30.0, 300.0, 1e5])
def test_student_excess_against_integration(dof):

    for z in (-3.0, 0.0, 0.9, 1.1, 4.0, 12.0):
        tail = stats.t(dof)
        cut = z + 50 * max(1.0, abs(z)) if dof > 30 else np.inf
        exact = integrate.quad(tail.sf, z, cut, epsabs=0, epsrel=1e-11, limit=500)[0]
        assert student_excess(np.array([z]), dof)[0] == pytest.approx(exact, rel=1e-7)
