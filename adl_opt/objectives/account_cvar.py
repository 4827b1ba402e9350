"""The sum of the accounts' own CVaRs, which is not the CVaR of the total (THEORY 7)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Dual, Minorant, scenario_support
from adl_opt.evaluation.rounding import scenario_rounding
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.cvar import CVaR, tail_weights
from adl_opt.waterfill.isolated import fill
from adl_opt.waterfill.optimal_ranges import affine_around


@dataclass(frozen=True, repr=False)
class AccountCVaR(Objective):
    """The sum over accounts of the mean of each one's worst losses beyond its equity (quote currency).

    `level` in [0, 1): the share of scenarios that counts is 1 - level, for each account its own. Not the CVaR
    of the total, but an upper bound on it: which accounts fail together is ignored, so that its optimum is
    another one. Isolated margin: water-filling minimises it too, being least for every convex function of the
    leverages. Raises ObjectiveError for another level.

    Source: Thm 1; THEORY 7.

    >>> event = adl.examples.shorts([10, 10], [500, 500], 5, price=100)  # two like accounts fail together
    >>> law = adl.Scenarios({"BTC": [0.0, 0.8]}, [0.9, 0.1])
    >>> certificate = adl.certify(adl.AccountCVaR(0.9), event, law, adl.pro_rata(event))
    >>> round(certificate.value, 6), certificate.status  # quote currency
    (200.0, 'certified')
    """

    level: float = 0.95
    formula = "Σᵢ CVaR at {0.level:g} of (lossᵢ − equityᵢ)₊"

    def __post_init__(self) -> None:
        CVaR(self.level)

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        most = m.largest_shortfall
        level = cp.Variable(most.shape[0], bounds=[0, most.max(axis=1)], name="levels")
        m.boxed.add(level.id)
        above = m.excess(
            m.shortfall - cp.reshape(level, (most.shape[0], 1), order="C") @ np.ones((1, most.shape[1])), most
        )
        return cp.sum(level) + cp.sum(above @ m.probability) / (1 - self.level)

    def value(self, m: SymbolsAt) -> float:
        total, probability = [], m.probability
        for _, _, argument in m.arguments():
            shortfall = np.maximum(argument, 0.0)
            order = np.argsort(-shortfall, axis=1, kind="stable")
            used = np.minimum(np.cumsum(probability[order], axis=1), 1 - self.level)
            total.append(
                (np.take_along_axis(shortfall, order, axis=1) * np.diff(used, axis=1, prepend=0.0)).sum(
                    axis=1
                )
            )
        return math.fsum(np.concatenate(total).tolist()) / (1 - self.level)

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        return fill(event)[0] if event.book.isolated else None

    def _weights(self, m: SymbolsAt, near: Array | None) -> Array:
        """Each account's worst weights, (n, S); where nothing is lost, by the loss before equity, which
        decides next.
        """
        probability = m.probability
        return np.concatenate(
            [
                tail_weights(argument, probability, self.level, None if near is None else near[a:b])
                for a, b, argument in m.arguments()
            ]
        )

    def scenario_weights(self, m: SymbolsAt, dual: Dual) -> Array | None:
        return dual.weights[0] if 0 in dual.weights else self._weights(m, None)

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant:
        weights = self._weights(m, dual.weights.get(0))
        below = scenario_support(
            m,
            weights,
            dual if dual.total is not None else replace(dual, total=self.scenario_weights(m, dual)),
        )
        worst = evaluate(self, m)
        under = math.fsum(
            float((np.maximum(argument, 0.0) * weights[a:b]).sum()) for a, b, argument in m.arguments()
        )
        return Minorant(below.slack + max(worst - under, 0.0), below.low, below.high, one_sided=False)

    def value_rounding(self, m: SymbolsAt) -> float:
        most = math.fsum(
            float(np.maximum(argument.max(axis=1), 0.0).sum()) for _, _, argument in m.arguments()
        )
        return scenario_rounding(m, self._weights(m, None)) + (4 + 2 / (1 - self.level)) * UNIT * most

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return affine_around(event, law, level, self.level, coupled=False)
