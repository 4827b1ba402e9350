"""The table of THEORY 3, policy by axiom: every yes survives the search, every no has its counterexample; no
axiom is empty.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.studies.axioms import cases as instances
from adl_opt.studies.axioms import catalogue as promises
from adl_opt.studies.axioms.search import check
from tests.books import FULL, count, frame
from tests.tolerances import TOL

AXES = ["SY", "SN", "MG", "WT", "PI", "SI", "QM", "SYM", "CT", "OM", "RP", "CO", "MM", "DF"]
# Rows of THEORY 3 in its order of axioms, and DF.
TABLE = {
    "water_filling": "yynyyyyyyyyyyy",
    "pro_rata": "yyyyyyyyyyyyny",
    "pro_rata_equity": "ynyyyyyyynyyny",
    "pro_rata_profit": "yynnnyyynynyny",
    "uniform": "nynyyyyyyynyny",
    "bitmex": "nnnnnyynnynyny",
    "leverage_queue": "nnnynyynnynyny",
    "hyperliquid": "nnnnnyynnynyny",
}
BOOKS = 800 if FULL else 100


def letters(policy, seed=1, books=BOOKS) -> str:
    frame = check(policy, seed, books, margins=["isolated"])
    for axiom, holds in zip(frame["axiom"], frame["holds"]):
        assert (
            holds is not True or frame.attrs["asked"][axiom] >= 0.25 * books
        )  # hyperliquid refuses where too few are in profit
    for line in frame.itertuples():
        assert bool(line.counterexample) == (line.holds is not True)
    return "".join({True: "y", False: "n", None: "?"}[holds] for holds in frame["holds"])


@pytest.mark.parametrize("name", TABLE)
def test_the_table(name):
    assert letters(adl.policy(name)) == TABLE[name]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(20))
@pytest.mark.parametrize("name", TABLE)
def test_every_yes_on_other_books(name, seed):
    assert letters(adl.policy(name), 100 + seed, 60) == TABLE[name]


@pytest.mark.parametrize("name", ["bitmex", "leverage_queue", "hyperliquid"])
def test_sharing_ties_makes_split_and_order_neutral_and_nothing_else(name):
    shared = letters(replace(adl.policy(name), ties="in proportion"))
    changed = {axis for axis, a, b in zip(AXES, TABLE[name], shared) if a != b}
    assert changed == {"SY", "SYM"} and shared[0] == shared[7] == "y"


def closing_turned_over(event):
    """Closes the first account first where little is required, the last where much."""
    rule = replace(
        adl.policy("dydx"),
        ties="account order" if event.required[0] < event.capacities[0] / 2 else "newest first",
    )
    return rule(event)


def with_a_law(event):
    return adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([-0.5, 0.1, 0.5])).solve()


def test_every_axiom_is_broken_by_someone():
    """binance: max(1, wallet) knows the unit of money; dydx: the start depends on how many there are."""
    others = {"binance": "SI", "dydx": "CO", closing_turned_over: "QM", with_a_law: "DF"}
    broken = {axis for row in TABLE.values() for axis, holds in zip(AXES, row) if holds == "n"}
    for policy, axis in others.items():
        assert (
            letters(adl.policy(policy) if isinstance(policy, str) else policy, books=30)[AXES.index(axis)]
            == "n"
        )
    assert broken | set(others.values()) == set(AXES) and not broken & set(others.values())
    assert [axiom.name for axiom in promises.AXIOMS] == list(check(adl.pro_rata, books=2)["axiom"]) and len(
        AXES
    ) == len(promises.AXIOMS)


def test_merging_a_profit_with_a_loss_by_hand():
    """THEORY 3, n17: three shorts of 10, profits 10, -5 and 10, close 6: the owner of the first two loses 3,
    merged (profit 5) 2.
    """
    apart = instances.State(np.full(3, 10.0), np.full(3, 9.0), np.array([2.0, 0.5, 2.0]), 1.0, 6.0)
    merged = instances.State(np.array([20.0, 10.0]), np.array([18.0, 9.0]), np.array([1.25, 2.0]), 1.0, 6.0)
    assert adl.pro_rata_profit(apart.event()).amount == pytest.approx([3, 0, 3], rel=TOL.rounding)
    assert adl.pro_rata_profit(merged.event()).amount == pytest.approx([2, 4], rel=TOL.rounding)
    probe = promises.Probe(adl.pro_rata_profit)
    assert promises.merge(probe, apart, {"i": 0, "j": 1})[0] == pytest.approx(1.0)
    for seed in range(200):  # entered at one price, or all in profit, nothing is gained by merging
        rng = np.random.default_rng(seed)
        state = instances.random_state(rng, 4)
        gain = np.full(4, rng.normal()) if seed % 2 else np.abs(rng.normal(size=4))
        state = replace(state, entry=state.price * (1 + np.maximum(0.3 * gain, -0.9)))
        assert promises.merge(probe, state, {"i": 0, "j": 1})[0] <= TOL.formula * state.required


def test_counterexamples_are_small_and_the_same_for_a_seed():
    frame = check(adl.policy("leverage_queue"), seed=3, margins=["isolated"])
    assert frame.equals(check(adl.policy("leverage_queue"), seed=3, margins=["isolated"]))
    said = frame.set_index("axiom")["counterexample"]
    for name, words in said.items():
        if words:
            assert (
                words.startswith("3 accounts" if name == "merge" else "2 accounts")
                and "entered" not in words
                and len(words) < 220
            )
    hand = instances.State(np.array([10.0, 10.0]), np.array([1.0, 2.0]), None, 1.0, 10.0)  # n13
    found = promises.any_split(
        promises.Probe(adl.policy("leverage_queue")), hand, {"i": 0, "size": 0.51, "equity": 0.01}
    )
    assert found == (
        pytest.approx(4.9),
        "account 1 loses 10; split into 5.1 on 0.01 and 4.9 on 0.99 it loses 5.1",
    )
    assert str(hand) == "2 accounts short 10 and 10 on equity 1 and 2, price 1, close 10"


def test_a_naive_policy_of_ones_own():
    def richest_first(event):
        closed = np.zeros(len(event.size))
        left = float(event.required[0])
        for j in np.argsort(-event.book.equity, kind="stable"):
            closed[j] = min(left, event.size[j])
            left -= closed[j]
        return replace(adl.pro_rata(event), amount=closed)

    held = check(richest_first, margins=["isolated"]).set_index("axiom")
    assert held.loc["more margin never hurts", "holds"] is False and held.loc["wash trade", "holds"] is True


def test_a_rule_that_refuses_every_book_is_not_tested():
    needs_more = replace(adl.policy("bitmex"), name="strict", losers="exclude")

    def refuses(event):
        return needs_more(
            adl.Event(
                adl.Book.from_frame(event.book.to_frame().drop(columns="entry_price", errors="ignore")),
                short=event.short,
                long=event.long,
            )
        )

    frame = check(refuses, books=4)
    assert (
        frame["holds"].isna().all()
        and frame["counterexample"].str.contains("not tested: strict needs the entry price").all()
    )


def levered(positions, equity, required):
    names, size = [f"a{i}" for i in range(len(equity))], np.array(positions)
    sides = [frame(names, asset, size[:, k], 1.0, equity) for k, asset in enumerate("XY")]
    return adl.Event(adl.Book.from_frame(pd.concat(sides)), long={"X": required})


# What these policies keep of the promises in cross margin, in the order of AXES.
CROSS = {
    "water_filling": "??????????????",
    "pro_rata": "yyyyyyyyyynyny",
    "gross_water_filling": "ynnyyyyyyyyyyy",
    "leverage_queue": "nnnynyynnynyny",
}


@pytest.mark.parametrize("name", CROSS if FULL else ["water_filling", "pro_rata"])
def test_the_table_in_cross_margin(name):
    table = check(name, books=BOOKS if FULL and name != "gross_water_filling" else 40, margins=["cross"])
    assert "holds" not in table.columns
    kept = {True: "y", False: "n", None: "?"}
    assert "".join(kept[holds] for holds in table["holds in cross margin"]) == CROSS[name]
    for line in table.itertuples(index=False):
        assert bool(line[2]) == (line[1] is not True)
        assert line[1] is not False or " beside " in line[2]


def test_longs_are_asked_as_shorts_are():
    """A rule that levels shorts only breaks promises on the long side alone."""

    def shorts_only(event):
        return adl.water_filling(event) if event.short else adl.policy("leverage_queue")(event)

    asked = ["continuity", "least maximal leverage"]
    table = check(shorts_only, books=60, axioms=asked, margins=["isolated"])
    assert table["holds"].tolist() == [False, False]
    assert table["counterexample"].str.contains("accounts long ").all()


def test_a_mirrored_state_is_the_same_on_the_other_side():
    for seed in range(30):
        rng = np.random.default_rng([7, seed])
        state = instances.in_cross_margin(rng, instances.random_state(rng, 4))
        for one in (state, replace(state, others=None)):
            short, long = one.event(), one.mirrored().event()
            assert np.array_equal(long.book.position, -short.book.position) and long.long == short.short
            assert np.array_equal(long.book.leverage, short.book.leverage)
            assert adl.pro_rata(long).amount == pytest.approx(adl.pro_rata(short).amount, rel=TOL.rounding)
            assert one.mirrored().leverage(0.0) == pytest.approx(short.book.leverage.to_numpy())
            assert one.mirrored().mirrored().entry == pytest.approx(one.entry)


@adl.axiom("nobody is wiped out", tolerance=1e-9)
def spared(policy, event):
    """Nobody is closed whole, unless everything is."""
    if (event.required == event.capacities).all():
        return None
    return (policy(event).amount >= event.size)[event.closable].astype(float)


def test_a_promise_of_ones_own():
    table = check("leverage_queue", axioms=["merge", spared], books=30)
    assert table["axiom"].tolist() == ["merge", "nobody is wiped out"]
    assert table["holds"].tolist() == table["holds in cross margin"].tolist() == [False, False]
    assert table.attrs["says"]["nobody is wiped out"] == "Nobody is closed whole, unless everything is."
    said = table["counterexample"][1]
    assert said.startswith("2 accounts short") and "violated by 1" in said
    kept = check("pro_rata", axioms=[spared], books=30)
    assert kept["holds"].tolist() == kept["holds in cross margin"].tolist() == [True]
    assert kept.equals(check("pro_rata", axioms=[spared], books=30))


def test_the_table_of_promises_is_of_isolated_margin():
    """In cross margin pro rata can turn the order of leverages, a split can pay under gross water-filling."""
    before, after = adl.pro_rata(levered([[9.5, 6.4], [2.2, 8.2]], [7.9, 5.3], 9.5)).leverages()
    assert before[0] > before[1] and after[0] < after[1]
    whole = adl.gross_water_filling(levered([[5.1, -8.1], [5.1, -8.1]], [3.4, 3.4], 5.1))
    parts = [[4.59, -0.81], [5.1, -8.1], [0.51, -7.29]]
    split = adl.gross_water_filling(levered(parts, [3.06, 3.4, 0.34], 5.1))
    lost = [-one.to_frame().query("asset == 'X'")["left"].to_numpy() for one in (whole, split)]
    assert 5.1 + lost[0][0] > 4 * (5.1 + lost[1][0] + lost[1][2])
