"""Constrained optima against programs written again from the table: 500 books, seven constraints, both
margins; and what is impossible, named with the least relaxation.
"""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import count
from tests.constraints.independent import NAMES, OBJECTIVES, Plain, drawn, ready_made
from tests.tolerances import TOL

EXACT = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}  # HiGHS: see the bounds bug of CVXPY


def solved(problem: cp.Problem) -> float:
    problem.solve(solver="CLARABEL", **EXACT)
    assert problem.status in ("optimal", "optimal_inaccurate"), problem.status
    return float(problem.value)


def case(seed: int):
    """(event, law, objective, constraint's name, limit drawn about what is possible, least limit)."""
    rng, event, law, objective, name = drawn(seed)
    plain = Plain(event, law)
    left, _ = plain.limit(name, 0.0)
    worst = cp.max(left) if left.size > 1 else left
    if name == "by account":
        fair = np.random.default_rng(seed).uniform(0.5, 1.5, left.size)
        worst = cp.max(cp.multiply(1 / fair, left))
    least = solved(cp.Problem(cp.Minimize(worst), plain.base))
    free = cp.Problem(cp.Minimize(plain.objective(objective)), plain.base)
    solved(free)
    there = float(np.max(worst.value))
    most = (
        least + (there - least) * rng.uniform(0.05, 1.1)
        if rng.random() < 0.7
        else least * rng.uniform(0.3, 0.9)
    )
    if name == "by account":
        return event, law, objective, name, most * fair, least, most
    return event, law, objective, name, most, least, most


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_optima_and_impossibilities_are_those_of_the_plain_program(number):
    wanted, seed, said = len(count(500)) // len(NAMES) + 1, number, []
    while len(said) < wanted:
        said += filter(None, [compare(seed)])
        seed += len(NAMES)
    assert {"certified", "infeasible"} <= set(said) or number == 6 or wanted < 20, said


def compare(seed: int) -> str | None:
    """What is found; None where the draw decides nothing, or decides by rounding."""
    event, law, objective, name, limit, least, most = case(seed)
    plain = Plain(event, law)
    if np.min(limit) < 0 or (name != "hedged" and np.min(limit) <= 0):
        return None  # no limit that one can write
    if name in ("loss", "loss share") and least < 1e-9:
        return None
    constraint = ready_made(event, law, name, limit, plain.unit)
    problem = adl.Problem(OBJECTIVES[objective], event, law, subject_to=[constraint])
    if most < least - 1e-6 * max(1.0, least):
        with pytest.raises(adl.InfeasibleError, match="no allocation of this event holds") as said:
            problem.solve()
        assert "proved by" in str(said.value), (seed, said.value)
        share = next(iter(problem._compiled.relaxations.values())).share
        # Of limits of 0 the share is of what counts as 1.
        expected = least / most - 1 if name != "hedged" else least - most
        assert share == pytest.approx(expected, rel=1e-4, abs=1e-6), (seed, name)
        return "infeasible"
    if most < least + 1e-6 * max(1.0, least):
        return None  # possible or not by rounding
    left, right = plain.limit(name, limit)
    value = solved(cp.Problem(cp.Minimize(plain.objective(objective)), [*plain.base, left <= right]))
    allocation = problem.solve()
    c = allocation.certificate
    assert c.certified and c.constraint_violation <= 1e-8, (seed, name, objective, c)
    ours = c.value / plain.unit if OBJECTIVES[objective].money else c.value
    assert abs(ours - value) <= TOL.value * max(abs(value), c.reference / plain.unit), (
        seed,
        name,
        ours,
        value,
    )
    return "certified"
