"""Policies: Event -> Allocation without a law. Water-filling and pro rata; the exchanges' queues stand on the same footing."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .allocation import Allocation
from .certificate import assess
from .errors import AdlError, EventError
from .event import Event
from .isolated import fill
from .objectives import LeverageSquare
from .waterfill import clear_exactly

Array = NDArray[np.float64]
Policy = Callable[[Event], Allocation]


def water_filling(event: Event) -> Allocation:
    """Bring everyone above one leverage down to it, asset by asset: optimal for every law and monotone risk in isolated margin.

    Raises EventError if an account holds more than one position. Source: Campbell et al. (2026), Thm 1; proved here on
    LeverageSquare, whose only minimiser it is. Equal leverages are reduced in proportion to equity (§16).
    """
    return _allocation(event, fill(event)[0], "water_filling", unique=True)


def pro_rata(event: Event) -> Allocation:
    """Everyone on the required side closes the same fraction of his position. A yardstick; in general not optimal."""
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")
    amount = event.pro_rata_fraction * event.size
    for k in event.free_assets:
        legs = event.free & (event.book.asset == k)
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return _allocation(event, amount, "pro_rata", unique=None)


POLICIES: dict[str, Policy] = {"water_filling": water_filling, "pro_rata": pro_rata}


def policy(name: str) -> Policy:
    """A policy by name. Raises AdlError naming those there are."""
    if name not in POLICIES:
        raise AdlError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return POLICIES[name]


def _allocation(event: Event, amount: Array, name: str, unique: bool | None) -> Allocation:
    objective = LeverageSquare()
    proof = assess(objective, event, None, amount)
    return Allocation(event, amount, name, str(objective), proof.certificate, np.full(len(event.side), np.nan), proof.parts, unique)
