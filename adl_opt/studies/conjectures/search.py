"""The search: book after book, here or by an executor, until one breaks the conjecture; then smaller ones."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from adl_opt.data.event import Event
from adl_opt.errors import AdlError, EventError
from adl_opt.executors import mapped
from adl_opt.laws.base import Law, Scenarios
from adl_opt.progress import counted
from adl_opt.studies.conjectures.cases import LABELS, Case, Given, random_case, random_moves
from adl_opt.studies.conjectures.questions import BROKEN, OPEN, REFUSED, Question
from adl_opt.studies.conjectures.smaller import cost, smaller
from adl_opt.studies.shrinking import shrunk

MARGINS = ("isolated", "cross")
_WAVE, _MOST_SHRUNK = 32, 400  # books sent at a time to an executor; evaluations of shrinking
_SMALLEST, _LARGEST = 2, 6  # accounts

Events = str | Sequence[Event] | Callable[[int, int], Event] | None


@dataclass(frozen=True)
class Search:
    """Which books are tried, numbered, each under which law; what is asked of them.

    law: one, a function of the event, or none; draws: whether each book is given moves of its own.
    """

    question: Question
    law: Law | Callable[[Event], Law] | None
    draws: bool
    events: Events
    seed: int
    books: int

    def case(self, number: int) -> Case | Given:
        """Book number `number`, with its law if each has one; the same seed, the same book."""
        rng = np.random.default_rng([self.seed, number])
        n = _SMALLEST + number * (_LARGEST - _SMALLEST + 1) // self.books
        if self.events is None or isinstance(self.events, str):
            isolated = number % 2 == 0 if self.events is None else self.events == MARGINS[0]
            case: Case | Given = random_case(rng, n, isolated, *self._assets())
        else:
            case = self._given(number, n)
        if not self.draws:
            return case
        assets = case.assets if isinstance(case, Case) else case.given.book.assets
        moves, probability = random_moves(rng, len(assets))
        if isinstance(case, Case):
            return replace(case, moves=moves, probability=probability)
        return replace(case, law=Scenarios(dict(zip(assets, moves.T)), probability, meant=True))

    def _given(self, number: int, n: int) -> Case | Given:
        """The user's event number `number`, from the start again where they are used up."""
        assert self.events is not None and not isinstance(self.events, str)
        if callable(self.events):
            event = self.events(n, self.seed + number)
        else:
            event = self.events[number % len(self.events)]
        if not isinstance(event, Event):
            raise AdlError(f"book number {number + 1} that `events` gives is no Event: it is {event!r:.60}")
        return Case.of(event) or Given(event)

    def _assets(self) -> tuple[tuple[str, ...], bool]:
        """The labels of books, and whether all of them occur: a law without labels has its number of them."""
        if not isinstance(self.law, Law):
            return LABELS, False
        if self.law.assets is not None:
            return self.law.assets[: len(LABELS)], False
        return tuple(f"X{k + 1}" for k in range(self.law.dimension)), True

    def at(self, case: Case | Given) -> tuple[Event, Law | None]:
        event = case.event()
        if self.draws:
            return event, case.law
        return event, self.law(event) if callable(self.law) else self.law

    def outcome(self, number: int) -> tuple[str, float]:
        """(status, badness) of book number `number`."""
        try:
            answer = self.question.ask(*self.at(self.case(number)))
        except EventError:
            return REFUSED, 0.0
        return answer.status, answer.badness

    def smallest(self, number: int) -> Case | Given:
        """The counterexample number `number`, made as small as it goes; one with limits stays as it is."""
        case = self.case(number)
        if isinstance(case, Given):
            return case
        return shrunk(case, smaller, cost, self._badness, 0.0, _MOST_SHRUNK)

    def _badness(self, case: Case) -> float:
        try:
            answer = self.question.ask(*self.at(case))
        except AdlError:  # no book, or not one of the conjecture
            return -1.0
        return answer.badness if answer.status == BROKEN else -1.0


@dataclass(frozen=True)
class Tally:
    """Books tried, up to the first counterexample; of these refused by the conjecture and left open by the
    solvers; the number of the counterexample, if there is one.
    """

    tried: int
    refused: int
    undecided: int
    broken: int | None


def search(asked: Search, executor: Executor | None, progress: bool) -> Tally:
    """The first book that breaks the conjecture; the same by every executor."""
    counts: dict[str, int] = {}
    waves = range(0, asked.books, 1 if executor is None else _WAVE)
    with counted(waves, "looking for a counterexample", progress) as walked:
        for first in walked:
            numbers = range(first, min(first + waves.step, asked.books))
            for number, (status, _) in zip(numbers, mapped(asked.outcome, list(numbers), executor)):
                counts[status] = counts.get(status, 0) + 1
                if status == BROKEN:
                    return Tally(number + 1, counts.get(REFUSED, 0), counts.get(OPEN, 0), number)
    return Tally(asked.books, counts.get(REFUSED, 0), counts.get(OPEN, 0), None)
