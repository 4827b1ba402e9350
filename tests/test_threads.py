"""Threads: one Problem shared by many, programs compiled together, warnings for whoever asked; copies that
travel.
"""

import copy
import pickle
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.methods.conic.optimal_face import LevelSet
from adl_opt.threads import filtered, uncertified, unheard
from tests import books
from tests.books import count
from tests.tolerances import TOL

THREADS = 8
REQUIRED = [2.0, 3.5, 5.0, 6.5, 8.0, 9.5, 11.0, 12.0]


@pytest.fixture(autouse=True)
def impatient():
    """Threads take turns a thousand times as often: what can go wrong between two lines does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def together(task, times):
    """`task(number)` of each number, by eight threads that start together."""
    gate = threading.Barrier(THREADS)

    def mine(thread):
        gate.wait()
        return [task(number) for number in times[thread::THREADS]]

    with ThreadPoolExecutor(THREADS) as pool:
        return [one for some in pool.map(mine, range(THREADS)) for one in some]


def a_law() -> adl.Scenarios:
    return adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(5)


class Twice(adl.Objective):
    """Twice the expected loss, by a user, with a variable of its own: held against `value` before it is
    solved.
    """

    def express(self, m):
        level = cp.Variable(nonneg=True)
        m.subject_to(level >= cp.sum(m.expected_shortfall))
        return level + cp.sum(m.expected_shortfall)

    def value(self, m):
        return 2 * float(m.expected_shortfall.sum())


@pytest.mark.parametrize(
    "objective", [adl.ExpectedLoss(), adl.CVaR(0.9), adl.LeverageSquare(), Twice()], ids=str
)
def test_one_problem_in_eight_threads_answers_as_alone(objective, paper):
    law = a_law()
    alone = {
        q: adl.Problem(objective, paper, law).solve(short={"BTC": q}, method="conic").certificate.value
        for q in REQUIRED
    }
    problem = adl.Problem(objective, paper, law)
    times = [REQUIRED[k % len(REQUIRED)] for k in range(len(count(480)))]
    found = together(lambda q: (q, problem.solve(short={"BTC": q}, method="conic").certificate), times)
    assert len(found) == len(times)
    for q, certificate in found:
        assert certificate.certified
        assert certificate.value == pytest.approx(alone[q], rel=TOL.value)


def test_sweeps_ranges_and_prices_of_one_problem_in_threads(paper):
    law = a_law()

    def asked(problem, q):
        best = problem.solve(short={"BTC": q}, method="conic")
        ranges = adl.optimal_range(problem, short={"BTC": q})
        swept = problem.sweep(short={"BTC": [q, q / 2]}, method="conic")
        prices = best.shadow_price_range.to_numpy()
        return (
            best.unique,
            ranges[["least", "most"]].to_numpy(),
            swept["objective"].to_numpy(),
            prices,
            problem.cvxpy.is_dcp(),
        )

    times = REQUIRED[:4] * 2
    alone = {q: asked(adl.Problem(adl.ExpectedLoss(), paper, law), q) for q in REQUIRED[:4]}
    problem = adl.Problem(adl.ExpectedLoss(), paper, law)
    for q, found in together(lambda q: (q, asked(problem, q)), times):
        assert found[0] == alone[q][0] and found[4]
        for one, other in zip(found[1:4], alone[q][1:4]):
            np.testing.assert_allclose(one, other, rtol=TOL.gap, atol=TOL.gap)


def test_level_sets_set_their_own_requirement_in_threads(paper):
    """Optima that are no polyhedron: their programs share the compiled one, whose requirement others change
    in between.
    """
    problem = adl.Problem(Squares(), paper)
    wanted = REQUIRED[:2]

    def face(q):
        return problem.optima(problem.solve(short={"BTC": q}, method="conic")).face()

    alone = {q: face(q).ranges() for q in wanted}
    assert isinstance(face(wanted[0]), LevelSet)
    faces = {q: face(q) for q in wanted}
    found = together(lambda q: (q, faces[q].ranges()), wanted * 4)
    for q, (least, most) in found:
        np.testing.assert_allclose(least, alone[q][0], atol=TOL.gap)
        np.testing.assert_allclose(most, alone[q][1], atol=TOL.gap)


def test_programs_compiled_at_the_same_time_in_different_problems(paper):
    law = a_law()
    tasks = [adl.ExpectedLoss(), adl.CVaR(0.9), adl.WorstCase(), adl.ExpectedLoss() + 0.5 * adl.CVaR(0.99)]
    alone = [adl.Problem(one, paper, law).solve(method="conic").certificate.value for one in tasks]
    found = together(
        lambda k: (k, adl.Problem(tasks[k], paper, law).solve(method="conic").certificate),
        [0, 1, 2, 3] * (len(count(160)) // 2),
    )
    for k, certificate in found:
        assert certificate.certified
        assert certificate.value == pytest.approx(alone[k], rel=TOL.value)


class Squares(adl.Objective):
    """Fractions closed, squared: its optima are no polyhedron that we know of."""

    money = 0

    def express(self, m):
        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float((m.fraction**2).sum())


class Slow:
    """CVXPY's counter of names, whose reading lets other threads go first."""

    def __init__(self):
        self.now = 10**7

    @property
    def count(self):
        now = self.now
        time.sleep(0)
        return now

    @count.setter
    def count(self, value):
        self.now = value


def test_cvxpys_variables_keep_different_names_while_we_compile(paper, monkeypatch):
    """CVXPY counts its names without a lock: two variables of one name in one program would be one
    variable.
    """
    law = a_law()
    monkeypatch.setattr(cp.lin_ops.lin_utils, "ID_COUNTER", Slow())

    def names(_):
        problem = adl.Problem(adl.CVaR(0.9), paper, law).cvxpy
        return [variable.id for variable in problem.variables()] + [
            parameter.id for parameter in problem.parameters()
        ]

    found = together(names, list(range(len(count(320)))))
    everything = [name for some in found for name in some]
    assert len(set(everything)) == len(everything)


def test_an_open_gap_is_heard_in_its_thread_and_not_in_others():
    def task(number):
        with unheard() if number % 2 else filtered("ignore", UserWarning):
            time.sleep(0)  # others' turn
        if number % 2:
            with unheard():
                uncertified("silent")
        else:
            uncertified("heard")

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        together(task, list(range(400)))
        filters = list(warnings.filters)
    assert [str(one.message) for one in said] == ["heard"] * 200
    assert filters[0][0] == "always"  # no thread left its filter behind


def test_ranges_comparisons_and_certificates_leave_the_filters_alone(paper):
    law = a_law()
    before = list(warnings.filters)
    problem = adl.Problem(adl.ExpectedLoss(), paper, law)
    together(lambda _: adl.optimal_range(problem), list(range(16)))
    together(lambda _: adl.compare(paper, law), list(range(8)))
    together(lambda _: adl.certify(adl.CVaR(0.9), paper, law, adl.pro_rata(paper)), list(range(8)))
    assert warnings.filters == before


@pytest.mark.parametrize(
    "again",
    [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))],
    ids=["deepcopy", "copy", "pickle"],
)
def test_a_problem_may_be_copied_and_sent_before_and_after_it_is_solved(again, paper):
    problem = adl.Problem(adl.ExpectedLoss(), paper, a_law())
    fresh = again(problem)
    first = problem.solve(method="conic")
    for one in (fresh, again(problem)):
        found = one.solve(method="conic")
        assert found.certificate.value == first.certificate.value
        assert np.array_equal(found.amount, first.amount)
    assert again(problem).cvxpy is not problem.cvxpy or again is copy.copy


def test_random_events_in_threads(rng):
    events = [books.cross(rng, n=5, d=2) for _ in range(4)]
    law = books.scenarios(rng, 2)
    problems = [
        adl.Problem(adl.ExpectedLoss(), event, law if len(event.book.assets) == 2 else law.align(("X0",)))
        for event in events
        if len(event.book.assets) == 2
    ]
    alone = [problem.solve().certificate.value for problem in problems]
    for k, certificate in together(
        lambda k: (k, problems[k].solve().certificate), list(range(len(problems))) * 8
    ):
        assert certificate.value == pytest.approx(alone[k], rel=TOL.value, abs=1e-300)
