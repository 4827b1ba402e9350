"""Variables between two bounds, as an interior point keeps them, and how long a step may be. numpy only."""

from typing import NamedTuple

import numpy as np

from adl_opt.arrays import Array


def max_step(*pairs: tuple[Array, Array]) -> float:
    """The longest step, at most 1, that keeps values >= 0 with these changes at 0 or above (values of 0 do
    not change).
    """
    return 1 / max(
        1.0, *(-float((change / np.where(value > 0, value, 1.0)).min(initial=0.0)) for value, change in pairs)
    )


class Bounded(NamedTuple):
    """0 <= value and room = bound - value >= 0, with the multipliers `low` and `high` of these two: a point,
    or a direction (what each changes by). Arrays of one shape.

    value and room are kept apart because either may be far below the rounding of the other.
    """

    value: Array
    room: Array
    low: Array
    high: Array

    def products(self) -> tuple[Array, Array]:
        """The complementarity products; of a direction, what a full step adds to them to second order."""
        return self.value * self.low, self.room * self.high

    def complementarity(self) -> Array:
        """The sum of the two products."""
        return self.value * self.low + self.room * self.high

    def first_order(self, direction: "Bounded") -> Array:
        """How fast `complementarity` changes along a direction."""
        gained = self.value * direction.low + direction.value * self.low
        return gained + self.room * direction.high + direction.room * self.high

    def residuals(self, target: float, affine: "Bounded | None") -> tuple[Array, Array]:
        """What the products lack to `target`, less the second-order term of an affine direction."""
        low, high = (target - product for product in self.products())
        if affine is None:
            return low, high
        second_low, second_high = affine.products()
        return low - second_low, high - second_high

    def following(self, change: Array, low: Array | float, high: Array | float) -> "Bounded":
        """The direction in which values change so and the products become `low` and `high` to first order."""
        low_change = (low - self.low * change) / self.value - self.low
        return Bounded(change, -change, low_change, (high + self.high * change) / self.room - self.high)

    def max_steps(self, direction: "Bounded") -> tuple[float, float]:
        """The longest steps of (the values, the multipliers)."""
        return (
            max_step((self.value, direction.value), (self.room, direction.room)),
            max_step((self.low, direction.low), (self.high, direction.high)),
        )

    def advanced(self, direction: "Bounded", value: float, multiplier: float) -> "Bounded":
        """The point after a step of these lengths in values and multipliers."""
        return Bounded(
            self.value + value * direction.value,
            self.room + value * direction.room,
            self.low + multiplier * direction.low,
            self.high + multiplier * direction.high,
        )
