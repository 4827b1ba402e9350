"""What an objective's `express` gives, as a CVXPY scalar."""

from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.errors import ObjectiveError
from adl_opt.objectives.base import Objective


def scalar(objective: Objective, expression: Any) -> Any:
    """Raises ObjectiveError for anything but one finite, real number."""
    try:
        found = cp.Expression.cast_to_const(expression)
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or found.is_complex() or (isinstance(found, cp.Constant) and not _finite(found.value)):
        raise ObjectiveError(
            f"express of {objective} gives {type(expression).__name__}, not a CVXPY expression of real "
            "numbers"
        )
    expression = found
    if expression.size != 1:
        raise ObjectiveError(
            f"express of {objective} gives an expression of shape {expression.shape}; an objective is one "
            "number (cp.sum?)"
        )
    return cp.sum(expression) if expression.shape else expression


def _finite(values: Any) -> bool:
    return bool(np.isfinite(values.data if sp.issparse(values) else values).all())
