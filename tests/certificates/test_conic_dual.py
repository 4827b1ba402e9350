"""The conic dual bound never exceeds the optimum, whatever dual it is given: random programs of every cone,
perturbed duals.
"""

from types import SimpleNamespace

import cvxpy as cp
import numpy as np
import pytest

from adl_opt.certificates.conic_dual import dual_bound
from tests.books import count

KINDS = ("lp", "qp", "soc", "exp", "power", "free")


def program(rng: np.random.Generator, kind: str) -> cp.Problem:
    """A random feasible program over a box, with epigraph variables of CVXPY's making."""
    n = int(rng.integers(2, 6))
    x = cp.Variable(n, bounds=[0, 1])
    A, b = rng.normal(size=(4, n)), rng.normal(size=4)
    row = [rng.random(n) @ x == 0.3]
    if kind == "lp":
        return cp.Problem(cp.Minimize(cp.max(A @ x + b) + cp.norm1(A @ x)), row)
    if kind == "qp":
        return cp.Problem(cp.Minimize(cp.sum_squares(A @ x + b) + b[0] * x[0]), row)
    if kind == "soc":
        return cp.Problem(cp.Minimize(cp.norm(A @ x + b) + A[0] @ x), row)
    if kind == "exp":
        return cp.Problem(cp.Minimize(cp.log_sum_exp(A @ x + b)), row)
    if kind == "power":
        return cp.Problem(cp.Minimize(cp.sum(cp.power(x, 2.5, approx=False)) + A[0] @ x), row)
    tail = cp.Variable()
    return cp.Problem(cp.Minimize(tail + cp.sum(cp.pos(A @ x + b - tail)) / 2), row)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
@pytest.mark.parametrize("kind", KINDS)
def test_never_above_the_optimum(kind, seed):
    rng = np.random.default_rng(seed)
    problem = program(rng, kind)
    if problem.solve(solver="CLARABEL") is None or problem.status != cp.OPTIMAL:
        return
    data, chain, _ = problem.get_problem_data("CLARABEL", solver_opts={})
    raw = chain.solve_via_data(problem, data, solver_opts={})
    x, z = np.array(raw.x), np.array(raw.z)
    curved = 0.0 if data.get("P") is None else x @ (data["P"] @ x) / 2
    at_point, optimum = data["c"] @ x + curved, float(raw.obj_val)
    gap, assumed = dual_bound(data, raw)
    assert gap + 1e-12 >= 0 and gap <= 1e-6 * max(1.0, abs(optimum))
    assert assumed is None or kind in ("soc", "exp", "power")
    for size in (1e-6, 1e-3, 0.1, 3.0):
        wrong = SimpleNamespace(x=x, z=z + size * rng.normal(size=len(z)))
        gap, _ = dual_bound(data, wrong)
        assert at_point - gap <= optimum + 1e-7 * max(1.0, abs(optimum))


def test_no_dual_no_bound():
    problem = program(np.random.default_rng(0), "lp")
    data, _, _ = problem.get_problem_data("CLARABEL", solver_opts={})
    assert dual_bound(data, object()) == (np.inf, None)
    assert dual_bound({}, object()) == (np.inf, None)
    lost = SimpleNamespace(x=np.full(data["A"].shape[1], np.nan), z=np.zeros(data["A"].shape[0]))
    assert dual_bound(data, lost) == (np.inf, None)


def test_semidefinite_cones_have_no_rule_here():
    X = cp.Variable((2, 2), PSD=True)
    problem = cp.Problem(cp.Minimize(cp.trace(X)), [X[0, 1] == 1])
    data, chain, _ = problem.get_problem_data("CLARABEL", solver_opts={})
    assert dual_bound(data, chain.solve_via_data(problem, data, solver_opts={}))[0] == np.inf
