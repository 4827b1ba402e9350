"""Lognormal prices in cross margin: one price analytically, the rest by quadrature, against integration and
sampling (THEORY 8.6).
"""

import numpy as np
import pytest
from scipy import integrate, stats

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import count, cross
from tests.tolerances import TOL


def by_integration(law: adl.LogNormal, y: np.ndarray, equity: float) -> float:
    """Two positions: adaptive quadrature over the first price of Black and Scholes's formula for the second,
    written out anew.
    """
    sd, rho = law.deviation, law.correlation[0, 1]
    tau = sd[1] * np.sqrt(1 - rho**2)

    def inner(z):
        rest = -y[0] * np.expm1(sd[0] * z - sd[0] ** 2 / 2) + y[1] - equity
        forward = np.exp(sd[1] * rho * z - (sd[1] * rho) ** 2 / 2)
        if y[1] < 0:  # a short: call on the price
            if rest >= 0:
                return -y[1] * forward + rest
            d = np.log(-y[1] * forward / -rest) / tau + tau / 2
            return -y[1] * forward * stats.norm.cdf(d) + rest * stats.norm.cdf(d - tau)
        if rest <= 0:
            return 0.0
        d = np.log(y[1] * forward / rest) / tau + tau / 2
        return rest * stats.norm.cdf(tau - d) - y[1] * forward * stats.norm.cdf(-d)

    return integrate.quad(
        lambda z: inner(z) * stats.norm.pdf(z),
        -12,
        14,
        limit=2000,
        epsabs=0,
        epsrel=1e-11,
        points=np.arange(-11, 14),
    )[0]


@pytest.mark.parametrize("rho", [0.85, -0.6, 0.0, 0.995])
def test_two_positions_against_adaptive_integration(rho, rng):
    for _ in range(12):
        law = adl.LogNormal(rng.uniform(0.3, 1.5, 2), rho, rng.uniform(0.01, 0.3))
        y, equity = rng.normal(size=2) * rng.choice([2, 10]), float(rng.random() + 0.2)
        value = law.expected_shortfall(y[None], np.array([equity]))[0]
        assert value == pytest.approx(by_integration(law, y, equity), rel=TOL.formula, abs=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_against_two_million_samples(d, rng):
    law = adl.LogNormal(rng.uniform(0.4, 1.0, d), 0.5 if d > 1 else None, 0.1)
    y, equity = rng.normal(size=(6, d)) * 8, rng.random(6) + 0.2
    drawn = law.sample(2**20, seed=4).shortfall_terms(law._all(y), y, equity, 0)[0]
    assert law.expected_shortfall(y, equity) == pytest.approx(drawn, rel=5e-3, abs=2e-5)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_slope_and_curvature_by_differences(d, rng):
    law = adl.LogNormal(rng.uniform(0.4, 1.2, d), 0.7 if d > 1 else None, 0.1)
    y, equity = rng.normal(size=(5, d)) * 8, rng.random(5) + 0.2
    slope, curvature = law.slope_and_curvature(y, equity)
    for k in range(d):
        step = 1e-5 * np.eye(d)[k]
        up, down = (law.shortfall_terms(law._all(y), y + s * step, equity, 1) for s in (1, -1))
        assert slope[:, k] == pytest.approx((up[0] - down[0]) / 2e-5, abs=1e-8)
        assert curvature[:, k] == pytest.approx((up[1] - down[1]) / 2e-5, abs=1e-6 * np.abs(curvature).max())
    assert np.linalg.eigvalsh(curvature).min() >= -1e-9 * np.abs(curvature).max()


def test_far_tails_keep_their_digits():
    """A well-capitalised hedged account: 1e-40 of its notional, by integration around the likeliest shortfall
    in logarithmic units.
    """
    law = adl.LogNormal([0.6, 0.75], 0.85, 1 / 365)
    y, equity = np.array([[-1.0, 0.2]]), np.array([0.5])
    value = law.expected_shortfall(y, equity)[0]
    sd, rho, tau = law.deviation, 0.85, law.deviation[1] * np.sqrt(1 - 0.85**2)
    z = np.linspace(8, 30, 200_001)
    rest = np.expm1(sd[0] * z - sd[0] ** 2 / 2) + 0.2 - 0.5
    forward = np.exp(sd[1] * rho * z - (sd[1] * rho) ** 2 / 2)
    d = np.log(0.2 * forward / np.maximum(rest, 1e-300)) / tau + tau / 2
    put = np.where(rest > 0, rest * stats.norm.cdf(tau - d) - 0.2 * forward * stats.norm.cdf(-d), 0.0)
    assert 0 < value < 1e-20 and value == pytest.approx(
        integrate.trapezoid(np.maximum(put, 0) * stats.norm.pdf(z), z), rel=1e-6
    )


def test_positions_of_nothing_do_not_matter(rng):
    law = adl.LogNormal([0.6, 0.75, 0.9, 1.1, 0.5], 0.6, 0.1)
    y = np.zeros((3, 5))
    y[:, [1, 3]] = rng.normal(size=(3, 2)) * 6
    equity = rng.random(3) + 0.3
    two = law.align(law.assets or tuple(range(5)))._take(np.array([1, 3]), ("B", "D"))
    assert law.expected_shortfall(y, equity) == pytest.approx(
        two.expected_shortfall(y[:, [1, 3]], equity), rel=TOL.rounding
    )
    slope = law.shortfall_and_slope(y, equity)[1]
    assert np.isnan(slope[:, 0]).all() and slope[:, [1, 3]] == pytest.approx(
        two.shortfall_and_slope(y[:, [1, 3]], equity)[1], rel=1e-10
    )
    assert law.expected_shortfall(np.zeros((1, 5)), np.ones(1))[0] == 0


def test_estimates_say_their_error(rng):
    """Any number of positions: the error is the spread of independent scrambles, and covers the exact
    value.
    """
    law = adl.LogNormal([0.6, 0.75, 0.9], 0.5, 0.1)
    y, equity = rng.normal(size=(20, 3)) * 5, rng.random(20) + 0.2
    exact = law.expected_shortfall(y, equity)
    value, error = law.estimated_shortfall(y, equity, points=1024, seed=1)
    assert (np.abs(value - exact) <= 6 * error + 1e-12).all() and (error <= 0.02 * exact + 1e-4).all()
    assert np.array_equal(value, law.estimated_shortfall(y, equity, points=1024, seed=1)[0])
    five = adl.LogNormal([0.6] * 5, 0.5, 0.1)
    value, error = five.estimated_shortfall(-np.ones((1, 5)), np.array([0.3]), points=4096)
    drawn = five.sample(2**18, seed=1).shortfall_terms(
        five._all(np.ones((1, 5))), -np.ones((1, 5)), np.array([0.3]), 0
    )[0]
    assert value == pytest.approx(drawn, rel=2e-3) and error[0] < 1e-3 * value[0]


def test_the_papers_example_exactly(paper):
    """THEORY 8.6: 2194.890 at (2.7598, 0, 7.2402, 0); the optimum of the 20 x 20 quadrature really costs
    2196.607, not 2212.646.
    """
    law = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85, 10 / 365)
    for method in ("separable", "conic"):
        solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve(method=method)
        assert (
            solved.certificate.value == pytest.approx(2194.890, abs=5e-4) and solved.certificate.gap <= 1e-9
        )
        assert (
            solved.amount[paper.free] == pytest.approx([2.7598, 0, 7.2402, 0], abs=5e-5)
            and solved.unique is True
        )
    rough = adl.Problem(adl.ExpectedLoss(), paper, law.quadrature(20)).solve()
    assert rough.certificate.value == pytest.approx(2212.646, abs=5e-4)
    assert SymbolsAt(paper, law.align(paper.book.assets), rough.amount).expected_loss == pytest.approx(
        2196.607, abs=5e-4
    )
    with_a_term = adl.Problem(adl.ExpectedLoss() + 0.01 * adl.LeverageSquare(), paper, law).solve()
    assert (
        with_a_term.method == "conic" and with_a_term.certificate.gap <= 1e-9 and with_a_term.unique is True
    )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_two_methods_agree(seed):
    """The interior point and the conic route, which share only the law, find one allocation."""
    rng = np.random.default_rng(120_000 + seed)
    event = cross(rng, d=2 if seed % 3 else 3)
    law = adl.LogNormal(
        rng.uniform(0.3, 1.5, len(event.book.assets)),
        rng.uniform(0.0, 0.95) if len(event.book.assets) > 1 else None,
        0.05,
    )
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    one, two = (problem.solve(method=method) for method in ("separable", "conic"))
    assert one.certificate.gap <= 1e-8 and two.certificate.gap <= 1e-8, (one.certificate, two.certificate)
    scale = max(abs(one.certificate.value), one.certificate.floor)
    assert abs(one.certificate.value - two.certificate.value) <= 2e-8 * scale


# An adversary's: two arms of a shortfall, of which the wrong one was looked at; deviation, correlation,
# notional, equity, truth by fine integration.
ARMS = [
    ([0.01213, 0.91465], -0.8, [-1.3635, -0.005188], 0.142677, 1.68914e-07),
    ([0.870208774, 0.031806754], 0.8, [-0.033700798, 1.178178595], 0.388872434, 2.078271e-05),
    ([0.8767, 0.00766], 0.95, [-0.0402, 11.017], 0.527, 7.215659e-06),
    ([0.4475, 0.0735], -0.9, [-0.0921, -0.7608], 0.4117, 5.183976e-08),
    ([0.1, 0.1], -0.8, [-1.0, -1.0], 1.0, 6.337684e-22),
    ([0.24302823, 0.18914108], 0.9999, [-0.87517223, 1.34250945], 0.19725495579051683, 8.2513734e-09),
    ([1.0, 1.0], -0.99, [-1.0, -1.0], 1000.0, 1.8967695e-11),
]


@pytest.mark.parametrize("deviation, rho, notional, equity, truth", ARMS)
def test_every_arm_of_a_shortfall_is_seen(deviation, rho, notional, equity, truth):
    law = adl.LogNormal(deviation, rho, 1.0)
    assert law.expected_shortfall(np.array([notional]), np.array([equity]))[0] == pytest.approx(
        truth, rel=1e-6
    )


def by_trapezoid(law: adl.LogNormal, y: np.ndarray, equity: float, over: int) -> float:
    """Over one price by a fine trapezoidal rule, Black and Scholes for the other: either price may be the
    one.
    """
    sd, rho = law.deviation, law.correlation[0, 1]
    z = np.arange(-32, 32, 2e-3)
    a, b = over, 1 - over
    tau, rest = sd[b] * np.sqrt(1 - rho**2), -y[a] * np.expm1(sd[a] * z - sd[a] ** 2 / 2) + y[b] - equity
    forward = -y[b] * np.exp(sd[b] * rho * z - (sd[b] * rho) ** 2 / 2)
    side = np.sign(forward)
    with np.errstate(divide="ignore"):
        d = -np.log(np.maximum(-side * rest, 0) / np.abs(forward)) / tau + tau / 2
    each = forward * stats.norm.cdf(side * d) + rest * stats.norm.cdf(side * (d - tau))
    return float(np.maximum(each, 0) @ stats.norm.pdf(z)) * 2e-3


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_against_either_order_of_integration(seed):
    """Deviations from 0.005 to 1, correlations to 0.99 of either sign, hedges and spreads, equities from 1 to
    9 deviations: never too small, never too large.
    """
    rng = np.random.default_rng(125_000 + seed)
    law = adl.LogNormal(
        np.exp(rng.uniform(np.log(5e-3), 0, 2)),
        rng.choice([-0.99, -0.9, -0.7, -0.3, 0.0, 0.5, 0.9, 0.99]),
        1.0,
    )
    y = rng.choice([-1.0, 1.0], 2) * np.exp(2 * rng.normal(size=2))
    equity = float((np.abs(y) * law.deviation).max() * rng.uniform(1, 9))
    value = law.expected_shortfall(y[None], np.array([equity]))[0]
    truth = [by_trapezoid(law, y, equity, over) for over in (0, 1)]
    assert min(abs(value - one) for one in truth) <= 1e-6 * max(truth) + 1e-15 * (np.abs(y).sum() + equity)
