"""Policies: Event -> Allocation without a law. Water-filling and pro rata; the exchanges' queues stand on the same footing."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .allocation import Allocation
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
    LeverageSquare, whose only minimiser it is. Equal leverages are reduced in proportion to equity (§16).
    """
    return _allocation(event, fill(event)[0], "water_filling", unique=True)


def pro_rata(event: Event) -> Allocation:
    """Everyone on the required side closes the same fraction of his position. A yardstick; in general not optimal."""
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


def _need_event(event: object) -> None:
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")


def _levelled(event: Event, objective: Objective, law: Law | None, solved: tuple[Array, Proof], name: str) -> Allocation:
    amount, proof = solved
    return Allocation(event, amount, name, str(objective), proof.certificate, proof.price, proof.parts, law=law, aim=objective)


POLICIES: dict[str, Policy] = {"water_filling": water_filling, "pro_rata": pro_rata, "gross_water_filling": gross_water_filling}


def policy(name: str) -> Policy:
    """A policy by name. Raises AdlError naming those there are."""
    if name not in POLICIES:
        raise AdlError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return POLICIES[name]


def _allocation(event: Event, amount: Array, name: str, unique: bool | None) -> Allocation:
    objective = LeverageSquare()
    proof = assess(objective, event, None, amount)
    return Allocation(event, amount, name, str(objective), proof.certificate, np.full(len(event.side), np.nan), proof.parts, unique)
