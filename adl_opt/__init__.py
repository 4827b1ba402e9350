"""adl_opt: auto-deleveraging as convex optimization. State an objective, get a proved allocation (README.md)."""

from . import waterfill
from .allocation import Allocation
from .book import Book
from .catalog import load
from .certificate import Certificate
from .comparison import compare
from .elliptical import Gaussian, StudentT
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
from .event import Event
from .laws import Law, LogNormal, OneFactor, Scenarios
from .model import Claim, Model, claim, verify
from .objectives import ExpectedLoss, LeveragePower, LeverageSquare, MaxLeverage, Objective
from .outside import certify
from .policies import policy, pro_rata, water_filling
from .problem import Problem

__version__ = "0.1.0"
__all__ = [
    "AdlError", "Allocation", "AllocationError", "Book", "BookError", "Certificate", "Claim", "Event", "EventError", "ExpectedLoss",
    "Gaussian", "Law", "LawError", "LeveragePower", "LeverageSquare", "LogNormal", "MaxLeverage", "Model", "ModelError", "Objective",
    "ObjectiveError", "OneFactor", "Problem", "Scenarios", "SolveError", "StudentT", "UncertifiedWarning", "certify", "claim", "compare",
    "load", "policy", "pro_rata", "verify", "water_filling", "waterfill",
]  # fmt: skip
