"""Problem: objective + event + law, declared; solved by a closed form, by accounts answering prices, or as a
conic program; proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import TOLERANCE, Certificate, check_tolerance
from adl_opt.constraints.base import HOLDS, Constraint, constraints_of
from adl_opt.constraints.constrained import Constrained, constrained, names_of
from adl_opt.data.event import Event
from adl_opt.errors import InfeasibleError, ObjectiveError, SolveError
from adl_opt.executors import check_executor
from adl_opt.laws.base import Law
from adl_opt.laws.one_factor import OneFactor, factor_of
from adl_opt.methods.base import Found, Request
from adl_opt.methods.closed_form import ClosedForm
from adl_opt.methods.conic.agreement import doubted
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.methods.registry import AUTO, NAMES, answer, named
from adl_opt.objectives.base import Objective, normalised
from adl_opt.objectives.hooks import check_hooks
from adl_opt.objectives.parts import laws_of, needs_no_law
from adl_opt.objectives.words import unit_of
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.optimal_set import Optima
from adl_opt.problem.panels import problem_panel
from adl_opt.problem.shadow_prices import price_ranges
from adl_opt.problem.sweep import Line, answered, impossible, requirements, swept
from adl_opt.progress import waiting
from adl_opt.text import clipped, several, two_lines
from adl_opt.threads import uncertified, unheard

if TYPE_CHECKING:
    import pandas as pd

PREFER = ("water-filling", "fewest-accounts", "keep-hedges")


class Problem:
    """An objective to minimise over the allocations of an event, under a law of price moves.

    - `objective`: what is minimised, an Objective; `event`: what must be closed, an Event
    - `law`: how prices may move, aligned with the book by label; None where the objective needs none, or
      brings its own (Robust)
    - `subject_to`: constraints beside clearing, a list: adl.LeverageAtMost(3), one of your own, ...

    Nothing is solved or compiled until asked. Threads may share a Problem: its programs are solved one after
    the other. Copies, by pickle or `copy`, compile anew. Raises LawError if the law does not fit,
    ObjectiveError if `objective` is not an Objective, ConstraintError for a constraint that does not fit.

    Source: THEORY 9 (which method solves which problem).

    >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    >>> problem = adl.Problem(adl.ExpectedLoss() + 0.1 * adl.LeverageSquare(), event, law.quadrature(8))
    >>> problem.solve().certificate.status
    'certified'
    """

    def __init__(
        self,
        objective: Objective,
        event: Event,
        law: Law | None = None,
        *,
        subject_to: Iterable[Constraint] = (),
    ) -> None:
        if not isinstance(objective, Objective):
            hint = (
                f"; write {objective.__name__}()"
                if isinstance(objective, type) and issubclass(objective, Objective)
                else ""
            )
            raise ObjectiveError(f"{objective!r} is not an objective{hint}")
        check_hooks(objective)
        if not isinstance(event, Event):
            raise SolveError(
                f"a Problem takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})"
            )
        if law is not None and not isinstance(law, Law):
            raise SolveError(
                f"a Problem takes a law of price moves or None, not {type(law).__name__}; "
                "adl.Scenarios(moves) makes one of a table"
            )
        if law is not None and needs_no_law(objective) and not subject_to:
            raise SolveError(
                f"{objective} brings its laws, so that {law!r} would be left out: give no law, or one more "
                "to Robust"
            )
        laws_of(objective, None, event.book)  # laws of its own must fit
        self.objective, self.event = objective, event
        self._labels = None if law is None else law.assets
        self.law = None if law is None else law.for_book(event.book)
        # What is solved and proved; the weight comes back at the end.
        self._weight, self._inner = normalised(objective)
        self.subject_to = constraints_of(subject_to)
        for constraint in self.subject_to:
            constraint.check(event, self.law)
        if self.subject_to:
            self._inner = Constrained(self._inner, self.subject_to)
        self._compiled = Compiled(self._inner, self.law)

    @property
    def cvxpy(self) -> Any:
        """The compiled cp.Problem, in its own scaled units (§10): fractions closed, objective 1 at pro rata.

        It is the one that `solve` uses: in threads solve a copy.deepcopy of this Problem, whose cp.Problem is
        its own.

        >>> adl.Problem(adl.LeverageSquare(), adl.examples.paper()).cvxpy.is_dcp()
        True
        """
        program = self._compiled.program(self.event)
        program.set(self.event, self._compiled.scales(self.event).reference)
        return program.problem

    def solve(
        self,
        *,
        short: Mapping[str, Any] | None = None,
        long: Mapping[str, Any] | None = None,
        method: str = AUTO,
        solver: str | None = None,
        tol: float = TOLERANCE,
        time_limit: float | None = None,
        prefer: str | None = None,
        progress: bool = False,
    ) -> Allocation:
        """The optimal allocation with its certificate.

        - `short`, `long`: another requirement, replacing the whole one; the Problem stays as it is
        - `method`: "auto", "closed-form", "separable" or "conic"; `solver`: a CVXPY solver's name, for the
          conic method
        - `tol`: the relative gap that counts as certified; `time_limit`: seconds, for the solver
        - `prefer`: which optimum, where there are several: "water-filling" (leverages as level as can be, in
          the sense of LeverageSquare; the default where a closed form gives it), "fewest-accounts" (as few
          accounts reduced as can be) or "keep-hedges" (least notional closed of positions against the rest of
          their account)
        - `progress`: a bar on a terminal (stderr); where the separable method takes its steps, it shows how
          far the gap has come down, and an interrupt (Ctrl-C) keeps the best allocation so far, with what is
          proved about it

        Returns an Allocation. An open gap is a UncertifiedWarning and status "uncertified", never silence;
        below a millionth of the objective at pro rata it is the status "negligible", without a warning.
        Raises SolveError if the method does not apply or no point is found, ObjectiveError if the objective
        is not convex or its two definitions disagree (§17).

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> problem = adl.Problem(adl.LeverageSquare(), event)
        >>> [problem.solve(short={"BTC": q}).amount.round(4).tolist() for q in (5.0, 15.0)]  # contracts
        [[0.0, 0.0, 5.0], [6.6667, 0.0, 8.3333]]
        """
        self._check_options(method, solver, tol, time_limit)
        if prefer is not None and prefer not in PREFER:
            raise SolveError(f"prefer = {prefer!r} is not known; there are {', '.join(PREFER)}")
        event = self.event if short is None and long is None else self.event.with_requirement(short, long)
        solver = None if solver is None else solver.upper()
        for constraint in self.subject_to:
            constraint.check(event, self.law)
        request = Request(self._compiled, event, tol, solver, time_limit, self.objective)
        with waiting(f"{len(event.book.accounts):,} accounts", progress):
            amount, proof, answered_by, said = answer(request, method)
        if proof.certificate.constraint_violation > HOLDS:
            raise _not_held(event, proof.certificate, self.subject_to)
        if proof.certificate.status == "infeasible":
            raise SolveError(
                f"closed_form of {self.objective} {proof.certificate.proof}; it must return contracts "
                "closed by leg, >= 0"
            )
        exact = answered_by == ClosedForm.name and event.book.isolated
        optima = Optima(self._compiled, event, amount, proof.certificate, exact)
        if prefer is not None and proof.certificate.certified and event.free.any():
            weights = proof.law_weights  # its bound proves the other optimum
            amount, proof = optima.preferred(prefer, proof.price, tol, time_limit)
            proof = replace(proof, law_weights=weights)
        proof = replace(proof, certificate=doubted(self._compiled, event, amount, proof.certificate))
        allocation = self._allocation(Found(amount, proof, answered_by), optima)
        if said or allocation.certificate.status == "uncertified":
            uncertified(said or _open_gap(allocation))
        return allocation

    def _allocation(self, found: Found, optima: Optima) -> Allocation:
        """What was found, in the objective's own weight; what else is optimal is told on demand."""
        event, weight = optima.event, self._scale
        name = found.certificate.objective_name if weight == 1.0 else str(self.objective)
        proof = found.proof.times(weight, name)
        limits = constrained(self._inner)
        priced = None if limits is None else replace(limits, inner=self.objective, multipliers=proof.limits)

        def ends() -> tuple[Array, Array]:
            low, high = price_ranges(
                self._compiled, event, found.amount, found.proof.price, found.certificate
            )
            return weight * low, weight * high

        return Allocation(
            event, found.amount, found.method, str(self.objective), proof.certificate, proof.price,
            proof.parts, optima.unique, ends, self.law, self.objective, priced,
            weight_by_law=proof.law_weights,
        )  # fmt: skip

    def sweep(
        self,
        *,
        short: Mapping[str, Any] | None = None,
        long: Mapping[str, Any] | None = None,
        method: str = AUTO,
        tol: float = TOLERANCE,
        loading: Any = None,
        progress: bool = False,
        executor: Executor | None = None,
    ) -> pd.DataFrame:
        """The problem solved for one requirement after the other: a table, a line each.

        `short`, `long`: asset -> a list of requirements (contracts; lists of one length, numbers are
        repeated), replacing the event's whole requirement as in `solve`; `method`, `tol`, `progress` as
        there; `loading` as in `factor_water_filling`; `executor` as in `adl.sweep`, which sweeps over
        anything.

        Returns a DataFrame: the requirement (contracts), status, method, objective (its value), gap, shadow
        price by asset (quote currency per contract), highest leverage and, for at most 100 accounts, the
        gross leverage of each (x of equity) after closing; with `loading` also its factor leverage. Raises
        SolveError for lists of different lengths, LawError if a loading is missing.

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> table = adl.Problem(adl.MaxLeverage(), event).sweep(short={"BTC": [5, 15, 25]})
        >>> table[["short BTC", "status", "max leverage"]].round(4)
        short BTC status    max leverage
        contracts           x of equity,
                                   gross
                5 certified            2
               15 certified       0.6667
               25 certified       0.1053
        """
        check_executor("sweep", executor)
        factor = None if loading is None else factor_of(self.event.book, loading)
        points = list(requirements(short, long))
        answer = partial(_answer, self, factor, method, tol)
        return swept(answer, points, executor, "requirements", progress)

    def beside(self, objective: Objective) -> Problem:
        """Another objective over the same allocations, under the same law."""
        return Problem(objective, self.event, self.law, subject_to=self.subject_to)

    def optima(self, best: Allocation) -> Optima:
        """What else is optimal, given an optimum of this problem."""
        inner = best.certificate.times(1 / self._scale, str(self._inner))
        exact = best.method == ClosedForm.name and best.event.book.isolated
        return Optima(self._compiled, best.event, best.amount, inner, exact)

    def __repr__(self) -> str:
        how = "aligned by label" if self._labels else "in the order of the book's assets"
        none = "laws of its own" if needs_no_law(self.objective) else "no law"
        law = none if self.law is None else f"{self.law!r}, {how}"
        book = self.event.book
        limits = f" subject to {clipped(', '.join(names_of(self.subject_to)), 60)}" if self.subject_to else ""
        what = f"minimise {clipped(self.objective, 40)}{limits}; close {self.event.in_words()} (contracts)"
        whose = "; ".join([f"{len(book.accounts):,} accounts in {several(book.assets)}", *self.event.limits])
        return two_lines(f"Problem({what} of {whose}; {law})")

    def _repr_html_(self) -> str:
        return problem_panel(self.objective, self.event, self.law, names_of(self.subject_to))

    def doubted(self, event: Event, amount: Array, certificate: Certificate) -> Certificate:
        """A certificate of this objective, held against every value seen (`conic.agreement`)."""
        inner = certificate.times(1 / self._scale, str(self._inner))
        return doubted(self._compiled, event, amount, inner).times(self._scale, certificate.objective_name)

    def note(self, value: float, where: str) -> None:
        """A value of this objective that an allocation of the event has, to hold bounds against."""
        self._compiled.valued.note(self.event, value / self._scale, where)

    @property
    def _scale(self) -> float:
        """What the inner objective's certificate is multiplied by; LeverageSquare stands in for a monotone
        objective without a law as it is.
        """
        return 1.0 if self.law is None and self.objective.monotone else self._weight

    def _check_options(self, method: str, solver: str | None, tol: float, time_limit: float | None) -> None:
        if method not in NAMES:
            raise SolveError(f"there is no method {method!r}; there are {', '.join(NAMES)}")
        check_tolerance(tol)
        if time_limit is not None and not _positive(time_limit):
            raise SolveError(f"time_limit = {time_limit!r}: give a positive number of seconds")
        if solver is not None:
            if not isinstance(solver, str):
                raise SolveError(
                    f"solver is the name of a CVXPY solver, such as 'CLARABEL', not {type(solver).__name__}"
                )
            if method != AUTO and not named(method).takes_solver:
                raise SolveError(f"solver={solver!r} goes with method='conic', not {method!r}")
            import cvxpy as cp

            if solver.upper() not in cp.installed_solvers():
                raise SolveError(
                    f"there is no solver {solver!r}; installed are "
                    f"{', '.join(sorted(cp.installed_solvers()))}"
                )


def _not_held(event: Event, c: Certificate, subject_to: tuple[Constraint, ...]) -> SolveError:
    """What was found holds no constraints: nothing is decided, or a solver left them."""
    if event.free.any():
        return SolveError(
            f"the solver's allocation {c.proof}; try another solver=, or limits that leave more room"
        )
    return InfeasibleError(
        f"no allocation of this event holds {' and '.join(names_of(subject_to))}: the requirement leaves "
        f"nothing to decide, and what it closes {c.proof}"
    )


def _answer(
    problem: Problem, factor: OneFactor | None, method: str, tol: float, point: tuple[Any, Any]
) -> Line:
    """The line of a sweep for one requirement, (short, long)."""
    short, long = point
    with unheard():  # the sweep tells of open gaps
        try:
            solved = problem.solve(short=short or None, long=long or None, method=method, tol=tol)
        except InfeasibleError as error:
            event = problem.event.with_requirement(short or None, long or None)
            return impossible(error, event, unit_of(problem.objective, event.book.currency))
        return answered(solved, factor)


def _open_gap(allocation: Allocation) -> str:
    c = allocation.certificate
    return (
        f"not certified by {allocation.method}: {c.objective_name} {c.value:.9g}, bound {c.bound:.9g}, "
        f"relative gap {c.gap:.2g} above {c.tolerance:.2g}; "
        "the allocation is feasible, its optimality is not proved (§11)"
    )


def _positive(number: Any) -> bool:
    kinds = (int, float, np.integer, np.floating)
    return isinstance(number, kinds) and not isinstance(number, bool) and bool(0 < number <= 1e300)
