"""How claims are written: a decorator for one's own, and those that many models share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from inspect import getdoc
from typing import Any

from adl_opt.arrays import Array
from adl_opt.constraints.constrained import Constrained
from adl_opt.data.event import Event
from adl_opt.errors import ModelError
from adl_opt.examples.events import eight_laws
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.hooks import closed_form_of
from adl_opt.policies.base import applied
from adl_opt.policies.proportional import pro_rata
from adl_opt.problem.certify import certify
from adl_opt.problem.problem import Problem
from adl_opt.verification.model import Claim, Model


def claim(
    statement: str | None = None,
    source: str = "",
    tolerance: float = 1e-9,
    fails: bool = False,
    *,
    seeds: int | Sequence[int] | None = None,
    n: int | None = None,
) -> Callable[[Callable[..., Any]], Claim]:
    """Make a function that measures violations into a Claim about a model; used as a decorator.

    - `statement`: what is claimed; None: the function's docstring. `source`: where from
    - `tolerance`: the violation (pure number) up to which it holds; `fails`: stated to be false
    - `seeds`: the function is check(model, event), asked of the model's events of these seeds (a number: 0,
      1, ...) with `n` accounts (default: its smallest size). None: it is check(model)

    The function returns or yields violations >= 0, or None where there is nothing to ask of this event; if
    that is so of half of them, the claim fails. Raises ModelError without a statement or source.

    >>> @adl.claim(source="a triviality", tolerance=1e-12, seeds=2)
    ... def no_worse(model, event):
    ...     "Nobody ends above the highest leverage before."
    ...     before, after = model.policy(event).leverages()
    ...     return max(after.max() - before.max(), 0.0)
    >>> no_worse.violation(adl.load("expected_loss"))
    0.0
    """

    def made(check: Callable[..., Any]) -> Claim:
        words, name = statement or " ".join((getdoc(check) or "").split()), check.__name__
        if not words or not source:
            raise ModelError(f"the claim {name!r} needs a statement, or a docstring, and a source")
        asked = check if seeds is None else _of_events(check, seeds, n)
        return Claim(name=name, statement=words, source=source, check=asked, tolerance=tolerance, fails=fails)

    return made


def claims(
    *rows: tuple[str, str, str, float, Callable[..., Any]],
    fails: bool = False,
    seeds: int | Sequence[int] | None = None,
    n: int | None = None,
) -> tuple[Claim, ...]:
    """Claims whose checks are one line, as a table.

    `rows`: name, statement, source, tolerance, check; `fails`, `seeds`, `n` as of `claim`, for all of them.
    Returns a tuple of Claims.

    >>> row = "one_event", "the event is one", "a triviality", 0.0, lambda model: abs(len(model.sizes) - 1)
    >>> [claim.name for claim in adl.claims(row)]
    ['one_event']
    """
    return tuple(
        replace(claim(statement, source, tolerance, fails, seeds=seeds, n=n)(check), name=name)
        for name, statement, source, tolerance, check in rows
    )


def _of_events(
    check: Callable[..., Any], seeds: int | Sequence[int], n: int | None
) -> Callable[[Model], Any]:
    @wraps(check)
    def asked(model: Model) -> Iterator[Any]:
        events = [
            model.event(n or model.sizes[0], k) for k in (range(seeds) if isinstance(seeds, int) else seeds)
        ]
        answers = [found for event in events if (found := check(model, event)) is not None]
        yield from answers
        yield 2 * len(answers) <= len(events)  # what is hardly asked proves nothing

    return asked


def serves_every_law(
    measures: Sequence[Objective] | Callable[[Event], Sequence[Objective]] | None = None,
    statement: str = "water-filling is certified optimal under eight unlike laws",
    source: str = "Thm 1",
    tolerance: float = 1e-9,
    seed: int = 1,
    laws: Sequence[Law] | None = None,
) -> Claim:
    """The claim that a model's closed form is certified under eight unlike laws, or others.

    `measures`: for each of these, those that a function of the event gives, or the model's objective; `laws`:
    Laws, or None; `seed`: of the event; the others as of `claim`. Returns a Claim.

    >>> bool(adl.serves_every_law().violation(adl.load("expected_loss")) < 1e-9)
    True
    """

    @claim(statement, source, tolerance, seeds=(seed,))
    def distribution_free(model: Model, event: Event) -> Iterator[Any]:
        allocation = model.policy(event)
        for measure in measures(event) if callable(measures) else measures or [model.objective]:
            for law in laws or eight_laws():
                yield model.certify(event, allocation, measure, law).gap

    return distribution_free


def methods_agree(
    seeds: int | Sequence[int] = 3,
    tolerance: float = 1e-7,
    statement: str = (
        "the solver, the objective's formula and the model's policy find one value, all certified "
        "(relative to pro rata)"
    ),
    source: str = "independent definitions",
    problem: Callable[[Model, Event], Problem] | None = None,
) -> Claim:
    """The claim that solver, formula and policy of a model find the same value, and all are certified.

    It is of every model with a closed form, the objective's own or `Model.closed_form`, a policy; both are
    compared where there are both: the solver knows no theorem. `seeds`, `tolerance` (relative to pro rata),
    `statement`, `source`: as of `claim`; `problem`: a function (model, event) -> Problem, of another one than
    the model's. Returns a Claim.

    >>> bool(adl.methods_agree(seeds=1).violation(adl.load("leverage_square")) < 1e-7)
    True
    """

    @claim(statement, source, tolerance, seeds=seeds)
    def solver_agrees(model: Model, event: Event) -> Iterator[Any]:
        own = Problem(model.objective, event, model.law, subject_to=model.limits(event))
        asked = problem(model, event) if problem else own
        found = [asked.solve(method="conic").certificate]
        limits = tuple(asked.subject_to)
        aim = Constrained(asked.objective, limits) if limits else asked.objective
        formula = closed_form_of(aim, asked.event, asked.law)
        if formula is not None or model.closed_form is None:  # which refuses in words where there is none
            found.append(asked.solve(method="closed-form").certificate)
        if model.closed_form is not None:
            closed = applied(model.closed_form, asked.event)
            found.append(certify(asked.objective, asked.event, asked.law, closed, subject_to=limits))
        values = [one.value for one in found]
        yield (max(values) - min(values)) / (abs(found[0].reference) or 1.0)
        yield [math.inf if one.gap is None else one.gap for one in found]

    return solver_agrees


def value_by_hand(
    statement: str, source: str, tolerance: float = 1e-9
) -> Callable[[Callable[[Event, Array], float]], Claim]:
    """Make a line of numpy into the claim that the objective's value is that; used as a decorator.

    The function is formula(event, amount) -> value, amount (legs,) contracts, and uses nothing of the
    library's objective or law. It is asked of two events each at pro rata and at the closed form (else at
    gross_water_filling); the violation is relative. `statement`, `source`, `tolerance`: as of `claim`.

    >>> @adl.value_by_hand("the squares of leverages, weighted by equity", "the definition")
    ... def by_hand(event, amount):
    ...     return (event.book.equity * adl.examples.leverages(event, amount) ** 2).sum()
    >>> bool(by_hand.violation(adl.load("leverage_square")) < 1e-9)
    True
    """

    def made(formula: Callable[[Event, Array], float]) -> Claim:
        @claim(f"the value by hand: {statement} (relative)", source, tolerance, seeds=2)
        def value_by_hand(model: Model, event: Event) -> Iterator[Any]:
            for policy in (pro_rata, model.policy):
                allocation = policy(event)
                said, value = model.certify(event, allocation), float(formula(event, allocation.amount))
                yield abs(said.value - value) / abs(value or said.reference)

        named = formula.__name__ != "<lambda>"
        return replace(value_by_hand, name=formula.__name__) if named else value_by_hand

    return made
