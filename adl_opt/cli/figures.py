"""How numbers are shown: the digits that are proved, and 0 for what is rounding."""

import math

from adl_opt.certificates.certificate import Certificate
from adl_opt.data.tables import figure

_ROUNDING = 1e-14  # relative: a difference of doubles below this is none
_MOST_DIGITS = 10


def proved(number: float, certificate: Certificate) -> str:
    """A value or a bound of a certificate, to the digits in which both agree, at most ten; to seven where
    nothing is proved.
    """
    c = certificate
    if not c.certified or c.bound is None or not math.isfinite(number) or number == 0:
        return figure(number)
    open_ = max(abs(c.value - c.bound), c.rounding) / abs(c.value or number)
    digits = min(max(-math.ceil(math.log10(max(open_, 1e-300))), 1), _MOST_DIGITS)
    return figure(number, digits)


def share(gap: float | None) -> str:
    """A gap or a violation, relative and a pure number: two digits, 0 where it is rounding."""
    return "none" if gap is None else "0" if abs(gap) < _ROUNDING else f"{gap:.2g}"


def beyond(number: float, scale: float) -> str:
    """What exceeds something of size `scale`: seven digits, 0 where it is rounding."""
    return "0" if abs(number) <= _ROUNDING * abs(scale) else figure(number)
