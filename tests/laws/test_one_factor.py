"""One factor: integrals far in the money and with wild factors."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

import adl_opt as adl
from tests.tolerances import TOL


def test_a_factor_far_in_the_money_is_integrated():
    """Issue 4's newcomer: a stress as factor was certified at 26,622 for a true 26,500."""
    for factor, truth in (
        (stats.uniform(0.2, 0.05), 21.5),
        (stats.norm(0.3, 0.02), 29.0),
        (stats.norm(0.1, 0.01), 9.0),
    ):
        law = adl.OneFactor([1.0], factor)
        assert law.expected_shortfall(np.array([[-100.0]]), np.array([1.0]))[0] == pytest.approx(
            truth, rel=TOL.formula
        )
    for factor in (
        stats.gamma(0.05),
        stats.lognorm(3, -1),
        stats.t(1.02),
        stats.pareto(1.5),
        stats.beta(0.5, 0.5),
    ):
        strike = np.array([1e-6, 0.3, 0.9])
        value = adl.OneFactor([1.0], factor, meant=True).expected_shortfall(-np.ones((3, 1)), strike)
        points = np.concatenate([[0.0], 10.0 ** np.arange(-12, 13)])
        for k, mine in zip(strike, value):
            exact = sum(
                integrate.quad(factor.sf, k + a, k + b, limit=400, epsrel=1e-12)[0]
                for a, b in itertools.pairwise(points)
            )
            beyond = {"t": factor.sf(k + 1e12) * 1e12 / 0.02, "pareto": factor.sf(k + 1e12) * 1e12 / 0.5}.get(
                factor.dist.name, 0.0
            )
            assert mine == pytest.approx(exact + beyond, rel=1e-6)
