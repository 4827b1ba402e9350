"""A method: one way to an optimum, what it is asked and what it answers; `registry.METHODS` is the list."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import TOLERANCE, Certificate, Proof
from adl_opt.data.event import Event
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.hooks import brings_formula, closed_form_of

if TYPE_CHECKING:
    from adl_opt.methods.conic.compiled import Compiled

INTERRUPTED = ", interrupted"  # after the name of a method that was stopped: its best allocation so far


@dataclass(frozen=True)
class Request:
    """What a method is asked: an optimum of one event.

    compiled: the normalised objective under a law (aligned, or None), with the programs compiled so far;
    tolerance: the relative gap that counts as certified; solver, time_limit (seconds): for conic programs;
    written: the objective as the user wrote it, for messages.
    """

    compiled: "Compiled"
    event: Event
    tolerance: float = TOLERANCE
    solver: str | None = None
    time_limit: float | None = None
    written: Objective | None = None

    @property
    def objective(self) -> Objective:
        return self.compiled.objective

    @property
    def law(self) -> Law | None:
        return self.compiled.law

    @property
    def nothing_to_decide(self) -> bool:
        return not self.event.free.any()

    @property
    def one_factor(self) -> bool:
        """Whether levelled factor leverages are optimal (Thm 3)."""
        return self.objective.monotone and self.law is not None and self.law.loading is not None

    @cached_property
    def formula(self) -> Array | None:
        """What the objective's closed form closes of each leg, (legs,) contracts; None if it has none."""
        return closed_form_of(self.objective, self.event, self.law)

    @property
    def own_formula(self) -> bool:
        """Whether that closed form is a user's, which no theorem of ours proves."""
        return not self.nothing_to_decide and self.formula is not None and brings_formula(self.objective)


class Found(NamedTuple):
    """An allocation, amount (legs,) contracts, its proof, what answered (`Allocation.method`), and what must
    be said aloud.
    """

    amount: Array
    proof: Proof
    method: str
    said: str = ""

    @property
    def certificate(self) -> Certificate:
        return self.proof.certificate

    @property
    def interrupted(self) -> bool:
        return self.method.endswith(INTERRUPTED)

    @property
    def gap(self) -> float:
        """The relative gap; infinite where nothing is proved."""
        return np.inf if self.certificate.gap is None else self.certificate.gap

    @property
    def rank(self) -> tuple[int, float, float]:
        """Least is best: a proof first, then the lower objective; last what is no allocation.

        A bound holds for every allocation, so a smaller gap alone is no merit.
        """
        c = self.certificate
        no_allocation = c.status == "infeasible"
        return (0, self.gap, c.value) if c.certified else (1 + no_allocation, c.value, self.gap)


def best_of(found: Iterable[Found]) -> Found:
    return min(found, key=lambda each: each.rank)


class Method(ABC):
    """One way to an optimum."""

    name: ClassVar[str]  # as `method=` knows it
    takes_solver: ClassVar[bool] = False  # whether `solver=` names what it calls

    @abstractmethod
    def refuses(self, request: Request) -> str | None:
        """None if the method solves this problem; else the sentence that says why not."""

    def pays(self, request: Request) -> bool:
        """Whether `method="auto"` takes it, where it does not refuse."""
        return True

    @abstractmethod
    def solve(self, request: Request) -> Found:
        """An optimum and its proof."""
