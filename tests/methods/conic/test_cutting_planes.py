"""Expected loss under Gaussian and Student t moves in cross margin, without scenarios: cuts, Newton's model,
certificates, oracles (THEORY 4).
"""

import numpy as np
import pytest
from scipy.optimize import minimize

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.cutting_planes import Cuts, cut_below
from adl_opt.methods.conic.newton_model import Newton, newton_at
from tests.books import FULL, count, cross, elliptical, scenarios
from tests.tolerances import TOL

ELLIPTICAL = 1e-8  # relative gap asked of elliptical problems (the figure)


def at(event: adl.Event, law: adl.Law, fraction: np.ndarray) -> SymbolsAt:
    amount = event.fixed_fraction * event.size
    amount[event.free] = fraction * event.size[event.free]
    return SymbolsAt(event, law, amount)


def test_curvature_by_differences(rng):
    """The Hessian is the derivative of the slope, with drift and fat tails; a wrong sign of the drift once
    hid behind quick convergence.
    """
    for law in elliptical(rng, 3):
        exposure, equity = rng.normal(size=(6, 3)) * 3, rng.random(6) + 0.3
        slope, curvature = law.slope_and_curvature(exposure, equity)
        assert slope == pytest.approx(
            law.shortfall_and_slope(exposure, equity)[1], rel=TOL.rounding, abs=1e-16
        )
        for k in range(3):
            step = 1e-6 * np.eye(3)[k]
            up, down = (law.shortfall_and_slope(exposure + s * step, equity)[1] for s in (1, -1))
            assert curvature[:, k, :] == pytest.approx((up - down) / 2e-6, abs=1e-8)
        assert np.linalg.eigvalsh(curvature).min() >= -1e-14
        assert not law.slope_and_curvature(np.zeros((1, 3)), np.ones(1))[1].any()


def test_cuts_lie_below_and_touch(rng):
    for seed in range(20):
        draw = np.random.default_rng(seed)
        event = cross(draw)
        for law in elliptical(draw, len(event.book.assets)):
            places = [at(event, law, draw.random(int(event.free.sum()))) for _ in range(3)]
            below = cut_below(adl.ExpectedLoss(), law, places)
            scale = float(event.book.equity.sum())
            for m in places:
                assert below.value(m) == pytest.approx(
                    m.expected_loss, rel=TOL.formula, abs=TOL.rounding * scale
                )
            for _ in range(5):
                m = at(event, law, draw.random(int(event.free.sum())))
                assert below.value(m) <= m.expected_loss * (1 + TOL.rounding) + 1e-14 * scale


def test_newtons_model_is_of_second_order():
    draw = np.random.default_rng(5)
    event = cross(draw)
    for law in elliptical(draw, len(event.book.assets)):
        here = draw.random(int(event.free.sum())) * 0.5 + 0.2
        m, direction = at(event, law, here), draw.normal(size=len(here))
        model = newton_at(adl.ExpectedLoss(), m)
        errors = []
        for step in (1e-2, 1e-3):
            other = at(event, law, here + step * direction)
            errors.append(abs(model.value(other) - (other.expected_loss - m.expected_loss)))
        assert errors[1] <= 2e-3 * errors[0] + 1e-13 * m.expected_loss  # third order


def test_only_expected_losses_under_elliptical_laws_are_replaced():
    draw = np.random.default_rng(0)
    event = cross(draw)
    law = elliptical(draw, len(event.book.assets))[0]
    m = at(event, law, np.full(int(event.free.sum()), 0.5))
    assert cut_below(adl.MaxLeverage(), law, [m]) is None and newton_at(adl.LeverageSquare(), m) is None
    assert cut_below(adl.ExpectedLoss(), scenarios(draw, 2), [m]) is None
    both = cut_below(adl.ExpectedLoss() + 2 * adl.MaxLeverage(), law, [m])
    assert [type(part) for _, part in both.weighted_parts()] == [Cuts, adl.MaxLeverage]
    assert type(newton_at(adl.ExpectedLoss(), m).weighted_parts()[0][1]) is Newton


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_elliptical_problems_are_certified(seed):
    rng = np.random.default_rng(80_000 + seed)
    event = cross(rng)
    for law in elliptical(rng, len(event.book.assets)):
        solved = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="conic")
        assert solved.certificate.certified and solved.certificate.gap <= ELLIPTICAL, (
            str(law),
            solved.certificate,
        )
        assert solved.unique is True


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(50))
def test_against_a_local_solver(seed):
    """SLSQP on the closed-form value and slope, from three starts: never below our bound, never better than
    our value.
    """
    rng = np.random.default_rng(81_000 + seed)
    event = cross(rng, int(rng.integers(2, 5)), 2, decades=1.0)
    law = elliptical(rng, len(event.book.assets))[seed % 2]
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate
    if not event.free.any():
        return
    legs, book = np.flatnonzero(event.free), event.book
    scale = max(solved.reference, 1e-12 * float(book.equity.sum()))

    def value(f):
        return at(event, law, f).expected_loss / scale

    def slope(f):
        m = at(event, law, f)
        gradient = law.shortfall_and_slope(m.exposure, m.equity)[1]
        return -book.notional[legs] * gradient[book.account[legs], book.asset[legs]] / scale

    rows = np.array(
        [
            np.where(book.asset[legs] == k, event.size[legs], 0.0) / event.capacities[k]
            for k in event.free_assets
        ]
    )
    need = np.array([event.required[k] / event.capacities[k] for k in event.free_assets])
    clearing = {"type": "eq", "fun": lambda f: rows @ f - need, "jac": lambda f: rows}
    starts = [event.pro_rata_fraction[legs], rng.random(len(legs)), np.zeros(len(legs))]
    options = {"ftol": 1e-13, "maxiter": 400}
    found = [
        minimize(
            value,
            s,
            jac=slope,
            bounds=[(0, 1)] * len(legs),
            constraints=[clearing],
            method="SLSQP",
            options=options,
        )
        for s in starts
    ]
    feasible = [r.fun * scale for r in found if np.abs(rows @ r.x - need).max() <= 1e-9]
    assert feasible and min(feasible) >= solved.bound - TOL.value * scale
    assert min(feasible) >= solved.value - TOL.value * scale


@pytest.mark.fuzz
@pytest.mark.parametrize(("accounts", "assets"), [(40, 5), (200, 10)] if FULL else [(40, 5)])
def test_many_accounts_and_assets(accounts, assets):
    rng = np.random.default_rng(accounts)
    event = cross(rng, accounts, assets)
    loading = rng.normal(size=(len(event.book.assets), 2))
    matrix = (loading @ loading.T + 0.3 * np.diag(rng.random(len(loading)))) * 0.02
    for law in (adl.Gaussian(matrix), adl.StudentT(matrix, dof=3)):
        for method in ("separable", "conic"):
            assert (
                adl.Problem(adl.ExpectedLoss(), event, law).solve(method=method).certificate.gap <= ELLIPTICAL
            )


def test_sums_and_policies(paper):
    law = adl.Gaussian(np.array([[0.01, 0.008], [0.008, 0.016]]))
    for objective in (
        adl.ExpectedLoss() + 0.01 * adl.LeverageSquare(),
        2 * adl.ExpectedLoss() + 1000 * adl.MaxLeverage(),
    ):
        solved = adl.Problem(objective, paper, law).solve()
        assert solved.certificate.certified and solved.unique is True
    best = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    rest = adl.certify(adl.ExpectedLoss(), paper, law, adl.pro_rata(paper))
    assert rest.status == "uncertified" and rest.bound == pytest.approx(best.certificate.value, rel=TOL.gap)
    assert (
        adl.optimal_range(adl.Problem(adl.ExpectedLoss(), paper, law))["least"].to_numpy()
        == best.closed_by_leg
    ).all()
    assert adl.Problem(adl.ExpectedLoss(), paper, law).solve(
        prefer="fewest-accounts"
    ).amount == pytest.approx(best.amount, rel=1e-6)


def test_the_papers_example_without_scenarios(paper):
    """Near the exact log-normal optimum (2.7598, 7.2402), where the 20 x 20 quadrature has a kink (THEORY
    8.6).
    """
    deviation = np.array([0.6, 0.75]) * np.sqrt(10 / 365)
    law = adl.Gaussian(np.outer(deviation, deviation) * np.array([[1, 0.85], [0.85, 1]]))
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    closed = solved.to_frame().query("asset == 'BTC'").set_index("account")["closed"]
    assert closed["A"] == pytest.approx(-2.7578, abs=1e-3) and closed["C"] == pytest.approx(-7.2422, abs=1e-3)
    prices = [
        adl.Problem(adl.ExpectedLoss(), paper, law).solve(short={"BTC": q}).certificate.value
        for q in (9.999, 10.001)
    ]
    assert solved.shadow_prices["BTC"] == pytest.approx((prices[0] - prices[1]) / 0.002, rel=1e-5)


def test_sampled_scenarios_approach_it(paper):
    law = adl.StudentT(np.array([[0.01, 0.008], [0.008, 0.016]]), dof=4)
    exact = adl.Problem(adl.ExpectedLoss(), paper, law).solve().certificate.value
    sampled = (
        adl.Problem(adl.ExpectedLoss(), paper, law.sample(2**14, seed=3))
        .solve(method="separable")
        .certificate.value
    )
    assert sampled == pytest.approx(exact, rel=2 * TOL.monte_carlo)


def test_a_factor_model_stands_for_its_covariance():
    """A hundred assets by three factors: the same law as the dense matrix, aligned by label, and a problem in
    all of them certified.
    """
    import pandas as pd

    rng = np.random.default_rng(0)
    names = [f"C{k}" for k in range(100)]
    loading, specific = (
        pd.DataFrame(0.03 * rng.normal(size=(100, 3)), index=names),
        pd.Series(0.001 * rng.random(100), index=names),
    )
    law = adl.Gaussian(adl.FactorModel(loading, specific[::-1]))
    dense = loading.to_numpy() @ loading.to_numpy().T + np.diag(specific)
    assert law.covariance == pytest.approx(dense) and law.assets == tuple(names)
    assert adl.StudentT(adl.FactorModel({"X": 0.2, "Y": -0.1}, {"Y": 0.01, "X": 0.02}), dof=4).scale[
        0
    ] == pytest.approx([0.06, -0.02])
    assert "100 assets, 3 factors" in repr(adl.FactorModel(loading, specific))
    equity = 10 ** rng.uniform(3, 5, 150)
    rows = [
        (f"a{i}", names[k], rng.normal() * equity[i], 1.0, equity[i])
        for i in range(150)
        for k in rng.choice(100, 3, replace=False)
    ]
    book = adl.Book.from_frame(
        pd.DataFrame(rows, columns=["account", "asset", "position", "price", "equity"])
    )
    short = {}
    for k, name in enumerate(book.assets[:8]):
        sizes = book.position[book.asset == k]
        short[name] = 0.3 * float(-sizes[sizes < 0].sum())
    solved = adl.Problem(adl.ExpectedLoss(), adl.Event(book, short=short), law).solve()
    assert solved.certificate.gap <= ELLIPTICAL and solved.unique is True
