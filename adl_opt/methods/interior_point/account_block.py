"""Blocks of the expected loss, in which prices alone couple the accounts: Mehrotra's predictor and corrector
(THEORY 6, 9), and accounts under a law with curvature.

The direction is affine in the barrier parameter mu, which is chosen once that for mu = 0, the affine-scaling
direction, is known. In this order `factor_step` solves for both parts of the gradient, `affine_direction` for
both parts of the direction and the second-order term of the first, `corrected_direction` sums them for the mu
chosen, `complete_direction` mends the rounding of what that clears, `advance` tries a step length.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.laws.base import Law
from adl_opt.methods.interior_point.block import Block


class Optimality(NamedTuple):
    """How good a point is: value and duality gap in quote currency, squared distance to the central path,
    sum of complementarity products, largest slope.
    """

    value: float
    gap: float
    squares: float
    products: float
    steepest: float

    @staticmethod
    def of(parts: "Iterable[Optimality]") -> "Optimality":
        *sums, steepest = zip(*parts)
        value, gap, squares, products = (float(np.sum(column)) for column in sums)
        return Optimality(value, gap, squares, products, max(steepest))


class ExpectedLossBlock(Block):
    """A block with the verbs of a predictor-corrector step; subclasses value its point, and rows if any."""

    def __init__(self, event: Event, batch: Batch, number: Index, count: int) -> None:
        super().__init__(event, batch, number, count)
        nothing = np.zeros_like(self.free)
        self.origin = self.point  # where the step begins
        # M^-1 of the gradient at mu = 0, per unit of mu, and of the second-order term: notional, (m, n) each.
        self.gradients = [nothing, nothing, nothing]
        self.changes = [nothing, nothing]  # of the fractions, at mu = 0 and per unit of mu
        self.second_order = nothing, nothing  # products of the affine changes

    @abstractmethod
    def evaluate(self) -> None:
        """Value and slope at the present point."""

    @abstractmethod
    def linearised(self) -> tuple[Array, Array, Array]:
        """The curvature (n, m, m), and the gradient at mu = 0 and per unit of mu, at the present point."""

    def affine_rows(self, change: Array) -> tuple[float, Array, Array | float]:
        """How rows follow fractions that change so: longest step, coefficients (3,) of their products after a
        step, gradient of their second-order term.
        """
        return 1.0, np.zeros(3), 0.0

    def refine(self) -> bool:
        """Value the point as exactly as can be, here and from now on; whether that changes anything."""
        return False

    def centring(self) -> Array:
        """The gradient of the legs' barrier -log(fraction) - log(room)."""
        return self.free * (1 / self.point.room - 1 / self.point.value)

    def optimality(self, price: Array, target: float) -> Optimality:
        """At the present point; squares are the distance to the central path at `target`."""
        dual, (low, high) = self.dual_residual(price), self.point.products()
        # Charging every leg for what is left of the optimality conditions bounds the distance to the optimum.
        gap = self.unit * float(np.vdot(self.size, low + high + np.abs(dual)))
        products = float(low.sum() + high.sum())
        goal = target * self.free
        low, high = low - goal, high - goal
        squares = float(np.vdot(dual, dual) + np.vdot(low, low) + np.vdot(high, high))
        return Optimality(self.value, gap, squares, products, self.steepest())

    def factor_step(self) -> tuple[Array, Array, Array, Array]:
        """Part of the system in the prices: notional closed by asset, Schur complement, and what the gradient
        at mu = 0 and per unit of mu closes.
        """
        curvature, affine, centring = self.linearised()
        schur = self.factor(curvature)
        self.gradients = [self.solve(affine), self.solve(centring)]
        return self.closed(), schur, self.by_asset(self.gradients[0]), self.by_asset(self.gradients[1])

    def affine_direction(self, prices: list[Array]) -> tuple[float, Array, Array]:
        """At `prices`, for mu = 0 and per unit of mu. Of the affine-scaling direction: the longest step,
        coefficients (3,) of the complementarity products after a step, what its second-order term closes.
        """
        self.changes = [
            (self.solve(self.free * p[self.asset]) - part) / self.size
            for p, part in zip(prices, self.gradients)
        ]
        affine = self.point.following(self.changes[0], 0.0, 0.0)
        self.second_order = low, high = affine.products()
        longest, products, gradient = self.affine_rows(self.changes[0])
        second = self.solve(low / self.point.value - high / self.point.room + gradient)
        self.gradients.append(second)
        terms = self.point.complementarity(), self.point.first_order(affine), low + high
        products = products + [float(term.sum()) for term in terms]
        return min(longest, *self.point.max_steps(affine)), products, self.by_asset(second)

    def corrected_direction(self, target: float, price: Array, correction: float) -> Array:
        """Towards the central path at `target`, with `correction` (0 or 1) of the second-order term and
        `price` for it: the notional that it closes by asset.
        """
        turned = (self.solve(self.free * price[self.asset]) - correction * self.gradients[2]) / self.size
        change = self.changes[0] + target * self.changes[1] + turned
        self.direction = self.direction._replace(value=change)
        return self.by_asset(self.size * change)

    def complete_direction(self, target: float, price: Array, correction: float) -> float:
        """Prices `price` more mend the rounding of what the direction clears; the multipliers follow. The
        longest step.
        """
        change = self.direction.value + self.solve(self.free * price[self.asset]) / self.size
        low, high = (target * self.free - correction * term for term in self.second_order)
        self.origin, self.direction = self.point, self.point.following(change, low, high)
        return min(self.point.max_steps(self.direction))

    def advance(self, length: float) -> None:
        """The point after a step of this length from where the step begins."""
        self.point = self.origin.advanced(self.direction, length, length)
        self.evaluate()


class AccountBlock(ExpectedLossBlock):
    """Accounts under a law whose expected shortfall has a slope and a curvature in closed form."""

    def __init__(self, event: Event, law: Law, batch: Batch, number: Index, count: int) -> None:
        super().__init__(event, batch, number, count)
        asset = event.book.asset[batch.leg]
        self.exact, rough = law.terms_on(asset), law.rough_terms_on(asset)
        self.answer = self.exact if rough is None else rough
        self.hessian = np.zeros((len(asset), self.m, self.m))

    def start(self) -> None:
        self.evaluate()

    def evaluate(self) -> None:
        value, slope, self.hessian = self.answer(self.notional().T, self.equity, 2)
        self.value, self.slope = float(value.sum()), -self.side * slope.T

    def linearised(self) -> tuple[Array, Array, Array]:
        return self.hessian, self.free * self.slope / self.unit, self.centring()

    def refine(self) -> bool:
        if self.answer is self.exact:
            return False
        self.answer = self.exact
        self.evaluate()
        return True
