"""Words and numbers that several rooms need."""

import difflib
import math
from collections.abc import Iterable

NOISE = 1e-12  # of the numbers that a difference is taken of: a smaller difference is their rounding


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that `name` was perhaps meant to be, whatever its case; None if none is like it."""
    by_lower = {one.lower(): one for one in names}
    wanted = name.strip().lower()
    near = [wanted] if wanted in by_lower else difflib.get_close_matches(wanted, by_lower, 1, 0.4)
    return by_lower[near[0]] if near else None


def figure(value: float, digits: int = 7, noise: float = 0.0) -> str:
    """Significant digits with thousands separators; exponents only beyond 1e15 and below 1e-4. A size up to
    `noise` is rounding, and shown as 0.
    """
    if abs(value) <= noise:
        return "0"
    if value == 0 or not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
