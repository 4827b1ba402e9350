"""What the interior point does account by account: pieces of the book that stay in the cache, each with its
part of a point and of a step.

Arrays (m, n): a row a position, a column an account. numpy only.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.laws.base import Law, Scenarios
from adl_opt.methods.interior_point.linear_algebra import inverse_of, reach


class Sums(NamedTuple):
    """What a piece tells of its point: value and gap in quote currency, squares of what is left of the
    conditions, products, largest slope.
    """

    value: float
    gap: float
    squares: float
    products: float
    steepest: float

    @staticmethod
    def of(parts: "Iterable[Sums]") -> "Sums":
        *sums, steepest = zip(*parts)
        return Sums._make([*(float(np.sum(column)) for column in sums), max(steepest)])


class Piece:
    """Some accounts of m positions each: their part of a point, and of a step.

    Arrays (m, n), a row a position; where nothing is to be decided, `on` is 0.
    """

    ridge = 0.0  # what systems so near to singular need that their errors do not grow

    def __init__(self, event: Event, law: Law, batch: Batch, number: Index) -> None:
        book, leg = event.book, batch.leg.T
        self.leg, self.equity, self.m = leg, book.equity[batch.account], leg.shape[0]
        self.on = event.free[leg].astype(float)
        self.asset = np.where(event.free[leg], number[book.asset[leg]], 0)
        position = book.position[leg]
        notional = np.abs(event.notional[leg])
        self.side, self.size = np.sign(position), np.where(self.on > 0, notional, 1.0)
        self.free_size = self.size * self.on
        # What is left whatever is decided: all that is not closed already, less what there is to decide.
        self.fixed = book.notional[leg] - event.notional[leg] * np.where(
            self.on > 0, 1.0, event.fixed_fraction[leg]
        )
        self.start = event.pro_rata_fraction[leg]
        self.answer: Any = None if isinstance(law, Scenarios) else law.terms_on(book.asset[leg].T)
        self.fraction = np.where(self.on > 0, self.start, 0.5)
        self.room = 1 - self.fraction
        self.keep()

    def evaluate(self, room: Array) -> None:
        """Value, slope per notional closed and curvature where `room` is the fraction left."""
        notional = self.fixed + self.on * self.side * self.size * room
        value, slope, curvature = self.answer(notional.T, self.equity, 2)
        self.value = float(value.sum())
        self.slope = -self.side * self.on * slope.T
        self.curvature = curvature

    def evaluate_start(self, count: int) -> tuple[float, Array, Array]:
        """(largest slope, notional and notional x slope by asset) at pro rata."""
        self.evaluate(self.room)
        return (
            float(np.abs(self.slope).max(initial=0.0)),
            self.by_asset(self.size, count),
            self.by_asset(self.size * self.slope, count),
        )

    def rescale(self, ratio: float) -> None:
        """Multipliers in a unit smaller by `ratio`."""
        self.low, self.high = ratio * self.low, ratio * self.high

    def spread(self, price: Array, unit: float) -> float:
        return float((self.size * self.on * np.abs(self.slope / unit - price[self.asset])).sum())

    def sharpen(self) -> None:
        """Laws that answer roughly at first are asked for all their digits, here and from now on."""
        self.answer.sharpen()
        self.evaluate(self.room)

    def begin(self, centre: float, unit: float) -> None:
        """Multipliers on the central path; slopes are then counted in `unit`."""
        self.low, self.high = self.on * centre / self.fraction, self.on * centre / self.room

    def sums(self, price: Array, unit: float, target: float) -> Sums:
        """At the present point; squares measure the distance to the central path at `target`."""
        dual = self.on * (self.slope / unit - price[self.asset]) - self.low + self.high
        one, two = self.fraction * self.low, self.room * self.high
        # Charging every leg for what is left of the optimality conditions bounds the distance to the optimum.
        gap = unit * float(np.vdot(self.free_size, one + two + np.abs(dual))) + self.slack()
        goal = target * self.on
        off, more = one - goal, two - goal
        squares = float(np.vdot(dual, dual) + np.vdot(off, off) + np.vdot(more, more))
        products = float(one.sum() + two.sum()) + self.row_products()
        return Sums(self.value, gap, squares, products, float(np.abs(self.slope).max(initial=0.0)))

    def closed(self, count: int) -> Array:
        """Notional closed by asset."""
        return self.by_asset(self.size * self.fraction, count)

    def keep(self) -> None:
        """This point is the best so far."""
        self.best = self.fraction, self.room

    def slack(self) -> float:
        """What pieces with rows of their own add to the gap."""
        return 0.0

    def row_products(self) -> float:
        """The products of those rows, as many as twice `rows`."""
        return 0.0

    def rows(self) -> float:
        return 0.0

    def pulls(self, unit: float) -> list[Array]:
        """slope - target / fraction + target / room, affine in the target, which is chosen later."""
        return [self.on * self.slope / unit, self.on * (1 / self.room - 1 / self.fraction)]

    def bends(self, first: Array, unit: float) -> tuple[float, Array, Array | float]:
        """Of rows, when the fractions move by `first`: (how far they can follow, coefficients of their
        products, pull of what is left of them).
        """
        return 1.0, np.zeros(3), 0.0

    def factor(self, unit: float, count: int) -> tuple[Array, Array, Array, Array]:
        """The systems of this step: (missing notional (assets,), Schur complement (assets^2,), what the two
        parts of the pull close (assets,) each).
        """
        m = self.m
        barrier = (self.low / self.fraction + self.high / self.room) / self.size
        side = self.on * self.side
        system = [
            [self.curvature[:, k, j] * (side[k] * side[j] / unit) for j in range(k + 1)] for k in range(m)
        ]
        for k in range(m):
            system[k][k] = system[k][k] + np.where(self.on[k] > 0, barrier[k], 1.0)
        # (m, m, n), 0 where nothing is decided.
        found = inverse_of(system, self.ridge)
        self.inverse = np.stack([np.stack([found[max(k, j)][min(k, j)] for j in range(m)]) for k in range(m)])
        self.inverse *= self.on[:, None] * self.on
        self.pull = [self._apply(pull) for pull in self.pulls(unit)]
        schur = np.zeros(count * count)
        for k in range(m):
            for j in range(m):
                schur += np.bincount(self.asset[k] * count + self.asset[j], self.inverse[k, j], count * count)
        return (
            self.closed(count),
            schur,
            self.by_asset(self.pull[0], count),
            self.by_asset(self.pull[1], count),
        )

    def _apply(self, right: Array) -> Array:
        return np.einsum("kjn,jn->kn", self.inverse, right)

    def by_asset(self, values: Array, count: int) -> Array:
        return np.bincount(self.asset.ravel(), (values * self.on).ravel(), count).astype(float, copy=False)

    def aim(self, price: list[Array], count: int, unit: float) -> tuple[float, Array, Array]:
        """The two parts of the step, for a target of 0 and per unit of target.

        (reach of the first, coefficients of its products in the length, what Mehrotra's correction of it
        closes (assets,)).
        """
        self.move = [
            (self._apply(self.on * p[self.asset]) - pull) / self.size for p, pull in zip(price, self.pull)
        ]
        first = self.move[0]
        low, high = -self.low - self.low * first / self.fraction, -self.high + self.high * first / self.room
        products = np.array(
            [
                float((self.fraction * self.low + self.room * self.high).sum()),
                float((self.fraction * low + first * self.low + self.room * high - first * self.high).sum()),
                float((first * low - first * high).sum()),
            ]
        )
        far, more, pull = self.bends(first, unit)
        self.bent = [
            first * low,
            -first * high,
        ]  # what the first step, being straight, leaves of the products
        self.pull.append(self._apply(self.bent[0] / self.fraction - self.bent[1] / self.room + pull))
        length = reach((self.fraction, first), (self.room, -first), (self.low, low), (self.high, high))
        return min(far, length), products + more, self.by_asset(self.pull[2], count)

    def lead(self, target: float, price: Array, share: float, count: int) -> Array:
        """What is closed towards the central path at `target`, with a share of the correction and of its
        price; notional by asset.
        """
        turned = (self._apply(self.on * price[self.asset]) - share * self.pull[2]) / self.size
        self.moved = self.move[0] + target * self.move[1] + turned
        return self.by_asset(self.size * self.moved, count)

    def step(self, target: float, more: Array, share: float) -> float:
        """The step towards the central path at `target`; prices `more` mend the rounding of what it clears.

        How far it can be followed.
        """
        moved = self.moved + self._apply(self.on * more[self.asset]) / self.size
        goal = target * self.on
        low = (goal - share * self.bent[0] - self.low * moved) / self.fraction - self.low
        high = (goal - share * self.bent[1] + self.high * moved) / self.room - self.high
        self.here = self.fraction, self.room, self.low, self.high
        self.moved, self.low_step, self.high_step = moved, low, high
        return reach((self.fraction, moved), (self.room, -moved), (self.low, low), (self.high, high))

    def go(self, length: float) -> None:
        """From where the step begins, along it by `length`."""
        fraction, room, low, high = self.here
        self.fraction, self.room = fraction + length * self.moved, room - length * self.moved
        self.low, self.high = low + length * self.low_step, high + length * self.high_step
        self.evaluate(self.room)
