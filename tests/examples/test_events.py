"""Made-up books are books."""

import numpy as np
import pytest

import adl_opt as adl


def test_made_up_books_are_books(tmp_path):
    """Written and read again the same, the same seed the same bytes; a share of the capacity is a
    requirement.
    """
    made = adl.examples.book(200, assets=7, legs=3, seed=5)
    made.to_frame().to_parquet(tmp_path / "b.parquet")
    again = adl.Book.read(tmp_path / "b.parquet")
    assert (
        made.assets == again.assets
        and np.array_equal(made.position, again.position)
        and np.array_equal(made.equity, again.equity)
    )
    assert np.array_equal(made.account, again.account) and np.array_equal(made.asset, again.asset)
    assert np.array_equal(made.position, adl.examples.book(200, assets=7, legs=3, seed=5).position)
    event = adl.Event(made, short={made.assets[0]: "35%"})
    assert event.required[0] == pytest.approx(0.35 * event.capacities[0], rel=1e-15)
