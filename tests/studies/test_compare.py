"""Policies side by side: names, tables, what a rule costs above the proved optimum."""

import numpy as np
import pandas as pd

import adl_opt as adl
from tests.books import REAL, frame, one_asset
from tests.tolerances import TOL


def test_policies_are_functions_names_a_dict_and_may_return_tables():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)

    def by_hand(event):
        return pd.DataFrame({"account": ["a0"], "asset": "X", "closed": [-6.0]})

    table = adl.compare(event, adl.Gaussian(0.04), {"mine": by_hand, "theirs": adl.pro_rata})
    assert list(table.index[:2]) == ["mine", "theirs"] and table.loc["mine", "accounts reduced"] == 1
    short = adl.compare(
        event, adl.Gaussian(0.04), [lambda e: adl.pro_rata(e.with_requirement(short={"X": 1.0}))]
    )
    assert short.index[0].endswith("(infeasible)") and np.isnan(short.iloc[0]["ExpectedLoss excess"])


def test_the_real_event_against_the_optimum():
    """What the exchange closed is far from the least expected loss; water-filling proves itself.

    Generated accounts where the data are absent.
    """
    if REAL.exists():
        book = adl.Book.read(REAL).solvent()
    else:
        rng = np.random.default_rng(1)
        equity = 10 ** rng.uniform(0, 7, 2_000)
        position = -equity * rng.lognormal(-1, 2, 2_000)
        table = frame([f"a{i}" for i in range(2_000)], "BASKET", position, 1.0, equity)
        book = adl.Book.from_frame(table.assign(realized_closed=position * rng.uniform(0.8, 1, 2_000)))
    event = adl.realized_event(book)
    table = adl.compare(
        event, adl.LogNormal([0.8], None, 1 / 365), policies=["realized", "water_filling", "pro_rata"]
    )
    assert (
        table.loc["realized", "ExpectedLoss gap"] > 0.5
        and table.loc["water_filling", "MaxLeverage gap"] <= TOL.gap
    )
    assert table.loc["realized", "accounts reduced"] == (book.extra["realized_closed"] != 0).sum()
    assert isinstance(table, pd.DataFrame) and (table["wholly closed"] <= table["accounts reduced"]).all()


def test_compare(paper, law):
    table = adl.compare(paper, law)
    assert list(table.index) == [
        "pro_rata",
        "gross_water_filling",
        "optimum of ExpectedLoss",
        "optimum of MaxLeverage",
    ]
    assert table.loc["optimum of ExpectedLoss", "ExpectedLoss gap"] <= TOL.gap
    assert (
        table["ExpectedLoss"] >= table.loc["optimum of ExpectedLoss", "ExpectedLoss"] * (1 - TOL.gap)
    ).all()
    isolated = adl.compare(adl.load("expected_loss").event(20, 1))
    assert (
        isolated.loc["water_filling", "LeverageSquare gap"] <= TOL.gap
        and isolated.loc["pro_rata", "MaxLeverage gap"] > 0.1
    )

    def mine(event):
        return adl.pro_rata(event)

    own = adl.compare(paper, law, policies=[mine, adl.policy("pro_rata")], measures=[adl.LeverageSquare()])
    assert "mine" in own.index and own.loc["mine", "LeverageSquare"] == own.loc["pro_rata", "LeverageSquare"]
