"""The real accounts of 10 October 2025 as waves, and accounts like them."""

import math

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.examples.october_twin import CLOSED
from tests.books import REAL, ROOT
from tests.tolerances import TOL
from tests.waves import line


@pytest.mark.shared
def test_the_real_accounts_as_one_wave():
    if not REAL.is_file():
        pytest.skip(
            "the real accounts are not beside this checkout; test_accounts_like_the_real_ones runs on "
            "generated ones"
        )
    book = pd.read_csv(REAL)
    given = adl.Waves.from_frame(book.drop(columns="profit_ratio").assign(wave=1))
    with pytest.raises(adl.EventError, match="124 of 19,337 accounts"):
        adl.replay(given)
    assert len(given.insolvent()) == 124
    result = _one_wave(given.solvent())
    assert line(result, 1, "realized")["notional_closed"] == pytest.approx(2.0929e9, rel=1e-4)


@pytest.mark.shared
def test_the_real_accounts_have_the_figures_that_are_told_of_them():
    """Of the corrected table (December 2025); the twin takes its share closed, and the guide its 19,213
    accounts.
    """
    if not REAL.is_file():
        pytest.skip(
            "the real accounts are not beside this checkout; test_the_twin_has_the_published_figures runs "
            "on the twin"
        )
    everyone = adl.Book.read(REAL)
    book = everyone.solvent()
    held, closed, leverage = (
        np.abs(book.position),
        np.abs(book.extra["realized_closed"]),
        book.leverage.to_numpy(),
    )
    assert (len(everyone.accounts), len(book.accounts), len(everyone.insolvent())) == (19_337, 19_213, 124)
    assert (book.position <= 0).all() and (book.extra["profit_ratio"] > 1).sum() == 4_419
    assert [held.sum(), book.equity.sum(), closed.sum()] == pytest.approx(
        [2.3338e9, 2.9203e9, 2.0929e9], rel=1e-4
    )
    assert closed.sum() / held.sum() == pytest.approx(CLOSED, abs=5e-4)
    assert np.abs(everyone.extra["realized_closed"]).sum() == pytest.approx(2_103_111_430.86, abs=0.01)
    assert np.quantile(leverage, [0.5, 0.95, 0.99]) == pytest.approx([0.591, 7.00, 237.5], rel=1e-3)
    page = " ".join((ROOT / "notebooks" / "guide" / "real_events.md").read_text(encoding="utf-8").split())
    assert f"{len(book.accounts):,} accounts" in page and f"{100 * CLOSED:.1f} % closed" in page


def test_accounts_like_the_real_ones():
    """20,000 shorts of one asset, leverage and equity over fourteen decades, 90 % closed."""
    rng = np.random.default_rng(10)
    equity, leverage = 10 ** rng.uniform(-6, 8.5, 20_000), 10 ** rng.normal(-0.5, 1.2, 20_000)
    part = np.where(rng.random(20_000) < 0.9, 1.0, rng.random(20_000) * 0.5)
    table = pd.DataFrame(
        {
            "wave": 1,
            "account": [f"a{i}" for i in range(20_000)],
            "asset": "X",
            "position": -leverage * equity,
            "equity": equity,
        }
    )
    _one_wave(adl.Waves.from_frame(table.assign(price=1.0, realized_closed=table["position"] * part)))


def _one_wave(given):
    result = adl.replay(given, law=adl.LogNormal(0.8, None, 1 / 365))
    table = result.to_frame().set_index("policy")
    assert table.index.tolist() == ["realized", "water_filling", "pro_rata"]
    total = math.fsum(given.realized)
    assert all(math.fsum(result.closed(name)["closed"]) == total for name in table.index)
    assert (
        table.loc["water_filling", "leverage_max"] < table.loc[["realized", "pro_rata"], "leverage_max"].min()
    )
    assert (
        table.loc["water_filling", "ExpectedLoss gap"] <= TOL.gap < table.loc["pro_rata", "ExpectedLoss gap"]
    )
    return result
