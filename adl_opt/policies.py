"""Policies: Event -> Allocation without a law. Water-filling and pro rata; the exchanges' queues stand on the same footing."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .allocation import Allocation
from .book import Book
from .certificate import Proof, assess
from .errors import AdlError, EventError
from .event import Event
from .isolated import fill
from .laws import Law, Scenarios
from .objectives import FactorLeverageSquare, LeverageSquare, Objective
from .onefactor import OneFactor
from .waterfill import clear_exactly

Array = NDArray[np.float64]
Policy = Callable[[Event], Allocation]


def water_filling(event: Event) -> Allocation:
    """Bring everyone above one leverage down to it, asset by asset: optimal for every law and monotone risk in isolated margin.

    Raises EventError if an account holds more than one position. Source: Campbell et al. (2026), Thm 1; proved here on
    LeverageSquare, whose only minimiser it is. Equal leverages are reduced in proportion to equity (§16). Accounts that would have to close more than their cap end above
    the level, and the theorem still holds (isolated.fill).
    """
    return _allocation(event, fill(event)[0], "water_filling", unique=True)


def pro_rata(event: Event) -> Allocation:
    """Everyone on the required side closes the same fraction of his position, or of its capped part. A yardstick; in general not optimal."""
    _need_event(event)
    amount = event.pro_rata_fraction * event.size
    for k in event.free_assets:
        legs = event.free & (event.book.asset == k)
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return _allocation(event, amount, "pro_rata", unique=None)


def factor_water_filling(event: Event, loading: Any) -> Allocation:
    """Level the factor leverages as far as the requirements allow: optimal for every move of one factor, hence for every monotone risk (Thm 3).

    loading: relative move of each asset per unit of the factor, by label or in the order of the book's assets, any signs. Cross margin, several assets, both sides;
    clears every asset exactly. Of the allocations with these factor leverages it closes the most evenly: least sum of notional x fraction^2, which is unique and
    keeps proportional splits neutral. Raises LawError if a loading is missing, SolveError if no solver finds the allocation.
    """
    from .levelling import level_factor

    _need_event(event)
    law = OneFactor(loading, Scenarios([-1.0, 1.0])).align(event.book.assets)
    return _levelled(event, FactorLeverageSquare(), law, level_factor(event, law), "factor_water_filling")


def gross_water_filling(event: Event) -> Allocation:
    """Level the gross leverages as far as the requirements allow: least sum of equity x leverage^2, evenly. Blind to hedges, and so a yardstick.

    In isolated margin it is water_filling. In cross margin closing a hedge lowers gross leverage and raises the loss: see the model hedge_matters.
    """
    from .levelling import level

    _need_event(event)
    solved = level(LeverageSquare(), event, None, np.abs(event.book.notional))
    return _levelled(event, LeverageSquare(), None, solved, "gross_water_filling")


def realized(event: Event) -> Allocation:
    """What was really closed, from the book's column realized_closed (contracts, signed like the position). The event must require its total: adl.realized_event(book).

    Raises EventError if the book has no such column, AllocationError's sentence through its certificate if it does not clear or leaves its box.
    """
    _need_event(event)
    return _allocation(event, _realized(event.book), "realized", unique=None)


def realized_event(book: Book, *, protected: Iterable[Any] = (), cap: float | Mapping[Any, float] = 1.0) -> Event:
    """The event that requires, asset by asset, what was really closed of each side, under the limits of an Event (protected, cap).

    Raises EventError without the column realized_closed (contracts, signed like the position), or if an asset was closed on both sides, which one event cannot require (§5).
    """
    closed = _realized(book)
    required: dict[str, dict[str, float]] = {"short": {}, "long": {}}
    for k, asset in enumerate(book.assets):
        for side, sign in (("short", -1), ("long", 1)):
            legs = (book.asset == k) & (closed > 0) & (np.sign(book.position) == sign)
            if legs.any():
                required[side][asset] = math.fsum(closed[legs].tolist())
    both = sorted(set(required["short"]) & set(required["long"]))
    if both:
        raise EventError(
            f"{len(both)} assets were closed on both sides, first {both[0]!r}; make an event of each side, adl.Event(book, short={{...}}) (§5)"
        )
    return Event(book, short=required["short"], long=required["long"], protected=protected, cap=cap)


def _realized(book: Book) -> Array:
    """Contracts really closed (legs,), >= 0 where they reduce the position."""
    if "realized_closed" not in book.extra:
        raise EventError(
            "the book has no column realized_closed (contracts, signed like the position), so that what was closed is not known"
        )
    return np.asarray(book.extra["realized_closed"], float) * np.sign(book.position)


def _need_event(event: object) -> None:
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")


def _levelled(event: Event, objective: Objective, law: Law | None, solved: tuple[Array, Proof], name: str) -> Allocation:
    amount, proof = solved
    return Allocation(event, amount, name, str(objective), proof.certificate, proof.price, proof.parts, law=law, aim=objective)


POLICIES: dict[str, Policy] = {
    "water_filling": water_filling,
    "pro_rata": pro_rata,
    "gross_water_filling": gross_water_filling,
    "realized": realized,
}


def policy(name: str) -> Policy:
    """A policy by name. Raises AdlError naming those there are."""
    if name not in POLICIES:
        raise AdlError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return POLICIES[name]


def _allocation(event: Event, amount: Array, name: str, unique: bool | None) -> Allocation:
    objective = LeverageSquare()
    proof = assess(objective, event, None, amount)
    return Allocation(event, amount, name, str(objective), proof.certificate, np.full(len(event.side), np.nan), proof.parts, unique)
