"""Mean and deviation: the semideviation, which is monotone, and variance and standard deviation, which are
not (THEORY 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.rounding import scenario_rounding
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.base import Objective
from adl_opt.objectives.certainty_equivalent import MonotoneMeanVariance
from adl_opt.objectives.hooks import is_number
from adl_opt.objectives.risk_measure import RiskMeasure, mean_of, need, slack_of
from adl_opt.waterfill.optimal_ranges import affine_around


@dataclass(frozen=True, repr=False)
class MeanSemideviation(RiskMeasure):
    """The mean of the total loss and c times what it exceeds its mean by on average (quote currency).

    `EL + c E(L - EL)_+`, 0 <= `c` <= 1, minimised as `E max(EL, (1 - c) EL + c L)`, since the textbook form
    breaks CVXPY's rules. Raises ObjectiveError for c outside [0, 1]: above 1 it is not monotone, and
    water-filling is not optimal.

    Source: Ogryczak, Ruszczynski (1999), European Journal of Operational Research 116, 33-50; THEORY 2.

    >>> loss, probability = np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1])
    >>> round(adl.MeanSemideviation(0.5).of(loss, probability), 6)  # 11 + 0.5 x 8.9
    15.45
    """

    c: float = 0.5
    formula = "E L + {0.c:g} E(L − E L)₊"

    def __post_init__(self) -> None:
        need(
            "c",
            self.c,
            is_number(self.c) and 0 <= self.c <= 1,
            "the weight of the semideviation lies between 0 and 1; above 1 the measure is not monotone",
        )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        loss = m.loss
        mean = m.probability @ loss
        return m.probability @ cp.maximum(mean, (1 - self.c) * mean + self.c * loss)

    def of(self, loss: Array, probability: Array) -> float:
        mean = mean_of(loss, probability)
        return mean + self.c * mean_of(np.maximum(loss - mean, 0.0), probability)

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        # Weights probability (1 + zeta - E zeta), 0 <= zeta <= c.
        zeta = np.where(loss > mean_of(loss, probability), self.c, 0.0)
        if near is not None and self.c > 0:
            density = np.divide(near, probability, out=np.ones_like(near), where=probability > 0)
            low, high = 0.0, self.c  # E zeta, where it is what the density says: by bisection
            for _ in range(80):
                mean = (low + high) / 2
                zeta = np.clip(density - 1 + mean, 0.0, self.c)
                low, high = (mean, high) if mean_of(zeta, probability) > mean else (low, mean)
        weights = probability * (1 + zeta - mean_of(zeta, probability))
        return weights, slack_of(self.of(loss, probability), loss, weights)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        return 8 * UNIT * self.of(loss, probability)

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level)


class _ValueOnly(Objective):
    """Neither monotone nor convex in the allocation: to be measured, not minimised."""

    _why = ""

    def express(self, m: ProgramSymbols) -> Any:
        raise ObjectiveError(
            f"{self} cannot be minimised as a convex program: {self._why}, so it is not convex in what is "
            "closed, and water-filling need not be optimal. "
            f"It can be measured (adl.compare, adl.certify); minimise {self.lower_bound_objective()} "
            "instead, the nearest monotone measure here"
        )


@dataclass(frozen=True, repr=False)
class MeanVariance(_ValueOnly):
    """The mean of the total loss and its variance, weighed (quote currency); can be valued only.

    `aversion` >= 0 per unit of quote currency. Not monotone: more loss in mild states lowers it, and
    water-filling need not be best; therefore it is not minimised here. MonotoneMeanVariance is its mended
    form. Raises ObjectiveError for a negative aversion, and where it is to be solved.

    Source: Markowitz (1952), Journal of Finance 7(1), 77-91; THEORY 2.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> law = adl.Scenarios({"BTC": [0.0, 0.3, 0.6]}, [0.8, 0.1, 0.1])
    >>> round(adl.certify(adl.MeanVariance(0.01), event, law, adl.pro_rata(event)).value, 4)
    7.25
    """

    aversion: float = 1e-4
    formula = "E L + {0.aversion:g} Var L"
    _why = "a larger loss where it is small lowers the variance"

    def __post_init__(self) -> None:
        need(
            "aversion",
            self.aversion,
            is_number(self.aversion) and self.aversion > 0,
            "a risk aversion is positive (per unit of quote currency)",
        )

    def value(self, m: SymbolsAt) -> float:
        mean = mean_of(m.loss, m.probability)
        return mean + self.aversion * mean_of((m.loss - mean) ** 2, m.probability)

    def value_rounding(self, m: SymbolsAt) -> float:
        off = np.abs(m.loss - mean_of(m.loss, m.probability))
        own = 8 * self.value(m) + 4 * self.aversion * float(m.loss.max()) * mean_of(off, m.probability)
        return scenario_rounding(m, m.probability * (1 + 2 * self.aversion * off)) + UNIT * own

    def lower_bound_objective(self) -> Objective:
        return MonotoneMeanVariance(1 / (2 * self.aversion))


@dataclass(frozen=True, repr=False)
class MeanDeviation(_ValueOnly):
    """The mean of the total loss and c times its standard deviation (quote currency); can be valued only.

    `c` >= 0, a pure number. Not monotone: more loss in mild states lowers it; therefore it is not minimised
    here. Raises ObjectiveError for a negative c, and where it is to be solved.

    Source: THEORY 2.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> law = adl.Scenarios({"BTC": [0.0, 0.3, 0.6]}, [0.8, 0.1, 0.1])
    >>> round(adl.certify(adl.MeanDeviation(1.0), event, law, adl.pro_rata(event)).value, 4)
    20.0
    """

    c: float = 1.0
    formula = "E L + {0.c:g} · standard deviation of L"
    _why = "a larger loss where it is small lowers the standard deviation"

    def __post_init__(self) -> None:
        need(
            "c",
            self.c,
            is_number(self.c) and self.c >= 0,
            "the weight of the standard deviation is at least 0",
        )

    def value(self, m: SymbolsAt) -> float:
        mean = mean_of(m.loss, m.probability)
        return mean + self.c * math.sqrt(mean_of((m.loss - mean) ** 2, m.probability))

    def value_rounding(self, m: SymbolsAt) -> float:
        off = np.abs(m.loss - mean_of(m.loss, m.probability))
        spread = math.sqrt(mean_of(off**2, m.probability))
        weight = m.probability * (1 + self.c * (off / spread if spread > 0 else 1.0))
        return scenario_rounding(m, weight) + UNIT * (8 * self.value(m) + 4 * self.c * float(m.loss.max()))

    def lower_bound_objective(self) -> Objective:
        # E(L - EL)_+ is half the mean absolute deviation, which is at most the standard deviation.
        return MeanSemideviation(min(2 * self.c, 1.0))
