"""Constraints that limit objectives: what enters the program and the proof is the objective's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.constraints.base import Constraint
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.objectives.base import Objective, asked, evaluate


class MeasuredConstraint(Constraint):
    """objective <= limit, for each that `measured` lists."""

    def express(self, m: ProgramSymbols) -> Any:
        return [
            asked(objective, "express", m.part(m.number + k)) <= most / unit_of_program(objective, m.event)
            for k, (objective, most, _) in enumerate(self.measured(m.event, m.law))
        ]

    def violation(self, m: SymbolsAt) -> float:
        excess = [
            (evaluate(objective, m) - most) / (most or unit_of_program(objective, m.event))
            for objective, most, _ in self.measured(m.event, m.law)
        ]
        return max([0.0, *excess])

    def prices(self, m: SymbolsAt, multipliers: Sequence[Array]) -> list[tuple[str, float]]:
        listed = self.measured(m.event, m.law)
        return list(zip((of for _, _, of in listed), self.weights(m, multipliers)))

    def weights(self, m: SymbolsAt, multipliers: Sequence[Array]) -> list[float]:
        """What one more unit of each limit would save, given the multipliers of the constraints said."""
        listed = self.measured(m.event, m.law)
        return [
            max(float(np.ravel(one)[0]), 0.0) / unit_of_program(objective, m.event)
            for one, (objective, _, _) in zip(multipliers, listed)
        ]


def unit_of_program(objective: Objective, event: Event) -> float:
    """What counts as 1 of the objective in a program: the mean account's money, or 1 of a pure number."""
    return float(event.natural_scale.mean()) if objective.money else 1.0
