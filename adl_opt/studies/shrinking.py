"""The smallest counterexample: greedy steps to fewer accounts and rounder numbers while it stays one."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Case = TypeVar("Case")


def shrunk(
    case: Case,
    smaller: Callable[[Case], Iterator[Case]],
    cost: Callable[[Case], Any],
    badness: Callable[[Case], float],
    least: float,
    most: int,
) -> Case:
    """A case of lower cost that is broken at least half as badly, and by more than `least`.

    - `smaller`: the cases to try instead of one; `cost`: what should be low, anything that compares
    - `badness`: how badly a case is broken, 0 or less where it is not; asked `most` times at most, and as
      often as it takes to finish the cases of one step
    """
    enough, tried, better = max(0.5 * badness(case), least), 0, True
    while better and tried < most:
        better = False
        for other in smaller(case):
            if cost(other) >= cost(case):
                continue
            tried += 1
            if badness(other) > enough:
                case, better = other, True
                break
            if tried >= 2 * most:
                break
    return case


def digits(*columns: Any) -> int:
    """How many characters the numbers of these columns take."""
    return sum(len(f"{value:.12g}") for column in columns for value in column)


def rounder(value: float) -> Iterator[float]:
    """The same with one, two and three digits, then plain numbers of its sign."""
    for places in (1, 2, 3):
        yield float(f"{value:.{places}g}")
    for plain in (1.0, 2.0, 10.0):
        yield plain if value > 0 else -plain
