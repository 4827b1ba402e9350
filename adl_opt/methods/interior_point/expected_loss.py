"""Expected loss under a smooth law, or under scenarios, by an interior point made for it: accounts are
blocks, assets are what couples them (THEORY 6, 9).

A primal-dual Newton method on the notional closed, every leg on its own scale. Each step solves one small
system an account and one in the prices of the assets. Accounts of one number of positions go together, in
pieces that stay in the cache and are shared among threads. numpy only: independent of the conic route, and
linear in the number of accounts.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch, batches
from adl_opt.laws.base import Law, Scenarios
from adl_opt.methods.interior_point.account_block import Piece, Sums
from adl_opt.methods.interior_point.scenario_block import Kinks
from adl_opt.numerics import lapack

_STEPS, _HALVINGS, _SHARP, _FLAT = 200, 30, 1e-4, 1e-2
_CELLS = 65_536  # accounts x scenarios of a piece
TARGET = (
    1e-11  # of the expected loss: the gap between the central path and the optimum at which the method ends
)
_ROUNDING, _PATIENCE, _LOST = (
    1e-14,
    12,
    1e4,
)  # steps without progress, and a gap so many times the least, that end it
_SHARED = 30_000  # so much work that several threads pay
KEEP, _CORRECTED, _CORRECTED_LINEAR = (
    0.99,
    0.1,
    0.3,
)  # of the way to the boundary; reach from which the correction is tried


class Interior:
    """One problem: an event with something to decide, a law with curvature or scenarios (aligned).

    `solve` gives the fractions closed of the free legs.
    """

    def __init__(self, event: Event, law: Law) -> None:
        book = event.book
        self.event, self.interrupted = event, False
        self.scenarios = len(law.probability) if isinstance(law, Scenarios) else 0
        number = np.zeros(len(event.side), dtype=np.int64)
        number[event.free_assets] = np.arange(len(event.free_assets))
        self.count = len(event.free_assets)
        self.required = (event.required * book.price)[event.free_assets]
        left = book.notional - event.fixed_fraction * event.notional
        moving = book.per_account(event.free.astype(float)) > 0
        self.pieces: list[Piece] = []
        # Work in a step, about: positions times what a law's answer costs.
        self.size = int(event.free.sum()) * (
            8_192 // law.batch_size if not isinstance(law, Scenarios) else len(law.probability)
        )
        self.rest = float(np.maximum(-book.equity, 0.0).sum())  # what accounts with nothing to decide lose
        for batch in batches(book):
            mine = moving[batch.account]
            if not mine.all():
                leg = batch.leg[~mine]
                terms = law.shortfall_terms(book.asset[leg], left[leg], book.equity[batch.account[~mine]], 0)
                self.rest += float(terms[0].sum())
            account, leg = batch.account[mine], batch.leg[mine]
            together = law.batch_size
            if isinstance(
                law, Scenarios
            ):  # accounts in the same assets and as safe as one another leave out the same scenarios
                together = max(1, _CELLS // len(law.probability))
                order = np.lexsort([-book.leverage.to_numpy()[account], *book.asset[leg].T])
                account, leg = account[order], leg[order]
            for a in range(0, len(account), together):
                own = Batch(account[a : a + together], leg[a : a + together])
                self.pieces.append(
                    Kinks(event, law, own, number)
                    if isinstance(law, Scenarios)
                    else Piece(event, law, own, number)
                )

    def solve(self, watch: Callable[[int, float], None] | None = None, accuracy: float = TARGET) -> Array:
        """Fractions closed of the free legs (F,). watch(step, relative gap) is told after every step.

        Ends where the gap of the central path is `accuracy` of the value, or where rounding allows no further
        step, or on an interrupt (then `interrupted` is True); what comes out is proved elsewhere.
        """
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            self._map = map if len(self.pieces) == 1 or self.size < _SHARED else pool.map
            try:
                self._follow(watch, accuracy)
            except (
                np.linalg.LinAlgError
            ):  # no driver solves the step: the best point so far, which proves what it can
                pass
            except KeyboardInterrupt:
                self.interrupted = True
        result = np.zeros(len(self.event.size))
        for piece in self.pieces:
            fraction, room = piece.best
            result[piece.leg] = np.where(fraction < 0.5, fraction, 1 - room)
        return result[self.event.free]

    @property
    def multipliers(self) -> "Multipliers | None":
        """Of the shortfall rows under scenarios, at the point that `solve` gave; None under other laws."""
        mine = [piece for piece in self.pieces if isinstance(piece, Kinks)]
        return Multipliers(mine, len(self.event.book.accounts), self.scenarios) if mine else None

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
        linear = any(isinstance(p, Kinks) for p in self.pieces)  # steps of a linear program need no search
        self._each("begin", max(0.1 * spread, 1e-3) if linear else max(0.3 * spread, 0.1), unit)
        legs = 2 * (float(self.event.free.sum()) + sum(self._each("rows")))
        least, stalled, rough = np.inf, 0, any(hasattr(p.answer, "sharpen") for p in self.pieces)
        for number in range(1, _STEPS + 1):
            here = Sums.of(self._each("sums", price, unit, 0.0))
            astray = self.required - sum(self._each("closed", self.count))  # rounding of earlier steps
            here = here._replace(gap=here.gap + unit * float(np.abs(price) @ np.abs(astray)))
            relative = here.gap / max(here.value + self.rest, 1e-300)
            if watch is not None:
                watch(number, relative)
            stalled = 0 if here.gap < 0.9 * least else stalled + 1
            if here.gap < least:
                least = here.gap
                self._each("keep")
            if (
                relative <= accuracy
                or stalled > (_PATIENCE // 3 if linear and relative < _SHARP else 2 * _PATIENCE)
                or here.gap > _LOST * least
            ):
                return
            if rough and relative <= _SHARP:
                rough, least = False, np.inf
                self._each("sharpen")
            if (
                0 < here.steepest < _FLAT * unit
            ):  # far out in the tail slopes fall by many orders: what is rounding falls with them
                ratio = unit / here.steepest
                self._each("rescale", ratio)
                unit, price, here = (
                    here.steepest,
                    price * ratio,
                    here._replace(products=here.products * ratio),
                )
            solve, prices = self._prices(self._each("factor", unit, self.count))
            aims = self._each("aim", prices, self.count, unit)
            bent = solve(sum(one[2] for one in aims))
            reach, products = min(one[0] for one in aims), np.sum([one[1] for one in aims], axis=0)
            average = here.products / legs
            target = average * min(
                max(float(products @ [1.0, reach, reach**2]) / here.products, 1e-4) ** 2, 0.5
            )
            before = Sums.of(self._each("sums", price, unit, target)).squares ** 0.5
            # Mehrotra's correction helps where the first step leads far; it promises no descent, so that the
            # plain step stands by.
            for share, halvings in ((1.0, 3), (0.0, _HALVINGS)):
                if share and reach < (_CORRECTED_LINEAR if linear else _CORRECTED):
                    continue
                led = self._each("lead", target, share * bent, share, self.count)
                more = solve(astray - sum(led))
                length = min(1.0, KEEP * min(self._each("step", target, more, share)))
                change = prices[0] + target * prices[1] + share * bent + more - price
                for _ in range(halvings):
                    self._each("go", length)
                    after = Sums.of(self._each("sums", price + length * change, unit, target)).squares ** 0.5
                    if reached := linear or after <= (1 - 0.01 * length) * before + _ROUNDING:
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
            return scale * lapack.solve(
                system, scale * right
            )  # two assets that all hold in one proportion have one price

        return solve, [solve(self.required - closed + one), solve(two)]


class Multipliers:
    """Multipliers (n, S) of the shortfall rows, rows on demand: a table of all accounts is never held. nan
    where a row was left out.
    """

    def __init__(
        self, pieces: Sequence[Kinks], accounts: int, scenarios: int, known: Index | None = None
    ) -> None:
        self._pieces, self._scenarios = pieces, scenarios
        self._known = np.arange(scenarios) if known is None else known
        self._piece, self._row = np.full(accounts, -1), np.zeros(accounts, dtype=np.int64)
        for number, piece in enumerate(pieces):
            self._piece[piece.account], self._row[piece.account] = number, np.arange(len(piece.account))

    def __getitem__(self, rows: slice) -> Array:
        piece, row = self._piece[rows], self._row[rows]
        table = np.full((len(piece), self._scenarios), np.nan)
        for number in np.unique(piece[piece >= 0]):
            here = np.flatnonzero(piece == number)
            table[here[:, None], self._known[self._pieces[number].kept]] = self._pieces[number].multipliers(
                row[here]
            )
        return table
