"""The commands of an event in waves: replay and twin."""

import pandas as pd

import adl_opt as adl
from adl_opt.cli import app as cli
from tests.data.test_hyperreplay import hyper
from tests.tolerances import TOL


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
