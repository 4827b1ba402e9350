"""HyperReplay's public table, read by hand."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.tolerances import TOL


def hyper(**changes) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "user": ["u", "u", "v", "u", "u"], "coin": ["X", "X", "X", "Y", "X"],
            "time": [1000, 1000, 2000, 3000, 70_000],
            "adl_price": [10.0, 10.0, 13.0, 2.0, 9.0], "adl_size": [1.0, 1.0, 1.0, 3.0, 2.0],
            "position_size": [-4.0, -4.0, 5.0, -3.0, -2.0],
            "total_equity": [100.0, 101.0, 50.0, 102.0, 90.0],
            "account_value_realtime": [80.0, 80.0, 40.0, 80.0, 80.0], "entry_price": [12.0] * 5,
        }
    )  # fmt: skip
    return rows.assign(**changes)


def test_the_public_table_by_hand():
    given = adl.Waves.from_hyperreplay(hyper())
    table = given.to_frame()
    # u stood at -4, closed 1, added 1, closed 1: of 5 contracts 2 are closed; the price of X is the mean of
    # 10, 10 and 13.
    assert table[["wave", "account", "asset"]].to_numpy().tolist() == [
        [1, "u", "X"],
        [1, "v", "X"],
        [1, "u", "Y"],
        [2, "u", "X"],
    ]
    assert table["position"].tolist() == [-5.0, 5.0, -3.0, -2.0] and table["realized_closed"].tolist() == [
        -2.0,
        1.0,
        -3.0,
        -2.0,
    ]
    assert table["price"].tolist() == [11.0, 11.0, 2.0, 9.0] and table["equity"].tolist() == [
        100.0,
        50.0,
        100.0,
        90.0,
    ]
    assert table["entry_price"].tolist() == [12.0] * 4
    assert adl.Waves.from_hyperreplay(hyper(), 1.0, "account_value_realtime").labels == (1, 2, 3, 70)
    closed = (hyper()["adl_size"] * hyper()["adl_price"]).sum()
    assert (np.abs(given.realized) * given.price).sum() == pytest.approx(closed, rel=TOL.rounding)
