"""Constraints in a program: what they express, checked; and held against their `violation` (THEORY 11.3)."""

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.base import HOLDS, Constraint, own, violation_of
from adl_opt.constraints.constrained import Constrained
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, ConstraintError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.evaluation.vertices import random_queue
from adl_opt.laws.base import Law
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.text import one_line

_TRIED = 6  # random allocations at which the two definitions are compared
_CLEAR = 1e-6  # a violation by CVXPY that is no rounding, of rows in numbers of order 1


def expressed_limits(limits: Constrained, symbols: ConicSymbols) -> list[list[Any]]:
    """The CVXPY constraints of each constraint; on plain symbols they are checked to be convex. Raises
    ConstraintError.
    """
    number, found = len(limits.inner.weighted_parts()), []
    for constraint in limits.subject_to:
        found.append(_expressed(constraint, symbols.part(number)))
        number += len(constraint.measured(symbols.event, symbols.law))
    return found


def _expressed(constraint: Constraint, m: ConicSymbols) -> list[Any]:
    try:
        said = constraint.express(m)
    except AdlError:
        raise
    except (ValueError, TypeError, NotImplementedError, AttributeError, IndexError, KeyError) as error:
        raise ConstraintError(
            f"express of {constraint} fails: {type(error).__name__}: {one_line(error)}"
        ) from error
    listed = list(said) if isinstance(said, (list, tuple)) else [said]
    odd = [one for one in listed if not isinstance(one, cp.constraints.constraint.Constraint)]
    if odd:
        raise ConstraintError(
            f"express of {constraint} gives {type(odd[0]).__name__}, no CVXPY constraint; return one such as "
            "m.leverage <= 3, or a list of them"
        )
    curved = [one for one in listed if not one.is_dcp()]
    if m.plain and curved:
        raise ConstraintError(
            f"{len(curved)} of {len(listed)} constraints of {constraint} are not convex by CVXPY's rules "
            f"(DCP), first {one_line(curved[0])[:80]}: write convex expression <= concave one"
        )
    return listed


def check_agreement(
    said_at: Callable[[Array], list[float | None]], limits: Constrained, event: Event, law: Law | None
) -> None:
    """A user's `express` (said_at: by how much each is violated, as `Program.limits_at`) and `violation` say
    the same at pro rata and at random allocations. Raises ConstraintError. Constraints with variables of
    their own are held against the answer alone.
    """
    rng = np.random.default_rng(6)
    tried = [event.pro_rata_fraction[event.free], *(random_queue(event, rng) for _ in range(_TRIED))]
    for fraction in tried:
        m = SymbolsAt(event, law, event.amount_from(fraction))
        for constraint, said in zip(limits.subject_to, said_at(fraction)):
            if said is not None and own(constraint):
                _compare(constraint, said, violation_of(constraint, m), "an allocation tried")


def check_answer(limits: Constrained, event: Event, law: Law | None, amount: Array, room: float) -> None:
    """What a program allowed must not violate a user's constraint by more than `room`. ConstraintError."""
    m = SymbolsAt(event, law, amount)
    for constraint in limits.subject_to:
        if own(constraint) and (violation := violation_of(constraint, m)) > room:
            raise ConstraintError(
                f"{constraint}: its express holds at the solver's point, but violation says {violation:.3g}; "
                "the two disagree (§17)"
            )


def _compare(constraint: Constraint, said: float, violation: float, where: str) -> None:
    if (said > _CLEAR and violation == 0) or (said <= 0 and violation > max(HOLDS, _CLEAR)):
        raise ConstraintError(
            f"{constraint}: at {where} express is violated by {said:.3g}, but violation says "
            f"{violation:.3g}; the two disagree (§17)"
        )
