"""Failure cases of what comes from outside: hooks of objectives, tables, files. (what is said, the call, the error)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import adl_opt as adl
from adl_opt.supports import Minorant

from .books import one_asset

EVENT = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
LAW = adl.Scenarios([-0.5, 0.5])


class Plain(adl.Objective):
    """The expected loss in a class of one's own, so that nothing of it is trusted."""

    def express(self, m):
        return m.expected_loss

    def value(self, m):
        return m.expected_loss


class PlainMeasure(adl.RiskMeasure):
    def express(self, m):
        return m.probability @ m.loss

    def of(self, loss, probability):
        return float(probability @ loss)


@dataclass(frozen=True, repr=False)
class Field(Plain):
    closed_form: float = 0.5


@dataclass(frozen=True, repr=False, slots=True)
class SlotField(Plain):
    minorant: float = 0.5


def keeping(kind: type, **attributes: Any) -> adl.Objective:
    """An objective with attributes set on the instance."""
    objective = kind()
    vars(objective).update(attributes)
    return objective


def saying(kind: type = Plain, /, **hooks: Any) -> adl.Objective:
    """An objective whose hooks return what is given, whatever they are asked."""
    return type("Saying", (kind,), {name: (lambda *_, value=value: value) for name, value in hooks.items()})()


def solve(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.Problem(objective, EVENT, LAW).solve()


def certified(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.certify(objective, EVENT, LAW, adl.pro_rata(EVENT))


ZERO = np.zeros(2)
HOOKS = [
    ("Field keeps 0.5 under the name 'closed_form', which hides the method closed_form of Objective", solve(Field())),
    ("SlotField keeps 0.5 under the name 'minorant', which hides", certified(SlotField())),
    ("hides the method weighted_parts of Objective", lambda _: keeping(Plain, weighted_parts=3) + adl.MaxLeverage()),
    ("hides the method weighted_parts of Objective", lambda _: adl.MaxLeverage() + keeping(Plain, weighted_parts=3)),
    ("hides the method value of Objective", lambda _: 2 * keeping(Plain, value=3.0)),
    ("hides the method of of RiskMeasure", solve(keeping(PlainMeasure, of=3.0))),
    ("hides the method _check of RiskMeasure", solve(keeping(PlainMeasure, _check=True))),
    ("under the name 'lower_bound_objective'", lambda _: adl.compare(EVENT, LAW, None, [keeping(Plain, lower_bound_objective=1)])),
    (r"says money = 3, which must be 1", solve(keeping(Plain, money=3))),
    (r"says monotone = 'yes', which must be True or False", solve(keeping(Plain, monotone="yes"))),
    (r"says unit = 1000.0, which must be a text", solve(keeping(Plain, unit=1000.0))),
    (r"gives \[0.0\] for|closed_form of Saying gives an array of shape \(1,\)", solve(saying(closed_form=[0.0]))),
    (r"type <U1 for contracts closed by leg", solve(saying(closed_form=["a", "b"]))),
    (r"type complex128 for contracts closed by leg", solve(saying(closed_form=[1j, 2]))),
    (r"closed_form of Saying gives \[\[1\], \[1, 2\]\] for", solve(saying(closed_form=[[1], [1, 2]]))),
    ("1 of 2 contracts closed by leg that closed_form of Saying gives are not finite", solve(saying(closed_form=[1.0, np.nan]))),
    ("minorant of Saying gives 3; it must be an adl.Minorant", certified(saying(minorant=3))),
    ("minorant of Saying has slack = -1.0", certified(saying(minorant=Minorant(-1.0, ZERO, ZERO)))),
    ("minorant of Saying has slack = 'x'", certified(saying(minorant=Minorant("x", ZERO, ZERO)))),  # type: ignore[arg-type]
    (r"minorant of Saying gives an array of shape \(3,\)", certified(saying(minorant=Minorant(0.0, ZERO, np.zeros(3))))),
    ("dual of Saying gives 3; it must be a pair", solve(saying(PlainMeasure, dual=3))),
    (r"dual of Saying gives an array of shape \(3,\)", solve(saying(PlainMeasure, dual=(np.ones(3), 0.0)))),
    ("dual of Saying has slack = None", solve(saying(PlainMeasure, dual=(ZERO, None)))),
    (
        r"gives an array of shape \(3,\)",
        lambda _: saying(PlainMeasure, dual=(np.ones(3), 0.0)).worst_weights([1.0, 2.0], [0.5, 0.5]),
    ),
    (r"value of Saying gives tuple of shape \(2,\)", solve(saying(value=(1, 2)))),
    ("value of Saying gives list of shape", solve(saying(value=[[1], [1, 2]]))),
    ("value of Saying gives None; an objective is one real number", solve(saying(value=None))),
    ("value of Saying gives 'x'", solve(saying(value="x"))),
    (r"value of Saying gives 1j", solve(saying(value=1j))),
    ("value of Saying gives a int", solve(saying(value=10**400))),
    ("express of Saying gives NoneType", solve(saying(express=None))),
    ("express of Saying gives complex, not a CVXPY expression of real numbers", solve(saying(express=1j))),
    ("express of Saying gives object", solve(saying(express=object()))),
    ("express of Saying gives an expression of shape", solve(saying(express=np.ones(2)))),
    ("compare takes a list of objectives as measures, not int", lambda _: adl.compare(EVENT, LAW, None, 3)),
    ("measures are objectives, such as adl.MaxLeverage.., not int '3'", lambda _: adl.compare(EVENT, LAW, None, [3])),
    ("compare takes a list of policies, not int", lambda _: adl.compare(EVENT, LAW, 3)),
]
CASES = [(says, call, adl.AdlError) for says, call in HOOKS]
