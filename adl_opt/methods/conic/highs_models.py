"""Programs whose optima are wanted to the last digit: linear ones in HiGHS itself, others through CVXPY."""

from typing import Any

import cvxpy as cp
import highspy
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array
from adl_opt.errors import SolveError
from adl_opt.threads import filtered

_EXACT = {
    "small_matrix_value": 1e-12, "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10,
    "mip_feasibility_tolerance": 1e-9,
}  # fmt: skip
_LOOSER = {"presolve": "off", "small_matrix_value": 1e-12}  # thin bands are taken for infeasible
_INTERIOR = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}


def highs_model(low: Array, high: Array, rows: Any, right: Array, equal: int) -> Any:
    """HiGHS, holding low <= x <= high, rows x = right in the first `equal` rows, <= in the others."""
    lp, rows = highspy.HighsLp(), sp.csr_array(rows)
    lp.num_col_, lp.num_row_ = len(low), len(right)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.zeros(len(low)), low, high
    lp.row_lower_ = np.where(np.arange(len(right)) < equal, right, -highspy.kHighsInf)
    lp.row_upper_ = right
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    for name, value in _EXACT.items():
        solver.setOptionValue(name, value)
    solver.passModel(lp)
    return solver


def run_highs(solver: Any) -> None:
    """Solve; once more without presolve, which takes thin bands for infeasible.

    Raises SolveError if there is no optimum.
    """
    status = ""
    for presolve in ("choose", "off"):
        solver.setOptionValue("presolve", presolve)
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            return
        status = solver.modelStatusToString(solver.getModelStatus())
        solver.clearSolver()
    raise SolveError(f"HiGHS says {status} of a program over the optimal face")


def solve_exactly(problem: cp.Problem, solver: str, time_limit: float | None) -> None:
    """Solve by "HIGHS" or "CLARABEL". Raises SolveError if there is no optimum."""
    limit = {} if time_limit is None else {"time_limit": float(time_limit)}
    for options in [_INTERIOR] if solver == "CLARABEL" else [_EXACT, _LOOSER]:
        try:
            with filtered("ignore", UserWarning):  # what it finds is proved or refused by the caller
                problem.solve(solver=solver, **options, **limit)
        except cp.error.SolverError as error:
            reason = str(error).splitlines()[0]
            raise SolveError(f"{solver} finds no preferred optimum: {reason}") from None
        if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return
    raise SolveError(f"{solver} finds no preferred optimum (it says {problem.status})")
