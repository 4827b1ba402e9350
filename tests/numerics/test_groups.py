"""Many assets side by side give what one by one gave."""

import math

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.knapsack import knapsack
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.numerics.groups import Groups
from adl_opt.objectives.leverage import LeverageSquare
from adl_opt.waterfill.isolated import fill, gross_levels
from adl_opt.waterfill.level import _cut, sorted_levels, water_level
from tests import books
from tests.books import count
from tests.data.test_many_assets import crowded
from tests.tolerances import TOL


def legs_one_by_one(event: adl.Event, of: np.ndarray, k: int) -> np.ndarray:
    return np.flatnonzero(of & (event.book.asset == k))


def test_groups_are_the_masks(rng):
    for _ in count(200):
        n, labels = int(rng.integers(0, 40)), int(rng.integers(1, 9))
        label, chosen = rng.integers(0, labels, n), rng.random(n) < 0.6
        values = rng.normal(size=n) * 10 ** rng.uniform(-9, 9, n)
        groups, everything, less = (
            Groups(label, labels, chosen),
            Groups(label, labels),
            rng.normal(size=labels),
        )
        assert len(groups) == labels
        for k in range(labels):
            mine = np.flatnonzero(chosen & (label == k))
            assert np.array_equal(groups[k], mine) and np.array_equal(
                everything[k], np.flatnonzero(label == k)
            )
            assert groups.sums(values)[k] == math.fsum(values[mine].tolist())
            assert groups.sums(values, less)[k] == math.fsum([*values[mine].tolist(), -less[k]])
        wanted = np.flatnonzero(rng.random(labels) < 0.7)
        met = {
            int(k): row for some, rows in groups.batches(wanted) for k, row in zip(some, rows, strict=True)
        }
        assert sorted(met) == [k for k in wanted if len(groups[k])]
        assert all(np.array_equal(row, groups[k]) for k, row in met.items())


def test_an_event_and_its_violation_are_those_of_the_masks(rng):
    for _ in count(100):
        event = books.cross(rng, d=3)
        if rng.random() < 0.3:
            event = adl.Event(
                event.book,
                short=dict.fromkeys(event.short, "all"),
                long=dict.fromkeys(event.long, "70%"),
                cap=0.5,
            )
        book, amount = event.book, event.pro_rata_fraction * event.size * rng.random(len(event.size))
        assert dict(book.number_of) == {asset: book.assets.index(asset) for asset in book.assets}
        clearing = np.zeros(len(event.side))
        for k in range(len(event.side)):
            on = (book.asset == k) & (np.sign(book.position) == event.side[k]) & (event.side[k] != 0)
            assert event.capacities[k] == math.fsum(event.size[on].tolist())
            assert np.array_equal(event.closable_legs[k], legs_one_by_one(event, event.closable, k))
            assert np.array_equal(event.free_legs[k], legs_one_by_one(event, event.free, k))
            clearing[k] = abs(
                math.fsum([*amount[legs_one_by_one(event, event.closable, k)].tolist(), -event.required[k]])
            )
        assert assess(LeverageSquare(), event, None, amount).certificate.clearing_error == clearing.max()


def test_the_knapsack_side_by_side_is_the_one_asset_by_asset(rng):
    for _ in count(100):
        event = books.cross(rng, n=int(rng.integers(2, 30)), d=3)
        m = SymbolsAt(event, None, event.pro_rata_fraction * event.size)
        below = LeverageSquare().minorant(m, Dual())
        gap, price = knapsack(event, m, below)
        gaps, prices = [below.slack], np.full(len(event.side), np.nan)
        for k in event.free_assets:
            legs = legs_one_by_one(event, event.free, k)
            size, closed = event.size[legs], m.amount[legs]
            cheap, dear, left = -below.high[legs] / size, -below.low[legs] / size, size - closed
            at = np.concatenate([dear, cheap])
            order = np.argsort(at, kind="stable")
            tilt = np.cumsum(np.concatenate([closed, left])[order]) - math.fsum(left.tolist())
            prices[k] = at[order][min(int(np.searchsorted(tilt, 0.0)), len(at) - 1)]
            charged = np.maximum(prices[k] - dear, 0.0) * closed + np.maximum(cheap - prices[k], 0.0) * left
            gaps.append(
                math.fsum(charged.tolist()) + prices[k] * (event.required[k] - math.fsum(closed.tolist()))
            )
        assert gap == math.fsum(gaps)
        assert np.array_equal(price, prices, equal_nan=True)


def test_water_filling_side_by_side_is_the_one_asset_by_asset(rng):
    for number in count(100):
        table = crowded(6, int(rng.integers(1, 7)), seed=number)
        table["equity"] *= 10.0 ** rng.integers(-4, 5, len(table))
        table = table[rng.random(len(table)) < 0.8]
        book = adl.Book.from_frame(table)
        need = {asset: rng.choice(["0%", "35%", "all", "99.99%"]) for asset in book.assets}
        event = adl.Event(book, short=need, cap=float(rng.choice([1.0, 0.5])))
        amount, level = fill(event)
        for k in range(len(book.assets)):
            legs = legs_one_by_one(event, event.closable, k)
            equity, cap = (
                book.equity[book.account[legs]] / book.price[k],
                event.size[legs] if event.capped else None,
            )
            one, closed = water_level(event.held[legs], equity, float(event.required[k]), cap)
            assert level[k] == one and np.array_equal(amount[legs], closed)
            assert math.fsum(amount[legs].tolist()) == event.required[k]


def test_few_accounts_are_levelled_as_many_are(rng):
    """A sort of each row, and Newton's method over pieces: the same level but for rounding."""
    for _ in count(200):
        n = int(rng.integers(1, 60))
        equity = 10 ** rng.uniform(-6, 6, n)
        size = np.round(rng.lognormal(1.0, 1.0, n), int(rng.integers(0, 6))) * equity * (rng.random(n) > 0.2)
        if not size.any():
            continue
        required = float(size.sum() * rng.uniform(1e-6, 1 - 1e-6))
        (level,), (closed,) = sorted_levels(size[None], equity[None], np.array([required]))
        reference, below = _cut(size, equity, required)
        assert level == pytest.approx(max(reference - below, 0.0), rel=TOL.formula)
        other = np.clip((size / equity - reference + below) * equity, 0.0, size)
        np.testing.assert_allclose(closed, other, rtol=TOL.formula, atol=TOL.rounding * float(size.max()))


def test_levels_of_gross_leverage_are_those_of_one_asset_at_a_time(rng):
    for _ in count(100):
        event = books.cross(rng, d=3)
        book, wanted = event.book, np.flatnonzero(event.side)
        found = gross_levels(event, wanted)
        for k, level in zip(wanted, found):
            assert gross_levels(event, np.array([k]))[0] == level
            legs = event.closable_legs[k]
            owner = book.account[legs]
            over = (book.per_account(np.abs(book.notional)) / book.equity)[owner] - level
            closed = np.clip(over * book.equity[owner] / book.price[k], 0.0, event.size[legs]).sum()
            assert abs(closed - event.required[k]) <= TOL.formula * max(event.capacities[k], 1e-300) * 1e3
