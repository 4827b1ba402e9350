"""Expected loss under a smooth law by an interior point made for it: accounts are blocks, assets are what couples them (THEORY 6, 9).

A primal-dual Newton method on the notional closed, every leg on its own scale. Each step solves one small system an account, all of one size
together, and one system in the prices of the assets. numpy only: independent of the conic route, and linear in the number of accounts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .accounts import Batch, batches
from .event import Event
from .laws import Law

Array = NDArray[np.float64]
_STEPS, _HALVINGS = 200, 30
_TARGET = 1e-11  # of the expected loss: the gap between the central path and the optimum at which the method ends
_ROUNDING, _PATIENCE = 1e-14, 12
_KEEP = 0.99  # of the way to the boundary


@dataclass
class _Block:
    """Accounts of one number of positions: what their answers need, and what of it is to be decided."""

    batch: Batch
    asset: NDArray[np.int64]
    equity: Array
    free: NDArray[np.bool_]
    place: NDArray[np.int64]  # of each leg among the free ones; any where it is not free


class _State(NamedTuple):
    """A point or a step: fraction closed and room = 1 - fraction, apart because either may be far below rounding, the multipliers of their bounds
    (legs free,), and prices (assets,), per notional and in units of the largest slope at the start."""

    fraction: Array
    room: Array
    low: Array
    high: Array
    price: Array

    def moved(self, step: "_State", length: float) -> "_State":
        return _State(*(here + length * change for here, change in zip(self, step)))

    def products(self) -> Array:
        return np.concatenate([self.fraction * self.low, self.room * self.high])


class Interior:
    """One problem: an event, a law with curvature (aligned). `solve` gives the fractions closed of the free legs."""

    def __init__(self, event: Event, law: Law) -> None:
        book = event.book
        self.event, self.law = event, law
        self.legs = np.flatnonzero(event.free)
        self.size = np.abs(book.notional[self.legs])
        self.side = np.sign(book.position[self.legs])
        number = np.zeros(len(event.side), dtype=np.int64)
        number[event.free_assets] = np.arange(len(event.free_assets))
        self.asset = number[book.asset[self.legs]]
        self.count = len(event.free_assets)
        self.required = (event.required * book.price)[event.free_assets]
        place = np.zeros(len(book.position), dtype=np.int64)
        place[self.legs] = np.arange(len(self.legs))
        start = np.sign(book.position) * (1 - event.fixed_fraction) * event.size * book.price[book.asset]
        self._start = start
        moving = book.per_account(event.free.astype(float)) > 0
        self.blocks, self.rest = [], float(np.maximum(-book.equity, 0.0).sum())  # rest: what accounts with nothing to decide lose
        for batch in batches(book):
            mine = moving[batch.account]
            if not mine.all():
                leg = batch.leg[~mine]
                terms = law.shortfall_terms(book.asset[leg], start[leg], book.equity[batch.account[~mine]], 0)
                self.rest += float(terms[0].sum())
            if mine.any():
                leg = batch.leg[mine]
                chosen = Batch(batch.account[mine], leg)
                self.blocks.append(_Block(chosen, book.asset[leg], book.equity[chosen.account], event.free[leg], place[leg]))

    def answer(self, room: Array, wanted: int) -> tuple[float, Array, list[Array]]:
        """(value of the accounts that decide, slope (legs,) per notional closed, curvatures by block (n, m, m)) where room is the fraction left."""
        notional = self._start.copy()
        notional[self.legs] = self.side * self.size * room
        value, slope, curvatures = 0.0, np.zeros(len(self.legs)), []
        for block in self.blocks:
            terms = self.law.shortfall_terms(block.asset, notional[block.batch.leg], block.equity, wanted)
            value += float(terms[0].sum())
            if wanted >= 1:
                slope[block.place[block.free]] = terms[1][block.free]
            if wanted >= 2:
                curvatures.append(terms[2])
        return value, -self.side * slope, curvatures

    def solve(self, watch: Callable[[int, float], None] | None = None) -> Array:
        """Fractions closed of the free legs (F,). watch(step, relative gap) is told after every step.

        Ends where the gap of the central path is 1e-11 of the value, or where rounding allows no further step; what comes out is proved elsewhere.
        """
        fraction = self.event.pro_rata_fraction[self.legs]
        value, slope, curvature = self.answer(1 - fraction, 2)
        unit = float(np.abs(slope).max(initial=0.0))
        if not (value > 0 and unit > 0):
            return fraction  # nothing is lost at pro rata
        weight = np.bincount(self.asset, self.size, self.count)
        price = np.bincount(self.asset, self.size * slope, self.count) / weight / unit
        spread = float(np.average(np.abs(slope / unit - price[self.asset]), weights=self.size))
        centre = max(0.1 * spread, 1e-3)
        here = _State(fraction, 1 - fraction, centre / fraction, centre / (1 - fraction), price)
        best, least, stalled = here, np.inf, 0
        for number in range(1, _STEPS + 1):
            dual = slope / unit - here.price[self.asset] - here.low + here.high
            # Charging every leg for what is left of the optimality conditions bounds the distance to the optimum.
            charged = here.fraction * here.low + here.room * here.high + np.abs(dual)
            gap = unit * float(self.size @ charged)
            relative = gap / max(value + self.rest, 1e-300)
            if watch is not None:
                watch(number, relative)
            stalled = 0 if gap < 0.9 * least else stalled + 1
            best, least = (here, gap) if gap < least else (best, least)
            if relative <= _TARGET or stalled > _PATIENCE:
                break
            step = self._newton(here, slope / unit, curvature, unit)
            average = float(here.products().mean())
            trial = step(0.0)
            after = float(here.moved(trial, self._reach(here, trial)).products().mean())
            target = average * min(max(after / average, 1e-4) ** 2, 0.5)
            move = step(target)
            length = min(1.0, _KEEP * self._reach(here, move))
            before = self._residual(here, slope / unit, target)
            for _ in range(_HALVINGS):
                other = here.moved(move, length)
                value, slope, curvature = self.answer(other.room, 2)
                if self._residual(other, slope / unit, target) <= (1 - 0.01 * length) * before + _ROUNDING:
                    break
                length /= 2
            here = other
        return np.where(best.fraction < 0.5, best.fraction, 1 - best.room)

    def _residual(self, at: _State, slope: Array, target: float) -> float:
        dual = slope - at.price[self.asset] - at.low + at.high
        return float(np.sqrt((dual**2).mean() + ((at.products() - target) ** 2).mean()))

    @staticmethod
    def _reach(at: _State, move: _State) -> float:
        """How far `move` can be followed before a fraction or multiplier reaches its bound; at most 1."""
        reach = 1.0
        for value, change in zip(at[:4], move[:4]):
            down = change < 0
            if down.any():
                reach = min(reach, float((-value[down] / change[down]).min()))
        return reach

    def _newton(self, at: _State, slope: Array, curvature: list[Array], unit: float) -> Callable[[float], _State]:
        """target -> the Newton step towards the central path there; the systems are solved once."""
        barrier = (at.low / at.fraction + at.high / at.room) / self.size
        inverses, schur = [], np.zeros(self.count * self.count)
        for block, curved in zip(self.blocks, curvature):
            m = block.asset.shape[1]
            side = np.where(block.free, self.side[block.place], 0.0)
            system = curved / unit * side[:, :, None] * side[:, None, :]
            own = np.where(block.free, barrier[block.place], 1.0)
            system[:, np.arange(m), np.arange(m)] += own
            # On its own scale: barriers of dust and of whales differ by many orders.
            scale = 1 / np.sqrt(system[:, np.arange(m), np.arange(m)])
            inverse = np.linalg.inv(system * scale[:, :, None] * scale[:, None, :]) * scale[:, :, None] * scale[:, None, :]
            both = block.free[:, :, None] & block.free[:, None, :]
            pair = self.asset[block.place][:, :, None] * self.count + self.asset[block.place][:, None, :]
            schur += np.bincount(pair[both], inverse[both], self.count * self.count)
            inverses.append(inverse)
        schur = schur.reshape(self.count, self.count)
        scale = 1 / np.sqrt(np.diag(schur))
        schur = schur * scale[:, None] * scale[None, :]

        def applied(values: Array) -> Array:
            result = np.zeros(len(self.legs))
            for block, inverse in zip(self.blocks, inverses):
                given = np.where(block.free, values[block.place], 0.0)
                result[block.place[block.free]] = np.einsum("nkl,nl->nk", inverse, given)[block.free]
            return result

        missing = self.required - np.bincount(self.asset, self.size * at.fraction, self.count)

        def step(target: float) -> _State:
            pull = slope - target / at.fraction + target / at.room
            from_pull = applied(pull)
            right = missing + np.bincount(self.asset, from_pull, self.count)
            price = scale * np.linalg.solve(schur, scale * right)
            moved = (applied(price[self.asset]) - from_pull) / self.size
            low = target / at.fraction - at.low - at.low * moved / at.fraction
            high = target / at.room - at.high + at.high * moved / at.room
            return _State(moved, -moved, low, high, price - at.price)

        return step
