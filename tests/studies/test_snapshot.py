"""A snapshot as it stands, liquidation at a maintenance margin, bankruptcy prices, many scenarios at once."""

import math

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import REAL, count, frame
from tests.studies.test_stress import two_sided
from tests.tolerances import TOL

TIERS = adl.MaintenanceTiers({"*": [(0, 0.02), (200, 0.05), (900, 0.2), (4000, 0.5)]})


def coin(rng: np.random.Generator) -> adl.Book:
    """Inverse contracts in BTC and ETH, margin in coin, some accounts in both, hedge mode now and then."""
    n = 10
    rows = []
    for i in range(n):
        equity = float(10 ** rng.uniform(-3, -1))
        for asset, price in (("BTCUSD", 50_000.0), ("XBTM", 52_000.0)):
            sides = [1, -1] if rng.random() < 0.3 else [rng.choice([-1, 1])]
            rows += [(f"a{i}", asset, s * round(float(rng.uniform(10, 9000))), price, equity) for s in sides]
    return adl.Book.from_frame(frame(*zip(*rows)).assign(kind="inverse", settlement="BTC"))


def test_the_snapshot_of_the_cases():
    """shared/cases: p owes 40 and is short 2; 2 of the longs must be closed."""
    book = adl.Book.from_frame(
        frame(list("pqr"), "BTC", [-2.0, -3.0, 5.0], 30_000.0, [-40.0, 60_000.0, 90_000.0])
    )
    found = adl.stress(book, fund=15)
    assert found.event is not None and found.event.long == {"BTC": 2.0} and found.event.short == {}
    assert (found.deficit, found.uncovered, found.fund_left) == (40.0, 25.0, 0.0)
    assert found.event.book.accounts.tolist() == ["q", "r"] and "nothing moves" in found.summary()
    assert (
        adl.stress(book, {}).summary() == adl.stress(book).summary() == adl.stress(book, {"BTC": 0}).summary()
    )
    # What the columns say is of these prices, and stays.
    told = adl.Book.from_frame(book.to_frame().assign(entry_price=1.0, realized_closed=0.0, profit_ratio=0.1))
    assert set(adl.stress(told).marked.extra) == {"entry_price", "realized_closed", "profit_ratio"}
    # Who is insolvent as it stands may be solvent again where the price has moved.
    assert adl.stress(book, {"BTC": -0.1}).deficit == 0


def test_the_fund_first():
    book = adl.Book.from_frame(frame(list("ab"), "X", [4.0, -9.0], 10.0, [-5.0, 90.0]))
    covered = adl.stress(book, fund=5, fund_first=True)
    assert covered.event is None and covered.taken_over and not covered.lacking.any()
    assert covered.fund_left == 0 and "takes over 4 X" in covered.summary() and covered.net_position["X"] == 4
    short = adl.stress(book, fund=4.99, fund_first=True)
    assert short.event is not None and short.event.short == {"X": 4.0} and not short.taken_over
    spread = adl.stress(book, adl.Scenarios({"X": [0.0, -0.1]}), 5, fund_first=True)
    assert "as the book stands: 1 of 2 accounts" in spread.summary()
    assert spread.required.tolist() == [[0.0], [-4.0]] and spread.deficit.tolist() == [5.0, 9.0]


def test_liquidation_by_hand():
    """At 90: a has 15 (needs 0.05 x 90 = 4.5), b 2 of 45 (needs 2.25), c -10 of 90, d is short 9."""
    rows = frame(list("abcd"), "X", [1.0, 0.5, 1.0, -9.0], 100.0, [25.0, 7.0, 0.0, 500.0])
    book, move = adl.Book.from_frame(rows), {"X": -0.1}
    at_mark = adl.stress(book, move, maintenance=0.05)
    assert at_mark.liquidated["account"].tolist() == ["c", "b"]
    assert at_mark.liquidated["left"].tolist() == pytest.approx([0, 2]) and at_mark.deficit == pytest.approx(
        10
    )
    assert at_mark.event is not None and at_mark.event.short == {"X": 1.0} and at_mark.market["X"] == 0.5
    assert at_mark.event.book.accounts.tolist() == ["a", "d"] and "left b 2" in at_mark.summary()
    # 10 % of 45 is more than b has: it fails too, and owes 2.5; c owes 10 + 9.
    slipped = adl.stress(book, move, maintenance=0.05, slippage={"X": 0.1})
    assert slipped.insolvent["deficit"].tolist() == pytest.approx([19, 2.5])
    assert slipped.event is not None and slipped.event.short == {"X": 1.5} and slipped.market["X"] == 0
    # Liquidated shorts who can pay buy what those who fail must sell: nothing is left to be closed.
    offset = adl.Book.from_frame(frame(list("xyz"), "X", [3.0, -4.0, 1.0], 10.0, [-1.0, 2.0, 99.0]))
    found = adl.stress(offset, maintenance=0.1)
    assert found.event is None and found.market["X"] == -1 and not found.lacking.any()
    assert "offset by what else is liquidated" in found.summary() and adl.stress(offset).event is not None


def test_slippage_of_inverse_contracts_is_exact():
    book = adl.Book.from_frame(
        frame(["l", "s"], "BTCUSD", [2_000.0, -2_000.0], 50_000.0, [1e-3, 1e-3]).assign(
            kind="inverse", settlement="BTC"
        )
    )
    cost = adl.stress(book, maintenance=0.9, slippage=0.01).liquidated.set_index("account")["slippage"]
    assert cost["l"] == pytest.approx(2_000 * (1 / (50_000 * 0.99) - 1 / 50_000), rel=TOL.rounding)
    assert cost["s"] == pytest.approx(2_000 * (1 / 50_000 - 1 / (50_000 * 1.01)), rel=TOL.rounding)


def test_a_column_of_margins_moves_with_the_notional():
    rows = frame(list("abc"), "X", [4.0, -6.0, 2.0], 10.0, [9.0, 30.0, 40.0]).assign(
        maintenance_margin=[2.0, 3.0, 1.0]
    )
    book = adl.Book.from_frame(rows)
    after = adl.stress(book, {"X": 0.5}, maintenance="maintenance_margin")
    assert after.margin.tolist() == pytest.approx([3.0, 4.5, 1.5])
    assert after.marked.extra["maintenance_margin"].tolist() == pytest.approx([3.0, 4.5, 1.5])
    assert after.liquidated["account"].tolist() == ["b"]
    hand = adl.stress(book, {"X": 0.5}, maintenance=0.05)
    assert hand.margin == pytest.approx(after.margin)


@pytest.mark.fuzz
@pytest.mark.parametrize("make", [two_sided, coin])
def test_closed_at_its_bankruptcy_prices_an_account_has_nothing(make):
    rng, priced = np.random.default_rng(5), 0
    for _ in count(300):
        book = make(rng)
        for maintenance in (None, 0.07, TIERS):
            table = adl.bankruptcy_prices(book, maintenance)
            inverse = book.inverse[book.asset]
            mark, at = table["price"].to_numpy(), table["bankruptcy_price"].to_numpy()
            gain = book.position * np.where(inverse, 1 / mark - 1 / at, at - mark)
            missing = book.per_account(np.isnan(at) & (book.position != 0)) > 0
            held = (book.gross_notional > 0) & ~missing
            left = book.equity + book.per_account(np.nan_to_num(gain))
            scale = np.abs(book.equity) + book.gross_notional
            assert (np.abs(left) <= TOL.rounding * scale)[held].all()
            priced += held.sum()
            if maintenance is not TIERS:
                assert table["zero_price"].to_numpy() == pytest.approx(at, rel=TOL.formula, nan_ok=True)
    assert priced > 0


def test_the_zero_price_keeps_equity_over_maintenance_margin():
    rng = np.random.default_rng(7)
    for _ in range(20):
        book = two_sided(rng)
        at, sizes = adl.bankruptcy_prices(book, TIERS)["zero_price"].to_numpy(), np.abs(book.notional)
        row = TIERS.rows(book.assets)[book.asset]
        before = book.equity / np.maximum(book.per_account(TIERS.margins(row, sizes)), 1e-300)
        for j in np.flatnonzero(np.isfinite(at)):
            closed = 1e-7 * book.position[j]
            equity = book.equity.copy()
            equity[book.account[j]] += closed * (at[j] - book.price[book.asset[j]])
            smaller = sizes.copy()
            smaller[j] -= abs(closed) * book.price[book.asset[j]]
            after = equity / np.maximum(book.per_account(TIERS.margins(row, smaller)), 1e-300)
            assert after[book.account[j]] == pytest.approx(before[book.account[j]], rel=TOL.formula)


def test_a_price_that_never_ruins_is_none():
    book = adl.Book.from_frame(frame(list("abc"), "X", [1.0, -1.0, 0.0], 10.0, [11.0, -12.0, 1.0]))
    assert adl.bankruptcy_prices(book)["bankruptcy_price"].isna().tolist() == [True, True, True]


def _alike(one: adl.Stress, spread: adl.StressDistribution, s: int) -> None:
    scale = one.marked.gross_notional.sum() + np.abs(one.marked.equity).sum()
    required = 0.0 if one.event is None else one.event.required * one.event.side
    assert spread.deficit[s] == pytest.approx(one.deficit, abs=TOL.rounding * scale)
    assert spread.uncovered[s] == pytest.approx(one.uncovered, abs=TOL.rounding * scale)
    assert spread.required[s] == pytest.approx(required, abs=TOL.rounding * scale)
    assert spread.lacking[s] == pytest.approx(one.lacking, abs=TOL.rounding * scale)
    assert (spread.insolvent[s], spread.liquidated[s]) == (one.failed.sum(), one.closing.sum())


@pytest.mark.fuzz
@pytest.mark.parametrize("make", [two_sided, coin])
def test_many_scenarios_are_one_after_the_other(make):
    rng, events = np.random.default_rng(3), 0
    for trial in count(100):
        book, scenarios = make(rng), 7
        law = adl.Scenarios(
            pd.DataFrame(
                rng.uniform(-0.6, 0.8, (scenarios, len(book.assets))), columns=list(book.assets)[::-1]
            ),
            rng.dirichlet(np.ones(scenarios)),
        )
        how = [{}, {"maintenance": TIERS}, {"maintenance": 0.1, "slippage": 0.05}][trial % 3]
        fund = float(rng.choice([0.0, abs(book.equity).sum() / 9]))
        how |= {"fund_first": bool(trial % 2)}
        spread, fails, owed = adl.stress(book, law, fund, **how), 0.0, 0.0
        for s in range(scenarios):
            one = adl.stress(
                book, dict(zip(law.align(book.assets).assets or (), spread.law.moves[s])), fund, **how
            )
            _alike(one, spread, s)
            fails, events = fails + law.probability[s] * one.failed, events + (one.event is not None)
            owed = owed + law.probability[s] * np.where(one.failed, one.cost - one.marked.equity, 0.0)
        assert spread.fails == pytest.approx(fails, abs=TOL.rounding)
        assert spread.expected_deficit == pytest.approx(owed, rel=TOL.formula, abs=1e-300)
        assert spread.scenario(2).deficit == pytest.approx(spread.deficit[2])
    assert events > 0


def test_quantiles_are_of_the_probabilities():
    book = adl.Book.from_frame(frame(list("ab"), "X", [1.0, -1.0], 100.0, [10.0, 500.0]))
    found = adl.stress(book, adl.Scenarios({"X": [0.0, -0.2, -0.3]}, [0.9, 0.06, 0.04]), 12)
    assert found.deficit.tolist() == pytest.approx([0, 10, 20])
    table = found.quantiles([0.5, 0.9, 0.95, 0.96, 0.97])
    assert table["deficit"].tolist() == pytest.approx([0, 0, 10, 10, 20, 0.6 + 0.8])
    assert table["to_close"].tolist()[:5] == pytest.approx([0, 0, 80, 80, 80])
    assert found.failing["account"].tolist() == ["a"] and found.failing["probability"][0] == pytest.approx(
        0.1
    )
    assert "an account fails in 10 %" in found.summary() and "exceeded in 4 %" in found.summary()
    assert "quote currency" in found.to_frame().to_string() and "95 %" in found._repr_html_()


def test_liquidating_early_leaves_fewer_deficits_on_a_path_and_never_missing_contracts():
    """In a zero-sum book the other side suffices, whoever is liquidated."""
    rng = np.random.default_rng(11)
    for _ in range(40):
        book = two_sided(rng)
        move = dict(zip(book.assets, rng.uniform(-0.3, 0.3, len(book.assets))))
        found = adl.stress(book, move, maintenance=TIERS, slippage=0.03)
        assert not found.lacking.any()
        lost = math.fsum(found.cost.tolist())
        left = found.liquidated["left"].sum() + (0 if found.book is None else found.book.equity.sum())
        scale = book.gross_notional.sum() + book.equity.sum()
        assert left + lost - found.deficit == pytest.approx(
            found.marked.equity.sum(), abs=TOL.rounding * scale
        )


def test_the_real_snapshot_hides_nobody():
    """The real accounts if they lie beside this checkout, else generated ones, some of them insolvent."""
    if REAL.is_file():
        book = adl.Book.read(REAL)
    else:
        table = adl.examples.book(500, 2, 2, 1).to_frame()
        number = pd.factorize(table["account"])[0]
        book = adl.Book.from_frame(table.assign(equity=table["equity"].where(number % 9 > 0, -1.0)))
    found, broke = adl.stress(book), book.equity <= 0
    assert broke.any() and found.deficit == pytest.approx(-book.equity[broke].sum(), rel=TOL.rounding)
    held = np.bincount(book.asset, book.position * broke[book.account], len(book.assets))
    assert found.net_position.to_numpy() == pytest.approx(held, rel=TOL.formula)
    required = 0.0 if found.event is None else -found.event.required * found.event.side
    assert required + np.sign(held) * found.missing.to_numpy() == pytest.approx(held, rel=TOL.formula)
