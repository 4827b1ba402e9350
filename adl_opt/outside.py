"""A certificate for an allocation from anywhere: a policy's, an exchange's, a table's (§11, §12)."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from .allocation import Allocation, amounts_from_frame
from .certificate import TOLERANCE, Certificate, assess, with_bound
from .errors import AllocationError, LawError, SolveError, UncertifiedWarning
from .event import Event
from .laws import Law
from .objectives import Objective
from .problem import Problem

if TYPE_CHECKING:
    import pandas as pd


def certify(
    objective: Objective, event: Event, law: Law | None, allocation: "Allocation | pd.DataFrame", tol: float = TOLERANCE
) -> Certificate:
    """A certificate for any allocation: one of ours, a policy's, or a table account, asset, closed (signed like the position).

    If the allocation does not prove itself, the problem is solved for its bound (for a value-only measure, that of a measure below it); the bound too is recomputed by us. Legs that a table does
    not list close nothing. Raises AllocationError if the allocation belongs to another book.
    """
    problem = Problem(objective, event, law)
    if isinstance(allocation, Allocation):
        book = allocation.event.book
        if book is not event.book and not (
            np.array_equal(book.accounts, event.book.accounts)
            and np.array_equal(book.account, event.book.account)
            and np.array_equal(book.asset, event.book.asset)
            and book.assets == event.book.assets
            and np.array_equal(book.position, event.book.position)
        ):
            raise AllocationError(
                "the allocation belongs to another book: its accounts, assets or positions differ from the event's"
            )
        amount = allocation.amount
    elif hasattr(allocation, "columns"):
        amount = amounts_from_frame(event, allocation)
    else:
        raise AllocationError(f"certify takes an Allocation or a table account, asset, closed, not {type(allocation).__name__}")
    own = assess(objective, event, problem.law, amount, tolerance=tol).certificate
    if own.status != "uncertified" or (law is None and objective.monotone):
        return problem._route.doubted(event, amount, own)  # without a law only water-filling itself is optimal: no bound can help
    other = problem if (under := objective.below()) is None else Problem(under, event, law)
    other._route.valued.note(event, own.objective, "the allocation to be certified")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncertifiedWarning)
        try:
            best = other.solve(tol=tol).certificate
        except (LawError, SolveError):
            return own  # no method for this law: what is proved without one stands
    return with_bound(own, best, tol)
