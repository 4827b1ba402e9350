"""Which solver a linear program goes to, by its structure and size, and what happens where it fails."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.errors import SolveError
from adl_opt.methods.conic.program import Program, pieces


class Own(adl.Objective):
    """A function of the leverages, said twice."""

    money = 0

    def __init__(self, kind):
        self.kind = kind

    def express(self, m):
        groups = cp.reshape(m.leverage[: m.equity.size // 10 * 10], (10, -1), order="C")
        return {
            "sum": cp.sum(m.leverage), "max": cp.max(m.leverage), "groups": cp.max(cp.sum(groups, axis=1)),
        }[self.kind]  # fmt: skip

    def value(self, m):
        groups = m.leverage[: m.equity.size // 10 * 10].reshape(10, -1).sum(axis=1)
        return float({"sum": m.leverage.sum(), "max": m.leverage.max(), "groups": groups.max()}[self.kind])


def event(n):
    book = adl.examples.book(n, seed=1, assets=1, legs=1)
    return adl.Event(book, short={book.assets[0]: "30%"})


def program(objective, n, law=None):
    event_of = event(n)
    return Program(objective, event_of, law)


@pytest.mark.parametrize(("kind", "many"), [("sum", "CLARABEL"), ("max", "CLARABEL"), ("groups", "HIGHS")])
def test_simplex_up_to_some_thousand_legs_and_where_rows_are_few(kind, many):
    assert program(Own(kind), 500).solver == "HIGHS"
    large = event(24_000)
    assert large.free.sum() > 5_000 and Program(Own(kind), large, None).solver == many


def test_scenario_rows_stay_with_simplex_and_curves_with_cones():
    large, law = event(24_000), adl.Scenarios([-0.5, 0.9])
    assert Program(adl.WorstCase(), large, law).solver == "HIGHS"
    assert Program(adl.LeverageSquare(), large, law).solver == "CLARABEL"
    assert pieces(cp.max(cp.Variable(7))) == 7 and pieces(cp.sum(cp.Variable(7))) == 0


@pytest.mark.parametrize("fails", ["HIGHS", "CLARABEL"])
def test_where_a_solver_fails_the_other_answers(fails, monkeypatch):
    solve = Program.solve

    def failing(self, event, reference, solver, accuracy, time_limit):
        if (solver or self.solver) == fails:
            raise SolveError("it fails")
        return solve(self, event, reference, solver, accuracy, time_limit)

    monkeypatch.setattr(Program, "solve", failing)
    found = adl.Problem(Own("max"), event(200)).solve(method="conic")
    assert found.certificate.certified
    assert np.isclose(found.certificate.value, adl.MaxLeverage().value(_at(found)))


def _at(found):
    from adl_opt.evaluation.symbols import SymbolsAt

    return SymbolsAt(found.event, None, found.amount)
