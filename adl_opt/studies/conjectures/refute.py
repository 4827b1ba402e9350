"""A conjecture, confirmed on many books or refuted by a small one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from adl_opt.certificates.certificate import check_tolerance
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, LawError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.examples.events import shorts
from adl_opt.executors import check_executor
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.hooks import check_hooks
from adl_opt.policies.base import Policy
from adl_opt.policies.registry import policy as policy_by_name
from adl_opt.studies.conjectures.questions import (
    ByFormula,
    Claimed,
    NeverWorse,
    Optimal,
    Question,
    Rule,
    by_policy,
    certified,
)
from adl_opt.studies.conjectures.refutation import Refutation
from adl_opt.studies.conjectures.search import MARGINS, Events, Search, search
from adl_opt.text import clipped

_CLAIM = (
    "a claim is a function of an event (and of a law, if one is given) that returns violations, 0 = holds"
)


def refute(
    conjecture: Policy | str | Objective | Callable[..., Any],
    objective: Objective | None = None,
    *,
    never_worse_than: Policy | str | None = None,
    law: Law | Callable[[Event], Law] | None = None,
    events: str | Sequence[Event] | Callable[[int, int], Event] | None = None,
    seed: int = 1,
    books: int = 300,
    tol: float = 1e-6,
    executor: Executor | None = None,
    progress: bool = False,
) -> Refutation:
    """Look for a counterexample to a conjecture, and make it as small as it goes.

    - `conjecture`, `objective`: a policy (a function Event -> Allocation, table or array of contracts closed
      by leg, or a name that `adl.policy` knows), said to minimise the objective; or, without an objective,
      an Objective whose `closed_form` is said to be right, or a claim: a function event -> violations (0 =
      holds), of (event, law) if a law is given, None where there is nothing to ask
    - `never_worse_than`: another policy: the conjecture is then that the value of the first is at most its
    - `law`: a Law, or a function event -> Law; None: the objective needs none, or every book is given a few
      joint moves of its own, so that "under every law" is tried
    - `events`: "isolated" or "cross" margin, a list of Events (each tried once; if laws are drawn, again and
      again), or a function (n, seed) -> Event; None: small made-up books in both margins and on both sides,
      ordinary and degenerate, with requirements from next to nothing to everything
    - `seed`, `books`: the same seed, the same books, of which that many are tried
    - `tol`: of the value (a violation of a claim): what does not count
    - `executor`: a `concurrent.futures.Executor` to share the books with; the result is the same

    Returns a Refutation: the smallest counterexample as a table, with both certificates, or how many books
    were tried, which is no proof. A rule that raises EventError or SolveError refuses a book. Raises AdlError
    for what is no conjecture, and where it fails with an error of its own.

    Source: THEORY 1-5 (what is true).

    >>> adl.refute("pro_rata", adl.MaxLeverage(), never_worse_than="water_filling").refuted
    True
    >>> adl.refute(adl.water_filling, adl.CVaR(0.9), events="isolated", books=20)
    Refutation(not refuted: water_filling minimises CVaR(level=0.9): 20 books tried, which is no proof)
    """
    _check_numbers(seed, books, tol)
    check_executor("refute", executor)
    _check_law(law)
    _check_events(events)
    question, words, measure = _question(conjecture, objective, never_worse_than, tol)
    draws = law is None and measure is not None and _needs_law(measure)
    if isinstance(events, Sequence) and not isinstance(events, str):
        books = max(books, len(events)) if draws else len(events)  # under many laws, or once each
    asked = Search(question, law, draws, events, int(seed), int(books))
    tally = search(asked, executor, progress)
    counts = {"tried": tally.tried, "refused": tally.refused, "undecided": tally.undecided}
    if tally.broken is None:
        return Refutation(conjecture=words, **counts)
    event, under = asked.at(asked.smallest(tally.broken))
    answer = question.ask(event, under)
    both = (None if one is None else certified(one) for one in (answer.given, answer.better))
    given, better = both
    return Refutation(
        conjecture=words, **counts, event=event, law=under, given=given, better=better, excess=answer.badness
    )


def _question(
    conjecture: Any, objective: Any, other: Any, tol: float
) -> tuple[Question, str, Objective | None]:
    """(what is asked, in words, the objective)."""
    if isinstance(conjecture, type):
        raise AdlError(f"a conjecture is no class: write {conjecture.__name__}()")
    if isinstance(conjecture, Objective):
        if objective is not None or other is not None:
            raise AdlError(
                f"the closed_form of {conjecture} minimises itself: give no other objective or rule"
            )
        check_hooks(conjecture)
        words = f"closed_form of {clipped(conjecture, 60)} minimises it"
        return Optimal(ByFormula(conjecture), conjecture, tol), words, conjecture
    if objective is None:
        return _claimed(conjecture, other, tol)
    if not isinstance(objective, Objective):
        kind = f"the class {objective.__name__}" if isinstance(objective, type) else type(objective).__name__
        raise AdlError(
            "refute takes a conjecture, then an objective such as adl.ExpectedLoss() or adl.MaxLeverage(), "
            f"not {kind}"
        )
    check_hooks(objective)
    rule, name = _rule(conjecture)
    if other is None:
        return Optimal(rule, objective, tol), f"{name} minimises {clipped(objective, 60)}", objective
    second, known = _rule(other)
    words = f"{name} is never worse than {known} by {clipped(objective, 60)}"
    return NeverWorse(rule, second, objective, tol), words, objective


def _claimed(conjecture: Any, other: Any, tol: float) -> tuple[Question, str, None]:
    if other is not None or isinstance(conjecture, str):
        name = conjecture if isinstance(conjecture, str) else "the policy"
        raise AdlError(f'say by which objective {name} is judged: adl.refute("pro_rata", adl.MaxLeverage())')
    if not callable(conjecture):
        raise AdlError(
            "a conjecture is a policy and the objective that it minimises, an objective with a closed_form, "
            f"or a claim, not {type(conjecture).__name__}; {_CLAIM}"
        )
    return Claimed(conjecture, tol), f"claim {_named(conjecture)}", None


def _rule(given: Any) -> tuple[Rule, str]:
    found = policy_by_name(given) if isinstance(given, str) else given
    if not callable(found):
        raise AdlError(
            f"a policy is a function Event -> Allocation, such as adl.pro_rata, not {type(found).__name__}"
        )
    return by_policy(found), _named(found)


def _named(function: Any) -> str:
    return str(getattr(function, "__name__", getattr(function, "name", function)))


def _needs_law(objective: Objective) -> bool:
    """Whether the value needs a law of price moves."""
    if objective.monotone:
        return True
    event = shorts([1.0, 1.0], [1.0, 2.0], 1.0, asset="X")
    try:
        evaluate(objective, SymbolsAt(event, None, event.pro_rata_amount))
    except LawError:
        return True
    except AdlError:  # it fails for a reason of its own, which the search will tell
        return False
    return False


def _check_numbers(seed: Any, books: Any, tol: Any) -> None:
    for name, value, least in (("seed", seed, 0), ("books", books, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise AdlError(f"{name} = {value!r}: a whole number, at least {least}")
    check_tolerance(tol)


def _check_law(law: Any) -> None:
    if law is not None and not isinstance(law, Law) and (isinstance(law, type) or not callable(law)):
        raise AdlError(
            "refute takes a law of price moves, a function event -> Law, or None, not "
            f"{type(law).__name__}; adl.Scenarios(moves) makes one"
        )


def _check_events(events: Events | Any) -> None:
    if isinstance(events, str):
        if events not in MARGINS:
            raise AdlError(f"events = {events!r}; there are {' and '.join(map(repr, MARGINS))}")
    elif not (
        events is None
        or (callable(events) and not isinstance(events, type))
        or (isinstance(events, Sequence) and len(events))
    ):
        raise AdlError(
            "events are 'isolated' or 'cross', a list of at least one Event, or a function (n, seed) -> "
            f"Event, not {type(events).__name__}"
        )
