"""Work for process pools, threads and a cluster: the same results, bit for bit, as here."""

import multiprocessing
import pickle
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.executors import mapped
from tests.studies.test_frontier import Unproved

PAPER = adl.examples.paper()
LAW = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(6)


class Mine(adl.Objective):
    """A user's own, of a class that another process may have to be told."""

    money = 0

    def __init__(self, power):
        self.power = power

    def express(self, m):
        import cvxpy as cp

        return cp.sum(cp.power(m.leverage, self.power))

    def value(self, m):
        return float((m.leverage**self.power).sum())


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster of two processes on this machine."""
    distributed = pytest.importorskip(
        "distributed", reason="dask.distributed is not installed: the extra `cluster` brings it"
    )
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
        distributed.Client(two) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        yield client.get_executor()


WAVES = adl.examples.twin(scale=0.002)
PATH = pd.DataFrame({"BTC": [0.2, -0.1, 0.3], "ETH": [-0.1, 0.4, 0.1]})


def own_pro_rata(event):
    return adl.pro_rata(event)


STUDIES = {
    "sweep": lambda executor: adl.sweep(
        lambda level, hours: adl.Problem(
            adl.CVaR(level), PAPER, adl.LogNormal([0.6, 0.75], 0.85, hours / 8760).quadrature(5)
        ),
        level=[0.8, 0.95],
        hours=[240, 720],
        executor=executor,
    ),
    "problem.sweep": lambda executor: adl.Problem(adl.ExpectedLoss() + Mine(2), PAPER, LAW).sweep(
        short={"BTC": [1.0, 5.0, 10.0, 20.0]}, loading=[0.6, 0.75], executor=executor
    ),
    "frontier": lambda executor: adl.frontier(
        adl.Problem(adl.ExpectedLoss(), PAPER, LAW), adl.MaxLeverage(), points=7, executor=executor
    ),
    "compare": lambda executor: adl.compare(
        PAPER,
        LAW,
        {"pro rata": own_pro_rata, "typed": lambda event: adl.uniform(event.with_requirement(event.short))},
        [adl.ExpectedLoss(), adl.MeanVariance(1e-6), Mine(3)],
        executor=executor,
    ),
    "stress_path": lambda executor: adl.stress_path(PAPER.book, PATH, fund=1e4, executor=executor),
    "replay": lambda executor: _whole(
        adl.replay(WAVES, ["pro_rata", "uniform"], adl.Gaussian(0.01 * np.eye(len(WAVES.assets))),
                   progress=False, executor=executor)
    ),
}  # fmt: skip


def _whole(replay):
    """All that a replay holds, one table below the other."""
    closed = [replay.closed(name).assign(policy=name) for name in ("realized", "pro_rata", "uniform")]
    return pd.concat([pd.DataFrame(one) for one in (replay.frame, replay.required, *closed)])


@cache
def serial(study):
    return STUDIES[study](None)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("executor", ["processes", "threads", "cluster"])
def test_studies_are_the_same_bit_for_bit_by_any_executor(executor, study, request):
    table = STUDIES[study](request.getfixturevalue(executor))
    pd.testing.assert_frame_equal(table, serial(study), check_exact=True)
    assert table.attrs == serial(study).attrs


OBJECTIVES = [
    adl.AccountCVaR(0.9), adl.CVaR(0.9), adl.Entropic(1e-5), adl.ExpectedLoss(), adl.Expectile(0.8),
    adl.FactorLeverageSquare(), adl.LeveragePower(3), adl.LeverageSquare(), adl.MaxLeverage(),
    adl.MeanDeviation(0.5), adl.MeanSemideviation(0.5), adl.MeanVariance(1e-6), adl.WorstCase(),
    adl.MonotoneMeanVariance(1e-6), adl.Spectral((0.0, 0.4, 0.6)), Mine(2.0),
    0.5 * adl.ExpectedLoss() + 2 * Mine(3.0),
]  # fmt: skip
EXACT = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
LAWS = [LAW, EXACT, adl.Gaussian(np.eye(2) * 0.01), adl.StudentT(np.eye(2) * 0.01, dof=4),
        adl.OneFactor([0.1, 0.2], adl.Scenarios([-1.0, 0.0, 1.0]))]  # fmt: skip


def told(one):
    """What a process says of what was sent to it."""
    if isinstance(one, adl.Problem):
        best = one.solve()
        return best.certificate, best.amount.tolist()
    if isinstance(one, adl.Objective):
        return str(one), adl.certify(one, PAPER, LAWS[-1], adl.pro_rata(PAPER)).value
    return repr(one), one.assets if isinstance(one, adl.Law) else one.in_words()


def test_problems_events_laws_and_objectives_travel(processes):
    limited = adl.Event(PAPER.book, short={"BTC": 10.0}, cap=0.5, protected=["D"])
    problems = [
        adl.Problem(adl.ExpectedLoss(), PAPER, law) for law in (LAW, adl.Gaussian(np.eye(2) * 0.01))
    ] + [adl.Problem(Mine(2), limited), adl.Problem(adl.ExpectedLoss(), PAPER, EXACT)]
    sent = [*OBJECTIVES, *LAWS, PAPER, limited, *problems]
    assert mapped(told, sent, processes) == [told(one) for one in sent]


def test_a_class_and_a_function_typed_at_a_prompt_travel(processes):
    class Typed(Mine):
        pass

    found = mapped(lambda power: told(Typed(power)), [1.5, 2.0], processes)
    assert found == [told(Typed(1.5)), told(Typed(2.0))]


def test_results_come_in_order_and_the_first_error_is_raised(processes, threads):
    for executor in (None, processes, threads):
        assert mapped(abs, [3, -1, 2], executor) == [3, 1, 2] and mapped(abs, [], executor) == []
        with pytest.raises(ZeroDivisionError):
            mapped(lambda x: 1 / x, [1, 0, "x"], executor)


def test_what_has_not_begun_is_given_up():
    begun = []

    def slow(x):
        begun.append(x)
        time.sleep(1e-3)
        return 1 / x

    with ThreadPoolExecutor(1) as one, pytest.raises(ZeroDivisionError):
        mapped(slow, [0, *range(1, 10_000)], one)
    assert len(begun) < 5_000


def test_open_gaps_in_other_processes_are_heard_here(processes):
    problem = adl.Problem(Unproved(), PAPER)
    with pytest.warns(adl.UncertifiedWarning, match="2 of 2 lines, first number 1"):
        table = problem.sweep(short={"BTC": [5.0, 10.0]}, executor=processes)
    with pytest.warns(adl.UncertifiedWarning, match="2 of 2 lines, first number 1"):
        assert table.equals(problem.sweep(short={"BTC": [5.0, 10.0]}))


def test_a_process_unpacks_what_is_asked_once():
    """So a problem is compiled once in each process, not once for each line."""

    class Here(ThreadPoolExecutor.__base__):
        def submit(self, function, item):
            future = Future()
            future.set_result(function(item))
            return future

    seen = mapped(_Seen(), [1, 2, 3], Here())
    assert len(set(seen)) == 1


class _Seen:
    def __call__(self, _):
        return id(self)


def test_a_certificate_travels_back():
    best = adl.Problem(adl.ExpectedLoss(), PAPER, LAW).solve()
    assert pickle.loads(pickle.dumps(best.certificate)) == best.certificate
