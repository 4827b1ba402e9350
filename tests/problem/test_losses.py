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


def test_quantiles_and_measures_of_what_is_lost(paper, law):
    solved = adl.Problem(adl.CVaR(0.99), paper, law).solve()
    assert solved.measure(adl.CVaR(0.99)) == pytest.approx(solved.certificate.value, rel=TOL.rounding)
    table, levels = solved.losses(), np.array([0.0, 0.5, 0.9, 0.99, 0.9999])
    found = solved.loss_quantiles(levels)
    loss, probability = table["loss"].to_numpy(), table["probability"].to_numpy()
    for level, quantile, tail in found.itertuples(index=False):
        assert probability[loss <= quantile].sum() >= level - TOL.rounding
        assert quantile == loss.min() or probability[loss < quantile].sum() < level
        # Rockafellar and Uryasev: the quantile minimises t + E(L - t)_+ / (1 - level), whose least is CVaR
        at = quantile + np.maximum(loss - quantile, 0.0) @ probability / (1 - level)
        assert tail == pytest.approx(at, rel=TOL.formula) and tail >= quantile
    assert found["CVaR"][0] == pytest.approx(solved.measure(adl.ExpectedLoss()), rel=TOL.formula)
    assert solved.loss_quantiles(0.5).shape == (1, 3)


def test_a_level_that_is_reached_exactly_needs_no_more():
    rule = adl.water_filling(adl.examples.shorts([10.0], [1.0], 5.0))
    tenths = adl.Scenarios(np.arange(1.0, 11.0), np.full(10, 0.1), meant=True)
    assert (
        rule.loss_quantiles([0.3, 0.7, 0.9], tenths)["quantile"]
        == rule.losses(tenths)["loss"][[2, 6, 8]].to_numpy()
    ).all()


def test_any_law_measures(paper):
    exact = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    rule = adl.pro_rata(paper)
    assert rule.measure(adl.ExpectedLoss(), exact) == pytest.approx(
        adl.certify(adl.ExpectedLoss(), paper, exact, rule).value, rel=TOL.rounding
    )
