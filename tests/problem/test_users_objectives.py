"""An objective that is not what it says is an error (§17)."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import HEDGED, book, one_asset
from tests.objectives_of_users import Concave, HiddenVariance, Liar, NonConvexConstraint, TwoNumbers


class Slack(adl.Objective):
    """express and value differ by what is little at pro rata and much at the optimum."""

    money = 0

    def express(self, m):
        return cp.sum(cp.maximum(m.leverage, 1.0))

    def value(self, m):
        return float(m.leverage.sum())


def test_two_definitions_are_compared_relative_to_the_value():
    rows = [
        ("a", "BTC", -1e6, 1.0, 0.1),
        ("h", "BTC", -1e6, 1.0, 1e9),
        ("c", "BTC", -30.0, 1.0, 10.0),
        ("d", "BTC", -30.0, 1.0, 11.0),
    ]
    event = adl.Event(book([*rows, ("c", "ETH", 2.0, 1.0, 10.0)]), short={"BTC": 1e6 + 30.0})
    with pytest.raises(adl.ObjectiveError, match="Slack"):
        adl.Problem(Slack(), event).solve()


class Understated(adl.Objective):
    """value is less than express says: beside an expected loss under a Gaussian, its program's bound would be
    of another objective.
    """

    def express(self, m):
        return 2 * m.equity @ cp.square(m.leverage)

    def value(self, m):
        return m.equity @ m.leverage**2


def test_a_users_term_beside_an_elliptical_expected_loss_is_compared_too():
    event = adl.Event(book(HEDGED), short={"X": 8.6})
    with pytest.raises(adl.ObjectiveError, match="express and value disagree"):
        adl.Problem(
            adl.ExpectedLoss() + Understated(), event, adl.Gaussian(np.array([[0.04, 0.03], [0.03, 0.05]]))
        ).solve()


@pytest.mark.parametrize(
    "objective, says",
    [
        (Liar(), "Liar: the solver minimised"),
        (Concave(), "Concave is concave"),
        (TwoNumbers(), r"shape \(4,\)"),
        (NonConvexConstraint(), "constraints of NonConvexConstraint"),
    ],
)
def test_an_objective_that_is_not_what_it_says_is_an_error(paper, law, objective, says):
    with pytest.raises(adl.ObjectiveError, match=says):
        adl.Problem(objective, paper, law).solve(method="conic")


def test_a_hidden_nonconvex_objective_is_caught():
    """The counterexample of THEORY 2 to mean-variance: E = (1, 1), q = (3, 3), Q = 3, R in {.5, 3}."""
    event = one_asset([-3.0, -3.0], [1.0, 1.0], 3.0)
    law = adl.Scenarios([0.5, 3.0])
    with pytest.raises(adl.ObjectiveError, match="HiddenVariance"):
        adl.Problem(HiddenVariance(), event, law).solve(method="conic")


def test_users_own_objective_sees_fractions_of_the_position():
    """`fraction` is of the position on both sides (§17), whatever the cap."""

    class Even(adl.Objective):
        money = 0

        def express(self, m):
            return cp.sum_squares(m.fraction) + cp.sum_squares(
                m.closed - cp.multiply(m.event.book.position, m.fraction)
            )

        def value(self, m):
            return float((m.fraction**2).sum())

    event = one_asset([-8.0, -8.0, -8.0], [1.0, 1.0, 1.0], 9.0)
    solved = adl.Problem(Even(), adl.Event(event.book, short={"X": 9.0}, cap={"a0": 0.25})).solve()
    assert solved.certificate.certified
    assert solved.amount == pytest.approx([2.0, 3.5, 3.5], rel=1e-4)
