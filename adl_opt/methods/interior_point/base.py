"""What both interior points (expected_loss.py, cvar.py) share: the partition of accounts into blocks, where
they begin, when they have come no further, and what they hand back (THEORY 9).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch, batches
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law, Scenarios
from adl_opt.methods.interior_point.block import Block

Watch = Callable[[int, float], None] | None  # is told (number, relative gap) after every step

STEP = 0.99  # of the longest step: how far a step goes towards the boundary
_CELLS = 65_536  # accounts x scenarios of a block, so that its tables stay in the cache
_NOTICED = 0.9  # a gap below so much of the least before it is progress


class Progress:
    """The least gap so far, and how many steps have not brought a noticeably smaller one."""

    def __init__(self) -> None:
        self.least, self.stalled = np.inf, 0

    def improved(self, gap: float) -> bool:
        """Count a step; whether its gap is the least so far."""
        self.stalled = 0 if gap < _NOTICED * self.least else self.stalled + 1
        better = gap < self.least
        self.least = min(gap, self.least)
        return better


class InteriorPoint:
    """An event with something to decide: free assets numbered 0 to count - 1, the notional required of each,
    (count,), and the accounts that have a leg to decide.
    """

    def __init__(self, event: Event) -> None:
        self.event, self.interrupted = event, False
        self.count = len(event.free_assets)
        self.number = np.zeros(len(event.side), dtype=np.int64)
        self.number[event.free_assets] = np.arange(self.count)
        self.required = (event.required * event.book.price)[event.free_assets]
        self._decides = event.book.per_account(event.free.astype(float)) > 0

    def partition(self, law: Law) -> list[Batch]:
        """The accounts that have something to decide, a batch a block, each of one number of positions.

        Under scenarios they are ordered by assets and leverage: accounts in the same assets and as safe as
        one another leave out the same scenarios.
        """
        book, size, found = self.event.book, law.batch_size, []
        for batch in batches(book):
            account, leg = (part[self._decides[batch.account]] for part in batch)
            if law.scenarios is not None:
                size = max(1, _CELLS // len(law.scenarios.probability))
                order = np.lexsort([-book.leverage.to_numpy()[account], *book.asset[leg].T])
                account, leg = account[order], leg[order]
            found += [Batch(account[a : a + size], leg[a : a + size]) for a in range(0, len(account), size)]
        return found

    def fixed_expected_loss(self, law: Law) -> float:
        """What the accounts that have nothing to decide are expected to lose."""
        book, event = self.event.book, self.event
        left = book.notional - event.fixed_fraction * event.notional
        total = float(np.maximum(-book.equity, 0.0).sum())
        for account, leg in batches(book):
            fixed = ~self._decides[account]
            if fixed.any():
                rows = leg[fixed]
                terms = law.shortfall_terms(book.asset[rows], left[rows], book.equity[account[fixed]], 0)
                total += float(terms[0].sum())
        return total

    def fixed_loss(self, law: Scenarios) -> Array:
        """What they lose in each scenario, (S,)."""
        total = np.zeros(len(law.probability))
        if not self._decides.all():
            for a, b, argument in SymbolsAt(self.event, law, self.event.amount_from()).arguments():
                total += np.maximum(argument[~self._decides[a:b]], 0.0).sum(axis=0)
        return total

    def fractions(self, blocks: Sequence[Block]) -> Array:
        """The fractions closed of the free legs (F,) at the best points of the blocks."""
        result = np.zeros(len(self.event.size))
        for block in blocks:
            fraction, room = block.best.value, block.best.room
            result[block.leg] = np.where(fraction < 0.5, fraction, 1 - room)
        return result[self.event.free]

    @contextmanager
    def keeping_the_best(self) -> Iterator[None]:
        """An interrupt, or a step that no driver solves, ends the method at the best point so far."""
        try:
            yield
        except np.linalg.LinAlgError:
            pass
        except KeyboardInterrupt:
            self.interrupted = True


def begin_at_slopes(blocks: Sequence[Block], unit: float) -> tuple[Array, float, float]:
    """Slopes counted in `unit`: (prices to begin with, the slope by asset weighted by notional; distance of
    slopes from them, times notional; notional).
    """
    weight = np.sum([block.by_asset(block.size) for block in blocks], axis=0)
    price = np.sum([block.by_asset(block.size * block.slope) for block in blocks], axis=0) / weight / unit
    for block in blocks:
        block.rescale(unit)
    return price, sum(block.residual_charge(price) for block in blocks), float(weight.sum())
