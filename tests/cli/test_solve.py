"""The command solve: laws, models, settings, output files."""

from pathlib import Path

import pandas as pd
import pytest

import adl_opt as adl
from tests.cli.test_cli import LAW


def test_solve_without_a_law(run):
    code, out, _ = run("solve", "book.csv", "--short", "X=6", "-o", "out.csv", "--plot", "out.png")
    assert code == 0 and "optimal for every law (Thm 1)" in out and Path("out.png").is_file()
    assert pd.read_csv("out.csv")["left"].tolist() == pytest.approx([-14 / 3, -28 / 3, 4.0])


def test_solve_to_json_and_parquet(run):
    assert run("solve", "book.csv", "--short", "X=6", "-o", "out.json")[0] == 0
    assert adl.Allocation.load("out.json").certificate.certified
    assert run("solve", "book.csv", "--short", "X=all", "-o", "out.parquet")[0] == 0
    assert pd.read_parquet("out.parquet")["left"].tolist() == [0.0, 0.0, 4.0]


def test_nothing_is_overwritten_without_force(run):
    Path("out.csv").write_text("mine", encoding="utf-8")
    code, _, err = run("solve", "book.csv", "--short", "X=6", "-o", "out.csv")
    assert code == 2 and "--force" in err and Path("out.csv").read_text(encoding="utf-8") == "mine"
    assert run("solve", "book.csv", "--short", "X=6", "-o", "out.csv", "--force")[0] == 0


def test_insolvent_accounts_are_named_then_left_out_and_said(run):
    code, out, err = run("solve", "broke.csv", "--short", "X=6")
    assert (
        code == 2
        and "'d' with -3" in err
        and "--solvent" in err
        and "Traceback" not in err
        and err.count("\n") == 1
    )
    code, out, _ = run("solve", "broke.csv", "--short", "X=6", "--solvent")
    assert (
        code == 0 and "left out 1 of 4 accounts" in out and "equity -3" in out and "gross notional 7" in out
    )


def test_cross_margin_with_a_law(run):
    code, out, _ = run("solve", "paper.parquet", "--short", "BTC=10", *LAW, "--quadrature", "20")
    assert code == 0 and "2,212.645998" in out
    code, out, _ = run(
        "solve",
        "paper.parquet",
        "--short",
        "BTC=10",
        *LAW,
        "--sample",
        "256",
        "--method",
        "conic",
        "--model",
        "cross_margin",
    )
    assert code == 0 and "certified by conic" in out
    code, _, err = run("solve", "paper.parquet", "--short", "BTC=10")
    assert code == 2 and "--volatility" in err
    code, out, _ = run("solve", "paper.parquet", "--short", "BTC=10", *LAW)
    assert code == 0 and "2,194.889592" in out and "certified by separable" in out
    code, _, err = run("solve", "paper.parquet", "--short", "BTC=10", *LAW, "--model", "cvar")
    assert code == 2 and "quadrature" in err


def test_scenarios_from_a_file(run):
    moves = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(20)
    frame = pd.DataFrame(moves.moves, columns=["BTC", "ETH"]).assign(probability=moves.probability)
    frame.to_csv("moves.csv", index=False)
    frame.to_parquet("moves.parquet")
    for name in ("moves.csv", "moves.parquet"):
        code, out, _ = run("solve", "paper.parquet", "--short", "BTC=10", "--scenarios", name)
        assert code == 0 and "2,212.645998" in out


def test_uncertified_is_exit_1(run, monkeypatch):
    from adl_opt.problem.problem import Problem

    monkeypatch.setattr(Problem, "solve", lambda self, **_: adl.pro_rata(self.event))
    code, out, _ = run("solve", "book.csv", "--short", "X=6")
    assert code == 1 and "uncertified by pro_rata" in out


def test_settings_of_the_objective(run, tmp_path):
    source = (Path(adl.load("cross_margin").event.__code__.co_filename)).read_text(encoding="utf-8")
    (tmp_path / "power.py").write_text(
        source.replace("objective=adl.ExpectedLoss()", "objective=adl.LeveragePower(3.0)"), encoding="utf-8"
    )
    code, out, _ = run("solve", "paper.parquet", "--short", "BTC=10", "--model", "power.py", "--set", "p=2")
    assert code == 0 and "LeveragePower(2)" in out


def test_solve_with_a_model_and_its_settings(run):
    code, out, _ = run(
        "solve",
        "paper.parquet",
        "--short",
        "BTC=10",
        *LAW,
        "--quadrature",
        "8",
        "--model",
        "cvar",
        "--set",
        "level=0.99",
    )
    assert code == 0 and "certified" in out and "CVaR(level=0.99) (quote currency)" in out
    code, out, _ = run(
        "solve",
        "paper.parquet",
        "--short",
        "BTC=10",
        *LAW,
        "--quadrature",
        "8",
        "--model",
        "spectral",
        "--set",
        "weights=0.2,0.3,0.5",
    )
    assert code == 0 and "Spectral([0.2, 0.3" in out


def test_solve_says_what_cannot_be_minimised(run):
    code, _, err = run(
        "solve",
        "book.csv",
        "--short",
        "X=6",
        "--model",
        "mean_variance",
        "--volatility",
        "1",
        "--horizon",
        "1",
        "--sample",
        "16",
    )
    assert (
        code == 2 and "cannot be minimised" in err and "MonotoneMeanVariance" in err and err.count("\n") == 1
    )


def test_prefer(run):
    words = (
        "solve",
        "book.csv",
        "--short",
        "X=6",
        "--volatility",
        "1",
        "--horizon",
        "0.1",
        "--sample",
        "8",
        "--model",
        "worst_case",
    )
    code, out, _ = run(*words, "--prefer", "fewest-accounts")
    assert code == 0 and "certified" in out
    code, _, err = run(*words, "--prefer", "few")
    assert code == 2 and "water-filling, fewest-accounts, keep-hedges" in err


def test_laws_by_name(run):
    words = ("solve", "paper.parquet", "--short", "BTC=10", *LAW)
    for more in (("--law", "gaussian"), ("--law", "student", "--dof", "4")):
        code, out, _ = run(*words, *more)
        assert code == 0 and "certified by separable" in out and "the only optimum" in out
    for more, says in (
        (("--law", "normal"), "lognormal, gaussian, student"),
        (("--law", "student"), "needs --dof"),
        (("--dof", "4"), "--law student"),
    ):
        code, _, err = run(*words, *more)
        assert code == 2 and says in err
    code, _, err = run(*words, "--law", "student", "--dof", "1.5")
    assert code == 2 and "more than 2" in err


def test_a_generated_book_is_solved(run):
    code, out, _ = run("generate", "made.parquet", "--accounts", "3000", "--assets", "4", "--seed", "2")
    assert code == 0 and "3,000 accounts, 4 assets" in out and "--short C0=30%" in out
    words = ("--volatility", "all=0.8", "--correlation", "0.7", "--horizon", "1/365", "--law", "gaussian")
    code, out, _ = run("solve", "made.parquet", "--short", "C0=30%", "--short", "C1=20%", *words)
    assert code == 0 and "certified by separable" in out
    code, _, err = run("generate", "made.parquet")
    assert code == 2 and "--force" in err
    code, _, err = run("generate", "other.csv", "--accounts", "0")
    assert code == 2 and "n = 0: a book has at least one account" in err
    code, _, err = run("solve", "made.parquet", "--short", "C0=x%", *words)
    assert code == 2 and "a share such as '35%'" in err


def test_laws_that_look_like_slips_are_asked_about_and_meant_is_the_answer(run):
    Path("percent.csv").write_text("X,probability\n5,0.5\n-3,0.5\n", encoding="utf-8")
    for law, says in (
        (["--scenarios", "percent.csv"], "1 of 2 moves are below -1, first number 2 of 'X': -3"),
        (["--volatility", "0.6", "--horizon", "10"], "horizon = 10 years: write 10/365"),
        (["--volatility", "60", "--horizon", "1/365"], "'X' is 60, 6,000 % a year"),
        (["--volatility", "0.6", "--horizon", "10", "--law", "gaussian"], "horizon = 10 years"),
        (["--volatility", "60", "--horizon", "1/365", "--law", "student", "--dof", "4"], "6,000 % a year"),
    ):
        for command in ("solve", "range", "compare"):
            code, _, err = run(command, "book.csv", "--short", "X=6", *law)
            assert code == 2 and says in err and "say --meant" in err and "meant=True" not in err
        assert run("solve", "book.csv", "--short", "X=6", "--meant", *law)[0] == 0


def test_scenario_files_are_read_like_books(run):
    Path("twice.csv").write_text("X, X\n0.1,0.2\n", encoding="utf-8")
    code, _, err = run("solve", "book.csv", "--short", "X=6", "--scenarios", "twice.csv")
    assert code == 2 and "has the column 'X' 2 times, as 'X', ' X'" in err
    Path("gone.csv").write_text('X\n0.1\n""\n', encoding="utf-8")
    assert "missing or infinite" in run("solve", "book.csv", "--short", "X=6", "--scenarios", "gone.csv")[2]
    pd.DataFrame({"X": [0.5, -0.2], "probability": [0.25, 0.75]}).to_parquet("moves.parquet")
    assert "certified" in run("solve", "book.csv", "--short", "X=6", "--scenarios", "moves.parquet")[1]
