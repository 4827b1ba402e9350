"""Allocations from outside: what a table's digits or a small slip leave uncleared is cleared exactly, more is
infeasible (§6, §11).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.numerics.exact_clearing import clear_exactly

# A small slip: of what is closed or of what stays open, whichever is less; of a position, beyond its box.
FEASIBLE = 1e-9
DIGITS = 1e-14  # of the requirement: what a table of 15 significant digits loses


def allowed_error(event: Event) -> Array:
    """The clearing error (d,), contracts, up to which an allocation counts as one that clears."""
    room = np.minimum(event.required, event.capacities - event.required)
    return np.maximum(DIGITS * event.required, FEASIBLE * room)


def cleared_first(event: Event, amount: Array) -> tuple[Array, str]:
    """`amount` (legs,), cleared exactly and within its boxes if it misses them by little, and what was done,
    in words ("": nothing that is not rounding).

    Returned as it came where it is infeasible.
    """
    most = np.where(event.closable, event.size, 0.0)
    beyond = np.maximum(amount - most, -amount)
    error = clearing_errors(event, amount)
    if (beyond > FEASIBLE * event.held).any() or (np.abs(error) > allowed_error(event)).any():
        return amount, ""
    found = np.clip(amount, 0.0, most)
    for k in np.flatnonzero(clearing_errors(event, found)):
        legs = event.closable_legs[k]
        found[legs] = clear_exactly(found[legs], most[legs], float(event.required[k]))
    off = float(np.abs(error).max(initial=0.0))
    return found, f"cleared exactly first: off by {off:.3g} contracts" if (
        np.abs(error) > DIGITS * event.required
    ).any() else ""


def clearing_errors(event: Event, amount: Array) -> Array:
    """Closed less required by asset, (d,) contracts, correctly rounded."""
    closed, off = event.closable_legs.sums(amount), event.closable_legs.sums(amount, less=event.required)
    return np.where(closed == event.required, 0.0, off)


def said_first(words: str, certificate: Any) -> Any:
    """The certificate, its proof beginning with `words` if there are any."""
    return replace(certificate, proof=f"{words}; {certificate.proof}") if words else certificate
