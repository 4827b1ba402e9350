"""The words that explain an account, and that they never contradict its price."""

import numpy as np
import pytest

import adl_opt as adl
from tests.books import cross, frame, scenarios


def test_explain(paper):
    law = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85, 10 / 365)
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    reduced, spared, hedged = (solved.explain(name) for name in "ABD")
    assert (
        reduced.startswith("account A: reduced (equity 242,100")
        and "one more contract saves 320.7051: on the margin" in reduced
    )
    assert (
        "gross leverage 4.748864 -> 3.985098" in reduced
        and "volatility leverage 0.5163538 -> 0.4450743" in reduced
    )
    assert "expected shortfall 2,162.491 -> 1,000.63" in reduced
    assert (
        "spared" in spared
        and "closing would save 249.7272 a contract, no more than the shadow price 320.7051" in spared
    )
    assert "ETH 190: stays, nothing is required of it (closing it would add" in hedged
    rough = adl.Problem(adl.ExpectedLoss(), paper, law.quadrature(20)).solve().explain("C")
    assert "the last contract saved 371.165, one more would save 248.9243: on the margin" in rough
    everything = adl.Problem(adl.ExpectedLoss(), paper, law).solve(short={"BTC": "all"}).explain("A")
    assert "closed whole" in everything and "all of it is required, nothing is decided" in everything
    assert "there is no shadow price (a policy, or no law)" in adl.pro_rata(paper).explain("A")
    factor = adl.load("factor").problem()
    assert "factor leverage" in factor.solve().explain(factor.event.book.accounts[0])
    hedge = adl.load("hedge_matters").problem().solve()
    assert "it hedges: spared" in hedge.explain("A0")


def test_explain_says_what_was_closed_whole_and_which_side():
    rows = [
        ("a", "X", -10.0, 1.0, 0.5),
        ("a", "Y", -50.0, 1.0, 0.5),
        ("b", "X", -10.0, 1.0, 50.0),
        ("c", "X", 3.0, 1.0, 5.0),
    ]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 10.5})
    solved = adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([[0.5, 0.5]])).solve()
    assert "closed 10, all of it; its last contract saved" in solved.explain("a")
    assert "only shorts are closed" in solved.explain("c") and "has nothing to close" in solved.explain("c")


@pytest.mark.parametrize("seed", range(8))
def test_explain_never_contradicts_the_price(seed):
    """What is said to be saved on the margin is the shadow price, also for coupled measures and at kinks."""
    import re

    rng = np.random.default_rng(seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets))
    for measure in (adl.ExpectedLoss(), adl.CVaR(0.8), adl.WorstCase(), adl.Entropic(1e-2)):
        solved = adl.Problem(measure, event, law).solve()
        for account in event.book.accounts:
            for line in solved.explain(account).splitlines():
                found = re.search(
                    r"one more (?:contract saves|would save) (\S+): on the margin, the shadow price (\S+) ",
                    line,
                )
                if found:
                    saved, price = (float(x.replace(",", "")) for x in found.groups())
                    last = re.search(r"last contract saved (\S+),", line)
                    most = float(last.group(1).replace(",", "")) if last else saved
                    scale = max(abs(price), abs(saved), 1e-12)
                    assert saved <= price + 1e-5 * scale and price <= most + 1e-5 * scale, line
    unit = adl.Problem(adl.MaxLeverage(), event).solve().explain(event.book.accounts[0])
    assert "quote currency per contract" not in unit
