"""What is lost by scenario, once an allocation is closed."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.tolerances import TOL


def test_the_losses_of_a_solve_have_its_value(paper, law):
    for objective in (adl.ExpectedLoss(), adl.CVaR(0.99)):
        solved = adl.Problem(objective, paper, law).solve()
        table = solved.losses(by_account=True)
        loss, probability = table["loss"].to_numpy(), table["probability"].to_numpy()
        value = objective.of(loss, probability) if isinstance(objective, adl.CVaR) else loss @ probability
        assert value == pytest.approx(solved.certificate.value, rel=TOL.formula)
        assert np.abs(table.iloc[:, 2:].sum(axis=1) - loss).max() <= TOL.formula * loss.max()
        assert (
            set(table.columns[2:]) <= {f"loss {name}" for name in "ABCD"}
            and table.attrs["units"]["loss"] == "quote currency"
        )


def test_another_law_is_aligned_by_label_and_none_is_said(paper):
    rule = adl.pro_rata(paper)
    swapped = adl.Scenarios({"ETH": [0.5], "BTC": [0.4]}), adl.Scenarios({"BTC": [0.4], "ETH": [0.5]})
    one, two = (rule.losses(law)["loss"].tolist() for law in swapped)
    left = rule.to_frame()
    moved = -left["left"] * np.where(left["asset"] == "BTC", 0.4 * 67_000, 0.5 * 1_900)
    by_hand = (moved.groupby(left["account"]).sum() - paper.book.equity).clip(lower=0).sum()
    assert one == two == [pytest.approx(by_hand, rel=TOL.formula)]
    with pytest.raises(adl.LawError, match="needs a law of price moves"):
        rule.losses()
    with pytest.raises(adl.LawError, match="is not a set of scenarios"):
        rule.losses(adl.Gaussian(np.eye(2) / 100))


def test_accounts_may_bear_any_name():
    """An account called loss does not take the place of the total."""
    book = pd.DataFrame({"account": ["loss", "probability"], "asset": "BTC", "position": [-10.0, -5.0]})
    event = adl.Event(adl.Book.from_frame(book.assign(price=100.0, equity=[100.0, 60.0])), short={"BTC": 5.0})
    table = adl.pro_rata(event).losses(adl.Scenarios([1.0, 2.0]), by_account=True)
    assert table.columns.tolist() == ["probability", "loss", "loss loss", "loss probability"]
    assert table["probability"].tolist() == [0.5, 0.5]
    assert (table["loss"] == table["loss loss"] + table["loss probability"]).all()
    none = adl.pro_rata(event).losses(adl.Scenarios([0.0]), by_account=True)
    assert none.columns.tolist() == ["probability", "loss"] and none["loss"].tolist() == [0.0]
