"""Who bears it: by hand, by its definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adl_opt as adl
from adl_opt.studies.burden import bearing, gini
from tests.books import one_asset
from tests.policies.test_queue import event
from tests.policies.test_realized import book_with
from tests.tolerances import TOL


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


def test_burden_is_what_the_closing_price_moves():
    shorts = event([10, 10], [500, 4000], 15.0, [125.0, 200.0])
    allocation = adl.policy("bitmex")(shorts)
    table = adl.burden(allocation, 105.0)  # shorts buy back above the mark
    assert table["transfer"].tolist() == [50, 25] and table["wholly_closed"].tolist() == [True, False]
    assert adl.burden(allocation, {"X": 98.0})["transfer"].tolist() == [-20, -10]
    assert adl.burden(allocation, 100.0)["transfer"].tolist() == [0, 0] and table[
        "closed_notional"
    ].tolist() == [1000, 500]
    longs = event([10, 10], [500, 4000], 15.0, [80.0, 50.0], side="long")
    assert adl.burden(adl.policy("bitmex")(longs), 95.0)["transfer"].tolist() == [50, 25]
