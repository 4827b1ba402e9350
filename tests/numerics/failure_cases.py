"""Failure cases of linear algebra."""

import numpy as np

import adl_opt as adl
from adl_opt import waterfill
from tests.failures import Case

CASES = [
    Case(
        "no leg can represent the difference",
        lambda _: waterfill.clear_exactly(np.array([1.0]), np.array([1.0]), 3.0),
        adl.EventError,
    )
]
