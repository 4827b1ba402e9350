"""The matrix objective x law x solver: in every cell the compiled program is solved primal feasible, dual
feasible and complementary.

All checks are dimensionless (§10): fractions closed, rows of order 1, an objective of order 1. Nothing of
dualbound.py is used: the cones are written out here. Cells that are left out are listed in EXCLUDED with the
reason, and a test holds the list against what happens.
"""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.methods.conic.solvers import solver_options
from tests.matrix import DIMENSIONLESS, EVENT, LAWS, OBJECTIVES
from tests.tolerances import TOL

QUADRATIC = ("MonotoneMeanVariance", "LeverageSquare", "LeverageSquare + CVaR")
CONIC = ("Entropic", "ShortfallRisk", "LeveragePower(3)")
SOLVERS = ("HIGHS", "CLARABEL")
# (objective, law, solver) that are no cells of the matrix; "*" is all.
EXCLUDED = {
    **{
        (name, "*", "HIGHS"): (
            "CVXPY gives HiGHS quadratic programs in another form (P, q, A, F), which dualbound.py does not "
            "read"
        )
        for name in QUADRATIC
    },
    **{(name, "*", "HIGHS"): "HiGHS has no exponential, second-order or power cones" for name in CONIC},
    ("user", "*", "HIGHS"): (
        "variables of an objective's own have no boxes, which CVXPY 1.9.3 handles wrongly for HiGHS; they "
        "go to Clarabel"
    ),
    ("*", "*", "SCS, OSQP"): "first-order solvers stop at 1e-4 by default; never chosen for you (§11)",
    ("*", "*", "SCIPY"): "it is HiGHS again, without its dual variables in CVXPY",
    (
        "*",
        "Gaussian, StudentT, LogNormal, OneFactor without quadrature or sample",
        "*",
    ): "nothing is discretised silently",
    (
        "FactorLeverageSquare",
        "*",
        "*",
    ): "it looks at the loading of a one-factor law, not at scenarios; policies/test_factor.py",
    (
        "MeanVariance, MeanDeviation",
        "*",
        "*",
    ): "neither monotone nor convex: they cannot be minimised, and say so",
}
CELLS = [(o, law, s) for o in OBJECTIVES for law in LAWS for s in SOLVERS if (o, "*", s) not in EXCLUDED]


def _cones(values: np.ndarray, dims, dual: bool) -> float:
    """How far a vector lies outside the cone (or its dual), the worst entry; the rows of equalities are 0 (or
    free).
    """
    worst, at = 0.0 if dual else float(np.abs(values[: dims.zero]).max(initial=0.0)), dims.zero
    worst = max(worst, float(-values[at : at + dims.nonneg].min(initial=0.0)))
    at += dims.nonneg
    for size in dims.soc:
        worst = max(worst, float(np.linalg.norm(values[at + 1 : at + size]) - values[at]))
        at += size
    for _ in range(dims.exp):
        x, y, t = values[at : at + 3]
        if dual:
            worst = max(
                worst, x, -t, -x * np.exp(y / min(x, -1e-12) - 1) - t if y / min(x, -1e-12) < 700 else 0.0
            )
        else:
            worst = max(worst, -y, -t, y * np.exp(x / max(y, 1e-12)) - t if x / max(y, 1e-12) < 700 else 0.0)
        at += 3
    for a in dims.p3d:
        x, y, t = values[at : at + 3]
        x, y = (x / a, y / (1 - a)) if dual else (x, y)
        worst = max(worst, -x, -y, abs(t) - max(x, 0) ** a * max(y, 0) ** (1 - a))
        at += 3
    assert at == len(values)
    return worst


@pytest.mark.parametrize(("objective", "law", "solver"), CELLS)
def test_cell(objective, law, solver):
    problem = adl.Problem(OBJECTIVES[objective], EVENT, LAWS[law])
    program = problem._compiled.program(problem.event)
    # Three digits of the unit: Clarabel ends on exponential cones at 1e-12 or at 4e-6 as the last digit of it
    # falls.
    program.set(problem.event, float(f"{problem._compiled.scales(problem.event).reference:.3g}"))
    options = solver_options(solver, 1e-9, None)
    data, chain, _ = program.problem.get_problem_data(solver, solver_opts=options)
    raw = chain.solve_via_data(program.problem, data, solver_opts=options)
    if solver == "HIGHS":
        x, z = np.array(raw["solution"].col_value), -np.array(raw["solution"].row_dual)
    else:
        x, z = np.array(raw.x), np.array(raw.z)
    A, b, c, dims = data["A"], np.asarray(data["b"]), np.asarray(data["c"]), data["dims"]
    slack = b - A @ x
    gradient = c + A.T @ z + (data["P"] @ x if data.get("P") is not None else 0.0)
    low = np.full(len(x), -np.inf) if data.get("lower_bounds") is None else np.asarray(data["lower_bounds"])
    high = np.full(len(x), np.inf) if data.get("upper_bounds") is None else np.asarray(data["upper_bounds"])

    assert _cones(slack, dims, dual=False) <= DIMENSIONLESS, "primal: rows"
    assert max(float((low - x).max()), float((x - high).max())) <= DIMENSIONLESS, "primal: boxes"
    assert _cones(z, dims, dual=True) <= DIMENSIONLESS, "dual: cones"
    room = np.where(gradient > 0, x - low, high - x)
    assert (np.abs(gradient[~np.isfinite(room)]) <= DIMENSIONLESS).all(), (
        "dual: a free variable is left with a gradient"
    )
    boxed = np.isfinite(room)
    assert abs(float(slack @ z)) <= DIMENSIONLESS, "complementarity: rows"
    assert float((np.abs(gradient[boxed]) * np.maximum(room[boxed], 0)).sum()) <= DIMENSIONLESS, (
        "complementarity: boxes"
    )

    solved = problem.solve(method="conic", solver=solver)
    assert solved.certificate.certified and solved.certificate.gap <= TOL.gap


def test_every_objective_has_a_cell_under_every_law():
    assert {(o, law) for o, law, _ in CELLS} == {(o, law) for o in OBJECTIVES for law in LAWS}
    known = {type(one).__name__ for one in OBJECTIVES.values()} | {"Sum"}
    public = {
        name
        for name, value in vars(adl).items()
        if isinstance(value, type) and issubclass(value, adl.Objective)
    }
    assert public - known == {
        "Objective",
        "RiskMeasure",
        "MeanVariance",
        "MeanDeviation",
        "FactorLeverageSquare",
        "Robust",
    }  # templates, EXCLUDED, and tests/objectives/test_robust.py


@pytest.mark.parametrize("name", [*QUADRATIC, *CONIC])
def test_the_exclusions_of_highs_are_true(name):
    """A cell is excluded because it fails, not because it is inconvenient: the day it works, this test says
    so.
    """
    problem = adl.Problem(OBJECTIVES[name], EVENT, LAWS["Scenarios"])
    program = problem._compiled.program(problem.event)
    program.set(problem.event, problem._compiled.scales(problem.event).reference)
    try:
        data, _, _ = program.problem.get_problem_data("HIGHS")
    except cp.error.SolverError:
        assert name in CONIC
        return
    assert name in QUADRATIC and "c" not in data


def test_values_agree_across_solvers():
    for name, objective in OBJECTIVES.items():
        if name in (*QUADRATIC, *CONIC):
            continue
        one, other = (
            adl.Problem(objective, EVENT, LAWS["Scenarios"]).solve(method="conic", solver=s).certificate
            for s in SOLVERS
        )
        assert one.value == pytest.approx(other.value, rel=TOL.value), name
