"""The quantile of the total loss in an interior point: what each scenario is above and below it, and with
which weight (THEORY 7). numpy only.
"""

import numpy as np

from adl_opt.arrays import Array
from adl_opt.methods.interior_point.bounded import Bounded
from adl_opt.methods.interior_point.shortfall_rows import WIDTH


class Quantile:
    """The part of the scenarios, (S,), losses in units of `money`: above - below = loss - level, both > 0,
    are the multipliers of the weights omega between 0 and 1. point: omega, 1 - omega, below, above.

    cost: what a unit of loss above the quantile costs in each scenario.
    """

    def __init__(self, loss: Array, cost: Array, unit: float) -> None:
        self.money, self.cost = float(loss.max()), cost
        self.row = cost * self.money / unit  # of the condition that weights sum to 1
        loss = loss / self.money
        # Where smoothed weights, half at the quantile, sum to 1.
        low, high = float(loss.min()) - 10.0, float(loss.max()) + 10.0
        far, root = loss, np.ones_like(loss)
        self.level, self.level_change = low, 0.0
        for _ in range(60):
            self.level = (low + high) / 2
            far = loss - self.level
            root = np.sqrt(far * far + 4 * WIDTH * WIDTH)
            low, high = (self.level, high) if float(cost @ (1 + far / root)) > 2 else (low, self.level)
        above, below = (root + far) / 2, (root - far) / 2
        omega = above / root / float(cost @ (above / root))
        self.point = Bounded(omega, 1 - omega, below, above)
        self.direction = Bounded(*(np.zeros_like(omega) for _ in range(4)))
        self.residuals = self.point.products()

    def value(self) -> float:
        """The risk, quote currency."""
        return self.money * (self.level + float(self.cost @ self.point.high))

    def products(self, point: Bounded) -> float:
        """The complementarity products of a point, quote currency."""
        return self.money * float(self.cost @ point.complementarity())

    def diagonal(self) -> Array:
        """What eliminating above and below adds to the diagonal of the system in the weights."""
        omega, rest, below, above = self.point
        with np.errstate(over="ignore"):
            return self.row * np.minimum(below / omega + above / rest, 1e250)

    def right(self, target: float, corrected: bool) -> tuple[Array, float]:
        """The right sides, of the weights and of their sum, of a step towards products of `target`."""
        self.residuals = below, above = self.point.residuals(target, self.direction if corrected else None)
        own = self.row * (below / self.point.value - above / self.point.room)
        return own, float(self.row.sum() / self.cost.sum()) * (1 - float(self.cost @ self.point.value))

    def set_direction(self, omega: Array, level: float, gained: Array) -> tuple[float, float]:
        """The direction in which weights change by `omega`, the quantile by `level`, losses by `gained`
        (quote currency): its longest steps, primal and dual.
        """
        above = (self.residuals[1] + self.point.high * omega) / self.point.room
        below = above - gained / self.money + level
        self.level_change, self.direction = level, Bounded(omega, -omega, below, above)
        dual, primal = self.point.max_steps(self.direction)
        return primal, dual

    def advanced(self, primal: float, dual: float) -> Bounded:
        """The point after a step of these lengths."""
        return self.point.advanced(self.direction, dual, primal)

    def advance(self, primal: float, dual: float) -> None:
        self.point, self.level = self.advanced(primal, dual), self.level + primal * self.level_change
