"""The water level under caps: by hand, in rational arithmetic, optimal in every scenario (Thm 1)."""

import math
from fractions import Fraction

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.pathwise import pathwise_gap
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.examples.events import any_allocation
from adl_opt.waterfill.isolated import fill
from adl_opt.waterfill.level import water_level
from tests.books import count, isolated, one_asset, scenarios
from tests.limited import limited, same_value, within
from tests.tolerances import TOL


def test_worked_example():
    # Leverages 8, 4, 2 on equity 1, close 5: uncapped to 3.5; if the first may close half, he closes 4, the
    # second 1, to 3.
    event = one_asset([-8.0, -4.0, -2.0], [1.0, 1.0, 1.0], 5.0)
    assert adl.water_filling(event).amount.tolist() == pytest.approx([4.5, 0.5, 0.0])
    half = adl.Event(event.book, short={"X": 5.0}, cap={"a0": 0.5})
    assert adl.water_filling(half).amount.tolist() == [4.0, 1.0, 0.0]
    assert fill(half)[1].tolist() == [3.0]
    assert adl.water_filling(half).water_level["X"] == pytest.approx(3.0, rel=TOL.formula)
    spared = adl.Event(event.book, short={"X": 5.0}, protected=["a0"])
    assert adl.water_filling(spared).amount.tolist() == pytest.approx([0.0, 3.5, 1.5])
    assert half.capacity["X"] == 10.0 and spared.capacity["X"] == 6.0
    assert "1 account protected; cap 0.5" in repr(
        adl.Event(event.book, short={"X": 1.0}, protected=["a0"], cap=0.5)
    )
    assert "1 account capped, lowest cap 0.5" in repr(half)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_capped_water_filling_is_optimal_in_every_scenario(seed):
    rng = np.random.default_rng(seed)
    event = limited(rng, isolated(rng, decades=12.0 if seed % 2 else 2.0))
    water = adl.water_filling(event)
    assert within(event, water.amount) and water.certificate.certified
    square = adl.Problem(adl.LeverageSquare(), event).solve(method="conic")
    assert square.certificate.certified
    assert same_value(square.certificate.value, water.certificate.value, water.certificate)
    # Strong convexity: leverages differ by no more than the gap allows.
    apart = event.book.equity @ (square.leverages()[1] - water.leverages()[1]) ** 2
    assert apart <= 2 * TOL.gap * square.certificate.value
    law = scenarios(rng, 1, 20)
    terms = np.abs(event.book.notional).sum() * np.abs(law.moves).max() + event.book.equity.sum()
    assert pathwise_gap(event, law, water.amount).max() <= TOL.rounding * terms
    # A scenario alone: no random allocation loses less in it.
    loss = SymbolsAt(event, law, water.amount).loss
    for _ in range(5):
        assert (SymbolsAt(event, law, any_allocation(event, rng)).loss >= loss - TOL.formula * terms).all()
    without = adl.Problem(adl.ExpectedLoss(), event).solve()
    assert without.certificate.certified and without.unique is (None if event.free.any() else True)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_capped_level_in_rational_arithmetic(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    leverage, equity = 10 ** rng.uniform(-7, 7, n), 10 ** rng.uniform(-6, 6, n)
    size = (np.round(leverage) + 1 if seed % 3 == 0 else leverage) * equity
    cap = size * np.where(rng.random(n) < 0.5, 1.0, 10 ** rng.uniform(-4, 0, n))
    required = math.fsum(cap) * 10 ** rng.uniform(-12, 0)
    level, closed = water_level(size, equity, required, cap)
    assert math.fsum(closed) == required and (closed >= 0).all() and (closed <= cap).all()
    s, e, c = ([Fraction(x) for x in values] for values in (size, equity, cap))
    edges = sorted({x / y for x, y in zip(s, e)} | {(x - z) / y for x, y, z in zip(s, e, c)})

    def at(height: Fraction) -> list[Fraction]:
        return [min(max(x - height * y, Fraction(0)), z) for x, y, z in zip(s, e, c)]

    top = next(k for k in range(len(edges)) if sum(at(edges[k])) <= Fraction(required))
    high, low = edges[top], edges[top - 1]
    share = (Fraction(required) - sum(at(high))) / (sum(at(low)) - sum(at(high)))
    exact = high - share * (high - low)
    # Leverages are rounded quotients: of those that close, each may be wrong by an ulp of its size.
    touched = max(float(x) for x, part in zip(size, at(exact)) if part > 0)
    assert (
        max(abs(float(Fraction(a) - b)) for a, b in zip(closed, at(exact)))
        <= TOL.rounding * required + 4e-16 * touched
    )
    assert level == pytest.approx(float(exact), rel=TOL.formula)
    # Caps that do not bind change nothing but rounding.
    assert water_level(size, equity, required, size)[1] == pytest.approx(
        water_level(size, equity, required)[1], abs=TOL.formula * required + 4e-16 * size.max()
    )


def test_ends_of_the_capped_level():
    size, equity, cap = np.array([8.0, 4.0, 2.0]), np.ones(3), np.array([4.0, 2.0, 2.0])
    level, closed = water_level(size, equity, 8.0, cap)
    assert (level, closed.tolist()) == (0.0, [4.0, 2.0, 2.0])
    level, closed = water_level(size[:2], equity[:2], 6.0, cap[:2])
    assert (level, closed.tolist()) == (2.0, [4.0, 2.0])
    assert water_level(size, equity, 0.0, cap)[0] == 8.0
    # Between who must close no more and who does not close yet any level will do.
    level, closed = water_level(np.array([9.0, 2.0]), np.ones(2), 3.0, np.array([3.0, 2.0]))
    assert 2.0 <= level <= 6.0 and closed.tolist() == [3.0, 0.0]
