"""Allocations that were valued on the way: a bound above the value of any is not a bound (§17, THEORY
11.2).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import Certificate, above
from adl_opt.data.event import Event
from adl_opt.errors import ObjectiveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.evaluation.vertices import queue
from adl_opt.laws.base import Law, scenario_count
from adl_opt.objectives.base import Objective, evaluate

_HALVINGS, _ROUNDS = 10, 3  # of the way to a queue; queues gone to
_STEP = 1e-6  # of a position: for differences
_ROUNDING = 1e-9  # relative: a fall below it
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

    def refuse(
        self, objective: Objective, event: Event, c: Certificate, rounding: Callable[[], float]
    ) -> None:
        """Raise ObjectiveError if the certificate's bound lies above a value that was seen, by more than
        `rounding` explains.
        """
        value, where = self._lowest.get(key_of(event), (np.inf, ""))
        if c.bound is not None and above(c.bound, value, c.reference) and c.bound - value > rounding():
            raise ObjectiveError(
                f"{c.proof} puts a bound {c.bound:.9g} above {value:.9g}, the value of {objective} at "
                f"{where}: the proof "
                "is of another objective. Its express or minorant and its value disagree, it narrows the "
                "allocations, or "
                "it is not convex or not monotone (§17)"
            )


def key_of(event: Event) -> bytes:
    """What tells events of one book apart: side, requirement and what may be closed."""
    return event.side.tobytes() + event.required.tobytes() + event.size.tobytes() + event.closable.tobytes()


def downhill(objective: Objective, event: Event, law: Law | None, amount: Array) -> tuple[int, float]:
    """(allocations tried, lowest value) on the ways from `amount` (legs,) along which `value` seems to fall.

    A bound that is false is above the value of some allocation, and a convex value then falls from the
    answer: its one-sided differences, the queue that is lowest in them, and points towards it; once more from
    the lowest. Kinks may hide the way.
    """

    def value(amount: Array) -> float:
        return evaluate(objective, SymbolsAt(event, law, amount))

    cells = len(event.book.accounts) * max(scenario_count(law), 1)
    most = min(int(event.free.sum()), int(_MOST_CELLS / cells / _ROUNDS))
    rng = np.random.default_rng(2)
    tried, here, at = 0, amount, value(amount)
    for _ in range(_ROUNDS):
        legs = rng.choice(np.flatnonzero(event.free), most, replace=False)
        there = event.amount_from()
        there[event.free] = queue(event, _gains(value, event, here, at, legs)) * event.size[event.free]
        points = [here + 0.5**halving * (there - here) for halving in range(_HALVINGS + 1)]
        values = [value(point) for point in points]
        tried += len(values)
        lowest = int(np.argmin(values))
        if not values[lowest] < at - _ROUNDING * abs(at):
            return tried, min(at, values[lowest])
        here, at = points[lowest], values[lowest]
    return tried, at


def _gains(value: Callable[[Array], float], event: Event, here: Array, at: float, legs: Any) -> Array:
    """By how much `value` falls with the fraction closed of `legs`, by a small step into the box; (legs,),
    else 0.
    """
    gain = np.zeros(len(here))
    for leg in legs:
        other, step = (
            here.copy(),
            _STEP * event.size[leg] * (1.0 if here[leg] < event.size[leg] / 2 else -1.0),
        )
        other[leg] += step
        gain[leg] = (at - value(other)) / step * event.held[leg]
    return gain
