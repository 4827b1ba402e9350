"""Numbers that are none, and junk of every kind: refused everywhere in one sentence."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adl_opt as adl
from adl_opt.inputs import plain
from tests.data.tables import LEGS


@given(
    st.one_of(
        st.floats(allow_nan=False),
        st.integers(-(10**300), 10**300),
        st.fractions(),
        st.decimals(allow_nan=False, places=3),
    )
)
def test_a_real_number_is_what_it_is(value):
    assert plain(value) == float(value) == plain(str(float(value)), text=True)
    assert plain(np.float64(float(value))) == plain(np.array([float(value)])) == float(value)


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        np.True_,
        1j,
        np.complex128(1),
        "1",
        b"1",
        None,
        [1.0],
        np.ones(2),
        np.datetime64("2025"),
        np.timedelta64(1, "ns"),
        pd.NA,
        "1_0",
    ],
    ids=repr,
)
def test_what_is_no_number_is_none(value):
    assert np.isnan(plain(value))


def test_numbers_beyond_a_float_are_infinite():
    assert plain(10**400) == np.inf and plain(-(10**400)) == -np.inf
    assert plain(Fraction(1, 3)) == 1 / 3 and plain(Decimal("0.1")) == 0.1


BOOK = adl.Book.from_frame(LEGS.assign(position=[3.0, -4.0, 5.0]))
EVENT = adl.Event(BOOK, long={"X": 1.0})
READ_NUMBERS = {
    "requirement": lambda x: adl.Event(BOOK, long={"X": x}),
    "cap": lambda x: adl.Event(BOOK, long={"X": 1.0}, cap=x),
    "cap of one": lambda x: adl.Event(BOOK, long={"X": 1.0}, cap={"a": x}),
    "position": lambda x: adl.Book.from_frame(LEGS.assign(position=[x, 1.0, 2.0])),
    "price": lambda x: adl.Book.from_frame(LEGS.assign(price=[x, 1.0, 1.0])),
    "equity": lambda x: adl.Book.from_frame(LEGS.assign(equity=[x, x, x])),
    "moves": lambda x: adl.Scenarios([x, 0.5]),
    "moves by asset": lambda x: adl.Scenarios({"X": [x], "Y": [0.1]}),
    "probability": lambda x: adl.Scenarios([0.1], [x]),
    "table": lambda x: adl.Scenarios(pd.DataFrame({"X": [0.1, 0.2], "Y": [x, x]})),
    "volatility": lambda x: adl.LogNormal({"X": 0.5, "Y": x}, 0.5, 0.1),
    "correlation": lambda x: adl.LogNormal([0.5, 0.5], x, 0.1),
    "horizon": lambda x: adl.LogNormal(0.5, None, x),
    "covariance": adl.Gaussian,
    "mean": lambda x: adl.Gaussian(0.1, x),
    "scale": lambda x: adl.StudentT(x, 4.0),
    "dof": lambda x: adl.StudentT(0.1, x),
    "loading": lambda x: adl.OneFactor([x, 1.0], adl.Scenarios([0.1])),
    "specific": lambda x: adl.FactorModel([1.0, 1.0], [x, 0.1]),
    "prices": lambda x: adl.Scenarios.from_prices(pd.DataFrame({"X": [1.0, x]})),
    "move": lambda x: adl.stress(BOOK, {"X": x}),
    "step": lambda x: adl.stress_path(BOOK, pd.DataFrame({"X": [0.1, x]})),
    "fund": lambda x: adl.stress(BOOK, {"X": 0.1}, x),
    "closing price": lambda x: adl.burden(adl.pro_rata(EVENT), x),
    "lot": lambda x: adl.round_to_lots(adl.pro_rata(EVENT), {"X": x}),
    "loss": lambda x: adl.drift_charge(BOOK, {"X": x}),
    "maintenance": lambda x: adl.QueueRule("none", "none", "zero", "mark", "account order", maintenance=x),
    "power": adl.LeveragePower,
    "weight": lambda x: x * adl.ExpectedLoss(),
    "level": adl.CVaR,
    "weights": lambda x: adl.Spectral([x]),
    "aversion": adl.Entropic,
    "size": lambda x: adl.waterfill.water_level([x], [1.0], 0.5),
    "own equity": lambda x: adl.waterfill.water_level([1.0], [x], 0.5),
    "required": lambda x: adl.waterfill.water_level([1.0], [1.0], x),
    "every": lambda x: adl.Waves.from_hyperreplay(HYPER, every=x),
    "twin": lambda x: adl.examples.twin(1, x),
    "tolerance": lambda x: adl.Problem(adl.ExpectedLoss(), EVENT).solve(tol=x),
    "seconds": lambda x: adl.Problem(adl.ExpectedLoss(), EVENT).solve(time_limit=x),
}
HYPER = pd.DataFrame(
    {
        "user": ["u"],
        "coin": "X",
        "time": 1000,
        "adl_price": 9.0,
        "adl_size": 1.0,
        "position_size": -4.0,
        "total_equity": 7.0,
    }
)


@pytest.mark.parametrize("where", READ_NUMBERS)
@pytest.mark.parametrize("value", [True, np.True_, 1 + 0j, "x"], ids=repr)
def test_true_and_complex_numbers_are_numbers_nowhere(where, value):
    with pytest.raises(adl.AdlError):
        READ_NUMBERS[where](value)
