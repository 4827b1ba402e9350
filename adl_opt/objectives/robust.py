"""The worst of an objective over several laws of price moves (THEORY 11.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import LawError, ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, Sum, asked, evaluate
from adl_opt.objectives.hooks import check_hooks, closed_form_of, minorant_of
from adl_opt.objectives.words import symbols

_NOTHING = 1e-9  # of all weight: a law that a solver leaves so little has none


class Term(NamedTuple):
    """An objective under a law, raised by a constant in its unit; name: of the law."""

    objective: Objective
    law: Law
    name: str
    raised: float = 0.0


Change = Callable[[Objective, SymbolsAt], Objective | None]  # of an objective around symbols; None: none


class WorstOfLaws(Objective):
    """The largest of several objectives, each under a law of its own; all in one unit."""

    brings_laws = True

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)
        first = self._terms[0].objective
        self.money, self.unit = first.money, first.unit
        self.names_of_laws = tuple(term.name for term in self._terms)
        self._aligned: dict[tuple[str, ...], tuple[Term, ...]] = {}

    def terms(self, book: Any) -> tuple[Term, ...]:
        """The terms with their laws in the order of the book's assets. Raises LawError where one does not
        fit.
        """
        if book.assets not in self._aligned:
            self._aligned[book.assets] = tuple(
                term._replace(law=self._fitted(term, book)) for term in self._terms
            )
        return self._aligned[book.assets]

    def _fitted(self, term: Term, book: Any) -> Law:
        try:
            return term.law.for_book(book)
        except LawError as error:
            raise LawError(f"{term.name} of {self}: {error}") from None

    def inside(self) -> tuple[Objective, ...]:
        return (self, *(part for term in self._terms for _, part in term.objective.weighted_parts()))

    def express(self, m: ProgramSymbols) -> Any:
        values, unit = [], m.unit if self.money else 1.0
        for number, term in enumerate(self.terms(m.event.book)):
            value = asked(term.objective, "express", m.under(term.law, number))
            values.append((term.objective, value, term.raised / unit))
        return m.worst(values, unit)

    def value(self, m: SymbolsAt) -> float:
        return float(self._values(m).max())

    def values_by_law(self, m: SymbolsAt) -> Mapping[str, float]:
        """What the objective is under each law, by name."""
        return self._named(self._values(m))

    def law_weights(self, m: SymbolsAt, dual: Dual) -> Mapping[str, float]:
        """The weights of the mixture that bounds the value from below, by law; they sum to 1."""
        return self._named(self._weights(m, dual))

    def _named(self, values: Array) -> Mapping[str, float]:
        pairs = zip(self._terms, values.tolist())
        return {f"{term.objective} under {term.name}": value for term, value in pairs}

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        # What is best under every law is so in the worst of them (Thm 1).
        forms = [closed_form_of(term.objective, event, term.law) for term in self.terms(event.book)]
        first = forms[0]
        alike = all(form is not None and np.array_equal(first, form) for form in forms)  # type: ignore[arg-type]
        return first if alike else None

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant | None:
        # max of f_k >= sum w_k f_k >= sum w_k l_k, whatever the weights (THEORY 11.4).
        values, weights, told = self._values(m), self._weights(m, dual), dual.laws.get(0)
        zero = np.zeros(len(m.amount))
        total = Minorant(float(weights @ (values.max() - values)), zero, zero)
        for k, term in enumerate(self.terms(m.event.book)):
            if weights[k] == 0:
                continue
            own = Dual() if told is None else told.duals[k].times(1 / told.weight[k])
            below = minorant_of(term.objective, m.under(term.law), own)
            if below is None:
                return None
            total = total.plus(below.times(weights[k]))
        return Minorant(total.slack, total.low, total.high, one_sided=False)

    def value_rounding(self, m: SymbolsAt) -> float:
        # A law whose value is clearly below the largest has no part in its rounding.
        values = self._values(m)
        each = [term.objective.value_rounding(m.under(term.law)) for term in self.terms(m.event.book)]
        top = int(values.argmax())
        near = [r for value, r in zip(values, each) if value + r >= values[top] - each[top]]
        return max(near)

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        # Where water-filling alone is optimal under the worst law, it alone is.
        amount = self.closed_form(event, law)
        if amount is None:
            return None
        m = SymbolsAt(event, law, amount)
        worst = self.terms(event.book)[int(self._values(m).argmax())]
        band = worst.objective.leverage_band(event, worst.law, level)
        alone = band is not None and all(np.array_equal(end, level) for end in band)
        return band if alone else None

    def local_model(self, m: SymbolsAt) -> Objective | None:
        return self.changed(m, lambda objective, own: objective.local_model(own), level=True)

    def changed(self, m: SymbolsAt, change: Change, level: bool) -> WorstOfLaws | None:
        """Each law's objective changed around `m`; None where nothing changes. level: a model may leave out a
        constant, so that each is raised to stand at `m` as far below the largest as it does.
        """
        terms = self.terms(m.event.book)
        found = [change(term.objective, m.under(term.law)) for term in terms]
        if all(one is None for one in found):
            return None
        models = [one or term.objective for one, term in zip(found, terms)]
        other = WorstOfLaws([term._replace(objective=one) for one, term in zip(models, terms)])
        if not level:
            return other
        values = self._values(m)
        raised = values - values.max() - other._values(m) + np.array([term.raised for term in terms])
        return WorstOfLaws([term._replace(raised=float(r)) for term, r in zip(other._terms, raised)])

    def relawed(self, book: Any, other: Callable[[Law], Law]) -> WorstOfLaws:
        """With every law, aligned with the book, replaced."""
        return WorstOfLaws([term._replace(law=other(term.law)) for term in self.terms(book)])

    def _values(self, m: SymbolsAt) -> Array:
        return np.array([
            evaluate(term.objective, m.under(term.law)) + term.raised for term in self.terms(m.event.book)
        ])  # fmt: skip

    def _weights(self, m: SymbolsAt, dual: Dual) -> Array:
        """As a solver left them, or all on the law that is worst at `m`; (K,), sum 1."""
        told = dual.laws.get(0)
        total = 0.0 if told is None else float(told.weight.sum())
        if told is None or not (np.isfinite(total) and total > 0):
            return (np.arange(len(self._terms)) == self._values(m).argmax()).astype(float)
        weights = np.where(told.weight > _NOTHING * total, told.weight, 0.0)
        return weights / weights.sum()


class Robust(WorstOfLaws):
    """The worst of an objective over several laws of price moves: right under each of them (its own unit).

    - `objective`: an Objective, or a sum of them; `laws`: a list of laws, or a dict name -> law

    `max_k rho_k`, rho_k the objective under law k: `adl.Problem(adl.Robust(objective, laws), event)`. The
    laws stand here, so that the Problem takes none; a law beside is that of the other terms of a sum. Solved
    in one program, proved by the worst mixture, `allocation.law_weights`; `allocation.parts` tells the value
    under each law. Isolated margin: water-filling is optimal for any set of laws, if the objective is
    monotone. Raises ObjectiveError for laws that are none, and LawError in a Problem where one does not fit
    the book.

    Source: THEORY 11.4.

    >>> event = adl.examples.coins([[1, 1], [1, -1]], [0.5, 0.5], X=1.0, Y=0.0)  # two shorts of X
    >>> laws = [adl.Scenarios([[1.0, 1.0]]), adl.Scenarios([[1.0, -1.0]])]  # hedges of one, or of the other
    >>> allocation = adl.Problem(adl.Robust(adl.ExpectedLoss(), laws), event).solve()
    >>> round(allocation.certificate.value, 6), allocation.law_weights.round(6).to_dict()
    (1.0, {'ExpectedLoss under law 1': 0.5, 'ExpectedLoss under law 2': 0.5})
    """

    def __init__(self, objective: Objective, laws: Sequence[Law] | Mapping[str, Law]) -> None:
        self._objective = _checked(objective)
        named = _named(laws)
        self._said = f"Robust({objective}, {len(named)} law{'s' * (len(named) > 1)})"
        self.formula = "max over laws of " + symbols(objective).replace("{", "{{").replace("}", "}}")
        super().__init__([Term(objective, law, name) for name, law in named.items()])

    def lower_bound_objective(self) -> Objective | None:
        below = self._objective.lower_bound_objective()
        return (
            None if below is None else WorstOfLaws([term._replace(objective=below) for term in self._terms])
        )

    def __str__(self) -> str:
        return self._said


def with_laws(objective: Objective, book: Any, other: Callable[[Law], Law]) -> Objective:
    """The objective with each law of its own, aligned with the book, replaced."""
    parts = objective.weighted_parts()
    if not any(part.brings_laws for _, part in parts):
        return objective
    return Sum(
        tuple((w, part.relawed(book, other) if isinstance(part, WorstOfLaws) else part) for w, part in parts)
    )


def changed_by_law(objective: Objective, m: SymbolsAt, change: Change, level: bool) -> Objective | None:
    """The objective changed around `m`, the worst over laws law by law; None where nothing changes."""
    parts = objective.weighted_parts()
    if not any(part.brings_laws for _, part in parts):
        return change(objective, m)
    found = [
        part.changed(m, change, level) if isinstance(part, WorstOfLaws) else change(part, m)
        for _, part in parts
    ]
    if all(one is None for one in found):
        return None
    return Sum(tuple((weight, one or part) for one, (weight, part) in zip(found, parts)))


def _checked(objective: Any) -> Objective:
    if not isinstance(objective, Objective):
        raise ObjectiveError(
            f"Robust takes an objective first, then laws: adl.Robust(adl.ExpectedLoss(), [law, ...]), not "
            f"{str(objective)[:40]!r}"
        )
    check_hooks(objective)
    if any(part.brings_laws for _, part in objective.weighted_parts()):
        raise ObjectiveError(
            f"{objective} brings laws of its own already: give all of them to one Robust, or add two with +"
        )
    return objective


def _named(laws: Any) -> dict[str, Law]:
    listed = isinstance(laws, (list, tuple))
    named = {f"law {k + 1}": law for k, law in enumerate(laws)} if listed else laws
    if not isinstance(named, Mapping) or not named:
        raise ObjectiveError(
            f"Robust takes a list of laws or a dict name -> law, at least one, not {str(laws)[:40]!r}"
        )
    odd = [name for name, law in named.items() if not isinstance(law, Law)]
    if odd:
        raise ObjectiveError(
            f"{len(odd)} of {len(named)} laws of Robust are none, first {odd[0]}: "
            f"{type(named[odd[0]]).__name__}; adl.Scenarios(moves) makes one of a table"
        )
    return {str(name): law for name, law in named.items()}
