"""Many assets: work grows with rows and columns, not with their product."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.numerics.groups import Groups
from adl_opt.objectives.leverage import LeverageSquare
from tests import books
from tests.books import FULL

MANY = 100_000  # columns behind `make fuzz`, a fifth else: minutes each while it was quadratic


def crowded(assets: int, accounts: int = 3, seed: int = 1) -> pd.DataFrame:
    """Shorts of `accounts` accounts in each of many assets, rows in random order."""
    rng = np.random.default_rng(seed)
    n = assets * accounts
    asset = rng.permutation(np.repeat(np.arange(assets), accounts))
    price, equity = 10 ** rng.uniform(-1, 4, assets), 10 ** rng.uniform(1, 6, n)
    position = -rng.lognormal(1.0, 1.0, n) * equity / price[asset]
    return books.frame([f"a{i}" for i in range(n)], [f"C{k}" for k in asset], position, price[asset], equity)


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
