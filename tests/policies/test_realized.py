"""What was realized is a policy."""

import numpy as np
import pytest

import adl_opt as adl
from tests.books import frame
from tests.tolerances import TOL


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


def test_realized_under_limits():
    table = frame(["a", "b"], "X", [-4.0, -4.0], 1.0, [1.0, 2.0]).assign(realized_closed=[-3.0, -1.0])
    book = adl.Book.from_frame(table)
    event = adl.realized_event(book, cap=0.5)
    assert event.short == {"X": 4.0} and event.capped
    assert adl.realized(event).certificate.status == "infeasible"
    assert adl.realized(adl.realized_event(book, cap=0.75)).certificate.status != "infeasible"
