"""From a price shock to an event: worked examples, accounting identities, what is missing."""

import math

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import REAL, count, frame
from tests.tolerances import TOL


def one(position, equity, price=1.0, asset="X"):
    return adl.Book.from_frame(
        frame([f"a{i}" for i in range(len(position))], asset, np.asarray(position, float), price, equity)
    )


def two_sided(rng: np.random.Generator, n: int = 12, d: int = 3) -> adl.Book:
    """A book in which every asset sums to nothing exactly: whole contracts, cross margin."""
    position = rng.integers(-20, 21, (n, d)).astype(float) * (rng.random((n, d)) < 0.7)
    position = np.vstack([position, -position.sum(axis=0)])
    price = np.round(10 ** rng.uniform(0, 3, d), 2)
    equity = np.abs(position) @ price * rng.uniform(0.03, 1.0, n + 1) + 1.0
    rows = [(f"a{i}", f"X{k}", position[i, k], price[k], equity[i]) for i in range(n + 1) for k in range(d)]
    return adl.Book.from_frame(frame(*zip(*rows)))


def net(book: adl.Book) -> np.ndarray:
    return np.bincount(book.asset, book.position, len(book.assets))


def test_by_hand():
    # At 85: a has 120 - 150 = -30; b 300 + 90, c 100 + 60; the fund of 10 leaves 20 uncovered; a's 10 longs
    # meet b's and c's 10 shorts.
    book = one([10, -6, -4], [120.0, 300.0, 100.0], 100.0, "BTC")
    found = adl.stress(book, {"BTC": -0.15}, fund=10)
    assert (
        found.deficit == pytest.approx(30) and found.uncovered == pytest.approx(20) and found.fund_left == 0
    )
    assert found.insolvent.to_dict("records") == [
        {
            "account": "a0",
            "equity_before": 120.0,
            "profit": -150.0,
            "equity": -30.0,
            "deficit": 30.0,
            "gross_notional": 850.0,
        }
    ]
    assert found.book is not None and found.event is not None
    assert (
        found.book.equity.tolist() == [390.0, 160.0]
        and found.book.price.tolist() == [85.0]
        and found.event.book is found.book
    )
    assert found.event.short == {"BTC": 10.0} and found.event.long == {} and found.net_position["BTC"] == 10
    assert found.missing["BTC"] == 0 and "uncovered 20" in repr(found) and "owing a0 30" in found.summary()


def test_a_vector_on_both_sides_with_offsets():
    # Down in BTC, up in ETH: a and b fail, long 10 - 4 BTC in all, short 5 ETH.
    rows = [
        ("a", "BTC", 10, 10, 5), ("a", "ETH", -5, 2, 5), ("b", "BTC", -4, 10, 1), ("b", "ETH", 0, 2, 1),
        ("c", "BTC", -6, 10, 90), ("d", "ETH", 5, 2, 90),
        ("e", "ETH", -7, 2, 90), ("b", "SOL", 8, 3, 1), ("c", "SOL", -8, 3, 90),
    ]  # fmt: skip
    book = adl.Book.from_frame(frame(*zip(*rows)))
    found = adl.stress(book, pd.Series({"ETH": 0.5, "BTC": -0.2, "SOL": -0.5}), fund=1e6)
    # b: 1 + 8 - 12 = -3; a: 5 - 20 - 5 = -20.
    assert (
        found.event is not None
        and found.deficit == pytest.approx(23)
        and found.uncovered == 0
        and found.fund_left == pytest.approx(1e6 - 23)
    )
    assert found.event.short == {"BTC": 6.0, "SOL": 8.0} and found.event.long == {"ETH": 5.0}
    assert found.net_position.to_dict() == {"BTC": 6.0, "ETH": -5.0, "SOL": 8.0}
    assert "covers it" in found.summary() and found.insolvent["account"].tolist() == ["a", "b"]


def test_zero_equity_is_insolvent_and_owes_nothing():
    found = adl.stress(one([10, -10], [2.0, 5.0]), {"X": -0.2})
    assert (
        found.insolvent["deficit"].tolist() == [0.0]
        and found.deficit == 0
        and math.copysign(1, found.deficit) == 1
    )
    assert found.event is not None and found.event.short == {"X": 10.0}


def test_nothing_happens_and_nothing_remains():
    calm = adl.stress(one([10, -10], [5.0, 5.0]), {})
    assert (
        calm.event is None
        and calm.book is not None
        and not len(calm.insolvent)
        and "nothing must be closed" in repr(calm)
    )
    assert calm.deficit == 0 and calm.uncovered == 0
    # Both sides of one asset fail: they offset.
    rows = [
        ("a", "X", 5, 1, 1),
        ("a", "Y", 5, 1, 1),
        ("b", "X", -5, 1, 1),
        ("b", "Y", 5, 1, 1),
        ("c", "Y", -10, 1, 9),
    ]
    book = adl.Book.from_frame(frame(*zip(*rows)))
    found = adl.stress(book, {"Y": -0.5})
    assert (
        found.net_position.to_dict() == {"X": 0.0, "Y": 10.0}
        and found.event is not None
        and found.event.short == {"Y": 10.0}
    )
    alone = adl.stress(adl.Book.from_frame(frame(*zip(*rows[:4]))), {"Y": -0.5})
    assert alone.book is None and alone.event is None and alone.missing.to_dict() == {"X": 0.0, "Y": 10.0}


def test_positions_that_offset_need_no_event():
    # Y ruins a, Z ruins b; in X they are each other's other side.
    rows = [
        ("a", "X", 5, 1, 1),
        ("b", "X", -5, 1, 1),
        ("a", "Y", 9, 1, 1),
        ("b", "Z", 9, 1, 1),
        ("c", "X", 1, 1, 1),
        ("d", "Y", -9, 1, 9),
        ("d", "Z", -9, 1, 9),
    ]
    found = adl.stress(adl.Book.from_frame(frame(*zip(*rows))), {"Y": -0.5, "Z": -0.5})
    assert (
        found.event is not None and found.event.short == {"Y": 9.0, "Z": 9.0} and found.net_position["X"] == 0
    )
    rows = [("a", "X", 0.1, 1, 1), ("b", "X", 0.2, 1, 1), ("e", "X", -0.3, 1, 1), ("f", "Y", -27, 1, 99)]
    rows += [(account, "Y", 9, 1, 1) for account in "abe"]
    found = adl.stress(adl.Book.from_frame(frame(*zip(*rows))), {"Y": -0.5})
    # 0.1 + 0.2 - 0.3 is 3e-17 contracts: a rounding, told and not closed.
    assert (
        found.net_position["X"] != 0
        and found.event is not None
        and found.event.short == {"Y": 27.0}
        and "a rounding" in found.summary()
    )


def test_what_is_missing_is_said():
    found = adl.stress(one([10, -6, 3], [1.0, 9.0, 9.0]), {"X": -0.5})
    assert (
        found.event is not None
        and found.event.short == {"X": 6.0}
        and found.missing["X"] == 4
        and "missing 4" in found.summary()
    )
    nobody = adl.stress(one([10, 6], [1.0, 9.0]), {"X": -0.5})
    assert (
        nobody.event is None
        and nobody.missing["X"] == 10
        and nobody.book is not None
        and "no solvent shorts" in nobody.summary()
    )


@pytest.mark.fuzz
def test_accounting_identities():
    rng, closed, missed = np.random.default_rng(2), 0, 0
    for trial in count(1_000):
        book = two_sided(rng)
        if trial % 3 == 0:  # one-sided now and then
            keep = rng.random(len(book.position)) < 0.5
            if keep.any():
                book = adl.Book.from_frame(book.to_frame()[keep])
        move = rng.uniform(-0.6, 0.8, len(book.assets))
        fund = float(rng.choice([0.0, 10 ** rng.uniform(0, 5)]))
        found = adl.stress(book, dict(zip(book.assets, move)), fund)
        scale = np.abs(book.notional).sum() + book.equity.sum() + fund
        gained = math.fsum(book.position * book.price[book.asset] * move[book.asset])
        assert found.marked.equity.sum() - book.equity.sum() == pytest.approx(
            gained, abs=TOL.rounding * scale
        )
        # Every account is in one place, and its money too: solvent equity less deficit is all equity; fund
        # and exchange pay the deficit.
        whole = 0.0 if found.book is None else found.book.equity.sum()
        assert whole - found.deficit == pytest.approx(found.marked.equity.sum(), abs=TOL.rounding * scale)
        assert fund - found.fund_left + found.uncovered == pytest.approx(
            found.deficit, abs=TOL.rounding * scale
        )
        assert len(found.insolvent) + (0 if found.book is None else len(found.book.accounts)) == len(
            book.accounts
        )
        assert found.insolvent["deficit"].sum() == pytest.approx(found.deficit, abs=TOL.rounding * scale)
        if found.book is not None:
            assert found.net_position.to_numpy() + net(found.book) == pytest.approx(
                net(book), abs=TOL.rounding * scale
            )
        # The event, by its definition: what the insolvent hold net, on the opposite side, up to what there
        # is.
        required = (
            np.zeros(len(book.assets)) if found.event is None else found.event.required * -found.event.side
        )
        assert required + np.sign(found.netted) * found.lacking == pytest.approx(
            found.netted, abs=TOL.rounding * scale
        )
        missed += found.lacking.any()
        if trial % 3:
            assert not found.lacking.any()  # in a zero-sum book the other side always suffices
            if found.event is not None:
                held = found.event.book
                left = np.bincount(
                    held.asset, held.position - adl.pro_rata(found.event).closed_by_leg, len(book.assets)
                )
                assert np.abs(left).max() <= TOL.rounding * scale  # zero-sum again
                closed += 1
    assert closed > 0 and missed > 0


def test_stale_columns_are_left_out_and_the_others_stay():
    book = adl.Book.from_frame(
        frame(["a", "b"], "X", [1.0, -1.0], 1.0, [0.1, 9.0]).assign(
            entry_price=1.0, profit_ratio=0.5, margin=1.0
        )
    )
    assert set(adl.stress(book, {"X": -0.5}).marked.extra) == {"entry_price", "margin"}


def test_isolated_rows_by_name():
    book = adl.Book.from_isolated(
        frame(["a", "a", "b", "b"], ["X", "Y", "X", "Y"], [5.0, 5.0, -5.0, -5.0], 1.0, [1.0, 9.0, 9.0, 9.0])
    )
    assert adl.stress(book, {"X": -0.5, "Y": -0.5}).insolvent["account"].tolist() == ["a:X"]


def test_a_large_book():
    """The real accounts if they lie beside this checkout, else generated ones: who fails and what they owe,
    computed again.
    """
    book = adl.Book.read(REAL).solvent() if REAL.is_file() else adl.examples.book(2_000, 3, 3, 1)
    found = adl.stress(book, dict.fromkeys(book.assets, 0.1))
    after = book.equity + book.per_account(0.1 * book.notional)
    assert len(found.insolvent) == (after <= 0).sum() > 0 and found.deficit == pytest.approx(
        -after[after <= 0].sum(), rel=TOL.rounding
    )
    assert len(found.summary()) < 2_000
