"""Constraints: conditions on an allocation beside clearing, said twice like objectives (THEORY 11.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, ConstraintError
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.hooks import is_number
from adl_opt.presented import Presented
from adl_opt.text import one_line, two_lines

HOLDS = 1e-8  # a violation up to which a constraint counts as held: a solver's rounding, not an excess
_PACKAGE = __name__.partition(".")[0]


class Constraint(metaclass=Presented):
    """A condition on the allocation, beside clearing; make a subclass to state your own.

    Say it twice, through the symbols of `m` (see `Objective`): `express(m)` in CVXPY, one convex constraint
    or a list of them, and `violation(m)` in numpy, a pure number, 0 where it holds. A problem takes them as
    `adl.Problem(objective, event, law, subject_to=[...])`; the two must agree at every answer.

    The multipliers of the constraint enter the certificate: through `minorant`, where the constraint has one
    (the ready-made ones do), else through the dual of the conic program.

    Raises ConstraintError where it is solved, if `express` is not convex or differs from `violation`.

    Source: THEORY 11.3.

    >>> class NobodyWhole(adl.Constraint):  # nine tenths of a position may be closed
    ...     def express(self, m): return m.fraction <= 0.9
    ...     def violation(self, m): return max(0.0, m.fraction.max() / 0.9 - 1)
    >>> event = adl.examples.shorts([10, 10, 2], [500, 4000, 50], 15, price=100)
    >>> allocation = adl.Problem(adl.LeverageSquare(), event, subject_to=[NobodyWhole()]).solve()
    >>> allocation.certificate.status, allocation.amount.max().round(4).item()
    ('certified', 9.0)
    """

    _hooks = (
        "minorant",
        "ends",
        "group_caps",
        "measured",
        "relaxed",
        "rows",
        "check",
        "prices",
        "saved_by_requirement",
    )

    def express(self, m: ProgramSymbols) -> Any:
        """The constraint in CVXPY: one constraint of the symbols of `m`, or a list of them."""
        raise ConstraintError(
            f"{type(self).__name__} has no express(m): write the constraint in CVXPY there, such as "
            "m.leverage <= 3"
        )

    def violation(self, m: SymbolsAt) -> float:
        """By how much it is violated at an allocation, in numpy: a pure number, 0 where it holds."""
        raise ConstraintError(
            f"{type(self).__name__} has no violation(m): write there in numpy by how much it is violated, "
            "such as max(0, (m.leverage / 3 - 1).max())"
        )

    def minorant(self, m: SymbolsAt, multipliers: Sequence[Array]) -> Minorant | None:
        """An affine function below sum_j multiplier_j x constraint_j everywhere, for the certificate.

        `multipliers`: an array >= 0 for each CVXPY constraint of `express`, in its shape, flat. `slack`: how
        far below 0 it is at `m`. None leaves the proof to the conic dual.
        """
        return None

    def ends(self, event: Event) -> tuple[Array, Array] | None:
        """Isolated margin: the least and the most of each leg that may be closed, (legs,) contracts, where
        that is all it says; else None.
        """
        return None

    def group_caps(self, event: Event) -> list[tuple[Index, float]] | None:
        """One asset to decide: [(legs, the most that they may close together, contracts)], where that is all
        it says; else None.
        """
        return None

    def measured(self, event: Event, law: Law | None) -> list[tuple[Objective, float, str]]:
        """[(an objective, the most that it may be, of what it is)], where the constraint is a limit on
        objectives.
        """
        return []

    def relaxed(self, share: float, event: Event) -> Constraint | None:
        """The constraint with its limits raised by `share` of them; None where it has no limit to raise."""
        return None

    def check(self, event: Event, law: Law | None) -> None:
        """Raise ConstraintError where it does not fit the event: unknown accounts, say."""

    def prices(self, m: SymbolsAt, multipliers: Sequence[Array]) -> list[tuple[str, float]]:
        """(what is limited, what one more unit of its limit would save) of each row, given the multipliers of
        the constraints that `express` says.
        """
        flat = np.concatenate([np.zeros(0), *(np.ravel(one) for one in multipliers)])
        if len(flat) == len(m.equity) > 1:  # a row an account
            return list(zip(map(str, m.event.book.accounts), flat.tolist()))
        return [(f"row {number + 1}" if len(flat) > 1 else "", float(x)) for number, x in enumerate(flat)]

    def saved_by_requirement(self, m: SymbolsAt, multipliers: Sequence[Array]) -> Array:
        """What its limits would save, (d,), by growing with one more contract required of each asset."""
        return np.zeros(len(m.event.side))

    def __str__(self) -> str:
        settings = ", ".join(
            f"{name}={value}" for name, value in vars(self).items() if isinstance(value, (int, float, str))
        )
        return type(self).__name__ + (f"({settings})" if settings else "")

    def __repr__(self) -> str:
        return two_lines(f"<constraint {self}>")


def constraints_of(subject_to: Any) -> tuple[Constraint, ...]:
    """What `subject_to=` says, as a tuple. Raises ConstraintError for what is no list of constraints."""
    if isinstance(subject_to, Constraint) or (
        isinstance(subject_to, type) and issubclass(subject_to, Constraint)
    ):
        raise ConstraintError(f"subject_to is a list: write subject_to=[{_shown(subject_to)}]")
    if isinstance(subject_to, (str, bytes)) or not isinstance(subject_to, Iterable):
        raise ConstraintError(
            f"subject_to is a list of constraints, such as [adl.LeverageAtMost(3)], not {subject_to!r}"
        )
    found = tuple(subject_to)
    odd = [one for one in found if not isinstance(one, Constraint)]
    if odd:
        hint = (
            f"; write {_shown(odd[0])}"
            if isinstance(odd[0], type) and issubclass(odd[0], Constraint)
            else ", such as adl.LeverageAtMost(3)"
        )
        raise ConstraintError(
            f"{len(odd)} of {len(found)} entries of subject_to are no constraints{hint}, first {odd[0]!r}"
        )
    return found


def violation_of(constraint: Constraint, m: SymbolsAt) -> float:
    """`violation` as a float >= 0. Raises ConstraintError if it fails or is no such number."""
    try:
        given = constraint.violation(m)
    except AdlError:
        raise
    except (ValueError, TypeError, NotImplementedError, AttributeError, IndexError, KeyError) as error:
        raise ConstraintError(
            f"violation of {constraint} fails: {type(error).__name__}: {one_line(error)}"
        ) from error
    value = np.asarray(given)
    if value.ndim or value.dtype.kind not in "biuf" or not is_number(float(value)) or value < 0:
        raise ConstraintError(
            f"violation of {constraint} gives {one_line(repr(given))[:60]}; it must be one number, 0 where "
            "the constraint holds and above 0 where it does not"
        )
    return float(value)


def own(constraint: Constraint) -> bool:
    """Whether it is a user's, to be tried against its express."""
    return type(constraint).__module__.partition(".")[0] != _PACKAGE


def _shown(one: Any) -> str:
    return f"{one.__name__}(...)" if isinstance(one, type) else str(one)
