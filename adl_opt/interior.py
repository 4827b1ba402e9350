"""Expected loss under a smooth law by an interior point made for it: accounts are blocks, assets are what couples them (THEORY 6, 9).

A primal-dual Newton method on the notional closed, every leg on its own scale. Each step solves one small system an account and one in the prices
of the assets. Accounts of one number of positions go together, in pieces that stay in the cache and are shared among threads. numpy only: independent of
the conic route, and linear in the number of accounts.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .accounts import Batch, batches
from .event import Event
from .laws import Law

Array = NDArray[np.float64]
_STEPS, _HALVINGS, _SHARP, _FLAT = 200, 30, 1e-4, 1e-2
TARGET = 1e-11  # of the expected loss: the gap between the central path and the optimum at which the method ends
_ROUNDING, _PATIENCE = 1e-14, 12
_KEEP, _CORRECTED = 0.99, 0.3  # of the way to the boundary; reach from which the correction is tried
_SMALL = 4  # positions up to which systems are factored entry by entry, all accounts at once


class _Sums(NamedTuple):
    """What a piece tells of its point: value and gap in quote currency, squares of what is left of the conditions, products, largest slope."""

    value: float
    gap: float
    squares: float
    products: float
    steepest: float

    @staticmethod
    def of(parts: "Iterable[_Sums]") -> "_Sums":
        *sums, steepest = zip(*parts)
        return _Sums(*(float(np.sum(column)) for column in sums), max(steepest))


class _Piece:
    """Some accounts of m positions each: their part of a point, and of a step. Arrays (m, n), a row a position; where nothing is to be decided, `on` is 0."""

    def __init__(self, event: Event, law: Law, batch: Batch, number: NDArray[np.int64]) -> None:
        book, leg = event.book, batch.leg.T
        self.leg, self.equity, self.m = leg, book.equity[batch.account], leg.shape[0]
        self.on = event.free[leg].astype(float)
        self.asset = np.where(event.free[leg], number[book.asset[leg]], 0)
        position = book.position[leg]
        notional = np.abs(book.notional[leg])
        self.side, self.size = np.sign(position), np.where(self.on > 0, notional, 1.0)
        # What is left where nothing is decided, and what there is to decide.
        self.fixed = np.where(self.on > 0, 0.0, self.side * notional * (1 - event.fixed_fraction[leg]))
        self.start = event.pro_rata_fraction[leg]
        self.answer: Any = law.terms_on(book.asset[leg].T)
        self.fraction = np.where(self.on > 0, self.start, 0.5)
        self.room = 1 - self.fraction
        self.best = self.fraction, self.room

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
            self._by_asset(self.size, count),
            self._by_asset(self.size * self.slope, count),
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

    def begin(self, centre: float) -> None:
        self.low, self.high = self.on * centre / self.fraction, self.on * centre / self.room

    def sums(self, price: Array, unit: float, target: float) -> _Sums:
        """At the present point; squares measure the distance to the central path at `target`."""
        dual = self.on * (self.slope / unit - price[self.asset]) - self.low + self.high
        one, two = self.fraction * self.low, self.room * self.high
        # Charging every leg for what is left of the optimality conditions bounds the distance to the optimum.
        gap = unit * float((self.size * self.on * (one + two + np.abs(dual))).sum())
        goal = target * self.on
        squares = float((dual**2).sum() + ((one - goal) ** 2).sum() + ((two - goal) ** 2).sum())
        return _Sums(self.value, gap, squares, float(one.sum() + two.sum()), float(np.abs(self.slope).max(initial=0.0)))

    def factor(self, unit: float, count: int) -> tuple[Array, Array, Array, Array]:
        """The systems of this step: (missing notional (assets,), Schur complement (assets^2,), what the two parts of the pull close (assets,) each)."""
        m = self.m
        barrier = (self.low / self.fraction + self.high / self.room) / self.size
        side = self.on * self.side
        system = [[self.curvature[:, k, j] * (side[k] * side[j] / unit) for j in range(k + 1)] for k in range(m)]
        for k in range(m):
            system[k][k] = system[k][k] + np.where(self.on[k] > 0, barrier[k], 1.0)
        self.inverse = _inverse(system)
        # pull = slope - target / fraction + target / room: affine in the target, which is chosen later.
        self.pull = [self._apply(self.on * self.slope / unit), self._apply(self.on * (1 / self.room - 1 / self.fraction))]
        schur = np.zeros(count * count)
        for k in range(m):
            for j in range(m):
                weight = self.on[k] * self.on[j] * self.inverse[max(k, j)][min(k, j)]
                schur += np.bincount(self.asset[k] * count + self.asset[j], weight, count * count)
        closed = self._by_asset(self.size * self.fraction, count)
        return closed, schur, self._by_asset(self.pull[0], count), self._by_asset(self.pull[1], count)

    def _apply(self, right: Array) -> Array:
        rows = [sum(self.inverse[max(k, j)][min(k, j)] * right[j] for j in range(self.m)) for k in range(self.m)]
        return np.stack(rows) * self.on

    def _by_asset(self, values: Array, count: int) -> Array:
        return np.bincount(self.asset.ravel(), (values * self.on).ravel(), count)

    def aim(self, price: list[Array], count: int) -> tuple[float, Array, Array]:
        """The two parts of the step, for a target of 0 and per unit of target. (reach of the first, coefficients of its products in the length,
        what Mehrotra's correction of it closes (assets,))."""
        self.move = [(self._apply(self.on * p[self.asset]) - pull) / self.size for p, pull in zip(price, self.pull)]
        first = self.move[0]
        low, high = -self.low - self.low * first / self.fraction, -self.high + self.high * first / self.room
        products = np.array(
            [
                float((self.fraction * self.low + self.room * self.high).sum()),
                float((self.fraction * low + first * self.low + self.room * high - first * self.high).sum()),
                float((first * low - first * high).sum()),
            ]
        )
        self.bent = [first * low, -first * high]  # what the first step, being straight, leaves of the products
        self.pull.append(self._apply(self.bent[0] / self.fraction - self.bent[1] / self.room))
        reach = _reach((self.fraction, first), (self.room, -first), (self.low, low), (self.high, high))
        return reach, products, self._by_asset(self.pull[2], count)

    def step(self, target: float, price: Array, share: float) -> float:
        """The step towards the central path at `target`, with a share of the correction and of its price; how far it can be followed."""
        moved = self.move[0] + target * self.move[1] + (self._apply(self.on * price[self.asset]) - share * self.pull[2]) / self.size
        goal = target * self.on
        low = (goal - share * self.bent[0] - self.low * moved) / self.fraction - self.low
        high = (goal - share * self.bent[1] + self.high * moved) / self.room - self.high
        self.here = self.fraction, self.room, self.low, self.high
        self.moved, self.low_step, self.high_step = moved, low, high
        return _reach((self.fraction, moved), (self.room, -moved), (self.low, low), (self.high, high))

    def go(self, length: float) -> None:
        """From where the step begins, along it by `length`."""
        fraction, room, low, high = self.here
        self.fraction, self.room = fraction + length * self.moved, room - length * self.moved
        self.low, self.high = low + length * self.low_step, high + length * self.high_step
        self.evaluate(self.room)


class Interior:
    """One problem: an event with something to decide, a law with curvature (aligned). `solve` gives the fractions closed of the free legs."""

    def __init__(self, event: Event, law: Law) -> None:
        book = event.book
        self.event, self.interrupted = event, False
        number = np.zeros(len(event.side), dtype=np.int64)
        number[event.free_assets] = np.arange(len(event.free_assets))
        self.count = len(event.free_assets)
        self.required = (event.required * book.price)[event.free_assets]
        left = np.sign(book.position) * (1 - event.fixed_fraction) * event.size * book.price[book.asset]
        moving = book.per_account(event.free.astype(float)) > 0
        self.pieces: list[_Piece] = []
        self.rest = float(np.maximum(-book.equity, 0.0).sum())  # what accounts with nothing to decide lose
        for batch in batches(book):
            mine = moving[batch.account]
            if not mine.all():
                leg = batch.leg[~mine]
                terms = law.shortfall_terms(book.asset[leg], left[leg], book.equity[batch.account[~mine]], 0)
                self.rest += float(terms[0].sum())
            account, leg = batch.account[mine], batch.leg[mine]
            for a in range(0, len(account), law.together):
                part = slice(a, a + law.together)
                self.pieces.append(_Piece(event, law, Batch(account[part], leg[part]), number))

    def solve(self, watch: Callable[[int, float], None] | None = None, accuracy: float = TARGET) -> Array:
        """Fractions closed of the free legs (F,). watch(step, relative gap) is told after every step.

        Ends where the gap of the central path is `accuracy` of the value, or where rounding allows no further step, or on an interrupt (then `interrupted` is True);
        what comes out is proved elsewhere.
        """
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            self._map = map if len(self.pieces) == 1 else pool.map
            try:
                self._follow(watch, accuracy)
            except KeyboardInterrupt:
                self.interrupted = True
        result = np.zeros(len(self.event.size))
        for piece in self.pieces:
            fraction, room = piece.best
            result[piece.leg] = np.where(fraction < 0.5, fraction, 1 - room)
        return result[self.event.free]

    def _each(self, name: str, *given: Any) -> list[Any]:
        """What the method `name` of every piece gives, several at once."""
        return list(self._map(lambda piece: getattr(piece, name)(*given), self.pieces))

    def _follow(self, watch: Callable[[int, float], None] | None, accuracy: float) -> None:
        begun = self._each("evaluate_start", self.count)
        unit, weight = max(one[0] for one in begun), sum(one[1] for one in begun)
        if not (sum(p.value for p in self.pieces) > 0 and unit > 0):
            return  # nothing is lost at pro rata
        price = sum(one[2] for one in begun) / weight / unit
        spread = sum(self._each("spread", price, unit)) / weight.sum()
        self._each("begin", max(0.1 * spread, 1e-3))
        legs = 2 * float(self.event.free.sum())
        least, stalled, rough = np.inf, 0, any(hasattr(p.answer, "sharpen") for p in self.pieces)
        for number in range(1, _STEPS + 1):
            here = _Sums.of(self._each("sums", price, unit, 0.0))
            relative = here.gap / max(here.value + self.rest, 1e-300)
            if watch is not None:
                watch(number, relative)
            stalled = 0 if here.gap < 0.9 * least else stalled + 1
            if here.gap < least:
                least = here.gap
                for piece in self.pieces:
                    piece.best = piece.fraction, piece.room
            if relative <= accuracy or stalled > _PATIENCE:
                return
            if rough and relative <= _SHARP:
                rough, least = False, np.inf
                self._each("sharpen")
            if 0 < here.steepest < _FLAT * unit:  # far out in the tail slopes fall by many orders: what is rounding falls with them
                ratio = unit / here.steepest
                self._each("rescale", ratio)
                unit, price, here = here.steepest, price * ratio, here._replace(products=here.products * ratio)
            solve, prices = self._prices(self._each("factor", unit, self.count))
            aims = self._each("aim", prices, self.count)
            bent = solve(sum(one[2] for one in aims))
            reach, products = min(one[0] for one in aims), np.sum([one[1] for one in aims], axis=0)
            average = here.products / legs
            target = average * min(max(float(products @ [1.0, reach, reach**2]) / here.products, 1e-4) ** 2, 0.5)
            before = _Sums.of(self._each("sums", price, unit, target)).squares ** 0.5
            # Mehrotra's correction helps where the first step leads far; it promises no descent, so that the plain step stands by.
            for share, halvings in ((1.0, 3), (0.0, _HALVINGS)):
                if share and reach < _CORRECTED:
                    continue
                length = min(1.0, _KEEP * min(self._each("step", target, share * bent, share)))
                change = prices[0] + target * prices[1] + share * bent - price
                for _ in range(halvings):
                    self._each("go", length)
                    after = _Sums.of(self._each("sums", price + length * change, unit, target)).squares ** 0.5
                    if reached := after <= (1 - 0.01 * length) * before + _ROUNDING:
                        break
                    length /= 2
                if reached:
                    price = price + length * change
                    break
                if share:
                    self._each("go", 0.0)

    def _prices(self, parts: list[tuple[Array, ...]]) -> tuple[Callable[[Array], Array], list[Array]]:
        """What gives the prices that let a step clear, and those for a target of 0 and per unit of target."""
        closed, schur, one, two = (sum(column) for column in zip(*parts))
        schur = schur.reshape(self.count, self.count)
        scale = 1 / np.sqrt(np.diag(schur))
        system = schur * scale[:, None] * scale[None, :]

        def solve(right: Array) -> Array:
            try:
                return scale * np.linalg.solve(system, scale * right)
            except np.linalg.LinAlgError:  # two assets that all accounts hold in one proportion have one price
                return scale * np.linalg.lstsq(system, scale * right)[0]

        return solve, [solve(self.required - closed + one), solve(two)]


def _reach(*pairs: tuple[Array, Array]) -> float:
    """How far values can follow their changes before one reaches 0; at most 1."""
    reach = 1.0
    for value, change in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(change < 0, -value / change, np.inf)
        reach = min(reach, float(ratio.min(initial=np.inf)))
    return reach


def _inverse(system: list[list[Array]]) -> list[list[Array]]:
    """The inverses of symmetric positive definite systems, given and returned as lower triangles of arrays (n,)."""
    m = len(system)
    scale = [1 / np.sqrt(system[k][k]) for k in range(m)]  # barriers of dust and of whales differ by many orders
    if m > _SMALL:
        table = np.empty((len(scale[0]), m, m))
        for k in range(m):
            for j in range(k + 1):
                table[:, k, j] = table[:, j, k] = system[k][j] * scale[k] * scale[j]
        try:
            table = np.linalg.inv(table)
        except np.linalg.LinAlgError:  # singular to the last digit: as below, a pivot that is rounding is made a small one
            table = np.linalg.inv(table + 1e-13 * np.eye(m))
        return [[table[:, k, j] * scale[k] * scale[j] for j in range(k + 1)] for k in range(m)]
    # L D L' entry by entry, then the inverse of L.
    lower: list[list[Array]] = [[] for _ in range(m)]
    pivot: list[Array] = []
    for k in range(m):
        for j in range(k):
            entry = system[k][j] * scale[k] * scale[j]
            for i in range(j):
                entry = entry - lower[k][i] * lower[j][i] * pivot[i]
            lower[k].append(entry / pivot[j])
        rest = np.ones_like(scale[k])
        for i in range(k):
            rest = rest - lower[k][i] ** 2 * pivot[i]
        pivot.append(np.maximum(rest, 1e-14))
    back: list[list[Array]] = [[] for _ in range(m)]  # the inverse of L, below its diagonal of ones
    for k in range(m):
        for j in range(k):
            entry = -lower[k][j]
            for i in range(j + 1, k):
                entry = entry - lower[k][i] * back[i][j]
            back[k].append(entry)
    over = [1 / one for one in pivot]
    found: list[list[Array]] = [[] for _ in range(m)]
    for k in range(m):
        for j in range(k + 1):  # sum over i >= k of back[i][k] back[i][j] / pivot[i]
            total = over[k] * (back[k][j] if j < k else 1.0)
            for i in range(k + 1, m):
                total = total + back[i][k] * back[i][j] * over[i]
            found[k].append(total * scale[k] * scale[j])
    return found
