"""Objectives may not narrow the allocations, nor state bounds that some allocation beats (§17, THEORY
11.2).
"""

import warnings

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.values_seen import downhill
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import Symbols
from adl_opt.methods.conic.narrowing import search
from adl_opt.methods.conic.own_rows import OwnRows
from adl_opt.methods.conic.own_variables import _MANY
from adl_opt.methods.conic.rows import Table

from .books import count, cross, frame, isolated, one_asset, scenarios
from .narrowings import KINDS, case, queue

TWO = adl.Book.from_frame(frame(["a", "b"], "K", -10.0, 100.0, [100.0, 400.0]))
EVENT = adl.Event(TWO, short={"K": 6.0})
LAW = adl.Scenarios(np.random.default_rng(5).normal(0, 0.3, (200, 1)).clip(-1))
LEAST = 26.363116455557293  # expected loss of water-filling


@pytest.fixture(autouse=True)
def uncertified_is_no_news():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        yield


def programs_of(event, planted):
    return search(OwnRows(planted, Table(event, None, 1000.0)), event, _MANY).programs


def refused(solve):
    try:
        solve()
    except adl.ObjectiveError as error:
        return "exclude" in str(error)
    return False


def test_planted_narrowings_are_refused():
    """At least 495 of 500, of ten kinds, by at most 8 programs each in the mean."""
    cases = [case(seed) for seed in count(500)]
    found = [refused(adl.Problem(planted, event).solve) for event, planted in cases]
    programs = [programs_of(event, planted) for event, planted in cases]
    print(f"refused {sum(found)} of {len(found)}, {np.mean(programs):.2f} programs in the mean")
    assert sum(found) >= 0.99 * len(found) and np.mean(programs) <= 8


def test_sound_models_that_touch_their_boxes_raise_no_alarm():
    for seed in count(200):
        event, sound = case(seed, sound=True)
        c = adl.Problem(sound, event).solve().certificate
        plain = adl.Problem(adl.LeverageSquare(), event).solve().certificate
        assert c.certified and c.objective == pytest.approx(plain.objective, rel=1e-6), KINDS[
            seed % len(KINDS)
        ]
        assert "rows of its own; that these allow every allocation" in c.proof


class Boxed(adl.Objective):
    """A variable of its own in too small a box: the least expected loss closes 0.6 of account a."""

    def __init__(self, most=0.5):
        self.most = most

    def express(self, m):
        own = cp.Variable(bounds=[0, self.most])
        m.subject_to(own >= m.fraction)
        return m.expected_loss + 0 * own

    def value(self, m):
        return m.expected_loss


class Unsaid(Boxed):
    """The same where the variable is not in the objective."""

    def express(self, m):
        own = cp.Variable()
        m.subject_to(own >= m.fraction, own <= self.most)
        return m.expected_loss


class Logarithm(Boxed):
    """The same by the domain of a function."""

    def express(self, m):
        own = cp.Variable(2)
        m.subject_to(own >= m.fraction)
        return m.expected_loss - 1e-12 * cp.sum(cp.log(self.most - own))


class Equated(Boxed):
    """The same through equations alone."""

    def express(self, m):
        own = cp.Variable()
        m.subject_to(own == m.fraction[0], own == m.fraction[1])
        return m.expected_loss


@pytest.mark.parametrize("kind", [Boxed, Unsaid, Logarithm, Equated])
@pytest.mark.parametrize("weight", [1.0, 1e-9, 1e9])
def test_a_box_that_cuts_off_the_optimum_is_refused(kind, weight):
    for objective in (
        weight * kind(),
        weight * kind() + 0.5 * adl.CVaR(0.9),
        adl.ExpectedLoss() + weight * kind(),
    ):
        for call in (
            adl.Problem(objective, EVENT, LAW).solve,
            lambda objective=objective: adl.certify(objective, EVENT, LAW, adl.water_filling(EVENT)),
            lambda objective=objective: adl.certify(objective, EVENT, LAW, adl.pro_rata(EVENT)),
        ):
            with pytest.raises(
                adl.ObjectiveError, match=r"exclude an allocation that closes .* of account '[ab]'"
            ):
                call()


def test_each_requirement_is_tried():
    """The box allows all allocations of 5 contracts or fewer, and not of 6; nor has a first refusal to be
    remembered.
    """
    problem = adl.Problem(Boxed(), EVENT, LAW)
    for required in (3.0, 5.0):
        assert problem.solve(short={"K": required}).certificate.certified
    for _ in range(2):
        with pytest.raises(adl.ObjectiveError, match="exclude an allocation"):
            problem.solve(short={"K": 6.0})
    assert len(problem._compiled.trials) == 2


class FormulaBoxed(Boxed):
    def closed_form(self, event, law):
        return adl.water_filling(event).amount


class MonotoneBoxed(adl.RiskMeasure):
    """Isolated margin: water-filling answers, and no program is solved."""

    def of(self, loss, probability):
        return float(loss @ probability)

    def express(self, m):
        own = cp.Variable(len(m.probability), bounds=[0, 0.01])
        m.subject_to(own >= m.loss)
        return m.probability @ own


@pytest.mark.parametrize("objective", [FormulaBoxed(), MonotoneBoxed()])
def test_a_formula_does_not_hide_a_box(objective):
    with pytest.raises(adl.ObjectiveError, match="exclude"):
        adl.Problem(objective, EVENT, LAW).solve()


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(40))
def test_boxes_in_either_margin(seed):
    """A box on one leg a little below what that leg can close, with a second objective beside it."""
    rng = np.random.default_rng(seed)
    event = isolated(rng, decades=4) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets), 12)
    if not event.free.any():
        return
    row = np.zeros(len(event.size))
    row[rng.choice(np.flatnonzero(event.free))] = 1.0
    top, base = float(row[event.free] @ queue(event, row)), float(row @ event.pro_rata_fraction)
    if top - base < 1e-3:
        return

    class One(Boxed):
        def express(self, m):
            own = cp.Variable()
            m.subject_to(own >= row @ m.fraction, own <= self.most)
            return m.expected_loss

    for other in (None, adl.CVaR(0.9), adl.MaxLeverage()):
        near, touching = (
            most if other is None else most + other for most in (One(top - 0.02 * (top - base)), One(top))
        )
        with pytest.raises(adl.ObjectiveError, match="exclude an allocation"):
            adl.Problem(near, event, law).solve(method="conic")
        assert adl.Problem(touching, event, law).solve(method="conic").certificate.status in (
            "certified",
            "uncertified",
            "negligible",
        )


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


class Whole(adl.Objective):
    """A variable of its own that is no number, or a matrix: cones and programs that the search has no rule
    for.
    """

    money = 0

    def __init__(self, **kind):
        self._kind = kind

    def express(self, m):
        own = cp.Variable((2, 2), **self._kind)
        m.subject_to(own[0, 0] >= cp.max(m.leverage), own[1, 1] == 1)
        return own[0, 0]

    def value(self, m):
        return float(m.leverage.max())


@pytest.mark.parametrize("kind", [{"PSD": True}, {"integer": True}])
def test_what_the_search_has_no_rule_for_is_not_proved(kind):
    try:
        c = adl.Problem(Whole(**kind), EVENT).solve().certificate
    except adl.AdlError as error:
        assert "\n" not in str(error)
    else:
        assert c.status == "uncertified"


def test_a_variable_without_rows():
    class Idle(adl.LeverageSquare):
        def express(self, m):
            return m.equity @ cp.square(m.leverage) + 0 * cp.Variable()

        def value(self, m):
            return float(m.equity @ m.leverage**2)

    assert adl.Problem(Idle(), EVENT).solve().certificate.certified


def test_names_of_variables_are_free():
    class Named(Boxed):
        def express(self, m):
            own = [
                cp.Variable(bounds=[0, self.most], name=name) for name in ("fraction", "loss", "shortfall")
            ]
            m.subject_to(*(one >= m.fraction for one in own))
            return m.expected_loss

    with pytest.raises(adl.ObjectiveError, match="exclude an allocation"):
        adl.Problem(Named(), EVENT, LAW).solve()
    assert adl.Problem(Named(1.0), EVENT, LAW).solve().certificate.objective == pytest.approx(LEAST, rel=1e-6)


def test_epigraphs_need_no_search():
    """Where own variables only ever help as they grow, rows can lack nothing: shown by a look at the rows."""
    for objective in SOUND:
        rows = OwnRows(objective, Table(EVENT, LAW, 1000.0))
        assert rows.coupled.any() == isinstance(objective, EntropicByHand)
        assert search(rows, EVENT, 60).programs == isinstance(objective, EntropicByHand)


def tails(seed):
    """(CVaR, the same with a box that leaves out levels below that of pro rata, or some of them, event,
    law).
    """
    rng = np.random.default_rng(seed)
    event, level = cross(rng), rng.uniform(0.5, 0.95)
    law = scenarios(rng, len(event.book.assets), 24)
    loss = Symbols(event, law, adl.pro_rata(event).amount).loss
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
    assert c.bound <= best.objective + off and (not c.certified or c.objective <= best.objective + off)


def test_express_above_value_away_from_pro_rata():
    """The level fits at pro rata, and not at the other allocations."""
    tail = adl.CVaR(0.9)
    with pytest.raises(adl.ObjectiveError, match=r"at an allocation that closes .* express says"):
        adl.Problem(Tail(200.0), EVENT, LAW).solve()
    assert adl.Problem(Tail(1e4), EVENT, LAW).solve().certificate.objective == pytest.approx(
        adl.Problem(tail, EVENT, LAW).solve().certificate.objective, rel=1e-6
    )


def test_the_search_downhill_finds_what_lies_below_a_false_bound():
    tried, lowest = downhill(adl.ExpectedLoss(), EVENT, LAW, adl.pro_rata(EVENT).amount)
    assert tried >= 11 and lowest == pytest.approx(LEAST, rel=1e-9)
    assert downhill(adl.ExpectedLoss(), EVENT, LAW, adl.water_filling(EVENT).amount)[1] == pytest.approx(
        LEAST, rel=1e-12
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
        adl.certify(objective, EVENT, LAW, adl.pro_rata(EVENT))


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
        np.maximum(LAW.moves[:, 0] * 100 * (10 - part) - equity, 0)
        for part, equity in zip(closed, (100, 400))
    )


class Dip(adl.RiskMeasure):
    """Monotone but in a narrow band of one scenario's loss, where it falls by 3."""

    def __init__(self, at, width):
        self._at, self._width = at, width

    def of(self, loss, probability):
        scenario = int(np.argmin(abs(LAW.moves[:, 0] - 0.35)))
        centre = self._at * lost((6, 0))[scenario]
        return float(probability @ loss) - 3 * max(
            0.0, 1 - abs(loss[scenario] - centre) / (self._width * centre)
        )


@pytest.mark.parametrize("at, width", [(1.1, 0.04), (1.1, 0.02), (1.5, 0.04), (2.0, 0.02), (3.0, 0.04)])
def test_a_measure_that_falls_in_a_band_is_refused(at, width):
    with pytest.raises(adl.ObjectiveError, match="says monotone = True, but its value falls"):
        adl.Problem(Dip(at, width), EVENT, LAW).solve()


class Plain(adl.RiskMeasure):
    def of(self, loss, probability):
        return float(loss @ probability)


class PlainDual(Plain):
    def of(self, loss, probability):
        return float(loss @ probability)

    def dual(self, loss, probability, near=None):
        return probability, 0.0


def test_certificates_say_what_is_believed():
    assert (
        "; that Plain is monotone was tried, not proved"
        in adl.Problem(Plain(), EVENT, LAW).solve().certificate.proof
    )
    dual = adl.Problem(PlainDual(), EVENT, LAW).solve().certificate.proof
    assert "the dual of PlainDual was tried at 12 losses and" in dual and dual.endswith(
        "allocations, not proved"
    )
    for mine in (adl.ExpectedLoss(), adl.CVaR(0.9), adl.MaxLeverage()):
        assert "not proved" not in adl.Problem(mine, EVENT, LAW).solve().certificate.proof
    by_hand = adl.Problem(ShortfallByHand(), EVENT, LAW).solve().certificate.proof
    assert by_hand.startswith(
        "conic dual of `express`, through 4 rows of its own; that these allow every allocation and "
        "`express` is at most"
    )
    assert "(pro rata, extremes looked for, the answer, downhill from it), not proved" in by_hand
