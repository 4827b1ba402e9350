"""The commands read, lights and identify."""

import numpy as np
import pandas as pd
import pytest

from adl_opt.cli import output

SIX = pd.DataFrame(
    {
        "account": [f"a{i}" for i in range(1, 7)], "asset": "X", "price": 100.0, "entry_price": 80.0,
        "position": [10.0, 10, 20, 30, 20, 10],
        "equity": 25 * np.array([10.0, 10, 20, 30, 20, 10]) / [3, 6, 1, 4, 5, 2],
    }
)  # fmt: skip


@pytest.fixture
def six(run, monkeypatch):
    monkeypatch.setattr(output.console, "_width", 160)  # what is folded elsewhere stays whole here
    closed = [0.0, 10, 0, 0, 10, 0]
    SIX.assign(realized_closed=closed).to_csv("six.csv", index=False)
    return run


def row(out: str, name: str) -> list[str]:
    return next(line.split() for line in out.splitlines() if line.split()[:1] == [name])


def test_lights_of_all_and_of_one(six):
    code, out, _ = six("lights", "six.csv", "--policy", "bitmex", "-o", "lights.csv")
    assert code == 0 and [int(row(out, f"a{i}")[-1]) for i in range(1, 7)] == [2, 5, 1, 3, 4, 2]
    assert pd.read_csv("lights.csv")["percentile"].tolist() == [20, 40, 60, 80, 80, 100]
    code, out, _ = six("lights", "six.csv", "--policy", "bitmex", "--account", "a4", "--reach")
    assert code == 0 and row(out, "a4")[-5:] == ["6", "30", "60", "%", "3"]
    assert "X up: not reached" in out and "it fails itself at" in out and "a5" not in out


def test_lights_says_how_far_a_price_must_move(six):
    shorts = SIX.iloc[:2].assign(account=["s", "t"], position=[-60.0, -40.0], equity=[600.0, 2000.0])
    pd.concat([SIX, shorts]).to_csv("both.csv", index=False)
    code, out, _ = six("lights", "both.csv", "--policy", "leverage_queue", "--account", "a4", "--reach")
    assert code == 0 and "X up: reached at +10 %, price 110: closes 30 of 60" in out


def test_identify(six):
    code, out, _ = six("identify", "six.csv", "-o", "rules.csv")
    assert code == 0 and row(out, "bitmex")[1:5] == ["100.0", "%", "100.0", "%"]
    assert (
        "bitmex" in out.split("wrote")[0].rsplit("\n\n", 1)[-1]
        and pd.read_csv("rules.csv")["explained"].max() == 1
    )
    code, out, _ = six("identify", "six.csv", "--policy", "leverage_queue")
    assert code == 0 and "bitmex" not in out


def test_read_says_what_is_there_and_what_is_missing(six):
    code, out, _ = six("read", "six.csv")
    assert code == 0 and "6 with 6 positions" in out and "X: 6 long 100, 0 short 0 contracts at 100" in out
    words = " ".join(out.split())  # lines may be folded
    assert "identify and compare --realized can be asked" in words and "isolated" in words
    assert "kucoin_opening: ranks by the initial margin" in out
    code, out, _ = six("read", "broke.csv")
    assert (
        "1 account, owing 3 quote currency in all, first 'd'" in out
        and "needs the column realized_closed" in out
    )
    assert "ethereal" not in next(line for line in out.splitlines() if line.startswith("rules"))
    table = pd.DataFrame({"symbol": "BTC/USDT:USDT", "side": ["long", "short"], "contracts": [3, 4]})
    table = table.assign(account="h", contractSize=0.1, markPrice=100.0, collateral=90.0, tier=2)
    table.to_csv("ccxt.csv", index=False)
    code, out, _ = six("read", "ccxt.csv", "--dialect", "ccxt")
    assert code == 0 and "1 account in hedge mode" in out and "0.3, 1 short 0.4" in out
    assert "not used" in out and "tier" in out
