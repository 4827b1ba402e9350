"""What is tried of an objective with variables of its own before its conic bound counts (§17, THEORY 11.2).

That its rows allow every allocation, and that `express`, minimised over those variables, is at most `value`.
Tried, not proved; what contradicts is an ObjectiveError.
"""

from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.evaluation.vertices import queue, random_queue
from adl_opt.laws.base import Law
from adl_opt.methods.conic.narrowing import Search, search
from adl_opt.objectives.base import evaluate

if TYPE_CHECKING:
    from adl_opt.methods.conic.own_rows import OwnRows

# `express` with variables of its own is known through a solver only: below this relative difference from
# `value` the solver may be to blame, and the bound is left out where `express` is above; beyond it the
# objective is.
DISAGREE, _DOUBT = 1e-3, 1e-5
# Programs of a search at most: where rows have up to _SMALL entries, and beyond.
_MANY, _FEW, _SMALL = 60, 20, 5_000
_QUEUES = 8  # random ones where `express` is compared with `value`, whatever the rows


class Trial:
    """Of an objective, or what of a sum `rows` belong to, over the allocations of one event; law aligned, or
    None.

    allocations: at how many it was tried; programs: of the search for forbidden ones; doubtful: its bound
    does not count; lowest: the least value seen.
    """

    def __init__(self, event: Event, law: Law | None, rows: "OwnRows", reference: float) -> None:
        self.event, self.law, self.rows = event, law, rows
        self._reference = max(reference, 1e-2 * rows.money)  # a scale at which any solver is accurate
        self.allocations, self.programs, self.doubtful, self.lowest = 0, 0, False, np.inf

    def run(self) -> None:
        """Raise ObjectiveError where an allocation contradicts the objective."""
        event, rows = self.event, self.rows
        self.doubtful = not rows.known  # cones without a rule here, integers
        if self.doubtful:
            return
        pro_rata = event.pro_rata_fraction[event.free]
        slope = self.compare(pro_rata)
        if slope is None or not rows.own:
            return
        found = search(rows, event, _MANY if rows.entries <= _SMALL else _FEW)
        self.programs = found.programs
        if found.forbidden is not None:
            raise self._forbidden(found.forbidden, found.lacking)
        rng, done = np.random.default_rng(1), Search(visited=[pro_rata])
        extremes = [queue(event, slope), queue(event, -slope)]  # where `express` seems highest, and lowest
        for fraction in [*found.visited, *extremes, *(random_queue(event, rng) for _ in range(_QUEUES))]:
            if not done.seen(fraction) and not self.doubtful:
                done.visited.append(fraction)
                self.compare(fraction)

    def compare(self, fraction: Array) -> Array | None:
        """`express`, minimised over its own variables, against `value` at fractions closed (free legs,).

        Its slope there, (legs,), or None if no solver tells. Raises ObjectiveError if the two differ, or no t
        fits.
        """
        if not self.rows.known:
            return None
        value = evaluate(self.rows.objective, SymbolsAt(self.event, self.law, self.rows.amount(fraction)))
        least = self.rows.least(fraction, self._reference)
        self.allocations += 1
        self.lowest = min(self.lowest, value)
        if least.status == "impossible":
            raise self._forbidden(fraction)
        if least.status != "solved":
            self.doubtful = True  # no word for it: then its bound does not count
            return None
        off = (least.value - value) / max(abs(value), self._reference)
        if not abs(off) <= DISAGREE:
            raise ObjectiveError(
                f"{self.rows.objective}: at {self._where(fraction)} express says {least.value:.9g} but "
                f"value {value:.9g}; "
                "they disagree, the objective is not convex, or its own variables are badly scaled (§17)"
            )
        self.doubtful |= off > _DOUBT
        return least.slope

    def words(self, more: int) -> str:
        """What is believed, where `more` allocations were valued since."""
        count = self.rows.count
        through = f", through {count:,} row{'s' * (count > 1)} of its own"
        rows = f"{through}; that these allow every allocation and" if count else "; that"
        return (
            f"{rows} `express` is at most `value` was tried at {self.allocations + more:,} allocations "
            "(pro rata, extremes looked for, the answer, downhill from it), not proved"
        )

    def _forbidden(self, fraction: Array, lacking: float = 0.0) -> ObjectiveError:
        by = f" (its rows lack {lacking:.2g} there)" if lacking > 0 else ""
        return ObjectiveError(
            f"the constraints of {self.rows.objective} exclude {self._where(fraction)}{by}: "
            "an objective may not narrow the allocations; give its own variables boxes that no allocation "
            "reaches, or none (§17)"
        )

    def _where(self, fraction: Array) -> str:
        """An allocation in words: pro rata, or by the leg that departs furthest from it."""
        event, book = self.event, self.event.book
        away = np.abs(fraction - event.pro_rata_fraction[event.free])
        if not away.any():
            return "pro rata"
        leg = int(np.flatnonzero(event.free)[np.argmax(away)])
        asset, account = book.assets[book.asset[leg]], book.accounts[book.account[leg]]
        closed = fraction[np.argmax(away)] * event.size[leg]
        return f"an allocation that closes {closed:.6g} of {asset!r} of account {account!r}"
