"""Problem: objective + event + law, declared; solved by a closed form, by accounts answering prices, or as a
conic program; proved.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import TOLERANCE, Certificate, Proof, check_tolerance
from adl_opt.data.event import Event, requirement_pairs
from adl_opt.errors import LawError, ObjectiveError, SolveError
from adl_opt.evaluation.symbols import Symbols
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.one_factor import OneFactor
from adl_opt.methods import separable
from adl_opt.methods.conic.solve import ConicRoute, gap_of
from adl_opt.methods.snapping import assess_at_ends
from adl_opt.objectives.base import Objective, normalised
from adl_opt.objectives.hooks import check_hooks, closed_form_of
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.optimal_set import Optima
from adl_opt.problem.shadow_prices import price_ranges
from adl_opt.progress import bar
from adl_opt.threads import uncertified

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("auto", "closed-form", "separable", "conic")
PREFER = ("water-filling", "fewest-accounts", "keep-hedges")
_MOST_COLUMNS = 100  # accounts whose leverages a sweep shows


class Problem:
    """An objective to minimise over the allocations of an event, under a law of price moves (None where none
    is needed).

    Nothing is solved or compiled until asked. The law is aligned with the book by label (see `repr`). Threads
    may share a Problem: its programs are solved one after the other. Copies, by pickle or `copy`, compile
    anew. Raises LawError if the law does not fit, ObjectiveError if `objective` is not an Objective.
    """

    def __init__(self, objective: Objective, event: Event, law: Law | None = None) -> None:
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
        self.objective, self.event = objective, event
        self._labels = None if law is None else law.assets
        self.law = None if law is None else law.for_book(event.book)
        self._weight, self._inner = normalised(
            objective
        )  # what is solved and proved; the weight comes back at the end
        self._route = ConicRoute(self._inner, self.law)

    @property
    def cvxpy(self) -> Any:
        """The compiled cp.Problem, in its own scaled units (§10): fractions closed, objective 1 at pro rata.

        It is the one that `solve` uses: in threads solve a copy.deepcopy of this Problem, whose cp.Problem is
        its own.
        """
        program = self._route.program(self.event)
        program.set(self.event, self._route.reference(self.event))
        return program.problem

    def solve(
        self,
        *,
        short: Mapping[str, Any] | None = None,
        long: Mapping[str, Any] | None = None,
        method: str = "auto",
        solver: str | None = None,
        tol: float = TOLERANCE,
        time_limit: float | None = None,
        prefer: str | None = None,
        progress: bool = False,
    ) -> Allocation:
        """The optimal allocation with its certificate.

        short, long: another requirement, replacing the whole one; the Problem stays as it is. method: "auto",
        "closed-form", "separable" or "conic"; solver: a CVXPY solver name, for the conic method; tol:
        relative gap that counts as certified; time_limit: seconds, for the solver. prefer: which optimum,
        where there are several: "water-filling" (leverages as level as can be, in the sense of
        LeverageSquare; the default where a closed form gives it), "fewest-accounts" (as few accounts reduced
        as can be) or "keep-hedges" (least notional closed of positions against the rest of their account).
        progress: a bar on stderr where the separable method takes its steps; an interrupt (Ctrl-C) during
        them keeps the best allocation so far, with what is proved about it. An open gap is a
        UncertifiedWarning and status "uncertified", never silence; an open gap below a millionth of the
        objective at pro rata is the status "negligible", without a warning. Raises SolveError if the method
        does not apply or no point is found, ObjectiveError if the objective is not convex or its two
        definitions disagree (§17).
        """
        self._check_options(method, solver, tol, time_limit)
        if prefer is not None and prefer not in PREFER:
            raise SolveError(f"prefer = {prefer!r} is not known; there are {', '.join(PREFER)}")
        event = self.event if short is None and long is None else self.event.with_requirement(short, long)
        solver = None if solver is None else solver.upper()
        found = self._without_program(event, method, solver, tol, progress)
        if found is None:
            found = (*self._route.solve(event, solver, tol, time_limit), "conic")
        elif method == "auto" and "interrupted" not in found[2] and not found[1].certificate.certified:
            with contextlib.suppress(
                SolveError, LawError
            ):  # a formula that does not prove itself: the program may do better
                other = self._route.solve(event, solver, tol, time_limit)
                found = (*other, "conic") if gap_of(other[1]) < gap_of(found[1]) else found
        amount, proof, chosen = found
        if proof.certificate.status == "infeasible":
            raise SolveError(
                f"closed_form of {self.objective} {proof.certificate.proof}; it must return contracts "
                "closed by leg, >= 0"
            )
        optima = Optima(
            self._route, event, amount, proof.certificate, chosen == "closed-form" and event.book.isolated
        )
        if prefer is not None and proof.certificate.certified and event.free.any():
            amount, proof = optima.preferred(prefer, proof.price, tol, time_limit)
        proof = replace(proof, certificate=self._route.doubted(event, amount, proof.certificate))
        weight, said = self._scale, proof.times(self._scale, self._measure(proof))

        def ends() -> tuple[Array, Array]:
            low, high = price_ranges(self._route, event, amount, proof.price, proof.certificate)
            return weight * low, weight * high

        allocation = Allocation(
            event, amount, chosen, str(self.objective), said.certificate, said.price, said.parts,
            optima.unique, ends, self.law,
            self.objective,
        )  # fmt: skip
        if said.certificate.status == "uncertified":
            c = said.certificate
            uncertified(
                f"not certified by {chosen}: {c.measure} {c.objective:.9g}, bound {c.bound:.9g}, relative "
                f"gap {c.gap:.2g} above {tol:.2g}; "
                "the allocation is feasible, its optimality is not proved (§11)"
            )
        return allocation

    def sweep(
        self,
        *,
        short: Mapping[str, Any] | None = None,
        long: Mapping[str, Any] | None = None,
        method: str = "auto",
        tol: float = TOLERANCE,
        loading: Any = None,
    ) -> "pd.DataFrame":
        """One line a requirement: short/long maps assets to a list of requirements (lists of one length,
        numbers are repeated).

        They replace the event's whole requirement, as in `solve`: name every asset that is to be closed.

        Columns: the requirement (contracts), status, method, objective, gap, shadow price by asset (quote
        currency per contract), highest leverage and, for at most 100 accounts, the gross leverage of each (x
        of equity) after closing; with `loading` (as in `factor_water_filling`) also its factor leverage.
        Raises SolveError for lists of different lengths, LawError if a loading is missing.
        """
        import pandas as pd

        factor = (
            None if loading is None else OneFactor(loading, Scenarios([0.0])).align(self.event.book.assets)
        )

        sides = {"short": dict(requirement_pairs(short)), "long": dict(requirement_pairs(long))}
        given = {
            (side, str(asset)): np.atleast_1d(np.asarray(v, dtype=object))
            for side, m in sides.items()
            for asset, v in m.items()
        }
        count = max((len(v) for v in given.values()), default=0)
        odd = [asset for (_, asset), v in given.items() if len(v) not in (1, count)]
        if odd or not count:
            raise SolveError(
                f"{odd[0]!r} has another number of requirements than {count}"
                if odd
                else 'nothing to sweep: say short={"BTC": [1, 2, 5]}'
            )
        lines = []
        for k in range(count):
            point: dict[str, dict[str, Any]] = {"short": {}, "long": {}}
            for (side, asset), v in given.items():
                point[side][asset] = v[k if len(v) > 1 else 0]
            solved = self.solve(
                short=point["short"] or None, long=point["long"] or None, method=method, tol=tol
            )
            m = Symbols(solved.event, factor, solved.amount)
            after = m.leverage
            line: dict[str, Any] = {
                f"{side} {asset}": v
                for side, m in (("short", solved.event.short), ("long", solved.event.long))
                for asset, v in m.items()
            }
            c = solved.certificate
            line |= {"status": c.status, "method": solved.method, "objective": c.objective, "gap": c.gap}
            line |= {f"shadow price {asset}": price for asset, price in solved.shadow_prices.items()}
            line["max leverage"] = float(after.max())
            if len(after) <= _MOST_COLUMNS:
                accounts = solved.event.book.accounts
                line |= {f"leverage {account}": float(x) for account, x in zip(accounts, after)}
                if factor is not None:
                    line |= {
                        f"factor leverage {account}": float(x)
                        for account, x in zip(accounts, m.factor_leverage)
                    }
            lines.append(line)
        return pd.DataFrame(lines)

    def optima(self, best: Allocation) -> Optima:
        """What else is optimal, given an optimum of this problem."""
        inner = best.certificate.times(1 / self._scale, str(self._inner))
        return Optima(
            self._route,
            best.event,
            best.amount,
            inner,
            best.method == "closed-form" and best.event.book.isolated,
        )

    def __repr__(self) -> str:
        how = "aligned by label" if self._labels else "in the order of the book's assets"
        law = "no law" if self.law is None else f"{self.law!r}, {how}"
        return f"Problem(minimise {self.objective}; {self.event!r}; {law})"

    def doubted(self, event: Event, amount: Array, certificate: Certificate) -> Certificate:
        """A certificate of this objective, held against every value seen (`ConicRoute.doubted`)."""
        inner = certificate.times(1 / self._scale, str(self._inner))
        return self._route.doubted(event, amount, inner).times(self._scale, certificate.measure)

    def note(self, value: float, where: str) -> None:
        """A value of this objective that an allocation of the event has, to hold bounds against."""
        self._route.valued.note(self.event, value / self._scale, where)

    @property
    def _scale(self) -> float:
        """What the inner objective's certificate is multiplied by; LeverageSquare stands in for a monotone
        objective without a law as it is.
        """
        return 1.0 if self.law is None and self.objective.monotone else self._weight

    def _measure(self, proof: Proof) -> str:
        return proof.certificate.measure if self._scale == 1.0 else str(self.objective)

    def _check_options(self, method: str, solver: str | None, tol: float, time_limit: float | None) -> None:
        if method not in METHODS:
            raise SolveError(f"there is no method {method!r}; there are {', '.join(METHODS)}")
        check_tolerance(tol)
        if time_limit is not None and not _positive(time_limit):
            raise SolveError(f"time_limit = {time_limit!r}: give a positive number of seconds")
        if solver is not None:
            if not isinstance(solver, str):
                raise SolveError(
                    f"solver is the name of a CVXPY solver, such as 'CLARABEL', not {type(solver).__name__}"
                )
            if method in ("closed-form", "separable"):
                raise SolveError(f"solver={solver!r} goes with method='conic', not {method!r}")
            import cvxpy as cp

            if solver.upper() not in cp.installed_solvers():
                raise SolveError(
                    f"there is no solver {solver!r}; installed are "
                    f"{', '.join(sorted(cp.installed_solvers()))}"
                )

    def _without_program(
        self, event: Event, method: str, solver: str | None, tol: float, progress: bool
    ) -> tuple[Array, Proof, str] | None:
        """What needs no solver: nothing to decide, a closed form, accounts answering a price; None if the
        conic method is wanted or needed.
        """
        amount, chosen, evidence = None, "closed-form", None
        if not event.free.any():
            amount = event.amount_from()
        elif solver is None and method in ("auto", "closed-form"):
            amount = closed_form_of(self._inner, event, self.law)
            if amount is None and self._inner.monotone and getattr(self.law, "loading", None) is not None:
                from adl_opt.methods.conic.levelling import level_factor

                amount = level_factor(event, self.law)[0]  # optimal for every move of the factor (Thm 3)
            if amount is not None:
                self._route.check(event, amount)
            if amount is None and method == "closed-form":
                known = (
                    "accounts hold more than one position"
                    if not event.book.isolated
                    else "it is neither monotone nor brings a closed form"
                )
                raise SolveError(
                    f"no closed form is known for {self.objective} here: {known}; use method='auto'"
                )
        if amount is None and method == "separable":
            separable.refuse(self._inner, event, self.law)
        wanted = method == "separable" or (method == "auto" and solver is None)
        if (
            amount is None
            and wanted
            and self.law is not None
            and separable.applies(self._inner, event, self.law) is None
            and (method == "separable" or separable.pays(self._inner, event, self.law))
        ):
            chosen = "separable"
            with bar(progress, f"{len(event.book.accounts):,} accounts", tol) as watch:
                amount, evidence, interrupted = separable.solve(self._inner, event, self.law, tol, watch)
            chosen = "separable, interrupted" if interrupted else chosen
            if not separable.piece_by_piece(self._inner, event, self.law):
                return *assess_at_ends(self._inner, event, self.law, amount, evidence, tol), chosen
        return (
            None
            if amount is None
            else (amount, assess(self._inner, event, self.law, amount, evidence, tol), chosen)
        )


def _positive(number: object) -> bool:
    return (
        isinstance(number, (int, float, np.integer, np.floating))
        and not isinstance(number, bool)
        and 0 < number <= 1e300
    )
