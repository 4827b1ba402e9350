"""What `verify` asks of every model: `express` against `value` for every public objective, gaps, prices; each
check notices what it is for.
"""

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.program import Program
from adl_opt.verification import soundness
from tests.books import count, cross, isolated, scenarios
from tests.matrix import OBJECTIVES
from tests.tolerances import TOL

MONEY = {
    "Entropic": lambda scale: adl.Entropic(1 / scale),
    "ShortfallRisk": adl.ShortfallRisk,
    "MonotoneMeanVariance": adl.MonotoneMeanVariance,
}  # parameters in money, by the loss at pro rata


def drawn(seed: int):
    """(event, law, loss at pro rata): a random book, isolated or not, that can lose something at pro rata and
    has something to decide.
    """
    rng = np.random.default_rng(seed)
    while True:
        event = isolated(rng, decades=4.0) if rng.random() < 0.3 else cross(rng)
        law = scenarios(rng, len(event.book.assets))
        lost = float(SymbolsAt(event, law, event.pro_rata_fraction * event.size).expected_loss)
        if event.free.any() and lost > 0:
            return event, law, lost


def asked(objective, event, law) -> float:
    return soundness.disagreement(
        Program(objective, event, law), law, event, soundness.allocations(event, seed=1)
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_express_says_what_value_says(name, monkeypatch):
    """At pro rata, random allocations and queues, minimised over its own variables; and a ten-thousandth more
    is noticed.
    """
    objective = None
    for seed in count(40):
        event, law, lost = drawn(seed)
        objective = MONEY[name](lost) if name in MONEY else OBJECTIVES[name]
        assert asked(objective, event, law) <= TOL.value, seed
    value = type(objective).value
    monkeypatch.setattr(type(objective), "value", lambda self, m: 1.0001 * value(self, m))
    assert asked(objective, event, law) == pytest.approx(1e-4, rel=0.01)


def test_factor_leverages():
    for seed in count(40):
        event, _, _ = drawn(seed)
        rng = np.random.default_rng(seed)
        law = (
            adl.OneFactor(rng.normal(size=len(event.book.assets)), adl.Scenarios([-0.1, 0.3]))
            .align(event.book.assets)
            .as_scenarios_if_exact()
        )
        assert asked(adl.FactorLeverageSquare(), event, law) <= TOL.value, seed


@pytest.mark.parametrize(
    "kind", [lambda lost: adl.MeanVariance(1 / lost), lambda lost: adl.MeanDeviation(1.5)]
)
def test_the_measure_below_a_value_only_one(kind):
    for seed in count(20):
        event, law, lost = drawn(seed)
        assert soundness.express_against_value(adl.Problem(kind(lost), event, law)) <= TOL.value, seed


def test_nothing_to_ask():
    """A requirement of everything leaves nothing to decide; an objective without `express`, or without its
    law, has one side only.
    """
    model = adl.load("expected_loss")
    start = model.event(5, 0)
    whole = adl.Problem(adl.ExpectedLoss(), adl.Event(start.book, short={"BTC": "all"}), model.law)
    for check in (soundness.express_against_value, soundness.gaps_are_gaps, soundness.prices_are_slopes):
        assert check(whole) is None
    lawless = adl.Problem(adl.ExpectedLoss(), start)
    assert soundness.express_against_value(lawless) is None and soundness.gaps_are_gaps(lawless) is None

    class Spoken(adl.Objective):
        def value(self, m):
            return float(m.leverage.max())

    assert soundness.express_against_value(adl.Problem(Spoken(), start)) is None


def test_a_book_on_which_nothing_is_lost_proves_nothing():
    """All values are 0: `express` and `value` agree, gaps are 0, and neither says anything."""
    safe = adl.examples.shorts([1.0, 2.0], [1e6, 1e6], 1.0)
    problem = adl.Problem(adl.ExpectedLoss(), safe, adl.Scenarios({"BTC": [-0.1, 0.1]}))
    assert soundness.express_against_value(problem) == 1.0 and soundness.gaps_are_gaps(problem) == 1.0


def test_allocations_are_allocations():
    for seed in count(40):
        event, _, _ = drawn(seed)
        for amount in soundness.allocations(event, seed):
            assert (amount >= 0).all() and (amount <= event.size).all()
            for k in event.free_assets:
                assert amount[event.closable & (event.book.asset == k)].sum() == pytest.approx(
                    event.required[k], rel=TOL.rounding
                )
