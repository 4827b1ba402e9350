"""Scenarios from price histories, returns and files."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.tolerances import TOL

DAYS = pd.date_range("2026-01-01", periods=7, name="date")


@pytest.fixture
def prices(rng):
    return pd.DataFrame(np.exp(rng.normal(size=(7, 2)).cumsum(axis=0) / 10), index=DAYS, columns=["A", "B"])


def test_a_column_of_dates_is_the_index(prices):
    plain = adl.Scenarios.from_prices(prices)
    dated, worded = prices.reset_index(), prices.reset_index().astype({"date": str})
    for other in (dated, worded):
        found = adl.Scenarios.from_prices(other)
        assert found.assets == ("A", "B") and (found.moves == plain.moves).all()
    with pytest.raises(adl.LawError, match="not in the order of their index"):
        adl.Scenarios.from_prices(dated.iloc[::-1])


@pytest.mark.parametrize("steps", [1, 3])
def test_prices_and_their_returns_are_one_law(prices, steps):
    of_prices = adl.Scenarios.from_prices(prices, steps, half_life=2)
    simple = adl.Scenarios.from_returns(prices.pct_change().dropna(), steps, half_life=2)
    log = adl.Scenarios.from_returns(np.log(prices).diff().dropna(), steps, log=True, half_life=2)
    for other in (simple, log):
        assert np.abs(other.moves - of_prices.moves).max() <= TOL.formula
        assert (other.probability == of_prices.probability).all()
    halves = of_prices.probability[2:] / of_prices.probability[:-2]
    assert np.abs(halves - 2).max() <= TOL.formula and of_prices.probability.sum() == pytest.approx(1)


def test_blocks_keep_what_follows_together(prices):
    law = adl.Scenarios.from_prices(prices, steps=4, bootstrap=300, block=2, seed=3)
    single = adl.Scenarios.from_prices(prices).moves + 1
    pairs = single[1:] * single[:-1]  # of two successive rows
    made = (pairs[:, None] * pairs[None]).reshape(-1, 2)  # two blocks, any two
    off = np.abs(law.moves[:, None] + 1 - made[None]).max(axis=2).min(axis=1)
    assert off.max() <= TOL.formula and len(np.unique(law.moves[:, 0].round(9))) > 10
    again = adl.Scenarios.from_prices(prices, steps=4, bootstrap=300, block=2, seed=3)
    assert (law.moves == again.moves).all()
    whole = adl.Scenarios.from_prices(prices, steps=6, bootstrap=5, block=6).moves
    assert np.abs(whole - (prices.iloc[-1] / prices.iloc[0] - 1).to_numpy()).max() <= TOL.formula


def test_a_file_of_scenarios(prices, tmp_path):
    law = adl.Scenarios.from_prices(prices, half_life=3)
    table = pd.DataFrame(law.moves, columns=law.assets).assign(probability=law.probability)
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        found = adl.Scenarios.read(tmp_path / name)
        assert found.assets == law.assets and np.abs(found.moves - law.moves).max() <= TOL.formula
        assert np.abs(found.probability - law.probability).max() <= TOL.formula


def test_annual_words_are_the_lognormal_s():
    words = {"volatility": {"A": 0.6, "B": 0.8}, "correlation": 0.5, "horizon": 10 / 365}
    exact = adl.LogNormal(**words)
    covariance = exact.correlation * np.outer(exact.deviation, exact.deviation)
    normal, fat = adl.Gaussian.annual(**words), adl.StudentT.annual(**words, dof=4)
    assert normal.assets == fat.assets == ("A", "B")
    for law in (normal, fat):
        assert np.abs(law.covariance - covariance).max() <= TOL.formula
    means = [
        adl.Gaussian.annual(**words, mean=mean).mean for mean in ([0.365, 0.73], {"B": 0.73, "A": 0.365})
    ]
    assert all(np.abs(mean - [0.01, 0.02]).max() <= TOL.formula for mean in means)
