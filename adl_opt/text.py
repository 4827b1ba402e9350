"""Words and numbers that several rooms need."""

import difflib
import math
import textwrap
from collections.abc import Iterable
from typing import Any

_WIDTH = 100  # columns of a repr, which has two lines at most
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


def rounded_up(value: float, digits: int = 6) -> float:
    """The least number of so many significant digits that is at least `value` >= 0."""
    if value == 0:
        return 0.0
    place = digits - 1 - math.floor(math.log10(value))
    scale = 10.0 ** abs(place)
    steps = math.ceil(value * scale if place >= 0 else value / scale)
    return steps / scale if place >= 0 else steps * scale


def clipped(text: Any, most: int = 24) -> str:
    """A name that someone gave, on one line and not longer than `most`."""
    line = one_line(text)
    return line if len(line) <= most else line[: most - 3] + "..."


def counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def several(names: Iterable[Any], most: int = 3) -> str:
    """The first few names, and how many there are."""
    given = [clipped(name) for name in names]
    return ", ".join(given[:most]) + (f", ... ({len(given):,} in all)" if len(given) > most else "")


def one_line(text: Any) -> str:
    return " ".join(str(text).split())


def two_lines(text: str) -> str:
    """A repr: one line, or two, of at most 100 columns; what does not fit is left out and said to be."""
    return "\n".join(
        textwrap.wrap(
            one_line(text),
            _WIDTH,
            subsequent_indent="    ",
            max_lines=2,
            placeholder=" ...)",
            break_on_hyphens=False,
        )
    )
