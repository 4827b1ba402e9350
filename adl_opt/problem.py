"""Problem: objective + event + law, declared; solved by a closed form, by accounts answering prices, or as a conic program; proved."""

import contextlib
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import separable
from .allocation import Allocation
from .certificate import TOLERANCE, Evidence, Proof, assess, scales, with_bound
from .errors import LawError, ObjectiveError, SolveError, UncertifiedWarning
from .event import Event, requirement_pairs
from .isolated import fewest_touched, fill, one_asset_ranges
from .laws import Law, Scenarios
from .objectives import ExpectedLoss, Objective, evaluate
from .symbols import Symbols
from .waterfill import clear_exactly

if TYPE_CHECKING:
    import pandas as pd

    from .conic import Point, Program
    from .face import Face

Array = NDArray[np.float64]
METHODS = ("auto", "closed-form", "separable", "conic")
PREFER = ("water-filling", "fewest-accounts", "keep-hedges")
_AGREE = 1e-6  # relative difference between what the solver minimised and `value` that is an error (§17)
_TIGHT, _ROUNDS = 1e-9, 12  # the gap at which objectives that need several rounds stop, and the most rounds
_SAME = 1e-9  # of a position: ranges narrower than this are one point
_DUST = 1e-9  # fractions closed this close to 0 or 1 are the solver's rounding
_MOST_COLUMNS = 100  # accounts whose leverages a sweep shows


class Problem:
    """An objective to minimise over the allocations of an event, under a law of price moves (None where none is needed).

    Nothing is solved or compiled until asked. The law is aligned with the book by label (see `repr`). Raises LawError if it does
    not fit, ObjectiveError if `objective` is not an Objective.
    """

    def __init__(self, objective: Objective, event: Event, law: Law | None = None) -> None:
        if not isinstance(objective, Objective):
            hint = f"; write {objective.__name__}()" if isinstance(objective, type) and issubclass(objective, Objective) else ""
            raise ObjectiveError(f"{objective!r} is not an objective{hint}")
        if not isinstance(event, Event):
            raise SolveError(f"a Problem takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")
        if law is not None and not isinstance(law, Law):
            raise SolveError(
                f"a Problem takes a law of price moves or None, not {type(law).__name__}; adl.Scenarios(moves) makes one of a table"
            )
        self.objective, self.event = objective, event
        self._labels = None if law is None else law.assets
        self.law = None if law is None else law.align(event.book.assets)
        self._programs: dict[tuple[bytes, bytes], Program] = {}

    @property
    def cvxpy(self) -> Any:
        """The compiled cp.Problem, in its own scaled units (§10): fractions closed, objective 1 at pro rata."""
        program = self._program(self.event)
        program.set(self.event, self._reference(self.event))
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
    ) -> Allocation:
        """The optimal allocation with its certificate.

        short, long: another requirement, replacing the whole one; the Problem stays as it is. method: "auto", "closed-form", "separable" or
        "conic"; solver: a CVXPY solver name, for the conic method; tol: relative gap that counts as certified; time_limit: seconds, for the solver.
        prefer: which optimum, where there are several: "water-filling" (leverages as level as can be, in the sense of LeverageSquare; the default
        where a closed form gives it), "fewest-accounts" (as few accounts reduced as can be) or "keep-hedges" (least notional closed of positions against the
        rest of their account). An open gap is a UncertifiedWarning and status "uncertified", never silence. Raises SolveError if the method does not apply or no
        point is found, ObjectiveError if the objective is not convex or its two definitions disagree (§17).
        """
        self._check_options(method, solver, tol, time_limit)
        if prefer is not None and prefer not in PREFER:
            raise SolveError(f"prefer = {prefer!r} is not known; there are {', '.join(PREFER)}")
        event = self.event if short is None and long is None else self.event.with_requirement(short, long)
        solver = None if solver is None else solver.upper()
        found = self._without_program(event, method, solver, tol)
        if found is None:
            found = (*self._conic(event, solver, tol, time_limit), "conic")
        elif method == "auto" and not found[1].certificate.certified:
            with contextlib.suppress(SolveError, LawError):  # a formula that does not prove itself: the program may do better
                other = self._conic(event, solver, tol, time_limit)
                found = (*other, "conic") if _gap(other[1]) < _gap(found[1]) else found
        amount, proof, chosen = found
        if proof.certificate.status == "infeasible":
            raise SolveError(
                f"closed_form of {self.objective} {proof.certificate.proof}; it must return contracts closed by leg, >= 0"
            )
        if prefer is not None and proof.certificate.certified and event.free.any():
            amount, proof = self._preferred(event, amount, proof, prefer, tol, time_limit, chosen == "closed-form")
        allocation = Allocation(
            event, amount, chosen, str(self.objective), proof.certificate, proof.price, proof.parts,
            partial(self._unique, event, amount, proof, chosen == "closed-form"),
        )  # fmt: skip
        if not proof.certificate.certified:
            c = proof.certificate
            warnings.warn(
                f"not certified by {chosen}: {c.measure} {c.objective:.9g}, bound {c.bound:.9g}, relative gap {c.gap:.2g} above {tol:.2g}; "
                "the allocation is feasible, its optimality is not proved (§11)",
                UncertifiedWarning,
                stacklevel=2,
            )
        return allocation

    def sweep(
        self,
        *,
        short: Mapping[str, Any] | None = None,
        long: Mapping[str, Any] | None = None,
        method: str = "auto",
        tol: float = TOLERANCE,
    ) -> "pd.DataFrame":
        """One line a requirement: short/long maps assets to a list of requirements (lists of one length, numbers are repeated).

        They replace the event's whole requirement, as in `solve`: name every asset that is to be closed.

        Columns: the requirement (contracts), status, method, objective, gap, shadow price by asset (quote currency per contract), highest leverage and, for at
        most 100 accounts, the leverage of each (x of equity) after closing. Raises SolveError for lists of different lengths.
        """
        import pandas as pd

        sides = {"short": dict(requirement_pairs(short)), "long": dict(requirement_pairs(long))}
        given = {
            (side, str(asset)): np.atleast_1d(np.asarray(v, dtype=object)) for side, m in sides.items() for asset, v in m.items()
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
            solved = self.solve(short=point["short"] or None, long=point["long"] or None, method=method, tol=tol)
            after = Symbols(solved.event, None, solved.amount).leverage
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
                line |= {f"leverage {account}": float(x) for account, x in zip(solved.event.book.accounts, after)}
            lines.append(line)
        return pd.DataFrame(lines)

    def __repr__(self) -> str:
        how = "aligned by label" if self._labels else "in the order of the book's assets"
        law = "no law" if self.law is None else f"{self.law!r}, {how}"
        return f"Problem(minimise {self.objective}; {self.event!r}; {law})"

    def _check_options(self, method: str, solver: str | None, tol: float, time_limit: float | None) -> None:
        if method not in METHODS:
            raise SolveError(f"there is no method {method!r}; there are {', '.join(METHODS)}")
        if not _positive(tol):
            raise SolveError(f"tol = {tol!r}: the relative gap to reach must be a positive number")
        if time_limit is not None and not _positive(time_limit):
            raise SolveError(f"time_limit = {time_limit!r}: give a positive number of seconds")
        if solver is not None:
            if method in ("closed-form", "separable"):
                raise SolveError(f"solver={solver!r} goes with method='conic', not {method!r}")
            import cvxpy as cp

            if solver.upper() not in cp.installed_solvers():
                raise SolveError(f"there is no solver {solver!r}; installed are {', '.join(sorted(cp.installed_solvers()))}")

    def _reference(self, event: Event) -> float:
        """What counts as 1 in the program: the value at pro rata, unless that is rounding (§10)."""
        pro_rata, floor = scales(self.objective, event, self.law)
        value = max(abs(pro_rata), 10 * floor)
        return value if np.isfinite(value) and value > 1e-200 else 1.0

    def _without_program(self, event: Event, method: str, solver: str | None, tol: float) -> tuple[Array, Proof, str] | None:
        """What needs no solver: nothing to decide, a closed form, accounts answering a price; None if the conic method is wanted or needed."""
        amount, chosen = None, "closed-form"
        if not event.free.any():
            amount = event.fixed_fraction * event.size
        elif solver is None and method in ("auto", "closed-form"):
            amount = self.objective.closed_form(event, self.law)
            if amount is None and method == "closed-form":
                known = (
                    "accounts hold more than one position"
                    if not event.book.isolated
                    else "it is neither monotone nor brings a closed form"
                )
                raise SolveError(f"no closed form is known for {self.objective} here: {known}; use method='conic'")
        if amount is None and method == "separable":
            separable.refuse(self.objective, event, self.law)
        wanted = method == "separable" or (method == "auto" and solver is None)
        if (
            amount is None
            and wanted
            and isinstance(self.law, Scenarios)
            and separable.applies(self.objective, event, self.law) is None
        ):
            amount, chosen = separable.solve(event, self.law), "separable"
        return None if amount is None else (amount, assess(self.objective, event, self.law, amount, tolerance=tol), chosen)

    def optima(self, best: Allocation) -> tuple[Array, Array, str, float]:
        """(least, most (legs,) contracts that each leg closes at an optimum, how that is known, relative tolerance), given one optimum."""
        event = best.event
        if not event.free.any():
            return best.amount, best.amount, "every leg is fixed by the requirement", 0.0
        known = self._closed_ranges(event)
        if known is not None:
            return *known, "closed form (Thm 2)" if self.law is not None else "the only optimum for every law (Thm 1)", 0.0
        face = self._face(event, best.amount, best.certificate.objective, best.method == "closed-form")
        low, high = face.ranges()
        least, most = best.amount.copy(), best.amount.copy()
        free = event.free
        least[free] = np.minimum(least[free], low * event.size[free])
        most[free] = np.maximum(most[free], high * event.size[free])
        return least, most, face.how, face.within

    def _closed_ranges(self, event: Event) -> tuple[Array, Array] | None:
        """Least and most (legs,) by leg in isolated margin, where the objective knows its optima there; else None."""
        if not event.book.isolated:
            return None
        amount, level = fill(event)
        flat = self.objective.flat(event, self.law, level)
        if flat is None and self.law is None and self.objective.monotone:
            flat = level, level
        return None if flat is None else one_asset_ranges(event, amount, *flat)

    def _face(self, event: Event, amount: Array, value: float, exact: bool) -> "Face":
        from .face import optimal_face

        return optimal_face(self.objective, event, self.law, amount, self._program(event), value, exact)

    def _unique(self, event: Event, amount: Array, proof: Proof, exact: bool) -> bool | None:
        """Whether the allocation is the only optimum; None if it is not certified or that cannot be told."""
        if not event.free.any():
            return True
        if not proof.certificate.certified:
            return None
        known = self._closed_ranges(event)
        if known is not None:
            least, most = known
            return bool((most - least <= _SAME * event.size).all())
        try:
            return self._face(event, amount, proof.certificate.objective, exact).unique()
        except (SolveError, LawError):
            return None

    def _preferred(
        self, event: Event, amount: Array, proof: Proof, prefer: str, tol: float, time_limit: float | None, exact: bool
    ) -> tuple[Array, Proof]:
        """Another optimum, proved by the bound of the first."""
        known = self._closed_ranges(event)
        if known is not None:
            chosen = fewest_touched(event, *known) if prefer == "fewest-accounts" else fill(event)[0]
        else:
            chosen = event.fixed_fraction * event.size
            face = self._face(event, amount, proof.certificate.objective, exact)
            chosen[event.free] = np.clip(face.best(prefer, time_limit), 0.0, 1.0) * event.size[event.free]
        chosen = self._cleared(event, chosen)
        other = assess(self.objective, event, self.law, chosen, tolerance=tol)
        certificate = with_bound(other.certificate, proof.certificate, tol)
        if not certificate.certified:
            raise SolveError(
                f"prefer={prefer!r} leads to an allocation with a relative gap of {certificate.gap:.2g}, above {tol:.2g}; solve without it"
            )
        return chosen, replace(other, certificate=certificate, price=np.where(np.isnan(other.price), proof.price, other.price))

    def _program(self, event: Event) -> "Program":
        from .conic import Program

        key = (event.side.tobytes(), event.free.tobytes() + event.fixed_fraction.tobytes())
        if key not in self._programs:
            self._programs[key] = Program(self.objective, event, self.law)
        return self._programs[key]

    def _conic(self, event: Event, solver: str | None, tol: float, time_limit: float | None) -> tuple[Array, Proof]:
        program, reference = self._program(event), self._reference(event)
        program.check_own_variables(event, self.law, reference)
        # Next to nothing may be lost at pro rata: divided by it, the program is hard; then once more in larger units.
        larger = max(reference, 1e-4 * program.money)
        attempts = [(reference, solver), (larger, solver)] + ([(larger, "CLARABEL")] if solver is None else [])
        for number, (unit, name) in enumerate(attempts, 1):
            try:
                point = program.solve(event, unit, name, 1e-9, time_limit)
                break
            except SolveError:
                if number == len(attempts):
                    raise
        found = [self._proved(event, point, tol)]
        value = found[0][1].certificate.objective
        if not found[0][1].certificate.certified and value > 0:
            # The gap may be open because the loss is tiny: once more, scaled by the value found (§11).
            with contextlib.suppress(SolveError):
                found.append(self._proved(event, program.solve(event, value, solver, 1e-10, time_limit), tol))
        if (
            not min(found, key=_better)[1].certificate.certified
            and self.objective.monotone
            and not separable.is_expected_loss(self.objective)
        ):
            # Next to nothing need be lost: then the least expected loss, a linear program, is as good for every monotone measure.
            with contextlib.suppress(SolveError):
                amount = self._least_expected_loss(event, time_limit)
                found.append((amount, assess(self.objective, event, self.law, amount, tolerance=tol)))
        best = self._refined(event, min(found, key=_better), tol, time_limit)
        found.append(best)
        if not best[1].certificate.certified and best[1].certificate.objective > best[1].certificate.reference:
            amount = self._cleared(event, event.pro_rata_fraction * event.size)  # a solver that loses to pro rata
            found.append((amount, assess(self.objective, event, self.law, amount, tolerance=tol)))
            best = min(found, key=_better)
        return best

    def _least_expected_loss(self, event: Event, time_limit: float | None) -> Array:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UncertifiedWarning)
            return Problem(ExpectedLoss(), event, self.law).solve(method="conic", time_limit=time_limit).amount

    def _refined(self, event: Event, best: tuple[Array, Proof], tol: float, time_limit: float | None) -> tuple[Array, Proof]:
        """Objectives that are hard on solvers, again by programs that agree with them to second order around the point found."""
        from .conic import Program

        for _ in range(_ROUNDS):
            if _gap(best[1]) <= _TIGHT:
                break
            near = self.objective.nearby(Symbols(event, self.law, best[0]))
            if near is None:
                break
            try:
                program = Program(near, event, self.law)
                point = program.solve(
                    event, max(abs(best[1].certificate.objective), best[1].certificate.floor), None, 1e-10, time_limit
                )
            except SolveError:
                break
            amount = event.fixed_fraction * event.size
            amount[event.free] = np.clip(point.fraction, 0.0, 1.0) * event.size[event.free]
            amount = self._cleared(event, amount)
            again = amount, assess(self.objective, event, self.law, amount, Evidence(point.dual, price=point.price), tol)
            if _better(again) >= _better(best):
                break
            best = again
        return best

    def _proved(self, event: Event, point: "Point", tol: float) -> tuple[Array, Proof]:
        amount = event.fixed_fraction * event.size
        amount[event.free] = np.clip(point.fraction, 0.0, 1.0) * event.size[event.free]
        trusted = self._same_value(event, amount, point)
        amount = self._cleared(event, amount)
        if isinstance(self.law, Scenarios) and separable.is_expected_loss(self.objective):
            small = len(event.book.accounts) * len(self.law.probability) <= separable.MOST_CELLS
            amount = separable.polish(event, self.law, amount) if small else amount
        evidence = Evidence(point.dual, point.bound if trusted else None, point.assumed, point.price)
        proof = assess(self.objective, event, self.law, amount, evidence, tol)
        return amount, replace(proof, price=np.where(np.isnan(proof.price), point.price, proof.price))

    def _cleared(self, event: Event, amount: Array) -> Array:
        amount = np.where(amount <= _DUST * event.size, 0.0, np.where(amount >= (1 - _DUST) * event.size, event.size, amount))
        for k in event.free_assets:
            legs = event.free & (event.book.asset == k)
            amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
        return amount

    def _same_value(self, event: Event, amount: Array, point: "Point") -> bool:
        """§17: `value` at the solver's point against what `express` says there, or, if it brings variables, what the solver minimised.

        Raises ObjectiveError if they differ; False if only the solver's accuracy is in doubt, so that its bound must not count.
        """
        from .conic import DISAGREE

        program = self._program(event)
        value = evaluate(self.objective, Symbols(event, self.law, amount))
        said = program.expressed(point.fraction)
        floor = scales(self.objective, event, self.law)[1]
        noise = 1e-12 * abs(evaluate(self.objective, Symbols(event, self.law, np.zeros(len(event.size))))) + 1e-14 * program.money
        if said is None:
            scale, other, noise = max(abs(value), self._reference(event)), point.objective, noise + 1e-8 * program.money
            if not point.accurate or program.trusted or abs(value - other) <= DISAGREE * scale + noise:
                return not program.doubtful and abs(value - other) <= _AGREE * scale + noise
        else:
            scale, other = max(abs(value), abs(said), floor), said
            if abs(value - other) <= _AGREE * scale + noise:
                return True
        why = "express and value disagree, or the objective is not convex (money and pure numbers in one class? Add two objectives)"
        unit = program.symbols.unit
        if value * other > 0 and min(abs(np.log(value / other / u)) for u in (unit, 1 / unit)) < 1e-6:
            why = "they differ by the unit of money: declare money = 1 if value is in quote currency, 0 if it is a pure number"
        raise ObjectiveError(
            f"{self.objective}: the solver minimised {other:.9g} but value gives {value:.9g} at its point; {why} (§17)"
        )


def _positive(number: object) -> bool:
    return isinstance(number, (int, float, np.integer, np.floating)) and np.isfinite(number) and number > 0


def _better(pair: tuple[Array, Proof]) -> tuple[bool, float, float]:
    """A proof first, then the lower objective: a bound holds for every allocation, so a smaller gap alone is no merit."""
    c = pair[1].certificate
    return (not c.certified, _gap(pair[1]), c.objective) if c.certified else (True, c.objective, _gap(pair[1]))


def _gap(proof: Proof) -> float:
    return np.inf if proof.certificate.gap is None else proof.certificate.gap
