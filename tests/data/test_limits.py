"""Protected accounts and caps: what they allow, what breaks them, where they travel (§5, §7)."""

import math

import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, cross, frame, isolated, one_asset, scenarios
from tests.limited import within


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_limits_that_limit_nothing_change_nothing(seed):
    rng = np.random.default_rng(seed)
    event = isolated(rng) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets), 8)
    everyone = dict.fromkeys(event.book.accounts, 1.0)
    for cap in (1.0, 1, everyone):
        same = adl.Event(event.book, short=event.short, long=event.long, protected=[], cap=cap)
        assert not same.capped and same.cap == 1.0 and repr(same) == repr(event)
        for method in ("auto", "separable", "conic"):
            one, two = (adl.Problem(adl.ExpectedLoss(), e, law).solve(method=method) for e in (event, same))
            assert one.amount.tobytes() == two.amount.tobytes() and one.certificate == two.certificate


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_protected_accounts_are_as_good_as_absent(seed):
    """Isolated margin: who is protected takes no part; the others close what they would in a book without
    him.
    """
    rng = np.random.default_rng(seed)
    event = isolated(rng, int(rng.integers(4, 15)), 2.0)
    names = [str(name) for name in event.book.accounts[rng.random(len(event.book.accounts)) < 0.3]]
    table = event.book.to_frame()
    rest = (
        adl.Book.from_frame(table[~table["account"].isin(names)]) if len(names) < len(table) else event.book
    )
    side = "short" if event.side[0] < 0 else "long"
    with_them = adl.Event(event.book, **{side: {"X": "40%"}}, protected=names)
    without = adl.Event(rest, **{side: {"X": "40%"}})
    kept = ~np.isin(event.book.accounts.astype(str), names)
    assert adl.water_filling(with_them).amount[kept].tolist() == pytest.approx(
        adl.water_filling(without).amount.tolist()
    )
    assert not adl.water_filling(with_them).amount[~kept].any()


def test_what_breaks_a_limit_is_infeasible_by_how_much():
    event = one_asset([-8.0, -4.0, -2.0], [1.0, 1.0, 1.0], 5.0)
    free = adl.water_filling(event)  # 4.5, 0.5, 0
    half = adl.Event(event.book, short={"X": 5.0}, cap={"a0": 0.5})
    proof = adl.certify(adl.LeverageSquare(), half, None, free)
    assert (
        proof.status == "infeasible" and proof.box_violation == pytest.approx(0.5 / 8) and proof.gap is None
    )
    assert "1 legs are closed beyond their cap" in proof.proof
    spared = adl.Event(event.book, short={"X": 5.0}, protected=["a1"])
    proof = adl.certify(adl.LeverageSquare(), spared, None, free)
    assert proof.status == "infeasible" and proof.box_violation == pytest.approx(0.5 / 4)
    assert "1 legs of protected accounts are closed" in proof.proof
    line = adl.compare(half, policies=[lambda _: free, adl.pro_rata], measures=[adl.LeverageSquare()])
    assert math.isnan(line["LeverageSquare gap"].iloc[0]) and line["LeverageSquare gap"].iloc[1] > 0


def test_limits_travel(tmp_path):
    table = frame(
        ["a", "a", "b", "b", "c"],
        ["X", "Y", "X", "Y", "X"],
        [-6.0, 2.0, -5.0, -3.0, -9.0],
        1.0,
        [1.0, 1.0, 2.0, 2.0, 1.5],
    )
    book = adl.Book.from_frame(table)
    law = adl.Scenarios({"X": [0.4, 0.9, -0.3], "Y": [0.2, 0.8, 0.1]})
    event = adl.Event(book, short={"X": 4.0}, protected=np.array(["c"]), cap={"b": 0.5, "a": 1.0})
    assert event.protected == ("c",) and event.cap == {"b": 0.5} and event.capacity["X"] == 8.5
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    solved = problem.solve(short={"X": 8.0})
    assert (
        solved.event.protected == ("c",)
        and solved.event.cap == {"b": 0.5}
        and within(solved.event, solved.amount)
    )
    solved.save(tmp_path / "a.json")
    again = adl.Allocation.load(tmp_path / "a.json")
    assert (
        again.event.protected == ("c",) and again.event.cap == {"b": 0.5} and again.event.capacity["X"] == 8.5
    )
    assert adl.certify(adl.ExpectedLoss(), again.event, law, again).certified
    # All that may be closed: the sweep ends at 8.5, and a contract more is an error that names the limits.
    assert problem.sweep(short={"X": [2.0, 8.5]})["status"].tolist() == ["certified"] * 2
    with pytest.raises(
        adl.EventError, match=r"8.5 may be closed \(1 account protected, 1 account capped, lowest cap 0.5\)"
    ):
        problem.solve(short={"X": 9.0})
    assert "protected" in solved.explain("c") and "c" in repr(solved.event)
    assert adl.Event(book, short={"X": "all"}, cap=0.5).short == {"X": 10.0}
