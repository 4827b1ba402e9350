"""What a risk measure of the total loss is: a value, worst-case scenario weights, and the proof that follows
from them (THEORY 2, 7).

Each is rho(L) = max_w w'L - penalty(w) over scenario weights w. `dual` returns such weights; with them a
bound on rho is a bound on an expected loss, which separates by account. Each measure has a file of its
name beside this one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import Array
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant, scenario_support
from adl_opt.evaluation.rounding import measure_rounding, scenario_rounding
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.inputs import SUM_TO_ONE
from adl_opt.objectives.base import HOOKS, Objective
from adl_opt.objectives.hooks import dual_of

_ROUNDING = 1e-9  # relative, when a dual is held against its measure
_LEAST = 1e-6  # of the mean equity: the scale of losses at least
TRIED = 12  # losses at which a dual is held against its measure


class RiskMeasure(Objective, template=True):
    """A number for the total loss that never falls when losses rise; make a subclass to state your own.

    A child says `of(loss, probability)` in numpy, `express(m)` in CVXPY, and may say `dual`, which proves its
    allocations. Isolated margin: water-filling is optimal for every such measure and every law.

    Source: Thm 1; THEORY 2 and THEORY 7.

    >>> class Mean(adl.RiskMeasure):
    ...     def of(self, loss, probability): return float(loss @ probability)
    ...     def express(self, m): return m.probability @ m.loss
    >>> Mean().of(np.array([0.0, 10.0]), np.array([0.5, 0.5]))  # quote currency
    5.0
    """

    monotone = True
    _hooks = (*HOOKS, "worst_weights")

    def value(self, m: SymbolsAt) -> float:
        return self.of(m.loss, m.probability)

    def of(self, loss: Array, probability: Array) -> float:
        """The measure of a total loss, in quote currency.

        `loss` (S,) >= 0 quote currency; `probability` (S,) >= 0, summing to 1.

        >>> adl.WorstCase().of(np.array([0.0, 10.0, 100.0]), np.array([0.8, 0.1, 0.1]))
        100.0
        """
        raise ObjectiveError(
            f"{type(self).__name__} has no of(loss, probability): write the risk measure in numpy there"
        )

    def dual(self, loss: Array, probability: Array, near: Array | None = None) -> tuple[Array, float] | None:
        """(weights (S,), slack >= 0) such that of(other) >= of(loss) - slack + weights'(other - loss) for
        every other loss.

        near: weights that a solver found, to be moved into the set of possible ones; None: the worst ones at
        `loss`. Returns None if no dual is known: then the conic dual proves what can be proved.
        """
        return None

    def worst_weights(self, loss: ArrayLike, probability: ArrayLike) -> Array:
        """The probabilities (S,) under which a measure is the mean of this loss, less a penalty.

        `loss` (S,) quote currency; `probability` (S,), summing to 1. Returns weights (S,), pure numbers, with
        `of(loss) = weights'loss - penalty`; ties share in proportion to probability. Raises ObjectiveError if
        the measure says no dual, or for losses and probabilities that are none.

        Source: THEORY 6.

        >>> adl.CVaR(0.9).worst_weights([0.0, 10.0, 100.0], [0.8, 0.15, 0.05]).round(2).tolist()
        [0.0, 0.5, 0.5]
        """
        loss, probability = (_numbers(values, self) for values in (loss, probability))
        if loss.ndim != 1 or loss.shape != probability.shape:
            raise ObjectiveError(
                f"loss and probability must be arrays of one length, not of shapes {loss.shape} and "
                f"{probability.shape}"
            )
        if (
            not np.isfinite(loss).all()
            or (probability < 0).any()
            or abs(math.fsum(probability.tolist()) - 1) > SUM_TO_ONE
        ):
            raise ObjectiveError("losses must be finite and probabilities at least 0 with sum 1")
        found = dual_of(self, loss, probability)
        if found is None:
            raise ObjectiveError(
                f"{self} says no dual(loss, probability), so that its worst weights are not known"
            )
        return found[0]

    def scenario_weights(self, m: SymbolsAt, dual: Dual) -> Array | None:
        # As the solver left them: its multipliers are shares of these, whatever is made of the weights
        # afterwards.
        if (said := dual.weights.get(0)) is not None:
            return said if said.ndim == 1 else said.sum(axis=0)
        found = dual_of(self, m.loss, m.probability)
        return None if found is None else found[0]

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant | None:
        found = dual_of(self, m.loss, m.probability, dual.weights.get(0))
        if found is None:
            return None
        weights, slack = found
        self._check(m.loss, m.probability, weights, slack, _LEAST * float(m.equity.mean()))
        below = scenario_support(
            m,
            weights,
            dual if dual.total is not None else replace(dual, total=self.scenario_weights(m, dual)),
        )
        return Minorant(below.slack + slack, below.low, below.high, one_sided=False)

    def value_rounding(self, m: SymbolsAt) -> float:
        # What the losses round to, by what a unit of loss in each scenario costs; then what the measure
        # itself rounds.
        found = self.dual(m.loss, m.probability)
        if found is None:
            return super().value_rounding(m)
        return scenario_rounding(m, found[0]) + self.measure_rounding(m.loss, m.probability)

    def measure_rounding(self, loss: Array, probability: Array) -> float:
        """A forward estimate of the rounding of `of` at exact losses, quote currency."""
        return measure_rounding(lambda other: self.of(other, probability), loss)

    def _check(self, loss: Array, probability: Array, weights: Array, slack: float, least: float) -> None:
        """§17 for a dual: the affine function that it states must lie below the measure.

        A test that can refute, not a proof.
        """
        rng = np.random.default_rng(0)
        here, scale = self.of(loss, probability), max(float(loss.max(initial=0.0)), least)
        for k in range(TRIED):
            other = (
                loss * rng.random(len(loss))
                if k % 2
                else rng.permutation(loss) + scale * rng.random() * (rng.random(len(loss)) < 0.3)
            )
            value, stated = self.of(other, probability), here - slack + weights @ (other - loss)
            if stated > value + _ROUNDING * max(abs(value), abs(stated), scale):
                raise ObjectiveError(
                    f"dual of {self} states {stated:.9g} as a bound for a loss whose measure is "
                    f"{value:.9g}: dual and of disagree (§17)"
                )


def need(name: str, value: Any, legal: bool, range_: str) -> None:
    """Raise ObjectiveError naming the value and the allowed range."""
    if not legal:
        raise ObjectiveError(f"{name} = {value!r}: {range_}")


def _numbers(values: Any, measure: Any) -> Array:
    try:
        given = np.asarray(values)
    except ValueError:  # lists of several lengths
        given = np.array(None)
    if given.dtype.kind not in "iuf":
        raise ObjectiveError(
            f"worst weights of {measure} are of losses and probabilities, lists of numbers, not "
            f"{str(values)[:40]!r}"
        )
    return given.astype(float)


def mean_of(values: Array, weights: Array) -> float:
    return math.fsum((values * weights).tolist())


def slack_of(value: float, loss: Array, weights: Array) -> float:
    return max(value - mean_of(loss, weights), 0.0)
