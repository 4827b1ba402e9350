"""Mixtures of laws, and laws with a mean: against the sum that they are, and against samples."""

import numpy as np
import pytest

import adl_opt as adl
from tests.tolerances import TOL

COVARIANCE = np.array([[0.02, 0.015], [0.015, 0.03]])
NORMAL, FAT = adl.Gaussian(COVARIANCE, [0.05, -0.1]), adl.StudentT(0.6 * COVARIANCE, dof=4)
PRICES, DRIFTING = (adl.LogNormal([0.9, 0.7], 0.3, 0.1, mean) for mean in (None, [-0.8, 1.5]))
MOVES = adl.Scenarios([[0.3, 0.5], [-0.2, 0.1], [0.0, -0.4]], [0.2, 0.5, 0.3])
EXPOSURE = np.array([[-900.0, 0.0], [-800.0, 700.0], [500.0, -300.0], [400.0, 500.0]])
EQUITY = np.array([100.0, 90.0, 60.0, 200.0])
PAIRS = [(NORMAL, FAT), (PRICES, DRIFTING), (NORMAL, PRICES), (MOVES, MOVES), (NORMAL, MOVES)]


@pytest.mark.parametrize("laws", PAIRS)
def test_expected_loss_is_linear_in_the_law(laws):
    mixture = adl.Mixture(laws, [0.3, 0.7])
    one, two = (law.expected_shortfall(EXPOSURE, EQUITY) for law in laws)
    assert mixture.expected_shortfall(EXPOSURE, EQUITY) == pytest.approx(
        0.3 * one + 0.7 * two, rel=TOL.rounding
    )
    moves = mixture.sample(2**14, seed=1)
    assert moves.expected_shortfall(EXPOSURE, EQUITY) == pytest.approx(
        mixture.expected_shortfall(EXPOSURE, EQUITY), rel=TOL.monte_carlo
    )
    assert moves.mean_of_moves() == pytest.approx(mixture.mean_of_moves(), abs=TOL.monte_carlo / 10)


@pytest.mark.parametrize("laws", [(NORMAL, MOVES), (PRICES, DRIFTING), (NORMAL, adl.Gaussian(COVARIANCE))])
def test_mean_and_covariance_are_those_of_its_quadrature(laws):
    mixture = adl.Mixture(laws, [0.6, 0.4])
    points = mixture.quadrature(30)
    assert points.mean_of_moves() == pytest.approx(mixture.mean_of_moves(), rel=TOL.formula)
    assert points.covariance_of_moves() == pytest.approx(mixture.covariance_of_moves(), rel=TOL.formula)


def test_scenarios_are_one_set_for_every_objective():
    event, other = adl.examples.paper(), adl.Scenarios([[0.9, 0.1], [-0.3, 0.4]])
    mixture = adl.Mixture([MOVES, other], [0.75, 0.25])
    moves = np.concatenate([MOVES.moves, other.moves])
    weight = np.concatenate([0.75 * MOVES.probability, 0.25 * other.probability])
    for measure in (adl.ExpectedLoss(), adl.CVaR(0.9), adl.Entropic(1e-4)):
        one, two = (
            adl.Problem(measure, event, law).solve().certificate
            for law in (mixture, adl.Scenarios(moves, weight))
        )
        assert one.certified and one.value == pytest.approx(two.value, rel=TOL.value)


def test_exact_laws_are_mixed_exactly():
    event, mixture = adl.examples.paper(), adl.Mixture([PRICES, DRIFTING], [0.5, 0.5])
    found = [
        adl.Problem(adl.ExpectedLoss(), event, mixture).solve(method=how) for how in ("separable", "conic")
    ]
    assert all(one.certificate.certified for one in found)
    assert found[0].certificate.value == pytest.approx(found[1].certificate.value, rel=TOL.value)


def test_labels_decide_and_one_factor_stays_one():
    one, two = (adl.OneFactor({"A": 1.0, "B": 2.0}, adl.Gaussian(v).quadrature(9)) for v in (0.01, 0.04))
    assert (
        adl.Mixture([one, two]).loading is not None
        and adl.Mixture([one, one.quadrature(1)]).loading.size == 2
    )
    mixture = adl.Mixture([adl.Scenarios({"B": [0.2], "A": [0.1]}), adl.Scenarios({"A": [0.3], "B": [0.4]})])
    assert mixture.align(("A", "B")).scenarios.moves.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert mixture.weight.tolist() == [0.5, 0.5] and "50 % Scenarios" in repr(mixture)
    assert "BTC" not in mixture._repr_html_()


def test_support_is_the_union_where_that_is_an_interval():
    assert adl.Mixture([PRICES, NORMAL]).support_interval(0) == (-np.inf, np.inf)
    assert adl.Mixture([PRICES, DRIFTING]).support_interval(0) == (-1.0, np.inf)
    sure = [adl.Gaussian([[0.0]], [move]) for move in (0.1, 0.2)]
    assert adl.Mixture(sure).support_interval(0) is None
    assert adl.Mixture([sure[0], adl.Gaussian(0.01)]).support_interval(0) == (-np.inf, np.inf)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_drift_is_a_change_of_positions_and_equity(d):
    """loss = -n (g Y - 1) - E = -(n g)(Y - 1) - (E + n (g - 1)), Y without drift, g = exp(m T)."""
    rng = np.random.default_rng(d)
    volatility, mean, horizon = rng.uniform(0.3, 2, d), rng.uniform(-3, 3, d), 0.1
    rho = None if d == 1 else 0.4
    law, plain = (adl.LogNormal(volatility, rho, horizon, m) for m in (mean, None))
    growth, exposure = np.exp(mean * horizon), rng.normal(size=(6, d)) * 1000
    equity = rng.uniform(900, 2000, 6)
    other = plain.expected_shortfall(exposure * growth, equity + exposure @ (growth - 1))
    value, slope = law.shortfall_and_slope(exposure, equity)
    assert value == pytest.approx(other, rel=TOL.formula)
    _, curvature = law.slope_and_curvature(exposure, equity)
    step = 1e-3 * rng.normal(size=d)
    up, down = (law.shortfall_and_slope(exposure + way * step, equity) for way in (1, -1))
    assert (up[0] - down[0]) / 2 == pytest.approx(slope @ step, abs=1e-9)
    assert (up[1] - down[1]) / 2 == pytest.approx(curvature @ step, abs=1e-9)
    moves = law.sample(2**14, seed=1)
    assert moves.mean_of_moves() == pytest.approx(law.mean_of_moves(), abs=TOL.monte_carlo / 10)
    assert moves.covariance_of_moves() == pytest.approx(law.covariance_of_moves(), rel=0.1, abs=1e-3)


def test_drift_is_labelled_shown_and_solved_three_ways():
    law = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85, 10 / 365, {"ETH": -1.0, "BTC": 0.5})
    assert (
        law.mean.tolist() == [0.5, -1.0]
        and "mean 0.5, -1 a year" in repr(law)
        and "mean" in law._repr_html_()
    )
    assert law.align(("ETH",)).mean.tolist() == [-1.0]
    event = adl.examples.paper()
    found = [
        adl.Problem(adl.ExpectedLoss(), event, law).solve(method=how).certificate
        for how in ("separable", "conic")
    ]
    assert found[0].certified and found[0].value == pytest.approx(found[1].value, rel=TOL.value)
    rough = adl.Problem(adl.ExpectedLoss(), event, law.sample(2**12, seed=1)).solve()
    assert rough.certificate.value == pytest.approx(found[0].value, rel=5 * TOL.monte_carlo)
