"""The parts of an objective, by name: their values, and the weights of laws that they bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from adl_opt.evaluation.minorants import Dual, LawDuals
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.robust import WorstOfLaws


def needs_no_law(objective: Objective) -> bool:
    """Whether every part brings laws of its own, so that a law beside would be looked at by none."""
    parts = objective.weighted_parts()
    return bool(parts) and all(part.brings_laws for _, part in parts)


def laws_of(objective: Objective, law: Law | None, book: Any) -> list[Law]:
    """Every law that a part of the objective looks at, given the problem's, all aligned with the book."""
    own = [term.law for part in worst_of_laws(objective) for term in part.terms(book)]
    return own if law is None or needs_no_law(objective) else [law, *own]


def worst_of_laws(objective: Objective) -> list[WorstOfLaws]:
    """The parts that are the worst over laws of their own."""
    return [part for _, part in objective.weighted_parts() if isinstance(part, WorstOfLaws)]


def values(objective: Objective, m: Any) -> Mapping[str, float]:
    """The value of each part of an objective, by name (a second part of one name is "name #2"), weights not
    applied; of the worst over laws, the value under each.
    """
    parts = (part for _, part in objective.weighted_parts())
    return by_name(
        part.values_by_law(m) if isinstance(part, WorstOfLaws) else {str(part): evaluate(part, m)}
        for part in parts
    )


def law_weights(objective: Objective, m: SymbolsAt, dual: Dual) -> Mapping[str, float]:
    """The worst mixture of each part that is the worst over laws of its own, by the names of `values`."""
    return by_name(
        part.law_weights(m, dual.of(j, weight))
        for j, (weight, part) in enumerate(objective.weighted_parts())
        if isinstance(part, WorstOfLaws)
    )


def told_weights(objective: Objective, weights: Mapping[str, float]) -> Dual:
    """What `law_weights` says, as a proof takes it."""
    left, found = iter(weights.values()), {}
    for j, (weight, part) in enumerate(objective.weighted_parts()):
        if weights and weight > 0 and isinstance(part, WorstOfLaws):
            own = weight * np.array([next(left) for _ in part.names_of_laws])
            found[j] = LawDuals(own, (Dual(),) * len(own))
    return Dual(laws=found)


def by_name(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """All in one; a second part of one name is "name #2"."""
    together: dict[str, float] = {}
    for own in found:
        for name, value in own.items():
            again = sum(key.split(" #")[0] == name for key in together)
            together[f"{name} #{again + 1}" if again else name] = value
    return together
