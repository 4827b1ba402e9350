"""Failure cases of certificates: bounds and statements that some allocation contradicts."""

import cvxpy as cp
import numpy as np

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence
from tests.books import frame, one_asset
from tests.failures import EVENT, LAW, PAPER, PROBLEM, Case, Endless
from tests.objectives_of_users import MeanVariance, Plain


class Cheaper(adl.Objective):
    """Its value falls where `express` does not see it, away from the answer and from pro rata."""

    def express(self, m):

        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return float(m.equity @ m.leverage**2) - (1e9 if m.fraction[0] > 0.55 else 0.0)


class ForeignProof(adl.Objective):
    """A minorant that is not below the value."""

    money = 0

    def value(self, m):
        return 1.0 + float(m.fraction[0])

    def closed_form(self, event, law):
        return np.where(event.closable, [8, 0, 2, 0, 0, 0, 0, 0], 0.0)

    def minorant(self, m, dual):
        from adl_opt.evaluation.minorants import Minorant

        zero = np.zeros(len(m.amount))
        return Minorant(0.0, zero, zero)


class SaysExpectedLoss(Plain):
    """It is something else."""

    expected_loss_weight = 2.0


CASES = [
    Case(
        "says that it is 2 times the expected loss",
        lambda _: assess(SaysExpectedLoss(), EVENT, LAW, adl.pro_rata(EVENT).amount),
        adl.ObjectiveError,
    ),
    Case(
        "the objective Endless is nan at this allocation",
        lambda _: assess(Endless(), EVENT, None, adl.water_filling(EVENT).amount),
        adl.ObjectiveError,
    ),
    Case(
        "above the value",
        lambda _: assess(
            adl.ExpectedLoss(), EVENT, LAW, adl.pro_rata(EVENT).amount, Evidence(conic_bound=1e9)
        ),
        adl.ObjectiveError,
    ),
    Case(
        "at pro rata, which is feasible: the proof is of another objective",
        lambda _: assess(
            adl.ExpectedLoss(),
            EVENT,
            adl.Scenarios([-0.5, 0.2]),
            np.array([0.0, 6.0]),
            Evidence(conic_bound=0.3),
        ),
        adl.ObjectiveError,
    ),
    Case(
        "the value of Cheaper at an allocation downhill from the answer",
        lambda _: adl.certify(
            Cheaper(), EVENT, None, frame(["a0"], "X", None, None, None).assign(closed=-6.0)
        ),
        adl.ObjectiveError,
    ),
    Case(
        "MeanVariance says monotone",
        lambda _: adl.Problem(
            MeanVariance(), one_asset([-3.0, -3.0], [1.0, 1.0], 3.0), adl.Scenarios([0.5, 3.0])
        ).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "minorant of ForeignProof states 2 as a bound for an allocation whose value is 1",
        lambda _: adl.Problem(ForeignProof(), PAPER).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "ExpectedLoss in cross margin depends on the law",
        lambda _: adl.certify(adl.ExpectedLoss(), PAPER, None, adl.pro_rata(PAPER)),
        adl.LawError,
    ),
    Case("tol = 0", lambda _: PROBLEM.solve(tol=0), adl.SolveError),
    Case(
        "tol = 'x': the relative gap",
        lambda _: adl.certify(Plain(), EVENT, LAW, adl.pro_rata(EVENT), tol="x"),
    ),
]
