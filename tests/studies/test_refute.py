"""Conjectures: what is planted is found, small and with both certificates; what is true is not refuted."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.studies.conjectures import refute as refuting
from adl_opt.studies.conjectures import search
from adl_opt.studies.conjectures.cases import Case
from adl_opt.studies.conjectures.search import Search
from tests.books import FULL, cross, frame, isolated, one_asset
from tests.studies.conjectures_planted import FALSE, LOADING, SQUARE, TRUE, Conjecture, one_factor
from tests.tolerances import TOL

BOOKS = 300 if FULL else 30
LAW = adl.Scenarios({"X": [0.1, 0.4, -0.3], "Y": [0.2, -0.4, -0.1]})


@pytest.fixture(autouse=True)
def shortly(monkeypatch, request):
    """In `make test` counterexamples are made small as far as is needed."""
    if not FULL and "hand" not in request.node.name:
        monkeypatch.setattr(search, "_MOST_SHRUNK", 40)


def refuted(one: Conjecture, **more) -> adl.Refutation:
    return adl.refute(one.given, one.objective, **{**one.more, **more})


# In `make test` those whose share of wrong books is found among the first thirty.
@pytest.mark.parametrize("one", FALSE if FULL else FALSE[1:3] + FALSE[15:18], ids=lambda one: one.name)
def test_a_planted_flaw_is_found(one):
    found = refuted(one)
    assert found.refuted and found.event is not None and len(found.event.book.accounts) <= 5
    book = adl.Book.from_frame(found.to_frame())
    again = adl.Event(book, short=found.event.short, long=found.event.long)
    assert np.array_equal(again.book.position, found.event.book.position)
    if one.objective is None:
        return
    given = adl.certify(one.objective, again, found.law, found.to_frame())
    other = adl.certify(
        one.objective, again, found.law, found.to_frame().assign(closed=found.to_frame()["better"])
    )
    assert given.status in ("uncertified", "infeasible") and other.status != "infeasible"
    for certificate, known in ((given, found.given), (other, found.better)):
        assert known.certificate.value == pytest.approx(certificate.value, rel=TOL.rounding)
    if given.status != "infeasible":  # not a gap that is open: a better allocation
        assert given.value - other.value > 1e-6 * max(abs(given.value), abs(other.value))


@pytest.mark.parametrize("one", FALSE if FULL else FALSE[8:12:3], ids=lambda one: one.name)
def test_planted_flaws_are_wrong_on_a_hundredth_of_books_and_found_by_other_seeds(one):
    other = one.more.get("never_worse_than")
    question, _, measure = refuting._question(one.given, one.objective, other, 1e-6)
    law = one.more.get("law")
    draws = law is None and measure is not None and refuting._needs_law(measure)
    asked = Search(question, law, draws, None, 1, 300)
    broken = sum(asked.outcome(number)[0] == "broken" for number in range(300))
    assert broken >= 3
    assert all(refuted(one, seed=seed, books=900).refuted for seed in ((2, 3) if FULL else ()))


@pytest.mark.parametrize("one", TRUE, ids=lambda one: one.name)
def test_theorems_are_not_refuted(one):
    found = refuted(one, books=BOOKS)
    assert not found.refuted and found.tried == BOOKS and found.undecided == 0
    assert found.refused <= (0.7 if one.objective is None else 0) * BOOKS
    assert found.in_words().startswith("not refuted") and "which is no proof" in repr(found)


def test_a_counterexample_by_hand():
    """Pro rata leaves 1 of 2 on equity 1 and 1 of 2 on equity 3, leverages 1 and 1/3; level they are 1/2."""
    event = one_asset([-2.0, -2.0], [1.0, 3.0], 2.0)
    found = adl.refute("pro_rata", adl.MaxLeverage(), events=[event])
    assert found.tried == 1 and len(found.event.book.accounts) == 2
    start = found.event.book.leverage.to_numpy()
    share = found.event.required[0] / found.event.capacities[0]
    assert found.given.certificate.value == pytest.approx((1 - share) * start.max())
    level = found.event.book.gross_notional.sum() * (1 - share) / found.event.book.equity.sum()
    assert found.better.certificate.value == pytest.approx(level)


def test_an_objectives_own_formula_is_a_conjecture():
    class Squares(adl.Objective):
        def express(self, m):
            import cvxpy as cp

            return m.equity @ cp.square(m.leverage)

        def value(self, m):
            return float(m.equity @ m.leverage**2)

        def closed_form(self, event, law):
            return adl.pro_rata(event).amount if event.side[0] > 0 else adl.gross_water_filling(event).amount

    found = adl.refute(Squares())
    assert found.refuted and found.event.long and found.better.method == "conic"
    assert "closed_form of Squares minimises it" in found.in_words()


def test_measures_that_can_only_be_valued_are_refuted_by_trying():
    """THEORY 2: E = (1, 1), q = (3, 3), Q = 3, R in {.5, 3}: mean + variance prefers (0.8, 2.2)."""
    event, law = (one_asset([-3.0, -3.0], [1.0, 1.0], 3.0), adl.Scenarios({"X": [0.5, 3.0]}, meant=True))
    found = adl.refute(adl.water_filling, adl.MeanVariance(0.2), law=law, events=[event])
    assert found.refuted and found.better.certificate.value < found.given.certificate.value


def test_a_law_may_be_one_or_of_each_event_or_drawn():
    drawn = adl.refute("pro_rata", adl.ExpectedLoss())
    assert drawn.law is not None and drawn.law.assets == drawn.event.book.assets
    given = adl.refute("pro_rata", adl.ExpectedLoss(), law=LAW)
    assert given.law is LAW and set(given.event.book.assets) <= {"X", "Y"}
    plain = adl.refute("pro_rata", adl.ExpectedLoss(), law=adl.Scenarios([[0.5, 0.5], [-0.5, 0.5]]))
    assert plain.refuted and len(plain.law.moves) == 2
    own = adl.refute("pro_rata", adl.ExpectedLoss(), law=one_factor)
    assert own.refuted and np.array_equal(own.law.loading, [LOADING[name] for name in own.event.book.assets])
    assert adl.refute("pro_rata", adl.MaxLeverage()).law is None


def test_events_may_be_a_models_or_have_limits():
    assert adl.refute("pro_rata", adl.ExpectedLoss(), law=LAW, events=isolated_of_seed).refuted
    capped = adl.Event(one_asset([-9.0, -9.0], [1.0, 3.0], 1.0).book, short={"X": 4.0}, cap=0.5)
    found = adl.refute("pro_rata", adl.ExpectedLoss(), events=[capped])
    assert found.event is capped and found.tried <= 300 and found.given.certificate.status == "uncertified"


def isolated_of_seed(n, seed):
    return isolated(np.random.default_rng(seed), n, decades=2.0)


def test_refusals_are_counted_and_all_of_them_are_no_test():
    found = adl.refute(adl.water_filling, adl.MaxLeverage(), events="cross", books=9)
    assert found.refused >= 8 and not found.refuted
    never = adl.refute(refuses, adl.MaxLeverage(), books=3)
    assert never.in_words().startswith("not tested") and never.refused == 3


def refuses(event):
    raise adl.EventError("not of this book")


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_executors_find_the_same(kind):
    late = FALSE[8]
    alone = refuted(late)
    with kind(2) as pool:
        shared = refuted(late, executor=pool)
    assert shared.to_frame().equals(alone.to_frame()) and shared.in_words() == alone.in_words()
    assert (shared.tried, shared.refused, shared.excess) == (alone.tried, alone.refused, alone.excess)
    assert alone.tried > 32  # more than one wave


def test_the_same_seed_finds_the_same():
    one, two, other = (adl.refute("uniform", SQUARE, seed=seed) for seed in (4, 4, 5))
    assert one.to_frame().equals(two.to_frame()) and not one.to_frame().equals(other.to_frame())


def test_books_are_of_all_kinds():
    """Isolated and cross margin, both sides, ties, next to nothing and everything, and as tables the same."""
    asked = Search(None, None, False, None, 1, 300)
    events = [asked.case(number).event() for number in range(300)]
    single = [event.book.isolated for event in events]
    sides = {tuple(sorted(set(event.side[event.side != 0]))) for event in events}
    share = np.concatenate([event.required / np.maximum(event.capacities, 1e-300) for event in events])
    assert 0.3 < np.mean(single) < 0.7 and sides == {(-1,), (1,), (-1, 1)}
    assert (share == 1).any() and ((share > 0) & (share < 1e-3)).any() and (share[share < 1] > 0.999).any()
    ties = [(np.diff(np.sort(event.book.leverage.to_numpy())) == 0).any() for event in events]
    assert np.mean(ties) > 0.05
    for event in events:
        again = adl.Book.from_frame(event.book.to_frame())
        assert again.assets == event.book.assets and np.array_equal(again.position, event.book.position)
        assert _sorted(Case.of(event).event()).equals(_sorted(event))


def _sorted(event):
    return event.book.to_frame().sort_values(["account", "asset"], ignore_index=True)


def test_a_case_of_ones_own_event_keeps_its_names():
    event = cross(np.random.default_rng(3))
    case = Case.of(event)
    assert list(case.accounts) == list(event.book.accounts) and case.event().long == event.long
    assert Case.of(adl.Event(event.book, short=event.short, long=event.long, protected=["a0"])) is None


def test_what_a_case_does_not_know_stays_as_it_is():
    """Both sides of one asset in an account, and contracts settled in coin: refuted as they are given."""
    both = frame(["a", "a", "b"], "X", [-9.0, 2.0, -9.0], 1.0, [1.0, 1.0, 3.0])
    coin = frame(["a", "b"], "X", [-90.0, -90.0], 100.0, [1.0, 3.0]).assign(kind="inverse", settlement="BTC")
    for table in (both, coin):
        event = adl.Event(adl.Book.from_frame(table), short={"X": 8.0})
        found = adl.refute("pro_rata", adl.LeverageSquare(), events=[event])
        assert Case.of(event) is None and found.event is event and found.better.certificate.certified


def test_it_shows_itself():
    found = adl.refute("pro_rata", adl.ExpectedLoss())
    panel = found._repr_html_()
    assert "refuted" in panel and "probability" in panel and "better" in panel
    assert "no counterexample" in adl.refute(adl.water_filling, SQUARE, books=2)._repr_html_()
    assert len(repr(found).splitlines()) <= 2
