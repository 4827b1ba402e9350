"""Policies side by side: what was realized, what a rule costs above the proved optimum, and who bears it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adl_opt as adl
from adl_opt import plots
from adl_opt.studies.burden import bearing, gini

from .books import REAL, frame, one_asset
from .tolerances import TOL


def book_with(closed, position=(-10.0, -6.0, -4.0, 5.0)) -> adl.Book:
    table = frame(list("abcd"), "X", list(position), 2.0, [4.0, 8.0, 10.0, 10.0])
    return adl.Book.from_frame(table.assign(realized_closed=closed))


def test_what_was_realized_is_a_policy():
    book = book_with([-10.0, -1.0, 0.0, 0.0])
    event = adl.realized_event(book)
    assert event.short == {"X": 11.0} and event.long == {}
    done = adl.realized(event)
    assert done.method == "realized" and np.array_equal(done.amount, [10, 1, 0, 0])
    table = adl.compare(event, adl.Gaussian(0.04), policies=["realized", "water_filling", adl.pro_rata])
    assert table.loc["realized", "ExpectedLoss excess"] > 0
    assert table.loc["water_filling", "ExpectedLoss excess"] == pytest.approx(0, abs=TOL.gap)
    best = table.loc["optimum of ExpectedLoss", "ExpectedLoss"]
    assert table["ExpectedLoss excess"].to_numpy() == pytest.approx(
        table["ExpectedLoss"] - best, abs=TOL.gap * best
    )


def test_realized_more_than_a_position_is_infeasible_and_says_so():
    """The data say 11 closed of 10: nothing is clipped, the table shows no gap."""
    book = book_with([-11.0, 0.0, 0.0, 0.0])
    event = adl.realized_event(book)
    assert adl.realized(event).certificate.status == "infeasible"
    table = adl.compare(event, adl.Gaussian(0.04), policies=["realized"])
    assert np.isnan(
        table.loc["realized (infeasible)", ["ExpectedLoss gap", "ExpectedLoss excess"]].astype(float)
    ).all()


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


def test_who_bears_it_by_hand():
    """Leverages 5, 1.5, 0.8: one is closed whole, one in part; the tenth of three accounts is three tenths of
    the first.
    """
    event = adl.realized_event(book_with([-10.0, -1.0, 0.0, 0.0]))
    found = bearing(adl.realized(event))
    assert found["accounts reduced"] == 2 and found["wholly closed"] == 1
    assert found["top tenth bears"] == pytest.approx(0.3 * 10 / 11, rel=TOL.rounding)
    assert found["Gini"] == pytest.approx(
        (9 + 10 + 1) * 2 / (2 * 3 * 11), rel=TOL.rounding
    )  # sum over pairs |b_i - b_j|, twice
    nothing = bearing(adl.pro_rata(event.with_requirement(short={"X": 0.0})))
    assert (
        nothing["accounts reduced"] == 0
        and np.isnan(nothing["Gini"])
        and np.isnan(nothing["top tenth bears"])
    )


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(lambda b: sum(b) > 1e-3))
def test_gini_is_its_definition(burden):
    b = np.array(burden)
    pairs = np.abs(b[:, None] - b[None, :]).sum() / (2 * len(b) * b.sum())
    assert gini(b) == pytest.approx(pairs, abs=TOL.formula) and -TOL.rounding <= gini(b) < 1


def test_what_one_account_bears_alone_and_all_alike():
    assert gini(np.array([0.0, 0, 0, 8])) == pytest.approx(0.75) and gini(np.ones(7)) == pytest.approx(
        0, abs=TOL.rounding
    )
    even = bearing(adl.pro_rata(one_asset(-np.ones(20), np.ones(20), 7.0)))
    assert even["top tenth bears"] == pytest.approx(0.1, rel=TOL.formula)


def test_a_picture_of_a_comparison(tmp_path):
    table = adl.compare(one_asset([-10.0, -10.0], [1.0, 2.0], 6.0), adl.Gaussian(0.04))
    plots.comparison(table, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 5_000


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
