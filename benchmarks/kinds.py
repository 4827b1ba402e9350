"""What a measurement is: a question at sizes with contenders, and a ratio worth a line of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from .verbs import Case, Contender


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A question, the sizes (accounts) at which it is asked, and what answers it.

    against: contenders whose time counts as 1, a column each; seconds: after which no further round begins
    (driver.py); memory: contenders whose peak memory is measured, in a process of their own, at the sizes
    worth it.
    """

    name: str
    question: str
    sizes: tuple[int, ...]
    case: Callable[[int], Case]
    contenders: Callable[[Case], tuple[Contender, ...]]
    against: tuple[str, ...]
    seconds: float = 6.0
    memory: tuple[str, ...] = ()

    def build(self, size: int) -> tuple[Case, tuple[Contender, ...]]:
        case = self.case(size)
        return case, self.contenders(case)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A ratio of times (or, with against=None, milliseconds beyond the solver's own) with the target that it
    has to meet.

    against_size: the other's size, if it is another; each: times are per account; worst: over the fastest
    certified line of every size, the worst.
    """

    text: str
    spec: str
    size: int
    contender: str
    against: str | None
    at_most: float | None = None
    aim: float | None = None
    against_size: int | None = None
    each: bool = False
    worst: bool = False
