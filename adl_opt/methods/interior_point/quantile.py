"""The quantile of the total loss in an interior point: what each scenario is above and below it, and with
which weight (THEORY 7). numpy only.
"""

import numpy as np

from adl_opt.arrays import Array
from adl_opt.methods.interior_point.linear_algebra import reach

WIDE = 0.1  # of the loss in the tail: the width over which the quantile is smoothed at the start


class Quantile:
    """The part of the scenarios, (S,) in units of `money`: above - below = loss - level, both > 0, with
    multipliers 1 - omega and omega.
    """

    def __init__(self, loss: Array, cost: Array, unit: float) -> None:
        self.money, self.cost = float(loss.max()), cost
        self.row = cost * self.money / unit
        loss = loss / self.money
        # Where smoothed weights, half at the quantile, sum to 1.
        low, high = float(loss.min()) - 10.0, float(loss.max()) + 10.0
        far, root = loss, np.ones_like(loss)
        for _ in range(60):
            self.level = (low + high) / 2
            far = loss - self.level
            root = np.sqrt(far * far + 4 * WIDE * WIDE)
            low, high = (self.level, high) if float(cost @ (1 + far / root)) > 2 else (low, self.level)
        self.above, self.below = (root + far) / 2, (root - far) / 2
        self.omega = self.above / root / float(cost @ (self.above / root))
        self.rest = 1 - self.omega  # apart from here on: either may be far below rounding

    def value(self) -> float:
        return self.money * (self.level + float(self.cost @ self.above))

    def products(self) -> float:
        return self.money * float(self.cost @ (self.omega * self.below + self.rest * self.above))

    def diagonal(self) -> Array:
        with np.errstate(over="ignore"):
            return self.row * np.minimum(self.below / self.omega + self.above / self.rest, 1e250)

    def right(self, goal: float, corrected: bool) -> tuple[Array, float]:
        """The right sides of a step towards products of `goal`."""
        self.one, self.two = goal - self.omega * self.below, goal - self.rest * self.above
        if corrected:
            self.one, self.two = (
                self.one - self.turned * self.below_step,
                self.two + self.turned * self.above_step,
            )
        own = self.row * (self.one / self.omega - self.two / self.rest)
        return own, float(self.row.sum() / self.cost.sum()) * (1 - float(self.cost @ self.omega))

    def turn(self, turned: Array, moved: float, gained: Array) -> tuple[float, float]:
        """The step when weights change by `turned`, the quantile by `moved`, losses by `gained` (quote
        currency): how far it can be followed.
        """
        self.turned, self.moved = turned, moved
        self.above_step = (self.two + self.above * turned) / self.rest
        self.below_step = self.above_step - gained / self.money + moved
        primal = reach((self.above, self.above_step), (self.below, self.below_step))
        return primal, reach((self.omega, turned), (self.rest, -turned))

    def after(self, primal: float, dual: float) -> float:
        omega, rest = self.omega + dual * self.turned, self.rest - dual * self.turned
        own = omega * (self.below + primal * self.below_step) + rest * (self.above + primal * self.above_step)
        return self.money * float(self.cost @ own)

    def walk(self, primal: float, dual: float) -> None:
        self.above, self.below = self.above + primal * self.above_step, self.below + primal * self.below_step
        self.level, self.omega = self.level + primal * self.moved, self.omega + dual * self.turned
        self.rest = self.rest - dual * self.turned
