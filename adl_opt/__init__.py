"""adl_opt: auto-deleveraging as convex optimization: state an objective, get a proved allocation (see README.md)."""

from typing import TYPE_CHECKING, Any

from .allocation import Allocation
from .book import Book, Event
from .certificate import Certificate
from .errors import (
    AdlError,
    AllocationError,
    BookError,
    EventError,
    LawError,
    ModelError,
    ObjectiveError,
    SolveError,
    UncertifiedWarning,
)
from .laws import Gaussian, Law, LogNormal, OneFactor, Scenarios, StudentT
from .objectives import ExpectedLoss, LeveragePower, LeverageSquare, MaxLeverage, Objective
from .policies import policy, pro_rata, water_filling
from .problem import Problem, certify
