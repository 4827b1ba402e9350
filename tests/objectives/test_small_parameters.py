"""Measures at the ends of their parameters: small aversions, thin tails, large scales."""

import numpy as np
import pytest

import adl_opt as adl
from tests.books import HEDGED, book, one_asset
from tests.tolerances import TOL


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
    expected = adl.Problem(adl.ExpectedLoss(), event, law).solve().certificate.value
    assert solved.certificate.certified and solved.certificate.value >= expected * (1 - TOL.rounding)
    assert aversion > 1e-6 or solved.certificate.value == pytest.approx(expected, rel=1e-5)


def test_entropic_where_money_is_small():
    small = [(a, k, q, 1e-6 * p, 1e-6 * e) for a, k, q, p, e in HEDGED]
    event = adl.Event(book(small), short={"X": 8.6})
    law = adl.Scenarios({"X": [0.11, 0.17, 0.23, 0.4], "Z": [-0.1, 0.1, 0.2, -0.2]})
    assert adl.Problem(adl.Entropic(), event, law).solve().certificate.certified
