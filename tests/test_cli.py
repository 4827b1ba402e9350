"""The command line: exit codes, output files, what is printed (DESIGN 6)."""

import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.cli import app as cli

ISOLATED = "account,asset,position,price,equity\na,X,-10,1,1\nb,X,-10,1,2\nc,X,4,1,5\n"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.csv").write_text(ISOLATED, encoding="utf-8")
    (tmp_path / "broke.csv").write_text(ISOLATED + "d,X,-7,1,-3\n", encoding="utf-8")
    adl.load("cross_margin").event(4, 0).book.to_frame().to_parquet(tmp_path / "paper.parquet")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["adl-opt", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return call


def test_demo_prints_the_proof_and_draws(run):
    code, out, _ = run("demo")
    assert (
        code == 0
        and "certified" in out
        and "2,212.645998" in out
        and "302.1" in out
        and Path("adl-opt-demo.png").is_file()
    )
    code, _, err = run("demo")
    assert code == 2 and "--force" in err
    assert run("demo", "--force")[0] == 0


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


LAW = ["--volatility", "BTC=0.6", "--volatility", "ETH=0.75", "--correlation", "0.85", "--horizon", "10/365"]


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


def test_compare(run):
    code, out, _ = run(
        "compare", "book.csv", "--short", "X=6", "--volatility", "0.8", "--horizon", "30/365", "-o", "c.csv"
    )
    assert code == 0 and "water_filling" in out and "pro_rata" in out
    assert "ExpectedLoss gap" in pd.read_csv("c.csv").columns
    pd.read_csv("book.csv").assign(realized_closed=lambda t: 0.5 * t["position"].clip(upper=0)).to_csv(
        "done.csv", index=False
    )
    words = (
        "--policy",
        "pro_rata",
        "--policy",
        "water_filling",
        "--model",
        "minimax_leverage",
        "--plot",
        "c.png",
    )
    code, out, _ = run("compare", "done.csv", "--realized", *words)
    assert (
        code == 0
        and "realized" in out
        and "Gini" in out
        and "ExpectedLoss" not in out
        and Path("c.png").stat().st_size > 5_000
    )
    assert run("compare", "done.csv", "--realized", "--short", "X=6")[0] == 2


def test_verify_and_models(run):
    code, out, _ = run("verify", "cross_margin")
    assert code == 0 and "11 of 11 claims hold" in out
    code, out, _ = run("verify", "queue")
    assert (
        code == 0
        and "no, as stated" in out
        and "11 of 11 claims are as stated, 5 of them stated to fail" in " ".join(out.split())
    )
    code, out, _ = run("models")
    assert code == 0 and "cross_margin" in out and "expected_loss" in out


def test_verify_fails_on_a_false_claim(run, tmp_path):
    source = (Path(adl.load("cross_margin").event.__code__.co_filename)).read_text(encoding="utf-8")
    (tmp_path / "false_model.py").write_text(
        source.replace("2212.645998 - 1", "2212.7 - 1"), encoding="utf-8"
    )
    code, out, _ = run("verify", "false_model.py")
    assert code == 1 and "NO" in out and "10 of 11" in out


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


def test_remedies_are_options(run):
    _, _, err = run("solve", "paper.parquet", "--short", "BTC=10", "--model", "cvar", *LAW)
    assert "--quadrature 20 or --sample 4096" in err and "law.quadrature" not in err
    _, _, err = run("solve", "book.csv")
    assert "--short BTC=10" in err
    assert run("solve", "book.csv", "--short", "X=1", "--plot", "x.txt")[0] == 2


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0 and adl.__version__ in out


def test_keyboard_interrupt_is_one_line(run, monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    code, _, err = run("demo")
    assert code == 130 and "interrupted" in err


def test_entry_point_is_installed():
    script = Path(sys.executable).parent / "adl-opt"
    if not script.exists():
        pytest.skip("adl_opt is not installed here (PYTHONPATH run); make test installs it")
    done = subprocess.run([str(script), "models"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "expected_loss" in done.stdout


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


def test_range(run):
    words = ("range", "book.csv", "--short", "X=6", "--model", "cvar")
    code, out, _ = run(*words)
    assert code == 0 and "there is one optimum" in out and "every law (Thm 1)" in out
    code, out, _ = run(*words, "--volatility", "1", "--horizon", "0.1", "--sample", "8", "-o", "ranges.csv")
    assert code == 0 and "positions can close more or less" in out
    assert list(pd.read_csv("ranges.csv").columns) == ["account", "asset", "least", "most"]
    code, _, err = run(*words, "--volatility", "1", "--horizon", "0.1", "--sample", "8", "-o", "ranges.csv")
    assert code == 2 and "--force" in err
    code, out, _ = run("range", "paper.parquet", "--short", "BTC=10", *LAW, "--quadrature", "8")
    assert code == 0 and "programs over the optimal face" in out


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


def test_axioms_prints_the_table(run):
    code, out, _ = run("axioms", "bitmex", "-o", "table.csv")
    table = pd.read_csv("table.csv").set_index("axiom")
    assert code == 0 and "wash trade" in out and "support.bitmex.com" in out and "no proof" in out
    assert not table.loc["symmetry", "holds"] and table.loc["consistency", "holds"]
    code, _, err = run("axioms", "bitmx")
    assert (
        code == 2
        and err.count("\n") == 1
        and "there is no policy 'bitmx'; did you mean 'bitmex'? there are water_filling" in err
    )


def test_stress_writes_the_solvent_book_and_the_next_command_solves_it(run):
    text = "account,asset,position,price,equity\n"
    text += "a,BTC,10,100,120\nb,BTC,-6,100,300\nc,BTC,-5,100,100\nd,BTC,1,100,500\n"
    Path("two sided.csv").write_text(text, encoding="utf-8")
    code, out, _ = run(
        "stress", "two sided.csv", "--move", "BTC=-0.15", "--fund", "1e1", "-o", "after shock.csv"
    )
    assert (
        code == 0
        and "owing a 30" in out
        and "uncovered 20" in out
        and "close 10 of solvent shorts, who hold 11" in out
    )
    written = pd.read_csv("after shock.csv")
    assert written["account"].tolist() == ["b", "c", "d"] and written["price"].tolist() == [85.0] * 3
    following = next(line for line in out.splitlines() if line.startswith("next: adl-opt "))
    assert following.endswith("--short BTC=10.0")
    code, out, _ = run(*shlex.split(following)[2:])
    assert code == 0 and "certified" in out
    code, _, err = run("stress", "two sided.csv", "--move", "BTC=-0.15", "-o", "after shock.csv")
    assert code == 2 and "--force" in err and err.count("\n") == 1
    code, out, _ = run("stress", "two sided.csv", "--move", "BTC=-0.15")
    assert code == 0 and "after.csv writes that book" in out and not Path("after.csv").exists()


def test_stress_in_cross_margin_names_a_law_and_broke_accounts_an_option(run):
    code, out, _ = run(
        "stress", "paper.parquet", "--move", "BTC=0.4", "--move", "ETH=0.5", "-o", "after.parquet"
    )
    assert code == 0 and "insolvent: " in out
    for line in out.splitlines():
        if line.startswith("next: "):
            assert "--volatility" in line and run(*shlex.split(line)[2:])[0] == 0
    code, _, err = run("stress", "broke.csv", "--move", "X=-0.1")
    assert code == 2 and "'d' with -3" in err and "--solvent" in err and "book.solvent" not in err
    assert "left out 1 of 4" in run("stress", "broke.csv", "--move", "X=-0.1", "--solvent")[1]
    code, _, err = run("stress", "book.csv", "--move", "X=9")
    assert code == 2 and "which is +900 %; write 0.09 for 9 %, or say --meant" in err
    code, out, _ = run("stress", "book.csv", "--move", "X=9", "--meant")
    assert code == 0 and "missing" in out


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
