"""Counterexamples that once fooled the library, each now refused, corrected or told apart (the review of the
mathematics).
"""

import itertools
import math

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import adl_opt as adl
from adl_opt.numerics.tail_integrals import student_excess
from adl_opt.waterfill.level import water_level

from .books import count, cross, frame, one_asset, scenarios
from .tolerances import TOL

ISOLATED = one_asset([-10.0, -10.0], [1.0, 4.0], 5.0)


def book(rows) -> adl.Book:
    return adl.Book.from_frame(frame(*zip(*rows)))


class Weighted(adl.LeverageSquare):
    """A child that says its value anew: its parent's closed form, proof and name are not its own."""

    def express(self, m):
        return np.array([1.0, 100.0]) @ cp.multiply(m.equity, cp.square(m.leverage))

    def value(self, m):
        return float(np.array([1.0, 100.0]) @ (m.equity * m.leverage**2))


class SquaredShortfall(adl.ExpectedLoss):
    def express(self, m):
        return m.unit * cp.sum_squares(
            m.expected_shortfall
        )  # money squared: one unit more than money = 1 says

    def value(self, m):
        return float(np.sum(m.expected_shortfall**2))


def test_children_inherit_no_proof():
    solved = adl.Problem(Weighted(), ISOLATED).solve(short={"X": 10.0})
    assert solved.method == "conic" and solved.certificate.measure == "Weighted"
    closed = np.linspace(0, 10, 100_001)
    brute = (((10 - closed) ** 2 / 1.0) + 100 * (closed**2) / 4.0).min()
    assert solved.certificate.objective == pytest.approx(brute, rel=1e-6)
    assert not SquaredShortfall.monotone
    squared = adl.Problem(SquaredShortfall(), ISOLATED, adl.Scenarios([1.0, -0.5])).solve()
    assert squared.certificate.objective == pytest.approx(12.5, rel=1e-6)


def test_no_law_means_water_filling_and_nothing_near_it():
    event = adl.Event(
        book([("whale", "X", -1e10, 1.0, 1e9), ("dust", "X", -100.0, 1.0, 1.0), ("w2", "X", -1e9, 1.0, 1e9)]),
        short={"X": 1e9},
    )
    near = pd.DataFrame({"account": ["whale"], "asset": "X", "closed": [-1e9]})
    refused = adl.certify(adl.ExpectedLoss(), event, None, near)
    assert (
        refused.status == "uncertified" and refused.gap > 0.5 and "not optimal for every law" in refused.proof
    )
    assert adl.certify(adl.ExpectedLoss(), event, None, adl.water_filling(event).to_frame()).certified


class Slack(adl.Objective):
    """express and value differ by what is little at pro rata and much at the optimum."""

    money = 0

    def express(self, m):
        return cp.sum(cp.maximum(m.leverage, 1.0))

    def value(self, m):
        return float(m.leverage.sum())


def test_two_definitions_are_compared_relative_to_the_value():
    rows = [
        ("a", "BTC", -1e6, 1.0, 0.1),
        ("h", "BTC", -1e6, 1.0, 1e9),
        ("c", "BTC", -30.0, 1.0, 10.0),
        ("d", "BTC", -30.0, 1.0, 11.0),
    ]
    event = adl.Event(book([*rows, ("c", "ETH", 2.0, 1.0, 10.0)]), short={"BTC": 1e6 + 30.0})
    with pytest.raises(adl.ObjectiveError, match="Slack"):
        adl.Problem(Slack(), event).solve()


@pytest.mark.parametrize("p", [1.5003, 1.0001, 2.9997])
def test_the_power_is_the_power_asked_for(p):
    rows = [
        ("a", "BTC", -10.0, 1.0, 1.0),
        ("b", "BTC", -10.0, 1.0, 4.0),
        ("b", "ETH", 3.0, 1.0, 4.0),
        ("c", "ETH", 5.0, 1.0, 2.0),
    ]
    event = adl.Event(book(rows), short={"BTC": 5.0})
    solved = adl.Problem(adl.LeveragePower(p), event).solve()
    closed = np.linspace(0, 5, 200_001)
    brute = ((10 - closed) ** p + 4 * ((13 - 5 + closed) / 4) ** p + 2 * 2.5**p).min()
    assert solved.certificate.objective == pytest.approx(brute, rel=TOL.value)
    assert solved.certificate.bound <= brute * (1 + TOL.formula)


def test_a_power_that_cvxpy_cannot_state_is_one_sentence():
    rows = [("a", "BTC", -10.0, 1.0, 1.0), ("b", "BTC", -10.0, 1.0, 4.0), ("b", "ETH", 3.0, 1.0, 4.0)]
    problem = adl.Problem(adl.LeveragePower(2.0000001), adl.Event(book(rows), short={"BTC": 5.0}))
    try:
        assert problem.solve().certificate.certified
    except adl.SolveError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("z", [0.0, 2.0, 5.0, 10.0, 20.0])
def test_student_t_tends_to_the_normal(z):
    """Relative difference to the normal is about (z^4 + ...)/(4 dof): at dof = 1e14 nothing is left of it."""
    from adl_opt.numerics.tail_integrals import normal_excess

    assert student_excess(np.array([z]), 1e14) == pytest.approx(normal_excess(np.array([z])), rel=1e-8)


@pytest.mark.parametrize("dof", [1.05, 2.5, 4.9, 5.1, 30.0, 300.0, 1e5])
def test_student_excess_against_integration(dof):
    from scipy import integrate

    for z in (-3.0, 0.0, 0.9, 1.1, 4.0, 12.0):
        tail = stats.t(dof)
        cut = z + 50 * max(1.0, abs(z)) if dof > 30 else np.inf
        exact = integrate.quad(tail.sf, z, cut, epsabs=0, epsrel=1e-11, limit=500)[0]
        assert student_excess(np.array([z]), dof)[0] == pytest.approx(exact, rel=1e-7)


def test_dictionaries_are_columns_by_label():
    law = adl.Scenarios({"ETH": [-0.5, 0.5], "BTC": [0.1, -0.1]})
    assert law.assets == ("ETH", "BTC") and law.align(("BTC", "ETH")).moves.tolist() == [
        [0.1, -0.5],
        [-0.1, 0.5],
    ]


class Limited(adl.Objective):
    """Narrows the allocations, so that its bound would not hold for all of them."""

    def express(self, m):
        m.subject_to(m.fraction[0] <= 0.1)
        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return float(m.equity @ m.leverage**2)


class LimitedByOwn(Limited):
    """The same through a variable of its own."""

    def __init__(self, most=0.1):
        self._most = most

    def express(self, m):
        own = cp.Variable()
        m.subject_to(own >= m.fraction[0], own <= self._most)
        return m.equity @ cp.square(m.leverage) + 0 * own


@pytest.mark.parametrize(
    "objective, says", [(Limited(), "bind the allocation alone"), (LimitedByOwn(), "exclude pro rata")]
)
def test_objectives_do_not_narrow_the_allocations(objective, says):
    with pytest.raises(adl.ObjectiveError, match=says):
        adl.Problem(objective, ISOLATED).solve()


class MeanVariance(adl.Objective):
    """Says monotone and is not (THEORY 2)."""

    monotone = True

    def value(self, m):
        mean = float(m.probability @ m.loss)
        return mean + 0.2 * float(m.probability @ (m.loss - mean) ** 2)


def test_a_functional_that_is_not_monotone_is_caught():
    event = one_asset([-3.0, -3.0], [1.0, 1.0], 3.0)
    with pytest.raises(adl.ObjectiveError, match="its value falls"):
        adl.Problem(MeanVariance(), event, adl.Scenarios([0.5, 3.0])).solve()


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_requirements_a_few_ulps_below_the_capacity_clear(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        n = int(rng.integers(1, 8))
        size = np.round(10 ** rng.uniform(-2, 3, n), int(rng.integers(0, 4))) + 0.1
        required = math.fsum(size)
        for _ in range(int(rng.integers(1, 12))):
            required = float(np.nextafter(required, 0))
        _, closed = water_level(size, np.ones(n), required)
        assert math.fsum(closed) == required and (closed >= 0).all() and (closed <= size).all()


def test_the_reviewers_ulp():
    _, closed = water_level(np.array([5.8999999999999995, 50.1, 255.4]), np.ones(3), 311.4)
    assert math.fsum(closed) == 311.4


def test_values_that_are_rounding_are_certified_as_such():
    size, price = np.array([404.453134, 54.878502]), 23562.351005
    event = one_asset(-size, [509874.626473, 689021.93606], float(np.nextafter(math.fsum(size), 0)), price)
    for objective in (adl.LeverageSquare(), adl.MaxLeverage()):
        for method in ("closed-form", "conic"):
            assert adl.Problem(objective, event).solve(method=method).certificate.certified


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_books_that_barely_lose_anything(seed):
    """One account a hair beyond the worst move: the loss is 1e-9 of the notional and the program is divided
    by it.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(4):
        equity = 1e6 * rng.random() + 1e5
        rows += [
            (f"a{i}", "BTC", -rng.random() * equity / 100, 100.0, equity),
            (f"a{i}", "ETH", rng.normal() * equity / 50, 10.0, equity),
        ]
    law = adl.Scenarios(rng.normal(size=(12, 2)) * 0.3)
    first = adl.Event(book(rows), short={"BTC": "all"})
    event = first.with_requirement(short={"BTC": 0.3 * first.required[0]})
    from adl_opt.evaluation.symbols import Symbols

    worst = np.array(
        [
            (np.maximum(a, -np.inf)).max()
            for _, _, arg in Symbols(event, law, np.zeros(8)).arguments()
            for a in arg
        ]
    ).max()
    rows = [
        (a, k, x, p, e + (worst if a == "a0" else 0) * (1 - 1e-9) + 1e3 * (a != "a0"))
        for a, k, x, p, e in rows
    ]
    if min(row[4] for row in rows) <= 0:
        return
    event = adl.Event(book(rows), short=event.short)
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    exact = problem.solve().certificate
    for solver in ("HIGHS", "CLARABEL"):
        conic = problem.solve(method="conic", solver=solver).certificate
        assert conic.certified and conic.objective == pytest.approx(
            exact.objective, rel=1e-6, abs=1e-9 * exact.reference
        )


def test_probabilities_near_the_end_of_the_floats():
    law = adl.Scenarios([0.7, 0.2, -0.1], [1e-310, 0.5, 0.5])
    solved = adl.Problem(adl.ExpectedLoss(), one_asset([-2.0, -2.0], [1.0, 1.4], 1.0), law).solve(
        method="conic"
    )
    assert solved.certificate.status in ("certified", "uncertified")


class Named(adl.Objective):
    def __init__(self, power):
        self.power = power

    def express(self, m):
        return m.equity @ cp.power(m.leverage, self.power)

    def value(self, m):
        return float(m.equity @ m.leverage**self.power)


def test_objectives_of_one_class_are_told_apart(paper):
    table = adl.compare(paper, measures=[Named(2), Named(4)])
    assert {"Named(power=2)", "Named(power=4)"} <= set(table.columns)
    parts = (
        adl.Problem(adl.ExpectedLoss() + 2 * adl.ExpectedLoss(), paper, adl.load("cross_margin").law)
        .solve()
        .parts
    )
    assert list(parts) == ["ExpectedLoss", "ExpectedLoss #2"]


def test_certify_falls_back_on_what_is_proved_without_a_method(paper):
    proof = adl.certify(
        adl.ExpectedLoss(), paper, adl.Gaussian([[0.01, 0.01], [0.01, 0.02]]), adl.pro_rata(paper)
    )
    assert proof.status == "uncertified" and proof.bound <= proof.objective


def test_an_allocation_of_other_legs_is_of_another_book():
    one = adl.Event(
        book([("A", "X", -5.0, 1.0, 1.0), ("A", "Y", -5.0, 1.0, 1.0), ("B", "X", -5.0, 1.0, 1.0)]),
        short={"X": 1.0},
    )
    two = adl.Event(
        book([("A", "X", -5.0, 1.0, 1.0), ("B", "X", -5.0, 1.0, 1.0), ("B", "Y", -5.0, 1.0, 1.0)]),
        short={"X": 1.0},
    )
    with pytest.raises(adl.AllocationError, match="another book"):
        adl.certify(adl.LeverageSquare(), two, None, adl.pro_rata(one))


def test_prices_at_the_ends_are_one_sided():
    """The kink sits exactly at the end: what the first contract saves is not what the last one would have
    saved.
    """
    event = one_asset([-4.0, -4.0], [2.0, 2.0], 0.0)
    problem = adl.Problem(
        adl.ExpectedLoss(), event, adl.Scenarios([0.5, -0.5])
    )  # 0.5 * 4 = 2: zero loss, on the kink
    assert problem.solve().price[0] == 0.0
    last = adl.Problem(adl.ExpectedLoss(), one_asset([-4.0], [2.0], 4.0), adl.Scenarios([1.0, -1.0])).solve()
    assert last.price[0] == 0.0
    assert np.isnan(adl.Problem(adl.MaxLeverage(), event).solve().price[0])


def test_the_floor_does_not_certify_what_is_worse_than_pro_rata():
    """High powers: the value before closing is 1e300; measured by it anything would be certified."""
    import warnings

    rows = [
        ("a", "BTC", -10.0, 1.0, 1.0),
        ("b", "BTC", -10.0, 1.0, 4.0),
        ("b", "ETH", 3.0, 1.0, 4.0),
        ("c", "ETH", 5.0, 1.0, 2.0),
    ]
    event = adl.Event(book(rows), short={"BTC": 5.0})
    for p in (50.0, 150.0, 300.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", adl.UncertifiedWarning)
            try:
                c = adl.Problem(adl.LeveragePower(p), event).solve().certificate
            except adl.SolveError:
                continue
        assert c.objective <= c.reference
        assert not c.certified or (c.objective - c.bound) <= max(1e-6 * c.objective, c.rounding)
        assert c.rounding <= 1e-12 * c.reference


class SquaresMixin:
    """Says a value; the proof of whatever stands behind it in the inheritance is of something else."""

    money = 0

    def express(self, m):
        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float((m.fraction**2).sum())


class Squares(SquaresMixin, adl.Objective):
    pass


@pytest.mark.parametrize("parent", [adl.ExpectedLoss, adl.LeverageSquare, adl.MaxLeverage, adl.LeveragePower])
@pytest.mark.parametrize("mixin", [SquaresMixin, Squares])
def test_no_proof_comes_in_through_a_mixin(mixin, parent):
    mixed = type("Mixed", (mixin, parent), {})
    event = one_asset([-10.0, -4.0, -7.0], [1.0, 4.0, 2.0], 9.0)
    true = adl.Problem(Squares(), event).solve().certificate
    found = adl.Problem(mixed(), event, adl.Scenarios([0.3, -0.2])).solve()
    assert found.certificate.measure.startswith("Mixed") and found.unique is None and not mixed.monotone
    assert found.certificate.objective == pytest.approx(true.objective, rel=1e-5)


class TailMean(adl.Objective):
    """CVaR with its own variable, shifted by what must cancel."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def express(self, m):
        tail = cp.Variable() + self.shift
        return tail + m.probability @ cp.pos(m.loss - tail) / 0.1

    def value(self, m):
        worst = np.argsort(-m.loss)
        weight = np.clip(
            0.1 - (np.cumsum(m.probability[worst]) - m.probability[worst]), 0, m.probability[worst]
        )
        return float(weight @ m.loss[worst] / 0.1)


@pytest.mark.parametrize("scale", [1.0, 1e5, 1e10])
def test_nothing_is_lost_and_what_that_proves(scale):
    event = one_asset(-np.array([0.5, 1.0, 0.5]) * scale, np.full(3, scale), 0.8 * scale)
    law = adl.Scenarios([0.3, -0.2, 0.5, 0.1])
    with pytest.warns(
        adl.UncertifiedWarning
    ):  # the value is 0 without rounding, and a solver's bound is never quite 0
        solved = adl.Problem(TailMean(), event, law).solve()
    assert solved.certificate.objective == 0 and -1e-9 * scale <= solved.certificate.bound < 0
    library = adl.Problem(adl.CVaR(0.5), event, law).solve(method="conic")
    assert library.certificate.certified and library.certificate.objective == 0


@pytest.mark.parametrize("shift", [1e6, -1e6, 3.5e8, -1e9])
def test_bounds_charge_the_rounding_of_large_variables(shift):
    event = one_asset([-30.0, -20.0, -15.0], [3.0, 5.0, 5.0], 20.0)
    law = adl.Scenarios(np.linspace(-0.5, 0.5, 21))
    true = adl.Problem(TailMean(), event, law).solve().certificate
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        found = adl.Problem(TailMean(shift), event, law).solve().certificate
    assert found.bound <= true.objective * (1 + 1e-9)


def test_one_scenario_and_wide_stress_are_laws():
    wide = adl.Scenarios({"BTC": [0.01, -0.02], "DOGE": [3.0, -0.9]})
    assert wide.align(("DOGE",)).moves.tolist() == [[3.0], [-0.9]]
    assert adl.Scenarios([3.0], meant=True).sample(4, seed=0).moves.shape == (4, 1)
    assert adl.OneFactor([0.01], adl.Scenarios(np.linspace(-3, 3, 41), meant=True)).quadrature(
        5
    ).moves.shape == (41, 1)
    assert adl.LogNormal(25.0, None, 1 / 8766, meant=True).dimension == 1
    ordered = pd.DataFrame({"A": [1.0, 2.0, 3.0]}, index=["t8", "t9", "t10"])
    assert adl.Scenarios.from_prices(ordered).moves.ravel().tolist() == [1.0, 0.5]
    assert adl.Scenarios.from_prices([1.0, 2.0, 3.0]).moves.ravel().tolist() == [1.0, 0.5]


def test_clearing_a_hundred_thousand_legs_an_ulp_below_capacity_is_quick():
    """Not timed; a quadratic loop here would take a minute and be noticed."""
    from adl_opt.numerics.exact_sums import clear_exactly

    rng = np.random.default_rng(5)
    size = np.round(rng.random(100_000), 2) + 0.01
    required = float(np.nextafter(math.fsum(size), 0))
    for start in (np.zeros_like(size), size.copy(), 0.5 * size):
        assert math.fsum(clear_exactly(start, size, required)) == required


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_the_tail_decides_exactly(seed):
    """All but 1e-10 of the probability sits below every kink: the slopes that decide are tiny beside the
    first ones (once 2 % off).
    """
    from adl_opt.evaluation.symbols import Symbols
    from adl_opt.methods.piecewise_linear import best_in_asset

    rng = np.random.default_rng(seed)
    equity, leverage = 10 ** rng.uniform(0, 3, 8), rng.uniform(2, 30, 8)
    sizes = leverage * equity
    for side, turn in (("short", 1.0), ("long", -1.0)):
        event = one_asset(-turn * sizes, equity, 0.6 * float(sizes.sum()), side=side)
        moves = np.sort(np.concatenate([[0.04, 0.05], rng.uniform(0.1, 3, 12)]))
        weight = np.where(moves < 0.06, 1.0, 10.0 ** -rng.uniform(10, 18, len(moves)))
        law = adl.Scenarios(turn * moves, weight / weight.sum(), meant=True)

        def loss(amount, event=event, law=law):
            return Symbols(event, law, amount).expected_loss

        best = loss(adl.water_filling(event).amount)
        assert loss(best_in_asset(event, law, np.zeros(8), 0)) <= best * (1 + 1e-9) + 1e-26 * sizes.sum()
        assert adl.Problem(adl.ExpectedLoss(), event, law).solve(method="separable").certificate.certified


def test_shortfall_risk_does_not_hide_behind_its_scale():
    """Measured from -scale, a loss 2.5 times the optimum's was certified; now no loss has value 0."""
    event = one_asset([-10.0, -8.0, -1.0], [1.0, 1.0, 1.0], 5.0)
    law = adl.Scenarios({"X": [0.1, 0.15, 0.2]})
    poor = event.book.to_frame()[["account", "asset"]].assign(closed=[0.0, -5.0, 0.0])
    for scale in (1.0, 1e4, 1e6, 1e12):
        assert not adl.certify(adl.ShortfallRisk(scale), event, law, poor).certified
        assert adl.certify(adl.ShortfallRisk(scale), event, law, adl.water_filling(event)).certified
        assert adl.ShortfallRisk(scale).of(np.zeros(3), np.full(3, 1 / 3)) == 0.0


def test_tails_thinner_than_a_rounding():
    """The tail of level 1 - 1e-9 holds a move of probability 4e-13 at its edge: it decides all the same."""
    level, most = 1 - 1e-9, 1e-9 * (1 - 4e-4)
    law = adl.Scenarios({"X": [0.5, 0.2, 0.01]}, [most, 1e-7, 1 - 1e-7 - most])
    event = one_asset([-10.0, -10.0], [1.0, 1.0], 12.0)
    problem = adl.Problem(adl.CVaR(level), event, law)
    found = adl.optimal_range(problem)  # leverages between 1 / 0.5 and 1 / 0.2 that sum to 8
    assert found["least"].tolist() == pytest.approx([-5.0, -5.0]) and found["most"].tolist() == pytest.approx(
        [-7.0, -7.0]
    )
    for end in ("least", "most"):
        closed = adl.optimal_range(problem)[end].to_numpy().copy()
        closed[1] = -12.0 - closed[0]
        table = event.book.to_frame()[["account", "asset"]].assign(closed=closed)
        assert adl.certify(adl.CVaR(level), event, law, table).certified
    for measure in (adl.CVaR(1 - 1e-13), adl.OCE(1e12, 0)):
        assert adl.Problem(measure, event, law).solve().unique is False


HEDGED = [
    ("A", "X", -10, 1.0, 1.0),
    ("B", "X", -6, 1.0, 1.0),
    ("A", "Z", 1, 1.0, 1.0),
    ("B", "Z", -1, 1.0, 1.0),
]


@pytest.mark.parametrize("aversion", [1e-1, 1e-3, 1e-6, 1e-9, 1e-12, 1e-16, 1e-20])
@pytest.mark.parametrize("rounding", [0.0, 5e-10, -5e-10])
def test_entropic_at_small_aversions(aversion, rounding):
    """Exponential cones have no digits there: the expected loss is where to start, a quadratic program the
    rest.
    """
    event = adl.Event(book(HEDGED), short={"X": 8.6})
    law = adl.Scenarios(
        {"X": [0.11, 0.17, 0.23, 0.4], "Z": [-0.1, 0.1, 0.2, -0.2]}, [0.25 + rounding, 0.25, 0.25, 0.25]
    )
    solved = adl.Problem(adl.Entropic(aversion), event, law).solve()
    expected = adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate.objective
    assert solved.certificate.certified and solved.certificate.objective >= expected * (1 - 1e-12)
    assert aversion > 1e-6 or solved.certificate.objective == pytest.approx(expected, rel=1e-5)


def test_entropic_where_money_is_small():
    small = [(a, k, q, 1e-6 * p, 1e-6 * e) for a, k, q, p, e in HEDGED]
    event = adl.Event(book(small), short={"X": 8.6})
    law = adl.Scenarios({"X": [0.11, 0.17, 0.23, 0.4], "Z": [-0.1, 0.1, 0.2, -0.2]})
    assert adl.Problem(adl.Entropic(), event, law).solve().certificate.certified


@pytest.mark.parametrize(
    "measure",
    [adl.ShortfallRisk(1e-18), adl.MonotoneMeanVariance(1e-18), adl.OCE(1e12, 0.0), adl.Entropic(1e12)],
    ids=str,
)
def test_measures_at_their_edge_are_the_worst_case(measure):
    loss, p = np.array([0.0, 1.0, 3.0]), np.array([0.5, 0.3, 0.2])
    assert measure.of(loss, p) == pytest.approx(3.0, rel=1e-9) and measure.worst_weights(
        loss, p
    ).tolist() == [0.0, 0.0, 1.0]


def test_fewest_accounts_counts_only_those_not_reduced_anyway():
    """A's BTC is closed in full, so A may as well close ETH; B need not be touched."""
    event = adl.Event(
        book([("B", "ETH", -1.0, 1.0, 10.0), ("A", "BTC", -1.0, 1.0, 10.0), ("A", "ETH", -1.0, 1.0, 10.0)]),
        short={"BTC": "all", "ETH": 1.0},
    )
    law = adl.Scenarios({"BTC": [0.01, 0.02], "ETH": [0.01, 0.02]})
    assert adl.Problem(adl.ExpectedLoss(), event, law).solve(prefer="fewest-accounts").amount.tolist() == [
        0.0,
        1.0,
        1.0,
    ]


def test_value_only_measures_in_sums():
    event, law = adl.examples.shorts([3, 3], [1, 1], 3.0), adl.Scenarios({"BTC": [0.5, 3.0]})
    for measure in (0.5 * adl.MeanVariance(0.1), adl.MeanVariance(0.1) + adl.ExpectedLoss()):
        proof = adl.certify(measure, event, law, adl.pro_rata(event))
        assert 0 < proof.bound <= proof.objective
        assert len(adl.compare(event, law, measures=[measure])) == 3


def test_a_pegged_coin_is_a_certain_move():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    for law in (adl.Gaussian(0.0, mean=0.05), adl.Gaussian(0.0)):
        assert adl.Problem(adl.ExpectedLoss(), event, law).solve().unique is False
        assert "closed form" in adl.optimal_range(adl.Problem(adl.ExpectedLoss(), event, law)).attrs["how"]


def test_dust_and_rare_scenarios_are_said_to_be_within_a_tolerance():
    event = adl.Event(
        book([*HEDGED, ("d", "Y", -1e-13, 1.0, 1e-14), ("e", "Y", -1e-13, 1.0, 2e-14)]),
        short={"X": 8.6, "Y": 1e-13},
    )
    law = adl.Scenarios({"X": [0.11, 0.4], "Z": [-0.1, -0.2], "Y": [0.1, 0.5]})
    found = adl.optimal_range(adl.Problem(adl.ExpectedLoss(), event, law))
    assert found.attrs["within"] == 1e-9 and "programs" in found.attrs["how"]


class Understated(adl.Objective):
    """value is less than express says: beside an expected loss under a Gaussian, its program's bound would be
    of another objective.
    """

    def express(self, m):
        return 2 * m.equity @ cp.square(m.leverage)

    def value(self, m):
        return m.equity @ m.leverage**2


def test_a_users_term_beside_an_elliptical_expected_loss_is_compared_too():
    event = adl.Event(book(HEDGED), short={"X": 8.6})
    with pytest.raises(adl.ObjectiveError, match="express and value disagree"):
        adl.Problem(
            adl.ExpectedLoss() + Understated(), event, adl.Gaussian(np.array([[0.04, 0.03], [0.03, 0.05]]))
        ).solve()


def test_uniqueness_is_not_claimed_where_it_is_rounding():
    event = adl.Event(book(HEDGED), short={"X": 8.6})
    singular = adl.Gaussian(np.outer([0.2, 0.3], [0.2, 0.3]) * (1 + 1e-16))
    assert adl.Problem(adl.ExpectedLoss(), event, singular).solve().unique is None
    calm = adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian(np.diag([1e-9, 1e-9])))
    assert calm.solve().certificate.status == "negligible" and calm.solve().unique is None
    with pytest.raises(adl.SolveError, match=r"negligible .* cannot be told"):
        adl.optimal_range(calm)


def test_programs_over_the_optimal_face_are_refused_where_nobody_would_wait(tmp_path):
    """19,000 accounts, CVaR, longs that lose too: no closed form, and linear programs would take hours.

    It is said at once, and saving does not wait.
    """
    rng = np.random.default_rng(0)
    equity = 10 ** rng.uniform(2, 5, 2_500)
    position = np.where(np.arange(2_500) % 10 == 0, 5.0, -5.0) * equity
    event = one_asset(position, equity, 0.2 * float(-position[position < 0].sum()))
    problem = adl.Problem(adl.CVaR(0.9), event, adl.Scenarios([-0.5, -0.3, 0.1, 0.4, 0.6]))
    solved = problem.solve()
    assert solved.certificate.certified and solved.unique is None
    with pytest.raises(adl.SolveError, match=r"2,250 positions to decide .* are too many for programs"):
        adl.optimal_range(problem)
    solved.save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").unique is None


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
        assert one.certified and two.certified and one.objective == pytest.approx(two.objective, rel=1e-6)
        near = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="separable", tol=1e-3).certificate
        assert near.status in ("certified", "negligible") and near.objective <= 1.001 * two.objective


def test_a_factor_far_in_the_money_is_integrated():
    """Issue 4's newcomer: a stress as factor was certified at 26,622 for a true 26,500."""
    for factor, truth in (
        (stats.uniform(0.2, 0.05), 21.5),
        (stats.norm(0.3, 0.02), 29.0),
        (stats.norm(0.1, 0.01), 9.0),
    ):
        law = adl.OneFactor([1.0], factor)
        assert law.expected_shortfall(np.array([[-100.0]]), np.array([1.0]))[0] == pytest.approx(
            truth, rel=1e-9
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


def test_targets_of_assets_that_do_not_load_are_implementable():
    """Issue 4's adversary: an asset of loading 0 was called not implementable."""
    rows = [
        ("a", "X", -10.0, 1.0, 1.0),
        ("a", "Y", -4.0, 1.0, 1.0),
        ("b", "X", -5.0, 1.0, 2.0),
        ("b", "Y", -6.0, 1.0, 2.0),
    ]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 3.0, "Y": 5.0})
    for loading in ({"X": 1.0, "Y": 0.0}, {"X": 0.0, "Y": 1.0}, {"X": 0.0, "Y": 0.0}):
        assert adl.factor_targets(event, loading)["implementable"].all(), loading


@pytest.mark.parametrize("seed", range(8))
def test_explain_never_contradicts_the_price(seed):
    """What is said to be saved on the margin is the shadow price, also for coupled measures and at kinks."""
    import re

    rng = np.random.default_rng(seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets))
    for measure in (adl.ExpectedLoss(), adl.CVaR(0.8), adl.WorstCase(), adl.Entropic(1e-2)):
        solved = adl.Problem(measure, event, law).solve()
        for account in event.book.accounts:
            for line in solved.explain(account).splitlines():
                found = re.search(
                    r"one more (?:contract saves|would save) (\S+): on the margin, the shadow price (\S+) ",
                    line,
                )
                if found:
                    saved, price = (float(x.replace(",", "")) for x in found.groups())
                    last = re.search(r"last contract saved (\S+),", line)
                    most = float(last.group(1).replace(",", "")) if last else saved
                    scale = max(abs(price), abs(saved), 1e-12)
                    assert saved <= price + 1e-5 * scale and price <= most + 1e-5 * scale, line
    unit = adl.Problem(adl.MaxLeverage(), event).solve().explain(event.book.accounts[0])
    assert "quote currency per contract" not in unit


def test_a_position_closed_by_its_owner_stays_closed_in_isolated_waves():
    """Wave 2 lists A's BTC as 0: no policy may close it again, and its leverage is 0."""
    rows = [
        (1, "A", "BTC", -10.0, 100.0, 10.0, 0.0),
        (1, "A", "ETH", -5.0, 100.0, 10.0, 0.0),
        (1, "B", "BTC", -10.0, 100.0, 10.0, -1.0),
    ]
    rows += [
        (2, "A", "BTC", 0.0, 100.0, 10.0, 0.0),
        (2, "A", "ETH", -5.0, 100.0, 10.0, 0.0),
        (2, "B", "BTC", -9.0, 100.0, 10.0, -4.0),
    ]
    table = pd.DataFrame(
        rows, columns=["wave", "account", "asset", "position", "equity", "price", "realized_closed"]
    )
    result = adl.replay(adl.Waves.from_frame(table).isolated(), ["pro_rata"], progress=False)
    closed = result.closed("pro_rata")
    assert not ((closed["account"] == "A:BTC") & (closed["wave"] == 2)).any()
    last = result.to_frame().set_index(["wave", "policy"])
    assert last.loc[(2, "realized"), "leverage_max"] == pytest.approx(0.5)


@pytest.mark.parametrize("objective", [adl.WorstCase(), adl.CVaR(1e-12)])
def test_a_tail_that_is_all_there_is(objective):
    """One possible scenario: its weight is 1, and there is no room inside for an interior point."""
    rng, certified = np.random.default_rng(5), 0
    for seed in range(30):
        event = cross(np.random.default_rng(170_000 + seed), 4, 2)
        moves = 0.3 * rng.standard_normal((3, len(event.book.assets)))
        law = (
            adl.Scenarios(moves, [0.0, 1.0, 0.0])
            if isinstance(objective, adl.WorstCase)
            else adl.Scenarios(moves)
        )
        one, two = (
            adl.Problem(objective, event, law).solve(method=how).certificate for how in ("separable", "conic")
        )
        assert one.certified and abs(one.objective - two.objective) <= 1e-6 * max(two.objective, two.floor)
        certified += one.objective > 0
    assert certified > 5


def test_aster_ranks_by_the_return_on_the_mark_also_from_profit_ratios():
    table = frame(list("ab"), "X", [10.0, 10.0], 10.0, [10.0, 13.0]).assign(entry_price=[5.0, 4.0])
    ratios = table.assign(profit_ratio=table["price"] / table["entry_price"] - 1)
    for book in (ratios, ratios.drop(columns="entry_price")):
        event = adl.Event(adl.Book.from_frame(book), long={"X": 10.0})
        assert adl.policy("aster")(event).amount.tolist() == [10.0, 0.0]


def hedged_shorts(size, equity) -> adl.Book:
    """Accounts short of A and, by as much, of B, each at 128."""
    return book([(i, asset, -x, 128.0, e) for i, (x, e) in enumerate(zip(size, equity)) for asset in "AB"])


@pytest.mark.parametrize("share", [1e-6, 1e-9, 1e-12, 1 - 1e-6, 1 - 1e-9, 1 - 1e-12])
def test_optima_are_not_called_unique_where_little_can_move(share: float) -> None:
    # Both lose in the one scenario whatever is closed: which of them closes makes no difference.
    event = adl.Event(hedged_shorts([4.0, 5.0, 3.0], [0.5, 0.5, 0.5]), short={"A": share * 12.0})
    law = adl.Scenarios([[0.5, 0.5]])
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="conic")
    assert solved.certificate.certified
    assert solved.unique is not True


def test_one_optimum_is_not_called_several_where_contracts_weigh_little() -> None:
    # By exact fractions only account 3 closes; a contract of A weighs a millionth of what B loses, less than
    # a program tells apart.
    price, size = (
        (1.43e-3, 2445.0),
        [(-1.89e-3, 1.93e-3), (-9.58e-4, -1.88e-3), (-5.53e-4, 5.26e-4), (-1.695, -0.977)],
    )
    rows = [
        (i, a, x, p, e)
        for i, e in enumerate([24.86, 8.26, 7.84, 33.58])
        for a, x, p in zip("AB", size[i], price)
    ]
    law = adl.Scenarios([[0.288, 0.161], [-0.26, 0.075]], [0.9929, 0.0071])
    problem = adl.Problem(adl.ExpectedLoss(), adl.Event(book(rows), short={"A": 1.428}), law)
    solved = problem.solve()
    assert solved.certificate.certified and not solved.closed[:-2].any()
    assert solved.unique is not False


class LossByHand(adl.Objective):
    """The expected loss, quote currency."""

    money = 1

    def value(self, m) -> float:
        return float(m.probability @ m.loss)

    def express(self, m):
        return m.probability @ m.loss


@pytest.mark.parametrize("objective", [LossByHand(), 1e-6 * LossByHand(), adl.ExpectedLoss()], ids=str)
@pytest.mark.parametrize("left", [1e-6, 1e-9, 1e-12])
def test_nothing_lost_is_certified_near_the_capacity(objective: adl.Objective, left: float) -> None:
    event = adl.Event(hedged_shorts([4.0, 5.0, 3.0], [150.0, 200.0, 120.0]), short={"A": 12.0 * (1 - left)})
    problem = adl.Problem(objective, event, adl.Scenarios([[0.5, 0.0], [0.2, 0.1], [-0.2, -0.1]]))
    for method in ("auto", "conic"):
        certificate = problem.solve(method=method).certificate
        assert certificate.status == "certified" and certificate.objective == 0.0 == certificate.bound


def test_nothing_lost_is_certified_by_the_separable_method() -> None:
    # All but rounding of the capacity is closed, and the kinks are there: no slope proves it, that nothing is
    # lost does.
    size, equity = [(7, 5), (2, -7), (5, 4), (5, 0), (6, -8)], [2.0**20, 16.0, 1.0, 2.0**-6, 2.0]
    rows = [(i, a, -x, 2.0, equity[i]) for i in range(5) for a, x in zip("AB", size[i]) if x]
    event = adl.Event(book(rows), short={"A": 24.99999999999975})
    solved = adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([[-0.3125, -0.125]])).solve(
        method="separable"
    )
    assert solved.certificate.objective == 0.0 and solved.certificate.certified
    assert solved.shadow_prices["A"] == 0.0


class OfTiers(LossByHand):
    """The expected loss and half of what accounts of a leverage of 10 and more keep, quote currency."""

    def value(self, m):
        return super().value(m) + 0.5 * float((m.leverage_before >= 10) @ (m.equity * m.leverage))

    def express(self, m):
        return super().express(m) + 0.5 * ((m.leverage_before >= 10) * m.equity) @ m.leverage


class AtTheEdge(LossByHand):
    """The expected loss, which is no number where an equity is below 1."""

    def value(self, m):
        with np.errstate(invalid="ignore"):
            return super().value(m) + 0 * float(np.sqrt(m.event.book.equity - 1.0).sum())


class RaisingAtTheEdge(LossByHand):
    """The expected loss, which raises where an equity is below 1."""

    def value(self, m):
        return super().value(m) + 0 * sum(map(math.sqrt, m.event.book.equity - 1.0))


@pytest.mark.parametrize(
    "objective", [OfTiers(), AtTheEdge(), AtTheEdge() + adl.CVaR(0.5), RaisingAtTheEdge()], ids=str
)
def test_what_changed_inputs_decide_is_no_rounding(objective: adl.Objective) -> None:
    # The estimate changes inputs in their last digits: an equity of 1 is then less, a leverage of 10 is then
    # below it.
    event = one_asset([-10.0, -10.0, -3.0], [1.0, 4.0, 2.0], 5.0)
    law = adl.Scenarios([[0.2], [0.4], [-0.1]])
    best = adl.Problem(objective, event, law).solve().certificate
    said = adl.certify(objective, event, law, adl.pro_rata(event))
    assert best.certified and said.objective > 1.5 * best.objective
    assert said.status == "uncertified" and said.gap == pytest.approx(
        1 - best.objective / said.objective, rel=1e-5
    )
    assert said.rounding < 1e-12 * said.objective
