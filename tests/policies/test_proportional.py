"""Policies in proportion, levelling at a closing price, drift (THEORY 3)."""

import math

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.policies.registry import POLICIES
from tests.books import count, frame
from tests.policies.test_queue import event
from tests.tolerances import TOL


def test_drift_charges_both_sides():
    book = adl.Book.from_frame(frame(list("abcd"), "X", [6.0, 4.0, -5.0, -5.0], 100.0, [1.0, 1.0, -1.0, 1.0]))
    charge = adl.drift_charge(book, {"X": 40.0})  # 40 over 20 contracts
    assert charge["charge"].tolist() == [12, 8, 10, 10] and charge["account"].tolist() == list("abcd")
    assert adl.drift_charge(book, {"X": 0})["charge"].sum() == 0


@pytest.mark.parametrize(
    "name", [n for n in POLICIES if n not in ("hyperliquid", "hyperliquid_as_printed", "realized")]
)
def test_every_policy_takes_nothing_and_all(name):
    for required in (0.0, "all"):
        shorts = event([10, 0, 3], [500, 4000, 250], required, [101.0, 200.0, 80.0], initial_margin=1.0)
        closed = adl.policy(name)(shorts).amount
        assert closed.tolist() == ([10, 0, 3] if required == "all" else [0, 0, 0])


def test_in_proportion_by_hand():
    """n2 of THEORY 3: highest leverage 7, 8, 6, 7 of pro rata to position, equity, profit, uniform."""
    shorts = event([10, 10], [1, 2], 6.0, [2.0, 1.5], price=1.0)
    assert adl.pro_rata(shorts).amount == pytest.approx([3, 3])
    assert adl.pro_rata_equity(shorts).amount == pytest.approx([2, 4])
    assert adl.pro_rata_profit(shorts).amount == pytest.approx([4, 2])
    assert adl.uniform(shorts).amount == pytest.approx([3, 3])
    capped = event([1, 10, 10], [5, 1, 2], 7.0, [3.0, 2.0, 0.5], price=1.0)
    assert adl.pro_rata_equity(capped).amount == pytest.approx([1, 2, 4])
    assert adl.uniform(capped).amount == pytest.approx([1, 3, 3])
    assert adl.pro_rata_profit(capped).amount == pytest.approx([1, 6, 0])  # 7 x 2/12 is more than 1
    more = capped.with_requirement(short={"X": 14.0})  # 11 from those in profit, 3 from the other
    assert adl.pro_rata_profit(more).amount == pytest.approx([1, 10, 3])
    nobody = event([6, 3], [1, 1], 3.0, [1.0, 0.5], price=1.0)
    assert adl.pro_rata_profit(nobody).amount == pytest.approx([2, 1])


def test_levelling_at_a_closing_price_by_hand():
    """THEORY 3.4: closing a short of mark 1 at 1.05 costs .05 a contract; water-filling depends on the path,
    levelling does not.
    """
    shorts = event([10, 10], [1, 2], 8.0, price=1.0)
    assert adl.water_filling_at(shorts, 1.05).amount == pytest.approx([7, 1])
    assert adl.water_filling(shorts).amount == pytest.approx([6, 2])
    for rule, wanted in (
        (lambda e: adl.water_filling_at(e, 1.05), [7, 1]),
        (adl.water_filling, [46 / 7, 10 / 7]),
    ):
        first = rule(shorts.with_requirement(short={"X": 4.0})).amount
        second = rule(event(10 - first, np.array([1, 2]) - 0.05 * first, 4.0, price=1.0)).amount
        assert first + second == pytest.approx(wanted, rel=TOL.formula)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_levelling_at_a_closing_price_levels(seed):
    """The formula of THEORY 3.4, clip((p q - eta E)/(p + eta kappa), 0, q); at the mark it is
    water-filling.
    """
    rng = np.random.default_rng(190_000 + seed)
    n, price, side = int(rng.integers(2, 12)), 10 ** rng.uniform(-2, 4), ("short", "long")[seed % 2]
    size = rng.lognormal(1, 1, n)
    equity = size * price / rng.lognormal(1, 0.7, n)
    worst = (equity / size).min()
    kappa = float(
        rng.uniform(-0.9, 0.9) * min(worst, price)
    )  # nobody broke if wholly closed, and the closing price is positive
    some = event(size, equity, float(rng.uniform(0.05, 0.95) * size.sum()), price=price, side=side)
    at = price - kappa if side == "short" else price + kappa
    closed = adl.water_filling_at(some, at).amount
    assert math.fsum(closed) == some.required[0]
    left = price * (size - closed) / (equity + kappa * closed)
    level = left[closed > 0].max()
    formula = np.clip((price * size - level * equity) / (price + level * kappa), 0, size)
    assert closed == pytest.approx(formula, rel=1e-7, abs=TOL.formula * size.sum())
    assert (left <= level * (1 + TOL.formula)).all()
    assert adl.water_filling_at(some, price).amount == pytest.approx(
        adl.water_filling(some).amount, rel=TOL.formula, abs=TOL.rounding * size.sum()
    )
