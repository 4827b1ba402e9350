"""What counts as closed and as left: one tolerance for all words, counts and pictures (§6, §15)."""

from adl_opt.arrays import Array, Mask
from adl_opt.data.event import Event

# Of a position: so little closed, or left, is the rounding of a sum that clears exactly, and counts as none.
NOTHING = 1e-12


def reduced(event: Event, amount: Array) -> Mask:
    """(legs,) which close something, amount (legs,) contracts."""
    return amount > NOTHING * event.held


def finished(event: Event, amount: Array) -> Mask:
    """(legs,) of which all that may be closed is closed."""
    return event.closable & (event.size - amount <= NOTHING * event.held)


def left(event: Event, amount: Array) -> Mask:
    """(legs,) of which something is left."""
    return event.held - amount > NOTHING * event.held


def accounts(event: Event, legs: Mask) -> Mask:
    """(n,) which of the accounts have one of the legs."""
    return event.book.per_account(legs.astype(float)) > 0
