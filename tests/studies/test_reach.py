"""The price move from which an account is deleveraged, against every move at which another fails."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import book as made
from tests.books import count
from tests.policies.test_queue import event
from tests.tolerances import TOL


def crowd(seed: int, n: int = 25) -> adl.Book:
    """One asset, isolated, both sides."""
    rng = np.random.default_rng(210_000 + seed)
    equity, sign = rng.lognormal(3, 1, n), rng.choice([-1, 1], n)
    rows = {"account": [f"a{i}" for i in range(n)], "asset": "X", "price": 10.0, "equity": equity}
    size = sign * equity * rng.lognormal(1, 0.7, n) / 10
    return adl.Book.from_frame(
        pd.DataFrame({**rows, "position": size, "entry_price": 10 * rng.lognormal(0, 0.3, n)})
    )


def amount(book, name, rule, move):
    found = adl.stress(book, {"X": move}, meant=True).event
    if found is None:
        return 0.0
    return float(adl.policy(rule)(found).amount[found.book.accounts[found.book.account] == name].sum())


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
@pytest.mark.parametrize("rule", ["leverage_queue", "cvex", "aftermath"])
def test_exact_where_the_order_stands(seed, rule):
    """Every move at which some account fails, tried one by one: the first that reaches is the answer."""
    book = crowd(seed)
    for name in book.accounts[:4]:
        table = adl.reach(book, name, rule, "X").set_index("direction")
        assert table["certain"].all()
        position = float(book.position[book.accounts == name][0])
        for direction, sign in (("up", 1), ("down", -1)):
            fails = -book.equity / (book.position * 10)
            fails = np.sort(np.abs(fails[(fails * sign > 0) & (fails > -1)]))
            reached = [s for s in fails if amount(book, name, rule, sign * s * (1 + 1e-9)) > 0]
            told = table.loc[direction]
            if sign * position < 0 or not reached:
                assert np.isnan(told["move"]) and told["closed"] == 0
                continue
            assert told["move"] == pytest.approx(sign * reached[0], rel=TOL.formula)
            closed = amount(book, name, rule, told["move"])
            assert closed == pytest.approx(abs(told["closed"]), rel=TOL.formula) != 0
            assert told["price"] == pytest.approx(10 * (1 + told["move"]), rel=TOL.rounding)


@pytest.mark.parametrize("seed", count(60))
def test_a_rule_that_reranks_is_reached_there_and_not_just_below(seed):
    book = crowd(seed)
    for name in book.accounts[:3]:
        for told in adl.reach(book, name, "bitmex", "X").itertuples():
            assert not told.certain
            if np.isfinite(told.move):
                assert (
                    amount(book, name, "bitmex", told.move) == pytest.approx(abs(told.closed), rel=1e-6) != 0
                )
                below = amount(book, name, "bitmex", told.move * (1 - 1e-9))
                assert below <= 1e-12 * told.required  # the rounding of what clears exactly


def test_by_hand():
    """20 long on 800 fail at -40 %; of the shorts, a (leverage 2) stands before b (1/4)."""
    rows = [("a", "X", -10, 100.0, 500.0), ("b", "X", -10, 100.0, 4000.0), ("l", "X", 10, 100.0, 400.0)]
    book = made([*rows, ("m", "X", 10, 100.0, 800.0)])
    first = adl.reach(book, "a", "leverage_queue", "X").set_index("direction").loc["down"]
    last = adl.reach(book, "b", "leverage_queue", "X").set_index("direction").loc["down"]
    assert first["move"] == pytest.approx(-0.4) and first["closed"] == -10 and first["required"] == 10
    assert (
        last["move"] == pytest.approx(-0.8) and last["price"] == pytest.approx(20) and last["closed"] == -10
    )
    assert np.isnan(first["fails_at"])
    up = adl.reach(book, "l", adl.policy("leverage_queue"), "X").set_index("direction")
    assert up.loc["down", "fails_at"] == pytest.approx(-0.4) and np.isnan(up.loc["down", "move"])
    assert up.loc["up", "move"] == pytest.approx(0.5)  # a: 500 on 1,000


def test_inverse_contracts_and_policies():
    rows = {"account": list("abl"), "asset": "B", "position": [-1000.0, -1000.0, 2000.0], "price": 50_000.0}
    table = pd.DataFrame({**rows, "equity": [0.01, 0.08, 0.02], "kind": "inverse", "settlement": "BTC"})
    book = adl.Book.from_frame(table)
    told = adl.reach(book, "b", "pro_rata", "B").set_index("direction").loc["down"]
    assert told["move"] == pytest.approx(-1 / 3)  # 0.04 R / (1 + R) = -0.02
    assert told["price"] == pytest.approx(100_000 / 3) and told["closed"] == pytest.approx(-1000)


def test_whom_only_a_tried_move_reaches():
    """Hyperliquid leaves losers out: never closed while the others hold too little."""
    book = event([10, 10], [500, 500], 1.0, [120.0, 80.0]).book.to_frame()
    long = pd.DataFrame(
        {
            "account": ["l"],
            "asset": "X",
            "position": 15.0,
            "price": 100.0,
            "equity": 300.0,
            "entry_price": 110.0,
        }
    )
    book = adl.Book.from_frame(pd.concat([pd.DataFrame(book), long]))
    told = adl.reach(book, "a2", "hyperliquid", "X").set_index("direction").loc["down"]
    assert told["move"] == pytest.approx(-0.2, abs=1e-9)  # at 80 it is not in profit
