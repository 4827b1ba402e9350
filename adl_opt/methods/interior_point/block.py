"""A block of the interior point: accounts of one number of positions, with their part of a point, of the
optimality conditions and of a step (THEORY 6).

The legs decided have notional x = size x fraction. For a barrier parameter mu and prices p of the assets, a
point of the central path solves, in a unit in which slopes are about 1,

    slope / unit - p - low + high = 0,   fraction x low = room x high = mu,   sum of x = required, by asset.

Newton's method eliminates the multipliers `low` and `high` leg by leg: with the positive definite matrix
M = curvature / unit + (low / fraction + high / room) / size of each account, M dx = P' p - gradient, where P
sums over the legs of an asset. What is left is the Schur complement sum P M^-1 P' in the prices alone.

Arrays (m, n): a row a position, a column an account. Where nothing is to be decided, `free` is 0. numpy only.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.methods.interior_point.bounded import Bounded
from adl_opt.methods.interior_point.linear_algebra import inverses


class Block(ABC):
    """Some accounts of m positions each; number: that of each asset of the book among the `count` free ones.

    point: fractions closed between 0 and 1 with the multipliers of their bounds; direction: of this step.
    value: quote currency; slope: of the value in the notional closed, a pure number.
    """

    ridge: ClassVar[float] = 0.0  # what systems so near to singular need that their errors do not grow

    def __init__(self, event: Event, batch: Batch, number: Index, count: int) -> None:
        book, leg = event.book, batch.leg.T
        self.leg, self.equity, self.m, self.count = leg, book.equity[batch.account], leg.shape[0], count
        self.free = event.free[leg].astype(float)
        self.asset = np.where(event.free[leg], number[book.asset[leg]], 0)
        self.side = self.free * np.sign(book.position[leg])
        self.size = np.where(self.free > 0, np.abs(event.notional[leg]), 1.0)
        # What is left whatever is decided: all that is not closed already, less what there is to decide.
        self.fixed = book.notional[leg] - event.notional[leg] * np.where(
            self.free > 0, 1.0, event.fixed_fraction[leg]
        )
        self.unit, self.value, self.slope = 1.0, 0.0, np.zeros_like(self.free)
        self.inverse = np.zeros((self.m, *leg.shape))  # of M, by position twice; 0 where nothing is decided
        fraction, nothing = np.where(self.free > 0, event.pro_rata_fraction[leg], 0.5), self.slope
        self.point = self.best = Bounded(fraction, 1 - fraction, nothing, nothing)
        self.direction = Bounded(nothing, nothing, nothing, nothing)

    @abstractmethod
    def start(self) -> None:
        """Value and slope at pro rata."""

    def rescale(self, unit: float) -> None:
        """From now on slopes, and with them multipliers, are counted in `unit`."""
        ratio, (fraction, room, low, high) = self.unit / unit, self.point
        self.unit, self.point = unit, Bounded(fraction, room, ratio * low, ratio * high)

    def begin(self, centre: float) -> None:
        """Multipliers on the central path of the barrier parameter `centre`."""
        fraction, room, _, _ = self.point
        self.point = Bounded(fraction, room, self.free * centre / fraction, self.free * centre / room)

    def keep(self) -> None:
        """This point is the best so far."""
        self.best = self.point

    def notional(self) -> Array:
        """What is left of each position, signed."""
        return self.fixed + self.side * self.size * self.point.room

    def closed(self) -> Array:
        """Notional closed by asset."""
        return self.by_asset(self.size * self.point.value)

    def by_asset(self, values: Array) -> Any:
        """Sums over the legs decided of each asset, (count,)."""
        return np.bincount(self.asset.ravel(), (values * self.free).ravel(), self.count)

    def steepest(self) -> float:
        """The largest slope, in size."""
        return float(np.abs(self.slope).max(initial=0.0))

    def dual_residual(self, price: Array) -> Array:
        """What is left of the first optimality condition, (m, n)."""
        return self.free * (self.slope / self.unit - price[self.asset]) - self.point.low + self.point.high

    def residual_charge(self, price: Array) -> float:
        """The residual charged on every leg decided, whole: what it may hide of the value, in `unit`."""
        return float((self.size * np.abs(self.dual_residual(price))).sum())

    def factor(self, curvature: Array) -> Array:
        """The inverses of M, of the curvature (n, m, m) of the value in the notionals left; (count, count),
        the Schur complement's part.
        """
        m, count, (fraction, room, low, high) = self.m, self.count, self.point
        barrier = (low / fraction + high / room) / self.size
        system = [
            [curvature[:, k, j] * (self.side[k] * self.side[j] / self.unit) for j in range(k + 1)]
            for k in range(m)
        ]
        for k in range(m):
            system[k][k] = system[k][k] + np.where(self.free[k] > 0, barrier[k], 1.0)
        lower = inverses(system, self.ridge)
        self.inverse = np.stack([np.stack([lower[max(k, j)][min(k, j)] for j in range(m)]) for k in range(m)])
        self.inverse *= self.free[:, None] * self.free
        schur = np.zeros(count * count)
        for k in range(m):
            for j in range(m):
                schur += np.bincount(self.asset[k] * count + self.asset[j], self.inverse[k, j], count * count)
        return schur.reshape(count, count)

    def solve(self, right: Array) -> Array:
        """M^-1 right, (m, n)."""
        return np.einsum("kjn,jn->kn", self.inverse, right)
