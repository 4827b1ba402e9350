"""Laws: closed-form shortfalls against integration, sampling, quadrature, alignment by label."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import adl_opt as adl
from adl_opt.numerics.tail_integrals import lognormal_shortfall
from tests.tolerances import TOL

COVARIANCE = np.array([[0.04, 0.018], [0.018, 0.09]])


def integral(density, payoff, low, high, points=()):
    return integrate.quad(
        lambda x: density(x) * payoff(x), low, high, points=points, limit=400, epsabs=0, epsrel=1e-12
    )[0]


@pytest.mark.parametrize(
    "exposure, equity, deviation",
    [
        (-10.0, 1.0, 0.3),
        (-1.0, 0.5, 0.1),
        (5.0, 1.0, 0.3),
        (1.2, 1.0, 0.5),
        (0.9, 1.0, 0.4),
        (-3.0, 1.0, 2.0),
    ],
)
def test_lognormal_shortfall_and_slope(exposure, equity, deviation):
    def expected(e):
        def payoff(z):
            return max(-e * np.expm1(deviation * z - deviation**2 / 2) - equity, 0.0)

        strike = 1 - equity / e
        kink = [(np.log(strike) + deviation**2 / 2) / deviation] if strike > 0 else []
        return integral(stats.norm.pdf, payoff, -12, 12, points=kink)

    value, slope = lognormal_shortfall(*(np.array([x]) for x in (exposure, equity, deviation)))
    assert value[0] == pytest.approx(expected(exposure), rel=TOL.formula, abs=1e-15)
    step = 1e-5
    assert slope[0] == pytest.approx(
        (expected(exposure + step) - expected(exposure - step)) / (2 * step), rel=1e-5, abs=1e-12
    )


@pytest.mark.parametrize(
    "law",
    [
        adl.Gaussian(COVARIANCE, [0.01, -0.02]),
        adl.StudentT(COVARIANCE, 2.5, [0.01, -0.02]),
        adl.Gaussian(COVARIANCE),
    ],
)
def test_elliptical_shortfall_and_gradient(law, rng):
    exposure, equity = rng.normal(size=(6, 2)) * 5, np.abs(rng.normal(size=6)) + 0.1
    value, slope = law.shortfall_and_slope(exposure, equity)
    tail = stats.t(law.dof) if isinstance(law, adl.StudentT) else stats.norm
    for e, cushion, v, g in zip(exposure, equity, value, slope):
        s, mean = np.sqrt(e @ COVARIANCE @ e), -e @ law.mean
        z = (cushion - mean) / s
        exact = s * integrate.quad(tail.sf, z, np.inf, epsrel=1e-11, limit=400)[0]
        assert v == pytest.approx(exact, rel=TOL.formula)
        for k in range(2):
            step = np.eye(2)[k] * 1e-5
            up, down = (law.expected_shortfall((e + h)[None], np.array([cushion]))[0] for h in (step, -step))
            assert g[k] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-9)


def test_no_exposure_no_shortfall():
    value, slope = adl.Gaussian(COVARIANCE).shortfall_and_slope(np.zeros((1, 2)), np.array([1.0]))
    assert value[0] == 0 and (slope == 0).all()


@pytest.mark.parametrize(
    "law",
    [
        adl.Gaussian(COVARIANCE, [0.01, 0.0]),
        adl.StudentT(COVARIANCE, 6.0),
        adl.LogNormal([0.6, 0.75], 0.85, 10 / 365),
        adl.OneFactor([1.0, 0.8], stats.norm(0.0, 0.2)),
        adl.OneFactor([1.0, 0.8], adl.Scenarios([-0.2, 0.1, 0.3], [0.2, 0.5, 0.3])),
        adl.Scenarios([[0.1, 0.2], [-0.1, 0.0]], [0.3, 0.7]),
    ],
)
def test_sample_has_the_laws_moments_and_is_reproducible(law):
    sample = law.sample(2**14, seed=3)
    assert np.array_equal(sample.moves, law.sample(2**14, seed=3).moves)
    assert not np.array_equal(sample.moves, law.sample(2**14, seed=4).moves)
    if isinstance(law, adl.Gaussian):
        mean, covariance = law.mean, law.covariance
    else:
        exact = law if isinstance(law, adl.Scenarios) else law.quadrature(40)
        mean = exact.probability @ exact.moves
        covariance = (exact.moves - mean).T @ ((exact.moves - mean) * exact.probability[:, None])
    spread = np.sqrt(np.diag(covariance))
    assert np.abs(sample.moves.mean(0) - mean).max() <= TOL.monte_carlo * spread.max()
    assert np.abs(np.cov(sample.moves.T) - covariance).max() <= 2 * TOL.monte_carlo * spread.max() ** 2


def test_quadrature_is_exact_on_moments_and_martingale():
    law = adl.Gaussian(COVARIANCE, [0.01, -0.02]).quadrature(4)
    centred = law.moves - [0.01, -0.02]
    assert centred.T @ (centred * law.probability[:, None]) == pytest.approx(COVARIANCE, rel=TOL.rounding)
    martingale = adl.LogNormal([0.6, 0.75, 0.9], 0.5, 0.1).quadrature(12)
    assert martingale.probability @ martingale.moves == pytest.approx(np.zeros(3), abs=TOL.rounding)
    singular = adl.Gaussian([[0.04, 0.04], [0.04, 0.04]]).quadrature(3)
    assert singular.moves[:, 0] == pytest.approx(singular.moves[:, 1], abs=1e-12)


def test_closed_form_agrees_with_a_fine_sample():
    exposure, equity = np.array([[-3.0], [2.0], [-1.0]]), np.array([0.2, 0.1, 0.4])
    for law in (adl.LogNormal(0.8, None, 0.1), adl.Gaussian(0.04), adl.StudentT(0.04, 4.0)):
        moves = law.sample(2**16, seed=1).moves[:, 0]
        drawn = np.maximum(-exposure * moves - equity[:, None], 0).mean(axis=1)
        assert law.expected_shortfall(exposure, equity) == pytest.approx(drawn, rel=TOL.monte_carlo)


def test_labels_decide_not_positions():
    series = adl.LogNormal(pd.Series({"ETH": 0.75, "BTC": 0.6, "SOL": 1.0}), 0.85, 10 / 365)
    aligned = series.align(("BTC", "ETH"))
    assert aligned.volatility.tolist() == [0.6, 0.75] and aligned.assets == ("BTC", "ETH")
    table = adl.Scenarios(pd.DataFrame({"ETH": [0.1, 0.2], "BTC": [0.3, 0.4]})).align(("BTC", "ETH"))
    assert table.moves.tolist() == [[0.3, 0.1], [0.4, 0.2]]
    covariance = pd.DataFrame(COVARIANCE, index=["A", "B"], columns=["A", "B"])
    swapped = adl.Gaussian(covariance, mean={"B": 1.0, "A": 2.0}).align(("B", "A"))
    assert swapped.covariance[0, 0] == 0.09 and swapped.mean.tolist() == [1.0, 2.0]
    matrix = pd.DataFrame(
        [[1, 0.2, 0.3], [0.2, 1, 0.4], [0.3, 0.4, 1]], index=list("CAB"), columns=list("CAB")
    )
    law = adl.LogNormal({"A": 1.0, "B": 2.0, "C": 3.0}, matrix, 1.0)
    assert law.correlation[0, 1] == 0.4 and law.correlation[0, 2] == 0.2
    assert adl.OneFactor({"B": 2.0, "A": 1.0}, stats.norm()).align(("A", "B")).loading.tolist() == [1.0, 2.0]
    nested = adl.Gaussian({"A": {"A": 0.04, "B": 0.01}, "B": {"A": 0.01, "B": 0.09}}).align(("B",))
    assert nested.covariance.tolist() == [[0.09]]


def test_labels_survive_sampling_and_quadrature():
    law = adl.LogNormal({"ETH": 0.75, "BTC": 0.6}, 0.85, 10 / 365)
    for scenarios in (law.quadrature(3), law.sample(8, 1)):
        assert scenarios.assets == ("ETH", "BTC")


def test_from_prices():
    prices = pd.DataFrame({"BTC": [100.0, 110.0, 99.0], "ETH": [10.0, 10.0, 20.0]})
    moves = adl.Scenarios.from_prices(prices)
    assert moves.moves == pytest.approx(np.array([[0.1, 0.0], [-0.1, 1.0]])) and moves.assets == (
        "BTC",
        "ETH",
    )
    assert adl.Scenarios.from_prices(prices, steps=2).moves == pytest.approx(np.array([[-0.01, 1.0]]))


def test_laws_are_immutable():
    law = adl.Gaussian(COVARIANCE)
    with pytest.raises(ValueError, match="read-only"):
        law.covariance[0, 0] = 1.0


def test_dictionaries_are_columns_by_label():
    law = adl.Scenarios({"ETH": [-0.5, 0.5], "BTC": [0.1, -0.1]})
    assert law.assets == ("ETH", "BTC") and law.align(("BTC", "ETH")).moves.tolist() == [
        [0.1, -0.5],
        [-0.1, 0.5],
    ]
