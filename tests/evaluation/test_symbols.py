"""The symbols of both sides agree (§17)."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.examples.events import any_allocation
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from tests.books import count
from tests.limited import drawn
from tests.tolerances import TOL


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_symbols_of_both_sides_agree(seed):
    """§17: at random allocations the CVXPY side says of every symbol what numpy says."""
    event, law = drawn(70_000 + seed)
    if not event.free.any():
        return
    rng = np.random.default_rng(seed)
    factor = (
        adl.OneFactor(rng.normal(size=len(event.book.assets)), adl.Scenarios([-0.3, 0.4]))
        .align(event.book.assets)
        .as_scenarios_if_exact()
    )
    fraction = cp.Variable(int(event.free.sum()), bounds=[0, 1])
    for moves, names in (
        (
            law,
            (
                "fraction",
                "closed",
                "left",
                "exposure",
                "leverage",
                "expected_shortfall",
                "shortfall",
                "loss",
                "expected_loss",
            ),
        ),
        (factor, ("factor_leverage",)),
    ):
        program = ConicSymbols(Table(event, moves, 1.0), fraction, plain=True)
        amount = any_allocation(event, rng)
        fraction.value = (amount / np.where(event.size > 0, event.size, 1.0))[event.free]
        m = SymbolsAt(event, moves, amount)
        for name in names:
            one, two = np.asarray(getattr(program, name).value, float), np.asarray(getattr(m, name), float)
            scale = max(
                np.abs(event.book.notional).sum() * max(np.abs(moves.moves).max(), 1),
                event.book.equity.sum(),
                np.abs(two).max(),
            )
            assert np.abs(one - two).max() <= TOL.formula * scale, name


def test_completion_shows_the_symbols_alone():
    """`dir(m)` is what a user may touch, on both sides, and what `adl.Symbols` says."""
    event, law = drawn(70_000)
    names = [name for name in vars(adl.Symbols) if isinstance(vars(adl.Symbols)[name], property)]
    fraction = cp.Variable(int(event.free.sum()), bounds=[0, 1])
    for m in (SymbolsAt(event, law, event.size), ConicSymbols(Table(event, law, 1.0), fraction, plain=True)):
        assert dir(m) == sorted(names)
        needing_law = {"factor_leverage"}
        assert all(hasattr(m, name) for name in set(names) - needing_law)
