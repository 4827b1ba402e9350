"""The command line: exit codes, files, errors in a line, the commands beside solve."""

import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import adl_opt as adl
from adl_opt.cli import app as cli
from adl_opt.cli.app import app
from tests.books import one_asset


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


LAW = ["--volatility", "BTC=0.6", "--volatility", "ETH=0.75", "--correlation", "0.85", "--horizon", "10/365"]


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
    following = [line for line in out.replace("\\\n", "").splitlines() if line.startswith("next: ")]
    assert len(following) == 1
    for line in following:
        assert "--volatility" in line and run(*shlex.split(line)[2:])[0] == 0
    code, out, _ = run("stress", "broke.csv", "--move", "X=-0.1")
    assert code == 0 and "owing d " in out
    assert "1 of 4 accounts are without" in run("stress", "broke.csv", "--move", "X=-0.1", "--solvent")[1]
    code, _, err = run("stress", "book.csv", "--move", "X=9")
    assert code == 2 and "which is +900 %; write 0.09 for 9 %, or say --meant" in err
    code, out, _ = run("stress", "book.csv", "--move", "X=9", "--meant")
    assert code == 0 and "missing" in out


def test_limits_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_asset([-8.0, -4.0, -2.0], [1.0, 1.0, 1.0], 5.0).book.to_frame().to_csv("b.csv", index=False)
    run = CliRunner().invoke
    done = run(app, ["solve", "b.csv", "--short", "X=5", "--protect", "a1", "--cap", "1/2", "-o", "o.json"])
    assert done.exit_code == 0 and "1 account protected; cap 0.5" in done.output
    assert adl.Allocation.load("o.json").amount.tolist() == [4.0, 0.0, 1.0]
    done = run(
        app, ["compare", "b.csv", "--short", "X=5", "--protect", "a1", "--protect", "a2", "--cap", "0.7"]
    )
    assert done.exit_code == 0 and "water_filling" in done.output
    assert run(app, ["range", "b.csv", "--short", "X=3", "--cap", "0.5"]).exit_code == 0
    for words, says in (
        ("--protect a9", "'a9'"),
        ("--cap 2", "cap = 2.0"),
        ("--cap 0.25", r"3.5 may be closed"),
    ):
        failed = run(app, ["solve", "b.csv", "--short", "X=5", *words.split()])
        assert isinstance(failed.exception, adl.AdlError) and says in str(failed.exception)
