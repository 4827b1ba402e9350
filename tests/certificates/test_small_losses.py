"""Losses of nothing or next to nothing: certified as such, and nothing worse with them."""

import math

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import book, count, hedged_shorts, one_asset
from tests.objectives_of_users import LossByHand
from tests.tolerances import TOL


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
    from adl_opt.evaluation.symbols import SymbolsAt

    worst = np.array(
        [
            (np.maximum(a, -np.inf)).max()
            for _, _, arg in SymbolsAt(event, law, np.zeros(8)).arguments()
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
        assert conic.certified and conic.value == pytest.approx(
            exact.value, rel=TOL.gap, abs=TOL.formula * exact.reference
        )


def test_probabilities_near_the_end_of_the_floats():
    law = adl.Scenarios([0.7, 0.2, -0.1], [1e-310, 0.5, 0.5])
    solved = adl.Problem(adl.ExpectedLoss(), one_asset([-2.0, -2.0], [1.0, 1.4], 1.0), law).solve(
        method="conic"
    )
    assert solved.certificate.status in ("certified", "uncertified")


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
    assert solved.certificate.value == 0 and -1e-9 * scale <= solved.certificate.bound < 0
    library = adl.Problem(adl.CVaR(0.5), event, law).solve(method="conic")
    assert library.certificate.certified and library.certificate.value == 0


@pytest.mark.parametrize("shift", [1e6, -1e6, 3.5e8, -1e9])
def test_bounds_charge_the_rounding_of_large_variables(shift):
    event = one_asset([-30.0, -20.0, -15.0], [3.0, 5.0, 5.0], 20.0)
    law = adl.Scenarios(np.linspace(-0.5, 0.5, 21))
    true = adl.Problem(TailMean(), event, law).solve().certificate
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        found = adl.Problem(TailMean(shift), event, law).solve().certificate
    assert found.bound <= true.value * (1 + TOL.formula)


@pytest.mark.parametrize("objective", [LossByHand(), 1e-6 * LossByHand(), adl.ExpectedLoss()], ids=str)
@pytest.mark.parametrize("left", [1e-6, 1e-9, 1e-12])
def test_nothing_lost_is_certified_near_the_capacity(objective: adl.Objective, left: float) -> None:
    event = adl.Event(hedged_shorts([4.0, 5.0, 3.0], [150.0, 200.0, 120.0]), short={"A": 12.0 * (1 - left)})
    problem = adl.Problem(objective, event, adl.Scenarios([[0.5, 0.0], [0.2, 0.1], [-0.2, -0.1]]))
    for method in ("auto", "conic"):
        certificate = problem.solve(method=method).certificate
        assert certificate.status == "certified" and certificate.value == 0.0 == certificate.bound


def test_nothing_lost_is_certified_by_the_separable_method() -> None:
    # All but rounding of the capacity is closed, and the kinks are there: no slope proves it, that nothing is
    # lost does.
    size, equity = [(7, 5), (2, -7), (5, 4), (5, 0), (6, -8)], [2.0**20, 16.0, 1.0, 2.0**-6, 2.0]
    rows = [(i, a, -x, 2.0, equity[i]) for i in range(5) for a, x in zip("AB", size[i]) if x]
    event = adl.Event(book(rows), short={"A": 24.99999999999975})
    solved = adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([[-0.3125, -0.125]])).solve(
        method="separable"
    )
    assert solved.certificate.value == 0.0 and solved.certificate.certified
    assert solved.shadow_prices["A"] == 0.0
