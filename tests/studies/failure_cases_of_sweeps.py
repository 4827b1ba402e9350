"""Failure cases of sweeps, frontiers and executors."""

import threading
from concurrent.futures import BrokenExecutor, Executor

import numpy as np

import adl_opt as adl
from adl_opt.executors import mapped
from tests.failures import EVENT, LAW, PAPER, PAPER_LAW, PROBLEM, Case

GROSS = adl.MaxLeverage()


class Broken(Executor):
    def submit(self, *_):
        raise BrokenExecutor("a child process terminated abruptly.")


class Elsewhere(Executor):
    """Takes what would travel, and does nothing."""


class Client:
    """Looks like Dask's."""

    def get_executor(self):
        return Broken()


def build(level, contracts=6.0):
    return adl.Problem(adl.CVaR(level), EVENT.with_requirement(short={"X": contracts}), LAW)


def swept(*args, **lists):
    return lambda _: adl.sweep(*args, **lists)


def frontier(*args, **options):
    return lambda _: adl.frontier(*args, **options)


CASES = [
    Case("sweep takes a function of the parameters that returns a Problem, not Problem", swept(PROBLEM)),
    Case("nothing to sweep over: give lists by the names", swept(build)),
    Case("level is an empty list: there is nothing to sweep over", swept(build, level=[])),
    Case(r"level = 0.9 is no list; write level=\[...\]", swept(build, level=0.9)),
    Case(r"level = ab is no list; write level=\[...\]", swept(build, level="ab")),
    Case("level = .* is no list", swept(build, level={0.9: 1})),
    Case("level = .* is no list", swept(build, level=np.ones((2, 2)))),
    Case(
        "zipped lists have one length, but level has 2 values and contracts 3; without zipped=True",
        swept(build, zipped=True, level=[0.8, 0.9], contracts=[1, 2, 3]),
    ),
    Case("build cannot be called with levle: .*; it takes level, contracts", swept(build, levle=[0.8])),
    Case(
        "build cannot be called with contracts: missing a required argument: 'level'",
        swept(build, contracts=[0.8]),
    ),
    Case(
        "at level = 0.9: build returns Allocation, not a Problem",
        swept(lambda level: PROBLEM.solve(), level=[0.9]),
    ),
    Case(
        "at level = 0.9, contracts = 99: cannot close 99.0 contracts",
        swept(build, level=[0.9], contracts=[1, 99]),
        adl.EventError,
    ),
    Case("a sweep has a column 'objective' of its own", swept(build, objective=[adl.MaxLeverage()])),
    Case("tol = 2: the relative gap", swept(build, tol=2, level=[0.9]), adl.SolveError),
    Case("there is no method 'magic'", swept(build, method="magic", level=[0.9]), adl.SolveError),
    Case("sweep takes a concurrent.futures.Executor, .* not int$", swept(build, level=[0.9], executor=2)),
    Case(
        "or None as executor, not Client; of a Dask client, write client.get_executor",
        swept(build, level=[0.9], executor=Client()),
    ),
    Case("compare takes a concurrent.futures.Executor", lambda _: adl.compare(EVENT, executor=2)),
    Case("stress_path takes a conc", lambda _: adl.stress_path(EVENT.book, None, executor=2)),
    Case("replay takes a concurrent.futures.Executor", lambda _: adl.replay(None, executor=2)),
    Case("sweep takes a concurrent", lambda _: PROBLEM.sweep(short={"X": [1.0]}, executor=2)),
    Case(
        "a process of the executor broke down .a child process terminated abruptly.: it had too little",
        swept(build, level=[0.9], executor=Broken()),
    ),
    Case(
        "item 2 of 2 cannot be sent to another process: cannot pickle '_thread.lock' object",
        lambda _: mapped(str, [1, threading.Lock()], Elsewhere()),
    ),
    Case("frontier takes a Problem first, then another objective, not Event", frontier(EVENT, GROSS)),
    Case(
        "the other objective of a frontier is an Objective, not .*; write MaxLeverage()",
        frontier(PROBLEM, adl.MaxLeverage),
    ),
    Case(
        "the other objective of a frontier is an Objective, not 'MaxLeverage'",
        frontier(PROBLEM, "MaxLeverage"),
    ),
    Case("points = 1: a frontier has a whole number of points", frontier(PROBLEM, GROSS, 1)),
    Case("points = 2.5: a frontier has a whole number", frontier(PROBLEM, GROSS, 2.5)),
    Case("points = True: a frontier has a whole number", frontier(PROBLEM, GROSS, True)),
    Case("both objectives of the frontier are named 'ExpectedLoss'", frontier(PROBLEM, adl.ExpectedLoss())),
    Case(
        "MeanVariance.* can only be valued, not minimised, so it has no frontier",
        frontier(PROBLEM, adl.MeanVariance(1e-3)),
    ),
    Case("tol = 0: the relative gap", frontier(PROBLEM, GROSS, tol=0), adl.SolveError),
    Case("frontier takes a concurrent.futures.Executor", frontier(PROBLEM, GROSS, executor=2)),
    Case(
        "one-factor law",
        frontier(adl.Problem(adl.ExpectedLoss(), PAPER, PAPER_LAW), adl.FactorLeverageSquare()),
        adl.LawError,
    ),
    Case("law", frontier(adl.Problem(adl.MaxLeverage(), PAPER), adl.ExpectedLoss()), adl.LawError),
]
