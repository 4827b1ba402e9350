"""Exact sums of floats, and sizes that sum to a requirement to the last bit (§6). numpy only."""

from fractions import Fraction

import numpy as np

from adl_opt.arrays import Array

# Numbers whose halves a float sums exactly; more than the lowest exponent
_MOST_SUMMED, _LOWEST = 1 << 24, 1_100


def exact_sum(values: Array) -> Fraction:
    """The sum of finite floats, exactly, in a few vectorised passes; float() of it is math.fsum's, correctly
    rounded.
    """
    whole = 0
    for a in range(0, len(values), _MOST_SUMMED):
        mantissa, exponent = np.frexp(values[a : a + _MOST_SUMMED])
        # Halves of the 53-bit mantissas, summed by exponent: every sum is a whole number that a float holds.
        mantissa = mantissa * 2.0**27
        high = np.floor(mantissa)
        low = (mantissa - high) * 2.0**26
        place = exponent + _LOWEST
        highs, lows = np.bincount(place, high), np.bincount(place, low)
        for k in np.flatnonzero((highs != 0) | (lows != 0)):
            whole += ((int(highs[k]) << 26) + int(lows[k])) << int(k)
    return Fraction(whole, 1 << (53 + _LOWEST))
