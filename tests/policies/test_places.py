"""Lights, quantiles and requirements that reach an account, against BitMEX's example and the rule itself."""

import math
from dataclasses import replace

import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, cross
from tests.policies.test_queue import event
from tests.tolerances import TOL

SIZE, SCORE = np.array([10.0, 10, 20, 30, 20, 10]), np.array([3.0, 6, 1, 4, 5, 2])


def six(required=20.0):
    return event(SIZE, 100 * SIZE / (4 * SCORE), required, np.full(6, 80.0), side="long")


def test_bitmex_prints_percentiles_by_contracts_from_the_head_of_the_queue():
    lights = adl.policy("bitmex").lights(six())
    assert lights["account"].tolist() == ["a2", "a5", "a4", "a1", "a6", "a3"]
    assert lights["percentile"].tolist() == [20, 40, 60, 80, 80, 100]
    assert lights["lights"].tolist() == [5, 4, 3, 2, 2, 1]
    assert lights["rank"].tolist() == [1, 2, 3, 4, 5, 6] and (lights["of"] == 6).all()
    assert lights["ahead"].tolist() == [0, 10, 30, 60, 70, 80]
    assert lights["quantile_contracts"].tolist() == [0.1, 0.3, 0.6, 0.7, 0.8, 1.0]
    assert lights["lights_by_accounts"].tolist() == [5, 4, 3, 2, 1, 1]
    assert adl.policy("bitmex").lights(six(0.0)).equals(lights)  # whatever is required


def test_requirements_that_reach_an_account():
    row = adl.policy("bitmex").reached(six(), "a5").iloc[0]
    assert (row["in_part"], row["wholly"], row["required"], row["now"]) == (10, 30, 20, "in part")
    assert adl.policy("bitmex").reached(six(10.0), "a5")["now"].tolist() == ["not closed"]
    assert adl.policy("bitmex").reached(six(30.0), "a5")["now"].tolist() == ["wholly"]


def test_whom_a_rule_never_closes_has_no_light():
    some = event([10, 10, 10], [500, 500, 250], 5.0, [80.0, 125.0, 100.0])
    lights = adl.policy("hyperliquid").lights(some)
    assert lights["account"].tolist() == ["a2", "a1", "a3"] and lights["lights"].tolist() == [
        1,
        0,
        0,
    ]  # alone
    assert lights["rank"].isna().tolist() == [False, True, True]
    never = adl.policy("hyperliquid").reached(some, "a1").iloc[0]
    assert never["in_part"] == never["wholly"] == math.inf and never["now"] == "not closed"


def test_the_tied_who_share_stand_at_one_place():
    some = event([10, 10, 10], [500, 500, 5000], 15.0)
    shared = replace(adl.policy("leverage_queue"), ties="in proportion")
    at = shared.places(some)
    assert at.rank.tolist() == [1, 1, 3] and at.ahead.tolist() == [0, 0, 20]
    assert at.quantile_contracts == pytest.approx([2 / 3, 2 / 3, 1], rel=TOL.rounding)
    assert shared.reached(some, "a2").iloc[0]["wholly"] == 20


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_reached_is_when_the_rule_closes(seed):
    """The requirements told, tried: nothing is closed up to in_part, all from wholly on."""
    some = cross(np.random.default_rng(190_000 + seed))
    rule = adl.policy("leverage_queue")
    at = rule.places(some)
    for j in np.flatnonzero(some.closable)[:6]:
        k = int(some.book.asset[j])
        asset, side = some.book.assets[k], "short" if some.side[k] < 0 else "long"
        legs = some.closable_legs[k]
        assert at.rank[j] == 1 + (at.ahead[legs] < at.ahead[j]).sum()
        name = some.book.accounts[some.book.account[j]]
        told = rule.reached(some, name).set_index("asset").loc[asset]
        for required, wanted in (
            (told["in_part"], 0.0),
            ((told["in_part"] + told["wholly"]) / 2, 0.5),
            (told["wholly"], 1.0),
        ):
            most = min(float(required), float(some.capacities[k]))
            closed = rule(some.with_requirement(**{side: {asset: most}})).amount[j]
            assert closed == pytest.approx(
                wanted * some.size[j], rel=TOL.formula, abs=TOL.rounding * some.capacities[k]
            )
