"""Nothing, or at least a minimum, remains of every position: against brute force, and honest about what the
condition costs.
"""

import itertools

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import count, one_asset
from tests.tolerances import TOL

LAW = adl.Scenarios(np.linspace(-0.3, 0.9, 9))


def loss(event, amount):
    return SymbolsAt(event, LAW, amount).expected_loss


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(50))
def test_all_or_nothing_against_brute_force(seed):
    """Whole numbers of contracts, the requirement the sum of some positions: every subset that clears is
    tried.
    """
    rng = np.random.default_rng(180_000 + seed)
    position = rng.integers(1, 9, 7).astype(float)
    chosen = rng.random(7) < 0.5
    chosen[rng.integers(7)] = True
    if chosen.all():
        chosen[0] = False
    event = one_asset(-position, position / rng.lognormal(1, 1, 7), float(position[chosen].sum()))
    found = adl.without_remainders(event, LAW, {"X": 100.0})
    subsets = [
        np.array(s) * position
        for s in itertools.product([0, 1], repeat=7)
        if np.dot(s, position) == event.required[0]
    ]
    assert found.certificate.value == pytest.approx(
        min(loss(event, s) for s in subsets), rel=TOL.value, abs=1e-9
    )
    assert np.isin(found.amount / position, [0.0, 1.0]).all() and found.certificate.clearing_error == 0


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(50))
def test_what_remains_is_nothing_or_enough(seed):
    rng = np.random.default_rng(181_000 + seed)
    position = rng.uniform(1, 9, 8)
    event = one_asset(
        -position, position / rng.lognormal(1, 1, 8), float(rng.uniform(0.2, 0.8) * position.sum())
    )
    free = adl.Problem(adl.ExpectedLoss(), event, LAW).solve().certificate.value
    before = free
    for minimum in (0.5, 2.0):
        found = adl.without_remainders(event, LAW, {"X": minimum})
        left = position - found.amount
        assert ((left == 0) | (found.amount == 0) | (left >= minimum * (1 - 1e-6))).all()
        assert (
            found.certificate.clearing_error <= TOL.rounding * event.required[0]
            and found.certificate.value >= before - TOL.gap * before - 1e-9
        )
        assert (
            found.certificate.bound == pytest.approx(free, rel=1e-6, abs=1e-9)
            or found.certificate.bound <= free
        )
        before = found.certificate.value


def test_a_minimum_that_never_binds_changes_nothing():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    found = adl.without_remainders(event, LAW, {"X": 1e-3})
    best = adl.Problem(adl.ExpectedLoss(), event, LAW).solve()
    assert found.certificate.value == pytest.approx(best.certificate.value, rel=TOL.formula)
