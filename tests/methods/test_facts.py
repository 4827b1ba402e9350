"""Facts that an objective states about itself: they choose the fast method, and prove nothing (§17)."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, cross, scenarios
from tests.tolerances import TOL


class Renamed(adl.ExpectedLoss):
    """A subclass that changes nothing."""


class RenamedCVaR(adl.CVaR):
    """A subclass that changes nothing."""


class OwnTail(adl.RiskMeasure):
    """A tail measure of one's own: the dual proves it, the cost of the excess makes it fast."""

    def of(self, loss, probability):
        return adl.CVaR(0.8).of(loss, probability)

    def express(self, m):
        return adl.CVaR(0.8).express(m)

    def dual(self, loss, probability, near=None):
        return adl.CVaR(0.8).dual(loss, probability, near)

    def excess_cost(self, probability):
        return probability / 0.2


class ClosedEvenly(adl.Objective):
    """sum of squared fractions: no expected loss, whatever it says."""

    money = 0
    expected_loss_weight = 1.0

    def express(self, m):
        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float((m.fraction**2).sum())


class WrongCost(OwnTail):
    """The tail of another level."""

    def excess_cost(self, probability):
        return probability / 0.01


FAST = {
    "subclass": (Renamed(), adl.ExpectedLoss()),
    "sum": (0.5 * Renamed() + 2 * adl.ExpectedLoss(), 2.5 * adl.ExpectedLoss()),
    "subclass of CVaR": (RenamedCVaR(0.8), adl.CVaR(0.8)),
    "sum of CVaRs": (adl.CVaR(0.8) + 2 * RenamedCVaR(0.8), 3 * adl.CVaR(0.8)),
    "own tail": (OwnTail(), adl.CVaR(0.8)),
}


def drawn(seed):
    event = cross(np.random.default_rng(seed))
    return event, scenarios(np.random.default_rng(seed), len(event.book.assets))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("seed", count(100))
def test_what_states_a_fact_has_the_fast_method_and_the_same_optimum(name, seed):
    stated, plain = FAST[name]
    event, law = drawn(seed)
    fast = adl.Problem(stated, event, law).solve(method="separable").certificate
    slow = adl.Problem(plain, event, law).solve(method="conic").certificate
    assert fast.certified and slow.certified
    assert fast.value == pytest.approx(slow.value, rel=TOL.gap, abs=TOL.gap * abs(slow.reference))


def test_a_fact_belongs_to_a_value():
    class Other(adl.ExpectedLoss):
        def value(self, m):
            return 2 * m.expected_loss

    class Tail(adl.CVaR):
        def of(self, loss, probability):
            return float(loss @ probability)

    assert (
        Other().expected_loss_weight is None and (Other() + adl.ExpectedLoss()).expected_loss_weight is None
    )
    assert Tail(0.8).excess_cost(np.ones(1)) is None
    assert (0 * adl.ExpectedLoss()).expected_loss_weight is None
    assert (adl.CVaR(0.8) + adl.CVaR(0.9)).excess_cost(np.ones(1)) is None


@pytest.mark.parametrize("method", ["auto", "conic", "separable"])
def test_what_is_no_expected_loss_may_not_say_so(method):
    event, law = drawn(0)
    with pytest.raises(adl.ObjectiveError, match="says that it is 1 times the expected loss"):
        adl.Problem(ClosedEvenly(), event, law).solve(method=method)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(50))
def test_a_wrong_cost_of_the_excess_costs_time_and_nothing_else(seed):
    event, law = drawn(seed)
    right = adl.Problem(adl.CVaR(0.8), event, law).solve(method="conic").certificate
    wrong = adl.Problem(WrongCost(), event, law).solve()
    assert wrong.certificate.certified
    assert wrong.certificate.bound <= right.value + TOL.value * max(abs(right.value), abs(right.reference))
    assert wrong.certificate.value == pytest.approx(
        right.value, rel=TOL.gap, abs=TOL.gap * abs(right.reference)
    )
