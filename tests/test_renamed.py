"""Old names work until 1.0 and name the new one."""

import dataclasses

import numpy as np
import pytest

import adl_opt as adl

OLD = {
    "price": (adl.Allocation, "shadow_price_by_asset"),
    "aim": (adl.Allocation, "objective"),
    "objective": (adl.Certificate, "value"),
    "measure": (adl.Certificate, "objective_name"),
}


@pytest.mark.parametrize("old", OLD)
def test_an_old_name_gives_what_the_new_one_gives(old, paper, law):
    owner, new = OLD[old]
    allocation = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    asked = allocation if owner is adl.Allocation else allocation.certificate
    with pytest.warns(DeprecationWarning, match=f"{owner.__name__}.{old} is called {new} now"):
        found = getattr(asked, old)
    assert (
        np.array_equal(found, getattr(asked, new), equal_nan=True)
        if old == "price"
        else found is getattr(asked, new)
    )
    assert new in {field.name for field in dataclasses.fields(owner)} and old not in vars(asked)


def test_the_papers_event_under_its_old_name(paper):
    with pytest.warns(DeprecationWarning, match="is called paper now"):
        assert str(adl.examples.four_hedged()) == str(adl.examples.paper()) == str(paper)


def test_what_is_closed_has_labels(paper, law):
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    assert solved.closed["C", "BTC"] == pytest.approx(-7.274673, abs=1e-6) and solved.closed["D", "ETH"] == 0
    assert (
        solved.closed.groupby("asset").sum()["BTC"] == -10
        and solved.closed.tolist() == solved.closed_by_leg.tolist()
    )
    assert isinstance(solved.objective, adl.ExpectedLoss) and solved.objective_name == "ExpectedLoss"
