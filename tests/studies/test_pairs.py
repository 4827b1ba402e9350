"""Pairs of liquidated orders and accounts, against a plain walk and the burden of one price."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import count, cross
from tests.policies.test_queue import event
from tests.tolerances import TOL


def orders(*rows):
    return pd.DataFrame(rows, columns=["order", "asset", "size", "price"])


def test_two_orders_with_two_bankruptcy_prices():
    """Longs a 6 and b 4 at mark 115; L1 is closed at 110, L2 at 120."""
    longs = event([6, 4], [100, 900], 10.0, [90.0, 112.0], price=115.0, side="long")
    two = orders(("L1", "X", 5.0, 110.0), ("L2", "X", 5.0, 120.0))
    table = adl.pairs(longs, "gte", two)
    assert table.drop(columns="asset").to_numpy().tolist() == [
        ["L1", "a1", 5.0, 110.0, 25.0],
        ["L2", "a1", 1.0, 120.0, -5.0],
        ["L2", "a2", 4.0, 120.0, -20.0],
    ]
    own = adl.pairs(longs, "aftermath", two)
    assert own["price"].tolist() == [90.0, 90.0, 112.0]
    assert own["transfer"].sum() == 6 * 25 + 4 * 3  # all of their profit
    assert (adl.pairs(longs, "cvex", two)["transfer"] == 0).all()


def test_the_tied_share_every_order():
    shorts = event([10, 10], [500, 500], 10.0)
    rule = replace(adl.policy("leverage_queue"), ties="in proportion")
    table = adl.pairs(shorts, rule, orders(("L1", "X", 4.0, 110.0), ("L2", "X", 6.0, 120.0)))
    assert table["closed"].tolist() == [-2, -2, -3, -3]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_pairs_add_up_to_orders_to_accounts_and_to_the_burden_of_one_price(seed):
    rng = np.random.default_rng(220_000 + seed)
    some, rule = cross(rng), adl.policy("leverage_queue")
    rows = []
    for k in np.flatnonzero(some.required > 0):
        cuts = np.sort(rng.random(3)) * some.required[k]
        for n, size in enumerate(np.diff([0.0, *cuts, some.required[k]])):
            rows.append((f"{k}.{n}", some.book.assets[k], size, float(some.book.price[k] * 1.1)))
    if not rows:
        return
    table, given = adl.pairs(some, rule, orders(*rows)), orders(*rows)
    by_order = table["closed"].abs().groupby(table["order"]).sum()
    assert by_order[given["order"]].to_numpy() == pytest.approx(
        given["size"].to_numpy(), rel=1e-6, abs=TOL.formula * some.required.max()
    )
    price = {asset: 1.1 * some.book.price[k] for asset, k in some.book.number_of.items()}
    told = adl.burden(rule(some), price).set_index("account")["transfer"]
    paid = table["transfer"].groupby(table["account"]).sum().reindex(told.index, fill_value=0.0)
    assert paid.to_numpy() == pytest.approx(told.to_numpy(), rel=1e-6, abs=1e-9 * np.abs(told).max())


def test_inverse_contracts():
    rows = {"account": list("ab"), "asset": "BTCUSD", "position": [-100.0, -100.0], "price": 50_000.0}
    table = pd.DataFrame({**rows, "equity": [0.01, 0.02], "kind": "inverse", "settlement": "BTC"})
    some = adl.Event(adl.Book.from_frame(table), short={"BTCUSD": 100.0})
    told = adl.pairs(some, "leverage_queue", orders(("L", "BTCUSD", 100.0, 40_000.0))).iloc[0]
    assert told["price"] == 40_000 and told["transfer"] == pytest.approx(
        -100 * (1 / 40_000 - 1 / 50_000), rel=TOL.formula
    )
