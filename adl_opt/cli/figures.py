"""How numbers are shown: the digits that are proved, and 0 for what is rounding."""

import math

from adl_opt.certificates.certificate import Certificate
from adl_opt.text import figure

_ROUNDING = 1e-15  # gaps and violations, pure numbers, below this are rounding
_MOST_DIGITS = 10


def proved(number: float, certificate: Certificate) -> str:
    """A value or a bound of a certificate, to the digits in which both agree, at most ten; to seven where
    nothing is proved.
    """
    c = certificate
    if not c.certified or c.bound is None or not math.isfinite(number):
        return figure(number)
    apart = max(abs(c.value - c.bound), c.rounding) / (abs(c.value) or 1.0)
    digits = min(max(-math.ceil(math.log10(max(apart, 1e-300))), 1), _MOST_DIGITS)
    return figure(number, digits, noise=c.rounding)


def share(number: float | None) -> str:
    """A gap or a violation, relative and a pure number: two digits, 0 where it is rounding."""
    return "none" if number is None else figure(number, 2, noise=_ROUNDING)
