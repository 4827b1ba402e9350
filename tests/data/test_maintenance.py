"""Tiers of maintenance margin: worked values, continuity, and what a margin is by its integral."""

import pickle

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.tolerances import TOL

CASES = [(0, 0.004), (50_000, 0.005), (250_000, 0.01), (3_000_000, 0.025)]  # of shared/cases


def test_the_tiers_of_the_cases():
    tiers = adl.MaintenanceTiers({"BTC": CASES, "*": [(0, 0.02)]})
    assert tiers.to_frame()["deduction"].tolist() == [0, 50, 1_300, 46_300, 0]
    assert [tiers.margin("BTC", x) for x in (50_000, 100_000, 1e6, 1e7)] == pytest.approx(
        [200, 450, 8_700, 203_700]
    )
    assert tiers.margin("ETH", 100) == 2 and tiers.margin("BTC", 0) == 0
    assert "BTC: 0.4 to 2.5 % in 4 tiers; *: 2 % in 1 tier" in repr(tiers)
    assert pickle.loads(pickle.dumps(tiers)).margin("BTC", 1e6) == tiers.margin("BTC", 1e6)


def test_a_margin_is_the_integral_of_its_rates():
    rng = np.random.default_rng(1)
    for _ in range(30):
        floors = np.concatenate(([0.0], np.sort(10 ** rng.uniform(2, 7, 4))))
        rates = np.sort(rng.uniform(0.001, 0.5, 5))
        tiers = adl.MaintenanceTiers({"X": list(zip(floors.tolist(), rates.tolist()))[::-1]})
        x = np.concatenate((floors, 10 ** rng.uniform(0, 8, 50)))
        width = np.clip(x[:, None] - floors, 0, np.append(np.diff(floors), np.inf))
        row = tiers.rows(("X",) * len(x))
        assert tiers.margins(row, x) == pytest.approx(width @ rates, rel=TOL.formula)
        assert tiers.margins(row, np.column_stack((x, x)))[:, 1].tolist() == tiers.margins(row, x).tolist()
        reached = (x[:, None] >= floors).sum(axis=1) - 1
        assert tiers.rates(row, x).tolist() == rates[reached].tolist()


@pytest.mark.parametrize(
    "names",
    [
        ("asset", "notional_floor", "rate", "deduction", "notional_cap"),
        ("symbol", "notionalFloor", "maintMarginRatio", "cum", "notionalCap"),
        ("symbol", "minNotional", "maintenanceMarginRate", "deduction", "maxNotional"),
    ],
)
def test_reading_the_brackets_of_exchanges(names, tmp_path):
    floors, rates = zip(*CASES)
    rows = zip(["BTC"] * 4, floors, rates, [0, 50, 1_300, 46_300.0], [*floors[1:], 1e8])
    table = pd.DataFrame(list(rows), columns=list(names))
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "tiers.csv", index=False)
    for tiers in (adl.MaintenanceTiers.from_frame(table), adl.MaintenanceTiers.read(tmp_path / "tiers.csv")):
        assert tiers.to_frame().equals(adl.MaintenanceTiers({"BTC": CASES}).to_frame())
