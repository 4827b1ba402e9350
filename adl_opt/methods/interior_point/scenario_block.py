"""Blocks of the expected loss under scenarios: accounts with their shortfall rows (THEORY 6). numpy only."""

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch
from adl_opt.laws.base import Scenarios
from adl_opt.methods.interior_point.account_block import ExpectedLossBlock, Optimality
from adl_opt.methods.interior_point.bounded import Bounded
from adl_opt.methods.interior_point.shortfall_rows import WIDTH, ShortfallRows


class ScenarioBlock(ExpectedLossBlock):
    """Accounts whose loss is valued by shortfall rows. The products of the rows go to tau x mu."""

    ridge = 1e-8  # at a vertex an account's rows all but determine it

    def __init__(self, event: Event, law: Scenarios, batch: Batch, number: Index, count: int) -> None:
        super().__init__(event, batch, number, count)
        asset = event.book.asset[batch.leg]
        self.rows = ShortfallRows(self, batch.account, asset, law.moves, law.probability)
        self.tau, self.row_origin = 1.0, self.rows.point
        self.second_order_rows = self.rows.point.products()

    def start(self) -> None:
        self.rows.start(self.notional())
        self.evaluate()

    def evaluate(self) -> None:
        self.value, self.slope = self.rows.value(), self.rows.by_leg(self.rows.point.value)

    def rescale(self, unit: float) -> None:
        self.tau /= self.unit / unit
        super().rescale(unit)

    def begin(self, centre: float) -> None:
        super().begin(centre)
        self.tau = WIDTH / centre  # rows begin as wide as what is lost may change, and narrow as bounds do

    def keep(self) -> None:
        super().keep()
        self.rows.keep()

    def optimality(self, price: Array, target: float) -> Optimality:
        legs, rows = super().optimality(price, target), self.rows.point.complementarity()
        products = legs.products + float(rows.sum()) / self.tau
        return legs._replace(gap=legs.gap + self.rows.cost(rows), products=products)

    def linearised(self) -> tuple[Array, Array, Array]:
        rows, (share, rest, above, sigma) = self.rows, self.rows.point
        curvature = rows.factor()
        affine = rows.by_leg(share + rows.bend * (sigma - above)) / self.unit
        centring = rows.by_leg(self.tau * (rest - share) / rows.inner) / self.unit + self.centring()
        return curvature, affine, centring

    def affine_rows(self, change: Array) -> tuple[float, Array, Array]:
        rows, (share, rest, _, _) = self.rows, self.rows.point
        affine = self._row_direction(change, 0.0, 0.0)
        self.second_order_rows = above, sigma = affine.products()
        products = [
            float(rows.point.complementarity().sum()) / self.tau,
            float(rows.point.first_order(affine).sum()) / self.tau,
            float((affine.value * (affine.low - affine.high)).sum()) / self.tau,
        ]
        gradient = rows.by_leg((share * sigma - rest * above) / rows.inner) / self.unit
        return min(rows.point.max_steps(affine)), np.array(products), gradient

    def complete_direction(self, target: float, price: Array, correction: float) -> float:
        longest, rows = super().complete_direction(target, price, correction), self.rows
        rows.direction = self._row_direction(self.direction.value, self.tau * target, correction)
        self.row_origin = rows.point
        return min(longest, *rows.point.max_steps(rows.direction))

    def _row_direction(self, change: Array, target: float, correction: float) -> Bounded:
        """In which rows follow fractions that change so, to products of `target`, with `correction` (0 or 1)
        of the second-order term.
        """
        rows, (share, rest, above, sigma) = self.rows, self.rows.point
        gained = rows.excess_change(change)
        centred, turned = target * (sigma + above) - sigma * above, target * (rest - share)
        if correction:
            second_above, second_sigma = self.second_order_rows
            centred -= correction * (sigma * second_above + above * second_sigma)
            turned += correction * (share * second_sigma - rest * second_above)
        shares = rows.bend * (sigma - above + gained) + turned / rows.inner
        low = (centred - above * rest * gained) / rows.inner
        return Bounded(shares, -shares, low, (centred + sigma * share * gained) / rows.inner)

    def advance(self, length: float) -> None:
        self.rows.point = self.row_origin.advanced(self.rows.direction, length, length)
        super().advance(length)
