"""Events: capacities, sides, requirements."""

import pandas as pd

import adl_opt as adl
from tests.books import frame
from tests.data.test_book import TIDY


def test_event_capacity_side_and_all():
    book = adl.Book.from_frame(frame(list("abc"), "X", [-1.0, -2.5, 4.0], 10.0, 1.0))
    event = adl.Event(book, short={"X": "all"})
    assert event.short == {"X": 3.5} and event.capacity.to_dict() == {"X": 3.5}
    assert adl.Event(book, long={"X": 1}).capacity.to_dict() == {"X": 4.0}
    assert event.with_requirement(long={"X": 4.0}).long == {"X": 4.0}
    assert "close short 3.5 of X" in repr(event) and "3 accounts" in repr(book)


def test_series_requirement_is_read():
    book = adl.Book.from_frame(TIDY)
    assert adl.Event(book, long=pd.Series({"A": 0.5, "B": 2})).long == {"A": 0.5, "B": 2.0}
