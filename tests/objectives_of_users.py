"""Objectives as users write them, most of them wrong in one way: not convex, not what they say, narrowing the
allocations.
"""

from typing import Any

import cvxpy as cp

import adl_opt as adl
from tests.books import one_asset

ISOLATED = one_asset([-10.0, -10.0], [1.0, 4.0], 5.0)


class Limited(adl.Objective):
    """Narrows the allocations, so that its bound would not hold for all of them."""

    def express(self, m):
        m.subject_to(m.fraction[0] <= 0.1)
        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return float(m.equity @ m.leverage**2)


class LimitedByOwn(Limited):
    """The same through a variable of its own."""

    def __init__(self, most=0.1):
        self._most = most

    def express(self, m):
        own = cp.Variable()
        m.subject_to(own >= m.fraction[0], own <= self._most)
        return m.equity @ cp.square(m.leverage) + 0 * own


class MeanVariance(adl.Objective):
    """Says monotone and is not (THEORY 2)."""

    monotone = True

    def value(self, m):
        mean = float(m.probability @ m.loss)
        return mean + 0.2 * float(m.probability @ (m.loss - mean) ** 2)


class LossByHand(adl.Objective):
    """The expected loss, quote currency."""

    money = 1

    def value(self, m) -> float:
        return float(m.probability @ m.loss)

    def express(self, m):
        return m.probability @ m.loss


class Liar(adl.Objective):
    """value is not express."""

    def express(self, m):
        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return 0.9 * (m.equity @ m.leverage**2)


class HiddenVariance(adl.Objective):
    """mean + variance of the loss: not convex in the allocation; epigraph variables of its own make it look
    legal (§17).
    """

    def express(self, m):
        above = cp.Variable(len(m.probability))
        m.subject_to(above >= m.loss)
        mean = m.probability @ above
        return mean + 50 * cp.sum(cp.multiply(m.probability, cp.square(above - mean))) / 1.0

    def value(self, m):
        mean = m.probability @ m.loss
        return mean + 50 * float(m.probability @ (m.loss - mean) ** 2)


class Concave(adl.Objective):
    def express(self, m):
        return -cp.sum(m.shortfall)

    def value(self, m):
        return -m.shortfall.sum()


class TwoNumbers(adl.Objective):
    def express(self, m):
        return m.leverage

    def value(self, m):
        return 0.0


class NonConvexConstraint(adl.Objective):
    def express(self, m):
        m.subject_to(cp.sum(m.loss) >= 1.0)
        return m.expected_loss

    def value(self, m):
        return m.expected_loss


class Plain(adl.Objective):
    """The expected loss in a class of one's own, so that nothing of it is trusted."""

    def express(self, m):
        return m.expected_loss

    def value(self, m):
        return m.expected_loss


def keeping(kind: type, **attributes: Any) -> adl.Objective:
    """An objective with attributes set on the instance."""
    objective = kind()
    vars(objective).update(attributes)
    return objective
