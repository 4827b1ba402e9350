"""Model and Claim: a complete model on one screen, and what is said about it, executable (DESIGN 4)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import ModelError
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.policies.proportional import pro_rata
from adl_opt.policies.water_filling import gross_water_filling
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.certify import certify
from adl_opt.problem.problem import Problem
from adl_opt.verification import soundness

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement about a model. check(model) returns a violation >= 0, a pure number; it holds up to
    `tolerance` (rounding).

    None: there is nothing to ask of this model. A claim is true for every seed it was given; one that finds
    its counterexample reports how badly it fails. fails: the statement is known to be false of this model; it
    stays in sight with its measured violation, which must exceed the tolerance.
    """

    name: str
    statement: str
    source: str
    check: Callable[["Model"], float | None]
    tolerance: float
    fails: bool = False


def claim(
    statement: str, source: str, tolerance: float = 1e-9, fails: bool = False
) -> Callable[[Callable[["Model"], float]], Claim]:
    """Decorate a check(model) -> violation into a Claim named after the function."""

    def made(check: Callable[["Model"], float]) -> Claim:
        name = check.__name__
        return Claim(
            name=name, statement=statement, source=source, check=check, tolerance=tolerance, fails=fails
        )

    return made


def methods_agree(seeds: int = 3, tolerance: float = 1e-7) -> Claim:
    """The claim of every model with a closed form: the solver, which knows no theorem, finds the same value,
    and both are certified.
    """

    @claim(
        "the solver, the objective's formula and the model's policy find one value, all certified "
        "(relative to pro rata)",
        "independent definitions",
        tolerance,
    )
    def solver_agrees(model: "Model") -> float:
        worst = 0.0
        for seed in range(seeds):
            problem = Problem(model.objective, model.event(model.sizes[0], seed), model.law)
            found = [problem.solve(method=how).certificate for how in ("conic", "closed-form")]
            if model.closed_form is not None:
                found.append(
                    certify(model.objective, problem.event, model.law, model.closed_form(problem.event))
                )
            values = [one.objective for one in found]
            gaps = [math.inf if one.gap is None else one.gap for one in found]
            worst = max(worst, (max(values) - min(values)) / (abs(found[0].reference) or 1.0), *gaps)
        return worst

    return solver_agrees


def value_by_hand(
    statement: str, source: str, tolerance: float = 1e-9
) -> Callable[[Callable[[Event, Array], float]], Claim]:
    """Decorate formula(event, amount) -> value, a line of numpy that uses nothing of the library's objective
    or law, into the claim that the value is that.

    Asked of two events each at pro rata and at the closed form (else at gross_water_filling); the violation
    is relative.
    """

    def made(formula: Callable[[Event, Array], float]) -> Claim:
        @claim(f"the value by hand: {statement} (relative)", source, tolerance)
        def by_hand(model: "Model") -> float:
            worst = 0.0
            for seed in range(2):
                event = model.event(model.sizes[0], seed)
                for policy in (pro_rata, model.closed_form or gross_water_filling):
                    allocation = policy(event)
                    said, value = (
                        certify(model.objective, event, model.law, allocation),
                        float(formula(event, allocation.amount)),
                    )
                    worst = max(worst, abs(said.objective - value) / abs(value or said.reference))
            return worst

        return replace(by_hand, name=formula.__name__)

    return made


def _of_every_model() -> tuple[Claim, ...]:
    """What is claimed of every model without being written there (soundness.py); a check with nothing to ask
    returns None.
    """
    said = (
        (
            "express_is_value",
            soundness.express_against_value,
            "in CVXPY and in numpy the objective is one: pro rata, at random, in queues, optimally "
            "(relative)",
            1e-6,
        ),
        (
            "gaps_are_gaps",
            soundness.gaps_are_gaps,
            "other allocations: a gap is (objective - bound) / objective, a bound is below all of them",
            1e-9,
        ),
        (
            "prices_are_slopes",
            soundness.prices_are_slopes,
            "a shadow price lies between the difference quotients of the least value (relative)",
            1e-3,
        ),
    )
    return tuple(
        Claim(
            name=name,
            statement=words,
            source="of every model",
            check=lambda model, ask=ask: ask(model.problem()),
            tolerance=most,
        )
        for name, ask, words, most in said
    )


OF_EVERY_MODEL = _of_every_model()


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model: an objective, a law, a family of events event(n, seed) with n accounts, and claims about it.

    closed_form: a policy that solves it, if there is one; sizes: numbers of accounts for tests (the first)
    and benchmarks; demo: whether `adl-opt demo` shows it. Raises ModelError without sizes or claims, or for
    two claims of one name.
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

    def __post_init__(self) -> None:
        if not self.sizes or not self.claims:
            raise ModelError(f"model {self.name!r} needs at least one size and one claim")
        names = [claim.name for claim in (*self.claims, *OF_EVERY_MODEL)]
        if len(set(names)) < len(names):
            raise ModelError(
                f"model {self.name!r} has two claims named {next(n for n in names if names.count(n) > 1)!r}"
            )

    def problem(self, n: int | None = None, seed: int = 0) -> Problem:
        """The model's problem with n accounts (default: its smallest size)."""
        return Problem(self.objective, self.event(self.sizes[0] if n is None else n, seed), self.law)


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
        violation = one.check(model)
    except Exception as error:  # a claim is anyone's code: it must not hide the others
        return Verdict(
            model=model.name, claim=one, violation=math.nan, trouble=f"{type(error).__name__}: {error}"
        )
    return None if violation is None else Verdict(model=model.name, claim=one, violation=float(violation))


def verdicts(model: Model) -> Iterator[Verdict]:
    """Check claim after claim, as they are asked for: the model's own, then those of every model."""
    for one in (*model.claims, *OF_EVERY_MODEL):
        verdict = checked(model, one)
        if verdict is not None:
            yield verdict


def verify(model: Model) -> "pd.DataFrame":
    """Check every claim of a model: model, claim, statement, source, violation (pure number), tolerance,
    holds, as_stated (some are stated to fail).
    """
    import pandas as pd

    if not isinstance(model, Model):
        raise ModelError(
            f"verify takes a Model, not {type(model).__name__}: adl.verify(adl.load({str(model)!r}))"
        )
    return pd.DataFrame(
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
        for v in verdicts(model)
    )
