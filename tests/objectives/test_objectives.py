"""Objectives: the algebra, and `express` against `value` at random allocations, on plain symbols and on those
of the program.
"""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from tests.books import count, cross, scenarios
from tests.tolerances import TOL


class Everything(adl.Objective):
    """Every symbol of m once, so that both sides must say the same."""

    def express(self, m):
        return (
            m.expected_loss
            + m.probability @ m.loss
            + cp.sum(m.shortfall @ m.probability)
            + cp.sum(m.expected_shortfall)
            + m.unit ** (-1) * 0
            + cp.sum(cp.abs(m.exposure))
            + m.equity @ cp.square(m.leverage)
            + m.equity @ m.leverage_before
            + cp.sum(cp.multiply(np.arange(m.fraction.size), m.fraction)) * m.equity.sum()
            + cp.sum(cp.abs(m.left) + cp.abs(m.closed)) * m.equity.sum()
        )

    def value(self, m):
        return (
            m.expected_loss
            + m.probability @ m.loss
            + (m.shortfall @ m.probability).sum()
            + m.expected_shortfall.sum()
            + np.abs(m.exposure).sum()
            + m.equity @ m.leverage**2
            + m.equity @ m.leverage_before
            + (np.arange(m.fraction.size) * m.fraction).sum() * m.equity.sum()
            + (np.abs(m.left) + np.abs(m.closed)).sum() * m.equity.sum()
        )


class FactorSquare(adl.Objective):
    def express(self, m):
        return m.equity @ cp.square(m.factor_leverage)

    def value(self, m):
        return m.equity @ m.factor_leverage**2


OBJECTIVES = [
    adl.ExpectedLoss(),
    adl.MaxLeverage(),
    adl.LeverageSquare(),
    adl.LeveragePower(1.0),
    adl.LeveragePower(3.5),
    adl.ExpectedLoss() + 2 * adl.MaxLeverage() + 0.5 * adl.LeverageSquare(),
    Everything(),
]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_express_is_value(objective, seed):
    rng = np.random.default_rng(seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets))
    if not event.free.any():
        return
    fraction = cp.Variable(int(event.free.sum()), bounds=[0, 1])
    fraction.value = rng.random(fraction.size)
    amount = event.fixed_fraction * event.size
    amount[event.free] = fraction.value * event.size[event.free]
    value = objective.value(SymbolsAt(event, law, amount))
    for plain in (True, False):
        m = ConicSymbols(Table(event, law, 7.0), fraction, plain=plain)
        expression = objective.express(m)
        assert expression.is_convex()
        for row in m.named.values():  # the epigraph variables at their rows, as a solver leaves them
            above, height = row.args[1], row.args[0]
            (above if isinstance(above, cp.Variable) else height).value = np.maximum(height.value, 0)
        said = float(np.ravel(expression.value)[0]) * 7.0**objective.money
        assert said == pytest.approx(value, rel=TOL.formula, abs=TOL.rounding * event.book.equity.sum())


def test_factor_leverage_needs_a_one_factor_law(paper):
    law = adl.OneFactor([1.0, 0.9], adl.Scenarios([-0.1, 0.1]))
    solved = adl.Problem(FactorSquare(), paper, law).solve(method="conic")
    assert solved.certificate.certified and solved.certificate.proof.startswith("conic dual")


def test_algebra_and_names():
    total = adl.ExpectedLoss() + 0.5 * adl.MaxLeverage() + adl.LeveragePower(3) * 2
    assert str(total) == "ExpectedLoss + 0.5 * MaxLeverage + 2 * LeveragePower(3)"
    assert str(3 * (adl.ExpectedLoss() + adl.LeverageSquare())) == "3 * ExpectedLoss + 3 * LeverageSquare"
    assert (adl.ExpectedLoss() + adl.ExpectedLoss()).monotone and not total.monotone
    assert adl.ExpectedLoss().money == 1 and adl.MaxLeverage().money == 0


def test_parts_are_reported_unweighted(paper, law):
    solved = adl.Problem(adl.ExpectedLoss() + 1000 * adl.MaxLeverage(), paper, law).solve()
    assert set(solved.parts) == {"ExpectedLoss", "MaxLeverage"}
    total = solved.parts["ExpectedLoss"] + 1000 * solved.parts["MaxLeverage"]
    assert total == pytest.approx(solved.certificate.value, rel=TOL.rounding)
    assert solved.certificate.unit == "quote currency + x of equity"


@pytest.mark.parametrize(
    "objective",
    [adl.LeverageSquare(), adl.LeveragePower(2.5), adl.MaxLeverage(), adl.ExpectedLoss()],
    ids=str,
)
def test_minorants_lie_below(objective, rng):
    """The supporting affine function never exceeds the objective at any allocation, whatever slope is taken
    in its interval.
    """
    from adl_opt.evaluation.minorants import Dual

    for seed in range(20):
        draw = np.random.default_rng(seed)
        event = cross(draw)
        law = scenarios(draw, len(event.book.assets))
        at = np.where(
            event.free, draw.random(len(event.size)) * event.size, event.fixed_fraction * event.size
        )
        m = SymbolsAt(event, law, at)
        below = objective.minorant(m, Dual())
        for _ in range(10):
            other = np.where(event.free, draw.random(len(event.size)) * event.size, at)
            slope = below.low + draw.random() * (below.high - below.low)
            step = slope @ (SymbolsAt(event, law, other).fraction - m.fraction)
            value = objective.value(SymbolsAt(event, law, other))
            assert objective.value(m) - below.slack + step <= value + TOL.formula * abs(value)


class Named(adl.Objective):
    def __init__(self, power):
        self.power = power

    def express(self, m):
        return m.equity @ cp.power(m.leverage, self.power)

    def value(self, m):
        return float(m.equity @ m.leverage**self.power)


def test_objectives_of_one_class_are_told_apart(paper):
    table = adl.compare(paper, measures=[Named(2), Named(4)])
    assert {"Named(power=2)", "Named(power=4)"} <= set(table.columns)
    parts = (
        adl.Problem(adl.ExpectedLoss() + 2 * adl.ExpectedLoss(), paper, adl.load("cross_margin").law)
        .solve()
        .parts
    )
    assert list(parts) == ["ExpectedLoss", "ExpectedLoss #2"]
