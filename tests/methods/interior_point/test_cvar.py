"""CVaR and the worst case by the interior point with scenarios eliminated: equal to linear programs, honest
where it stops, tails alone looked at (THEORY 7).
"""

import warnings

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.interior_point.cvar import TailInteriorPoint
from adl_opt.methods.interior_point.quantile import Quantile
from adl_opt.methods.separable import open_rows, pays
from tests.books import count, cross, frame, scenarios
from tests.tolerances import TOL


def moves(rng: np.random.Generator, d: int, size: int, width: float = 0.15) -> adl.Scenarios:
    return adl.Scenarios(np.maximum(width * rng.standard_t(4, size=(size, d)), -0.99))


def event_of(n: int, seed: int) -> adl.Event:
    book = adl.examples.book(n, 3, 3, seed)
    return adl.Event(book, short=dict.fromkeys(book.assets, "30%"))


@pytest.mark.fuzz
def test_equal_to_linear_programs():
    """Random books, levels from 0.01 to 0.999, repeated scenarios and some of probability 0: certified and
    equal to HiGHS; the few that are not say so, truly.
    """
    measures = [adl.WorstCase(), *(adl.CVaR(level) for level in (0.01, 0.5, 0.9, 0.99, 0.999))]
    open_ = 0
    for seed in count(300):
        rng = np.random.default_rng(160_000 + seed)
        event = cross(rng, int(rng.integers(2, 50)), decades=float(rng.choice([3, 6])))
        law = scenarios(rng, len(event.book.assets), int(rng.integers(3, 200)))
        problem = adl.Problem(measures[seed % len(measures)], event, law)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", adl.UncertifiedWarning)
            one = problem.solve(method="separable").certificate
        two = problem.solve(method="conic").certificate
        assert two.certified
        scale = max(abs(two.value), two.floor)
        assert one.bound <= two.value + TOL.value * scale and one.value >= two.bound - TOL.value * scale
        if one.certified:
            assert abs(one.value - two.value) <= TOL.gap * scale
        open_ += not one.certified
    assert open_ <= len(count(300)) // 50


def test_only_scenarios_of_the_tail_are_looked_at():
    """1,000 scenarios of which 50 are in the tail: the others have no weight, and yet the bound holds for all
    of them.
    """
    event, law = event_of(300, 5), moves(np.random.default_rng(1), 3, 1_000)
    interior = TailInteriorPoint(event, law, law.probability / 0.05)
    seen: list[float] = []
    interior.solve(lambda step, gap: seen.append(gap), 1e-7)
    weights = interior.weights
    assert 50 <= (weights > 0).sum() <= 150 and weights.sum() == pytest.approx(1, rel=TOL.formula)
    assert (weights <= law.probability / 0.05 * (1 + TOL.rounding)).all() and seen[-1] <= 1e-7
    one, two = (
        adl.Problem(adl.CVaR(0.95), event, law).solve(method=method).certificate
        for method in ("separable", "conic")
    )
    assert one.certified and abs(one.value - two.value) <= TOL.value * two.value


def test_scenarios_that_matter_only_after_closing_are_taken_in():
    """A's short X hedges its long Y: pro rata is worst where X rises (64 scenarios are looked at), the
    optimum as bad where both fall.
    """
    rows = [("A", "X", -10.0, 1.0, 0.5), ("A", "Y", 10.0, 1.0, 0.5), ("B", "X", -10.0, 1.0, 6.0)]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 10.0})
    little = 1e-4 * np.arange(100)
    law = adl.Scenarios(np.vstack([np.c_[0.6 - little, 0 * little], np.c_[-0.1 + 0 * little, -0.3 + little]]))
    first = np.argsort(-SymbolsAt(event, law, event.pro_rata_fraction * event.size).loss)[:64]
    assert (first < 100).all()
    interior = TailInteriorPoint(event, law, adl.WorstCase().excess_cost(law.probability))
    fraction = interior.solve(None, 1e-9)
    assert fraction[0] == pytest.approx(4 / 7, rel=TOL.value)  # 0.6 (10 - a) - 0.5 = 3 - 0.1 (10 - a) - 0.5
    assert interior.weights[:100].sum() == pytest.approx(1 / 7, rel=1e-4)
    assert adl.Problem(adl.WorstCase(), event, law).solve(method="separable").certificate.gap <= TOL.value


def test_large_laws_are_solved_by_it_and_small_ones_by_programs():
    event, small, large = (
        event_of(500, 5),
        moves(np.random.default_rng(1), 3, 100),
        moves(np.random.default_rng(1), 3, 1_200),
    )
    assert not pays(adl.CVaR(0.95), event, small) and pays(adl.CVaR(0.95), event, large)
    solved = adl.Problem(adl.CVaR(0.95), event, large).solve()
    assert solved.method == "separable" and solved.certificate.gap <= TOL.value
    assert "scenario multipliers" in solved.certificate.proof


def test_where_many_rows_are_open_a_linear_program_is_slow():
    """Half a million rows: of a calm law few are open and HiGHS is fast; of a wild one many, and accounts
    answer prices.
    """
    event = event_of(500, 5)
    calm, wild = (moves(np.random.default_rng(1), 3, 990, width) for width in (0.01, 0.6))
    for law, expected in ((calm, False), (wild, True)):
        assert pays(adl.ExpectedLoss(), event, law) is expected
        m = [
            SymbolsAt(event, law, amount)
            for amount in (0 * event.size, np.where(event.closable, event.size, 0.0))
        ]
        decided = sum(
            int(((a[2] > 0) != (b[2] > 0)).sum()) for a, b in zip(m[0].arguments(), m[1].arguments())
        )
        assert decided <= open_rows(event, law) <= 500 * 990


def test_an_interrupt_keeps_the_best_point(monkeypatch):
    advance = Quantile.advance
    calls: list[int] = []

    def interrupted(self, primal, dual):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        advance(self, primal, dual)

    monkeypatch.setattr(Quantile, "advance", interrupted)
    with pytest.warns(adl.UncertifiedWarning, match="separable, interrupted"):
        solved = adl.Problem(
            adl.CVaR(0.95), event_of(300, 5), moves(np.random.default_rng(1), 3, 2_000)
        ).solve()
    c = solved.certificate
    assert c.status == "uncertified" and c.bound <= c.value < c.reference and c.clearing_error < 1e-9


def test_nothing_lost_and_nothing_that_closing_changes():
    """Account c loses where nothing that is closed matters: any allocation is optimal, and proved so."""
    rows = [("a", "X", -1.0, 1.0, 100.0), ("b", "X", -1.0, 1.0, 200.0), ("c", "Y", 1.0, 1.0, 0.1)]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 0.5})
    law = adl.Scenarios(np.array([[0.1, -0.1], [-0.1, 0.1], [0.0, -0.5]]))
    certificate = adl.Problem(adl.CVaR(0.5), event, law).solve(method="separable").certificate
    assert certificate.certified and certificate.value == pytest.approx(0.4 * (1 / 3) / 0.5, rel=TOL.rounding)
    safe = adl.Scenarios(np.array([[0.01, -0.01], [-0.01, 0.01]]))
    assert adl.Problem(adl.WorstCase(), event, safe).solve(method="separable").certificate.value == 0


@pytest.mark.parametrize("objective", [adl.WorstCase(), adl.CVaR(1e-12)])
def test_a_tail_that_is_all_there_is(objective):
    """One possible scenario: its weight is 1, and there is no room inside for an interior point."""
    rng, certified = np.random.default_rng(5), 0
    for seed in range(30):
        event = cross(np.random.default_rng(170_000 + seed), 4, 2)
        moves = 0.3 * rng.standard_normal((3, len(event.book.assets)))
        law = (
            adl.Scenarios(moves, [0.0, 1.0, 0.0])
            if isinstance(objective, adl.WorstCase)
            else adl.Scenarios(moves)
        )
        one, two = (
            adl.Problem(objective, event, law).solve(method=how).certificate for how in ("separable", "conic")
        )
        assert one.certified and abs(one.value - two.value) <= TOL.gap * max(two.value, two.floor)
        certified += one.value > 0
    assert certified > 5
