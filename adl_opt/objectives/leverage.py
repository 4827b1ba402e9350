"""Objectives of leverages: the highest, powers and squares, gross or of one factor (THEORY 1, 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt, loading_of
from adl_opt.laws.base import Law
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.hooks import is_number
from adl_opt.waterfill.isolated import fill

_ON_TOP = 1e-7  # relative: accounts this close to the highest leverage are on it


class _GrossLeverage(Objective):
    """Objectives of the gross leverages alone: no law is needed, and water-filling is optimal in isolated
    margin.
    """

    p: float = 1.0  # the power of the leverages in it

    def value_rounding(self, m: SymbolsAt) -> float:
        # Leverages are sums of terms of one sign.
        held = np.bincount(m.event.book.account).max()
        return float(held + self.p + 4) * UNIT * abs(evaluate(self, m))

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        return fill(event)[0] if event.book.isolated else None

    @staticmethod
    def _slope(m: SymbolsAt, per_account: Array) -> Array:
        """From the derivative in each account's leverage (n,) to that in each leg's fraction closed
        (legs,).
        """
        book = m.event.book
        return -per_account[book.account] * np.abs(book.notional) / book.equity[book.account]


class MaxLeverage(_GrossLeverage):
    """The highest gross leverage that any account is left with (x of equity): needs no law.

    Isolated margin: water-filling is its unique minimiser over the closable accounts.

    Source: THEORY 1.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> allocation = adl.Problem(adl.MaxLeverage(), event).solve()
    >>> round(allocation.certificate.value, 4), allocation.water_level.round(4).to_dict()  # x of equity
    (0.6667, {'BTC': 0.6667})
    """

    money = 0
    formula = "max over i of ℓᵢ"
    unit = "x of equity"
    closed_form = _GrossLeverage.closed_form
    value_rounding = _GrossLeverage.value_rounding

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        return cp.max(m.leverage)

    def value(self, m: SymbolsAt) -> float:
        return float(m.leverage.max())

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant:
        # Dust accounts are on the level only up to the rounding of positions many times their equity.
        top = m.leverage >= m.leverage.max() * (1 - _ON_TOP)
        # An account at the top that cannot be reduced decides alone; else equity weights give all one slope
        # per contract.
        stuck = top & (
            m.event.book.per_account((m.event.free & (m.amount < m.event.size)).astype(float)) == 0
        )
        weight = np.where(stuck if stuck.any() else top, m.equity, 0.0)
        weight = weight / weight.sum()
        slope = self._slope(m, weight)
        return Minorant(
            max(float(m.leverage.max() - weight @ m.leverage), 0.0), slope, slope, one_sided=False
        )

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        highest = SymbolsAt(event, law, fill(event)[0]).leverage.max()
        return np.zeros_like(level), np.full_like(level, highest)


@dataclass(frozen=True, repr=False)
class LeveragePower(_GrossLeverage):
    """The p-th powers of the leverages, weighted by equity and summed (quote currency).

    `sum_i equity_i leverage_i^p`, `p` >= 1. Isolated margin: water-filling minimises it for every p. p other
    than 1 and 2 needs power cones, which are hard on solvers over wide leverages: expect `uncertified` there.
    Raises ObjectiveError for p below 1.

    Source: Thm 1; THEORY 1.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.Problem(adl.LeveragePower(3.0), event).solve().leverages()[1].round(4).tolist()  # x of equity
    [0.6667, 0.25, 0.6667]
    """

    p: float = 2.0
    formula = "Σᵢ equityᵢ ℓᵢ^{0.p:g}"
    closed_form = _GrossLeverage.closed_form
    value_rounding = _GrossLeverage.value_rounding

    def __post_init__(self) -> None:
        if not (is_number(self.p) and self.p >= 1):
            raise ObjectiveError(
                f"p = {self.p!r}: the power of a leverage must be at least 1, or the objective is not convex"
            )

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        # Normalised by the leverage before, so that the solver sees ratios in [0, 1].
        before = m.leverage_before
        ratio = cp.multiply(np.divide(1.0, before, out=np.zeros_like(before), where=before > 0), m.leverage)
        weight = m.equity * before**self.p
        if self.p == 1:
            return weight @ ratio
        return weight @ (cp.square(ratio) if self.p == 2 else cp.power(ratio, self.p, approx=False))

    def value(self, m: SymbolsAt) -> float:
        return math.fsum((m.equity * m.leverage**self.p).tolist())

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant:
        slope = self._slope(m, self.p * m.equity * m.leverage ** (self.p - 1))
        return Minorant(0.0, slope, slope)

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        return (level, level) if self.p > 1 else (np.zeros_like(level), np.full_like(level, np.inf))

    def fixes_leverage(self) -> bool:
        return self.p > 1

    def __str__(self) -> str:
        return f"LeveragePower({self.p:g})"


@dataclass(frozen=True, repr=False)
class LeverageSquare(LeveragePower):
    """The squares of the leverages, weighted by equity and summed (quote currency): needs no law.

    `sum_i equity_i leverage_i^2`, leverage gross, x of equity. One quadratic program whose optimum in
    isolated margin serves every law of price moves: it is water-filling, and nothing else is.

    Source: Thm 1; THEORY 1.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.Problem(adl.LeverageSquare(), event).solve().leverages()[1].round(4).tolist()  # x of equity
    [0.6667, 0.25, 0.6667]
    """

    p: float = field(default=2.0, init=False)
    formula = "Σᵢ equityᵢ ℓᵢ²"

    def __str__(self) -> str:
        return "LeverageSquare"


class FactorLeverageSquare(Objective):
    """The squares of the leverages towards one factor, weighted by equity and summed (quote currency).

    `sum_i equity_i l_i^2` with l_i the factor leverage, loading x signed notional / equity. Its minimiser is
    optimal for every factor move, hence for every monotone risk and every law of the factor, in cross margin
    and for requirements in several assets and on both sides. The factor leverages of all minimisers are the
    same; what is closed need not be. Raises LawError without a one-factor law.

    Source: Thm 3; THEORY 5.

    >>> law = adl.OneFactor({"BTC": 1.0, "ETH": 1.25}, adl.Scenarios([-0.1, 0.1]))
    >>> allocation = adl.Problem(adl.FactorLeverageSquare(), adl.examples.paper(), law).solve()
    >>> print(f"{allocation.certificate.value:,.0f} quote currency, {allocation.certificate.status}")
    11,276,527 quote currency, certified
    """

    formula = "Σᵢ equityᵢ (loading · exposureᵢ / equityᵢ)²"

    def express(self, m: ProgramSymbols) -> Any:
        import cvxpy as cp

        # Normalised by the largest factor leverage that the legs allow, so that the solver sees ratios in
        # [-1, 1].
        book = m.event.book
        most = book.per_account(np.abs(loading_of(m.law)[book.asset] * book.notional)) / book.equity
        ratio = cp.multiply(np.divide(1.0, most, out=np.zeros_like(most), where=most > 0), m.factor_leverage)
        return (m.equity * most**2) @ cp.square(ratio)

    def value(self, m: SymbolsAt) -> float:
        return math.fsum((m.equity * m.factor_leverage**2).tolist())

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant:
        book = m.event.book
        slope = -2 * m.factor_leverage[book.account] * loading_of(m.law)[book.asset] * book.notional
        return Minorant(0.0, slope, slope)

    def value_rounding(self, m: SymbolsAt) -> float:
        # Positions against one another cancel in a factor leverage: the gross of its terms is what rounds.
        book = m.event.book
        gross = book.per_account(np.abs(loading_of(m.law)[book.asset] * m.notional))
        held = float(np.bincount(book.account).max())
        return (held + 6) * UNIT * float((2 * np.abs(m.factor_leverage) * gross).sum())
