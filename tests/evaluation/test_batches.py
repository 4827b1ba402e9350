"""Accounts in batches: every position once, answers as by the dense formula."""

import numpy as np
import pytest

from adl_opt.evaluation.batches import answers, batches, expected_shortfall, slope
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import cross, elliptical
from tests.tolerances import TOL


def test_batches_hold_every_position_once(rng):
    event = cross(rng, 40, 5)
    parts = batches(event.book)
    legs = np.sort(np.concatenate([part.leg.ravel() for part in parts]))
    assert np.array_equal(legs, np.flatnonzero(event.book.position != 0))
    assert all((event.book.account[part.leg] == part.account[:, None]).all() for part in parts)


def test_answers_are_those_of_the_dense_formula(rng):
    event = cross(rng, 30, 4)
    law = elliptical(rng, len(event.book.assets))[1]
    m = SymbolsAt(event, law, np.zeros(len(event.size)))
    value, gradient = law.shortfall_and_slope(m.exposure, m.equity)
    book = event.book
    assert expected_shortfall(book, law, book.notional) == pytest.approx(value, rel=TOL.rounding)
    held = book.position != 0
    assert slope(book, law, book.notional)[held] == pytest.approx(
        gradient[book.account, book.asset][held], rel=1e-10, abs=1e-15
    )
    curvature = law.slope_and_curvature(m.exposure, m.equity)[1]
    for batch, terms in answers(book, law, book.notional, 2):
        asset = book.asset[batch.leg]
        dense = curvature[batch.account[:, None, None], asset[:, :, None], asset[:, None, :]]
        assert terms[2] == pytest.approx(dense, rel=TOL.formula, abs=TOL.rounding * np.abs(dense).max())
