"""A search for allocations that an objective's own rows forbid (§17, THEORY 11.2).

Rows A_x x + A_t t - b in -K allow every allocation x if they allow the vertices, which are queues. How much
the rows must give way, e_w(x) = min {tau: A_x x + A_t t - b in tau w - K}, is convex in x and signed: also
where there is room its multipliers z say where there is least, g = A_x'z. The queue that is highest in g is
the next allocation, and e_w rises until it does not; then again from another queue with other weights w. A
search that can refute, not a proof.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.evaluation.vertices import queue, random_queue

if TYPE_CHECKING:
    from adl_opt.methods.conic.own_rows import OwnRows

LACKING = 1e-6  # of the largest entry of a row: rows that must give way by more forbid the allocation
_RISES = 1e-9  # a rise of e_w below it is rounding
_SPREAD = 2.0  # weights are exp(_SPREAD x a normal number)


@dataclass
class Search:
    """What was tried: fractions closed (free legs,) of the allocations visited, pro rata first; programs
    solved.

    forbidden: an allocation that no value of the own variables fits, and by how much its rows lack something
    there. endless: the rows may give way without limit, so that no allocation is forbidden.
    """

    visited: list[Array] = field(default_factory=list)
    programs: int = 0
    forbidden: Array | None = None
    lacking: float = 0.0
    endless: bool = False

    def seen(self, fraction: Array) -> bool:
        return any(np.array_equal(fraction, other) for other in self.visited)


def search(rows: "OwnRows", event: Event, most: int, seed: int = 0) -> Search:
    """Look for an allocation that the rows forbid, with at most `most` programs."""
    rng, found = np.random.default_rng(seed), Search()
    if not rows.coupled.any():  # nothing that the allocation could cut off
        return found
    pro_rata, cones = event.pro_rata_fraction[event.free], len(rows.coupled)
    singles = iter(rng.permutation(rows.sides))
    # Boxes that stand firm first: rows that then give way without limit forbid nothing.
    fraction, weight = pro_rata, rows.coupled.astype(float)
    for turn in range(1, most + 1):
        if not found.seen(fraction):
            _climb(rows, event, found, fraction, weight, most)
        if found.forbidden is not None or found.endless or found.programs >= most:
            break
        # In turn: the queue that asks most of one row, and a random one.
        row = next(singles, None) if turn % 2 else None
        fraction = random_queue(event, rng) if row is None else queue(event, rows.pull(pro_rata, int(row)))
        weight = np.exp(_SPREAD * rng.normal(size=cones)) if row is None else np.ones(cones)
    return found


def _climb(rows: "OwnRows", event: Event, found: Search, fraction: Array, weight: Array, most: int) -> None:
    """From one allocation to the next while e_w rises."""
    height = -np.inf
    while found.programs < most:
        answer = rows.lacking(fraction, weight)
        found.programs += 1
        found.visited.append(fraction)
        lacks = answer.status == "impossible" or (answer.status == "solved" and answer.value > LACKING)
        if lacks and rows.least(fraction).status != "solved":
            found.forbidden, found.lacking = fraction, answer.value
            return
        if answer.status == "endless":
            found.endless = not rows.cones.equation.any()
            return
        if answer.slope is None or answer.value <= height + _RISES * max(1.0, abs(answer.value)):
            return
        height = answer.value
        fraction = queue(event, answer.slope)
        if found.seen(fraction):
            return
