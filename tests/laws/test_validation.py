"""Moves that look like a slip are asked about, and `meant=True` is the answer."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adl_opt as adl
from tests.test_inputs import BOOK


def meant_or_asked(build, says):
    """The law that `meant=True` gives, after the same without it is refused."""
    with pytest.raises(adl.AdlError, match=says):
        build(False)
    return build(True)


@settings(max_examples=100)
@given(st.lists(st.floats(-1, 8), min_size=1, max_size=30))
def test_moves_that_happen_are_read(moves):
    """No price below 0, and not more than half of the moves above 100 %."""
    moves = np.array(moves)
    moved, doubled = int((moves != 0).sum()), int((moves > 1).sum())
    if 2 * doubled <= moved and not (len(moves) >= 20 and (moves > 0).all() and np.median(moves) > 2):
        assert adl.Scenarios(moves).moves[:, 0].tolist() == moves.tolist()
    else:
        assert (
            meant_or_asked(
                lambda meant: adl.Scenarios(moves, meant=meant), "moves are above 1|these are prices"
            )
            .moves[:, 0]
            .tolist()
            == moves.tolist()
        )


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.01, 0.2), st.integers(1, 3))
def test_moves_in_percent_are_asked_about(seed, deviation, assets):
    moves = np.random.default_rng(seed).normal(0, deviation, (250, assets)).clip(-0.99)
    assert adl.Scenarios(moves).dimension == assets
    found = meant_or_asked(
        lambda meant: adl.Scenarios(100 * moves, meant=meant),
        "of 250|moves are below -1, .* divide by 100, or say meant=True",
    )
    assert np.array_equal(found.moves, 100 * moves)


def test_what_a_law_makes_of_itself_is_not_asked_about():
    wide = adl.Gaussian(np.eye(2))
    assert wide.quadrature(9).moves.min() < -1 and wide.sample(256, seed=1).moves.min() < -1
    assert adl.StudentT(1.0, 3.0).sample(64, seed=1).moves.min() < -1
    assert adl.LogNormal(3.0, None, 1.0).quadrature(30).moves.max() > 100
    factor = adl.OneFactor([1.0, 1.8], adl.Scenarios([-1.0, 1.0]))
    assert factor.as_scenarios_if_exact().align(("A", "B")).moves.min() == -1.8
    law = adl.Scenarios({"A": [-3.0, 1.0], "B": [0.1, 0.2]}, meant=True)
    assert law.align(("B", "A")).moves[0].tolist() == [0.1, -3.0] and law.sample(4, seed=1).dimension == 2
    assert adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 5.0, 30.0]})).moves[:, 0].tolist() == [4.0, 5.0]


def test_horizons_volatilities_spreads_and_shocks_are_asked_about():
    assert (
        meant_or_asked(lambda meant: adl.LogNormal(0.6, None, 10, meant=meant), "horizon = 10 years").horizon
        == 10
    )
    assert (
        meant_or_asked(
            lambda meant: adl.LogNormal(80, None, 1 / 365, meant=meant), "volatility number 1 is 80"
        ).volatility[0]
        == 80
    )
    assert adl.LogNormal(10.0, None, 2.0).horizon == 2.0  # the last that is not asked about
    assert (
        meant_or_asked(lambda meant: adl.Gaussian(16.0, meant=meant), "a standard deviation that").covariance
        == 16.0
    )
    assert meant_or_asked(lambda meant: adl.Gaussian(0.01, 5.0, meant=meant), "a mean that").mean == 5.0
    assert meant_or_asked(lambda meant: adl.StudentT(16.0, 3.0, meant=meant), "a scale that").dof == 3.0
    factor = adl.Scenarios([-0.1, 0.1])
    assert (
        meant_or_asked(
            lambda meant: adl.OneFactor([100.0], factor, meant=meant), "a typical size that"
        ).loading[0]
        == 100.0
    )
    up = meant_or_asked(
        lambda meant: adl.stress(BOOK, {"X": 1.5}, meant=meant),
        "the move of 'X' is 1.5, which is .150 %; write 0.015 for 1.5 %",
    )
    assert up.marked.price[0] == 5.0
    path = pd.DataFrame({"X": [0.1, 1.5]})
    assert (
        len(
            meant_or_asked(
                lambda meant: adl.stress_path(BOOK, path, meant=meant), "step 2: the move of 'X' is 1.5"
            )
        )
        == 2
    )
    with pytest.raises(adl.EventError, match="above -1"):
        adl.stress(BOOK, {"X": -15}, meant=True)  # no price is negative, whatever is meant


def test_one_scenario_and_wide_stress_are_laws():
    wide = adl.Scenarios({"BTC": [0.01, -0.02], "DOGE": [3.0, -0.9]})
    assert wide.align(("DOGE",)).moves.tolist() == [[3.0], [-0.9]]
    assert adl.Scenarios([3.0], meant=True).sample(4, seed=0).moves.shape == (4, 1)
    assert adl.OneFactor([0.01], adl.Scenarios(np.linspace(-3, 3, 41), meant=True)).quadrature(
        5
    ).moves.shape == (41, 1)
    assert adl.LogNormal(25.0, None, 1 / 8766, meant=True).dimension == 1
    ordered = pd.DataFrame({"A": [1.0, 2.0, 3.0]}, index=["t8", "t9", "t10"])
    assert adl.Scenarios.from_prices(ordered).moves.ravel().tolist() == [1.0, 0.5]
    assert adl.Scenarios.from_prices([1.0, 2.0, 3.0]).moves.ravel().tolist() == [1.0, 0.5]
