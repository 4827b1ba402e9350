"""adl_opt: auto-deleveraging as convex optimization.

State an objective, get a proved allocation (README.md).
"""

from importlib import import_module
from types import ModuleType

from adl_opt import examples
from adl_opt.certificates.certificate import Certificate
from adl_opt.constraints.base import Constraint
from adl_opt.constraints.group_share import GroupShare
from adl_opt.constraints.keep_hedged import KeepHedged
from adl_opt.constraints.leverage_at_most import LeverageAtMost
from adl_opt.constraints.loss_at_most import LossAtMost
from adl_opt.constraints.turnover import Turnover
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.data.maintenance import MaintenanceTiers
from adl_opt.data.waves import Waves
from adl_opt.errors import (
    AdlError,
    AllocationError,
    BookError,
    ConstraintError,
    EventError,
    InfeasibleError,
    LawError,
    ModelError,
    ObjectiveError,
    SolveError,
    UncertifiedWarning,
)
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import Symbols
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.covariance import FactorModel
from adl_opt.laws.elliptical import Gaussian
from adl_opt.laws.lognormal import LogNormal
from adl_opt.laws.mixture import Mixture
from adl_opt.laws.one_factor import OneFactor
from adl_opt.laws.student_t import StudentT
from adl_opt.objectives.account_cvar import AccountCVaR
from adl_opt.objectives.base import Objective
from adl_opt.objectives.certainty_equivalent import OCE, MonotoneMeanVariance
from adl_opt.objectives.cvar import CVaR
from adl_opt.objectives.entropic import Entropic
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.expectile import Expectile
from adl_opt.objectives.leverage import FactorLeverageSquare, LeveragePower, LeverageSquare, MaxLeverage
from adl_opt.objectives.mean_deviation import MeanDeviation, MeanSemideviation, MeanVariance
from adl_opt.objectives.risk_measure import RiskMeasure
from adl_opt.objectives.robust import Robust
from adl_opt.objectives.shortfall_risk import ShortfallRisk
from adl_opt.objectives.spectral import Spectral
from adl_opt.objectives.worst_case import WorstCase
from adl_opt.policies.closing_prices import water_filling_at
from adl_opt.policies.drift import drift_charge
from adl_opt.policies.factor_targets import factor_targets
from adl_opt.policies.lots import LotAllocation, LotBound, round_to_lots
from adl_opt.policies.minimum_size import without_remainders
from adl_opt.policies.proportional import pro_rata, pro_rata_equity, pro_rata_profit, uniform
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.realized import realized, realized_event
from adl_opt.policies.registry import policy
from adl_opt.policies.water_filling import factor_water_filling, gross_water_filling, water_filling
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.certify import certify
from adl_opt.problem.optimal_range import optimal_range
from adl_opt.problem.problem import Problem
from adl_opt.studies import axioms
from adl_opt.studies.axioms.own import axiom
from adl_opt.studies.bankruptcy import bankruptcy_prices
from adl_opt.studies.burden import burden
from adl_opt.studies.compare import compare
from adl_opt.studies.conjectures.refutation import Refutation
from adl_opt.studies.conjectures.refute import refute
from adl_opt.studies.frontier import frontier
from adl_opt.studies.identify import Identification, identify
from adl_opt.studies.pairs import pairs
from adl_opt.studies.reach import reach
from adl_opt.studies.replay.replay import Replay, replay
from adl_opt.studies.stress import stress
from adl_opt.studies.stress_distribution import StressDistribution
from adl_opt.studies.stress_path import stress_path
from adl_opt.studies.stressed import Stress
from adl_opt.studies.sweep import sweep
from adl_opt.verification.catalog import load
from adl_opt.verification.claims import claim, claims, methods_agree, serves_every_law, value_by_hand
from adl_opt.verification.model import Claim, Model, verify
from adl_opt.waterfill import level as waterfill

__version__ = "0.1.0"
__all__ = [
    "OCE", "AccountCVaR", "AdlError", "Allocation", "AllocationError", "Book", "BookError", "CVaR",
    "Certificate", "Claim", "Constraint", "ConstraintError", "Entropic", "Event", "EventError",
    "ExpectedLoss", "Expectile", "FactorLeverageSquare", "FactorModel", "Gaussian", "GroupShare",
    "Identification", "InfeasibleError", "KeepHedged", "Law", "LawError", "LeverageAtMost",
    "LeveragePower", "LeverageSquare", "LogNormal", "LossAtMost", "LotAllocation", "LotBound",
    "MaintenanceTiers", "MaxLeverage", "MeanDeviation", "MeanSemideviation", "MeanVariance", "Minorant",
    "Mixture", "Model", "ModelError", "MonotoneMeanVariance", "Objective", "ObjectiveError",
    "OneFactor", "Problem", "QueueRule", "Refutation", "Replay", "RiskMeasure", "Robust", "Scenarios",
    "ShortfallRisk", "SolveError", "Spectral", "Stress", "StressDistribution", "StudentT", "Symbols",
    "Turnover", "UncertifiedWarning", "Waves", "WorstCase", "axiom", "axioms", "bankruptcy_prices",
    "burden", "certify", "claim", "claims", "compare", "drift_charge", "examples", "factor_targets",
    "factor_water_filling", "frontier", "gross_water_filling", "identify", "load", "methods_agree",
    "optimal_range", "pairs", "policy", "pro_rata", "pro_rata_equity", "pro_rata_profit", "reach",
    "realized", "realized_event", "refute", "replay", "round_to_lots", "serves_every_law", "stress",
    "stress_path", "sweep", "uniform", "value_by_hand", "verify", "water_filling", "water_filling_at",
    "waterfill", "without_remainders",
]  # fmt: skip


def __getattr__(name: str) -> ModuleType:
    """`adl.plots` is there on first use: matplotlib waits for it."""
    if name == "plots":
        return import_module("adl_opt.plots")
    raise AttributeError(f"module 'adl_opt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__", "plots"]
