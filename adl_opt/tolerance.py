"""The relative gap up to which an allocation counts as certified, checked wherever it is given."""

import numpy as np

from adl_opt.errors import SolveError


def check_tolerance(tol: object) -> None:
    """Raise SolveError unless tol is a number above 0 and below 1: a gap of 1 or more certifies everything."""
    number = isinstance(tol, (int, float, np.integer, np.floating)) and not isinstance(tol, bool)
    if not (number and 0 < tol < 1):  # type: ignore[operator]
        raise SolveError(f"tol = {tol!r}: the relative gap up to which an allocation is certified is a number above 0 and below 1")
