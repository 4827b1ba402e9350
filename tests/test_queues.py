"""Exchanges' ranking rules by hand, ties, closing prices; policies in proportion; levelling at a closing
price (EXCHANGES, THEORY 3).
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.policies.exchanges import PRESETS
from adl_opt.policies.registry import POLICIES

from .books import count, cross, frame
from .tolerances import TOL


def event(size, equity, required, entry=None, price=100.0, side="short", **extra):
    size = np.asarray(size, float) * (-1 if side == "short" else 1)
    columns = {**extra, **({} if entry is None else {"entry_price": entry})}
    book = frame([f"a{i + 1}" for i in range(len(size))], "X", size, price, np.asarray(equity, float)).assign(
        **columns
    )
    return adl.Event(adl.Book.from_frame(book), **{side: {"X": required}})


def test_bitmex_page_ranks_six_longs():
    """Quantities 10, 10, 20, 30, 20, 10 with scores 3, 6, 1, 4, 5, 2; a short of 20 is liquidated: account 2
    closes 10, account 5 closes 10 of 20.
    """
    size, wanted = np.array([10.0, 10, 20, 30, 20, 10]), np.array([3.0, 6, 1, 4, 5, 2])
    longs = event(
        size, 100 * size / (4 * wanted), 20.0, np.full(6, 80.0), side="long"
    )  # R = 20/80, L = 4 x score
    rule = adl.policy("bitmex")
    assert rule.score(longs) == pytest.approx(wanted, rel=TOL.rounding)
    assert rule(longs).closed.tolist() == [0, 10, 0, 0, 10, 0]
    assert rule(longs).method == "bitmex" and rule.tied(longs).empty


# Three shorts of 10 at mark 100: entered at 125, 200, 80 on equity 500, 4000, 250. Unrealized 250, 1000,
# -200; R .2, .5, -.25; L 2, .25, 4;
# margin = equity - unrealized = 250, 3000, 450; value at entry 1250, 2000, 800.
HAND = {
    "bitmex": ([0.4, 0.125, -0.0625], [10, 5, 0]),
    "binance": ([0.02, 1 / 1200, 0], [10, 5, 0]),  # .01 L x 250/250, x 1000/3000
    "aster": ([0.5, 0.25, -0.05], [10, 5, 0]),  # return on the value at mark: .25, 1, -.2
    "okx": ([0.4, 0.125, -0.0625], [10, 5, 0]),
    "bybit": ([0.4, 0.125, -0.0625], [10, 5, 0]),
    "hyperliquid": ([2.5, 0.5, -np.inf], [10, 5, 0]),  # 125/100 x 2, 200/100 x .25
    "hyperliquid_as_printed": ([1.6, 0.125, -np.inf], [10, 5, 0]),  # 100/125 x 2, 100/200 x .25
    "kucoin": ([0.4, 0.125, -0.0625], [10, 5, 0]),
    "bitget": ([0.004, 0.00125, -6.25], [10, 5, 0]),  # maintenance ratio .01 L: .02, .0025, .04
    "coinex": ([6.25, 4 / 3, 0.8 * 16 / 9], [10, 0, 5]),  # 1.25 x 1250/250, 2 x 2000/3000, .8 x 800/450
    "bluefin": ([0.4, 0.125, 0], [10, 5, 0]),  # R / (equity / notional)
    "ethereal": ([2, 0.25, 4], [5, 0, 10]),
    "leverage_queue": ([2, 0.25, 4], [5, 0, 10]),
}


@pytest.mark.parametrize("name", HAND)
def test_presets_by_hand(name):
    shorts = event([10, 10, 10], [500, 4000, 250], 15.0, [125.0, 200.0, 80.0])
    rule, (score, closed) = adl.policy(name), HAND[name]
    assert rule.score(shorts) == pytest.approx(np.array(score), rel=TOL.rounding)
    allocation = rule(shorts)
    assert (
        allocation.amount.tolist() == closed
        and allocation.method == name
        and allocation.certificate.clearing_error == 0
    )


def test_every_preset_has_source_and_example():
    assert {rule.name for rule in PRESETS} - {"dydx"} == set(HAND)
    open_ = {"binance", "bybit", "hyperliquid", "hyperliquid_as_printed"}  # EXCHANGES.md, column sure
    assert {rule.name for rule in PRESETS if not rule.sure} == open_
    assert all(
        rule.source and rule.assumed and POLICIES[rule.name] is rule and str(rule) == rule.name
        for rule in PRESETS
    )


def test_ratios_of_longs_turn_the_other_way():
    longs = event([10, 10], [500, 250], 5.0, [80.0, 125.0], side="long", margin=[300.0, 500.0])
    assert adl.policy("hyperliquid").score(longs) == pytest.approx([2.5, -np.inf])
    assert adl.policy("hyperliquid_as_printed").score(longs) == pytest.approx([2.5, -np.inf])
    assert adl.policy("coinex").score(longs) == pytest.approx(
        [1.25 * 800 / 300, 0.8 * 1250 / 500], rel=TOL.rounding
    )


def test_as_printed_hyperliquid_prefers_the_least_profitable_short():
    shorts = event([10, 10], [500, 500], 10.0, [200.0, 125.0])
    assert adl.policy("hyperliquid")(shorts).amount.tolist() == [10, 0]
    assert adl.policy("hyperliquid_as_printed")(shorts).amount.tolist() == [0, 10]


def test_bluefin_margin_ratio_stops_at_maintenance():
    shorts = event([10, 10], [5, 20], 1.0, [125.0, 125.0])  # margin ratios .005 and .02
    assert adl.policy("bluefin").score(shorts) == pytest.approx([20.0, 10.0], rel=TOL.rounding)
    assert replace(adl.policy("bluefin"), maintenance=0.001).score(shorts) == pytest.approx(
        [40.0, 10.0], rel=TOL.rounding
    )


def test_ethereal_states_its_ties():
    """One leverage; then profit, then lowest balance, then the newest."""
    equity, entry, margin = [100.0] * 5, [101.0, 102.0, 101.0, 101.0, 101.0], [9.0, 9.0, 5.0, 5.0, 9.0]
    order = []
    for required in range(1, 6):
        closed = adl.policy("ethereal")(event([1] * 5, equity, float(required), entry, margin=margin)).amount
        order += [int(i) for i in np.flatnonzero(closed) if int(i) not in order]
    assert order == [1, 3, 2, 4, 0]
    tied = adl.policy("ethereal").tied(event([1] * 5, equity, 2.0, entry, margin=margin))
    assert tied["account"].tolist() == ["a4", "a3"] and tied["closed"].tolist() == [-1, 0]


def test_losers():
    shorts = event([10, 10, 10], [500, 500, 250], 5.0, [80.0, 125.0, 100.0])
    rule = adl.QueueRule("return on entry", "leverage", "divide", price="mark", ties="account order")
    wanted = {
        "divide": [-0.125, 0.4, 0.0],
        "multiply": [-0.5, 0.4, 0.0],
        "zero": [0.0, 0.4, 0.0],
        "exclude": [-np.inf, 0.4, -np.inf],
    }
    for losers, score in wanted.items():
        assert replace(rule, losers=losers).score(shorts) == pytest.approx(score, rel=TOL.rounding)


def test_published_profit_ratios_stand_for_returns():
    shorts = event([10, 10], [500, 1000], 12.0, profit_ratio=[0.3, 1.4])
    assert adl.policy("bitmex").score(shorts) == pytest.approx([0.6, 1.4], rel=TOL.rounding)
    assert adl.policy("bitmex")(shorts).amount.tolist() == [2, 10]


def test_assets_are_ranked_apart():
    rows = [
        ("a", "X", -10.0, 1.0, 5.0, 2.0),
        ("a", "Y", 8.0, 2.0, 5.0, 1.0),
        ("b", "X", -10.0, 1.0, 9.0, 9.0),
        ("b", "Y", 8.0, 2.0, 9.0, 1.9),
    ]
    book = adl.Book.from_frame(
        pd.DataFrame(rows, columns=["account", "asset", "position", "price", "equity", "entry_price"])
    )
    closed = adl.policy("bitmex")(adl.Event(book, short={"X": 12.0}, long={"Y": 3.0})).closed
    assert closed.tolist() == [-10, 3, -2, 0]  # X: 1/2 x 2 before 8/9 x 10/9 = .988


@pytest.mark.parametrize(
    ("required", "closed", "least", "most"),
    [(5.0, [5, 0], [0, 0], [5, 5]), (15.0, [10, 5], [5, 5], [10, 10])],
)
def test_what_a_tie_decided(required, closed, least, most):
    shorts = event([10, 10, 10], [500, 500, 5000], required)
    rule = adl.policy("leverage_queue")
    tied = rule.tied(shorts)
    assert tied["account"].tolist() == ["a1", "a2"] and (-tied["closed"]).tolist() == closed
    assert (-tied["least"]).tolist() == least and (-tied["most"]).tolist() == most
    shared = replace(rule, ties="in proportion")
    assert shared(shorts).amount.tolist() == [required / 2, required / 2, 0] and len(shared.tied(shorts)) == 2
    assert replace(rule, ties=("largest position", "newest first"))(shorts).amount.tolist() == [
        *closed[::-1],
        0,
    ]


@pytest.mark.parametrize("required", [0.0, 20.0, 25.0, 30.0])
def test_no_tie_decides_where_all_tied_close_or_one_is_cut(required):
    assert adl.policy("leverage_queue").tied(event([10, 10, 10], [500, 500, 5000], required)).empty


def test_ties_are_found_across_rounding():
    shorts = event([0.1 + 0.2, 0.3, 0.3], [0.3, 0.1 + 0.2, 0.1 * 3], 0.3)
    shared = replace(adl.policy("leverage_queue"), ties="in proportion")(shorts)
    assert shared.amount == pytest.approx([0.1, 0.1, 0.1], rel=1e-9)


def test_dydx_starts_somewhere_and_goes_round():
    shorts, rule = event([10] * 4, [1, 2, 3, 4], 25.0), adl.policy("dydx")
    starts = set()
    for seed in range(40):
        closed = replace(rule, seed=seed)(shorts).amount
        start = next(i for i in range(4) if closed[i] == 10 and closed[i - 1] == 0)
        assert np.roll(closed, -start).tolist() == [10, 10, 5, 0]
        assert (closed == replace(rule, seed=seed)(shorts).amount).all()
        starts.add(start)
    assert starts == {0, 1, 2, 3} and len(rule.tied(shorts)) == 4


def test_drift_charges_both_sides():
    book = adl.Book.from_frame(frame(list("abcd"), "X", [6.0, 4.0, -5.0, -5.0], 100.0, [1.0, 1.0, -1.0, 1.0]))
    charge = adl.drift_charge(book, {"X": 40.0})  # 40 over 20 contracts
    assert charge["charge"].tolist() == [12, 8, 10, 10] and charge["account"].tolist() == list("abcd")
    assert adl.drift_charge(book, {"X": 0})["charge"].sum() == 0


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_queues_against_a_plain_loop(seed):
    """Sorted and taken one by one in Python; exact clearing asset by asset; cross margin, both sides, real
    numbers over decades.
    """
    rng = np.random.default_rng(180_000 + seed)
    some = cross(rng)
    table = some.book.to_frame().assign(entry_price=lambda f: f["price"] * rng.lognormal(0, 0.3, len(f)))
    some = adl.Event(adl.Book.from_frame(table), short=some.short, long=some.long)
    for name in ("bitmex", "binance", "kucoin", "leverage_queue"):
        rule = adl.policy(name)
        closed, score = rule(some).amount, rule.score(some)
        for k in np.flatnonzero(some.side):
            legs = np.flatnonzero(some.closable & (some.book.asset == k))
            assert math.fsum(closed[legs]) == some.required[k]
            left, wanted = float(some.required[k]), {}
            # Scores of 0 tie, in account order.
            for j in sorted(legs, key=lambda j: (-score[j], j)):
                wanted[j] = min(left, some.size[j])
                left -= wanted[j]
            assert closed[legs] == pytest.approx(
                [wanted[j] for j in legs], rel=1e-9, abs=1e-12 * some.required[k]
            )
        assert (closed[~some.closable] == 0).all()


@pytest.mark.parametrize(
    "name", [n for n in POLICIES if n not in ("hyperliquid", "hyperliquid_as_printed", "realized")]
)
def test_every_policy_takes_nothing_and_all(name):
    for required in (0.0, "all"):
        shorts = event([10, 0, 3], [500, 4000, 250], required, [101.0, 200.0, 80.0])
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


def test_burden_is_what_the_closing_price_moves():
    shorts = event([10, 10], [500, 4000], 15.0, [125.0, 200.0])
    allocation = adl.policy("bitmex")(shorts)
    table = adl.burden(allocation, 105.0)  # shorts buy back above the mark
    assert table["transfer"].tolist() == [50, 25] and table["wholly_closed"].tolist() == [True, False]
    assert adl.burden(allocation, {"X": 98.0})["transfer"].tolist() == [-20, -10]
    assert adl.burden(allocation, 100.0)["transfer"].tolist() == [0, 0] and table[
        "closed_notional"
    ].tolist() == [1000, 500]
    longs = event([10, 10], [500, 4000], 15.0, [80.0, 50.0], side="long")
    assert adl.burden(adl.policy("bitmex")(longs), 95.0)["transfer"].tolist() == [50, 25]


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
        assert first + second == pytest.approx(wanted, rel=1e-9)


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
    assert closed == pytest.approx(formula, rel=1e-7, abs=1e-9 * size.sum())
    assert (left <= level * (1 + 1e-9)).all()
    assert adl.water_filling_at(some, price).amount == pytest.approx(
        adl.water_filling(some).amount, rel=1e-9, abs=1e-12 * size.sum()
    )
