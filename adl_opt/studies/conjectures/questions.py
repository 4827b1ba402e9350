"""What a conjecture says of one event: a rule is optimal, or never worse than another, or a claim holds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess, rounding_at
from adl_opt.certificates.certificate import Certificate, with_bound
from adl_opt.data.event import Event, cleared
from adl_opt.errors import AdlError, EventError, SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.examples.events import any_allocation
from adl_opt.laws.base import Law
from adl_opt.methods.conic.agreement import expressed
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.hooks import FAILURES, closed_form_of
from adl_opt.policies.base import Policy, applied, plain_allocation
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.certify import certify
from adl_opt.problem.problem import Problem
from adl_opt.text import one_line
from adl_opt.threads import unheard

_ROUNDING = 1e-12  # of the value before anything is closed
_CHANCES, _HALVINGS = 8, 5  # random allocations, and steps towards each
HOLDS, BROKEN, REFUSED, OPEN = "holds", "broken", "refused", "open"


@dataclass(frozen=True)
class Answer:
    """status; by how much it is broken: a share of the value, or a claim's violation; the allocations that
    are compared, what the conjecture gives first.
    """

    status: str
    badness: float = 0.0
    given: Allocation | None = None
    better: Allocation | None = None
    words: str = ""


class Question(Protocol):
    """A conjecture, asked of one event under one law."""

    def ask(self, event: Event, law: Law | None) -> Answer:
        """Raises AdlError where the conjecture fails with an error of its own."""
        ...


Rule = Callable[[Event, Law | None], Allocation | None]


def by_policy(policy: Policy) -> Rule:
    """A policy as a rule, which looks at no law."""
    return _ByPolicy(policy)


@dataclass(frozen=True)
class _ByPolicy:
    policy: Policy

    def __call__(self, event: Event, law: Law | None) -> Allocation | None:
        return applied(self.policy, event)


@dataclass(frozen=True)
class ByFormula:
    """An objective's closed form as a rule; None where it knows none."""

    objective: Objective

    def __call__(self, event: Event, law: Law | None) -> Allocation | None:
        aligned = None if law is None else law.for_book(event.book)
        amount = closed_form_of(self.objective, event, aligned)
        return None if amount is None else plain_allocation(event, amount, "closed_form", unique=None)


@dataclass(frozen=True)
class Optimal:
    """The rule minimises the objective, up to `tolerance` of its value."""

    rule: Rule
    objective: Objective
    tolerance: float

    def ask(self, event: Event, law: Law | None) -> Answer:
        given = measured(self.rule, self.objective, event, law)
        if given is None:
            return Answer(REFUSED)
        if given.certificate.certified:
            return Answer(HOLDS)
        best = optimum(self.objective, event, law) or by_chance(given)
        proved = with_bound(given.certificate, best.certificate, self.tolerance)
        if proved.status == "infeasible":
            return _does_not_clear(given, best)
        if proved.status in ("certified", "negligible"):
            return Answer(HOLDS)
        for find in (lambda: best, lambda: by_chance(given)):
            if (excess := _excess(given, other := find(), self.tolerance)) > 0:
                return Answer(BROKEN, excess, given, other)
        return Answer(OPEN)


@dataclass(frozen=True)
class NeverWorse:
    """The value of one rule is at most that of the other, up to `tolerance` of it."""

    rule: Rule
    other: Rule
    objective: Objective
    tolerance: float

    def ask(self, event: Event, law: Law | None) -> Answer:
        given, other = (measured(rule, self.objective, event, law) for rule in (self.rule, self.other))
        if given is None or other is None or other.certificate.status == "infeasible":
            return Answer(REFUSED)
        if given.certificate.status == "infeasible":
            return _does_not_clear(given, other)
        excess = _excess(given, other, self.tolerance)
        return Answer(BROKEN, excess, given, other) if excess > 0 else Answer(HOLDS)


@dataclass(frozen=True)
class Claimed:
    """A function of an event, and of a law if there is one, gives violations of at most `tolerance`."""

    claim: Callable[..., Any]
    tolerance: float

    def ask(self, event: Event, law: Law | None) -> Answer:
        try:
            found = self.claim(event) if law is None else self.claim(event, law)
            if found is None:
                return Answer(REFUSED)
            worst = float(np.max(np.asarray(found, float)))
        except EventError:
            return Answer(REFUSED)
        except AdlError:
            raise
        except FAILURES as error:
            raise _failed("the claim", event, error) from error
        if np.isnan(worst):
            raise AdlError(f"the claim gives nan where {event.in_words()} is closed; a violation is a number")
        return Answer(BROKEN, worst) if worst > self.tolerance else Answer(HOLDS)


def measured(rule: Rule, objective: Objective, event: Event, law: Law | None) -> Allocation | None:
    """What a rule does, assessed by an objective; None where it refuses the event."""
    try:
        found = rule(event, law)
    except (EventError, SolveError):
        return None
    except AdlError:
        raise
    except FAILURES as error:
        raise _failed("the conjecture", event, error) from error
    return None if found is None else _assessed(found.amount, found.method, objective, event, law)


def _assessed(amount: Array, method: str, objective: Objective, event: Event, law: Law | None) -> Allocation:
    aligned = None if law is None else law.for_book(event.book)
    proof = assess(objective, event, aligned, amount)
    return Allocation(
        event, amount, method, str(objective), proof.certificate, proof.price, proof.parts, None, None,
        aligned, objective,
    )  # fmt: skip


def _failed(who: str, event: Event, error: Exception) -> AdlError:
    book = event.book
    size = f"{len(book.accounts)} accounts in {len(book.assets)} assets"
    return AdlError(
        f"{who} fails where {event.in_words()} is closed of {size}: {type(error).__name__}: "
        f"{one_line(error)}; a rule that is not of such books raises adl.EventError"
    )


def optimum(objective: Objective, event: Event, law: Law | None) -> Allocation | None:
    """The best allocation that is found; of a measure below, where the objective can only be valued; None
    where no method finds one.
    """
    under = objective.lower_bound_objective()
    if under is None and not expressed(objective):
        return None
    with unheard():
        try:
            best = Problem(objective if under is None else under, event, law).solve()
        except SolveError:
            return None
    if under is None:
        return best
    found = _assessed(best.amount, best.method, objective, event, law)
    return _with(found, with_bound(found.certificate, best.certificate, found.certificate.tolerance))


def by_chance(given: Allocation) -> Allocation:
    """The best of some allocations between a given one and others: pro rata, random ones."""
    event, objective, law = given.event, given.objective, given.law
    assert objective is not None
    others = [event.pro_rata_amount, *(any_allocation(event, seed) for seed in range(_CHANCES))]
    start = given.amount if given.certificate.status != "infeasible" else event.pro_rata_amount
    tried = [start + 2.0**-k * (other - start) for other in others for k in range(_HALVINGS)]
    values = [evaluate(objective, SymbolsAt(event, law, amount)) for amount in tried]
    best = cleared(event, tried[int(np.argmin(values))])
    return _assessed(best, "another allocation", objective, event, law)


def _with(allocation: Allocation, certificate: Certificate) -> Allocation:
    return replace(allocation, certificate=certificate)


def _excess(given: Allocation, other: Allocation, tolerance: float) -> float:
    """By how much the value is higher, as a share of it; 0 where tolerance or rounding explain it."""
    assert given.objective is not None
    value, least = given.certificate.value, other.certificate.value
    scale = max(abs(value), abs(least))
    if value - least <= tolerance * scale:
        return 0.0
    places = (given.amount, other.amount)
    noise = max(rounding_at(given.objective, given.event, given.law, at) for at in places)
    # Where everything is closed nothing is left but the rounding of what was there.
    before = evaluate(given.objective, SymbolsAt(given.event, given.law, np.zeros(len(given.amount))))
    noise = max(noise, _ROUNDING * abs(before))
    return (value - least) / scale if value - least > noise else 0.0


def _does_not_clear(given: Allocation, other: Allocation) -> Answer:
    return Answer(BROKEN, 1.0, given, other, given.certificate.proof)


def certified(allocation: Allocation) -> Allocation:
    """The same with its certificate, proved by the bound of a solve if need be."""
    assert allocation.objective is not None
    c = certify(allocation.objective, allocation.event, allocation.law, allocation)
    return _with(allocation, c)
