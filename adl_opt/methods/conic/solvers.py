"""What solvers are asked for: accuracy, and time where they know a limit."""

from typing import Any

from adl_opt.errors import SolveError

_TIME_LIMIT = dict.fromkeys(("HIGHS", "CLARABEL", "OSQP"), "time_limit") | {"SCS": "time_limit_secs"}


def solver_options(name: str, accuracy: float, time_limit: float | None) -> dict[str, Any]:
    if time_limit is not None and name not in _TIME_LIMIT:
        raise SolveError(f"time_limit= is known here for {', '.join(_TIME_LIMIT)}, not for {name}")
    limit = {} if time_limit is None else {_TIME_LIMIT[name]: float(time_limit)}
    if name == "HIGHS":
        tight = max(accuracy, 1e-10)
        # Dust accounts have entries below HiGHS's default 1e-9 in the clearing rows (THEORY 8.3).
        return {
            "small_matrix_value": 1e-12,
            "primal_feasibility_tolerance": tight,
            "dual_feasibility_tolerance": tight,
            **limit,
        }
    if name == "CLARABEL":
        return {
            "tol_gap_abs": accuracy,
            "tol_gap_rel": accuracy,
            "tol_feas": accuracy,
            # The default leaves residuals a hundred times larger on our programs.
            "static_regularization_constant": 1e-10,
            "accept_unknown": True,
            "max_iter": 500,
            **limit,
        }
    return limit
