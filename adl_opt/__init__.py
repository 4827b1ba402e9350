"""adl_opt: auto-deleveraging as convex optimization. State an objective, get a proved allocation (README.md)."""

from . import examples, waterfill
from .allocation import Allocation
from .book import Book
from .catalog import load
from .certificate import Certificate
from .comparison import compare
from .deviation import MeanDeviation, MeanSemideviation, MeanVariance
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
from .lawinput import FactorModel
from .laws import Law, Scenarios
from .lognormal import LogNormal
from .model import Claim, Model, claim, methods_agree, verify
from .objectives import ExpectedLoss, FactorLeverageSquare, LeveragePower, LeverageSquare, MaxLeverage, Objective
from .onefactor import OneFactor
from .optimal_set import optimal_range
from .outside import certify
from .policies import factor_water_filling, gross_water_filling, policy, pro_rata, water_filling
from .problem import Problem
from .replaying import Replay, replay
from .risk import RiskMeasure
from .tails import AccountCVaR, CVaR, Spectral, WorstCase
from .targets import factor_targets
from .utility import OCE, Entropic, Expectile, MonotoneMeanVariance, ShortfallRisk
from .waves import Waves

__version__ = "0.1.0"
__all__ = [
    "OCE", "AccountCVaR", "AdlError", "Allocation", "AllocationError", "Book", "BookError", "CVaR", "Certificate", "Claim", "Entropic",
    "Event", "EventError", "ExpectedLoss", "Expectile", "FactorLeverageSquare", "FactorModel", "Gaussian", "Law", "LawError", "LeveragePower", "LeverageSquare", "LogNormal",
    "MaxLeverage", "MeanDeviation", "MeanSemideviation", "MeanVariance", "Model", "ModelError", "MonotoneMeanVariance", "Objective",
    "ObjectiveError", "OneFactor", "Problem", "Replay", "RiskMeasure", "Scenarios", "ShortfallRisk", "SolveError", "Spectral", "StudentT",
    "UncertifiedWarning", "Waves", "WorstCase", "certify", "claim", "compare", "examples", "factor_targets", "factor_water_filling", "gross_water_filling", "load", "methods_agree", "optimal_range", "policy", "pro_rata", "replay", "verify", "water_filling", "waterfill",
]  # fmt: skip
