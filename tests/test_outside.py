"""What comes from outside: objectives with attributes of their own, tables, files, answers of junk."""

import pytest

import adl_opt as adl

from .outside_cases import EVENT, LAW, Plain, keeping
from .tolerances import TOL


@pytest.mark.parametrize("name", ["parts", "below", "flat", "ceiling", "nearby", "natural", "solver_scale", "dual", "of", "level"])
def test_an_attribute_of_ones_own_may_have_any_name_that_hides_nothing(name):
    """`dual` and `of` are methods of risk measures only."""
    own = keeping(Plain, **{name: 4.0})
    plain = adl.Problem(adl.ExpectedLoss(), EVENT, LAW).solve().certificate
    for objective in (own, own + adl.MaxLeverage(), 2 * own):
        assert adl.Problem(objective, EVENT, LAW).solve().certificate.certified
    assert adl.Problem(own, EVENT, LAW).solve().certificate.objective == pytest.approx(plain.objective, rel=TOL.value)
    assert adl.certify(own, EVENT, LAW, adl.water_filling(EVENT)).objective == plain.objective
    assert f"{own}" in adl.compare(EVENT, LAW, measures=[own]).columns


def test_the_field_below_of_oce_hides_nothing():
    """OCE(4, 0.5) in compare, certify and sums: its field `below` once hid a method."""
    oce = adl.OCE(4.0, 0.5)
    solved = adl.Problem(oce, EVENT, LAW).solve()
    assert solved.certificate.certified
    assert adl.certify(oce, EVENT, LAW, solved).certified and adl.certify(oce + adl.MaxLeverage(), EVENT, LAW, solved).certified
    table = adl.compare(EVENT, LAW, measures=[oce])
    assert table.loc["optimum of OCE(above=4.0, below=0.5)", "OCE(above=4.0, below=0.5) gap"] <= TOL.gap
