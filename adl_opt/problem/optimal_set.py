"""All optima of a problem: how far each leg can go, whether there is only one, and the one that is preferred
(Thm 2, methods/conic/optimal_face.py).
"""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import rounding_at
from adl_opt.certificates.certificate import Certificate, Proof, with_bound
from adl_opt.data.event import Event, cleared
from adl_opt.errors import LawError, SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import scenario_count
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.methods.conic.newton_model import strictly_convex
from adl_opt.methods.snapping import assess_at_ends
from adl_opt.objectives.base import evaluate
from adl_opt.objectives.hooks import brings_formula, closed_form_of
from adl_opt.waterfill.isolated import fill
from adl_opt.waterfill.optimal_ranges import fewest_touched, one_asset_ranges

if TYPE_CHECKING:
    from adl_opt.methods.conic.optimal_face import Face

# Of a position: ranges narrower than this are one point, and so are ends this close to nothing and to all.
_SAME = 1e-9
# Positions, and accounts x scenarios, up to which programs over the optimal face are worth waiting for
_MOST_LEGS, _MOST_CELLS = 2_000, 500_000
_EQUAL = 1e-12  # relative: values of two vertices of a linear program that are one
_NOISE = 1e-6  # the same, where optima are known within a tolerance only


class Optima:
    """The optima of one event, given one of them: amount (legs,) contracts, its certificate, and whether a
    formula gave it, not a solver.
    """

    def __init__(
        self, compiled: Compiled, event: Event, amount: Array, certificate: Certificate, exact: bool
    ) -> None:
        self._compiled, self._objective, self._law = compiled, compiled.objective, compiled.law
        self.event, self.amount, self.certificate = event, amount, certificate
        rounded = (certificate.gap or 0.0) > _EQUAL  # a user's formula may be one up to the tolerance only
        self.exact = exact and not (rounded and brings_formula(compiled.objective))

    def ranges(self) -> tuple[Array, Array, str, float]:
        """(least, most (legs,) contracts that each leg closes at an optimum, how that is known, relative
        tolerance).
        """
        event, free = self.event, self.event.free
        if not free.any():
            return self.amount, self.amount, "every leg is fixed by the requirement", 0.0
        known = closed_ranges(self._compiled, event)
        if known is not None:
            how = (
                "closed form (Thm 2)"
                if not self._for_every_law
                else "optimal for every law (Thm 1); under one law there may be more optima: give a law"
            )
            return *known, how, 0.0
        if self._curved:
            if self._nothing_lost:
                raise SolveError(
                    "the expected loss here is below what is told apart from nothing, and so are the "
                    "optima: there are no ranges to tell"
                )
            how = "the expected loss is strictly convex in what is closed"
            return self.amount, self.amount, how, max(self.certificate.gap or 0.0, 1e-9)
        face = self.face()
        low, high = face.ranges()
        least, most = self.amount.copy(), self.amount.copy()
        least[free] = np.minimum(least[free], low * event.size[free])
        most[free] = np.maximum(most[free], high * event.size[free])
        narrow = most - least <= (_NOISE if face.curved else 10 * _SAME) * event.size
        least, most = np.where(narrow, self.amount, least), np.where(narrow, self.amount, most)
        return np.where(least <= _SAME * event.size, 0.0, least), most, face.how, face.within

    @cached_property
    def _curved(self) -> bool:
        try:
            return strictly_convex(self._objective, self.event, self._law, self.amount)
        except np.linalg.LinAlgError:  # whether the law is degenerate cannot be told
            return False

    @property
    def _nothing_lost(self) -> bool:
        """Whether the value is 0 or known up to rounding only."""
        return self.certificate.value == 0 or self.certificate.rounding > 0

    @property
    def _for_every_law(self) -> bool:
        return self._law is None and self._objective.monotone

    def unique(self) -> bool | None:
        """Whether the allocation is the only optimum; None if it is not certified or that cannot be told."""
        if not self.event.free.any():
            return True
        if not self.certificate.certified or self._for_every_law:
            return None
        known = closed_ranges(self._compiled, self.event)
        if known is not None:
            least, most = known
            return bool((most - least <= _SAME * self.event.size).all())
        if self._curved:
            return None if self._nothing_lost else True
        try:
            face = self.face()
            unique = face.unique()
            # Multipliers next to nothing count as none in a face: another optimum is one where its value says
            # so.
            return None if unique is False and not face.curved and not self._another(face) else unique
        except (SolveError, LawError):
            return None

    def _another(self, face: "Face") -> bool:
        """Whether an end of the face, away from the amount, is as good but for the rounding of both."""
        event, size, value = self.event, self.event.size, self.certificate.value

        def rounding(amount: Array) -> float:
            return rounding_at(self._objective, event, self._law, amount)

        for fraction in face.ends():
            other = cleared(event, event.amount_from(np.clip(fraction, 0.0, 1.0)))
            if (np.abs(other - self.amount) > _SAME * size).any():
                worse = evaluate(self._objective, SymbolsAt(event, self._law, other)) - value
                if worse <= max(rounding(self.amount) + rounding(other), _EQUAL * abs(value)):
                    return True
        return False

    def preferred(
        self, prefer: str, price: Array, tol: float, time_limit: float | None
    ) -> tuple[Array, Proof]:
        """Another optimum, proved by the bound of the first; price (d,): the first one's shadow prices.

        Raises SolveError if it cannot be found or proved.
        """
        event, objective, law = self.event, self._objective, self._law
        if self._for_every_law and prefer != "water-filling":
            raise SolveError(
                f"prefer={prefer!r} chooses among the optima of one law, and without a law only "
                "water-filling is optimal: give a law"
            )
        known = closed_ranges(self._compiled, event)
        if self._curved:
            chosen = self.amount
        elif prefer == "water-filling" and event.capped and closed_form_of(objective, event, law) is not None:
            chosen = fill(event)[0]  # optimal under caps too, and the most level there is
        elif known is not None:
            chosen = fewest_touched(event, *known) if prefer == "fewest-accounts" else fill(event)[0]
        else:
            fraction = np.clip(self.face().best(prefer, time_limit), 0.0, 1.0)
            chosen = cleared(event, event.amount_from(fraction))
        chosen, other = assess_at_ends(objective, event, law, chosen, tolerance=tol)
        certificate = with_bound(other.certificate, self.certificate, tol)
        if not certificate.certified:
            raise SolveError(
                f"prefer={prefer!r} leads to an allocation with a relative gap of {certificate.gap:.2g}, "
                f"above {tol:.2g}; solve without it"
            )
        certificate = replace(certificate, proof=f"the optimum preferred for {prefer}; {certificate.proof}")
        price = np.where(np.isnan(other.price), price, other.price)
        return chosen, replace(other, certificate=certificate, price=price)

    def face(self) -> "Face":
        """The optimal face, by linear or conic programs."""
        from adl_opt.methods.conic.optimal_face import optimal_face

        compiled, event = self._compiled, self.event
        legs = int(event.free.sum())
        cells = len(event.book.accounts) * max(scenario_count(compiled.law), 1)
        if legs > _MOST_LEGS or cells > _MOST_CELLS:
            raise SolveError(
                f"{legs:,} positions to decide and {cells:,} accounts x scenarios are too many for "
                "programs over the optimal face "
                f"(at most {_MOST_LEGS:,} and {_MOST_CELLS:,}), and no closed form is known here"
            )
        value = compiled.unit_near(event, self.certificate)
        return optimal_face(
            compiled.objective, event, compiled.law, self.amount, compiled.program(event), value, self.exact
        )


def closed_ranges(compiled: Compiled, event: Event) -> tuple[Array, Array] | None:
    """Least and most (legs,) by leg in isolated margin, where the objective knows its optima there; else
    None.

    With caps only where leverages are fixed.
    """
    if not event.book.isolated:
        return None
    amount, level = fill(event)
    objective, for_every_law = compiled.objective, compiled.law is None and compiled.objective.monotone
    band = objective.leverage_band(event, compiled.law, level)
    if band is None and for_every_law:
        band = level, level
    fixes = any(part.fixes_leverage() for weight, part in objective.weighted_parts() if weight > 0)
    # Thm 2 moves accounts to any leverage between the kinks, caps do not let them: programs tell.
    if band is None or (event.capped and not (fixes or for_every_law)):
        return None
    return one_asset_ranges(event, amount, *band)
