"""The conic route: solved in units that suit the event, refined where cones are hard on solvers, polished and
proved (§10, §11, §17).
"""

import contextlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess, rounding_at
from adl_opt.certificates.certificate import TOLERANCE, Certificate, Evidence, Proof, with_bound
from adl_opt.certificates.values_seen import Valued, downhill, key_of
from adl_opt.data.event import Event, cleared
from adl_opt.errors import LawError, ObjectiveError, SolveError
from adl_opt.evaluation.symbols import Symbols, needed
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.elliptical import Gaussian
from adl_opt.methods import separable
from adl_opt.methods.conic.cutting_planes import cut_below
from adl_opt.methods.conic.newton_model import newton_at
from adl_opt.methods.conic.own_variables import DISAGREE, Trial
from adl_opt.methods.snapping import assess_at_ends
from adl_opt.objectives.base import Objective, evaluate, trusted
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.worst_case import WorstCase
from adl_opt.threads import alone

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Point, Program

_AGREE = 1e-6  # relative difference between what the solver minimised and `value` that is an error (§17)
_CUTS, _NEWTON = 25, 1e-4  # rounds of cuts at most, and the gap from which Newton's model takes over
_TIGHT, _ROUNDS = 1e-9, 40  # the gap at which objectives that need several rounds stop, and the most rounds
_HALVINGS = 8  # of a step that leads uphill
_MATERIAL, _TOLD_APART = (
    1e-6,
    1e-8,
)  # of pro rata, and of the value before closing or the mean account: smaller is not told apart by a program
_NEARLY_ALL, _LITTLE = (
    1e-9,
    1e-14,
)  # all but this fraction of a capacity is closed; this fraction of the mean account is lost
# Accounts x scenarios up to which a user's objective is compiled only to be compared with its value.
_MOST_CHECKED = 200_000


class ConicRoute:
    """An objective under a law (aligned, or None) as conic programs: compiled once for each set of legs to
    decide, solved for any requirement.
    """

    def __init__(self, objective: Objective, law: Law | None) -> None:
        self.objective, self.law = objective, law
        self._programs: dict[tuple[bytes, bytes], Program] = {}
        self.lock = threading.RLock()
        self._trials: dict[bytes, Trial] = {}
        self.valued = Valued()

    def __getstate__(self) -> dict[str, Any]:
        # Neither locks nor compiled programs travel: a copy compiles anew.
        return {"objective": self.objective, "law": self.law}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    @alone
    def program(self, event: Event) -> "Program":
        """The compiled program of the legs that this event leaves to be decided."""
        from adl_opt.methods.conic.program import Program

        limits = event.size.tobytes() if event.capped else b""
        key = (event.side.tobytes(), event.free.tobytes() + event.fixed_fraction.tobytes() + limits)
        if key not in self._programs:
            self._programs[key] = Program(self.objective, event, self.law)
        return self._programs[key]

    def reference(self, event: Event) -> float:
        """What counts as 1 in the program: the value at pro rata, unless that is rounding (§10).

        A matter of conditioning, not of proof.
        """
        pro_rata, least = self._scales(event)
        value = max(abs(pro_rata), 10 * least)
        return value if np.isfinite(value) and value > 1e-200 else 1.0

    def unit_near(self, event: Event, optimum: Certificate) -> float:
        """What counts as 1 in a program near an optimum: its value, where that is not too small to be told
        apart.
        """
        return max(abs(optimum.objective), _MATERIAL * abs(optimum.reference)) or self.reference(event)

    def _scales(self, event: Event) -> tuple[float, float]:
        """(value at pro rata, what a program in float numbers still tells apart): a millionth of it; where it
        is rounding itself, because all but a rounding of a capacity is closed or next to nothing is lost,
        1e-8 of the value before closing or of the mean account.
        """
        objective, book, k = self.objective, event.book, event.free_assets
        pro_rata = evaluate(objective, Symbols(event, self.law, event.pro_rata_fraction * event.size))
        account = (
            float(np.maximum(book.per_account(np.abs(book.notional)), book.equity).mean())
            if objective.money
            else 1.0
        )
        nearly_all = bool(
            (event.capacities[k] - event.required[k] <= _NEARLY_ALL * event.capacities[k]).any()
        )
        little = abs(pro_rata) <= _LITTLE * account
        if not nearly_all and not little:
            return pro_rata, _MATERIAL * abs(pro_rata)
        before = (
            abs(evaluate(objective, Symbols(event, self.law, np.zeros(len(event.size)))))
            if nearly_all
            else 0.0
        )
        other = max(before if np.isfinite(before) else 0.0, account if little else 0.0)
        return pro_rata, max(_MATERIAL * abs(pro_rata), _TOLD_APART * other)

    def solve(
        self, event: Event, solver: str | None, tol: float, time_limit: float | None
    ) -> tuple[Array, Proof]:
        """An amount (legs,) contracts and its proof.

        Raises SolveError if no solver returns a point, ObjectiveError as in §17.
        """
        for without_scenarios in (self._by_cuts, self._by_newton):
            if (found_so := without_scenarios(event, solver, tol, time_limit)) is not None:
                return found_so
        program, reference = self.program(event), self.reference(event)
        self.trial(event)
        # Next to nothing may be lost at pro rata: divided by it, the program is hard; then once more in
        # larger units.
        larger = max(reference, 1e-4 * program.money)
        attempts = [(reference, solver), (larger, solver)] + (
            [(larger, "CLARABEL")] if solver is None else []
        )
        # Cones that no solver masters: start where the expected loss is least, a linear program, and refine
        # from there.
        easier = (
            solver is None
            and self.objective.monotone
            and trusted(self.objective)
            and self.objective.expected_loss_weight is None
        )
        found: list[tuple[Array, Proof]] = []
        for number, (unit, name) in enumerate(attempts, 1):
            try:
                found.append(self._proved(event, program.solve(event, unit, name, 1e-9, time_limit), tol))
                break
            except SolveError:
                if number == len(attempts) and not easier:
                    if not self._bounded(solver, time_limit):
                        raise
                    found.append(self._at_pro_rata(event, tol))
        if not found:
            found = self._starts(event, tol, time_limit)
        value = found[0][1].certificate.objective
        if not found[0][1].certificate.certified and value != 0:
            # The gap may be open because the loss is tiny: once more, scaled by the value found (§11).
            with contextlib.suppress(SolveError):
                found.append(
                    self._proved(event, program.solve(event, abs(value), solver, 1e-10, time_limit), tol)
                )
        if (
            not min(found, key=_better)[1].certificate.certified
            and self.objective.monotone
            and self.objective.expected_loss_weight is None
        ):
            # Next to nothing need be lost: then the least expected loss, a linear program, is as good for
            # every monotone measure.
            with contextlib.suppress(SolveError):
                found += self._starts(event, tol, time_limit)
        best = self._refined(event, min(found, key=_better), tol, time_limit)
        found.append(best)
        if (
            not best[1].certificate.certified
            and best[1].certificate.objective > best[1].certificate.reference
        ):
            best = min(
                [*found, self._at_pro_rata(event, tol)], key=_better
            )  # a solver that loses to pro rata
        return best

    def _at_pro_rata(self, event: Event, tol: float) -> tuple[Array, Proof]:
        amount = cleared(event, event.pro_rata_fraction * event.size)
        return amount, self._assess(event, amount, tolerance=tol)

    def _bounded(self, solver: str | None, time_limit: float | None) -> bool:
        """Whether a solver of our choice without a point is lost in rounding: our own objectives have an
        optimum.
        """
        return solver is None and time_limit is None and trusted(self.objective)

    def _by_cuts(
        self, event: Event, solver: str | None, tol: float, time_limit: float | None
    ) -> tuple[Array, Proof] | None:
        """Elliptical laws: cuts below the expected loss, one more an account and round, whose programs'
        bounds prove; None where they do not apply.
        """
        amounts = [event.pro_rata_fraction * event.size, event.fixed_fraction * event.size]
        found: list[tuple[Array, Proof]] = []
        smooth, stalled = self.objective.expected_loss_weight is not None, 0
        for _ in range(_CUTS):
            below = cut_below(
                self.objective, self.law, [Symbols(event, self.law, amount) for amount in amounts]
            )
            if below is None:
                return None
            cuts = ConicRoute(below, self.law)
            cuts._trials, program = (
                self._trials,
                cuts.program(event),
            )  # a user's terms beside it are tried once
            cuts.trial(event)
            try:
                point = program.solve(event, self.reference(event), solver, 1e-10, time_limit)
            except SolveError:
                if not found and not self._bounded(solver, time_limit):
                    raise
                found = found or [self._at_pro_rata(event, tol)]
                break
            amount = self._amount(event, point)
            bound = (
                point.bound if cuts._same_value(event, amount, point) else None
            )  # §17 holds for a user's terms beside it
            amount = cleared(event, amount)
            evidence = Evidence(conic_bound=bound, conic_assumed=point.assumed, price=point.price)
            before = min((gap_of(one[1]) for one in found), default=np.inf)
            found.append(self._at_ends(event, amount, evidence, tol))
            amounts.append(found[-1][0])
            stalled = 0 if gap_of(found[-1][1]) < before else stalled + 1
            # Newton is faster at the end, where all is smooth; kinks of other parts need the cuts' bounds to
            # the last.
            if min(before, gap_of(found[-1][1])) <= (_NEWTON if smooth else 10 * _TIGHT) or stalled > 2:
                break
        amount, proof = self._refined(event, min(found, key=_better), tol, time_limit)
        highest = max(
            found, key=lambda one: -np.inf if one[1].certificate.bound is None else one[1].certificate.bound
        )
        return amount, replace(proof, certificate=with_bound(proof.certificate, highest[1].certificate, tol))

    def _by_newton(
        self, event: Event, solver: str | None, tol: float, time_limit: float | None
    ) -> tuple[Array, Proof] | None:
        """Other laws with a curvature: Newton's model from the optimum under normal moves of the same
        covariance; None where it does not apply.
        """
        amount = cleared(event, event.pro_rata_fraction * event.size)
        if newton_at(self.objective, Symbols(event, self.law, amount)) is None:
            return None
        covariance = needed(self.law).covariance_of_moves()
        if covariance is not None:
            with contextlib.suppress(SolveError):
                amount = ConicRoute(self.objective, Gaussian(covariance)).solve(
                    event, solver, tol, time_limit
                )[0]
        return self._refined(event, (amount, self._assess(event, amount, tolerance=tol)), tol, time_limit)

    @staticmethod
    def _amount(event: Event, point: "Point") -> Array:
        amount = event.fixed_fraction * event.size
        amount[event.free] = np.clip(point.fraction, 0.0, 1.0) * event.size[event.free]
        return amount

    def _starts(self, event: Event, tol: float, time_limit: float | None) -> list[tuple[Array, Proof]]:
        """Where linear programs would go: the least expected loss and the least worst case, assessed by this
        objective.
        """
        found = []
        for easy in (
            one for one in (ExpectedLoss(), WorstCase()) if type(one) is not type(self.objective)
        ):  # not itself, for ever
            amount = ConicRoute(easy, self.law).solve(event, None, tol, time_limit)[0]
            found.append((amount, self._assess(event, amount, tolerance=tol)))
        return found

    def _refined(
        self, event: Event, best: tuple[Array, Proof], tol: float, time_limit: float | None
    ) -> tuple[Array, Proof]:
        """Objectives that are hard on solvers, again by programs that agree with them to second order around
        the point found.
        """
        from adl_opt.methods.conic.program import Program

        here, stalled = best, 0
        for _ in range(_ROUNDS):
            if gap_of(best[1]) <= _TIGHT or stalled > 1:
                break
            m = Symbols(event, self.law, here[0])
            near = self.objective.local_model(m) or newton_at(self.objective, m)
            if near is None:
                break
            program, c = Program(near, event, self.law), here[1].certificate
            scales_of = [
                getattr(part, "solver_scale", np.inf) for _, part in near.weighted_parts() if trusted(part)
            ]
            natural = min([abs(c.objective), *scales_of])
            point = None
            for scale, accuracy in ((natural, 1e-10), (abs(c.objective), 1e-10), (natural, 1e-8)):
                with contextlib.suppress(SolveError):
                    point = program.solve(
                        event, max(scale, _MATERIAL * abs(c.reference)), None, accuracy, time_limit
                    )
                    break
            if point is None:
                break
            amount = self._downhill(event, here[0], cleared(event, self._amount(event, point)))
            again = self._at_ends(event, amount, Evidence(point.dual, price=point.price), tol)
            # Far from the optimum the value shows the progress, near it, where values are rounding, the gap.
            stalled = (
                0
                if again[1].certificate.objective < c.objective or gap_of(again[1]) < gap_of(best[1])
                else stalled + 1
            )
            here, best = again, min(best, again, key=_better)
        return best

    def _assess(
        self, event: Event, amount: Array, evidence: Evidence | None = None, tolerance: float = TOLERANCE
    ) -> Proof:
        return self._noted(event, assess(self.objective, event, self.law, amount, evidence, tolerance))

    def _at_ends(
        self, event: Event, amount: Array, evidence: Evidence, tolerance: float
    ) -> tuple[Array, Proof]:
        amount, proof = assess_at_ends(self.objective, event, self.law, amount, evidence, tolerance)
        return amount, self._noted(event, proof)

    def _noted(self, event: Event, proof: Proof) -> Proof:
        if proof.certificate.status != "infeasible":
            self.valued.note(event, proof.certificate.objective, "an allocation found on the way")
        return proof

    def _downhill(self, event: Event, here: Array, there: Array) -> Array:
        """`there`, or, where a model of second order led too far, the first halving of the way at which the
        value falls.
        """
        start = evaluate(self.objective, Symbols(event, self.law, here))
        for halving in range(_HALVINGS):
            amount = there if halving == 0 else cleared(event, here + 0.5**halving * (there - here))
            if evaluate(self.objective, Symbols(event, self.law, amount)) <= start:
                return amount
        return there

    def _proved(self, event: Event, point: "Point", tol: float) -> tuple[Array, Proof]:
        amount = self._amount(event, point)
        trusted = self._same_value(event, amount, point)
        amount = cleared(event, amount)
        if isinstance(self.law, Scenarios) and self.objective.expected_loss_weight is not None:
            small = len(event.book.accounts) * len(self.law.probability) <= separable.MOST_CELLS
            amount = separable.polish(event, self.law, amount) if small else amount
        evidence = Evidence(point.dual, point.bound if trusted else None, point.assumed, point.price)
        amount, proof = self._at_ends(event, amount, evidence, tol)
        return amount, replace(proof, price=np.where(np.isnan(proof.price), point.price, proof.price))

    def check(self, event: Event, amount: Array) -> None:
        """§17 where a formula answers and nothing is compiled: a user's `express` must say at `amount`
        (legs,) what `value` says.

        Left out for the library's own objectives, without an `express`, where the law is no set of scenarios,
        and above _MOST_CHECKED accounts x scenarios.
        """
        cells = len(event.book.accounts) * len(self.law.probability) if isinstance(self.law, Scenarios) else 0
        said = [
            part for _, part in self.objective.weighted_parts() if type(part).express is not Objective.express
        ]
        if (
            trusted(self.objective)
            or len(said) < len(self.objective.weighted_parts())
            or cells > _MOST_CHECKED
        ):
            return
        with contextlib.suppress(LawError):
            program, value = self.program(event), evaluate(self.objective, Symbols(event, self.law, amount))
            fraction = (amount / np.where(event.size > 0, event.size, 1.0))[event.free]
            other = program.expressed(fraction)
            if (trial := self.trial(event)) is not None:
                trial.compare(fraction)
            if other is not None and abs(value - other) > _AGREE * max(
                abs(value), abs(other), self.reference(event)
            ):
                self._disagree(event, value, other, "express says")

    def trial(self, event: Event) -> Trial | None:
        """§17 for objectives with variables of their own, once for each requirement; None where there are
        none. Raises ObjectiveError.
        """
        key = key_of(event)
        if key not in self._trials and (rows := self.program(event).own_rows) is not None:
            trial = Trial(event, self.law, rows, self.reference(event))
            trial.run()
            self._trials[key] = trial
            if rows.objective is self.objective:
                self.valued.note(event, trial.lowest, "an allocation tried")
        return self._trials.get(key)

    def _doubtful(self, event: Event) -> bool:
        return (trial := self.trial(event)) is not None and trial.doubtful

    def doubted(self, event: Event, amount: Array, certificate: Certificate) -> Certificate:
        """The certificate of amount (legs,), its bound held against every value seen and, for a user's
        objective, those downhill; it says what is believed.

        Raises ObjectiveError if the bound is above one of them (§17).
        """
        c, more = certificate, 0
        if c.status == "infeasible" or not event.free.any() or (self.law is None and self.objective.monotone):
            return c  # without a law another objective stands for a monotone one
        self.valued.note(event, c.objective, "the answer")
        self.valued.note(event, c.reference, "pro rata")
        if not trusted(self.objective) and c.bound is not None:
            more, lowest = downhill(self.objective, event, self.law, amount)
            self.valued.note(event, lowest, "an allocation downhill from the answer")
        places = (amount, event.pro_rata_fraction * event.size)
        self.valued.refuse(
            self.objective,
            event,
            c,
            lambda: max(rounding_at(self.objective, event, self.law, at) for at in places),
        )
        trial = self._trials.get(key_of(event))
        if trial is None or not trial.rows.own or "conic dual" not in c.proof:
            return c
        return replace(
            c, proof=c.proof.replace("conic dual", "conic dual of `express`", 1) + trial.words(1 + more)
        )

    def _same_value(self, event: Event, amount: Array, point: "Point") -> bool:
        """§17: `value` at the solver's point against what `express` says there, or, if it brings variables,
        what the solver minimised.

        Raises ObjectiveError if they differ; False if only the solver's accuracy is in doubt, so that its
        bound must not count.
        """
        program = self.program(event)
        value = evaluate(self.objective, Symbols(event, self.law, amount))
        said = program.expressed(point.fraction)
        floor = self._scales(event)[1]
        noise = (
            1e-12 * abs(evaluate(self.objective, Symbols(event, self.law, np.zeros(len(event.size)))))
            + 1e-14 * program.money
        )
        if said is None:
            scale, other, noise = (
                max(abs(value), self.reference(event)),
                point.objective,
                noise + 1e-8 * program.money,
            )
            if (
                not point.accurate
                or trusted(self.objective)
                or abs(value - other) <= DISAGREE * scale + noise
            ):
                return not self._doubtful(event) and abs(value - other) <= _AGREE * scale + noise
        else:
            scale, other = max(abs(value), abs(said), floor), said
            close = abs(value - other) <= _AGREE * scale + noise
            if trusted(
                self.objective
            ):  # the library's own differ by rounding only: then the bound does not count
                return close
            if (
                close
            ):  # where both are next to nothing, what a user's two definitions differ by may be all there is
                return abs(value - other) <= _AGREE * max(abs(value), abs(said)) + noise
        self._disagree(event, value, other, "the solver minimised")
        return False

    def _disagree(self, event: Event, value: float, other: float, who: str) -> None:
        why = (
            "express and value disagree, or the objective is not convex (money and pure numbers in one "
            "class? Add two objectives)"
        )
        unit = self.program(event).symbols.unit
        if value * other > 0 and min(abs(np.log(value / other / u)) for u in (unit, 1 / unit)) < 1e-6:
            why = (
                "they differ by the unit of money: declare money = 1 if value is in quote currency, 0 if "
                "it is a pure number"
            )
        raise ObjectiveError(
            f"{self.objective}: {who} {other:.9g} but value gives {value:.9g} at that point; {why} (§17)"
        )


def _better(pair: tuple[Array, Proof]) -> tuple[bool, float, float]:
    """A proof first, then the lower objective: a bound holds for every allocation, so a smaller gap alone is
    no merit.
    """
    c = pair[1].certificate
    return (
        (not c.certified, gap_of(pair[1]), c.objective)
        if c.certified
        else (True, c.objective, gap_of(pair[1]))
    )


def gap_of(proof: Proof) -> float:
    return np.inf if proof.certificate.gap is None else proof.certificate.gap
