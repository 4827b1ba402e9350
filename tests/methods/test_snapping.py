"""What rounding or an interior point touches is not closed: legs clearly off the price go to their end."""

import math

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence
from adl_opt.evaluation.counting import NOTHING
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods import separable, snapping
from tests.books import count, cross, frame, gaussian, scenarios
from tests.tolerances import TOL

NEAR = 1e-6  # of a position: dust


def market(dear, cheap, closed, size):
    """One asset, accounts of one leg: what a contract of each saves, what is closed."""
    names, held = [f"a{i}" for i in range(len(size))], np.array(size, float)
    book = adl.Book.from_frame(frame(names, "X", -held, 1.0, 1.0))
    slopes = (-np.array(saves, float) * held for saves in (dear, cheap))
    event = adl.Event(book, short={"X": float(np.sum(closed))})
    return event, np.array(closed, float), Minorant(0.0, *slopes)


def at_ends(event, amount, below, within=0.0):
    gap, markets = snapping._markets(event, amount, below)
    return snapping._at_ends(event, amount, markets, gap, 1e-2, within)


def test_prices_that_prove_as_well_by_hand():
    """Savings 3, 2, 1 a contract; closed 4 of 4, 1 of 4, 0 of 4: the price is 2.

    Above it the gap rises by what the second closes, beyond 3 by the first one's too; below it by what is
    left.
    """
    event, amount, below = market([3, 2, 1], [3, 2, 1], [4, 1, 0], [4, 4, 4])
    one = snapping.Market(event, amount, below, 0)
    assert one.price == 2.0 and one.gap == 0.0
    assert one.prices(0.5) == (2 - 0.5 / 3, 2.5)
    assert one.prices(2.0) == (2 - 2 / 3, 3 + 1 / 5)


def test_the_gap_is_the_knapsacks():
    """What is late and what is early at the best price, as the certificate finds it."""
    event, amount, below = market([3, 2, 1], [3, 2, 1], [2, 2, 2], [4, 4, 4])
    assert snapping._markets(event, amount, below)[0] == 2 * (3 - 2) + 2 * (2 - 1)


def test_dust_goes_to_its_end_and_the_margin_takes_it():
    moved = at_ends(*market([3, 2, 1], [3, 2, 1], [4 - 1e-7, 2, 1e-7], [4, 4, 4]))
    assert moved[[0, 2]].tolist() == [4.0, 0.0] and moved[1] == pytest.approx(2.0, rel=TOL.rounding)


def test_a_leg_on_the_margin_is_not_dust():
    """However little it closes: its saving is the price. It goes to its end only where that is tried."""
    event, amount, below = market([3, 2, 2], [3, 2, 2], [4, 2, 1e-8], [4, 4, 4])
    assert (at_ends(event, amount, below) == amount).all()
    assert at_ends(event, amount, below, NEAR).tolist() == [4.0, 2 + 1e-8, 0.0]


def test_somebody_must_take_what_dust_leaves():
    """Two legs next to their ends and nobody between: one of them stays as it is."""
    event, amount, below = market([3, 1], [3, 1], [4 - 1e-7, 1e-7], [4, 4])
    moved = at_ends(event, amount, below, NEAR)
    assert math.fsum(moved) == event.required[0]
    assert ((moved == amount) | (moved == 0) | (moved == event.size)).all()


def test_the_margin_is_even_again_after_a_secant_step():
    """Savings that fall by 1 and by 3 a contract: what both give comes out at one price; the third stays."""

    def told(closed):
        saves = [3 - closed[0], 5 - 3 * closed[1], 0.1]
        return market(saves, saves, closed, [4.0, 4.0, 4.0])

    before, after = [1.0, 1.0, 0.01], [1.005, 1.005, 0.0]
    event, amount, below = told(before)
    steps = snapping.evened(event, amount, below, np.array(after), told(after)[2])
    assert 3 - steps[0] == pytest.approx(5 - 3 * steps[1], rel=TOL.formula)
    assert steps[2] == 0 and math.fsum(steps) == event.required[0]


def test_a_leg_on_the_wrong_side_of_the_price_comes_back():
    """It saves 2.001 at its end, more than the price of 2: its secant leads it to where it saves the
    price.
    """

    def told(closed):
        saves = [3 - closed[0], 2.001 - closed[1]]
        return market(saves, saves, closed, [4.0, 4.0])

    before, after = [1.0, 0.0005], [1.0005, 0.0]
    event, amount, below = told(before)
    steps = snapping.evened(event, amount, below, np.array(after), told(after)[2])
    assert 3 - steps[0] == pytest.approx(2.001 - steps[1], rel=TOL.formula) and steps[1] > 0


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_who_goes_to_an_end_leaves_the_proof_no_worse(seed):
    """The interior point's own answer against the one without its dust: as well proved, exactly cleared."""
    rng = np.random.default_rng(771_000 + seed)
    event = cross(rng)
    d = len(event.book.assets)
    law = gaussian(rng, d) if seed % 2 else scenarios(rng, d)
    if not event.free.any():
        return
    aim = adl.ExpectedLoss()
    amount, evidence, _ = separable.solve(aim, event, law, TOL.gap)
    before = assess(aim, event, law, amount, evidence).certificate
    after, proof = snapping.assess_at_ends(aim, event, law, amount, evidence)
    assert proof.certificate.gap <= max(before.gap, TOL.formula) and proof.certificate.clearing_error == 0
    assert proof.certificate.value <= before.value + TOL.formula * before.reference

    def inside(closed):
        return (closed > NOTHING * event.held) & (closed < event.size - NOTHING * event.held)

    assert not (inside(after) & ~inside(amount)).any()


class Kinked(adl.Objective):
    """Of two legs of 4 contracts the first saves 1 a contract, the second 100 until 4e-4 are closed, then
    nothing.
    """

    def value(self, m):
        return float(4 - m.amount[0] + 100 * max(4e-4 - m.amount[1], 0.0))

    def minorant(self, m, dual):
        slope = np.array([-4.0, -400.0 if m.amount[1] < 4e-4 else 0.0])
        return Minorant(0.0, slope, slope)


def test_what_proves_less_stays_as_it_was():
    """The second leg is next to its end and saves nothing, but it did before: at its end 0.04 more is
    lost.
    """
    event = market([1, 1], [1, 1], [1, 1], [4, 4])[0]
    amount = np.array([2 - 4.01e-4, 4.01e-4])
    m = SymbolsAt(event, None, amount)
    assert at_ends(event, amount, Kinked().minorant(m, Dual()))[1] == 0
    moved, proof = snapping.assess_at_ends(Kinked(), event, None, amount)
    assert (moved == amount).all() and proof.certificate == assess(Kinked(), event, None, amount).certificate


def test_what_the_conic_dual_proved_must_still_be_proved():
    """Slopes that prove little, and see no kink, let the second leg go to its end within a tolerance of nine
    tenths.
    """

    class Loose(Kinked):
        def minorant(self, m, dual):
            return Minorant(1.0, np.array([-4.0, 0.0]), np.array([-4.0, 0.0]))

    event = market([1, 1], [1, 1], [1, 1], [4, 4])[0]
    amount = np.array([2 - 4.01e-4, 4.01e-4])
    evidence = Evidence(conic_bound=Loose().value(SymbolsAt(event, None, amount)))
    assert snapping.assess_at_ends(Loose(), event, None, amount, None, 0.9)[0][1] == 0
    assert (snapping.assess_at_ends(Loose(), event, None, amount, evidence, 0.9)[0] == amount).all()


def test_an_interior_points_dust_is_not_closed():
    """500 accounts, three assets: 255 of 270 were reduced, 170 of them by less than a millionth."""
    volatility, names = np.array([0.05, 0.06, 0.08]), ["C0", "C1", "C2"]
    covariance = np.outer(volatility, volatility) * (0.6 + 0.4 * np.eye(3))
    law = adl.Gaussian(pd.DataFrame(covariance, index=names, columns=names))
    event = adl.Event(adl.examples.book(500, 3, 3, 1), short={"C0": "30%"})
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    allocation = problem.solve(method="separable")
    share = (allocation.amount / np.maximum(event.size, 1e-300))[event.free]
    assert allocation.certificate.certified and allocation.certificate.gap < TOL.formula
    assert (share > 0).sum() == 85 and not ((share > 0) & (share < NEAR)).any()
    assert "a0: spared" in allocation.explain("a0") and "not closed" in allocation.explain("a0")
    ranges = adl.optimal_range(problem).set_index(["account", "asset"]).loc[("a0", "C0")]
    assert (ranges["least"], ranges["most"]) == (0.0, 0.0) and allocation.unique
    assert "; 85 of 270 closable positions reduced" in repr(allocation)
