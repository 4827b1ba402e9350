"""What a policy is: a function from an Event to an Allocation, and what is asked of one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.feasibility import cleared_first, said_first
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, EventError
from adl_opt.objectives.hooks import real_numbers
from adl_opt.objectives.leverage import LeverageSquare
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.allocation_table import amounts_from_frame

Policy = Callable[[Event], Allocation]


def applied(rule: Policy, event: Event) -> Allocation:
    """What a policy does: its Allocation, or the one that its table account, asset, closed (contracts, signed
    like the position) or its array of contracts closed by leg, (legs,) >= 0, describes.

    Raises AdlError, naming the policy, for anything else and for an Allocation of another book.
    """
    found, name = rule(event), str(getattr(rule, "__name__", getattr(rule, "name", rule)))
    if hasattr(found, "columns") or isinstance(found, np.ndarray):
        amount, words = cleared_first(event, _amount(event, found, name))
        allocation = plain_allocation(event, amount, name, unique=None)
        return replace(allocation, certificate=said_first(words, allocation.certificate))
    if not isinstance(found, Allocation):
        raise AdlError(
            f"the policy {name} returns an Allocation, or a table account, asset, closed, of the event "
            f"that it is given, not {type(found).__name__}; or an array of contracts closed by leg"
        )
    if found.event is not event and not np.array_equal(found.event.book.position, event.book.position):
        raise AdlError(f"the policy {name} returns an Allocation of another book than the one it is given")
    return found


def _amount(event: Event, found: Any, name: str) -> Array:
    """(legs,) contracts of a table, or of an array that must be that."""
    if hasattr(found, "columns"):
        return amounts_from_frame(event, found)
    return real_numbers(found, event.size.shape, f"the policy {name}", "contracts closed by leg", AdlError)


def need_event(event: object) -> None:
    """Raises EventError for anything but an Event."""
    if not isinstance(event, Event):
        raise EventError(
            f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})"
        )


def plain_allocation(event: Event, amount: Array, name: str, unique: bool | None) -> Allocation:
    """`amount` (legs,) contracts as an Allocation, measured by LeverageSquare: without a law that is what can
    be proved.
    """
    objective = LeverageSquare()
    proof = assess(objective, event, None, amount)
    return Allocation(
        event,
        amount,
        name,
        str(objective),
        proof.certificate,
        np.full(len(event.side), np.nan),
        proof.parts,
        unique,
        objective=objective,
    )
