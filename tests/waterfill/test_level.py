"""The water level against exact rational arithmetic, and its properties on wide and degenerate books (THEORY
1, 3).
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import adl_opt as adl
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.waterfill.level import water_level
from tests.books import count, isolated, one_asset
from tests.tolerances import TOL

POSITIVE = st.floats(1e-6, 1e6)


def exact_level(size, equity, required):
    """The level and closed sizes in rational arithmetic, by trying every cut."""
    size, equity, left = [Fraction(x) for x in size], [Fraction(x) for x in equity], Fraction(required)
    order = sorted(range(len(size)), key=lambda i: -size[i] / equity[i])
    held = cushion = Fraction(0)
    level = Fraction(0)
    for place, i in enumerate(order):
        held, cushion = held + size[i], cushion + equity[i]
        level = (held - left) / cushion
        following = order[place + 1] if place + 1 < len(order) else None
        if following is None or size[following] / equity[following] <= level:
            break
    return level, [max(x - level * e, Fraction(0)) for x, e in zip(size, equity)]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
def test_exact_on_wide_books(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    leverage, equity = 10 ** rng.uniform(-7, 7, n), 10 ** rng.uniform(-6, 6, n)
    leverage = np.round(leverage) + 1 if seed % 3 == 0 else leverage
    size = leverage * equity * (rng.random(n) > 0.1)
    capacity = math.fsum(size)
    if capacity == 0:
        size[0] = capacity = 1.0
    required = capacity * 10 ** rng.uniform(-12, 0) if seed % 2 else capacity * rng.random()
    level, closed = water_level(size, equity, required)
    true_level, true_closed = exact_level(size, equity, required)
    assert math.fsum(closed) == required
    assert (closed >= 0).all() and (closed <= size).all()
    worst = max(abs(float(Fraction(a) - b)) for a, b in zip(closed, true_closed))
    assert worst <= TOL.rounding * required
    assert abs(float(Fraction(level) - true_level)) * equity.sum() <= TOL.rounding * max(
        capacity, float(true_level) * equity.sum()
    )


@settings(max_examples=150)
@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=12), st.floats(0, 1))
@example([(1.0, 1.0), (1.0, 1.0)], 0.5)
@example([(0.0, 1.0), (5.0, 1e-6)], 1.0)
def test_level_conditions(rows, share):
    size, equity = map(np.array, zip(*rows))
    required = min(share * math.fsum(size), math.fsum(size))
    level, closed = water_level(size, equity, required)
    left = size - closed
    assert math.fsum(closed) == required
    slack = 1e-9 * max(level, (size / equity).max())
    partly = (closed > 0) & (closed < size)
    assert (np.abs(left[partly] / equity[partly] - level) <= slack).all()
    assert (size[closed == 0] / equity[closed == 0] <= level + slack).all()


def test_ends():
    size, equity = np.array([4.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0])
    assert water_level(size, equity, 0.0)[0] == 4.0
    level, closed = water_level(size, equity, 5.0)
    assert level == 0.0 and closed.tolist() == [4.0, 1.0, 0.0]


def test_ties_are_reduced_in_proportion_to_equity():
    _, closed = water_level(np.array([2.0, 20.0, 1.0]), np.array([1.0, 10.0, 4.0]), 5.5)
    assert closed == pytest.approx([0.5, 5.0, 0.0], rel=TOL.rounding)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_policy_clears_every_asset_both_sides(seed):
    event = isolated(np.random.default_rng(seed))
    allocation = adl.water_filling(event)
    for k in np.flatnonzero(event.side):
        legs = event.closable & (event.book.asset == k)
        assert math.fsum(allocation.amount[legs]) == event.required[k]
    assert (allocation.amount[~event.closable] == 0).all()
    assert allocation.certificate.certified and allocation.certificate.box_violation == 0


def test_several_assets_are_filled_apart():
    rows = {
        "account": list("abcd"),
        "asset": ["X", "X", "Y", "Y"],
        "position": [-10.0, -10.0, 10.0, 2.0],
        "price": [1.0, 1.0, 2.0, 2.0],
        "equity": [1.0, 2.0, 1.0, 1.0],
    }
    import pandas as pd

    event = adl.Event(adl.Book.from_frame(pd.DataFrame(rows)), short={"X": 6.0}, long={"Y": 9.0})
    left = adl.water_filling(event).to_frame()["left"].tolist()
    assert left == pytest.approx([-14 / 3, -28 / 3, 1.5, 1.5], rel=TOL.rounding)


def test_clearing_survives_one_leg_that_holds_nearly_all():
    size = np.array([1e9, 1e-7, 3e-8])
    closed = clear_exactly(np.array([7e8, 1e-8, 0.0]), size, 0.1 + 7e8)
    assert math.fsum(closed) == 0.1 + 7e8


def test_dust_does_not_pay_for_the_rounding_of_giants():
    event = one_asset([-1e12, -3e11, -1e-6], [1e10, 1e10, 1e-7], 7.123456789e11)
    closed = adl.water_filling(event).amount
    level, _ = exact_level([1e12, 3e11, 1e-6], [1e10, 1e10, 1e-7], 7.123456789e11)
    assert closed[2] == pytest.approx(float(max(1e-6 - level * Fraction(1e-7), 0)), abs=1e-6 * TOL.rounding)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(40))
def test_passes_over_memory_against_the_sorted_depth_form(seed):
    """Newton and a bracket against sorting everyone (THEORY 1), where the sample must find the level: heavy
    tails, ties, few above.
    """
    rng = np.random.default_rng(170_000 + seed)
    n = int(10 ** rng.uniform(2, 5.3))
    equity = 10 ** rng.uniform(-3, 6, n)
    leverage = rng.lognormal(1, rng.choice([0.3, 1.0, 3.0]), n)
    leverage = np.round(leverage, 1) if seed % 2 else leverage
    size = leverage * equity
    required = float(size.sum() * 10 ** rng.uniform(-9, 0))
    level, closed = water_level(size, equity, required)
    ratio = size / equity
    order = np.argsort(-ratio, kind="stable")
    top, weight = ratio[order], np.cumsum(equity[order])
    volume = np.concatenate(([0.0], np.cumsum(weight[:-1] * (top[:-1] - top[1:]))))
    cut = int(np.searchsorted(volume, required, side="right")) - 1
    sorted_level = max(float(top[cut] - (required - volume[cut]) / weight[cut]), 0.0)
    assert level == pytest.approx(sorted_level, rel=TOL.formula)
    assert (
        math.fsum(closed) == required
        and (closed[ratio < level * (1 - TOL.formula)] <= TOL.formula * required).all()
    )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_requirements_a_few_ulps_below_the_capacity_clear(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        n = int(rng.integers(1, 8))
        size = np.round(10 ** rng.uniform(-2, 3, n), int(rng.integers(0, 4))) + 0.1
        required = math.fsum(size)
        for _ in range(int(rng.integers(1, 12))):
            required = float(np.nextafter(required, 0))
        _, closed = water_level(size, np.ones(n), required)
        assert math.fsum(closed) == required and (closed >= 0).all() and (closed <= size).all()


def test_the_reviewers_ulp():
    _, closed = water_level(np.array([5.8999999999999995, 50.1, 255.4]), np.ones(3), 311.4)
    assert math.fsum(closed) == 311.4
