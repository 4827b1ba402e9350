"""Model and Claim: a complete model on one screen, and what is said about it, executable (DESIGN 4)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .allocation import Allocation
from .errors import ModelError
from .event import Event
from .laws import Law
from .objectives import Objective
from .problem import Problem

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement about a model. check(model) returns a violation >= 0, a pure number; it holds up to `tolerance` (rounding).

    A claim is true for every seed it was given; one that finds its counterexample reports how badly it fails. fails: the statement is known to be false of this model;
    it stays in sight with its measured violation, which must exceed the tolerance.
    """

    name: str
    statement: str
    source: str
    check: Callable[["Model"], float]
    tolerance: float
    fails: bool = False


def claim(
    statement: str, source: str, tolerance: float = 1e-9, fails: bool = False
) -> Callable[[Callable[["Model"], float]], Claim]:
    """Decorate a check(model) -> violation into a Claim named after the function."""

    def made(check: Callable[["Model"], float]) -> Claim:
        name = check.__name__
        return Claim(name=name, statement=statement, source=source, check=check, tolerance=tolerance, fails=fails)

    return made


def methods_agree(seeds: int = 3, tolerance: float = 1e-7) -> Claim:
    """The claim of every model with a closed form: the solver, which knows no theorem, finds the same value, and both are certified."""

    @claim(
        "the solver finds the value of the closed form, both certified (relative to pro rata)",
        "two independent definitions",
        tolerance,
    )
    def solver_agrees(model: "Model") -> float:
        worst = 0.0
        for seed in range(seeds):
            problem = Problem(model.objective, model.event(model.sizes[0], seed), model.law)
            conic, exact = (problem.solve(method=how).certificate for how in ("conic", "closed-form"))
            gaps = [math.inf if one.gap is None else one.gap for one in (conic, exact)]
            scale = max(abs(exact.reference), abs(exact.objective)) or 1.0
            worst = max(worst, abs(conic.objective - exact.objective) / scale, *gaps)
        return worst

    return solver_agrees


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model: an objective, a law, a family of events event(n, seed) with n accounts, and claims about it.

    closed_form: a policy that solves it, if there is one; sizes: numbers of accounts for tests (the first) and benchmarks;
    demo: whether `adl-opt demo` shows it. Raises ModelError without sizes or claims, or for two claims of one name.
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
        names = [claim.name for claim in self.claims]
        if len(set(names)) < len(names):
            raise ModelError(f"model {self.name!r} has two claims named {next(n for n in names if names.count(n) > 1)!r}")

    def problem(self, n: int | None = None, seed: int = 0) -> Problem:
        """The model's problem with n accounts (default: its smallest size)."""
        return Problem(self.objective, self.event(self.sizes[0] if n is None else n, seed), self.law)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim's check found: the worst violation (nan if the check itself failed: trouble says how), and whether it is allowed."""

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
        return math.isfinite(self.violation) and self.violation > self.claim.tolerance if self.claim.fails else self.holds


def verdicts(model: Model) -> Iterator[Verdict]:
    """Check claim after claim, as they are asked for."""
    for one in model.claims:
        try:
            yield Verdict(model=model.name, claim=one, violation=float(one.check(model)))
        except Exception as error:  # a claim is anyone's code: it must not hide the others
            yield Verdict(model=model.name, claim=one, violation=math.nan, trouble=f"{type(error).__name__}: {error}")


def verify(model: Model) -> "pd.DataFrame":
    """Check every claim of a model: model, claim, statement, source, violation (pure number), tolerance, holds, as_stated (some are stated to fail)."""
    import pandas as pd

    if not isinstance(model, Model):
        raise ModelError(f"verify takes a Model, not {type(model).__name__}: adl.verify(adl.load({str(model)!r}))")
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
