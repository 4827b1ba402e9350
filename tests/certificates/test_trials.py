"""Statements of users are tried: minorants, monotonicity, bounds that some allocation beats (§17)."""

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.values_seen import downhill
from adl_opt.evaluation.minorants import Minorant
from tests.books import MOVES, SIX, count, cross, frame, isolated, one_asset, scenarios
from tests.objectives_of_users import MeanVariance
from tests.tolerances import TOL

pytestmark = pytest.mark.filterwarnings("ignore::adl_opt.errors.UncertifiedWarning")


def test_a_functional_that_is_not_monotone_is_caught():
    event = one_asset([-3.0, -3.0], [1.0, 1.0], 3.0)
    with pytest.raises(adl.ObjectiveError, match="its value falls"):
        adl.Problem(MeanVariance(), event, adl.Scenarios([0.5, 3.0])).solve()


LEAST = 26.363116455557293  # expected loss of water-filling


def test_the_search_downhill_finds_what_lies_below_a_false_bound():
    tried, lowest = downhill(adl.ExpectedLoss(), SIX, MOVES, adl.pro_rata(SIX).amount)
    assert tried >= 11 and lowest == pytest.approx(LEAST, rel=TOL.formula)
    assert downhill(adl.ExpectedLoss(), SIX, MOVES, adl.water_filling(SIX).amount)[1] == pytest.approx(
        LEAST, rel=TOL.rounding
    )


class Halved(adl.Objective):
    """express and value agree where the program ends; elsewhere value is lower."""

    money = 0

    def express(self, m):
        return m.fraction[0] + 0.5

    def value(self, m):
        return float(0.5 + m.fraction[0] * (1 if m.fraction[0] < 0.3 else -1))


def test_a_bound_above_a_value_that_was_seen_is_an_error():
    event = one_asset([-10.0, -10.0], [1.0, 1.0], 9.0)
    with pytest.raises(adl.ObjectiveError, match="the value of Halved at"):
        adl.certify(Halved(), event, None, frame(["a0"], "X", None, None, None).assign(closed=-9.0))


class Lie(adl.Objective):
    """States that nothing is ever less."""

    def express(self, m):
        return m.expected_loss

    def value(self, m):
        return m.expected_loss

    def minorant(self, m, dual):
        return Minorant(0.0, np.zeros(len(m.amount)), np.zeros(len(m.amount)))


class Steep(Lie):
    """Its slope is right, its slack is not."""

    share = 0.99

    def minorant(self, m, dual):
        below = adl.ExpectedLoss().minorant(m, dual)
        return Minorant(below.slack, self.share * below.low, self.share * below.high)


class Honest(Steep):
    share = 1.0

    def value(self, m):
        return m.expected_loss

    def minorant(self, m, dual):
        return adl.ExpectedLoss().minorant(m, dual)


@pytest.mark.parametrize("objective", [Lie(), Lie() + adl.ExpectedLoss(), 1e-9 * Lie(), Steep()])
def test_a_minorant_is_tried_at_allocations(objective):
    with pytest.raises(adl.ObjectiveError, match=r"minorant of .* states"):
        adl.certify(objective, SIX, MOVES, adl.pro_rata(SIX))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_honest_minorants_raise_no_alarm(seed):
    rng = np.random.default_rng(seed)
    event = isolated(rng) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets), 16)
    for objective in (Honest(), Honest() + adl.CVaR(0.8)):
        c = adl.certify(objective, event, law, adl.pro_rata(event))
        assert c.status != "infeasible"
        if event.free.any() and "conic" not in c.proof and "no allocation loses less" not in c.proof:
            assert "the minorant of Honest was tried at" in c.proof and "not proved" in c.proof


def lost(closed):
    return sum(
        np.maximum(MOVES.moves[:, 0] * 100 * (10 - part) - equity, 0)
        for part, equity in zip(closed, (100, 400))
    )


class Dip(adl.RiskMeasure):
    """Monotone but in a narrow band of one scenario's loss, where it falls by 3."""

    def __init__(self, at, width):
        self._at, self._width = at, width

    def of(self, loss, probability):
        scenario = int(np.argmin(abs(MOVES.moves[:, 0] - 0.35)))
        centre = self._at * lost((6, 0))[scenario]
        return float(probability @ loss) - 3 * max(
            0.0, 1 - abs(loss[scenario] - centre) / (self._width * centre)
        )


@pytest.mark.parametrize("at, width", [(1.1, 0.04), (1.1, 0.02), (1.5, 0.04), (2.0, 0.02), (3.0, 0.04)])
def test_a_measure_that_falls_in_a_band_is_refused(at, width):
    with pytest.raises(adl.ObjectiveError, match="says monotone = True, but its value falls"):
        adl.Problem(Dip(at, width), SIX, MOVES).solve()


class Plain(adl.RiskMeasure):
    def of(self, loss, probability):
        return float(loss @ probability)


class PlainDual(Plain):
    def of(self, loss, probability):
        return float(loss @ probability)

    def dual(self, loss, probability, near=None):
        return probability, 0.0
