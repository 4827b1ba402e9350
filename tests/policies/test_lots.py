"""Integer lots: exact counts, the bound on what rounding costs, the integer optimum by brute force, binary
traps.
"""

import itertools
import math

import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, one_asset
from tests.tolerances import TOL

LOT = 0.1


def some_book(rng: np.random.Generator) -> tuple[adl.Event, dict[str, float]]:
    """Two to six accounts in one or two assets, isolated or cross; some positions odd, requirements in
    lots.
    """
    n, d = int(rng.integers(2, 7)), int(rng.integers(1, 3))
    lot = rng.choice([0.001, 0.1, 0.25, 1.0, 3.0], d)
    account, asset = np.repeat(np.arange(n), d), np.tile(np.arange(d), n)
    keep = (rng.random(n * d) < 0.7) | (asset == 0)
    account, asset = account[keep].astype(np.int32), asset[keep].astype(np.int32)
    whole = rng.integers(1, 40, len(asset))
    odd = rng.random(len(asset)) * (rng.random(len(asset)) < 0.3)
    position = (whole + odd) * lot[asset] * rng.choice([-1.0, 1.0], len(asset), p=[0.7, 0.3])
    if d > 1 and not (asset == 1).any():
        return some_book(rng)  # nobody holds the second
    price = 10 ** rng.uniform(-1, 3, d)
    gross = np.bincount(account, np.abs(position) * price[asset], n)
    book = adl.Book(
        np.array([f"a{i}" for i in range(n)], object), tuple(f"X{k}" for k in range(d)), price,
        gross / rng.lognormal(1.5, 1.0, n), account, asset, position, {}
    )  # fmt: skip
    need: dict[str, dict[str, float]] = {"short": {}, "long": {}}
    for k in range(d):
        sign = -1 if rng.random() < 0.6 else 1
        mine = position[(asset == k) & (np.sign(position) == sign)]
        held = int(np.floor(np.abs(mine) / lot[k] + 1e-9).sum())
        need["short" if sign < 0 else "long"][book.assets[k]] = min(
            float(rng.integers(0, held + 1) * lot[k]), math.fsum(np.abs(mine).tolist())
        )
    return adl.Event(book, **need), dict(zip(book.assets, lot.tolist()))


def some_allocation(rng: np.random.Generator, event: adl.Event) -> adl.Allocation:
    if event.book.isolated and rng.random() < 0.5:
        return adl.water_filling(event)
    if rng.random() < 0.3:
        return adl.pro_rata(event)
    amount = adl.examples.any_allocation(event, rng)
    from adl_opt.data.event import cleared

    base = adl.pro_rata(event)
    return adl.Allocation(
        event,
        cleared(event, amount),
        "any",
        base.objective_name,
        base.certificate,
        base.shadow_price_by_asset,
        base.parts,
    )


def loss(event: adl.Event, law: adl.Scenarios, amount: np.ndarray) -> np.ndarray:
    """The total shortfall in every scenario, (S,), by the formula."""
    book = event.book
    notional = np.sign(book.position) * (event.size - amount) * book.price[book.asset]
    exposure = np.zeros((len(book.accounts), len(book.assets)))
    exposure[book.account, book.asset] = notional
    return np.maximum(-exposure @ law.moves.T - book.equity[:, None], 0.0).sum(axis=0)


@pytest.mark.fuzz
def test_the_bound_is_never_violated_and_counts_clear_exactly():
    rng, near, further = np.random.default_rng(5), 0, 0
    for _ in count(10_000):
        event, lot = some_book(rng)
        before = some_allocation(rng, event)
        moves = rng.standard_t(2.5, (30, len(lot))) * rng.choice([0.05, 0.5])
        law = adl.Scenarios(np.maximum(moves, -1.0))
        rounded = adl.round_to_lots(before, lot, law)
        book, step = event.book, np.array([lot[a] for a in event.book.assets])
        moved = np.abs(rounded.amount - before.amount) / step[book.asset]
        scale = max(event.size.max(), 1e-300)
        assert (
            (rounded.lots >= 0).all() and (rounded.amount >= 0).all() and (rounded.amount <= event.size).all()
        )
        assert np.abs(rounded.amount - rounded.lots * step[book.asset]).max() <= TOL.rounding * scale
        for k, asset in enumerate(book.assets):
            mine = book.asset == k
            assert rounded.lots[mine].sum() == round(event.required[k] / lot[asset])
            assert math.fsum(rounded.amount[mine]) == event.required[k]
        odd = np.abs(event.size / step[book.asset] - np.rint(event.size / step[book.asset])) > 1e-6
        if not odd.any():
            assert moved.max() < 1 + 1e-6
            # A leg closed whole stays whole, a leg left alone stays so.
            assert (rounded.amount == event.size)[event.closable & (before.amount == event.size)].all()
            assert (rounded.lots[before.amount == 0] == 0).all()
        further += moved.max() > 1 + 1e-6
        rise = loss(event, law, rounded.amount) - loss(event, law, before.amount)
        room = TOL.rounding * (book.equity.sum() + np.abs(book.notional).sum())
        assert rise.mean() <= rounded.bound.loss + room
        assert rounded.bound.loss == pytest.approx(rounded.bound.under(law), rel=TOL.rounding)
        near += rise.mean() > 0.5 * rounded.bound.loss + room
        # Move by move too, and in leverage.
        pathwise = [rounded.bound.under(adl.Scenarios(law.moves[[s]], meant=True)) for s in (0, 7)]
        assert (rise[[0, 7]] <= np.array(pathwise) + room).all()
        lift = rounded.leverages()[1] - before.leverages()[1]
        assert rounded.bound.leverage == pytest.approx(
            max(lift.max(), 0.0), abs=TOL.rounding * before.leverages()[0].max()
        )
    assert near > 0 and further > 0  # the bound is not idle, and odd rests that move others further do occur


@pytest.mark.parametrize("seed", range(25))
def test_least_bound_of_all_roundings_and_near_the_integer_optimum(seed):
    rng = np.random.default_rng(seed)
    n, cross = 4, seed % 2 == 0
    position = -rng.integers(1, 6, n).astype(float)
    rows = [
        (f"a{i}", "X", position[i], 2.0, e)
        for i, e in enumerate(np.abs(position) / rng.lognormal(0.5, 1.0, n))
    ]
    rows += [(f"a{i}", "Y", 1.0, 1.0, rows[i][4]) for i in range(n) if cross and i % 2]
    import pandas as pd

    book = adl.Book.from_frame(
        pd.DataFrame(rows, columns=["account", "asset", "position", "price", "equity"])
    )
    required = float(rng.integers(1, int(np.abs(position).sum())))
    event = adl.Event(book, short={"X": required})
    law = adl.Scenarios({a: rng.standard_t(3, 40) * 0.4 for a in book.assets}, meant=True)
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    rounded = adl.round_to_lots(best, {"X": 1.0}, law)
    legs = np.flatnonzero(event.closable)
    up, down = np.maximum(-law.moves[:, 0], 0).mean(), np.maximum(law.moves[:, 0], 0).mean()
    hedged = (
        np.isin(book.account[legs], book.account[book.asset == len(book.assets) - 1])
        if cross
        else np.zeros(len(legs), bool)
    )
    bounds, losses = [], []
    for whole in itertools.product(*(range(int(event.size[j]) + 1) for j in legs)):
        if sum(whole) != required:
            continue
        amount = np.zeros(len(event.size))
        amount[legs] = whole
        losses.append(loss(event, law, amount).mean())
        change = amount[legs] - best.amount[legs]
        if (np.abs(change) < 1 - 1e-9).all():
            bounds.append(2.0 * (np.maximum(-change, 0) * down + np.maximum(change, 0) * up * hedged).sum())
    assert rounded.bound.loss == pytest.approx(min(bounds), abs=TOL.formula * event.size.sum())
    over = loss(event, law, rounded.amount).mean() - min(losses)
    assert -TOL.formula <= over <= rounded.bound.loss + TOL.formula


def test_by_hand():
    # Level: 20 contracts on equities 1, 2, 4; 6 closed of 10, 10: leverage 14/3 each, closed 16/3 and 2/3 in
    # lots of 1: 5 and 1.
    event = one_asset([-10.0, -10.0, -4.0], [1.0, 2.0, 4.0], 6.0)
    before = adl.water_filling(event)
    rounded = adl.round_to_lots(before, {"X": 1})
    assert before.amount == pytest.approx([16 / 3, 2 / 3, 0]) and rounded.lots.tolist() == [5, 1, 0]
    assert rounded.amount.tolist() == [5.0, 1.0, 0.0] and rounded.closed_by_leg.tolist() == [-5.0, -1.0, 0.0]
    # A third of a contract is closed less: a move of +30 % costs at most a tenth.
    assert rounded.bound.less == pytest.approx([1 / 3]) and rounded.bound.more.tolist() == [0.0]
    assert (
        rounded.bound.under(adl.Scenarios([0.3])) == pytest.approx(0.1)
        and rounded.bound.under(adl.Scenarios([-0.3])) == 0
    )
    assert rounded.bound.leverage == pytest.approx(1 / 3) and rounded.bound.loss is None
    assert "6 lots" in repr(rounded) and "closed less" in repr(rounded.bound)


def test_the_bound_is_attained():
    # 1.5 contracts each in lots of 3: the first of the tie closes 3, the other none and, far under water at
    # +200 %, loses 1.5 x 2 more.
    law = adl.Scenarios([2.0], meant=True)
    other = adl.round_to_lots(adl.pro_rata(one_asset([-3.0, -3.0], [100.0, 1.0], 3.0)), {"X": 3.0}, law)
    event = other.event
    rise = loss(event, law, other.amount) - loss(event, law, adl.pro_rata(event).amount)
    assert (
        other.lots.tolist() == [1, 0]
        and rise == pytest.approx(3.0)
        and other.bound.loss == pytest.approx(3.0)
    )


def test_binary_traps():
    event = one_asset([-(0.1 + 0.2), -0.7], [1.0, 1.0], 0.1 * 3)
    for required in (0.1 + 0.2, 0.3, 0.1 * 3):
        rounded = adl.round_to_lots(adl.pro_rata(event.with_requirement(short={"X": required})), {"X": 0.1})
        assert rounded.lots.sum() == 3 and math.fsum(rounded.amount) == required
    whole = adl.round_to_lots(
        adl.water_filling(one_asset([-(0.1 + 0.2), -0.7], [1.0, 1e6], "all")), {"X": 0.1}
    )
    assert whole.lots.tolist() == [3, 7] and whole.amount.tolist() == [0.1 + 0.2, 0.7]
    one = adl.round_to_lots(adl.pro_rata(one_asset([-0.3, -0.3], [1.0, 1.0], 0.3)), {"X": 0.3})
    assert one.amount.tolist() == [0.3, 0.0]
    # 0.3 rather than 3 x 0.1 = 0.30000000000000004.
    assert (
        adl.round_to_lots(adl.pro_rata(one_asset([-0.3, -9.0], [1.0, 1.0], 9.0)), {"X": 0.1}).amount[0] == 0.3
    )


def test_odd_positions_keep_their_rest():
    # 1.5 and 1.5 are closed whole at the level; only one lot of each can go, the third is another's.
    event = one_asset([-1.5, -1.5, -10.0], [1e-6, 1e-6, 10.0], 3.0)
    rounded = adl.round_to_lots(adl.water_filling(event), {"X": 1.0})
    assert rounded.lots.tolist() == [1, 1, 1] and (event.size - rounded.amount).tolist() == [0.5, 0.5, 9.0]


def test_needless_and_foreign_lots_do_no_harm_and_series_will_do():
    import pandas as pd

    event = one_asset([-4.0, -4.0], [1.0, 1.0], 3.0)
    a = adl.round_to_lots(adl.pro_rata(event), {"X": 1, "DOGE": -7})
    b = adl.round_to_lots(adl.pro_rata(event), pd.Series({"X": 1.0}))
    assert a.lots.tolist() == b.lots.tolist() == [2, 1]
    again = adl.round_to_lots(a, {"X": 1})
    assert again.lots.tolist() == a.lots.tolist() and again.bound.under(adl.Scenarios([0.5])) == 0


@pytest.mark.parametrize(
    "law",
    [
        adl.Gaussian(0.05**2),
        adl.StudentT(0.04**2, 3),
        adl.LogNormal(0.8, None, 0.1),
        adl.Scenarios([-0.2, 0.1, 0.4]),
    ],
)
def test_laws_with_a_closed_form_give_the_same_bound_as_their_scenarios(law):
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    rounded = adl.round_to_lots(adl.water_filling(event), {"X": 1}, law)
    drawn = law if isinstance(law, adl.Scenarios) else law.sample(2**14, 1)
    assert rounded.bound.loss == pytest.approx(rounded.bound.under(drawn), rel=TOL.monte_carlo)
    assert rounded.bound.loss == pytest.approx(
        float(np.maximum(drawn.moves, 0).T[0] @ drawn.probability) / 3, rel=TOL.monte_carlo
    )


def test_save_keeps_an_allocation(tmp_path):
    rounded = adl.round_to_lots(adl.water_filling(one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)), {"X": 1})
    rounded.save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").amount.tolist() == [5.0, 1.0]
