"""Units in which a program of an event is well conditioned (§10): a matter of conditioning, not of proof."""

from typing import NamedTuple

import numpy as np

from adl_opt.certificates.certificate import MATERIAL
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, evaluate

_TOLD_APART = 1e-8  # of the value before closing or the mean account: smaller is not told apart by a program
_NEARLY_ALL = 1e-9  # all but this fraction of a capacity is closed
_LITTLE = 1e-14  # this fraction of the mean account is lost


class Scales(NamedTuple):
    """Of an objective, in its unit: its value at pro rata, and the least difference that a program in float
    numbers still tells.
    """

    pro_rata: float
    told_apart: float

    @property
    def reference(self) -> float:
        """What counts as 1 in the program: the value at pro rata, unless that is rounding."""
        value = max(abs(self.pro_rata), 10 * self.told_apart)
        return value if np.isfinite(value) and value > 1e-200 else 1.0


def scales_of(objective: Objective, event: Event, law: Law | None) -> Scales:
    """A millionth of the value at pro rata is told apart; where that is rounding itself, because all but a
    rounding of a capacity is closed or next to nothing is lost, 1e-8 of the value before closing or of the
    mean account.
    """
    k = event.free_assets
    pro_rata = evaluate(objective, SymbolsAt(event, law, event.pro_rata_amount))
    account = float(event.natural_scale.mean()) if objective.money else 1.0
    nearly_all = (event.capacities[k] - event.required[k] <= _NEARLY_ALL * event.capacities[k]).any()
    scale = account if abs(pro_rata) <= _LITTLE * account else 0.0
    if nearly_all:
        before = abs(evaluate(objective, SymbolsAt(event, law, np.zeros(len(event.size)))))
        scale = max(before if np.isfinite(before) else 0.0, scale)
    return Scales(pro_rata, max(MATERIAL * abs(pro_rata), _TOLD_APART * scale))
