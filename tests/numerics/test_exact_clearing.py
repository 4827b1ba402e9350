"""Sums to the last bit, and closings that sum to the requirement exactly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adl_opt.numerics import exact_clearing
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.numerics.exact_sums import exact_sum
from tests.books import count


def test_short_sums_are_cleared_as_long_ones_are(rng):
    """Up to some numbers `math.fsum` sums, above exact integers: both round once."""
    for _ in count(400):
        n = int(rng.integers(1, 40))
        size = 10 ** rng.uniform(-12, 12, n) * (rng.random(n) > 0.1)
        closed = rng.random(n) * size
        required = float(
            min(closed.sum() * (1 + rng.choice([0.0, 1e-16, 1e-9, 0.1]) * rng.normal()), exact_sum(size))
        )
        cleared = clear_exactly(closed, size, required)
        assert math.fsum(cleared.tolist()) == required
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exact_clearing, "_FEW", -1)
            assert np.array_equal(cleared, clear_exactly(closed, size, required))


@settings(max_examples=200)
@given(st.lists(st.floats(-1e200, 1e200), max_size=30))
def test_the_vectorised_sum_is_fsum(values):
    from adl_opt.numerics.exact_sums import exact_sum

    assert float(exact_sum(np.array(values))) == math.fsum(values)


def test_clearing_a_hundred_thousand_legs_an_ulp_below_capacity_is_quick():
    """Not timed; a quadratic loop here would take a minute and be noticed."""
    from adl_opt.numerics.exact_clearing import clear_exactly

    rng = np.random.default_rng(5)
    size = np.round(rng.random(100_000), 2) + 0.01
    required = float(np.nextafter(math.fsum(size), 0))
    for start in (np.zeros_like(size), size.copy(), 0.5 * size):
        assert math.fsum(clear_exactly(start, size, required)) == required
