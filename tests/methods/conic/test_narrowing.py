"""Objectives may not narrow the allocations: rows of their own that forbid some are found (§17, THEORY
11.2).
"""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.methods.conic.narrowing import search
from adl_opt.methods.conic.own_rows import OwnRows
from adl_opt.methods.conic.own_variables import _MANY
from adl_opt.methods.conic.rows import Table
from tests.books import MOVES, SIX, count, cross, isolated, scenarios
from tests.certificates.test_trials import LEAST
from tests.methods.conic.narrowings import KINDS, case, queue
from tests.objectives_of_users import ISOLATED, Limited, LimitedByOwn
from tests.tolerances import TOL

pytestmark = pytest.mark.filterwarnings("ignore::adl_opt.errors.UncertifiedWarning")


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
        assert c.certified and c.value == pytest.approx(plain.value, rel=TOL.gap), KINDS[seed % len(KINDS)]
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
            adl.Problem(objective, SIX, MOVES).solve,
            lambda objective=objective: adl.certify(objective, SIX, MOVES, adl.water_filling(SIX)),
            lambda objective=objective: adl.certify(objective, SIX, MOVES, adl.pro_rata(SIX)),
        ):
            with pytest.raises(
                adl.ObjectiveError, match=r"exclude an allocation that closes .* of account '[ab]'"
            ):
                call()


def test_each_requirement_is_tried():
    """The box allows all allocations of 5 contracts or fewer, and not of 6; nor has a first refusal to be
    remembered.
    """
    problem = adl.Problem(Boxed(), SIX, MOVES)
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
        adl.Problem(objective, SIX, MOVES).solve()


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
        c = adl.Problem(Whole(**kind), SIX).solve().certificate
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

    assert adl.Problem(Idle(), SIX).solve().certificate.certified


def test_names_of_variables_are_free():
    class Named(Boxed):
        def express(self, m):
            own = [
                cp.Variable(bounds=[0, self.most], name=name) for name in ("fraction", "loss", "shortfall")
            ]
            m.subject_to(*(one >= m.fraction for one in own))
            return m.expected_loss

    with pytest.raises(adl.ObjectiveError, match="exclude an allocation"):
        adl.Problem(Named(), SIX, MOVES).solve()
    assert adl.Problem(Named(1.0), SIX, MOVES).solve().certificate.value == pytest.approx(LEAST, rel=TOL.gap)


@pytest.mark.parametrize(
    "objective, says", [(Limited(), "bind the allocation alone"), (LimitedByOwn(), "exclude pro rata")]
)
def test_objectives_do_not_narrow_the_allocations(objective, says):
    with pytest.raises(adl.ObjectiveError, match=says):
        adl.Problem(objective, ISOLATED).solve()
