"""The replay of an event in waves: the carried state by hand, what was realized reproduced exactly."""

import math

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import count, frame
from tests.tolerances import TOL
from tests.waves import TWO, amounts, line, random_waves, waves


def test_two_waves_by_hand():
    result = adl.replay(waves(*TWO), [adl.pro_rata, adl.water_filling])
    assert amounts(result, "pro_rata", 1) == {"aX": -5.0, "bX": -5.0}
    # Water-filling: 10 left on equities 5 and 10, at level 2/3.
    assert amounts(result, "water_filling", 1) == pytest.approx(
        {"aX": -20 / 3, "bX": -10 / 3}, rel=TOL.rounding
    )
    # Then pro rata still holds a: -5 and b: -10 + 5 (b has not traded), and c joins: 4 of 18.
    assert amounts(result, "pro_rata", 2) == pytest.approx(
        {"aX": -10 / 9, "bX": -10 / 9, "cX": -16 / 9}, rel=TOL.rounding
    )
    # Water-filling: in contracts at price 2 the equities are 2.5, 5 and 2, the positions 10/3, 20/3 and 8: c
    # alone, from leverage 4 to 2.
    assert amounts(result, "water_filling", 2) == pytest.approx({"cX": -4.0}, rel=TOL.rounding)
    one = line(result, 2, "pro_rata")
    assert one["leverage_max"] == pytest.approx((8 - 16 / 9) * 2 / 4, rel=TOL.rounding)
    assert (one["touched"], one["wholly_closed"], one["accounts"], one["required"]) == (3, 0, 3, 8.0)
    # In reality b closed 4; half of (10 + 26 + 16) / 9 contracts, of 4.
    assert one["elsewhere"] == pytest.approx((10 / 9 + 26 / 9 + 16 / 9) / 2 / 4, rel=TOL.rounding)
    real = line(result, 1, "realized")
    assert (real["wholly_closed"], real["leverage_max"], real["leverage_median"], real["elsewhere"]) == (
        1,
        1.0,
        0.5,
        0.0,
    )
    assert result.total().loc["realized", "notional_closed"] == 18.0


def test_what_a_policy_cannot_find_is_missing():
    # Pro rata leaves 5 to each of a and b; b then says that it holds 1, of which the policy had closed 5 (4
    # overtaken); 8 are required.
    result = adl.replay(
        waves(TWO[0], TWO[1], (2, "b", "X", -1.0, 10.0, 2.0, -1.0), (2, "c", "X", -7.0, 4.0, 2.0, -7.0)),
        [adl.pro_rata],
    )
    one = line(result, 2, "pro_rata")
    assert (one["overtaken"], one["missing"], one["notional_closed"]) == (8.0, 0.0, 16.0)
    assert amounts(result, "pro_rata", 2) == pytest.approx({"aX": -10 / 3, "cX": -14 / 3}, rel=TOL.rounding)
    less = adl.replay(
        waves(
            TWO[1],
            (1, "c", "X", -10.0, 9.0, 1.0, -10.0),
            (2, "b", "X", -8.0, 9.0, 1.0, -8.0),
            (2, "c", "X", 2.0, 9.0, 1.0, 0.0),
        ),
        [adl.pro_rata],
    )
    # c turned to the other side and starts anew with 2 longs; b keeps -8 + 5: 3 of 8.
    assert amounts(less, "pro_rata", 2) == {"bX": -3.0}
    one = line(less, 2, "pro_rata")
    assert (one["missing"], one["notional_closed"], one["elsewhere"]) == (5.0, 3.0, (5.0 + 5.0) / 2 / 8)
    assert less.required["missing pro_rata"].tolist() == [0.0, 5.0]


def test_both_sides_of_an_asset_in_one_wave():
    result = adl.replay(
        waves(
            (1, "a", "X", -10.0, 5.0, 1.0, -4.0),
            (1, "b", "X", 10.0, 5.0, 1.0, 6.0),
            (1, "c", "X", 2.0, 1.0, 1.0, 0.0),
        )
    )
    assert amounts(result, "pro_rata", 1) == pytest.approx({"aX": -4.0, "bX": 5.0, "cX": 1.0})
    assert amounts(result, "water_filling", 1) == pytest.approx({"aX": -4.0, "bX": 5.0, "cX": 1.0})
    assert result.required[["side", "required"]].to_numpy().tolist() == [["short", 4.0], ["long", 6.0]]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_realized_is_the_data_and_every_policy_clears(seed):
    given = random_waves(np.random.default_rng(seed))
    result = adl.replay(given, [adl.pro_rata])
    table = given.to_frame()
    real = table[table["realized_closed"] != 0].sort_values(["wave", "account", "asset"])
    again = result.closed("realized").sort_values(["wave", "account", "asset"])
    assert (
        again["closed"].tolist() == real["realized_closed"].tolist()
        and again["account"].tolist() == real["account"].tolist()
    )
    lines = result.to_frame()
    assert (lines.loc[lines["policy"] == "realized", ["missing", "overtaken", "elsewhere"]] == 0).all(
        axis=None
    )
    closed = result.closed("pro_rata")
    for _, row in result.required.iterrows():
        part = closed[(closed["wave"] == row["wave"]) & (closed["asset"] == row["asset"])]["closed"]
        own = part[part < 0] if row["side"] == "short" else part[part > 0]
        assert abs(math.fsum(own)) + row["missing pro_rata"] == pytest.approx(
            row["required"], rel=TOL.gap, abs=0
        )
    assert (lines["elsewhere"] <= 1 + TOL.formula).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_that_is_what_was_realized_stays_on_its_state(seed):
    """Data that pro rata made itself, everybody listed in every wave with other prices: replayed, it differs
    nowhere.
    """
    rng = np.random.default_rng(seed)
    position, equity, rows = -(10 ** rng.uniform(-3, 5, 30)), 10 ** rng.uniform(-3, 5, 30), []
    for w in range(4):
        price = 10 ** rng.uniform(-1, 1)
        book = adl.Book.from_frame(frame([f"a{i}" for i in range(30)], "X", position, price, equity))
        closed = adl.pro_rata(adl.Event(book, short={"X": "40%"})).closed_by_leg
        rows += [(w, f"a{i}", "X", position[i], equity[i], price, closed[i]) for i in range(30)]
        position = position - closed
    result = adl.replay(waves(*rows), [adl.pro_rata, adl.water_filling])
    elsewhere = result.to_frame().set_index("policy")["elsewhere"]
    assert elsewhere["pro_rata"].max() < TOL.rounding and elsewhere["water_filling"].min() > 0.01


def test_expected_loss_and_its_gap():
    law = adl.Gaussian(pd.DataFrame([[0.3]], ["X"], ["X"]))
    result = adl.replay(waves(*TWO), [adl.pro_rata, adl.water_filling], law)
    table = result.to_frame().set_index(["wave", "policy"])
    assert (table["ExpectedLoss gap"].xs("water_filling", level="policy") <= TOL.gap).all()
    assert (table["ExpectedLoss gap"].xs("pro_rata", level="policy") > 0.01).all()
    event = adl.Event(waves(*TWO).book(1), short={"X": 10.0})
    assert (
        table.loc[(1, "pro_rata"), "ExpectedLoss"]
        == adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).value
    )
    cross = waves(*TWO, (3, "c", "Y", 3.0, 4.0, 1.0, 1.0))
    both = adl.Gaussian(pd.DataFrame(np.eye(2) * 0.3, ["X", "Y"], ["X", "Y"]))
    plain, proved = (
        adl.replay(cross, [adl.pro_rata], both, [adl.ExpectedLoss(), adl.MaxLeverage()], prove).to_frame()
        for prove in (False, True)
    )
    assert plain["ExpectedLoss gap"].isna().sum() == 2 and proved["ExpectedLoss gap"].notna().all()
    assert plain["MaxLeverage"].tolist() == pytest.approx(plain["leverage_max"].tolist())


def test_a_position_closed_by_its_owner_stays_closed_in_isolated_waves():
    """Wave 2 lists A's BTC as 0: no policy may close it again, and its leverage is 0."""
    rows = [
        (1, "A", "BTC", -10.0, 100.0, 10.0, 0.0),
        (1, "A", "ETH", -5.0, 100.0, 10.0, 0.0),
        (1, "B", "BTC", -10.0, 100.0, 10.0, -1.0),
    ]
    rows += [
        (2, "A", "BTC", 0.0, 100.0, 10.0, 0.0),
        (2, "A", "ETH", -5.0, 100.0, 10.0, 0.0),
        (2, "B", "BTC", -9.0, 100.0, 10.0, -4.0),
    ]
    table = pd.DataFrame(
        rows, columns=["wave", "account", "asset", "position", "equity", "price", "realized_closed"]
    )
    result = adl.replay(adl.Waves.from_frame(table).isolated(), ["pro_rata"], progress=False)
    closed = result.closed("pro_rata")
    assert not ((closed["account"] == "A:BTC") & (closed["wave"] == 2)).any()
    last = result.to_frame().set_index(["wave", "policy"])
    assert last.loc[(2, "realized"), "leverage_max"] == pytest.approx(0.5)


def test_who_is_wholly_closed_but_for_a_rounding_is_wholly_closed():
    """Pro rata leaves 5e-17 of a contract, and has nothing left."""
    given = waves(
        (1, "A", "X", 0.6, 10.0, 1.0, 0.22),
        (1, "B", "X", 0.3, 10.0, 1.0, 0.0),
        (2, "A", "X", 0.38, 10.0, 1.0, 0.38),
        (2, "B", "X", 0.3, 10.0, 1.0, 0.3),
    )
    table = adl.replay(given, ["pro_rata"], progress=False).to_frame().set_index(["wave", "policy"])
    assert table.loc[(2, "pro_rata"), ["wholly_closed", "leverage_max", "missing"]].tolist() == [2, 0.0, 0.0]


def test_a_change_of_sides_drops_what_the_policy_held():
    """Pro rata closed 5 of each; A then is short: the 5 longs that it held of A are gone, at 2 each."""
    first = ((1, "A", "X", 10.0, 100.0, 1.0, 10.0), (1, "B", "X", 10.0, 100.0, 1.0, 0.0))
    turned = waves(*first, (2, "A", "X", -3.0, 100.0, 2.0, -1.0), (2, "B", "X", 10.0, 100.0, 2.0, 0.0))
    result = adl.replay(turned, ["pro_rata"], progress=False)
    assert result.total()["dropped"].to_dict() == {"realized": 0.0, "pro_rata": 10.0}
    assert result.to_frame().attrs["units"]["dropped"] == "quote currency"


@pytest.mark.parametrize("position", [0.0, -3.0])
def test_an_owner_who_closes_what_the_policy_had_overtakes_it_on_whichever_side_he_ends(position):
    first = ((1, "A", "X", 10.0, 100.0, 1.0, 0.0), (1, "B", "X", 10.0, 100.0, 1.0, 10.0))
    more = waves(*first, (2, "A", "X", position, 100.0, 2.0, 0.0), (2, "B", "X", 1.0, 100.0, 2.0, 0.0))
    lost = adl.replay(more, ["pro_rata"], progress=False).total()
    assert lost.loc["pro_rata", ["overtaken", "dropped"]].tolist() == [10.0, 0.0]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
def test_a_replay_that_closes_everything_closes_everybody(seed):
    """In the last wave reality closes all that is left, and so does every policy."""
    rng = np.random.default_rng(773_000 + seed)
    n, steps, rows = int(rng.integers(1, 7)), int(rng.integers(1, 5)), []
    held, equity = np.round(10 ** rng.uniform(-2, 2, n), 2) + 0.01, rng.uniform(1, 50, n)
    start = {f"a{i}": held[i] for i in range(n)}
    for w in range(steps + 1):
        share = rng.random(n) * (rng.random(n) < 0.7)
        closed = held.copy() if w == steps else np.minimum(np.round(share * held, 3), held)
        rows += [(w, f"a{i}", "X", held[i], equity[i], 1.0, closed[i]) for i in range(n)]
        held = held - closed
    result = adl.replay(waves(*rows), ["pro_rata", "water_filling", "leverage_queue"], progress=False)
    last = result.to_frame().query("wave == @steps").set_index("policy")
    for name in last.index:
        gone = result.closed(name).query("wave < @steps").groupby("account")["closed"].sum()
        had = sum(size - gone.get(account, 0.0) > TOL.formula * size for account, size in start.items())
        assert last.loc[name, "wholly_closed"] == had
    assert (last["leverage_max"] == 0).all() and (last["missing"] == 0).all()
