"""Classes of users: no proof is inherited past a value said anew, no attribute hides a hook."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import one_asset
from tests.failures import EVENT, LAW
from tests.objectives_of_users import ISOLATED, Plain, keeping
from tests.tolerances import TOL


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
    assert solved.method == "conic" and solved.certificate.objective_name == "Weighted"
    closed = np.linspace(0, 10, 100_001)
    brute = (((10 - closed) ** 2 / 1.0) + 100 * (closed**2) / 4.0).min()
    assert solved.certificate.value == pytest.approx(brute, rel=TOL.gap)
    assert not SquaredShortfall.monotone
    squared = adl.Problem(SquaredShortfall(), ISOLATED, adl.Scenarios([1.0, -0.5])).solve()
    assert squared.certificate.value == pytest.approx(12.5, rel=TOL.gap)


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
    assert (
        found.certificate.objective_name.startswith("Mixed") and found.unique is None and not mixed.monotone
    )
    assert found.certificate.value == pytest.approx(true.value, rel=1e-5)


@pytest.mark.parametrize(
    "name", ["parts", "below", "flat", "ceiling", "nearby", "natural", "solver_scale", "dual", "of", "level"]
)
def test_an_attribute_of_ones_own_may_have_any_name_that_hides_nothing(name):
    """`dual` and `of` are methods of risk measures only."""
    own = keeping(Plain, **{name: 4.0})
    plain = adl.Problem(adl.ExpectedLoss(), EVENT, LAW).solve().certificate
    for objective in (own, own + adl.MaxLeverage(), 2 * own):
        assert adl.Problem(objective, EVENT, LAW).solve().certificate.certified
    assert adl.Problem(own, EVENT, LAW).solve().certificate.value == pytest.approx(plain.value, rel=TOL.value)
    assert adl.certify(own, EVENT, LAW, adl.water_filling(EVENT)).value == plain.value
    assert f"{own}" in adl.compare(EVENT, LAW, measures=[own]).columns


def test_the_field_below_of_oce_hides_nothing():
    """OCE(4, 0.5) in compare, certify and sums: its field `below` once hid a method."""
    oce = adl.OCE(4.0, 0.5)
    solved = adl.Problem(oce, EVENT, LAW).solve()
    assert solved.certificate.certified
    assert (
        adl.certify(oce, EVENT, LAW, solved).certified
        and adl.certify(oce + adl.MaxLeverage(), EVENT, LAW, solved).certified
    )
    table = adl.compare(EVENT, LAW, measures=[oce])
    assert table.loc["optimum of OCE(above=4.0, below=0.5)", "OCE(above=4.0, below=0.5) gap"] <= TOL.gap
