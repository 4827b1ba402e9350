"""Accounts under the scenarios of a tail: rows that share their scenario's weight (THEORY 7). numpy only."""

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.laws.base import Scenarios
from adl_opt.methods.interior_point.account_block import Piece
from adl_opt.methods.interior_point.linear_algebra import reach
from adl_opt.methods.interior_point.scenario_block import Kinks


class Tail(Kinks):
    """Some accounts with their rows: share + rest = omega of the scenario.

    Steps are told apart for what is closed (primal) and multipliers (dual).
    """

    def __init__(self, event: Event, law: Scenarios, batch: Batch, number: Index, cost: Array) -> None:
        super().__init__(event, law, batch, number)
        self.weight = cost[self.kept]

    def lost(self, scenarios: int) -> Array:
        """sigma, summed over accounts: the loss by scenario (S,)."""
        return self.by_scenario(self.sigma, scenarios)

    def by_scenario(self, rows: Array, scenarios: int) -> Array:
        total = np.zeros(scenarios)
        total[self.kept] = self.scale[:, 0] @ rows
        return total

    def weigh(self, omega: Array) -> None:
        """Multipliers in proportion to the weights of the scenarios."""
        omega = omega[self.kept]
        self.share, self.rest = self.share * omega, self.rest * omega
        self._measure()

    def astray(self, price: Array, unit: float) -> float:
        """What is left of the optimality conditions, charged on every leg (quote currency)."""
        dual = self.on * (self.slope / unit - price[self.asset]) - self.low + self.high
        return unit * float((self.size * self.on * np.abs(dual)).sum())

    def products(self, unit: float) -> float:
        own = self.on * (self.fraction * self.low + self.room * self.high)
        return unit * float((self.size * own).sum()) + self.slack()

    def build(self, unit: float, count: int, scenarios: int) -> tuple[Array, Array, Array, Array]:
        """(closed by asset, P'M^-1 P, Q'M^-1 P, diagonal and Q'M^-1 Q): the piece's part of the system in
        prices and scenario weights.
        """
        self.inner = self.share * self.sigma + self.above * self.rest
        self.bend = self.share * self.rest / self.inner
        weighted = self.bend / self.scale * self.weight
        curvature = np.empty((self.m, self.m, len(self.equity)))
        for k in range(self.m):
            for j in range(k + 1):
                pair = self.effect[k] * self.effect[j]
                curvature[k, j] = curvature[j, k] = (
                    weighted @ pair[0] if self.one else (weighted * pair).sum(axis=1)
                )
        self.curvature = curvature.transpose(2, 0, 1)
        self.ahead = [np.zeros_like(self.fraction)] * 2
        closed, schur, _, _ = Piece.factor(self, unit, count)
        part = self.share * self.sigma / self.inner * (self.weight / unit)
        self.couple = [
            (self.side[k] * self.on[k])[:, None] * part * self.effect[k] for k in range(self.m)
        ]  # Q: (m) of (n, K)
        inside = [
            sum(self.inverse[k, j][:, None] * self.couple[j] for j in range(self.m)) for k in range(self.m)
        ]
        bent = sum(self.couple[k].T @ inside[k] for k in range(self.m))
        across = np.zeros((count, scenarios))
        for k in range(self.m):
            by_asset = np.zeros((count, len(self.kept)))
            for asset in np.unique(self.asset[k]):
                mine = self.asset[k] == asset
                by_asset[asset] = self.on[k][mine] @ np.asarray(inside[k])[mine]
            across[:, self.kept] += by_asset
        matrix = np.zeros((scenarios, scenarios))
        matrix[np.ix_(self.kept, self.kept)] = bent
        matrix[self.kept, self.kept] += (
            self.weight / unit * (self.scale[:, 0] @ (self.sigma * self.above / self.inner))
        )
        return closed, schur.reshape(count, count), across, matrix

    def right(
        self, target: float, unit: float, tau: float, count: int, scenarios: int, corrected: bool
    ) -> tuple[Array, Array]:
        """The right sides of a step towards the central path at `target`: (P'M^-1 pull (assets,), loss gained
        less Q'M^-1 pull (scenarios,)).
        """
        goal = target * tau
        self.one_row, self.two_row = goal - self.share * self.above, goal - self.rest * self.sigma
        self.low_goal, self.high_goal = target * self.on, target * self.on
        if corrected:
            self.one_row = self.one_row - self.share_step * self.above_step
            self.two_row = self.two_row - self.rest_step * self.sigma_step
            self.low_goal = self.low_goal - self.moved * self.low_step
            self.high_goal = self.high_goal + self.moved * self.high_step
        turned = (self.rest * self.one_row - self.share * self.two_row) / self.inner
        slope = self.slope + self.side * self.on * self._by_position(turned)
        pull = self.on * slope / unit - self.low_goal / self.fraction + self.high_goal / self.room
        self.pull = [self._apply(pull)]
        gained = (self.above * self.two_row + self.sigma * self.one_row) / self.inner
        own = self.by_scenario(gained, scenarios)
        own[self.kept] *= self.weight / unit
        own[self.kept] -= sum((q * p[:, None]).sum(axis=0) for q, p in zip(self.couple, self.pull[0]))
        return self.by_asset(self.pull[0], count), own

    def turn(self, price: Array, omega: Array) -> tuple[float, float]:
        """The step when prices become `price` and scenario weights change by `omega`: how far it can be
        followed, primal and dual.
        """
        omega = omega[self.kept]
        right = self.on * price[self.asset] - np.stack([q @ omega for q in self.couple])
        self.moved = (self._apply(right) - self.pull[0]) / self.size
        change = self._moved_lost(self.moved)
        gained = self.above * self.two_row + self.sigma * self.one_row - self.sigma * self.above * omega
        self.sigma_step = (gained + self.sigma * self.share * change) / self.inner
        self.above_step = self.sigma_step - change
        turned = self.rest * self.one_row - self.share * self.two_row + self.sigma * self.share * omega
        self.share_step = self.bend * change + turned / self.inner
        self.rest_step = omega - self.share_step
        self.low_step = (self.low_goal - self.low * self.moved) / self.fraction - self.low
        self.high_step = (self.high_goal + self.high * self.moved) / self.room - self.high
        primal = reach(
            (self.fraction, self.moved),
            (self.room, -self.moved),
            (self.sigma, self.sigma_step),
            (self.above, self.above_step),
        )
        dual = reach(
            (self.low, self.low_step),
            (self.high, self.high_step),
            (self.share, self.share_step),
            (self.rest, self.rest_step),
        )
        return primal, dual

    def after(self, primal: float, dual: float, unit: float) -> float:
        """The products after a step of these lengths (quote currency)."""
        low, high = self.low + dual * self.low_step, self.high + dual * self.high_step
        own = self.on * (
            (self.fraction + primal * self.moved) * low + (self.room - primal * self.moved) * high
        )
        rows = (self.share + dual * self.share_step) * (self.above + primal * self.above_step)
        rows += (self.rest + dual * self.rest_step) * (self.sigma + primal * self.sigma_step)
        return unit * float((self.size * own).sum()) + float(((rows * self.scale) @ self.weight).sum())

    def walk(self, primal: float, dual: float) -> None:
        self.fraction, self.room = self.fraction + primal * self.moved, self.room - primal * self.moved
        self.sigma, self.above = self.sigma + primal * self.sigma_step, self.above + primal * self.above_step
        self.low, self.high = self.low + dual * self.low_step, self.high + dual * self.high_step
        self.share, self.rest = self.share + dual * self.share_step, self.rest + dual * self.rest_step
        self._measure()
