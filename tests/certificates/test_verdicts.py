"""When is a gap rounding? Verdicts that depend on no weight, money or contract (§11, THEORY 11.1)."""

import itertools
import warnings
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import verdict
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import count, cross, isolated, one_asset, scenarios
from tests.tolerances import TOL

# Objectives by the unit of money: parameters in money follow it.
OBJECTIVES = [
    lambda money: adl.ExpectedLoss(),
    lambda money: adl.CVaR(0.9),
    lambda money: adl.Spectral(),
    lambda money: adl.WorstCase(),
    lambda money: adl.AccountCVaR(0.8),
    lambda money: adl.Entropic(1e-3 / money),
    lambda money: adl.OCE(4.0, 0.5),
    lambda money: adl.MonotoneMeanVariance(300.0 * money),
    lambda money: adl.ShortfallRisk(300.0 * money),
    lambda money: adl.Expectile(0.9),
    lambda money: adl.MeanSemideviation(0.5),
    lambda money: adl.MaxLeverage(),
    lambda money: adl.LeverageSquare(),
    lambda money: adl.LeveragePower(1.0),
    lambda money: adl.ExpectedLoss() + 0.5 * adl.CVaR(0.95),
    lambda money: adl.ExpectedLoss() + 1e-3 * adl.LeverageSquare(),
]
SMOOTH = [adl.Gaussian, lambda covariance: adl.StudentT(covariance, 4.0)]


def scaled(event: adl.Event, money: float = 1.0, contracts: float = 1.0) -> adl.Event:
    """The same event in other units: a unit of money is 1 / money of the old one, a contract 1 /
    contracts.
    """
    book = event.book
    other = replace(
        book,
        price=book.price * (money / contracts),
        equity=book.equity * money,
        position=book.position * contracts,
    )
    sides = {"short": event.short, "long": event.long}
    need = {
        side: {asset: "all" if asset in whole(event) else q * contracts for asset, q in m.items()}
        for side, m in sides.items()
    }
    return adl.Event(other, **need)


def whole(event: adl.Event) -> set[str]:
    full = (event.required > 0) & (event.required == event.capacities)
    return {event.book.assets[k] for k in np.flatnonzero(full)}


def solved(objective, event, law, method="auto"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        problem = adl.Problem(objective, event, law)
        allocation = problem.solve(method=method)
        try:
            ranges = adl.optimal_range(problem) if method == "auto" else None
        except adl.SolveError:
            ranges = None
    return allocation, ranges


def alike(one, two, value: float = 1.0, contracts: float = 1.0) -> None:
    """The same verdict about the same problem: values `value` times, contracts `contracts` times as many."""
    (a, a_ranges), (b, b_ranges) = one, two
    assert (a.certificate.status, a.unique) == (b.certificate.status, b.unique)
    noise = TOL.rounding * abs(a.certificate.reference) + a.objective.value_rounding(
        SymbolsAt(a.event, a.law, a.amount)
    )
    assert b.certificate.value / value == pytest.approx(a.certificate.value, rel=2e-6, abs=noise)
    open_gap = a.certificate.gap > TOL.gap
    assert not open_gap or b.certificate.gap == pytest.approx(a.certificate.gap, rel=0.5)
    assert (a_ranges is None) == (b_ranges is None)
    if a_ranges is not None:
        held = np.maximum(a.event.held, 1e-300)
        for name in ("least", "most"):
            assert (np.abs(a_ranges[name] - b_ranges[name] / contracts).to_numpy() / held).max() <= 1e-5
    least, most = (np.asarray(a.shadow_price_range[name]) for name in ("least", "most"))
    other = np.asarray(b.shadow_price_range) * (contracts / value)
    for k, (low, high) in enumerate(zip(least, most)):
        slack = 1e-5 * max(abs(x) for x in (low, high, 0.0) if np.isfinite(x)) + 1e-9 * abs(
            a.certificate.reference
        ) / max(float(a.event.required[a.event.side != 0][k]), 1e-300)
        assert other[k] == pytest.approx([low, high], rel=1e-5, abs=slack, nan_ok=True)


def problem(seed: int):
    rng = np.random.default_rng(seed)
    event = isolated(rng, 5, decades=3) if seed % 2 else cross(rng, 4, 2, decades=2)
    make = OBJECTIVES[seed // 2 % len(OBJECTIVES)]
    return rng, event, make, scenarios(rng, len(event.book.assets), 8)


WEIGHTS = [1e-150, 1e-14, 1e-13, 2.0**-300, 3.0, 1e12, 1e150]


@pytest.mark.parametrize("seed", count(320))
def test_no_verdict_depends_on_a_weight(seed):
    _, event, make, law = problem(seed)
    weight = WEIGHTS[seed % len(WEIGHTS)]
    alike(solved(make(1.0), event, law), solved(weight * make(1.0), event, law), weight)


@pytest.mark.parametrize("seed", count(320))
def test_no_verdict_depends_on_the_unit_of_money_or_of_contracts(seed):
    _, event, make, law = problem(seed)
    money, contracts = [(1e-9, 1.0), (1e12, 1.0), (1.0, 1e-8), (1.0, 1e9), (1e6, 1e-5)][seed % 5]
    objective = make(1.0)
    value = 1.0 if isinstance(objective, adl.MaxLeverage) else money
    alike(
        solved(objective, event, law),
        solved(make(money), scaled(event, money, contracts), law),
        value,
        contracts,
    )


@pytest.mark.parametrize("method", ["separable", "conic"])
@pytest.mark.parametrize("seed", count(100))
def test_no_verdict_of_a_smooth_law_depends_on_units(seed, method):
    rng = np.random.default_rng(seed)
    event = cross(rng, 4, 2, decades=2)
    d = len(event.book.assets)
    sd = rng.uniform(0.05, 0.3, d)
    law = SMOOTH[seed % 2](np.outer(sd, sd) * (0.5 + 0.5 * np.eye(d)))
    weight, money, contracts = [
        (1e-150, 1.0, 1.0),
        (1e150, 1.0, 1.0),
        (1.0, 1e-9, 1.0),
        (1.0, 1e12, 1.0),
        (1.0, 1.0, 1e9),
    ][seed % 5]
    one = solved(adl.ExpectedLoss(), event, law, method)
    alike(
        one,
        solved(weight * adl.ExpectedLoss(), scaled(event, money, contracts), law, method),
        weight * money,
        contracts,
    )


@pytest.mark.parametrize("weight", [1e-150, 1e-14, 1e-8, 1e8, 1e150])
def test_certify_does_not_depend_on_a_weight(weight, paper, law):
    for objective, allocation in itertools.product(
        [adl.ExpectedLoss(), adl.ExpectedLoss() + adl.CVaR(0.9)],
        [adl.pro_rata(paper), adl.policy("leverage_queue")(paper)],
    ):
        one, two = (adl.certify(w * objective, paper, law, allocation) for w in (1.0, weight))
        assert one.status == two.status == "uncertified" and two.gap == pytest.approx(one.gap, rel=1e-6)
        table = [
            adl.compare(paper, law, policies=[adl.pro_rata], measures=[w * adl.ExpectedLoss()])
            for w in (1.0, weight)
        ]
        assert table[0].iloc[0, 2] == pytest.approx(table[1].iloc[0, 2], rel=1e-6)


# The cases that were certified at d3ae7e5 and are far from the least.
class Concentration(adl.Objective):
    money = 0

    def express(self, m):
        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float(np.sum(m.fraction**2))


def test_a_pure_number_has_no_floor_of_1():
    book = adl.Book.from_frame(
        pd.DataFrame(
            {
                "account": ["a", "b"],
                "asset": "K",
                "position": [-1e6, -3e6],
                "price": 100.0,
                "equity": [2e7, 9e7],
            }
        )
    )
    event, law = adl.Event(book, short={"K": 0.1}), adl.Scenarios([0.5, -0.3])
    one_sided = pd.DataFrame({"account": ["a"], "asset": "K", "closed": [-0.1]})
    c = adl.certify(Concentration(), event, law, one_sided)
    assert c.status == "uncertified" and c.value == pytest.approx(1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        found = adl.Problem(Concentration(), event, law).solve().certificate
    assert not found.certified or found.value == pytest.approx(1e-15, rel=2e-6)


def test_tails_far_below_pro_rata_are_told_apart():
    """THEORY 11.1: 15,000 times the least, once certified."""
    event = one_asset([-3.3, -3.3, -2.97], [100.0, 100.0, 100.0], 1.0, price=100.0)
    law = adl.Gaussian(0.04**2)
    last = pd.DataFrame({"account": ["a2"], "asset": "X", "closed": [-1.0]})
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate
    assert best.certified and best.value == pytest.approx(4.02362e-18, rel=1e-5)
    assert adl.certify(adl.ExpectedLoss(), event, law, last).status == "uncertified"
    assert adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).status == "uncertified"


def test_all_but_a_billionth_closed_certifies_nothing_worse_than_pro_rata():
    """THEORY 11.1: LeverageSquare was certified at 2.7e-13 where pro rata has 6.7e-14."""
    rows = [
        ("a", "X", -6.0, 100.0, 7.09),
        ("a", "Y", -8.0, 10.0, 7.09),
        ("b", "X", -7.0, 100.0, 370.21),
        ("b", "Y", 0.0, 10.0, 370.21),
    ]
    book = adl.Book.from_frame(
        pd.DataFrame(rows, columns=["account", "asset", "position", "price", "equity"])
    )
    capacity = adl.Event(book, short={"X": "all", "Y": "all"}).capacity
    event = adl.Event(book, short={asset: float(q * (1 - 1e-9)) for asset, q in capacity.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        c = adl.Problem(adl.LeverageSquare(), event).solve().certificate
    assert c.value <= c.reference * (1 + TOL.rounding)
    assert not c.certified or c.value - c.bound <= max(TOL.gap * c.value, 1e-3 * c.value)


def test_far_out_in_the_tail_the_optimum_is_negligible_and_said_so():
    """A normal law loses less than a float holds here: nothing is told apart, except water-filling, which is
    right for every law.
    """
    event = one_asset([-4.0, -4.0], [2.0, 3.0], 1.0)
    law = adl.Gaussian(1e-4**2)
    assert adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate.status == "certified"
    c = adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event))
    assert c.status == "negligible" and not c.certified and "1e-300 of an account" in c.proof
    longs = one_asset(
        [0.5, 0.5], [1.0, 1.0], 0.4, side="long"
    )  # a long below 1x of equity cannot fail: that is a true zero
    lognormal = adl.LogNormal(0.5, None, 0.1)
    assert adl.certify(adl.ExpectedLoss(), longs, lognormal, adl.pro_rata(longs)).certified


def test_negligible_is_neither_proved_nor_a_warning():
    """Less than a millionth of what pro rata loses could still be saved: said, and no warning."""
    event = one_asset([-10.0, -10.0, -2.0], [1.0, 1.0, 100.0], 19.999)
    law = adl.Scenarios([0.11, -0.11])
    best = adl.Problem(adl.LeverageSquare(), event, law).solve().certificate
    assert verdict(best.value, best.value, 0.0, best.reference, TOL.gap) == (0.0, "certified")
    gap, status = verdict(1.0 + 2e-6, 1.0, 0.0, 10.0, TOL.gap)
    assert status == "negligible" and gap == pytest.approx(2e-6, rel=1e-5)
    assert verdict(1.0 + 2e-6, 1.0, 0.0, 1.0, TOL.gap)[1] == "uncertified"
    assert verdict(1.0 + 2e-6, 1.0, 3e-6, 1.0, TOL.gap)[1] == "certified"  # that is rounding
    assert verdict(0.0, -1e-30, 0.0, 0.0, TOL.gap) == (np.inf, "uncertified")


@pytest.mark.parametrize("seed", count(200))
def test_what_is_known_to_be_worse_is_never_certified(seed):
    """Water-filling's value is the least; requirements near 0 and the capacity, tails of every size."""
    rng = np.random.default_rng(seed)
    event = isolated(rng, 6, decades=4)
    asset = event.required_assets[0]
    share = [1e-9, 1e-4, 0.5, 1 - 1e-4, 1 - 1e-9, 1 - 1e-12][seed % 6]
    event = event.with_requirement(
        **{"short" if event.side[0] < 0 else "long": {asset: float(event.capacities[0] * share)}}
    )
    law = adl.Gaussian(10 ** rng.uniform(-3, -1)) if seed % 2 else scenarios(rng, 1, 8)
    least = adl.water_filling(event).amount
    for objective in (adl.LeverageSquare(), adl.ExpectedLoss()):
        truth = objective.value(SymbolsAt(event, law, least))
        for amount in (adl.pro_rata(event).amount, adl.examples.any_allocation(event, rng)):
            proof = assess(objective, event, law, amount).certificate
            if proof.certified:
                assert proof.value - truth <= max(TOL.gap * proof.value, proof.rounding)
                assert proof.rounding <= TOL.formula * max(
                    float(np.abs(event.book.notional).sum()), proof.value
                )
