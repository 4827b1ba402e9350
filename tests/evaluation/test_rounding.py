"""The estimates of rounding against exact arithmetic (§11, THEORY 11.1)."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation import rounding
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import count, cross, isolated, one_asset, scenarios
from tests.objectives_of_users import LossByHand
from tests.tolerances import TOL


def exact_losses(event, law, amount):
    """The losses beyond equity, (n, S) fractions: what the floats in book, law and allocation say exactly."""
    book = event.book
    shortfall = [[-Fraction(float(e))] * len(law.moves) for e in book.equity]
    for j in range(len(book.position)):
        left = Fraction(float(book.position[j])) - Fraction(float(np.sign(book.position[j]) * amount[j]))
        notional = left * Fraction(float(book.price[book.asset[j]]))
        row = shortfall[book.account[j]]
        for s, move in enumerate(law.moves[:, book.asset[j]]):
            row[s] -= notional * Fraction(float(move))
    return [[max(x, Fraction(0)) for x in row] for row in shortfall]


@pytest.mark.parametrize("seed", count(300))
def test_the_rounding_of_scenario_values_is_within_the_estimate(seed):
    rng = np.random.default_rng(seed)
    event = cross(rng, 5, 2, decades=6) if seed % 2 else isolated(rng, 5)
    law = scenarios(rng, len(event.book.assets), 6)
    if seed % 3 == 0:  # on a kink: the equity of every account is what it loses in one scenario
        m = SymbolsAt(event, law, adl.pro_rata(event).amount)
        worst = next(m.arguments())[2][:, 0] + event.book.equity
        book = replace(event.book, equity=np.where(worst > 0, worst, event.book.equity))
        event = adl.Event(book, short=event.short, long=event.long)
    amount = adl.examples.any_allocation(event, rng)
    m = SymbolsAt(event, law, amount)
    shortfall = exact_losses(event, law, amount)
    total = [sum(column) for column in zip(*shortfall)]
    probability = [Fraction(float(p)) for p in law.probability]
    exact = {
        adl.ExpectedLoss(): sum(p * x for p, x in zip(probability, total)),
        adl.WorstCase(): max(x for p, x in zip(probability, total) if p > 0),
        adl.CVaR(0.8): exact_cvar(total, probability, Fraction(0.8)),
        adl.MeanSemideviation(0.5): exact_semideviation(total, probability),
        adl.OCE(4.0, 0.5): min(
            t + sum(p * (4 if x > t else Fraction(1, 2)) * (x - t) for p, x in zip(probability, total))
            for t in total
        ),
        adl.Expectile(0.75): exact_expectile(total, probability),
    }
    for objective, truth in exact.items():
        error = abs(Fraction(objective.value(m)) - truth)
        assert error <= Fraction(1.1) * Fraction(objective.value_rounding(m)) or error == 0


def exact_semideviation(total, probability):
    mean = sum(p * x for p, x in zip(probability, total))
    return mean + sum(p * max(x - mean, Fraction(0)) for p, x in zip(probability, total)) / 2


def exact_expectile(total, probability):
    """The largest weighted mean whose weights are 3 above some loss and 1 up to it."""
    weights = (
        [p * (3 if x > t else 1) for p, x in zip(probability, total)] for t in [min(total) - 1, *total]
    )
    return max(sum(w * x for w, x in zip(weight, total)) / sum(weight) for weight in weights)


def exact_cvar(total, probability, level):
    left, value = 1 - level, Fraction(0)
    for loss, p in sorted(zip(total, probability), reverse=True):
        value += min(p, left) * loss
        left -= min(p, left)
    return value / (1 - level)


@pytest.mark.parametrize("seed", count(200))
def test_the_noise_of_any_value_is_seen_in_its_last_digits(seed):
    """Where only `value` is known, the estimate covers the difference to the exact value, and is not
    large.
    """
    rng = np.random.default_rng(seed)
    event = cross(rng, 4, 2)
    law = scenarios(rng, len(event.book.assets), 6)
    amount = adl.examples.any_allocation(event, rng)
    m = SymbolsAt(event, law, amount)
    estimate = rounding.BOTH * rounding.perturbed_rounding(adl.ExpectedLoss().value, m)
    truth = sum(
        p * sum(column)
        for p, column in zip(map(Fraction, law.probability.tolist()), zip(*exact_losses(event, law, amount)))
    )
    assert abs(Fraction(adl.ExpectedLoss().value(m)) - truth) <= Fraction(estimate)
    gross = float(
        (law.probability @ np.abs(law.moves)).max() * np.abs(event.book.notional).sum()
        + event.book.equity.sum()
    )
    assert estimate <= 1e-11 * gross

    class Single(adl.Objective):
        def value(self, other):
            return float(np.float32(other.expected_loss))

    coarse = rounding.perturbed_rounding(Single().value, m)
    assert abs(Single().value(m) - float(truth)) <= rounding.BOTH * coarse


def test_entropic_keeps_its_digits_where_a_large_loss_is_rare():
    """log E exp(L): top + log cancelled, 48 times the rounding; Python's integers of 10^60 say what is
    right.
    """
    from decimal import Decimal, getcontext

    getcontext().prec = 60
    for probability, loss in (
        (1e-9, 2.0),
        (1e-15, 20.0),
        (1e-200, 460.0),
        (1e-300, 705.0),
        (1e-300, 760.0),
        (0.3, 900.0),
    ):
        law = np.array([1 - probability, probability])
        mine = adl.Entropic(1.0).of(np.array([0.0, loss]), law)
        truth = (
            Decimal(law[0])
            + Decimal(probability) * Decimal(loss).exp()
            + (1 - Decimal(law[0]) - Decimal(probability))
        ).ln()
        assert mine == pytest.approx(float(truth), rel=4 * np.finfo(float).eps * (1 + loss))


class OfTiers(LossByHand):
    """The expected loss and half of what accounts of a leverage of 10 and more keep, quote currency."""

    def value(self, m):
        return super().value(m) + 0.5 * float((m.leverage_before >= 10) @ (m.equity * m.leverage))

    def express(self, m):
        return super().express(m) + 0.5 * ((m.leverage_before >= 10) * m.equity) @ m.leverage


class AtTheEdge(LossByHand):
    """The expected loss, which is no number where an equity is below 1."""

    def value(self, m):
        with np.errstate(invalid="ignore"):
            return super().value(m) + 0 * float(np.sqrt(m.event.book.equity - 1.0).sum())


class RaisingAtTheEdge(LossByHand):
    """The expected loss, which raises where an equity is below 1."""

    def value(self, m):
        return super().value(m) + 0 * sum(map(math.sqrt, m.event.book.equity - 1.0))


@pytest.mark.parametrize(
    "objective", [OfTiers(), AtTheEdge(), AtTheEdge() + adl.CVaR(0.5), RaisingAtTheEdge()], ids=str
)
def test_what_changed_inputs_decide_is_no_rounding(objective: adl.Objective) -> None:
    # The estimate changes inputs in their last digits: an equity of 1 is then less, a leverage of 10 is then
    # below it.
    event = one_asset([-10.0, -10.0, -3.0], [1.0, 4.0, 2.0], 5.0)
    law = adl.Scenarios([[0.2], [0.4], [-0.1]])
    best = adl.Problem(objective, event, law).solve().certificate
    said = adl.certify(objective, event, law, adl.pro_rata(event))
    assert best.certified and said.value > 1.5 * best.value
    assert said.status == "uncertified" and said.gap == pytest.approx(1 - best.value / said.value, rel=1e-5)
    assert said.rounding < TOL.rounding * said.value
