"""An objective over the allocations that hold constraints: its program, its supports, its closed form
(THEORY 11.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.base import Constraint, violation_of
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, Sum, evaluate, trusted
from adl_opt.objectives.hooks import closed_form_of, minorant_of
from adl_opt.waterfill.between import fill_between
from adl_opt.waterfill.isolated import fill

Multipliers = tuple[tuple[Array, ...], ...]  # by constraint, by what its `express` lists


@dataclass(frozen=True, repr=False)
class Constrained(Objective):
    """`inner`, to be minimised over the allocations that hold `subject_to`.

    Any multipliers >= 0 give a bound: a support of inner + sum multiplier x constraint, minimised over all
    allocations (THEORY 11.3). multipliers: those used where a proof brings none.
    """

    inner: Objective
    subject_to: tuple[Constraint, ...]
    multipliers: Multipliers = ()
    money: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "money", self.inner.money)

    def express(self, m):
        return self.inner.express(m)

    def value(self, m: SymbolsAt) -> float:
        return evaluate(self.inner, m)

    def weighted_parts(self) -> tuple[tuple[float, Objective], ...]:
        return self.inner.weighted_parts()

    def unconstrained(self) -> Objective:
        return self.inner

    def value_rounding(self, m: SymbolsAt) -> float:
        return self.inner.value_rounding(m)

    def over(self, other: Objective | None) -> Objective | None:
        """Another objective under the same constraints."""
        return None if other is None else replace(self, inner=other)

    def local_model(self, m: SymbolsAt) -> Objective | None:
        return self.over(self.inner.local_model(m))

    def lower_bound_objective(self) -> Objective | None:
        return self.over(self.inner.lower_bound_objective())

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant | None:
        multipliers = dual.limits or self.multipliers
        if not multipliers:
            return minorant_of(self.inner, m, dual)
        below = penalty(self, m, multipliers, dual, self.inner.weighted_parts())
        return below and replace(below, slack=max(below.slack, 0.0), one_sided=False)

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        """Isolated margin: water-filling between the ends and group caps that the constraints say, where
        water-filling is the inner objective's own.
        """
        if not event.book.isolated or not (self.inner.monotone or trusted(self.inner)):
            return None
        formula = closed_form_of(self.inner, event, law)
        if formula is None or not np.array_equal(formula, fill(event)[0]):
            return None
        low, high, caps = np.zeros(len(event.size)), event.size, []
        for constraint in self.subject_to:
            ends, groups = constraint.ends(event), None
            if ends is None and len(event.free_assets) == 1:
                groups = constraint.group_caps(event)
            if ends is None and groups is None:
                return None
            if ends is not None:
                low, high = np.maximum(low, ends[0]), np.minimum(high, ends[1])
            caps += groups or []
        return fill_between(event, low, high, caps)

    def saved_by_requirement(self, m: SymbolsAt, multipliers: Multipliers | None = None) -> Array:
        """What limits that grow with the requirement add to the shadow prices (d,), per contract."""
        rows = self.multipliers if multipliers is None else multipliers
        saved = [one.saved_by_requirement(m, row) for one, row in zip(self.subject_to, rows)]
        return np.sum([np.zeros(len(m.event.side)), *saved], axis=0)

    def violations(self, m: SymbolsAt) -> dict[str, float]:
        """By how much each constraint is violated at `m`, pure numbers."""
        return {name: violation_of(one, m) for name, one in zip(names_of(self.subject_to), self.subject_to)}

    def __str__(self) -> str:
        return str(self.inner)


def penalty(
    limits: Constrained,
    m: SymbolsAt,
    multipliers: Multipliers,
    dual: Dual,
    parts: tuple[tuple[float, Objective], ...] = (),
) -> Minorant | None:
    """An affine function below parts + sum multiplier x constraint; `slack`: how far below the parts' value
    it is at `m`. None where a part has no support.
    """
    terms, slack, nothing = list(parts), 0.0, np.zeros(len(m.amount))
    total = Minorant(0.0, nothing, nothing)
    for constraint, rows in zip(limits.subject_to, multipliers):
        listed = constraint.measured(m.event, m.law)
        for weight, (objective, most, _) in zip(measured_weights(constraint, m, rows), listed):
            terms.append((weight, objective))
            slack += weight * (most - evaluate(objective, m))
        if not listed and (own := constraint.minorant(m, rows)) is not None:
            total = total.plus(own)  # without one its multipliers count as 0
    if terms:
        below = minorant_of(Sum(tuple(terms)), m, replace(dual, limits=()))
        if below is None:
            return None
        total = total.plus(below)
    return replace(total, slack=total.slack + slack)


def over(objective: Objective, other: Objective | None) -> Objective | None:
    """Another objective under the constraints of `objective`, if it has any."""
    limits = constrained(objective)
    return other if limits is None else limits.over(other)


def measured_weights(constraint: Constraint, m: SymbolsAt, rows: Sequence[Array]) -> list[float]:
    weights = getattr(constraint, "weights", None)
    return [] if weights is None else weights(m, rows)


def names_of(subject_to: Sequence[Constraint]) -> list[str]:
    """The constraints' names; a second one of the same name is "name #2"."""
    names: list[str] = []
    for one in subject_to:
        again = sum(name.split(" #")[0] == str(one) for name in names)
        names.append(f"{one} #{again + 1}" if again else str(one))
    return names


def constrained(objective: Objective | None) -> Constrained | None:
    """The objective as one under constraints; None if it has none."""
    return objective if isinstance(objective, Constrained) else None
