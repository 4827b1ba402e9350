"""CVaR of the total loss at scale: an interior point with accounts and scenarios eliminated by hand, on the
scenarios that can be in the tail (THEORY 7).

minimise t + sum_s c_s max(L_s - t, 0) with c = probability / (1 - level): scenario s weighs c_s x omega_s, 0
<= omega <= 1, sum c omega = 1, and the rows of the accounts share that weight instead of a probability.
Scenarios below the tail weigh nothing. They are left out, looked at afterwards, and taken in where they
matter. numpy and scipy.linalg only.
"""

from collections.abc import Callable

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Scenarios
from adl_opt.methods.interior_point.base import STEP, InteriorPoint, Progress, Watch, begin_at_slopes
from adl_opt.methods.interior_point.linear_algebra import bordered_solver
from adl_opt.methods.interior_point.quantile import Quantile
from adl_opt.methods.interior_point.shortfall_rows import WIDTH, Multipliers
from adl_opt.methods.interior_point.tail_block import TailBlock

_STEPS, _PATIENCE = 150, 25  # steps; steps without progress that end it
# A corrected step that is shorter is taken without correction, towards this share of the mean product.
_SHORT, _CENTRED = 0.1, 0.5
_AHEAD = 1.5  # probability of the scenarios looked at, in units of the tail's, at least
_AT_LEAST = 64  # scenarios that are looked at
_ALL = 0.7  # of the scenarios looked at: then hardly any is left out


class TailInteriorPoint(InteriorPoint):
    """One problem: an event with something to decide, scenarios (aligned), what a unit of loss beyond the
    quantile costs in each, cost (S,), their sum above 1.
    """

    def __init__(self, event: Event, law: Scenarios, cost: Array) -> None:
        super().__init__(event)
        self.law, self.cost = law, cost
        self.weights, self.multipliers = np.zeros(len(cost)), None

    def solve(self, watch: Watch, accuracy: float) -> Array:
        """Fractions closed of the free legs (F,); then `weights` (S,) are those of the scenarios,
        `multipliers` those of the accounts' rows, both for a proof.

        accuracy: the gap, relative to the value, at which the method ends; it also ends where rounding allows
        nothing more. An interrupt keeps the best point.
        """
        event, steps, fraction = self.event, 0, self.event.pro_rata_fraction[self.event.free]
        loss = SymbolsAt(event, self.law, event.pro_rata_fraction * event.size).loss
        if not (loss[self.cost > 0] > 0).any():
            return fraction
        inside = self._worst(loss)
        for _ in range(len(self.cost) + 1):  # each round takes in a scenario at least
            fraction, quantile, steps = self._solve_on(np.flatnonzero(inside), watch, accuracy, steps)
            loss = SymbolsAt(event, self.law, event.amount_from(fraction)).loss
            left_out = np.maximum(loss - quantile, 0.0) * (self.cost * ~inside)
            if self.interrupted or left_out.sum() <= accuracy * loss.max():
                break
            inside |= self._worst(loss) | (left_out > 0)
            if inside.mean() > _ALL:
                inside = self.cost > 0
        return fraction

    def _worst(self, loss: Array) -> Mask:
        """The worst scenarios, of `_AHEAD` times the tail's probability at least."""
        order = np.argsort(-loss, kind="stable")
        cost = self.cost[order]
        inside = np.zeros(len(loss), dtype=bool)
        inside[order[np.cumsum(cost) - cost < _AHEAD]] = True
        inside[order[:_AT_LEAST]] = True
        return inside & (self.cost > 0)

    def _solve_on(self, kept: Index, watch: Watch, accuracy: float, steps: int) -> tuple[Array, float, int]:
        """The problem with these scenarios alone: (fractions, quantile in quote currency, steps taken)."""
        cost = self.cost[kept]
        law = Scenarios(self.law.moves[kept], cost / cost.sum(), meant=True)
        given = self.number, self.count, cost
        blocks = [TailBlock(self.event, law, batch, *given) for batch in self.partition(law)]
        for block in blocks:
            block.start()
        unit = max(block.steepest() for block in blocks)
        if not unit > 0:  # no closing changes what is lost in these scenarios
            return self.event.pro_rata_fraction[self.event.free], np.inf, steps
        path = _CentralPath(blocks, cost, self.required, self.fixed_loss(law), unit, steps)
        with self.keeping_the_best():
            path.follow(watch, accuracy)
        if path.best_weights is not None:
            self.weights = np.zeros(len(self.cost))
            self.weights[kept] = path.best_weights
        accounts = len(self.event.book.accounts)
        self.multipliers = Multipliers([block.rows for block in blocks], accounts, len(self.cost), kept)
        return self.fractions(blocks), path.best_level * path.quantile.money, path.steps


class _CentralPath:
    """Newton steps in all blocks, the quantile and the prices at once, after Mehrotra, whose primal and dual
    parts are of different length.
    """

    def __init__(
        self, blocks: list[TailBlock], cost: Array, required: Array, fixed: Array, unit: float, steps: int
    ) -> None:
        self.blocks, self.required, self.unit, self.steps = blocks, required, unit, steps
        self.scenarios = len(cost)
        loss = sum((b.rows.by_scenario(b.rows.point.high) for b in blocks), start=fixed)
        self.quantile = Quantile(loss, cost, unit)
        for block in blocks:
            block.weigh(self.quantile.point.value)
        self.price, distance, notional = begin_at_slopes(blocks, unit)
        centre = max(0.1 * distance / notional, 1e-3)
        for block in blocks:
            block.begin(centre)
        self.tau = WIDTH / centre  # scenarios begin as wide as the quantile is smoothed,
        self.row_tau = self.tau / float(cost.sum())  # rows with the mean weight of their scenarios
        # The sum of products on the central path, quote currency per unit of the barrier parameter.
        self.per_target = unit * 2 * sum(float((b.size * b.free).sum()) for b in blocks)
        rows = sum(float(b.rows.scale.sum()) * float(b.rows.weight.sum()) for b in blocks)
        self.per_target += 2 * self.row_tau * rows
        self.per_target += 2 * self.tau * self.quantile.money * float(cost.sum())
        self.progress, self.best_level, self.best_weights = Progress(), self.quantile.level, None

    def follow(self, watch: Watch, accuracy: float) -> None:
        """Steps until the gap is `accuracy` of the value, or does not become smaller."""
        for _ in range(_STEPS):
            self.steps += 1
            products = sum(b.products(b.point, b.rows.point) for b in self.blocks)
            products += self.quantile.products(self.quantile.point)
            lacking = self.required - sum(block.closed() for block in self.blocks)
            gap = products + sum(self.unit * block.residual_charge(self.price) for block in self.blocks)
            gap += self.unit * float(np.abs(self.price) @ np.abs(lacking))
            relative = gap / max(abs(self.quantile.value()), 1e-300)
            if watch is not None:
                watch(self.steps, relative)
            if self.progress.improved(gap):
                self._keep()
            if relative <= accuracy or self.progress.stalled > _PATIENCE:
                break
            self._step(products, lacking)

    def _keep(self) -> None:
        quantile = self.quantile
        self.best_level, self.best_weights = quantile.level, quantile.cost * quantile.point.value
        for block in self.blocks:
            block.keep()

    def _step(self, products: float, lacking: Array) -> None:
        """Factor, the affine-scaling direction, the barrier parameter that it allows, and the corrected
        direction; where that leads nowhere, one that stays near the central path.
        """
        solve, mean = bordered_solver(self._system()), products / self.per_target
        primal, dual, _ = self._direction(solve, lacking, 0.0, corrected=False)
        after = sum(block.products(*block.advanced(primal, dual)) for block in self.blocks)
        after += self.quantile.products(self.quantile.advanced(primal, dual))
        target = mean * min(max(after / products, 1e-3) ** 2, 0.5)
        primal, dual, price = self._direction(solve, lacking, target, corrected=True)
        if min(primal, dual) < _SHORT:
            primal, dual, price = self._direction(solve, lacking, mean * _CENTRED, corrected=False)
        primal, dual = min(1.0, STEP * primal), min(1.0, STEP * dual)
        for block in self.blocks:
            block.advance(primal, dual)
        self.quantile.advance(primal, dual)
        self.price = self.price + dual * (price - self.price)

    def _system(self) -> Array:
        """Symmetric, in the changes of the weights (S,), the prices, and the change of the quantile."""
        schur, across, weights = (sum(part) for part in zip(*[block.factor_step() for block in self.blocks]))
        many, total = self.scenarios, self.scenarios + len(self.price) + 1
        system = np.zeros((total, total))
        system[:many, :many] = weights
        system[np.arange(many), np.arange(many)] += self.quantile.diagonal()
        system[many:-1, many:-1] = schur
        system[:many, many:-1], system[many:-1, :many] = -across.T, -across
        system[:many, -1] = system[-1, :many] = self.quantile.row
        return system

    def _direction(
        self, solve: Callable[[Array], Array], lacking: Array, target: float, corrected: bool
    ) -> tuple[float, float, Array]:
        """Towards the central path at `target`: (longest primal and dual step, the prices at its end)."""
        blocks, many = self.blocks, self.scenarios
        clears, gained = zip(*[block.right(target, self.row_tau * target, corrected) for block in blocks])
        right, total = self.quantile.right(self.tau * target, corrected)
        found = solve(np.concatenate([right + sum(gained), lacking + sum(clears), [total]]))
        omega, price = found[:many], found[many:-1]
        steps = [block.set_direction(price, omega) for block in blocks]
        change = sum(b.rows.by_scenario(b.rows.direction.high) for b in blocks)
        steps.append(self.quantile.set_direction(omega, float(found[-1]), change))
        primal, dual = (min(part) for part in zip(*steps))
        return primal, dual, price
