"""Exchanges' ranking rules by hand, and ties (EXCHANGES)."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.policies.exchanges import PRESETS
from adl_opt.policies.registry import POLICIES
from tests.books import count, cross, frame
from tests.tolerances import TOL


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
    assert rule(longs).closed_by_leg.tolist() == [0, 10, 0, 0, 10, 0]
    assert rule(longs).method == "bitmex" and rule.tied(longs).empty


# Three shorts of 10 at mark 100: entered at 125, 200, 80 on equity 500, 4000, 250. Unrealized 250, 1000,
# -200; R .2, .5, -.25; L 2, .25, 4;
# margin = equity - unrealized = 250, 3000, 450; value at entry 1250, 2000, 800; initial margin 125, 400, 80.
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
    "synthetix": ([0.4, 0.125, -0.0625], [10, 5, 0]),
    "xt": ([0.4, 0.125, -0.0625], [10, 5, 0]),
    "cube": ([500, 250, -800], [10, 5, 0]),  # 250 x 2, 1000 x .25, -200 x 4
    "gte": ([500, 250, -800], [10, 5, 0]),
    "cvex": ([125, 200, 80], [5, 10, 0]),  # shorts sold highest first
    "aftermath": ([1, 1, 1], [10, 5, 0]),
    "kucoin_cross": ([0.2, 0.5, -0.25], [5, 10, 0]),
    "kucoin_opening": ([20, 12.5, -25], [10, 5, 0]),  # 250/125 x 1250/125, 1000/400 x 5, -200/80 x 10
    "gate": ([0.004, 0.00125, -6.25], [10, 5, 0]),
    "sunx": ([0.004, 0.00125, -6.25], [10, 5, 0]),
    "sunx_as_printed": ([10, 200, -0.01], [5, 10, 0]),  # .2/.02, .5/.0025, -.25 x .04
}


@pytest.mark.parametrize("name", HAND)
def test_presets_by_hand(name):
    shorts = event(
        [10, 10, 10], [500, 4000, 250], 15.0, [125.0, 200.0, 80.0], initial_margin=[125.0, 400.0, 80.0]
    )
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
    open_ |= {"aftermath", "kucoin_cross", "kucoin_opening", "gate", "sunx", "sunx_as_printed"}
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
    closed = adl.policy("bitmex")(adl.Event(book, short={"X": 12.0}, long={"Y": 3.0})).closed_by_leg
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
    assert shared.amount == pytest.approx([0.1, 0.1, 0.1], rel=TOL.formula)


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
                [wanted[j] for j in legs], rel=TOL.formula, abs=TOL.rounding * some.required[k]
            )
        assert (closed[~some.closable] == 0).all()


def test_aster_ranks_by_the_return_on_the_mark_also_from_profit_ratios():
    table = frame(list("ab"), "X", [10.0, 10.0], 10.0, [10.0, 13.0]).assign(entry_price=[5.0, 4.0])
    ratios = table.assign(profit_ratio=table["price"] / table["entry_price"] - 1)
    for book in (ratios, ratios.drop(columns="entry_price")):
        event = adl.Event(adl.Book.from_frame(book), long={"X": 10.0})
        assert adl.policy("aster")(event).amount.tolist() == [10.0, 0.0]


def test_rules_that_rank_by_a_maintenance_margin_refuse_to_pass_over_its_column():
    rows = frame(list("abc"), "X", [-3.0, -4.0, 9.0], 2.0, [3.0, 4.0, 20.0]).assign(
        entry_price=[2.1, 2.2, 1.0], margin=[3.0, 4.0, 9.0], initial_margin=1.0
    )
    plain_event = adl.Event(adl.Book.from_frame(rows), short={"X": 3.0})
    refused = set()
    for column in ("maintenance_margin_rate", "mmr", "Maintenance Margin Percentage", "tier", "riskLimit"):
        book = adl.Book.from_frame(rows.assign(**{column: 1.0}))
        event = adl.Event(book, short={"X": 3.0})
        for rule in PRESETS:
            if rule.leverage in ("maintenance ratio", "margin ratio", "equity / maintenance"):
                said = f"{rule.name} ranks by a maintenance margin, and the book has the column '{column}'"
                with pytest.raises(adl.EventError, match=said):
                    rule(event)
                refused.add(rule.name)
            else:
                assert rule(event).amount.tolist() == rule(plain_event).amount.tolist()
    assert refused == {"binance", "bitget", "bluefin", "gate", "sunx", "sunx_as_printed"}
    assert book.solvent().unused == adl.stress(book, {"X": 0.01}).marked.unused == ("riskLimit",)


RATED = ("binance", "bitget", "bluefin")


def test_rules_that_rank_by_a_maintenance_margin_use_each_accounts_own():
    """Three shorts of one return and one leverage, 100,000 / 1,000,000 / 20,000,000 of notional: by one rate
    they tie, by tiers the largest is first.
    """
    held = np.array([100.0, 1_000.0, 20_000.0])
    rows = frame(list("abcd"), "X", [*-held, held.sum()], 1_000.0, [*held * 250, 1e9])
    event = adl.Event(
        adl.Book.from_frame(rows.assign(entry_price=[1_100.0] * 3 + [900.0])), short={"X": 20_050.0}
    )
    tiers = adl.MaintenanceTiers({"X": [(0, 0.004), (250_000, 0.01), (3e6, 0.3)]})
    by_hand = 0.004 * 1e5, 0.01 * 1e6 - 1_500, 0.3 * 2e7 - 1_500 - 3e6 * 0.29
    margin = [*by_hand, 0.0]
    columned = adl.Event(
        adl.Book.from_frame(rows.assign(entry_price=[1_100.0] * 3 + [900.0], maintenance_margin=margin)),
        short={"X": 20_050.0},
    )
    for name in RATED:
        flat, own = adl.policy(name), replace(adl.policy(name), maintenance=tiers)
        assert flat(event).amount.tolist()[:3] == [100.0, 1_000.0, 18_950.0], name  # a tie, in account order
        if name == "bluefin":  # max(MMR, margin ratio): the margin ratio of a quarter, but 0.256 for c
            assert own.score(event)[:3] == pytest.approx(
                [1 / 11 * 4, 1 / 11 * 4, 1 / 11 / (by_hand[2] / 2e7)]
            )
        else:
            assert own(event).amount.tolist()[:3] == [0.0, 50.0, 20_000.0], name
        assert flat.score(columned)[:3] == pytest.approx(own.score(event)[:3], rel=TOL.rounding)
        assert own.score(columned)[:3].tolist() == own.score(event)[:3].tolist()  # tiers are asked first
    over = np.array(by_hand) / (held * 250)
    assert replace(adl.policy("bitget"), maintenance=tiers).score(event)[:3] == pytest.approx(over / 11)


def test_maintenance_of_a_cross_account_is_of_all_its_positions():
    rows = frame(list("aabb"), ["X", "Y"] * 2, [-1.0, 5.0, 3.0, -5.0], 10.0, [20.0, 20.0, 90.0, 90.0])
    event = adl.Event(adl.Book.from_frame(rows.assign(entry_price=11.0)), short={"X": 1.0})
    rule = replace(
        adl.policy("bitget"), maintenance=adl.MaintenanceTiers({"X": [(0, 0.01)], "*": [(0, 0.1)]})
    )
    assert rule.score(event)[0] == pytest.approx(1 / 11 * (0.01 * 10 + 0.1 * 50) / 20)


def test_entry_prices_rank_the_best_of_each_side_first():
    entry = [90.0, 110.0, 100.0]
    for side, first in (("long", 0), ("short", 1)):
        some = event([10] * 3, [500] * 3, 10.0, entry, side=side)
        assert int(np.argmax(adl.policy("cvex")(some).amount)) == first
        winners = replace(adl.policy("cvex"), losers="exclude")
        assert np.isneginf(winners.score(some)).tolist() == [
            i != first for i in range(3)
        ]  # 100 gains nothing


def test_entry_prices_of_inverse_contracts():
    rows = {"account": list("ab"), "asset": "BTCUSD", "position": [-100.0, -100.0], "price": 50_000.0}
    table = pd.DataFrame({**rows, "entry_price": [52_000.0, 54_000.0], "margin": 1.0})
    book = adl.Book.from_frame(table.assign(kind="inverse", settlement="BTC"))
    short = adl.Event(book, short={"BTCUSD": 50.0})
    assert adl.policy("cvex")(short).amount.tolist() == [0, 50]
    assert adl.policy("cube").score(short)[0] == pytest.approx(
        -100 * (1 / 52_000 - 1 / 50_000) * (100 / 50_000) / book.equity[0], rel=TOL.formula
    )


def test_initial_margin_over_margin_is_of_the_account():
    rows = frame(["a", "a", "b"], ["X", "Y", "X"], [-10.0, 5.0, -10.0], 100.0, [500.0, 500.0, 250.0])
    some = adl.Event(adl.Book.from_frame(rows.assign(initial_margin=[100.0, 50.0, 50.0])), short={"X": 5.0})
    rule = adl.QueueRule("none", "initial margin / margin", "multiply", "not stated", "account order")
    assert rule.score(some) == pytest.approx([0.3, np.nan, 0.2], rel=TOL.rounding, nan_ok=True)
