"""The interior point of the separable method: certified on books of every shape, equal to the conic route,
gradual and honest (THEORY 6, 9).
"""

import warnings

import numpy as np
import pytest
from scipy import stats

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.interior_point.expected_loss import ExpectedLossInteriorPoint
from tests.books import count, cross, elliptical, frame, scenarios
from tests.tolerances import TOL


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_certified_on_any_book(seed):
    """Equities over three to nine decades, requirements of 0 and of the capacity, drifts, fat tails: within
    1e-9, in at most 80 steps.
    """
    rng = np.random.default_rng(130_000 + seed)
    event = cross(rng, decades=float(rng.choice([3, 9])))
    for law in elliptical(rng, len(event.book.assets)):
        solved = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="separable")
        assert solved.certificate.gap <= TOL.formula, (law, solved.certificate)
        if event.free.any():
            steps: list[int] = []
            ExpectedLossInteriorPoint(event, law).solve(lambda number, gap, told=steps: told.append(number))
            assert len(steps) <= 80


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_equal_to_the_conic_route(seed):
    rng = np.random.default_rng(131_000 + seed)
    event = cross(rng)
    for law in elliptical(rng, len(event.book.assets)):
        problem = adl.Problem(adl.ExpectedLoss(), event, law)
        one, two = (problem.solve(method=method) for method in ("separable", "conic"))
        scale = max(abs(one.certificate.value), one.certificate.floor)
        assert abs(one.certificate.value - two.certificate.value) <= 2e-8 * scale
        for k in event.free_assets:  # a price is known up to what the gap allows
            noise = 1e-6 * one.certificate.value / event.required[k]
            assert one.shadow_price_by_asset[k] == pytest.approx(
                two.shadow_price_by_asset[k], rel=1e-3, abs=noise
            )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(150))
def test_scenarios_in_several_assets(seed):
    """Rows eliminated by hand against HiGHS: repeated scenarios, scenarios of probability 0, requirements of
    0 and of the capacity, nine decades.
    """
    rng = np.random.default_rng(132_000 + seed)
    event = cross(rng, int(rng.integers(2, 40)), decades=float(rng.choice([3, 9])))
    law = scenarios(rng, len(event.book.assets), int(rng.integers(3, 200)))
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    one, two = (problem.solve(method=method).certificate for method in ("separable", "conic"))
    assert one.certified and two.certified
    scale = max(abs(two.value), two.floor)
    assert abs(one.value - two.value) <= TOL.gap * scale


def test_multipliers_are_rows_on_demand():
    event = cross(np.random.default_rng(4), 30, 2)
    law = scenarios(np.random.default_rng(4), len(event.book.assets), 50)
    interior = ExpectedLossInteriorPoint(event, law)
    interior.solve()
    table = interior.multipliers[0:30]
    assert table.shape == (30, 50) and np.array_equal(
        interior.multipliers[10:20], table[10:20], equal_nan=True
    )
    kept = np.isfinite(table)
    assert (
        kept.any()
        and (table[kept] >= 0).all()
        and (table[kept] <= np.broadcast_to(law.probability, table.shape)[kept]).all()
    )


def test_an_interrupt_keeps_the_best_allocation_so_far(monkeypatch):
    """Ctrl-C in the sixth step: a feasible allocation with its own, open gap, and a warning, not a lost
    hour.
    """
    problem = adl.load("gaussian").problem(200, 1)
    follow = ExpectedLossInteriorPoint._follow

    def interrupted(self, watch, accuracy):
        def count(number, gap):
            if number == 6:
                raise KeyboardInterrupt

        follow(self, count, accuracy)

    monkeypatch.setattr(ExpectedLossInteriorPoint, "_follow", interrupted)
    with pytest.warns(adl.UncertifiedWarning, match="not certified by separable, interrupted"):
        solved = problem.solve()
    assert solved.certificate.status == "uncertified" and 1e-6 < solved.certificate.gap < 1
    assert (
        solved.certificate.value < solved.certificate.reference and solved.certificate.clearing_error < 1e-9
    )


def test_progress_is_a_bar_on_stderr(capsys):
    problem = adl.load("gaussian").problem(50, 1)
    plain = problem.solve(method="separable")
    shown = problem.solve(method="separable", progress=True)
    assert np.array_equal(plain.amount, shown.amount) and capsys.readouterr().out == ""


def test_one_factor_with_a_density():
    event = adl.load("factor").event(12, 3)
    loading = {"BTC": 1.0, "ETH": 1.3, "SOL": 1.8}
    for factor in (stats.norm(0, 0.1), stats.t(2.5, 0.01, 0.1), stats.uniform(-0.3, 0.7)):
        problem = adl.Problem(adl.ExpectedLoss(), event, adl.OneFactor(loading, factor))
        values = [
            problem.solve(method=method).certificate for method in ("closed-form", "separable", "conic")
        ]
        assert all(c.certified for c in values)
        assert max(c.value for c in values) == pytest.approx(min(c.value for c in values), rel=TOL.gap)


def test_nothing_lost_and_nothing_to_decide():
    rows = [("a", "X", -1.0, 1.0, 100.0), ("a", "Y", 1.0, 1.0, 100.0), ("b", "X", -1.0, 1.0, 200.0)]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 0.5})
    law = adl.Gaussian(np.eye(2) * 1e-6)
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    assert solved.certificate.status == "negligible" and solved.certificate.value == 0
    everything = adl.Problem(adl.ExpectedLoss(), event, law).solve(short={"X": "all"})
    assert everything.certificate.certified and everything.amount[0] == 1 and everything.unique is True


def test_steps_are_watched_and_gaps_shrink():
    event = adl.load("gaussian").event(60, 0)
    law = adl.load("gaussian").law.align(event.book.assets)
    told = []
    ExpectedLossInteriorPoint(event, law).solve(lambda number, gap: told.append((number, gap)))
    assert [number for number, _ in told] == list(range(1, len(told) + 1)) and told[-1][1] <= 1e-10 < told[0][
        1
    ]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(40))
def test_one_account_dominates_and_equities_over_twelve_decades(seed):
    """A whale a billion times the others, dust, a singular covariance: certified, or said not to be; never
    wrong, never silent.
    """
    rng = np.random.default_rng(133_000 + seed)
    n, assets = 30, 3
    equity = 10 ** rng.uniform(-6, 6, n)
    equity[0] = 1e9 * equity.max() if seed % 2 else equity[0]
    position = (
        rng.lognormal(1, 1, (n, assets))
        * equity[:, None]
        * rng.choice([-1, 1], (n, assets), p=[0.7, 0.3])
        * (rng.random((n, assets)) < 0.8)
    )
    position[1] = 0.0  # an account of nothing
    account, asset = (np.repeat([f"a{i}" for i in range(n)], assets), ["X", "Y", "Z"] * n)
    book = adl.Book.from_frame(frame(account, asset, position.ravel(), 1.0, np.repeat(equity, assets)))
    event = adl.Event(book, short={"X": "40%", "Y": "all", "Z": "10%"})
    direction = np.array([0.05, 0.07, 0.1])
    for law in (
        adl.Gaussian(np.outer(direction, direction)),
        adl.Gaussian(np.diag(direction**2)),
        scenarios(rng, 3, 40),
    ):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            one = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="separable").certificate
        assert one.certified or any(issubclass(w.category, adl.UncertifiedWarning) for w in said)
        best = adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate
        assert best.certified and one.value >= best.bound - TOL.gap * max(best.value, best.floor)
        assert one.bound <= best.value + TOL.gap * max(best.value, best.floor)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_what_fixed_accounts_lose_is_counted(seed):
    """One asset is closed as far as may be, another in part: what the accounts of the first alone lose is
    known to the interior point.
    """
    rng = np.random.default_rng(seed)
    table = frame(
        ["a", "b", "c", "d"], ["X", "X", "Y", "Y"], rng.uniform(-9, -4, 4), 1.0, rng.uniform(0.5, 1.5, 4)
    )
    event = adl.Event(adl.Book.from_frame(table), short={"X": "all", "Y": "40%"}, cap=0.6)
    law = adl.Gaussian(0.02 * np.eye(2)).align(event.book.assets)
    known = SymbolsAt(event, law, event.fixed_fraction * event.size).expected_shortfall[:2].sum()
    assert ExpectedLossInteriorPoint(event, law).fixed == pytest.approx(known, rel=TOL.formula)


def test_a_singular_covariance_is_solved_by_accounts_too():
    """Issue 4's adversary: rank one, and correlations a rounding away from it, ended the interior point with
    a LinAlgError.
    """
    rows = [
        ("a", "X0", -3.7),
        ("a", "X1", -1.0),
        ("b", "X0", -2.0),
        ("b", "X1", -0.4),
        ("c", "X0", -3.7),
        ("c", "X1", -0.5),
    ]
    equity = {"a": 1.1, "b": 1.8, "c": 1.2}
    table = frame(*zip(*((name, asset, size, 1.0, equity[name]) for name, asset, size in rows)))
    event = adl.Event(adl.Book.from_frame(table), short={"X0": 7.8, "X1": 1.35})
    for rho in (1.0, 1 - 1e-14, 1 - 1e-10):
        law = adl.Gaussian(np.outer([0.2, 0.3], [0.2, 0.3]) * np.array([[1, rho], [rho, 1]]))
        # A loss of 1e-18 along a valley: the interior point comes close, and the conic route takes over.
        one, two = (
            adl.Problem(adl.ExpectedLoss(), event, law).solve(method=how).certificate
            for how in ("auto", "conic")
        )
        assert one.certified and two.certified and one.value == pytest.approx(two.value, rel=TOL.gap)
        near = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="separable", tol=1e-3).certificate
        assert near.status in ("certified", "negligible") and near.value <= 1.001 * two.value
