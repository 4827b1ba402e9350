"""Failure cases of constraints."""

import cvxpy as cp
import numpy as np

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence
from adl_opt.constraints.constrained import Constrained
from adl_opt.evaluation.minorants import Dual
from tests.failures import EVENT, LAW, PAPER, PAPER_LAW, Case

THREE = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)


def under(*limits, objective=None, event=EVENT, law=LAW, **how):
    aim = adl.LeverageSquare() if objective is None else objective
    return lambda _: adl.Problem(aim, event, law, subject_to=list(limits)).solve(**how)


class Said(adl.Constraint):
    """Says what it is told."""

    def __init__(self, express=None, violation=None, minorant=None):
        self._express, self._violation, self._minorant = express, violation, minorant

    def express(self, m):
        return self._express(m)

    def violation(self, m):
        return self._violation(m)

    def minorant(self, m, multipliers):
        return None if self._minorant is None else self._minorant(m)

    def __str__(self):
        return "Said"


def holds(m):
    return 0.0


def high_leverage(m):
    return max(0.0, float(m.leverage.max() / 2 - 1))


def steep(m):
    slope = np.full(len(m.amount), 1e6)
    return adl.Minorant(0.0, slope, -slope)


def stated_minorant(_):
    aim = Constrained(adl.LeverageSquare(), (Said(lambda m: m.leverage <= 99, holds, steep),))
    rows = ((np.ones(2),),)
    return assess(aim, EVENT, LAW, adl.water_filling(EVENT).amount, Evidence(Dual(limits=rows)))


def only(_):
    """Everything is required: nothing to decide."""
    event = EVENT.with_requirement(short={"X": "all"})
    return adl.Problem(adl.LeverageSquare(), event, subject_to=[adl.Turnover(0.5)]).solve()


CASES = [
    Case(
        r"Constraint has no express\(m\): write the constraint in CVXPY",
        lambda _: adl.Constraint().express(None),
    ),
    Case(r"Constraint has no violation\(m\): write there", lambda _: adl.Constraint().violation(None)),
    Case(
        r"subject_to is a list: write subject_to=\[LeverageAtMost\(3\)\]",
        lambda _: adl.Problem(adl.LeverageSquare(), EVENT, subject_to=adl.LeverageAtMost(3)),
    ),
    Case(
        r"subject_to is a list of constraints, such as .*, not 'leverage'",
        lambda _: adl.Problem(adl.LeverageSquare(), EVENT, subject_to="leverage"),
    ),
    Case(
        r"1 of 2 entries of subject_to are no constraints; write KeepHedged\(\.\.\.\), first",
        lambda _: adl.Problem(adl.LeverageSquare(), EVENT, subject_to=[adl.Turnover(1), adl.KeepHedged]),
    ),
    Case(
        r"violation of Said fails: ZeroDivisionError|violation of Said fails: TypeError",
        under(Said(lambda m: m.leverage <= 2, lambda m: None + 1)),
    ),
    Case(
        r"violation of Said gives -1.0; it must be one number",
        under(Said(lambda m: m.leverage <= 2, lambda m: -1.0)),
    ),
    Case(r"express of Said fails: TypeError", under(Said(lambda m: None + 1, holds))),
    Case(r"express of Said gives float, no CVXPY constraint", under(Said(lambda m: 3.0, holds))),
    Case(
        r"1 of 1 constraints of Said are not convex", under(Said(lambda m: cp.square(m.leverage) >= 1, holds))
    ),
    Case(
        r"Said: at an allocation tried express is violated by .*, but violation says 0",
        under(Said(lambda m: m.leverage <= 1, holds)),
    ),
    Case(
        r"Said: its express holds at the solver's point, but violation says",
        under(Said(lambda m: m.leverage <= cp.Variable(nonneg=True), high_leverage), method="conic"),
    ),
    Case(r"minorant of Said states .*, above 0", stated_minorant),
    Case(r"LeverageAtMost\(-1\): the leverage, x of equity is a number", lambda _: adl.LeverageAtMost(-1)),
    Case(r"1 of 1 shares of Turnover are above 1, first 60, which is 6,000 %", lambda _: adl.Turnover(60)),
    Case(
        r"Said: by its violation an allocation holds whose value",
        under(
            Said(
                lambda m: [m.fraction <= 0.9, m.fraction[0] <= 0.6],
                lambda m: max(0.0, m.fraction.max() - 0.9),
            ),
            event=THREE,
            law=None,
        ),
    ),
    Case(
        r"no allocation of this event holds Said, as the conic program says; some of its rows",
        under(
            Said(
                lambda m: cp.constraints.ExpCone(cp.Constant(1.0), cp.Constant(1.0), m.fraction[0]),
                lambda m: np.e - m.fraction[0],
            ),
            method="conic",
        ),
        adl.InfeasibleError,
    ),
    Case(r"LeverageAtMost\(\{\}\) limits no account", lambda _: adl.LeverageAtMost({})),
    Case(
        r"1 of 2 limits of Turnover are no numbers, at least 0, first 'b': 'x'",
        lambda _: adl.Turnover({"a": 0.5, "b": "x"}),
    ),
    Case(
        r"1 of 1 accounts of LeverageAtMost are not in the book, first 'zz'",
        under(adl.LeverageAtMost({"zz": 1})),
    ),
    Case(r"GroupShare takes groups by name", lambda _: adl.GroupShare(["a0"], 0.5)),
    Case(
        r"group 'g' of GroupShare is a list of account ids, not 'a0'",
        lambda _: adl.GroupShare({"g": "a0"}, 0.5),
    ),
    Case(
        r"1 of 2 groups of GroupShare have no accounts, first 'h'",
        lambda _: adl.GroupShare({"g": ["a0"], "h": []}, 0.5),
    ),
    Case(
        r"GroupShare\(of='profit'\): it is a share of 'closed' or 'loss'",
        lambda _: adl.GroupShare({"g": ["a0"]}, 0.5, of="profit"),
    ),
    Case(
        r"GroupShare has shares and groups of other names, 2 in all, first 'g'",
        lambda _: adl.GroupShare({"g": ["a0"]}, {"h": 0.5}),
    ),
    Case(r"KeepHedged\(-1\): room is the share", lambda _: adl.KeepHedged(-1)),
    Case(r"LossAtMost takes an objective first", lambda _: adl.LossAtMost(0.99, 100)),
    Case(
        r"LossAtMost\(ExpectedLoss, 'x'\): the amount is a number",
        lambda _: adl.LossAtMost(adl.ExpectedLoss(), "x"),
    ),
    Case(
        r"no allocation of this event holds LeverageAtMost\(0.1\): proved by its multipliers; the least "
        r"that is possible is LeverageAtMost\(",
        under(adl.LeverageAtMost(0.1)),
        adl.InfeasibleError,
    ),
    Case(
        r"no allocation of this event holds Turnover\(0.5\): the requirement leaves nothing to decide",
        only,
        adl.InfeasibleError,
    ),
    Case(
        r"no closed form is known for LeverageSquare subject to Said",
        under(Said(lambda m: m.leverage <= 99, holds), method="closed-form"),
        adl.SolveError,
    ),
    Case(
        r"it takes no constraints",
        under(adl.Turnover(1), objective=adl.ExpectedLoss(), method="separable"),
        adl.SolveError,
    ),
    Case(
        r"ExpectedLoss subject to Said depends on the law of price moves",
        lambda _: adl.certify(
            adl.ExpectedLoss(),
            EVENT,
            None,
            adl.water_filling(EVENT),
            subject_to=[Said(lambda m: m.leverage <= 99, holds)],
        ),
        adl.LawError,
    ),
    Case(
        r"needs a law of price moves",
        under(Said(lambda m: m.leverage <= 99, lambda m: m.expected_loss), law=None),
    ),
    Case(r"needs a law of price moves", under(Said(lambda m: m.loss <= 99, holds), law=None)),
    Case(
        "HIGHS cannot solve",
        under(adl.Turnover(1), objective=adl.LeveragePower(3), method="conic", solver="HIGHS"),
        adl.SolveError,
    ),
    Case(
        r"whether an allocation holds the constraints is not told by the solver",
        under(
            Said(lambda m: cp.sum_squares(m.leverage) <= 999 * cp.Variable(boolean=True), holds),
            method="conic",
        ),
        adl.SolveError,
    ),
    Case(
        r"the other optima under constraints are told where",
        lambda _: adl.optimal_range(
            adl.Problem(
                adl.CVaR(0.9) + adl.LeverageSquare(), PAPER, PAPER_LAW, subject_to=[adl.Turnover(0.9)]
            )
        ),
        adl.SolveError,
    ),
]
