"""Blocks of CVaR and the worst case: accounts whose shortfall rows share the weight of their scenario
(THEORY 7). numpy only.
"""

from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.laws.base import Scenarios
from adl_opt.methods.interior_point.block import Block
from adl_opt.methods.interior_point.bounded import Bounded
from adl_opt.methods.interior_point.shortfall_rows import ShortfallRows


class TailBlock(Block):
    """Shares of a row are between 0 and omega of its scenario. Fractions, above and sigma are primal, the
    multipliers of legs and shares dual: the two make steps of different length.
    """

    ridge = 1e-8  # at a vertex an account's rows all but determine it

    def __init__(
        self, event: Event, law: Scenarios, batch: Batch, number: Index, count: int, cost: Array
    ) -> None:
        super().__init__(event, batch, number, count)
        self.rows = ShortfallRows(self, batch.account, event.book.asset[batch.leg], law.moves, cost)
        nothing = np.zeros_like(self.free)
        self.couple = [nothing] * self.m  # Q, by position: (n, K)
        self.gradient, self.targets = nothing, (nothing, nothing)  # M^-1 of it; products that legs go to
        self.residuals = self.rows.point.products()  # what those of rows lack to theirs

    def start(self) -> None:
        self.rows.start(self.notional())
        self._evaluate()

    def _evaluate(self) -> None:
        self.value, self.slope = self.rows.value(), self.rows.by_leg(self.rows.point.value)

    def keep(self) -> None:
        super().keep()
        self.rows.keep()

    def weigh(self, omega: Array) -> None:
        """Shares in proportion to the weights of the scenarios (S,)."""
        share, rest, above, sigma = self.rows.point
        omega = omega[self.rows.kept]
        self.rows.point = Bounded(share * omega, rest * omega, above, sigma)
        self._evaluate()

    def products(self, legs: Bounded, rows: Bounded) -> float:
        """The complementarity products of a point, quote currency."""
        own = self.unit * float((self.size * legs.complementarity()).sum())
        return own + self.rows.cost(rows.complementarity())

    def factor_step(self) -> tuple[Array, Array, Array]:
        """Part of the system in prices and scenario weights: P M^-1 P', P M^-1 Q, and the diagonal with
        Q' M^-1 Q, where Q is what the gradient gains with the weight of a scenario.
        """
        rows, (share, _, above, sigma) = self.rows, self.rows.point
        schur, kept = self.factor(rows.factor()), self.rows.kept
        part = share * sigma / rows.inner * (rows.weight / self.unit)
        self.couple = [side[:, None] * part * effect for side, effect in zip(self.side, rows.effect)]
        inside: list[Any] = [
            sum(inverse[:, None] * couple for inverse, couple in zip(row, self.couple))
            for row in self.inverse
        ]
        across, weights = np.zeros((self.count, rows.scenarios)), np.zeros((rows.scenarios, rows.scenarios))
        for k in range(self.m):
            by_asset = np.zeros((self.count, len(kept)))
            for asset in np.unique(self.asset[k]):
                chosen = self.asset[k] == asset
                by_asset[asset] = self.free[k][chosen] @ inside[k][chosen]
            across[:, kept] += by_asset
        weights[np.ix_(kept, kept)] = sum(q.T @ solved for q, solved in zip(self.couple, inside))
        weights[kept, kept] += rows.weight / self.unit * (rows.scale[:, 0] @ (sigma * above / rows.inner))
        return schur, across, weights

    def right(self, target: float, row_target: float, corrected: bool) -> tuple[Array, Array]:
        """The right sides of a step towards products of `target` (of rows: `row_target`): P'M^-1 gradient
        (count,), and the loss gained less Q'M^-1 gradient (S,). corrected: less the second-order term of the
        present direction.
        """
        rows, (share, rest, above, sigma), kept = self.rows, self.rows.point, self.rows.kept
        self.residuals = low, high = rows.point.residuals(row_target, rows.direction if corrected else None)
        goal = target * self.free
        second_low, second_high = self.direction.products() if corrected else (0.0, 0.0)
        self.targets = goal - second_low, goal - second_high
        slope = self.slope + rows.by_leg((rest * low - share * high) / rows.inner)
        gradient = self.free * slope / self.unit
        gradient = gradient - self.targets[0] / self.point.value + self.targets[1] / self.point.room
        self.gradient = self.solve(gradient)
        own = rows.by_scenario((above * high + sigma * low) / rows.inner)
        own[kept] *= rows.weight / self.unit
        own[kept] -= sum((q * p[:, None]).sum(axis=0) for q, p in zip(self.couple, self.gradient))
        return self.by_asset(self.gradient), own

    def set_direction(self, price: Array, omega: Array) -> tuple[float, float]:
        """The direction in which prices become `price` and scenario weights change by `omega`: its longest
        steps, primal and dual.
        """
        rows, omega = self.rows, omega[self.rows.kept]
        right = self.free * price[self.asset] - np.stack([q @ omega for q in self.couple])
        change = (self.solve(right) - self.gradient) / self.size
        self.direction = self.point.following(change, *self.targets)
        gained, (share, rest, above, sigma), (low, high) = (
            rows.excess_change(change),
            rows.point,
            self.residuals,
        )
        sigma_change = above * high + sigma * low - sigma * above * omega
        sigma_change = (sigma_change + sigma * share * gained) / rows.inner
        share_change = rest * low - share * high + sigma * share * omega
        share_change = rows.bend * gained + share_change / rows.inner
        rows.direction = Bounded(share_change, omega - share_change, sigma_change - gained, sigma_change)
        primal, dual = self.point.max_steps(self.direction)
        row_dual, row_primal = rows.point.max_steps(rows.direction)
        return min(primal, row_primal), min(dual, row_dual)

    def advanced(self, primal: float, dual: float) -> tuple[Bounded, Bounded]:
        """Legs and rows after a step of these lengths."""
        rows = self.rows.point.advanced(self.rows.direction, dual, primal)
        return self.point.advanced(self.direction, primal, dual), rows

    def advance(self, primal: float, dual: float) -> None:
        """Take it."""
        self.point, self.rows.point = self.advanced(primal, dual)
        self._evaluate()
