"""A certificate for an allocation from anywhere: a policy's, an exchange's, a table's (§11, §12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import TOLERANCE, Certificate, check_tolerance, with_bound
from adl_opt.certificates.feasibility import cleared_first, said_first
from adl_opt.constraints.base import Constraint
from adl_opt.constraints.constrained import Constrained
from adl_opt.data.event import Event
from adl_opt.errors import AllocationError, LawError, SolveError
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.allocation_table import amounts_from_frame
from adl_opt.problem.problem import Problem
from adl_opt.threads import unheard

if TYPE_CHECKING:
    import pandas as pd


def certify(
    objective: Objective,
    event: Event,
    law: Law | None,
    allocation: Allocation | pd.DataFrame,
    tol: float = TOLERANCE,
    *,
    subject_to: Iterable[Constraint] = (),
) -> Certificate:
    """A certificate for any allocation, from wherever it comes.

    - `objective`, `event`, `law`: as of Problem
    - `allocation`: one of ours, a policy's, or a table account, asset, closed (contracts, signed like the
      position); legs that a table does not list close nothing
    - `tol`: the relative gap that counts as certified
    - `subject_to`: constraints beside clearing, as of Problem; an allocation that violates one is infeasible

    If the allocation does not prove itself, the problem is solved for its bound (for a value-only measure,
    that of a measure below it); the bound too is recomputed by us. What misses the requirement by little
    (1e-9 of what is closed or of what stays open) is cleared exactly before it is valued, and the proof says
    so; by more it is infeasible. Raises AllocationError if the allocation belongs to another book, SolveError
    unless 0 < tol < 1.

    Source: THEORY 6, THEORY 11.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> table = pd.DataFrame({"account": ["a0", "a2"], "asset": "BTC", "closed": [-5.0, -10.0]})
    >>> certificate = adl.certify(adl.LeverageSquare(), event, None, table)
    >>> certificate.status, round(certificate.gap, 3)  # more than a fifth of it could be saved
    ('uncertified', 0.222)
    """
    check_tolerance(tol)
    problem = Problem(objective, event, law, subject_to=subject_to)
    measured = Constrained(objective, problem.subject_to) if problem.subject_to else objective
    amount, words = cleared_first(event, _amount(event, allocation))
    own = assess(measured, event, problem.law, amount, tolerance=tol).certificate
    # Without a law only water-filling itself is optimal: no bound can help.
    if own.status in ("certified", "infeasible") or (law is None and objective.monotone):
        return said_first(words, problem.doubted(event, amount, own))
    return said_first(words, with_bound(own, _optimum(problem, own, law, tol) or own, tol))


def _amount(event: Event, allocation: Allocation | pd.DataFrame) -> Array:
    if hasattr(allocation, "columns"):
        return amounts_from_frame(event, allocation)
    if not isinstance(allocation, Allocation):
        raise AllocationError(
            f"certify takes an Allocation or a table account, asset, closed, not {type(allocation).__name__}"
        )
    book = allocation.event.book
    if book is not event.book and not (
        np.array_equal(book.accounts, event.book.accounts)
        and np.array_equal(book.account, event.book.account)
        and np.array_equal(book.asset, event.book.asset)
        and book.assets == event.book.assets
        and np.array_equal(book.position, event.book.position)
    ):
        raise AllocationError(
            "the allocation belongs to another book: its accounts, assets or positions differ from the "
            "event's"
        )
    return allocation.amount


def _optimum(problem: Problem, own: Certificate, law: Law | None, tol: float) -> Certificate | None:
    """The certificate of the optimum, or of that of a measure below; None where no method solves it: what is
    proved without one stands.
    """
    under = problem.objective.lower_bound_objective()
    limits = problem.subject_to
    other = problem if under is None else Problem(under, problem.event, law, subject_to=limits)
    other.note(own.value, "the allocation to be certified")
    with unheard():
        try:
            return other.solve(tol=tol).certificate
        except (LawError, SolveError):
            return None
