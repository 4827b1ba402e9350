"""Every tolerance of the test suite, in one frozen table.

Loosening one needs its reason here and in the note.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerances:
    """Pure numbers, relative unless said."""

    rounding: float = 1e-12  # one formula against another, in double precision
    formula: float = 1e-9  # closed form against numerical integration
    value: float = 1e-7  # objective of one method against another, of the loss at pro rata
    gap: float = 1e-6  # a certificate's relative gap (§11)
    paper: float = 1e-7  # published figures
    monte_carlo: float = 0.02  # Sobol averages of 2**14 points
    derivative: float = 1e-6  # of an optimum's value against central quotients of 1e-4, of the value
    movement: float = 1e-5  # the same of what is closed, of a position


TOL = Tolerances()
