"""Allocations that were valued on the way: a bound above the value of any of them is not a bound (§17, THEORY 11.2)."""

import numpy as np
from numpy.typing import NDArray

from .errors import ObjectiveError
from .event import Event
from .laws import Law, Scenarios
from .objectives import Objective, evaluate
from .symbols import Symbols
from .vertices import queue

Array = NDArray[np.float64]
_HALVINGS, _ROUNDS = 10, 3  # of the way to a queue; queues gone to
_STEP = 1e-6  # of a position: for differences
_MOST_CELLS = 50_000_000  # accounts x scenarios x values that looking downhill may cost


class Valued:
    """The lowest value seen of each event's allocations, and where."""

    def __init__(self) -> None:
        self._lowest: dict[bytes, tuple[float, str]] = {}

    def note(self, event: Event, value: float, where: str) -> None:
        """Allocations that clear only."""
        key = key_of(event)
        if np.isfinite(value) and value < self._lowest.get(key, (np.inf, ""))[0]:
            self._lowest[key] = (float(value), where)

    def refuse(self, objective: Objective, event: Event, bound: float | None, how: str, least: float, tolerance: float) -> None:
        """Raise ObjectiveError if `bound` lies above a value that was seen; least: what counts as nothing, as in a certificate's floor."""
        value, where = self._lowest.get(key_of(event), (np.inf, ""))
        if bound is not None and bound - value > max(tolerance, 1e-9) * max(abs(value), least):
            raise ObjectiveError(
                f"{how} puts a bound {bound:.9g} above {value:.9g}, the value of {objective} at {where}: the proof is of another objective. "
                "Its express or minorant and its value disagree, it narrows the allocations, or it is not convex or not monotone (§17)"
            )


def key_of(event: Event) -> bytes:
    """What tells events of one book apart: side, requirement and what may be closed."""
    return event.side.tobytes() + event.required.tobytes() + event.size.tobytes() + event.closable.tobytes()


def downhill(objective: Objective, event: Event, law: Law | None, amount: Array) -> tuple[int, float]:
    """(allocations tried, lowest value) on the ways from `amount` (legs,) along which `value` seems to fall.

    A bound that is false is above the value of some allocation, and a convex value then falls from the answer: its one-sided differences, the queue that is
    lowest in them, and points towards it; once more from the lowest. Kinks may hide the way.
    """
    free = np.flatnonzero(event.free)
    cells = len(event.book.accounts) * (len(law.probability) if isinstance(law, Scenarios) else 1)
    most = int(_MOST_CELLS / max(cells, 1)) - (_HALVINGS + 1) * _ROUNDS
    rng = np.random.default_rng(2)
    tried, here, lowest = 0, amount, evaluate(objective, Symbols(event, law, amount))
    for _ in range(_ROUNDS):
        legs = free if len(free) <= most else rng.choice(free, max(most, 0), replace=False)
        if not len(legs):
            break
        most -= len(legs)
        gain, at = np.zeros(len(amount)), evaluate(objective, Symbols(event, law, here))
        for leg in legs:
            other, inward = here.copy(), 1.0 if here[leg] < event.size[leg] / 2 else -1.0
            other[leg] += inward * _STEP * event.size[leg]
            gain[leg] = (
                -inward * (evaluate(objective, Symbols(event, law, other)) - at) / (_STEP * event.size[leg]) * event.held[leg]
            )
        there = event.fixed_fraction * event.size
        there[event.free] = queue(event, gain) * event.size[event.free]
        found = at
        for halving in range(_HALVINGS + 1):
            other = here + 0.5**halving * (there - here)
            value, tried = evaluate(objective, Symbols(event, law, other)), tried + 1
            if value < found:
                found, best = value, other
        if not found < at - 1e-9 * abs(at):
            break
        here, lowest = best, min(lowest, found)
    return tried, lowest
