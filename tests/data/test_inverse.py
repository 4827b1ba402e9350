"""Coin-margined contracts: exact, in coin, and said so in every table."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import adl_opt as adl
from tests.books import count, frame
from tests.tolerances import TOL

MARK, ENTRY = 52_000.0, 50_000.0
ROWS = frame(["h", "k", "l"], "BTCUSD", [2000.0, -3000.0, -1000.0], MARK, [0.012, 0.03, 0.002]).assign(
    kind="inverse", settlement="BTC"
)
BOOK = adl.Book.from_frame(ROWS)
LAW = adl.LogNormal({"BTCUSD": 0.9}, horizon=30 / 365)
TWO = adl.Book.from_frame(
    frame(list("hhkkm"), list("ABABA"), [2000.0, -1500.0, -3000.0, 1000.0, 4000.0],
          [52e3, 53e3, 52e3, 53e3, 52e3], [0.01, 0.01, 0.02, 0.02, 0.03]).assign(kind="inverse", settle="BTC")
)  # fmt: skip
TWO_LAW = adl.LogNormal({"A": 0.9, "B": 0.8}, 0.9, 30 / 365)


def lost(position, mark, equity, move):
    """By the formula of the profit, N (1 / entry - 1 / price), entered at the mark."""
    return np.maximum(-position * (1 / mark - 1 / (mark * (1 + move))) - equity, 0.0)


def test_the_profit_of_the_case_file():
    rows = frame(["h"], "BTCUSD", [2000.0], MARK, 0.0).drop(columns="equity")
    book = adl.Book.from_frame(
        rows.assign(entry_price=ENTRY, margin=0.01, contractType="inverse", marginAsset="BTC")
    )
    profit = 2000 * (1 / ENTRY - 1 / MARK)
    assert book.equity[0] == 0.01 + profit
    assert profit / book.gross_notional[0] == pytest.approx(0.04, rel=TOL.rounding)  # of the value at mark
    assert profit / (2000 / ENTRY) == pytest.approx(1 - ENTRY / MARK, rel=TOL.rounding)  # 3.846 % of entry's
    score = adl.policy("bitmex")
    event = adl.Event(book, long={"BTCUSD": 1000.0})
    assert score(event).amount.tolist() == [1000.0]


def test_every_table_says_the_coin(tmp_path):
    event = adl.Event(BOOK, short={"BTCUSD": 1500.0})
    allocation = adl.Problem(adl.ExpectedLoss(), event, LAW).solve()
    assert allocation.certificate.certified and allocation.certificate.unit == "BTC"
    scenarios = LAW.sample(64, seed=1)
    tables = (
        BOOK.to_frame(), BOOK.insolvent(), allocation.to_frame(), allocation.by_account(),
        allocation.losses(scenarios),
        adl.compare(event, scenarios), adl.burden(allocation, 50_000.0),
        adl.stress(BOOK, {"BTCUSD": -0.4}).insolvent, allocation.shadow_price_range,
    )  # fmt: skip
    for table in tables:
        units = [unit for unit in table.attrs["units"].values() if not unit.startswith("as quoted")]
        assert not [unit for unit in units if "quote currency" in unit], units
    stressed = adl.stress(BOOK, {"BTCUSD": 0.5})
    said = (repr(BOOK), repr(allocation), allocation.explain("h"), stressed.summary())
    assert all("BTC" in text and "quote currency" not in text for text in said)
    assert "quote currency" not in BOOK._repr_html_().replace("as quoted: quote currency", "")
    allocation.save(tmp_path / "a.json")
    book = adl.Allocation.load(tmp_path / "a.json").event.book
    assert (book.currency, book.quoted.tolist(), book.inverse.tolist()) == ("BTC", [MARK], [True])
    assert book.said == BOOK.said and adl.Book.from_frame(BOOK.to_frame()).price.tolist() == [1 / MARK]


def test_lognormal_prices_exactly_against_an_integral_of_the_formula():
    law = LAW.for_book(BOOK)
    deviation = 0.9 * np.sqrt(30 / 365)
    edges = [-38, -8, -4, -2, -1, 0, 1, 2, 4, 8, 38]
    for j, (position, equity) in enumerate(zip(BOOK.position, BOOK.equity)):

        def term(z, position=position, equity=equity):
            move = np.expm1(deviation * z - deviation**2 / 2)
            return lost(position, MARK, equity, move) * stats.norm.pdf(z)

        exact = sum(
            integrate.quad(term, a, b, epsabs=0, epsrel=1e-12, limit=300)[0] for a, b in pairwise(edges)
        )
        found = law.expected_shortfall(BOOK.notional[j : j + 1, None], BOOK.equity[j : j + 1])[0]
        assert found == pytest.approx(exact, rel=1e-9)


def test_slopes_and_curvatures_are_those_of_the_value():
    law, exposure = TWO_LAW.for_book(TWO), adl.Event(TWO, long={"A": 0.0})
    rows = np.zeros((3, 2))
    np.add.at(rows, (TWO.account, TWO.asset), TWO.notional)
    assert exposure.book is TWO
    step = 1e-5
    slope, curvature = law.slope_and_curvature(rows[:2], TWO.equity[:2])
    for k in range(2):
        away = np.zeros_like(rows[:2])
        away[:, k] = step * rows[:2, k]
        up, down = (law.shortfall_and_slope(rows[:2] + s * away, TWO.equity[:2]) for s in (1, -1))
        assert slope[:, k] == pytest.approx((up[0] - down[0]) / (2 * away[:, k]), rel=1e-6)
        assert curvature[:, :, k] == pytest.approx((up[1] - down[1]) / (2 * away[:, k, None]), rel=1e-5)


def test_scenarios_and_quadrature_move_by_move():
    rows = np.zeros((3, 2))
    np.add.at(rows, (TWO.account, TWO.asset), TWO.notional)
    normal = adl.Gaussian(0.01 * np.eye(2)).quadrature(5)
    for given in (TWO_LAW.sample(500, seed=1), TWO_LAW.quadrature(6), normal):
        law = given.for_book(TWO)
        assert (law.for_book(TWO).moves == law.moves).all()  # never twice
        gain = np.array([TWO.position * (1 / TWO.quoted[TWO.asset] - 1 / (TWO.quoted * (1 + r))[TWO.asset])
                         for r in given.moves])  # fmt: skip
        loss = np.maximum(-np.array([TWO.per_account(row) for row in gain]) - TWO.equity, 0.0)
        assert law.expected_shortfall(rows, TWO.equity) == pytest.approx(
            given.probability @ loss, rel=TOL.rounding * 1e3, abs=1e-15
        )
    whole, sampled = (x.for_book(TWO) for x in (TWO_LAW, TWO_LAW.sample(4096, seed=1)))
    again = whole.sample(4096, seed=1)
    assert again.moves == pytest.approx(sampled.moves, rel=1e-9, abs=1e-12)
    assert (again.for_book(TWO).moves == again.moves).all()
    assert np.cov(again.moves.T) == pytest.approx(whole.covariance_of_moves(), rel=0.02)


def test_methods_agree_and_an_inverse_book_is_minus_n_contracts_at_one_over_the_price():
    """What one did by hand: a long of N is -N of an asset priced 1 / P, whose moves are -R / (1 + R)."""
    law = TWO_LAW.sample(200, seed=2)
    event = adl.Event(TWO, long={"A": 1500.0})
    by_hand = frame(TWO.accounts[TWO.account], np.array(TWO.assets)[TWO.asset], -TWO.position,
                    1 / TWO.quoted[TWO.asset], TWO.equity[TWO.account])  # fmt: skip
    moves = pd.DataFrame(-law.moves / (1 + law.moves), columns=list("AB"))
    other = adl.Event(adl.Book.from_frame(by_hand), short={"A": 1500.0})
    for objective in (adl.ExpectedLoss(), adl.CVaR(0.9)):
        problem = adl.Problem(objective, event, law)
        values = [problem.solve(method=method).certificate for method in ("separable", "conic")]
        values.append(adl.Problem(objective, other, adl.Scenarios(moves, meant=True)).solve().certificate)
        assert all(c.certified for c in values)
        assert [c.value for c in values] == pytest.approx([values[0].value] * 3, rel=1e-6)


@pytest.mark.parametrize("seed", count(20))
def test_a_stress_marks_by_the_formula(seed):
    rng = np.random.default_rng(seed)
    move = float(rng.uniform(-0.6, 0.9))
    marked = adl.stress(BOOK, {"BTCUSD": move}).marked
    price = MARK * (1 + move)
    assert marked.quoted.tolist() == [price] and marked.price[0] == pytest.approx(1 / price, rel=TOL.rounding)
    gain = BOOK.position * (1 / MARK - 1 / price)
    assert marked.equity == pytest.approx(BOOK.equity + gain, rel=TOL.rounding * 1e3)


def test_profits_returns_and_transfers_of_rules():
    rows = ROWS.assign(entry_price=[ENTRY, 55_000.0, 51_000.0])
    event = adl.Event(adl.Book.from_frame(rows), short={"BTCUSD": 100.0})
    profit = event.book.position * (1 / rows["entry_price"] - 1 / MARK)
    closed = adl.pro_rata_profit(event).amount
    assert closed.tolist() == [0.0, 100.0, 0.0] and profit[1] > 0 > profit[2]
    burden = adl.burden(adl.pro_rata(event), MARK * 1.1)["transfer"]  # shorts bought back 10 % dearer
    given_up = adl.pro_rata(event).amount * (1 / MARK - 1 / (MARK * 1.1))
    assert burden.tolist() == pytest.approx(given_up.tolist(), rel=TOL.rounding * 1e3)
