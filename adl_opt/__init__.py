"""adl_opt: auto-deleveraging as convex optimization. State an objective, get a proved allocation (README.md)."""

from . import axioms, examples, waterfill
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
from .exchanges import drift_charge, policy
from .history import realized, realized_event
from .lawinput import FactorModel
from .laws import Law, Scenarios
from .lognormal import LogNormal
from .lots import LotAllocation, LotBound, round_to_lots
from .model import Claim, Model, claim, methods_agree, value_by_hand, verify
from .objectives import ExpectedLoss, FactorLeverageSquare, LeveragePower, LeverageSquare, MaxLeverage, Objective
from .onefactor import OneFactor
from .optimal_set import optimal_range
from .outside import certify
from .policies import (
    burden,
    factor_water_filling,
    gross_water_filling,
    pro_rata,
    pro_rata_equity,
    pro_rata_profit,
    uniform,
    water_filling,
    water_filling_at,
)
from .problem import Problem
from .queues import QueueRule
from .remainders import without_remainders
from .replaying import Replay, replay
from .risk import RiskMeasure
from .shock import Stress, stress
from .shockpath import stress_path
from .supports import Minorant
from .tails import AccountCVaR, CVaR, Spectral, WorstCase
from .targets import factor_targets
from .utility import OCE, Entropic, Expectile, MonotoneMeanVariance, ShortfallRisk
from .waves import Waves

__version__ = "0.1.0"
__all__ = [
    "OCE", "AccountCVaR", "AdlError", "Allocation", "AllocationError", "Book", "BookError", "CVaR", "Certificate", "Claim", "Entropic",
    "Event", "EventError", "ExpectedLoss", "Expectile", "FactorLeverageSquare", "FactorModel", "Gaussian", "Law", "LawError", "LeveragePower", "LeverageSquare", "LogNormal", "LotAllocation", "LotBound",
    "MaxLeverage", "MeanDeviation", "MeanSemideviation", "MeanVariance", "Minorant", "Model", "ModelError", "MonotoneMeanVariance", "Objective",
    "ObjectiveError", "OneFactor", "Problem", "QueueRule", "Replay", "RiskMeasure", "Scenarios", "ShortfallRisk", "SolveError", "Spectral", "Stress", "StudentT",
    "UncertifiedWarning", "Waves", "WorstCase", "axioms", "burden", "certify", "claim", "compare", "drift_charge", "examples", "factor_targets", "factor_water_filling", "gross_water_filling", "load", "methods_agree", "optimal_range", "policy", "pro_rata", "pro_rata_equity", "pro_rata_profit", "realized", "realized_event", "replay", "round_to_lots", "stress", "stress_path", "uniform", "value_by_hand", "verify", "water_filling", "water_filling_at", "waterfill", "without_remainders",
]  # fmt: skip
