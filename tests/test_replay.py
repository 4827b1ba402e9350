"""Events in waves: reading, the carried state by hand, what was realized reproduced exactly, the made-up
twin, the real accounts.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt import plots
from adl_opt.cli import app as cli
from adl_opt.examples.october_twin import CLOSED

from .books import REAL, count, frame
from .tolerances import TOL

COLUMNS = ["wave", "account", "asset", "position", "equity", "price", "realized_closed"]


def waves(*rows) -> adl.Waves:
    return adl.Waves.from_frame(pd.DataFrame(list(rows), columns=COLUMNS))


TWO = (
    (1, "a", "X", -10.0, 5.0, 1.0, -10.0),
    (1, "b", "X", -10.0, 10.0, 1.0, 0.0),
    (2, "b", "X", -10.0, 10.0, 2.0, -4.0),
    (2, "c", "X", -8.0, 4.0, 2.0, 0.0),
)


def line(result, wave, policy):
    table = result.to_frame()
    return table[(table["wave"] == wave) & (table["policy"] == policy)].iloc[0]


def amounts(result, policy, wave):
    table = result.closed(policy)
    part = table[table["wave"] == wave]
    return dict(zip(part["account"] + part["asset"], part["closed"]))


def random_waves(rng) -> adl.Waves:
    """Some accounts listed again, some trading on their own in between (sides kept or not), both sides of an
    asset closed in one wave.
    """
    n, d, rows = int(rng.integers(2, 9)), int(rng.integers(1, 4)), []
    equity = 10 ** rng.uniform(-3, 3, n)
    for w in range(int(rng.integers(1, 6))):
        price = 10 ** rng.uniform(-2, 2, d)
        for i in range(n):
            for k in range(d):
                if rng.random() < 0.6 or not rows:
                    position = rng.normal() * equity[i] / price[k] * (rng.random() > 0.1)
                    rows.append(
                        (
                            w,
                            f"a{i}",
                            f"X{k}",
                            position,
                            equity[i],
                            price[k],
                            position * rng.choice([0.0, 1.0, rng.random()]),
                        )
                    )
    return waves(*rows)


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
        closed = adl.pro_rata(adl.Event(book, short={"X": "40%"})).closed
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
        == adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).objective
    )
    cross = waves(*TWO, (3, "c", "Y", 3.0, 4.0, 1.0, 1.0))
    both = adl.Gaussian(pd.DataFrame(np.eye(2) * 0.3, ["X", "Y"], ["X", "Y"]))
    plain, proved = (
        adl.replay(cross, [adl.pro_rata], both, [adl.ExpectedLoss(), adl.MaxLeverage()], prove).to_frame()
        for prove in (False, True)
    )
    assert plain["ExpectedLoss gap"].isna().sum() == 2 and proved["ExpectedLoss gap"].notna().all()
    assert plain["MaxLeverage"].tolist() == pytest.approx(plain["leverage_max"].tolist())


def test_files_and_timestamps(tmp_path):
    given = adl.examples.twin(3, 0.002)
    for name in ("w.csv", "w.parquet"):
        table = given.to_frame()
        table.to_csv(tmp_path / name, index=False) if name.endswith("csv") else table.to_parquet(
            tmp_path / name
        )
        again = adl.Waves.read(tmp_path / name)
        assert again.to_frame().equals(table) and again.labels == given.labels
    stamped = given.to_frame().rename(columns={"wave": "time"})
    stamped["time"] = pd.Timestamp("2025-10-10 21:15:00") + pd.to_timedelta(stamped["time"], unit="min")
    assert str(adl.Waves.from_frame(stamped).labels[0]).startswith("2025-10-10 21:16:00")
    with pytest.raises(adl.BookError, match="there is no wave 99"):
        given.book(99)


def test_accounts_without_equity_leave_with_all_their_rows():
    given = waves(*TWO, (3, "b", "X", -6.0, -1.0, 2.0, -6.0), (3, "c", "Y", -1.0, 4.0, 2.0, -1.0))
    with pytest.raises(adl.EventError, match=r"1 of 3 accounts .* first 'b' with -1 in wave 3"):
        adl.replay(given)
    kept = given.solvent()
    assert (
        kept.to_frame()["account"].tolist() == ["a", "c", "c"]
        and kept.labels == (1, 2, 3)
        and kept.assets == ("X", "Y")
    )
    assert given.insolvent().to_numpy().tolist() == [["b", -1.0, 20.0]]
    assert adl.replay(kept, [adl.pro_rata]).total().loc["pro_rata", "missing"] == 0


def test_isolated_margin_shares_the_equity():
    given = waves(
        (1, "a", "X", -10.0, 6.0, 1.0, -1.0),
        (1, "a", "Y", 5.0, 6.0, 4.0, 0.0),
        (1, "b", "X", -2.0, 1.0, 1.0, 0.0),
    )
    alone = given.isolated()
    assert alone.accounts.tolist() == ["a:X", "a:Y", "b:X"] and alone.equity.tolist() == pytest.approx(
        [2.0, 4.0, 1.0]
    )
    assert alone.book(1).isolated and alone.book(1).leverage.tolist() == pytest.approx([5.0, 5.0, 2.0])


def hyper(**changes) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "user": ["u", "u", "v", "u", "u"], "coin": ["X", "X", "X", "Y", "X"],
            "time": [1000, 1000, 2000, 3000, 70_000],
            "adl_price": [10.0, 10.0, 13.0, 2.0, 9.0], "adl_size": [1.0, 1.0, 1.0, 3.0, 2.0],
            "position_size": [-4.0, -4.0, 5.0, -3.0, -2.0],
            "total_equity": [100.0, 101.0, 50.0, 102.0, 90.0],
            "account_value_realtime": [80.0, 80.0, 40.0, 80.0, 80.0], "entry_price": [12.0] * 5,
        }
    )  # fmt: skip
    return rows.assign(**changes)


def test_the_public_table_by_hand():
    given = adl.Waves.from_hyperreplay(hyper())
    table = given.to_frame()
    # u stood at -4, closed 1, added 1, closed 1: of 5 contracts 2 are closed; the price of X is the mean of
    # 10, 10 and 13.
    assert table[["wave", "account", "asset"]].to_numpy().tolist() == [
        [1, "u", "X"],
        [1, "v", "X"],
        [1, "u", "Y"],
        [2, "u", "X"],
    ]
    assert table["position"].tolist() == [-5.0, 5.0, -3.0, -2.0] and table["realized_closed"].tolist() == [
        -2.0,
        1.0,
        -3.0,
        -2.0,
    ]
    assert table["price"].tolist() == [11.0, 11.0, 2.0, 9.0] and table["equity"].tolist() == [
        100.0,
        50.0,
        100.0,
        90.0,
    ]
    assert table["entry_price"].tolist() == [12.0] * 4
    assert adl.Waves.from_hyperreplay(hyper(), 1.0, "account_value_realtime").labels == (1, 2, 3, 70)
    closed = (hyper()["adl_size"] * hyper()["adl_price"]).sum()
    assert (np.abs(given.realized) * given.price).sum() == pytest.approx(closed, rel=TOL.rounding)


def test_the_twin_has_the_published_figures():
    """Counts exactly; shares and quantiles within 5 %."""
    twin = adl.examples.twin()
    assert (len(twin.wave), len(twin.accounts), len(twin.assets), len(twin.labels)) == (
        34_983,
        19_337,
        162,
        12,
    )
    leverage = np.abs(twin.position) * twin.price / twin.equity
    assert np.quantile(leverage, [0.5, 0.95, 0.99]) == pytest.approx([0.196, 5.10, 122.7], rel=0.05)
    notional = np.abs(twin.position) * twin.price
    first = np.unique(twin.account * 162 + twin.asset, return_index=True)[1]
    closed = (np.abs(twin.realized) * twin.price).sum()
    assert closed == pytest.approx(2.103e9, rel=TOL.formula) and closed / notional[
        first
    ].sum() == pytest.approx(0.897, rel=0.01)
    assert ((twin.realized <= 0) & (twin.realized >= twin.position)).all()


def test_the_same_seed_gives_the_same_bytes():
    one, two, other = (adl.examples.twin(seed, 0.01) for seed in (4, 4, 5))
    for name in ("wave", "account", "asset", "position", "equity", "price", "realized"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.position.tobytes() != other.position.tobytes() and len(one.wave) == 350


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_at_the_end_is_enough_but_for_rounding(seed):
    """Each asset's requirements sum to what is left to every policy: nothing is missing, though the last ones
    may be dust.
    """
    given = adl.examples.twin(seed, 0.2).isolated()
    result = adl.replay(given, [adl.pro_rata, adl.water_filling])
    assert (result.to_frame()["missing"] == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_twin_replays(seed):
    result = adl.replay(adl.examples.twin(seed, 1e-3), [adl.pro_rata, adl.gross_water_filling])
    assert (result.to_frame()["missing"] == 0).all() and len(result.total()) == 3


def test_a_picture_of_the_waves(tmp_path):
    result = adl.replay(waves(*TWO))
    figure = plots.replay(result, tmp_path / "r.png")
    assert (tmp_path / "r.png").stat().st_size > 10_000 and len(figure.axes) == 3
    assert [bar.get_height() for bar in figure.axes[0].containers[0]] == [10.0, 8.0]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [
        line(result, w, "water_filling")["leverage_max"] for w in (1, 2)
    ]


@pytest.mark.shared
def test_the_real_accounts_as_one_wave():
    if not REAL.is_file():
        pytest.skip(
            "the real accounts are not beside this checkout; test_accounts_like_the_real_ones runs on "
            "generated ones"
        )
    book = pd.read_csv(REAL)
    given = adl.Waves.from_frame(book.drop(columns="profit_ratio").assign(wave=1))
    with pytest.raises(adl.EventError, match="124 of 19,337 accounts"):
        adl.replay(given)
    assert len(given.insolvent()) == 124
    result = _one_wave(given.solvent())
    assert line(result, 1, "realized")["notional_closed"] == pytest.approx(2.0929e9, rel=1e-4)


@pytest.mark.shared
def test_the_real_accounts_have_the_figures_that_are_told_of_them():
    """Of the corrected table (December 2025); the twin takes its share closed, and README its 19,213
    accounts.
    """
    if not REAL.is_file():
        pytest.skip(
            "the real accounts are not beside this checkout; test_the_twin_has_the_published_figures runs "
            "on the twin"
        )
    everyone = adl.Book.read(REAL)
    book = everyone.solvent()
    held, closed, leverage = (
        np.abs(book.position),
        np.abs(book.extra["realized_closed"]),
        book.leverage.to_numpy(),
    )
    assert (len(everyone.accounts), len(book.accounts), len(everyone.insolvent())) == (19_337, 19_213, 124)
    assert (book.position <= 0).all() and (book.extra["profit_ratio"] > 1).sum() == 4_419
    assert [held.sum(), book.equity.sum(), closed.sum()] == pytest.approx(
        [2.3338e9, 2.9203e9, 2.0929e9], rel=1e-4
    )
    assert closed.sum() / held.sum() == pytest.approx(CLOSED, abs=5e-4)
    assert np.abs(everyone.extra["realized_closed"]).sum() == pytest.approx(2_103_111_430.86, abs=0.01)
    assert np.quantile(leverage, [0.5, 0.95, 0.99]) == pytest.approx([0.591, 7.00, 237.5], rel=1e-3)
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"for {len(book.accounts):,} real accounts" in readme and f"{100 * CLOSED:.1f} % closed" in readme


def test_accounts_like_the_real_ones():
    """20,000 shorts of one asset, leverage and equity over fourteen decades, 90 % closed."""
    rng = np.random.default_rng(10)
    equity, leverage = 10 ** rng.uniform(-6, 8.5, 20_000), 10 ** rng.normal(-0.5, 1.2, 20_000)
    part = np.where(rng.random(20_000) < 0.9, 1.0, rng.random(20_000) * 0.5)
    table = pd.DataFrame(
        {
            "wave": 1,
            "account": [f"a{i}" for i in range(20_000)],
            "asset": "X",
            "position": -leverage * equity,
            "equity": equity,
        }
    )
    _one_wave(adl.Waves.from_frame(table.assign(price=1.0, realized_closed=table["position"] * part)))


def _one_wave(given):
    result = adl.replay(given, law=adl.LogNormal(0.8, None, 1 / 365))
    table = result.to_frame().set_index("policy")
    assert table.index.tolist() == ["realized", "water_filling", "pro_rata"]
    total = math.fsum(given.realized)
    assert all(math.fsum(result.closed(name)["closed"]) == total for name in table.index)
    assert (
        table.loc["water_filling", "leverage_max"] < table.loc[["realized", "pro_rata"], "leverage_max"].min()
    )
    assert (
        table.loc["water_filling", "ExpectedLoss gap"] <= TOL.gap < table.loc["pro_rata", "ExpectedLoss gap"]
    )
    return result


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.app(["twin", "twin.csv", "--scale", "0.003", "--seed", "2"], standalone_mode=False)
    assert "105 closings" in capsys.readouterr().out
    law = ["--volatility", "all=0.8", "--correlation", "0.7", "--horizon", "1/365", "--law", "gaussian"]
    words = [
        "replay",
        "twin.csv",
        "--isolated",
        "--policy",
        "water_filling",
        *law,
        "-o",
        "out.csv",
        "--plot",
        "out.png",
    ]
    cli.app(words, standalone_mode=False)
    said = capsys.readouterr().out
    assert (
        "realized" in said
        and "water_filling" in said
        and "pro_rata" not in said
        and "gap" in said
        and (tmp_path / "out.png").is_file()
    )
    out, waves_of = pd.read_csv("out.csv"), adl.Waves.read("twin.csv")
    assert len(out) == 2 * len(waves_of.labels) and (out["ExpectedLoss gap"][1::2] <= TOL.gap).all()
    hyper().to_csv("hyper.csv", index=False)
    cli.app(
        ["replay", "hyper.csv", "--hyperreplay", "--solvent", "--every", "30", "--policy", "pro_rata"],
        standalone_mode=False,
    )
    said = capsys.readouterr().out
    assert "left out 0 of 2 accounts" in said and "in 2 waves" in said
