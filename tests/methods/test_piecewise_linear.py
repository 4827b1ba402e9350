"""The closed form in one asset where tails decide."""

import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, one_asset
from tests.tolerances import TOL


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_the_tail_decides_exactly(seed):
    """All but 1e-10 of the probability sits below every kink: the slopes that decide are tiny beside the
    first ones (once 2 % off).
    """
    from adl_opt.evaluation.symbols import SymbolsAt
    from adl_opt.methods.piecewise_linear import best_in_asset

    rng = np.random.default_rng(seed)
    equity, leverage = 10 ** rng.uniform(0, 3, 8), rng.uniform(2, 30, 8)
    sizes = leverage * equity
    for side, turn in (("short", 1.0), ("long", -1.0)):
        event = one_asset(-turn * sizes, equity, 0.6 * float(sizes.sum()), side=side)
        moves = np.sort(np.concatenate([[0.04, 0.05], rng.uniform(0.1, 3, 12)]))
        weight = np.where(moves < 0.06, 1.0, 10.0 ** -rng.uniform(10, 18, len(moves)))
        law = adl.Scenarios(turn * moves, weight / weight.sum(), meant=True)

        def loss(amount, event=event, law=law):
            return SymbolsAt(event, law, amount).expected_loss

        best = loss(adl.water_filling(event).amount)
        assert (
            loss(best_in_asset(event, law, np.zeros(8), 0)) <= best * (1 + TOL.formula) + 1e-26 * sizes.sum()
        )
        assert adl.Problem(adl.ExpectedLoss(), event, law).solve(method="separable").certificate.certified
