"""Programs and CVXPY: compiled once, dimensionless, bounds on variables, free variables, time limits."""

import warnings

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.problem.test_problem import PUBLISHED
from tests.tolerances import TOL


def test_resolve_does_not_recompile_and_does_not_mutate(paper, law):
    problem = adl.Problem(adl.ExpectedLoss(), paper, law)
    first = problem.solve(method="conic")
    program = problem.cvxpy
    other = problem.solve(short={"BTC": 12.5}, method="conic")
    assert problem.cvxpy is program and problem.event is paper
    assert other.event.short == {"BTC": 12.5} and first.event.short == {"BTC": 10.0}
    cold = adl.Problem(adl.ExpectedLoss(), paper.with_requirement(short={"BTC": 12.5}), law).solve(
        method="conic"
    )
    assert other.certificate.value == pytest.approx(cold.certificate.value, rel=TOL.formula)


def test_another_side_or_asset_rebuilds(paper, law):
    problem = adl.Problem(adl.ExpectedLoss(), paper, law)
    problem.solve(method="conic")
    hedges = problem.solve(long={"ETH": 50.0}, method="conic")
    assert hedges.event.long == {"ETH": 50.0} and hedges.event.short == {} and hedges.certificate.certified
    both = problem.solve(short={"BTC": 10.0, "ETH": 100.0}, long={}, method="conic")
    assert both.certificate.certified and set(both.shadow_prices.index) == {"BTC", "ETH"}


def test_the_compiled_program_is_dimensionless(paper, law):
    program = adl.Problem(adl.ExpectedLoss(), paper, law).cvxpy
    program.solve(solver="CLARABEL")
    assert program.is_dcp(dpp=True) and program.value == pytest.approx(PUBLISHED / 4611.282887729, rel=1e-6)
    fraction = next(v for v in program.variables() if v.name() == "fraction")
    assert (fraction.value >= -TOL.formula).all() and (fraction.value <= 1 + TOL.formula).all()


class OwnCVaR(adl.Objective):
    """An objective with a free variable: it goes to Clarabel, never to HiGHS (THEORY 8.5)."""

    def express(self, m):
        tail = cp.Variable()
        return tail + m.probability @ cp.pos(m.loss - tail) / 0.1

    def value(self, m):
        order = np.argsort(-m.loss)
        weight = np.minimum(
            m.probability[order],
            np.maximum(0.1 - (np.cumsum(m.probability[order]) - m.probability[order]), 0),
        )
        return float(weight @ m.loss[order] / 0.1)


def test_free_variables_go_to_clarabel(paper, law):
    problem = adl.Problem(OwnCVaR(), paper, law)
    solved = problem.solve()
    proof = solved.certificate.proof  # without an assumed box
    assert solved.certificate.certified and proof.startswith(
        "conic dual of `express`; that `express` is at most `value` was tried at"
    )
    program = problem._compiled.program(paper)
    assert program.linear and program.brings_variables


def test_cvxpys_bounds_bug_does_not_touch_us(paper, law):
    """CVXPY 1.9.3 returns a wrong `optimal` through HiGHS for pos of constant - constant*unbounded (THEORY
    8.5); ours are boxed.
    """
    assert all(v.bounds is not None for v in adl.Problem(adl.ExpectedLoss(), paper, law).cvxpy.variables())


def test_cvxpys_bounds_bug_as_it_is():
    """The bug itself, pinned: if this fails because the value is now 0, CVXPY is repaired; relax THEORY 8.5
    and this test.
    """
    A = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    y = cp.Variable((2, 1))
    program = cp.Problem(cp.Minimize(cp.sum(cp.pos(A - cp.multiply(A, y)))), [y >= 0, y <= 1])
    program.solve(solver="HIGHS")
    boxed = cp.Variable((2, 1), bounds=[0, 1])
    safe = cp.Problem(cp.Minimize(cp.sum(cp.pos(A - cp.multiply(A, boxed)))))
    safe.solve(solver="HIGHS")
    assert safe.value == pytest.approx(0, abs=1e-9)
    if cp.__version__ == "1.9.3":
        assert program.value == pytest.approx(10.0)


def test_time_limit_gives_a_point_or_an_error(paper, law):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve(
                method="conic", solver="CLARABEL", time_limit=1e-9
            )
        except adl.SolveError as error:
            assert "time_limit" in str(error)
        else:
            assert solved.certificate.status in ("certified", "uncertified")
