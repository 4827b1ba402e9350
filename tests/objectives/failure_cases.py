"""Failure cases of objectives: parameters, hooks, what they say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import adl_opt as adl
from adl_opt.evaluation.minorants import Minorant
from adl_opt.objectives.base import Sum
from tests.failures import EVENT, LAW, PAPER, Case, Endless, saying, solve
from tests.objectives_of_users import Plain, keeping

PAPER_LAW = adl.Gaussian(0.01 * np.eye(2)).quadrature(3)


class ManyValues(adl.Objective):
    def value(self, m):
        return m.leverage


class WrongDual(adl.WorstCase):
    """Its weights belong to another measure: ten times the mean."""

    def dual(self, loss, probability, near=None):
        return 10 * probability, 0.0


class PlainMeasure(adl.RiskMeasure):
    def express(self, m):
        return m.probability @ m.loss

    def of(self, loss, probability):
        return float(probability @ loss)


@dataclass(frozen=True, repr=False)
class Shapes(Plain):
    """Legs over something else."""

    def express(self, m: Any) -> Any:
        return sum(m.closed / np.ones(99))


class WrongValue(Plain):
    """Legs over something else, in numpy."""

    def value(self, m: Any) -> float:
        return float(np.sum(m.closed / np.ones(99)))


class Builtin(Plain):
    """Python's max of CVXPY's."""

    def express(self, m: Any) -> Any:
        return np.max(m.leverage)


class Field(Plain):
    closed_form: float = 0.5


@dataclass(frozen=True, repr=False, slots=True)
class SlotField(Plain):
    minorant: float = 0.5


def certified(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.certify(objective, EVENT, LAW, adl.pro_rata(EVENT))


def separable(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.Problem(objective, EVENT, LAW).solve(method="separable")


ZERO = np.zeros(2)


class Levelled(Plain):
    """A closed form of isolated margin, whatever the book."""

    def value(self, m):
        return super().value(m)

    def closed_form(self, event, law):
        return adl.water_filling(event).amount


class Forgetful(Plain):
    """A closed form that takes no law."""

    def value(self, m):
        return super().value(m)

    def closed_form(self, event):
        return event.pro_rata_amount


CASES = [
    Case("cannot add 3 to the objective ExpectedLoss", lambda _: adl.ExpectedLoss() + 3, adl.ObjectiveError),
    Case("cannot weigh ExpectedLoss with -1", lambda _: -1 * adl.ExpectedLoss(), adl.ObjectiveError),
    Case("cannot weigh MaxLeverage with nan", lambda _: adl.MaxLeverage() * float("nan"), adl.ObjectiveError),
    Case("p = 0.5", lambda _: adl.LeveragePower(0.5), adl.ObjectiveError),
    Case(r"Endless has no express\(m\)", lambda _: Endless().express(None), adl.ObjectiveError),
    Case(r"Objective has no value\(m\)", lambda _: adl.Objective().value(None), adl.ObjectiveError),
    Case("LossSum cannot be made from Sum", lambda _: type("LossSum", (Sum,), {}), adl.ObjectiveError),
    Case("cannot subtract", lambda _: adl.ExpectedLoss() - adl.MaxLeverage(), adl.ObjectiveError),
    Case(
        r"value of ManyValues gives ndarray of shape \(4,\)",
        lambda _: adl.certify(ManyValues(), PAPER, None, adl.pro_rata(PAPER)),
        adl.ObjectiveError,
    ),
    Case(
        r"level = 1: the level of CVaR is a fraction, at least 0 and below 1",
        lambda _: adl.CVaR(1),
        adl.ObjectiveError,
    ),
    Case(r"level = -0.1: .*at least 0 and below 1", lambda _: adl.CVaR(-0.1), adl.ObjectiveError),
    Case(r"level = nan", lambda _: adl.AccountCVaR(float("nan")), adl.ObjectiveError),
    Case(
        r"level = 0.4: the level of an expectile is at least 0.5 and below 1",
        lambda _: adl.Expectile(0.4),
        adl.ObjectiveError,
    ),
    Case(
        r"decrease from number 1, 0.6, to number 2, 0.4",
        lambda _: adl.Spectral([0.6, 0.4]),
        adl.ObjectiveError,
    ),
    Case(
        r"the spectral weights .2 of them. sum to 0.9, not to 1",
        lambda _: adl.Spectral([0.4, 0.5]),
        adl.ObjectiveError,
    ),
    Case(
        r"1 of 2 spectral weights are negative, first number 1: -0.1",
        lambda _: adl.Spectral([-0.1, 1.1]),
        adl.ObjectiveError,
    ),
    Case(r"spectral weights are numbers", lambda _: adl.Spectral("heavy"), adl.ObjectiveError),
    Case(r"a list of finite numbers", lambda _: adl.Spectral([0.5, float("inf")]), adl.ObjectiveError),
    Case(r"aversion = 0: a risk aversion is positive", lambda _: adl.Entropic(0), adl.ObjectiveError),
    Case(r"aversion = -1: a risk aversion is positive", lambda _: adl.MeanVariance(-1), adl.ObjectiveError),
    Case(r"above = 0.5: .* at least 1", lambda _: adl.OCE(0.5), adl.ObjectiveError),
    Case(r"above = 1e\+17: .* at most 1e12", lambda _: adl.OCE(1e17), adl.ObjectiveError),
    Case(r"below = 2: .* between 0 and 1", lambda _: adl.OCE(3, 2), adl.ObjectiveError),
    Case(r"scale = 0: ", lambda _: adl.MonotoneMeanVariance(0), adl.ObjectiveError),
    Case(r"scale = 0: ", lambda _: adl.ShortfallRisk(0), adl.ObjectiveError),
    Case(
        r"c = 1.2: .* between 0 and 1; above 1 the measure is not monotone",
        lambda _: adl.MeanSemideviation(1.2),
        adl.ObjectiveError,
    ),
    Case(r"c = -1: ", lambda _: adl.MeanDeviation(-1), adl.ObjectiveError),
    Case(
        r"MeanVariance\(aversion=0.0001\) cannot be minimised .* minimise "
        r"MonotoneMeanVariance\(scale=5000.0\) instead",
        lambda _: adl.Problem(adl.MeanVariance(), EVENT, LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        r"MeanDeviation\(c=1.0\) cannot be minimised",
        lambda _: adl.Problem(adl.MeanDeviation(), EVENT, LAW).cvxpy,
        adl.ObjectiveError,
    ),
    Case("has no of", lambda _: adl.RiskMeasure().of(np.ones(1), np.ones(1)), adl.ObjectiveError),
    Case(
        "must be arrays of one length",
        lambda _: adl.CVaR().worst_weights([1.0, 2.0], [1.0]),
        adl.ObjectiveError,
    ),
    Case("says no dual", lambda _: adl.RiskMeasure().worst_weights([1.0], [1.0]), adl.ObjectiveError),
    Case("dual and of disagree", lambda _: adl.Problem(WrongDual(), EVENT, LAW).solve(), adl.ObjectiveError),
    Case(
        "losses must be finite",
        lambda _: adl.CVaR().worst_weights([0.0, np.nan], [0.5, 0.5]),
        adl.ObjectiveError,
    ),
    Case(
        "at least 0 with sum 1",
        lambda _: adl.CVaR().worst_weights([0.0, 1.0], [0.5, 0.4]),
        adl.ObjectiveError,
    ),
    Case(
        r"weights = \[True\]: spectral weights are numbers",
        lambda _: adl.Spectral([True]),
        adl.ObjectiveError,
    ),
    Case(
        "Field keeps 0.5 under the name 'closed_form', which hides the method closed_form of Objective",
        solve(Field()),
    ),
    Case("SlotField keeps 0.5 under the name 'minorant', which hides", certified(SlotField())),
    Case(
        "hides the method weighted_parts of Objective",
        lambda _: keeping(Plain, weighted_parts=3) + adl.MaxLeverage(),
    ),
    Case(
        "hides the method weighted_parts of Objective",
        lambda _: adl.MaxLeverage() + keeping(Plain, weighted_parts=3),
    ),
    Case("hides the method value of Objective", lambda _: 2 * keeping(Plain, value=3.0)),
    Case("hides the method of of RiskMeasure", solve(keeping(PlainMeasure, of=3.0))),
    Case("hides the method _check of RiskMeasure", solve(keeping(PlainMeasure, _check=True))),
    Case(
        "under the name 'lower_bound_objective'",
        lambda _: adl.compare(EVENT, LAW, None, [keeping(Plain, lower_bound_objective=1)]),
    ),
    Case(r"says money = 3, which must be 1", solve(keeping(Plain, money=3))),
    Case(r"says monotone = 'yes', which must be True or False", solve(keeping(Plain, monotone="yes"))),
    Case(r"says unit = 1000.0, which must be a text", solve(keeping(Plain, unit=1000.0))),
    Case(
        r"gives \[0.0\] for|closed_form of Saying gives an array of shape \(1,\)",
        solve(saying(closed_form=[0.0])),
    ),
    Case(r"type <U1 for contracts closed by leg", solve(saying(closed_form=["a", "b"]))),
    Case(r"type complex128 for contracts closed by leg", solve(saying(closed_form=[1j, 2]))),
    Case(r"closed_form of Saying gives \[\[1\], \[1, 2\]\] for", solve(saying(closed_form=[[1], [1, 2]]))),
    Case("closed_form of Saying gives a Allocation for", solve(saying(closed_form=adl.pro_rata(EVENT)))),
    Case("more than one position|isolated", lambda _: adl.Problem(Levelled(), PAPER).solve(), adl.EventError),
    Case(
        "closed_form of Forgetful fails: TypeError: .* it is closed_form\\(event, law\\)", solve(Forgetful())
    ),
    Case(
        "1 of 2 contracts closed by leg that closed_form of Saying gives are not finite",
        solve(saying(closed_form=[1.0, np.nan])),
    ),
    Case("minorant of Saying gives 3; it must be an adl.Minorant", certified(saying(minorant=3))),
    Case("minorant of Saying has slack = -1.0", certified(saying(minorant=Minorant(-1.0, ZERO, ZERO)))),
    Case("minorant of Saying has slack = 'x'", certified(saying(minorant=Minorant("x", ZERO, ZERO)))),
    Case(
        r"minorant of Saying gives an array of shape \(3,\)",
        certified(saying(minorant=Minorant(0.0, ZERO, np.zeros(3)))),
    ),
    Case(
        "excess_cost of Saying is -1 in a scenario",
        separable(saying(PlainMeasure, excess_cost=ZERO - [0, 1])),
    ),
    Case(
        r"excess_cost of Saying gives an array of shape \(1,\)",
        separable(saying(PlainMeasure, excess_cost=[1.0])),
    ),
    Case("dual of Saying gives 3; it must be a pair", solve(saying(PlainMeasure, dual=3))),
    Case(
        r"dual of Saying gives an array of shape \(3,\)", solve(saying(PlainMeasure, dual=(np.ones(3), 0.0)))
    ),
    Case("dual of Saying has slack = None", solve(saying(PlainMeasure, dual=(ZERO, None)))),
    Case(
        r"gives an array of shape \(3,\)",
        lambda _: saying(PlainMeasure, dual=(np.ones(3), 0.0)).worst_weights([1.0, 2.0], [0.5, 0.5]),
    ),
    Case(r"value of Saying gives tuple of shape \(2,\)", solve(saying(value=(1, 2)))),
    Case("value of Saying gives list of shape", solve(saying(value=[[1], [1, 2]]))),
    Case("value of Saying gives None; an objective is one real number", solve(saying(value=None))),
    Case("value of Saying gives 'x'", solve(saying(value="x"))),
    Case(r"value of Saying gives 1j", solve(saying(value=1j))),
    Case("value of Saying gives a int", solve(saying(value=10**400))),
    Case(
        "express of Shapes fails: ValueError: .*accounts, legs and scenarios differ in number",
        solve(Shapes()),
    ),
    Case("value of WrongValue fails: ValueError: operands could not be broadcast", solve(WrongValue())),
    Case("express of Builtin fails: TypeError: .*cp.max for max", solve(Builtin())),
    Case("worst weights of CVaR.level=0.9. are of losses", lambda _: adl.CVaR(0.9).worst_weights("x", [1.0])),
    Case("Robust takes an objective first, then laws", lambda _: adl.Robust(LAW, [LAW])),
    Case("Robust takes an objective first", lambda _: adl.Robust(adl.CVaR, [LAW])),
    Case("hides the method value", lambda _: adl.Robust(keeping(Plain, value=3), [LAW])),
    Case(
        "brings laws of its own already: give all of them to one Robust",
        lambda _: adl.Robust(adl.CVaR() + adl.Robust(adl.CVaR(), [LAW]), [LAW]),
    ),
    Case(
        "Robust takes a list of laws or a dict name -> law, at least one",
        lambda _: adl.Robust(adl.CVaR(), []),
    ),
    Case("Robust takes a list of laws", lambda _: adl.Robust(adl.CVaR(), LAW)),
    Case(
        "1 of 2 laws of Robust are none, first law 2: ndarray; adl.Scenarios",
        lambda _: adl.Robust(adl.CVaR(), [LAW, LAW.moves]),
    ),
    Case(
        "law 2 of Robust.CVaR.level=0.95., 2 laws.: 2 of 2 assets of the book have no law, first 'BTC'",
        lambda _: adl.Problem(adl.Robust(adl.CVaR(), [PAPER_LAW, adl.Scenarios({"SOL": [0.1]})]), PAPER),
        adl.LawError,
    ),
    Case(
        "law 1 of Robust.*: the law has 1 moves but the book 2 assets",
        lambda _: adl.Problem(adl.Robust(adl.CVaR(), [adl.Gaussian(0.01)]), PAPER),
        adl.LawError,
    ),
    Case(
        "LogNormal is not a set of scenarios and nothing is discretised silently",
        lambda _: adl.Problem(
            adl.Robust(adl.CVaR(), [PAPER_LAW, adl.LogNormal([0.6, 0.75], 0.85, 0.1)]), PAPER
        ).solve(),
        adl.LawError,
    ),
]
