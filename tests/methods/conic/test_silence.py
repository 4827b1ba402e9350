"""HiGHS keeps its name to itself: whatever solves, in whichever order, only we speak on stdout."""

import os
import subprocess
import sys

import pytest

from tests.books import ROOT

START = """
import threading
import numpy as np
import adl_opt as adl
event = adl.load("cross_margin").event(4, 0)
law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(4)
problem = adl.Problem(adl.ExpectedLoss(), event, law)
one = adl.examples.random_shorts(5, 1)
"""
PATHS = """
problem.solve(method="conic", solver="HIGHS")
problem.cvxpy.solve(solver="HIGHS")                                     # a user's solve of our program
adl.optimal_range(problem)                                              # highspy itself
adl.Problem(adl.WorstCase(), event, law).solve(prefer="fewest-accounts")  # integers through CVXPY
adl.without_remainders(one, adl.Scenarios([-0.2, 0.3]), {})             # scipy's own
adl.factor_targets(event, {"BTC": 1.0, "ETH": 1.2})
"""
THREADS = """
problems = [adl.Problem(adl.ExpectedLoss(), event, law) for _ in range(4)]
workers = [threading.Thread(target=one.solve, kwargs={"method": "conic"}) for one in problems]
for worker in workers: worker.start()
for worker in workers: worker.join()
"""


def said(code: str, *options: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("paths", [PATHS, THREADS], ids=["every path", "threads"])
def test_only_we_speak_on_stdout(paths):
    assert said(START + paths + "print('done')") == (0, "done\n", "")


def test_highs_would_say_its_name_if_it_were_not_silenced():
    """The release that speaks in its constructor does so without us; others never did.

    Then the tests above can fail.
    """
    code, out, _ = said("import highspy; print(highspy.Highs().version(), flush=True)")
    version = tuple(map(int, out.split()[-1].split(".")))
    assert code == 0 and (version[:2] != (1, 16) or "Running HiGHS 1.16" in out)


def test_the_command_line_says_what_it_said(tmp_path):
    book = tmp_path / "book.csv"
    book.write_text(
        "account,asset,position,price,equity\na,X,-10,1,1\nb,X,-10,1,2\nc,Y,4,1,5\nc,X,-1,1,5\n",
        encoding="utf-8",
    )
    law = ["--volatility", "all=60%", "--correlation", "50%", "--horizon", "10/365", "--quadrature", "4"]
    for words in (
        ["solve", str(book), "--short", "X=6", "--method", "conic"],
        ["range", str(book), "--short", "X=6"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "adl_opt", *words, *law], env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert (
            done.returncode == 0
            and "HiGHS 1" not in done.stdout
            and "third-party" not in done.stdout
            and not done.stderr
        )
        assert done.stdout.startswith(("close 6 of X", "optima of ExpectedLoss"))


def test_verbose_is_still_heard():
    """Only the name is silenced: who asks CVXPY for HiGHS's log gets it."""
    code, out, _ = said(START + "problem.cvxpy.solve(solver='HIGHS', verbose=True)")
    assert code == 0 and "Model status" in out and "Running HiGHS 1.16" not in out
