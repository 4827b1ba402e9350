"""Allocations from outside: what proves them, what is refused, numbers of any type."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import MOVES, SIX, book


@pytest.mark.parametrize(
    "tol", [0, -1.0, 1.0, 2, float("inf"), float("nan"), "x", None, True, 1j, [1e-6], 10**400]
)
def test_the_tolerance_is_checked_alike_in_certify_and_solve(tol):
    with pytest.raises(adl.SolveError, match="is a number above 0 and below 1") as one:
        adl.certify(adl.ExpectedLoss(), SIX, MOVES, adl.pro_rata(SIX), tol=tol)
    with pytest.raises(adl.SolveError) as other:
        adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(tol=tol)
    assert str(one.value) == str(other.value)


@pytest.mark.parametrize(
    "closed",
    [
        [-6 + 5j],
        [1j],
        [True],
        [None],
        [np.nan],
        [np.inf],
        ["x"],
        ["1,000"],
        [[1.0]],
        [object()],
        [{}],
        [pd.NaT],
        [b"1"],
        pd.Series([10**400], dtype=object),
    ],
)
def test_sizes_that_are_no_real_numbers_are_refused(closed):
    table = pd.DataFrame({"account": ["a"], "asset": "K", "closed": pd.Series(closed)})
    with pytest.raises(
        adl.AllocationError, match=r"1 of 1 rows .* account 'a', asset 'K' closes no finite number"
    ):
        adl.certify(adl.ExpectedLoss(), SIX, MOVES, table)


@pytest.mark.parametrize(
    "closed", [["-6"], [np.longdouble(-6)], [np.float32(-6)], [np.int8(-6)], pd.Series([-6], dtype="Int64")]
)
def test_numbers_of_any_type_are_read(closed):
    table = pd.DataFrame({"account": ["b"], "asset": "K", "closed": pd.Series(closed)})
    c = adl.certify(adl.ExpectedLoss(), SIX, MOVES, table)
    assert c.status == "uncertified" and c.clearing_error == 0


def test_an_arrow_table_is_a_table():
    import pyarrow as pa

    table = pa.table({"account": ["b"], "asset": ["K"], "closed": [-6.0]})
    assert adl.certify(adl.ExpectedLoss(), SIX, MOVES, table).status == "uncertified"


def test_no_law_means_water_filling_and_nothing_near_it():
    event = adl.Event(
        book([("whale", "X", -1e10, 1.0, 1e9), ("dust", "X", -100.0, 1.0, 1.0), ("w2", "X", -1e9, 1.0, 1e9)]),
        short={"X": 1e9},
    )
    near = pd.DataFrame({"account": ["whale"], "asset": "X", "closed": [-1e9]})
    refused = adl.certify(adl.ExpectedLoss(), event, None, near)
    assert (
        refused.status == "uncertified" and refused.gap > 0.5 and "not optimal for every law" in refused.proof
    )
    assert adl.certify(adl.ExpectedLoss(), event, None, adl.water_filling(event).to_frame()).certified


def test_certify_falls_back_on_what_is_proved_without_a_method(paper):
    proof = adl.certify(
        adl.ExpectedLoss(), paper, adl.Gaussian([[0.01, 0.01], [0.01, 0.02]]), adl.pro_rata(paper)
    )
    assert proof.status == "uncertified" and proof.bound <= proof.value


def test_an_allocation_of_other_legs_is_of_another_book():
    one = adl.Event(
        book([("A", "X", -5.0, 1.0, 1.0), ("A", "Y", -5.0, 1.0, 1.0), ("B", "X", -5.0, 1.0, 1.0)]),
        short={"X": 1.0},
    )
    two = adl.Event(
        book([("A", "X", -5.0, 1.0, 1.0), ("B", "X", -5.0, 1.0, 1.0), ("B", "Y", -5.0, 1.0, 1.0)]),
        short={"X": 1.0},
    )
    with pytest.raises(adl.AllocationError, match="another book"):
        adl.certify(adl.LeverageSquare(), two, None, adl.pro_rata(one))
