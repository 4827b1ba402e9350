"""Accounts under scenarios in the interior point: every loss above equity is a row of a linear program,
eliminated by hand (THEORY 6).

Row s of account i: sigma >= lost, sigma >= 0, cost probability x sigma, with the multiplier share x
probability of the first, 0 < share < 1. Given the step of what is closed, the step of a row is known in
closed form; what remains is the account's own small system. Rows that no closing can make positive are left
out. numpy only.
"""

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.laws.base import Scenarios
from adl_opt.methods.interior_point.account_block import Piece
from adl_opt.methods.interior_point.linear_algebra import reach

_WIDE = 0.1  # of an account's notional or equity: the width over which losses are smoothed at the start


class Kinks(Piece):
    """Some accounts of m positions each, with their rows (n, K): sigma, above = sigma - lost, share and rest
    = 1 - share, apart because either may be far below rounding; in units of each account's scale.
    """

    ridge = 1e-8  # at a vertex an account's rows all but determine it

    def __init__(self, event: Event, law: Scenarios, batch: Batch, number: Index) -> None:
        super().__init__(event, law, batch, number)
        book = event.book
        asset = book.asset[batch.leg]
        whole = self.fixed + self.on * self.side * self.size
        low, high = np.minimum(self.fixed, whole), np.maximum(self.fixed, whole)
        self.scale = np.maximum(np.maximum(np.abs(low), np.abs(high)).sum(axis=0), self.equity)[:, None]
        one = bool((asset == asset[0]).all())
        most = np.zeros((len(asset), len(law.probability)))
        for k in range(self.m):
            moves = law.moves[:, asset[0, k]][None, :] if one else law.moves.T[asset[:, k]]
            most += np.maximum(-low[k][:, None] * moves, -high[k][:, None] * moves)
        kept = np.flatnonzero((most > self.equity[:, None]).any(axis=0) & (law.probability > 0))
        self.account, self.kept, self.weight = batch.account, kept, law.probability[kept]
        # effect[k]: the move of position k in each row, (1 or n, K).
        self.effect = [
            law.moves[kept, asset[0, k]][None, :] if one else law.moves[kept[None, :], asset[:, k, None]]
            for k in range(self.m)
        ]
        self.one = one
        self.table = np.stack([effect[0] for effect in self.effect], axis=1) if one else None  # (K, m)

    def _lost(self, notional: Array, equity: Array | float) -> Array:
        """-notional . effect - equity, (n, K), in units of scale; notional (m, n)."""
        lost = (
            -(notional.T @ self.table.T)
            if self.table is not None
            else -sum(y[:, None] * e for y, e in zip(notional, self.effect))
        )
        return (lost - equity) / self.scale

    def _by_position(self, rows: Array) -> Array:
        """Sums over rows (n, K) times probability and effect, (m, n)."""
        rows = rows * self.weight
        return (
            (rows @ self.table).T
            if self.table is not None
            else np.stack([(rows * e).sum(axis=1) for e in self.effect])
        )

    def _smoothed(self, lost: Array, width: float) -> None:
        """On the central path: share x above = (1 - share) x sigma = width."""
        root = np.sqrt(lost * lost + 4 * width * width)
        far = 4 * width * width / (root + np.abs(lost))  # root - |lost|, without cancellation
        small, large = width + far / 2, width + (root + np.abs(lost)) / 2
        self.above, self.sigma = np.where(lost > 0, small, large), np.where(lost > 0, large, small)
        self.share, self.rest = width / self.above, width / self.sigma

    def evaluate(self, room: Array) -> None:
        notional = self.fixed + self.on * self.side * self.size * room
        self._smoothed(self._lost(notional, self.equity[:, None]), _WIDE)
        self._measure()

    def _measure(self) -> None:
        positive = np.maximum(self.sigma - self.above, 0.0)
        self.value = float(((positive * self.scale) @ self.weight).sum())
        self.slope = self.side * self.on * self._by_position(self.share)

    def begin(self, centre: float, unit: float) -> None:
        super().begin(centre, unit)
        self.tau = _WIDE / centre  # rows begin as wide as what is lost may change, and narrow as bounds do

    def keep(self) -> None:
        super().keep()
        self.best_share = getattr(self, "share", None)

    def multipliers(self, row: Index) -> Array:
        """Multipliers (rows, K) of the kept rows of some accounts at the best point."""
        share = (
            np.full((len(self.account), len(self.kept)), np.nan)
            if self.best_share is None
            else self.best_share
        )
        return np.clip(share[row], 0.0, 1.0) * self.weight

    def rows(self) -> float:
        return float(self.share.size)

    def rescale(self, ratio: float) -> None:
        super().rescale(ratio)
        self.tau /= ratio

    def slack(self) -> float:
        own = self.share * self.above + self.rest * self.sigma
        return float(((own * self.scale) @ self.weight).sum())

    def row_products(self) -> float:
        return float((self.share * self.above + self.rest * self.sigma).sum()) / self.tau

    def factor(self, unit: float, count: int) -> tuple[Array, Array, Array, Array]:
        rest = self.rest
        self.inner = self.share * self.sigma + self.above * rest
        bend = self.share * rest / self.inner
        lost = self.sigma - self.above
        curvature = np.empty((self.m, self.m, len(self.equity)))
        weighted = bend / self.scale * self.weight
        for k in range(self.m):
            for j in range(k + 1):
                pair = self.effect[k] * self.effect[j]
                curvature[k, j] = curvature[j, k] = (
                    weighted @ pair[0] if self.one else (weighted * pair).sum(axis=1)
                )
        self.curvature = curvature.transpose(2, 0, 1)
        self.ahead = [
            self.side * self.on * self._by_position(self.share + bend * lost),
            self.side * self.on * self._by_position(self.tau * (rest - self.share) / self.inner),
        ]
        self.bend = bend
        return super().factor(unit, count)

    def pulls(self, unit: float) -> list[Array]:
        return [self.ahead[0] / unit, self.ahead[1] / unit + self.on * (1 / self.room - 1 / self.fraction)]

    def _moved_lost(self, moved: Array) -> Array:
        return self._lost(-self.side * self.size * self.on * moved, 0.0)

    def bends(self, first: Array, unit: float) -> tuple[float, Array, Array]:
        lost, more, rest = self.sigma - self.above, self._moved_lost(first), self.rest
        even = -self.sigma * self.above
        self.sigma_step = (even + self.sigma * self.share * more) / self.inner
        self.above_step = (even - self.above * rest * more) / self.inner
        self.share_step = self.bend * (lost + more)
        products = np.array(
            [
                self.row_products(),
                float(
                    (
                        self.share * self.above_step
                        + self.share_step * self.above
                        + rest * self.sigma_step
                        - self.share_step * self.sigma
                    ).sum()
                )
                / self.tau,
                float((self.share_step * (self.above_step - self.sigma_step)).sum()) / self.tau,
            ]
        )
        far = self._reach_of_rows()
        self.bent_above, self.bent_sigma = (
            self.share_step * self.above_step,
            -self.share_step * self.sigma_step,
        )
        turned = (self.share * self.bent_sigma - rest * self.bent_above) / self.inner
        return far, products, self.side * self.on * self._by_position(turned) / unit

    def _reach_of_rows(self) -> float:
        return reach(
            (self.sigma, self.sigma_step),
            (self.above, self.above_step),
            (self.share, self.share_step),
            (self.rest, -self.share_step),
        )

    def step(self, target: float, more: Array, share: float) -> float:
        length = super().step(target, more, share)
        lost, change, rest = self.sigma - self.above, self._moved_lost(self.moved), self.rest
        goal = self.tau * target
        even = goal * (self.sigma + self.above) - self.sigma * self.above
        even -= share * (self.sigma * self.bent_above + self.above * self.bent_sigma)
        self.sigma_step = (even + self.sigma * self.share * change) / self.inner
        self.above_step = (even - self.above * rest * change) / self.inner
        turned = goal * (rest - self.share) + share * (self.share * self.bent_sigma - rest * self.bent_above)
        self.share_step = self.bend * (lost + change) + turned / self.inner
        self.there = self.sigma, self.above, self.share, self.rest
        return min(length, self._reach_of_rows())

    def go(self, length: float) -> None:
        fraction, room, low, high = self.here
        self.fraction, self.room = fraction + length * self.moved, room - length * self.moved
        self.low, self.high = low + length * self.low_step, high + length * self.high_step
        sigma, above, share, rest = self.there
        self.sigma, self.above = sigma + length * self.sigma_step, above + length * self.above_step
        self.share, self.rest = share + length * self.share_step, rest - length * self.share_step
        self._measure()
