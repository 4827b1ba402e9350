"""Failure cases of methods: solvers, programs, optimal faces."""

from unittest import mock

import cvxpy as cp
import numpy as np
from scipy.sparse import csr_array

import adl_opt as adl
from adl_opt.methods.conic.highs_models import solve_exactly
from adl_opt.methods.conic.optimal_face import Face, optimal_face
from adl_opt.methods.conic.program import Program
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from tests.books import one_asset
from tests.failures import EVENT, LAW, PAPER, PAPER_LAW, PROBLEM, Case, saying, solve
from tests.objectives_of_users import (
    ISOLATED,
    Concave,
    HiddenVariance,
    Liar,
    Limited,
    LimitedByOwn,
    NonConvexConstraint,
    TwoNumbers,
)


def wide(accounts: int) -> adl.Event:
    book = adl.examples.book(accounts, 2, 2)
    return adl.Event(book, short=dict.fromkeys(book.assets, "30%"))


class NotDpp(adl.Objective):
    def express(self, m):
        import cvxpy as cp

        odd = cp.Parameter(nonneg=True, value=1.0)
        return odd * odd * m.expected_loss

    def value(self, m):
        return m.expected_loss


class Unbounded(adl.Objective):
    def express(self, m):
        import cvxpy as cp

        return cp.Variable() + m.expected_loss

    def value(self, m):
        return m.expected_loss


class NoExpression(adl.Objective):
    def express(self, m):
        return [m.leverage]

    def value(self, m):
        return 0.0


class Curved(adl.Objective):
    money = 0

    def express(self, m):
        import cvxpy as cp

        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float((m.fraction**2).sum())


class TwiceTheMean(adl.RiskMeasure):
    """Its two definitions differ, and in isolated margin no program would be compiled to see it."""

    def express(self, m):
        return m.probability @ m.loss

    def of(self, loss, probability):
        return float(2 * probability @ loss)


def unsolvable(kind: str):
    def call(_):
        import cvxpy as cp

        x = cp.Variable()
        wrong = cp.Problem(
            cp.Minimize(cp.exp(x)) if kind == "cone" else cp.Minimize(x),
            [x >= 1, x <= 0] if kind == "empty" else [],
        )
        return solve_exactly(wrong, "HIGHS", None)

    return call


def empty_face(_):
    one = np.ones(1)
    return Face(EVENT, np.zeros(1, int), 0 * one, one, csr_array([[1.0]]), 2 * one, 1, "").extremes(np.eye(1))


def fixed_face(_):
    event = EVENT.with_requirement(short={"X": 20.0})
    problem = adl.Problem(adl.ExpectedLoss(), EVENT, LAW)
    return optimal_face(adl.ExpectedLoss(), event, LAW, event.size, problem._compiled.program(EVENT), 1.0)


class WrongMoney(adl.Objective):
    """Right but for money: its value is in quote currency."""

    money = 0

    def express(self, m):
        import cvxpy as cp

        return cp.sum(m.expected_shortfall)

    def value(self, m):
        return float(m.expected_shortfall.sum())


def unvalued(_):
    """A solver that fails where an objective is valued at an allocation that is held."""
    program = Program(adl.CVaR(0.9), PAPER, PAPER_LAW)
    with mock.patch.object(cp.Problem, "solve", side_effect=cp.error.SolverError("it fails")):
        program.held(PAPER, PAPER.pro_rata_fraction * PAPER.size, 1.0)


def unfinite(_):
    program = PROBLEM._compiled.program(EVENT)

    class Chain:
        def solve_via_data(self, *_, **__):
            return None

        def invert(self, *_):
            from cvxpy.reductions.solution import Solution

            return Solution("optimal", 0.0, {program.fraction.id: np.array([np.nan, 0.0])}, {}, {})

    true = program.problem.get_problem_data
    program.problem.get_problem_data = lambda *_, **__: (None, Chain(), None)
    try:
        return program.solve(EVENT, 1.0, None, 1e-9, None)
    finally:
        program.problem.get_problem_data = true


CASES = [
    Case(
        "HIGHS cannot solve Entropic",
        lambda _: (
            adl.Problem(adl.Entropic(1e-3), PAPER, PAPER_LAW)._compiled.program(PAPER).linear_data(PAPER, 1.0)
        ),
        adl.SolveError,
    ),
    Case(
        "HIGHS cannot solve",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, adl.Gaussian(np.eye(2))).solve(
            method="conic", solver="HIGHS"
        ),
        adl.SolveError,
    ),
    Case(
        "Liar: the solver minimised",
        lambda _: adl.Problem(Liar(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "Concave is concave", lambda _: adl.Problem(Concave(), PAPER, PAPER_LAW).solve(), adl.ObjectiveError
    ),
    Case(
        "an objective is one number",
        lambda _: adl.Problem(TwoNumbers(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "1 of the constraints of NonConvexConstraint",
        lambda _: adl.Problem(NonConvexConstraint(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "breaks CVXPY's rule for parameters",
        lambda _: adl.Problem(NotDpp(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case("bind the allocation alone", lambda _: adl.Problem(Limited(), PAPER).solve(), adl.ObjectiveError),
    Case(
        r"LimitedByOwn.* exclude an allocation that closes 6 of 'X'",
        lambda _: adl.Problem(LimitedByOwn(0.5), EVENT).solve(),
        adl.ObjectiveError,
    ),
    Case("exclude pro rata", lambda _: adl.Problem(LimitedByOwn(), PAPER).solve(), adl.ObjectiveError),
    Case(
        "HiddenVariance: at pro rata express says",
        lambda _: adl.Problem(HiddenVariance(), ISOLATED, LAW).solve(method="conic"),
        adl.ObjectiveError,
    ),
    Case(
        "time_limit= is known here for",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, PAPER_LAW).solve(solver="SCIPY", time_limit=5),
        adl.SolveError,
    ),
    Case(
        "gives list, not a CVXPY expression",
        lambda _: adl.Problem(NoExpression(), PAPER).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "no symbol 'risk'; there are equity",
        lambda _: ConicSymbols(Table(EVENT, LAW, 1.0), __import__("cvxpy").Variable(2), True).risk,
        adl.ObjectiveError,
    ),
    Case(
        "declare money = 1", lambda _: adl.Problem(WrongMoney(), PAPER, PAPER_LAW).solve(), adl.ObjectiveError
    ),
    Case(
        "method='separable' does not solve this problem: it minimises ExpectedLoss, CVaR.level. or "
        "WorstCase alone",
        lambda _: adl.Problem(adl.MaxLeverage(), EVENT).solve(method="separable"),
        adl.SolveError,
    ),
    Case(
        "the risk of the total loss needs scenarios",
        lambda _: adl.Problem(adl.CVaR(0.9), PAPER, adl.Gaussian(0.05 * np.eye(2))).solve(method="separable"),
        adl.SolveError,
    ),
    Case(
        "it needs scenarios",
        lambda _: adl.Problem(adl.ExpectedLoss(), EVENT, None).solve(method="separable"),
        adl.SolveError,
    ),
    Case(
        "160,000,000 accounts x scenarios do not fit into memory",
        lambda _: adl.Problem(adl.ExpectedLoss(), wide(40_000), adl.Scenarios(np.zeros((4_000, 2)))).solve(
            method="separable"
        ),
        adl.SolveError,
    ),
    Case(
        "HIGHS cannot solve",
        lambda _: adl.Problem(adl.LeveragePower(3.0), PAPER).solve(solver="HIGHS"),
        adl.SolveError,
    ),
    Case("returned no point", lambda _: adl.Problem(Unbounded(), PAPER, PAPER_LAW).solve(), adl.SolveError),
    Case("not finite", unfinite, adl.SolveError),
    Case("HIGHS cannot value CVaR", unvalued, adl.SolveError),
    Case(
        "too many rows for the conic method",
        lambda _: adl.Problem(
            adl.ExpectedLoss(),
            one_asset(-np.ones(30_000), np.ones(30_000), 6.0),
            adl.Scenarios(np.linspace(0.1, 1, 1_000)),
        ).solve(method="conic"),
        adl.SolveError,
    ),
    Case(
        "express says .* but value gives",
        lambda _: adl.Problem(TwiceTheMean(), EVENT, LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "are no polyhedron",
        lambda _: adl.Problem(Curved(), EVENT).solve(prefer="keep-hedges"),
        adl.SolveError,
    ),
    Case("HIGHS finds no preferred optimum: ", unsolvable("cone"), adl.SolveError),
    Case(r"HIGHS finds no preferred optimum \(it says infeasible\)", unsolvable("empty"), adl.SolveError),
    Case("HiGHS says Infeasible", empty_face, adl.SolveError),
    Case("there is one allocation", fixed_face, adl.SolveError),
    Case("express of Saying gives NoneType", solve(saying(express=None))),
    Case(
        "express of Saying gives complex, not a CVXPY expression of real numbers", solve(saying(express=1j))
    ),
    Case("express of Saying gives object", solve(saying(express=object()))),
    Case("express of Saying gives an expression of shape", solve(saying(express=np.ones(2)))),
]
