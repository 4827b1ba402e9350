"""Expected loss under a smooth law, or under scenarios, by an interior point made for it: accounts are
blocks, assets are what couples them (THEORY 6, 9).

A primal-dual Newton method on the notional closed, every leg on its own scale. Each step solves one small
system an account and one in the prices of the assets. Accounts of one number of positions go together, in
blocks that stay in the cache and are shared among threads. numpy only: independent of the conic route, and
linear in the number of accounts.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.laws.base import Law, scenario_count
from adl_opt.methods.interior_point.account_block import AccountBlock, ExpectedLossBlock, Optimality
from adl_opt.methods.interior_point.base import STEP, InteriorPoint, Progress, Watch, begin_at_slopes
from adl_opt.methods.interior_point.linear_algebra import definite_solver
from adl_opt.methods.interior_point.scenario_block import ScenarioBlock
from adl_opt.methods.interior_point.shortfall_rows import Multipliers

# Of the expected loss: the gap between the central path and the optimum at which the method ends.
TARGET = 1e-11
_STEPS, _HALVINGS, _CORRECTED_HALVINGS = 200, 30, 3
_NEAR = 1e-4  # the relative gap from which a law is asked for all its digits, and patience is short
_FLAT = 1e-2  # of the unit: slopes that are all below it are counted in a smaller one
_ROUNDING = 1e-14  # of the distance to the central path
_PATIENCE, _LOST = 12, 1e4  # steps without progress, and a gap so many times the least, that end it
_SHARED = 30_000  # so much work that several threads pay
_CORRECTED, _CORRECTED_LINEAR = 0.1, 0.3  # longest affine step from which the correction is tried

Found = TypeVar("Found")


class ExpectedLossInteriorPoint(InteriorPoint):
    """One problem: an event with something to decide, a law with curvature or scenarios (aligned).

    `solve` gives the fractions closed of the free legs.
    """

    def __init__(self, event: Event, law: Law) -> None:
        super().__init__(event)
        scenarios, parts = law.scenarios, self.partition(law)
        numbers = self.number, self.count
        rows = [ScenarioBlock(event, scenarios, part, *numbers) for part in parts if scenarios is not None]
        smooth = [AccountBlock(event, law, part, *numbers) for part in parts if scenarios is None]
        self.blocks: Sequence[ExpectedLossBlock] = rows or smooth
        self._rows = [block.rows for block in rows]
        self._linear, self._scenarios = scenarios is not None, scenario_count(law)
        # Cost estimate: free legs times the relative price of one law evaluation; above `_SHARED` blocks are
        # spread over threads.
        self.cost = int(event.free.sum()) * (self._scenarios or 8_192 // law.batch_size)
        self.fixed = self.fixed_expected_loss(law)
        self._map: Callable[..., Any] = map
        self.unit, self.price, self.progress = 1.0, np.zeros(self.count), Progress()

    def solve(self, watch: Watch = None, accuracy: float = TARGET) -> Array:
        """Fractions closed of the free legs (F,). watch(step, relative gap) is told after every step.

        Ends where the gap of the central path is `accuracy` of the value, or where rounding allows no further
        step, or on an interrupt (then `interrupted` is True); what comes out is proved elsewhere.
        """
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            self._map = map if len(self.blocks) == 1 or self.cost < _SHARED else pool.map
            with self.keeping_the_best():
                self._follow(watch, accuracy)
        return self.fractions(self.blocks)

    @property
    def multipliers(self) -> Multipliers | None:
        """Of the shortfall rows under scenarios, at the point that `solve` gave; None under other laws."""
        accounts = len(self.event.book.accounts)
        return Multipliers(self._rows, accounts, self._scenarios) if self._rows else None

    def _each(self, verb: Callable[[ExpectedLossBlock], Found]) -> list[Found]:
        """What the verb gives of every block, several at once."""
        return list(self._map(verb, self.blocks))

    def _follow(self, watch: Watch, accuracy: float) -> None:
        """Follow the central path to its end."""
        if not self._begin():
            return  # nothing is lost at pro rata
        products = 2 * (float(self.event.free.sum()) + sum(rows.point.value.size for rows in self._rows))
        rough = True
        for number in range(1, _STEPS + 1):
            # What earlier steps' rounding has left unclear.
            lacking = self.required - sum(self._each(lambda block: block.closed()))
            here = self._optimality(self.price, 0.0)
            gap = here.gap + self.unit * float(np.abs(self.price) @ np.abs(lacking))
            relative = gap / max(here.value + self.fixed, 1e-300)
            if watch is not None:
                watch(number, relative)
            if self.progress.improved(gap):
                self._each(lambda block: block.keep())
            if relative <= accuracy or self._hopeless(gap, relative):
                return
            if rough and relative <= _NEAR:
                rough = False
                if any(self._each(lambda block: block.refine())):
                    self.progress.least = np.inf
            if 0 < here.steepest < _FLAT * self.unit:
                here = self._rescale(here)
            self._step(here.products, here.products / products, lacking)

    def _begin(self) -> bool:
        """Prices and multipliers at pro rata; whether there is anything to gain."""
        self._each(lambda block: block.start())
        self.unit = max(block.steepest() for block in self.blocks)
        if not (sum(block.value for block in self.blocks) > 0 and self.unit > 0):
            return False
        self.price, distance, notional = begin_at_slopes(self.blocks, self.unit)
        spread = distance / notional
        centre = max(0.1 * spread, 1e-3) if self._linear else max(0.3 * spread, 0.1)
        self._each(lambda block: block.begin(centre))
        return True

    def _optimality(self, price: Array, target: float) -> Optimality:
        return Optimality.of(self._each(lambda block: block.optimality(price, target)))

    def _hopeless(self, gap: float, relative: float) -> bool:
        patience = _PATIENCE // 3 if self._linear and relative < _NEAR else 2 * _PATIENCE
        return self.progress.stalled > patience or gap > _LOST * self.progress.least

    def _rescale(self, here: Optimality) -> Optimality:
        """Far out in the tail slopes fall by many orders: what is rounding falls with them."""
        unit, ratio = here.steepest, self.unit / here.steepest
        self._each(lambda block: block.rescale(unit))
        self.unit, self.price = unit, self.price * ratio
        return here._replace(products=here.products * ratio)

    def _step(self, products: float, mean: float, lacking: Array) -> None:
        """Factor, the affine-scaling direction, the barrier parameter that it allows, the corrected
        direction, and a line search.

        products: their sum; mean: theirs; lacking: the notional not cleared (assets,).
        """
        parts = zip(*self._each(lambda block: block.factor_step()))
        closed, schur, affine, centring = (sum(column) for column in parts)
        solve = definite_solver(schur)
        prices = [solve(self.required - closed + affine), solve(centring)]
        steps, coefficients, second = zip(*self._each(lambda block: block.affine_direction(prices)))
        second_order, longest = solve(sum(second)), min(steps)
        after = float(np.sum(coefficients, axis=0) @ [1.0, longest, longest**2])
        target = mean * min(max(after / products, 1e-4) ** 2, 0.5)
        before = self._distance(self.price, target)
        # Mehrotra's correction helps where the affine step is long; it promises no descent, so that the plain
        # direction stands by.
        corrected = longest >= (_CORRECTED_LINEAR if self._linear else _CORRECTED)
        for correction, halvings in ((1.0, _CORRECTED_HALVINGS), (0.0, _HALVINGS))[not corrected :]:
            price = prices[0] + target * prices[1] + correction * second_order
            more, length = self._direction(solve, lacking, target, correction * second_order, correction)
            if self._search(price + more - self.price, length, target, before, halvings):
                return
            if correction:
                self._advance(0.0)

    def _direction(
        self, solve: Callable[[Array], Array], lacking: Array, target: float, price: Array, correction: float
    ) -> tuple[Array, float]:
        """Towards the central path at `target`: (prices more, so that the notional that is lacking clears to
        the last digit; length of the step).
        """
        clears = self._each(lambda block: block.corrected_direction(target, price, correction))
        more = solve(lacking - sum(clears))
        steps = self._each(lambda block: block.complete_direction(target, more, correction))
        return more, min(1.0, STEP * min(steps))

    def _search(self, change: Array, length: float, target: float, before: float, halvings: int) -> bool:
        """Halve the step until it comes nearer to the central path; whether it does. change: of the prices.
        Steps of a linear program need no search.
        """
        for _ in range(halvings):
            self._advance(length)
            price = self.price + length * change
            after = self._distance(price, target)
            if self._linear or after <= (1 - 0.01 * length) * before + _ROUNDING:
                self.price = price
                return True
            length /= 2
        return False

    def _advance(self, length: float) -> None:
        self._each(lambda block: block.advance(length))

    def _distance(self, price: Array, target: float) -> float:
        return self._optimality(price, target).squares ** 0.5
