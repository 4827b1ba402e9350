"""A closed form of one's own: proved by whatever bound there is, or told how far above the optimum it is."""

import warnings
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, isolated, one_asset
from tests.tolerances import TOL

EVENT = one_asset([-10.0, -10.0, -10.0], [5.0, 40.0, 2.5], 15.0)
LAW = adl.Scenarios([0.05, 0.15, 0.6])
SHARED = 15.0 * np.full(3, 1 / 3)


class Shared(adl.Objective):
    """Equity x leverage squared (quote currency), whose optimum water-filling is: no minorant, so that the
    formula cannot prove itself. `share` of pro rata is mixed into the formula.
    """

    share = 0.0

    def express(self, m):
        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return float(m.equity @ m.leverage**2)

    def closed_form(self, event, law):
        return (1 - self.share) * adl.water_filling(event).amount + self.share * adl.pro_rata(event).amount


class Mixed(Shared):
    share = 0.1

    def value(self, m):
        return super().value(m)

    express, closed_form = Shared.express, Shared.closed_form


class Unclear(Mixed):
    def value(self, m):
        return super().value(m)

    express = Shared.express

    def closed_form(self, event, law):
        return -adl.water_filling(event).amount


class ValueAlone(adl.Objective):
    def value(self, m):
        return float(m.equity @ m.leverage**2)

    def closed_form(self, event, law):
        return adl.water_filling(event).amount


class BoundedBelow(ValueAlone):
    """No `express`, but a measure below it that has one."""

    def value(self, m):
        return super().value(m)

    def closed_form(self, event, law):
        return adl.water_filling(event).amount

    def lower_bound_objective(self):
        return Shared()


def heard(objective, **how):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        allocation = adl.Problem(objective, EVENT).solve(**how)
    return allocation, [str(one.message) for one in said]


@pytest.mark.parametrize("seed", count(100))
@pytest.mark.parametrize("how", ["auto", "closed-form"])
def test_a_right_formula_is_proved_by_a_solve(seed, how):
    event = isolated(np.random.default_rng([54, seed]), decades=3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", adl.UncertifiedWarning)
        allocation = adl.Problem(3 * Shared(), event).solve(method=how)
    other = adl.Problem(3 * Shared(), event).solve(method="conic")
    assert allocation.method == "closed-form" and allocation.certificate.certified
    assert allocation.certificate.value == pytest.approx(other.certificate.value, rel=TOL.value)
    assert allocation.amount == pytest.approx(adl.water_filling(event).amount, rel=TOL.rounding)
    if event.free.any():
        assert allocation.certificate.proof.startswith("own closed form: agrees to ")
        assert allocation.certificate.bound == pytest.approx(other.certificate.bound, rel=TOL.gap)
        assert allocation.shadow_prices.to_numpy() == pytest.approx(other.shadow_prices.to_numpy(), rel=1e-3)


def test_a_wrong_formula_is_told_from_the_optimum_with_both_values():
    best = adl.Problem(adl.LeverageSquare(), EVENT).solve().certificate.value
    mixed = 0.9 * adl.water_filling(EVENT).amount + 0.1 * adl.pro_rata(EVENT).amount
    worse = float((((10 - mixed) ** 2) / EVENT.book.equity).sum())
    for how in ({}, {"solver": "CLARABEL"}):
        allocation, said = heard(2 * Mixed(), **how)
        assert allocation.method == "conic" and allocation.certificate.certified
        assert allocation.certificate.value == pytest.approx(2 * best, rel=TOL.value)
        assert len(said) == 1 and f"gives {2 * worse:.9g} (quote currency)" in said[0]
        assert f"above the {2 * best:.9g}" in said[0] and said[0].endswith("what conic found is returned")
    allocation, said = heard(2 * Mixed(), method="closed-form")
    c = allocation.certificate
    assert allocation.method == "closed-form" and c.status == "uncertified" and len(said) == 1
    assert (c.value, c.bound) == (pytest.approx(2 * worse), pytest.approx(2 * best, rel=TOL.gap))
    assert c.proof.startswith("own closed form: gives ") and "above the" in c.proof


def test_a_formula_that_does_not_clear_is_an_error_or_a_word():
    with pytest.raises(adl.SolveError, match=r"misses the requirement by 30 .* 2 legs close against"):
        adl.Problem(Unclear(), EVENT).solve(method="closed-form")
    allocation, said = heard(Unclear())
    assert allocation.certificate.certified and allocation.method == "conic"
    assert "misses the requirement by 30 contracts" in said[0] and len(said) == 1


def test_without_a_program_the_formula_stands_unproved():
    for how in ("auto", "closed-form"):
        allocation, said = heard(ValueAlone(), method=how)
        assert allocation.certificate.status == "uncertified" and len(said) == 1
        assert "no solve gives a bound" in allocation.certificate.proof


def test_a_measure_below_proves_it():
    allocation, said = heard(BoundedBelow())
    assert allocation.method == "closed-form" and allocation.certificate.certified and not said


def test_the_librarys_formulas_say_what_they_said():
    for objective, law in ((adl.ExpectedLoss(), LAW), (adl.LeverageSquare(), None)):
        assert "own closed form" not in adl.Problem(objective, EVENT, law).solve().certificate.proof
    assert "own closed form" not in adl.load("cvar").problem().solve().certificate.proof


def test_methods_agree_compares_a_models_own_policy():
    """A policy as Model.closed_form is enough; an array of contracts closed by leg is one."""
    agree = adl.methods_agree(seeds=2)

    class Alone(Shared):
        def value(self, m):
            return super().value(m)

        express = Shared.express

    def levelled(event):
        return adl.water_filling(event).amount

    right = replace(adl.load("leverage_square"), objective=Alone(), closed_form=levelled)
    assert Alone().closed_form(EVENT, None) is None and agree.violation(right) <= agree.tolerance
    wrong = replace(right, closed_form=adl.pro_rata)
    assert agree.violation(wrong) > 1e-3
    with pytest.raises(adl.SolveError, match="no closed form is known"):
        agree.violation(replace(right, closed_form=None))
