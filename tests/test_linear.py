"""Many assets: work grows with rows and columns, not their product; side by side gives what one by one
gave.
"""

import math

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.knapsack import knapsack
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import Symbols
from adl_opt.numerics import exact_sums
from adl_opt.numerics.exact_sums import clear_exactly, exact_sum
from adl_opt.numerics.groups import Groups
from adl_opt.objectives.leverage import LeverageSquare
from adl_opt.waterfill.isolated import fill, gross_levels
from adl_opt.waterfill.level import _cut, sorted_levels, water_level

from . import books
from .books import FULL, count
from .tolerances import TOL

MANY = 100_000


def crowded(assets: int, accounts: int = 3, seed: int = 1) -> pd.DataFrame:
    """Shorts of `accounts` accounts in each of many assets, rows in random order."""
    rng = np.random.default_rng(seed)
    n = assets * accounts
    asset = rng.permutation(np.repeat(np.arange(assets), accounts))
    price, equity = 10 ** rng.uniform(-1, 4, assets), 10 ** rng.uniform(1, 6, n)
    position = -rng.lognormal(1.0, 1.0, n) * equity / price[asset]
    return books.frame([f"a{i}" for i in range(n)], [f"C{k}" for k in asset], position, price[asset], equity)


def legs_one_by_one(event: adl.Event, of: np.ndarray, k: int) -> np.ndarray:
    return np.flatnonzero(of & (event.book.asset == k))


# -- the same as asset by asset


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
        m = Symbols(event, None, event.pro_rata_fraction * event.size)
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


def test_short_sums_are_cleared_as_long_ones_are(rng):
    """Up to some numbers `math.fsum` sums, above exact integers: both round once."""
    for _ in count(400):
        n = int(rng.integers(1, 40))
        size = 10 ** rng.uniform(-12, 12, n) * (rng.random(n) > 0.1)
        closed = rng.random(n) * size
        required = float(
            min(closed.sum() * (1 + rng.choice([0.0, 1e-16, 1e-9, 0.1]) * rng.normal()), exact_sum(size))
        )
        cleared = clear_exactly(closed, size, required)
        assert math.fsum(cleared.tolist()) == required
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exact_sums, "_FEW", -1)
            assert np.array_equal(cleared, clear_exactly(closed, size, required))


# -- many columns (1e5 behind `make fuzz`): minutes each while it was quadratic


@pytest.fixture(scope="module")
def crowd() -> tuple[pd.DataFrame, adl.Event]:
    table = crowded(MANY if FULL else MANY // 5)
    book = adl.Book.from_frame(table)
    return table, adl.Event(book, short=dict.fromkeys(book.assets, "35%"))


def test_a_book_of_many_assets_is_read_from_frames_and_files(crowd, tmp_path):
    table, event = crowd
    table.to_csv(tmp_path / "b.csv", index=False)
    table.to_parquet(tmp_path / "b.parquet")
    for book in (adl.Book.read(tmp_path / "b.csv"), adl.Book.read(tmp_path / "b.parquet")):
        assert book.assets == event.book.assets
        assert np.array_equal(book.asset, event.book.asset)


def test_columns_that_do_not_matter_cost_little(tmp_path):
    table = crowded(2)
    wide = pd.concat(
        [table, pd.DataFrame(np.zeros((len(table), MANY // 5)), columns=[f"x{k}" for k in range(MANY // 5)])],
        axis=1,
    )
    wide.to_csv(tmp_path / "w.csv", index=False)
    for book in (adl.Book.from_frame(wide), adl.Book.read(tmp_path / "w.csv")):
        assert len(book.position) == len(table)


def test_laws_of_many_assets_are_read_and_aligned(crowd):
    _, event = crowd
    labels = list(event.book.assets)[::-1]
    moves = np.random.default_rng(1).normal(size=(3, len(labels))) * 0.1
    table = pd.DataFrame(moves, columns=labels)
    series = pd.Series(moves[0], index=labels)
    for law in (
        adl.Scenarios(table),
        adl.Scenarios({name: table[name].to_numpy() for name in labels[:1000]} | dict(table.items())),
    ):
        assert np.array_equal(law.align(event.book.assets).moves, moves[:, ::-1])
    assert adl.Scenarios.from_prices(np.exp(table)).align(event.book.assets).dimension == len(labels)
    assert np.array_equal(
        adl.OneFactor(series, adl.Scenarios([-0.1, 0.1])).align(event.book.assets).loading, moves[0, ::-1]
    )
    assert np.array_equal(adl.FactorModel(series, np.abs(series[::-1])).specific, np.abs(moves[0]))


def test_water_filling_and_its_proof_with_a_requirement_in_every_asset(crowd):
    _, event = crowd
    solved = adl.Problem(adl.ExpectedLoss(), event).solve()
    assert solved.certificate.certified and solved.method == "closed-form"
    assert np.array_equal(event.closable_legs.sums(solved.amount), event.required)
    assert np.array_equal(adl.water_filling(event).amount, solved.amount)
    assert adl.certify(
        LeverageSquare(), event, None, solved.to_frame()[["account", "asset", "closed"]]
    ).certified
    assert (
        len(solved.shadow_prices)
        == len(solved.water_level)
        == len(solved.shadow_price_range)
        == len(event.book.assets)
    )
    moved = adl.stress(event.book, dict.fromkeys(event.book.assets, 0.2))
    assert len(moved.net_position) == len(event.book.assets)


def test_twice_the_assets_are_twice_the_work():
    """Counted, not timed: numbers of legs that the event's groups hand out for a solve and its proof."""
    handed = []
    taken, batches, sums = Groups.__getitem__, Groups.batches, Groups.sums
    with pytest.MonkeyPatch.context() as patch:
        for assets in (200, 400, 800):
            total = 0

            def counted(self, k):
                nonlocal total
                found = taken(self, k)
                total += len(found) + 1
                return found

            def counted_batches(self, wanted):
                nonlocal total
                for some, rows in batches(self, wanted):
                    total += rows.size + len(some)
                    yield some, rows

            def counted_sums(self, values, less=None):
                nonlocal total
                total += len(values)
                return sums(self, values, less)

            patch.setattr(Groups, "__getitem__", counted)
            patch.setattr(Groups, "batches", counted_batches)
            patch.setattr(Groups, "sums", counted_sums)
            book = adl.Book.from_frame(crowded(assets))
            event = adl.Event(book, short=dict.fromkeys(book.assets, "35%"))
            for policy in (
                adl.water_filling,
                adl.pro_rata,
                adl.uniform,
                adl.QueueRule("none", "leverage", "divide", "mark", "account order"),
            ):
                policy(event)
            adl.Problem(adl.ExpectedLoss(), event).solve()
            handed.append(total)
    assert handed[0] > 0
    assert handed[1] <= 2.01 * handed[0] and handed[2] <= 2.01 * handed[1]
