"""Sound epigraphs of users raise no alarm, and boxes on them no false certificate (§17, THEORY 11.2)."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.narrowing import search
from adl_opt.methods.conic.own_rows import OwnRows
from adl_opt.methods.conic.rows import Table
from tests.books import MOVES, SIX, count, cross, isolated, scenarios
from tests.certificates.test_trials import Plain, PlainDual
from tests.tolerances import TOL

pytestmark = pytest.mark.filterwarnings("ignore::adl_opt.errors.UncertifiedWarning")


class Tail(adl.Objective):
    """CVaR written by hand; a box of its level excludes no allocation: `express` grows above `value`
    instead.
    """

    def __init__(self, most=np.inf, least=-np.inf, level=0.9):
        self._box, self._level = (least, most), level

    def express(self, m):
        tail = cp.Variable(
            bounds=None if not np.isfinite(self._box).any() else [side / m.unit for side in self._box]
        )
        return tail + m.probability @ cp.pos(m.loss - tail) / (1 - self._level)

    def value(self, m):
        return adl.CVaR(self._level).of(m.loss, m.probability)


class ShortfallByHand(adl.Objective):
    def express(self, m):
        own = cp.Variable(len(m.equity), nonneg=True)
        m.subject_to(own >= m.expected_shortfall)
        return cp.sum(own)

    def value(self, m):
        return m.expected_loss


class AbsoluteByHand(adl.Objective):
    """sum |left notional| in units of the equity, its rows two-sided."""

    money = 0

    def express(self, m):
        own, top = cp.Variable(len(m.equity)), cp.Variable()
        m.subject_to(own >= m.leverage, own >= -m.leverage, top >= own)
        return cp.sum(own) + top

    def value(self, m):
        return float(m.leverage.sum() + m.leverage.max())


class QuantilesByHand(adl.Objective):
    """The mean of the three largest leverages, by its linear program's dual."""

    money = 0

    def express(self, m):
        level, over = cp.Variable(), cp.Variable(len(m.equity), nonneg=True)
        m.subject_to(over >= m.leverage - level)
        return (3 * level + cp.sum(over)) / 3 if len(m.equity) > 3 else level + cp.sum(over)

    def value(self, m):
        return float(np.sort(m.leverage)[-3:].mean() if len(m.equity) > 3 else m.leverage.max())


class EntropicByHand(adl.Objective):
    money = 0

    def express(self, m):
        top = cp.Variable()
        m.subject_to(cp.log_sum_exp(m.leverage - top) <= 0)
        return top

    def value(self, m):
        return float(np.log(np.exp(m.leverage - m.leverage.max()).sum()) + m.leverage.max())


class NormByHand(adl.Objective):
    money = 0

    def express(self, m):
        top, parts = cp.Variable(), cp.Variable(len(m.equity))
        m.subject_to(parts == m.leverage, cp.norm(parts) <= top)
        return top

    def value(self, m):
        return float(np.linalg.norm(m.leverage))


SOUND = (Tail(), ShortfallByHand(), AbsoluteByHand(), QuantilesByHand(), EntropicByHand(), NormByHand())


@pytest.mark.fuzz
@pytest.mark.parametrize("objective", SOUND, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("seed", count(40))
def test_sound_epigraphs_raise_no_alarm(objective, seed):
    rng = np.random.default_rng(100 + seed)
    event = isolated(rng, decades=3) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets), 16)
    for tried in (
        objective,
        objective + 0.5 * (adl.MaxLeverage() if not objective.money else adl.ExpectedLoss()),
    ):
        adl.Problem(tried, event, law).solve()


def test_epigraphs_need_no_search():
    """Where own variables only ever help as they grow, rows can lack nothing: shown by a look at the rows."""
    for objective in SOUND:
        rows = OwnRows(objective, Table(SIX, MOVES, 1000.0))
        assert rows.coupled.any() == isinstance(objective, EntropicByHand)
        assert search(rows, SIX, 60).programs == isinstance(objective, EntropicByHand)


def tails(seed):
    """(CVaR, the same with a box that leaves out levels below that of pro rata, or some of them, event,
    law).
    """
    rng = np.random.default_rng(seed)
    event, level = cross(rng), rng.uniform(0.5, 0.95)
    law = scenarios(rng, len(event.book.assets), 24)
    loss = SymbolsAt(event, law, adl.pro_rata(event).amount).loss
    order = np.argsort(-loss)
    quantile = loss[order][np.searchsorted(np.cumsum(law.probability[order]), 1 - level)]
    return adl.CVaR(level), Tail(least=quantile * (1 - rng.random() / 5), level=level), event, law


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "seed", sorted({*count(150), 131, 144})
)  # two that falsify a bound unless value is looked at away from pro rata
def test_boxes_on_the_level_of_a_tail(seed):
    """No allocation is excluded and pro rata has its value, and yet the bound would be false: no false
    certificate comes out.
    """
    tail, boxed, event, law = tails(seed)
    best = adl.Problem(tail, event, law).solve().certificate
    try:
        c = adl.Problem(boxed, event, law).solve(method="conic").certificate
    except adl.ObjectiveError:
        return
    off = 1e-5 * best.reference
    assert c.bound <= best.value + off and (not c.certified or c.value <= best.value + off)


def test_express_above_value_away_from_pro_rata():
    """The level fits at pro rata, and not at the other allocations."""
    tail = adl.CVaR(0.9)
    with pytest.raises(adl.ObjectiveError, match=r"at an allocation that closes .* express says"):
        adl.Problem(Tail(200.0), SIX, MOVES).solve()
    assert adl.Problem(Tail(1e4), SIX, MOVES).solve().certificate.value == pytest.approx(
        adl.Problem(tail, SIX, MOVES).solve().certificate.value, rel=TOL.gap
    )


def test_certificates_say_what_is_believed():
    assert (
        "; that Plain is monotone was tried, not proved"
        in adl.Problem(Plain(), SIX, MOVES).solve().certificate.proof
    )
    dual = adl.Problem(PlainDual(), SIX, MOVES).solve().certificate.proof
    assert "the dual of PlainDual was tried at 12 losses and" in dual and dual.endswith(
        "allocations, not proved"
    )
    for mine in (adl.ExpectedLoss(), adl.CVaR(0.9), adl.MaxLeverage()):
        assert "not proved" not in adl.Problem(mine, SIX, MOVES).solve().certificate.proof
    by_hand = adl.Problem(ShortfallByHand(), SIX, MOVES).solve().certificate.proof
    assert by_hand.startswith(
        "conic dual of `express`, through 4 rows of its own; that these allow every allocation and "
        "`express` is at most"
    )
    assert "(pro rata, extremes looked for, the answer, downhill from it), not proved" in by_hand
