"""Words that several rooms need."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that `name` was perhaps meant to be, whatever its case; None if none is like it."""
    by_lower = {one.lower(): one for one in names}
    wanted = name.strip().lower()
    near = [wanted] if wanted in by_lower else difflib.get_close_matches(wanted, by_lower, 1, 0.4)
    return by_lower[near[0]] if near else None
