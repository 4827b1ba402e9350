"""Constraints in a program: what they express, checked; and held against their `violation` (THEORY 11.3)."""

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import rounding_at
from adl_opt.certificates.certificate import above
from adl_opt.constraints.base import HOLDS, Constraint, own, violation_of
from adl_opt.constraints.constrained import Constrained
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, ConstraintError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.evaluation.vertices import random_queue
from adl_opt.laws.base import Law
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.objectives.base import evaluate
from adl_opt.text import one_line

_HALVINGS = 12  # of a way, to where a constraint stops to hold
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


def check_bound(limits: Constrained, event: Event, law: Law | None, found: Any, free: Array) -> None:
    """No allocation that holds the constraints, by `violation`, has a value below the bound: tried on the way
    from the answer to the optimum without them, free (legs,), and to others. Raises ConstraintError.
    """
    c, rng = found.certificate, np.random.default_rng(7)
    if c.bound is None or not np.isfinite(c.bound):
        return
    for there in [
        free,
        event.pro_rata_amount,
        *(event.amount_from(random_queue(event, rng)) for _ in range(4)),
    ]:
        amount = _last_that_holds(limits, event, law, found.amount, there)
        value = evaluate(limits, SymbolsAt(event, law, amount))
        if above(c.bound, value, c.reference) and c.bound - value > rounding_at(limits, event, law, amount):
            names = " and ".join(str(one) for one in limits.subject_to if own(one))
            raise ConstraintError(
                f"{names}: by its violation an allocation holds whose value {value:.9g} is below the bound "
                f"{c.bound:.9g} of what express allows; express is stricter than violation (§17)"
            )


def _last_that_holds(limits: Constrained, event: Event, law: Law | None, here: Array, there: Array) -> Array:
    """On the way from `here`, which holds the constraints, to `there`."""
    low, high = 0.0, 1.0
    for step in [1.0, *[None] * _HALVINGS]:
        at = step or (low + high) / 2
        m = SymbolsAt(event, law, here + at * (there - here))
        if max(limits.violations(m).values(), default=0.0) > 0:
            high = at
        else:
            low = at
    return here + low * (there - here)


def _compare(constraint: Constraint, said: float, violation: float, where: str) -> None:
    if (said > _CLEAR and violation == 0) or (said <= 0 and violation > max(HOLDS, _CLEAR)):
        raise ConstraintError(
            f"{constraint}: at {where} express is violated by {said:.3g}, but violation says "
            f"{violation:.3g}; the two disagree (§17)"
        )
