"""Model and Claim: a complete model on one screen, and what is said about it, executable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adl_opt import html
from adl_opt.arrays import Array
from adl_opt.certificates.certificate import Certificate
from adl_opt.constraints.base import Constraint
from adl_opt.data.event import Event
from adl_opt.errors import ModelError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.examples.events import closings, shorts
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.words import symbols, where
from adl_opt.policies.water_filling import gross_water_filling
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.certify import certify
from adl_opt.problem.optimal_range import optimal_range
from adl_opt.problem.problem import Problem
from adl_opt.progress import counted
from adl_opt.text import clipped, figure, one_line, several, two_lines
from adl_opt.verification import soundness

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement about a model, with the check that measures how far it is violated.

    - `name`, `statement`, `source`: text
    - `check`: a function model -> violation >= 0, a pure number, several of them, returned (arrays, tuples)
      or yielded (the largest counts, below 0 is 0), or None where there is nothing to ask of this model
    - `tolerance`: the violation up to which it holds (rounding)
    - `fails`: the statement is known to be false of this model; it stays in sight with its measured
      violation, which must exceed the tolerance

    `adl.claim` makes one of a function. A claim is true for every seed it was given; one that finds its
    counterexample reports how badly it fails.

    >>> said = {"name": "sized", "statement": "it has sizes", "source": "me", "tolerance": 0.0}
    >>> adl.Claim(check=lambda model: not model.sizes, **said).violation(adl.load("cvar"))
    0.0
    """

    name: str
    statement: str
    source: str
    check: Callable[[Model], Any]
    tolerance: float
    fails: bool = False

    def __repr__(self) -> str:
        kind = "is false" if self.fails else "holds"
        said = f"{clipped(self.name, 40)} {kind} up to {self.tolerance:g}: {self.statement}"
        return two_lines(f"Claim({said}; {self.source})")

    def violation(self, model: Model) -> float | None:
        """What the check finds, as one number; None where there is nothing to ask.

        `model`: a Model. Raises ModelError if it finds no numbers.

        >>> model = adl.load("expected_loss")
        >>> bool(model.claims[0].violation(model) <= model.claims[0].tolerance)
        True
        """
        found = self.check(model)
        if found is None:
            return None
        parts = list(_parts(found))
        try:
            values = np.concatenate([np.asarray(part, float).ravel() for part in parts])
        except (TypeError, ValueError):
            values = np.empty(0)
        if not values.size:
            raise ModelError(
                f"claim {self.name!r} gave {parts!r:.60}: a check returns or yields violations, numbers >= 0"
            )
        return float(values[0] if np.ndim(found) == 0 and parts[0] is found else values.max(initial=0.0))


def _parts(found: Any) -> Iterator[Any]:
    """What a check returned or yielded, tuples and lists taken apart."""
    if isinstance(found, (Iterator, tuple, list)):
        for part in found:
            yield from _parts(part)
    else:
        yield found


def _of_every_model(name: str, tolerance: float, ask: Callable[[Problem], Any], statement: str) -> Claim:
    """What is claimed of every model without being written there (soundness.py)."""
    return Claim(
        name=name, statement=statement, source="of every model", tolerance=tolerance,
        check=lambda model: ask(model.problem()),
    )  # fmt: skip


OF_EVERY_MODEL = (
    _of_every_model(
        "express_is_value", 1e-6, soundness.express_against_value,
        "in CVXPY and in numpy the objective is one: pro rata, at random, in queues, optimally (relative)",
    ),
    _of_every_model(
        "gaps_are_gaps", 1e-9, soundness.gaps_are_gaps,
        "other allocations: a gap is (objective - bound) / objective, a bound is below all of them",
    ),
    _of_every_model(
        "prices_are_slopes", 1e-3, soundness.prices_are_slopes,
        "a shadow price lies between the difference quotients of the least value (relative)",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Model:
    """An objective, a law and a family of events, with what is claimed of them; one file in models/.

    - `name`, `title`, `source`: text
    - `objective`: an Objective; `law`: a Law or None
    - `event`: a function (n, seed) -> Event with n accounts
    - `sizes`: numbers of accounts for tests (the first) and benchmarks
    - `claims`: Claims
    - `closed_form`: a policy that solves it, if there is one
    - `subject_to`: a function event -> constraints beside clearing, if there are any
    - `demo`: whether `adl-opt demo` shows it

    Raises ModelError without sizes or claims, or for two claims of one name.

    >>> model = adl.load("expected_loss")
    >>> model.title, len(model.claims) > 3, model.problem(n=4).solve().method
    ('expected loss in isolated margin: one leverage, for every law', True, 'closed-form')
    """

    name: str
    title: str
    source: str
    objective: Objective
    law: Law | None
    event: Callable[[int, int], Event]
    sizes: tuple[int, ...]
    claims: tuple[Claim, ...]
    closed_form: Callable[[Event], Allocation] | None = None
    demo: bool = False
    subject_to: Callable[[Event], Sequence[Constraint]] | None = None

    def __post_init__(self) -> None:
        if not self.sizes or not self.claims:
            raise ModelError(f"model {self.name!r} needs at least one size and one claim")
        names = [claim.name for claim in (*self.claims, *OF_EVERY_MODEL)]
        if len(set(names)) < len(names):
            raise ModelError(
                f"model {self.name!r} has two claims named {next(n for n in names if names.count(n) > 1)!r}"
            )

    def __repr__(self) -> str:
        said = f"{self.name}: {self.title}; {self.source}; {len(self.claims)} claims; {self.objective}"
        return two_lines(f"Model({said})")

    def _repr_html_(self) -> str:
        facts = [
            ("minimise", f"{symbols(self.objective)}\n{self.objective}"),
            ("where", where(self.objective)),
            ("under", "every law" if self.law is None else one_line(self.law)),
            ("source", self.source),
            ("sizes", f"{several((f'{n:,}' for n in self.sizes), 6)} accounts"),
        ]
        claims = self.claims
        columns = [
            html.words("claim", [claim.name for claim in claims]),
            html.words("says", [claim.statement for claim in claims]),
            html.words("source", [claim.source for claim in claims]),
            html.words("stated to", ["fail" if claim.fails else "hold" for claim in claims]),
            html.Column("up to", "pure number", [figure(claim.tolerance, 2) for claim in claims]),
        ]
        more = f"and {len(OF_EVERY_MODEL)} claims that are made of every model; adl.verify checks all"
        return html.panel(f"Model {self.name}: {self.title}", html.facts(facts), html.table(columns, more))

    def problem(self, n: int | None = None, seed: int = 0) -> Problem:
        """The model's problem.

        `n`: how many accounts (default: its smallest size); `seed`: of the event. Returns a Problem.

        >>> adl.load("cvar").problem(n=5, seed=1).solve().certificate.status
        'certified'
        """
        event = self.event(self.sizes[0] if n is None else n, seed)
        return Problem(self.objective, event, self.law, subject_to=self.limits(event))

    def limits(self, event: Event) -> Sequence[Constraint]:
        """The constraints beside clearing."""
        return () if self.subject_to is None else self.subject_to(event)

    @property
    def policy(self) -> Callable[[Event], Allocation]:
        """The closed form; gross_water_filling where there is none."""
        return self.closed_form or gross_water_filling

    def closes(self, position: ArrayLike, equity: ArrayLike, required: float, price: float = 1.0) -> Array:
        """What the policy closes (n,) of isolated shorts, contracts (`examples.shorts`)."""
        return self.policy(shorts(position, equity, required, price)).amount

    def in_steps(self, event: Event, *shares: float) -> Array:
        """What the policy closes (n,) of isolated shorts in steps of these shares of the requirement."""
        closed = np.zeros(len(event.size))
        for share in shares:
            required, price = share * event.required[0], event.book.price[0]
            closed = closed + self.closes(event.size - closed, event.book.equity, required, price)
        return closed

    def split(self, event: Event, i: int, position: float, equity: float) -> Array:
        """What the policy closes (n,) by owner if account i splits in two, the first with these shares."""
        size, money = (np.append(x, x[i]) for x in (event.size, event.book.equity))
        for values, share in ((size, position), (money, equity)):
            values[[i, -1]] *= share, 1 - share
        closed = self.closes(size, money, min(event.required[0], size.sum()), event.book.price[0])
        closed[i] += closed[-1]
        return closed[:-1]

    def solve(
        self, event: Event, objective: Objective | None = None, law: Law | None = None, method: str = "auto"
    ) -> Allocation:
        """The optimum of an event, for the model's objective and law or others."""
        aim, limits = objective or self.objective, self.limits(event)
        return Problem(aim, event, law or self.law, subject_to=limits).solve(method=method)

    def certify(
        self, event: Event, closed: Any, objective: Objective | None = None, law: Law | None = None
    ) -> Certificate:
        """The certificate of an allocation, or of what each leg closes (legs,) contracts >= 0, likewise."""
        given = closed if isinstance(closed, Allocation) else closings(event, closed)
        aim, limits = objective or self.objective, self.limits(event)
        return certify(aim, event, law or self.law, given, subject_to=limits)

    def ends(self, event: Event, objective: Objective | None = None, by: str = "") -> Array:
        """Least and most (2, legs) contracts that optima close, of the model's objective or another.

        by: "closed form", or "programs" that know no theorem. Raises ModelError if they were found otherwise.
        """
        aim = objective or self.objective
        found = optimal_range(Problem(_unaided(aim) if by == "programs" else aim, event, self.law))
        if by not in found.attrs["how"]:
            raise ModelError(f"the ends of {self.name!r} were found by {found.attrs['how']}, not by {by}")
        return np.sign(event.book.position) * found[["least", "most"]].to_numpy().T


def _unaided(objective: Objective) -> Objective:
    """The same objective, its theorems forgotten: a class that redefines `value` inherits none."""

    def value(self: Objective, m: SymbolsAt) -> float:
        return kind.value(self, m)

    kind, unaided = type(objective), copy(objective)
    object.__setattr__(unaided, "__class__", type("Unaided", (kind,), {"value": value}))
    return unaided


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim's check found: the worst violation (nan if the check itself failed: trouble says how), and
    whether it is allowed.
    """

    model: str
    claim: Claim
    violation: float
    trouble: str = ""

    @property
    def holds(self) -> bool:
        return math.isfinite(self.violation) and 0 <= self.violation <= self.claim.tolerance

    @property
    def as_stated(self) -> bool:
        """Whether it holds, or for a claim that is stated to fail, whether it fails."""
        return (
            math.isfinite(self.violation) and self.violation > self.claim.tolerance
            if self.claim.fails
            else self.holds
        )


def checked(model: Model, one: Claim) -> Verdict | None:
    """The verdict on one claim; None where there is nothing to ask of this model."""
    try:
        violation = one.violation(model)
    except Exception as error:  # a claim is anyone's code: it must not hide the others
        return Verdict(
            model=model.name, claim=one, violation=math.nan, trouble=f"{type(error).__name__}: {error}"
        )
    return None if violation is None else Verdict(model=model.name, claim=one, violation=violation)


def verdicts(model: Model, progress: bool = False) -> list[Verdict]:
    """The verdicts on all claims: the model's own, then those of every model."""
    claims = (*model.claims, *OF_EVERY_MODEL)
    with counted(claims, f"checking {model.name}", progress, lambda one: one.name) as asked:
        found = [checked(model, one) for one in asked]
    return [verdict for verdict in found if verdict is not None]


def verify(model: Model, *, progress: bool = False) -> pd.DataFrame:
    """Check every claim of a model: a table, a line a claim.

    `model`: a Model; `progress`: a bar on a terminal. Returns a DataFrame model, claim, statement, source,
    violation (pure number), tolerance, holds, as_stated (some claims are stated to fail), trouble. Of every
    model it also asks whether the objective in CVXPY and in numpy is one, gaps are gaps and shadow prices are
    slopes. Raises ModelError for what is no Model.

    >>> bool(adl.verify(adl.load("minimax_leverage"))["as_stated"].all())
    True
    """
    from adl_opt.table import with_units

    if not isinstance(model, Model):
        raise ModelError(
            f"verify takes a Model, not {type(model).__name__}: adl.verify(adl.load({str(model)!r}))"
        )
    lines = [
        {
            "model": v.model,
            "claim": v.claim.name,
            "statement": v.claim.statement,
            "source": v.claim.source,
            "violation": v.violation,
            "tolerance": v.claim.tolerance,
            "holds": v.holds,
            "as_stated": v.as_stated,
            "trouble": v.trouble,
        }
        for v in verdicts(model, progress)
    ]
    return with_units(lines, dict.fromkeys(("violation", "tolerance"), "pure number, 0 = holds"))
