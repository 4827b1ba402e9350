"""Shadow prices as intervals, against difference quotients of certified values (THEORY 6)."""

import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, cross, elliptical, frame, one_asset, scenarios
from tests.tolerances import TOL


def kinked(required: float) -> adl.Allocation:
    """Equity 0.5 against 10 short at price 1: what closing saves falls from 0.15 to 0.1 at 5 closed, to 0.1
    more until 7.5, then to 0.
    """
    event = one_asset([-10.0, -1e-9], [0.5, 1e9], required)
    return adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([0.1, 0.2], [0.5, 0.5])).solve()


@pytest.mark.parametrize(
    "required, least, most", [(3.0, 0.15, 0.15), (5.0, 0.1, 0.15), (6.0, 0.1, 0.1), (0.0, 0.15, np.inf)]
)
def test_a_kink_has_an_interval_of_prices(required, least, most):
    ends = kinked(required).shadow_price_range.loc["X"]
    assert ends["least"] == pytest.approx(least, rel=TOL.formula) and ends["most"] == pytest.approx(
        most, rel=TOL.formula
    )


def test_at_the_capacity_there_is_no_further_contract():
    rows = [("a", "X", -10.0, 1.0, 0.5), ("a", "Y", -5.0, 1.0, 0.5), ("b", "X", -10.0, 1.0, 1.0)]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": "all"})
    solved = adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian([[0.04, 0.03], [0.03, 0.04]])).solve()
    ends = solved.shadow_price_range.loc["X"]
    assert ends["least"] == -np.inf and ends["most"] == solved.shadow_prices["X"]


def quotients(problem: adl.Problem, solved: adl.Allocation, k: int, step: float) -> tuple[float, float]:
    """(what one more `step` saves, what the last one saved) per contract, by solving again."""
    event, asset = solved.event, solved.event.book.assets[k]

    def value(required: float) -> float:
        sides = {"short": dict(event.short), "long": dict(event.long)}
        sides["short" if event.side[k] < 0 else "long"][asset] = required
        return problem.solve(short=sides["short"] or None, long=sides["long"] or None).certificate.value

    here = solved.certificate.value
    return (here - value(event.required[k] + step)) / step, (value(event.required[k] - step) - here) / step


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_the_ends_are_one_sided_slopes(seed):
    """Scenario programs: of the expected loss by the accounts or the dual face, of coupled measures by the
    dual face.
    """
    rng = np.random.default_rng(140_000 + seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets))
    for objective in (adl.ExpectedLoss(), adl.CVaR(0.8), adl.WorstCase()):
        problem = adl.Problem(objective, event, law)
        solved = problem.solve()
        ends = solved.shadow_price_range
        for k in event.free_assets:
            least, most = ends.loc[event.book.assets[k]]
            if np.isnan(least):
                assert 0 < solved.certificate.value <= solved.certificate.floor
                continue
            more, last = quotients(
                problem, solved, k, 1e-5 * min(event.required[k], event.capacities[k] - event.required[k])
            )
            scale = 1e-4 * max(solved.certificate.reference / event.required[k], abs(more), abs(last))
            assert least == pytest.approx(more, abs=scale) and most == pytest.approx(last, abs=scale)
            assert least <= solved.shadow_price_by_asset[k] <= most


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(20))
def test_smooth_laws_have_one_price(seed):
    rng = np.random.default_rng(141_000 + seed)
    event = cross(rng)
    law = elliptical(rng, len(event.book.assets))[seed % 2]
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    solved = problem.solve()
    for k in event.free_assets:
        least, most = solved.shadow_price_range.loc[event.book.assets[k]]
        more, last = quotients(
            problem, solved, k, 1e-3 * min(event.required[k], event.capacities[k] - event.required[k])
        )
        noise = 1e-6 * solved.certificate.reference / event.required[k] + 1e-2 * (last - more)
        assert more - noise <= least <= most <= last + noise


def test_a_kink_in_several_assets():
    """At the kink of an account with two positions to decide: the dual face gives both ends."""
    rows = [
        ("a", "X", -10.0, 1.0, 0.5),
        ("a", "Y", -10.0, 1.0, 0.5),
        ("b", "X", -1e-6, 1.0, 1e3),
        ("b", "Y", -1e-6, 1.0, 1e3),
    ]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 7.5, "Y": 7.5})
    law = adl.Scenarios([[0.1, 0.1], [0.2, 0.2]])
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    solved = problem.solve()
    ends = solved.shadow_price_range
    assert ends.loc["X"].tolist() == pytest.approx([0.1, 0.15], rel=1e-6)
    more, last = quotients(problem, solved, 0, 1e-3)
    assert (more, last) == pytest.approx((0.1, 0.15), rel=1e-6)


def test_ranges_travel_with_the_allocation(tmp_path):
    solved = kinked(5.0)
    solved.save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").shadow_price_range.equals(solved.shadow_price_range)
    nothing = kinked(0.0)
    nothing.save(tmp_path / "b.json")
    assert adl.Allocation.load(tmp_path / "b.json").shadow_price_range.loc["X", "most"] == np.inf
    assert adl.pro_rata(solved.event).shadow_price_range.isna().all(axis=None)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_shadow_price_is_minus_the_slope_of_the_value(seed):
    rng = np.random.default_rng(4000 + seed)
    event = cross(rng, d=2)
    law = scenarios(rng, len(event.book.assets))
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    here = problem.solve(method="conic")
    for k in event.free_assets:
        asset = event.book.assets[k]
        step = 1e-4 * min(event.required[k], event.capacities[k] - event.required[k])
        values = []
        for change in (-step, step):
            short, long = dict(event.short), dict(event.long)
            side = short if event.side[k] < 0 else long
            side[asset] += change
            values.append(problem.solve(short=short, long=long, method="conic").certificate.value)
        before, after = (
            (values[0] - here.certificate.value) / step,
            (here.certificate.value - values[1]) / step,
        )
        slack = 1e-6 * max(abs(before), abs(after)) + 3 * TOL.value * here.certificate.reference / step
        assert after - slack <= here.shadow_price_by_asset[k] <= before + slack


def test_prices_at_the_ends_are_one_sided():
    """The kink sits exactly at the end: what the first contract saves is not what the last one would have
    saved.
    """
    event = one_asset([-4.0, -4.0], [2.0, 2.0], 0.0)
    problem = adl.Problem(
        adl.ExpectedLoss(), event, adl.Scenarios([0.5, -0.5])
    )  # 0.5 * 4 = 2: zero loss, on the kink
    assert problem.solve().shadow_price_by_asset[0] == 0.0
    last = adl.Problem(adl.ExpectedLoss(), one_asset([-4.0], [2.0], 4.0), adl.Scenarios([1.0, -1.0])).solve()
    assert last.shadow_price_by_asset[0] == 0.0
    assert np.isnan(adl.Problem(adl.MaxLeverage(), event).solve().shadow_price_by_asset[0])
