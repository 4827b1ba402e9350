"""The matrix objective x law x solver: in every cell the compiled program is solved primal feasible, dual
feasible and complementary.

All checks are dimensionless (§10): fractions closed, rows of order 1, an objective of order 1. Nothing of
dualbound.py is used: the cones are written out here. Cells that are left out are listed in EXCLUDED with the
reason, and a test holds the list against what happens.
"""

import cvxpy as cp
import numpy as np
import pytest
from scipy import stats

import adl_opt as adl
from adl_opt.methods.conic.solvers import solver_options

from .books import frame
from .tolerances import TOL

DIMENSIONLESS = 1e-6  # the figure


def _book() -> adl.Event:
    """Six accounts in two assets, hedged and doubled, three decades of equity, shorts of one and longs of the
    other to close.
    """
    rows = [
        ("a", "X", -8.0, 100.0, 90.0),
        ("a", "Y", 30.0, 10.0, 90.0),
        ("b", "X", -3.0, 100.0, 150.0),
        ("b", "Y", -9.0, 10.0, 150.0),
        ("c", "X", -0.5, 100.0, 4.0),
        ("d", "Y", 60.0, 10.0, 80.0),
        ("e", "X", 2.0, 100.0, 300.0),
        ("e", "Y", 45.0, 10.0, 300.0),
        ("f", "X", -40.0, 100.0, 4000.0),
        ("f", "Y", 12.0, 10.0, 4000.0),
    ]
    return adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 9.0}, long={"Y": 40.0})


EVENT = _book()
COVARIANCE = np.array([[0.04, 0.03], [0.03, 0.09]])
LAWS = {
    "Gaussian": adl.Gaussian(COVARIANCE).quadrature(6),
    "StudentT": adl.StudentT(COVARIANCE, dof=3).sample(40, seed=1),
    "LogNormal": adl.LogNormal([0.6, 0.75], 0.85, 0.1).quadrature(6),
    "OneFactor": adl.OneFactor([1.0, 1.4], stats.t(3, scale=0.15)).quadrature(25),
    "Scenarios": adl.Scenarios(
        [[-0.5, -0.6], [-0.1, 0.2], [0.0, 0.0], [0.3, -0.2], [0.4, 0.5], [0.9, 1.5]],
        [0.1, 0.2, 0.4, 0.1, 0.15, 0.05],
    ),
}


class Disjoint(adl.RiskMeasure):
    """A user's own measure with constraints and variables of its own: the mean of the loss and of its excess
    over a chosen level.
    """

    def express(self, m):
        level = cp.Variable(nonneg=True)
        above = cp.Variable(m.probability.size, nonneg=True)
        m.subject_to(above >= m.loss - level)
        return 0.5 * m.probability @ m.loss + 0.5 * (level + m.probability @ above / 0.25)

    def of(self, loss, probability):
        return 0.5 * float(loss @ probability) + 0.5 * adl.CVaR(0.75).of(loss, probability)


OBJECTIVES = {
    "ExpectedLoss": adl.ExpectedLoss(),
    "CVaR": adl.CVaR(0.9),
    "Spectral": adl.Spectral(),
    "WorstCase": adl.WorstCase(),
    "OCE": adl.OCE(4, 0.5),
    "Expectile": adl.Expectile(0.9),
    "MeanSemideviation": adl.MeanSemideviation(0.5),
    "AccountCVaR": adl.AccountCVaR(0.9),
    "MaxLeverage": adl.MaxLeverage(),
    "LeveragePower(1)": adl.LeveragePower(1.0),
    "ExpectedLoss + CVaR": adl.ExpectedLoss() + 0.5 * adl.CVaR(0.95),
    "user": Disjoint(),
    "MonotoneMeanVariance": adl.MonotoneMeanVariance(50.0),
    "LeverageSquare": adl.LeverageSquare(),
    "LeverageSquare + CVaR": 0.1 * adl.LeverageSquare() + adl.CVaR(0.9),
    "Entropic": adl.Entropic(0.01),
    "ShortfallRisk": adl.ShortfallRisk(50.0),
    "LeveragePower(3)": adl.LeveragePower(3.0),
}
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
    ("*", "*", "SCS, OSQP"): "first-order solvers stop at 1e-4 by default; never chosen for you (DESIGN 5)",
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
    ): "it looks at the loading of a one-factor law, not at scenarios; test_factor.py",
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
    }  # templates, and EXCLUDED


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
        assert one.objective == pytest.approx(other.objective, rel=TOL.value), name
