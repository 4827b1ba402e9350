"""Objectives: what is minimised, said twice (`express` in CVXPY, `value` in numpy), and their algebra.

`m` holds the symbols of the event under the same names on both sides (evaluation/symbols.py lists them).
cvxpy is imported inside `express` only, so that the numpy path stays an independent check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.rounding import perturbed_rounding
from adl_opt.evaluation.symbols import ProgramSymbols, SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.hooks import (
    check_hooks,
    closed_form_of,
    excess_cost_of,
    is_number,
    minorant_of,
    number_of,
)
from adl_opt.objectives.words import panel, short
from adl_opt.presented import Presented
from adl_opt.text import one_line
from adl_opt.waterfill.isolated import fill

_PACKAGE = __name__.partition(".")[0]
_SAYS = ("value", "express", "money", "of")
PROOFS = (
    "closed_form", "minorant", "scenario_weights", "leverage_band", "loss_ceiling", "fixes_leverage", "dual",
    "local_model", "lower_bound_objective", "expected_loss_weight", "excess_cost", "monotone", "unit",
    "formula", "value_rounding", "measure_rounding", "__str__",
)  # fmt: skip
HOOKS = (*PROOFS, "weighted_parts", "unconstrained", "inside")  # what the library may ask of an objective


class Objective(metaclass=Presented):
    """What is minimised over the allocations of an event; make a subclass to state your own.

    Say it twice: `express(m)` in CVXPY (convex) and `value(m)` in numpy; after every solve the two must agree
    (§17). They speak of the event through the symbols of `m`, of n accounts, d assets, S scenarios, and legs,
    the rows of the book:

    - `equity` (n,) quote currency; `exposure` (n, d) signed notional left, quote currency
    - `leverage` (n,) gross notional left over equity, `leverage_before` (n,), `factor_leverage` (n,) signed,
      under a one-factor law: all x of equity
    - `left` (legs,) signed contracts; `closed` (legs,) contracts signed like the position; `fraction` (legs,)
      of the position closed, in [0, 1]
    - `expected_shortfall` (n,) expected loss beyond equity and its sum `expected_loss`, quote currency; need
      a law
    - `shortfall` (n, S) loss beyond equity and its sum over accounts `loss` (S,), quote currency,
      `probability` (S,); need scenarios
    - `unit`: quote currency in one unit of money, 1 in numpy

    `+` and `*` (a weight >= 0) make sums. `money`: 1 if the value is in quote currency, 0 if it is a pure
    number. `unit`: its name, if neither says enough. `monotone`: True if the value is a nondecreasing
    functional of the total loss (it then looks at `m.loss` and `m.probability` alone, and Thm 1 applies).

    Raises ObjectiveError where it is solved, if `express` is not convex or differs from `value`.

    Source: THEORY 11.2 (what is tried of it), THEORY 6 (how it is proved).

    >>> import cvxpy as cp
    >>> class LargestLeft(adl.Objective):  # the largest gross notional that an account is left with
    ...     def express(self, m): return cp.max(cp.multiply(m.equity, m.leverage))
    ...     def value(self, m): return np.max(m.equity * m.leverage)
    >>> adl.Problem(LargestLeft(), adl.examples.paper()).solve().certificate.status
    'certified'
    """

    money: int = 1
    monotone: bool = False
    unit: str = ""
    formula: ClassVar[str] = ""  # the value in symbols, such as "E L + {0.c:g} E(L − E L)₊"
    # w where the objective is w times the expected loss, w > 0: then it has methods of its own.
    expected_loss_weight: float | None = None
    brings_laws: ClassVar[bool] = False  # whether it looks at laws of its own, never at the problem's
    _template: ClassVar[bool] = True
    _hooks = HOOKS

    def __init_subclass__(cls, template: bool = False, **keywords: Any) -> None:
        """Proofs, closed forms and names belong to a value: none is inherited past the class that says the
        value.

        A template class (Objective, RiskMeasure) says how proofs follow from the value; what it says holds
        for every child.
        """
        super().__init_subclass__(**keywords)
        cls._template = template
        first = {name: k for k, base in reversed(list(enumerate(cls.__mro__))) for name in vars(base)}
        said = min(first[name] for name in _SAYS if name in first)
        default = next((base for base in cls.__mro__ if vars(base).get("_template")), Objective)
        for name in PROOFS:
            if name in first and first[name] > said and not vars(cls.__mro__[first[name]]).get("_template"):
                setattr(cls, name, vars(default).get(name, getattr(Objective, name, None)))

    def express(self, m: ProgramSymbols) -> Any:
        """The objective as a CVXPY expression of the symbols of `m`."""
        raise ObjectiveError(f"{type(self).__name__} has no express(m): write the objective in CVXPY there")

    def value(self, m: SymbolsAt) -> float:
        """The objective at an allocation, in numpy; quote currency or a pure number."""
        raise ObjectiveError(f"{type(self).__name__} has no value(m): write the objective in numpy there")

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        """An optimal amount to close by leg, (legs,) contracts >= 0, if a formula gives one for this event;
        else None.
        """
        return fill(event)[0] if self.monotone and event.book.isolated else None

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant | None:
        """A support of the objective at `m`, for the certificate; None leaves the proof to the conic dual."""
        return None

    def scenario_weights(self, m: SymbolsAt, dual: Dual) -> Array | None:
        """What a unit of shortfall in each scenario costs the minorant that `dual` leads to, (S,) or (n, S);
        None if it looks at no shortfall.
        """
        return None

    def excess_cost(self, probability: Array) -> Array | None:
        """Of a tail measure, min_t t + sum_s c_s max(L_s - t, 0): its costs c (S,) >= 0 of the excess over a
        threshold in each scenario, whatever its weight; None for others. Then it has a method of its own.
        """
        return None

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        """Isolated margin: leverages (d,), (d,) around each asset's water level between which reduced
        accounts may end at no cost.

        (level, level) says that water-filling is the only optimum (Thm 2). None: not known in closed form.
        """
        return None

    def loss_ceiling(self, loss: Array, probability: Array) -> Array | None:
        """For a measure that is curved in the total loss: limits (S,) such that, given the loss at one
        optimum, the optima are where no loss exceeds them.
        """
        return None

    def fixes_leverage(self) -> bool:
        """Whether every optimum has the same gross leverages, being strictly convex in them."""
        return False

    def local_model(self, m: SymbolsAt) -> Objective | None:
        """An objective that agrees with this one to second order around `m` and is easier on solvers;
        minimised again and again it leads to the optimum.
        """
        return None

    def lower_bound_objective(self) -> Objective | None:
        """For an objective that cannot be minimised: one that lies below it everywhere and can, for a
        bound.
        """
        return None

    def value_rounding(self, m: SymbolsAt) -> float:
        """A forward estimate of the rounding of `value` at `m`, in its unit (THEORY 11.1); from values at
        changed last digits where no formula is known.
        """
        return perturbed_rounding(lambda other: evaluate(self, other), m)

    def weighted_parts(self) -> tuple[tuple[float, Objective], ...]:
        """The weighted terms of which this objective is the sum."""
        return ((1.0, self),)

    def unconstrained(self) -> Objective:
        """The objective without the constraints of a problem; itself but for that."""
        return self

    def inside(self) -> tuple[Objective, ...]:
        """This objective and those that it is made of."""
        return (self,)

    def __add__(self, other: Any) -> Sum:
        if not isinstance(other, Objective):
            raise ObjectiveError(f"cannot add {other!r} to the objective {self}: add another Objective")
        check_hooks(self)
        check_hooks(other)
        return Sum(self.weighted_parts() + other.weighted_parts())

    def __radd__(self, other: Any) -> Objective:
        """sum([a, b]) starts at 0."""
        return self if isinstance(other, int) and other == 0 else self + other

    def __truediv__(self, divisor: Any) -> Sum:
        return self * (1 / divisor) if isinstance(divisor, (int, float)) and divisor else self * divisor

    def __sub__(self, other: Any) -> Sum:
        raise ObjectiveError(
            f"cannot subtract from {self}: a difference of convex objectives is not convex; weights are "
            "not negative"
        )

    def __mul__(self, weight: Any) -> Sum:
        if not (is_number(weight) and weight >= 0):
            raise ObjectiveError(
                f"cannot weigh {self} with {weight!r}: weights are finite and not negative, or the sum is "
                "not convex"
            )
        check_hooks(self)
        return Sum(tuple((float(weight) * w, part) for w, part in self.weighted_parts()))

    __rmul__ = __mul__

    def __str__(self) -> str:
        settings = ", ".join(
            f"{name}={value}" for name, value in vars(self).items() if isinstance(value, (int, float, str))
        )
        return type(self).__name__ + (f"({settings})" if settings else "")

    __repr__, _repr_html_ = short, panel


@dataclass(frozen=True, repr=False)
class Sum(Objective):
    """A sum of objectives with non-negative weights; made by `+` and `*`."""

    terms: tuple[tuple[float, Objective], ...]
    monotone: bool = field(init=False)
    money: int = field(init=False)
    expected_loss_weight: float | None = field(init=False)

    def __init_subclass__(cls, **keywords: Any) -> None:
        raise ObjectiveError(
            f"{cls.__name__} cannot be made from Sum: make it from Objective, or add objectives with +"
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "monotone", all(part.monotone for _, part in self.terms))
        object.__setattr__(self, "money", int(all(part.money for _, part in self.terms)))
        known = [(w, part.expected_loss_weight) for w, part in self.terms]
        alike = bool(known) and all(w > 0 and weight is not None for w, weight in known)
        total = math.fsum(w * (weight or 0.0) for w, weight in known) if alike else None
        object.__setattr__(self, "expected_loss_weight", total)

    def express(self, m: ProgramSymbols) -> Any:
        # value = sum w value_j in quote currency; express_j is in units of m.unit if it is money.
        return sum(
            w * m.unit ** (part.money - self.money) * part.express(m.part(j))
            for j, (w, part) in enumerate(self.terms)
        )

    def value(self, m: SymbolsAt) -> float:
        return math.fsum(w * evaluate(part, m) for w, part in self.terms)

    def closed_form(self, event: Event, law: Law | None) -> Array | None:
        forms = [closed_form_of(part, event, law) for _, part in self.terms]
        if any(form is None for form in forms) or not all(np.array_equal(forms[0], form) for form in forms):
            return None
        return forms[0]

    def excess_cost(self, probability: Array) -> Array | None:
        costs = [excess_cost_of(part, probability) for _, part in self.terms]
        first = costs[0] if costs and all(w > 0 for w, _ in self.terms) else None
        alike = first is not None and all(one is not None and np.array_equal(first, one) for one in costs)
        return first if alike else None

    def scenario_weights(self, m: SymbolsAt, dual: Dual) -> Array | None:
        found = [(w, part.scenario_weights(m, dual.of(j, w))) for j, (w, part) in enumerate(self.terms)]
        # Without multipliers to share out the sum is not needed, and may be large.
        return sum((w * own for w, own in found if own is not None), start=np.zeros(1)) if dual else None

    def minorant(self, m: SymbolsAt, dual: Dual) -> Minorant | None:
        zero = np.zeros(len(m.amount))
        total = Minorant(0.0, zero, zero)
        together = self.scenario_weights(m, dual) if dual.total is None else dual.total
        for j, (weight, part) in enumerate(self.terms):
            below = minorant_of(part, m, dual.of(j, weight, together))
            if below is None:
                return None
            total = total.plus(below.times(weight))
        return total

    def value_rounding(self, m: SymbolsAt) -> float:
        return math.fsum(w * part.value_rounding(m) for w, part in self.terms if w > 0)

    def lower_bound_objective(self) -> Objective | None:
        found = [part.lower_bound_objective() for _, part in self.terms]
        if all(one is None for one in found):
            return None
        return Sum(tuple((w, one or part) for one, (w, part) in zip(found, self.terms)))

    def local_model(self, m: SymbolsAt) -> Objective | None:
        found = [part.local_model(m) for _, part in self.terms]
        if all(one is None for one in found):
            return None
        return Sum(tuple((w, one or part) for one, (w, part) in zip(found, self.terms)))

    def leverage_band(self, event: Event, law: Law | None, level: Array) -> tuple[Array, Array] | None:
        # Water-filling minimises every term at once, so the sum's optima are those of all terms.
        known = [part.leverage_band(event, law, level) for w, part in self.terms if w > 0]
        if not known or any(one is None for one in known):
            return None
        low, high = zip(*(one for one in known if one is not None))
        return np.max(low, axis=0), np.min(high, axis=0)

    def weighted_parts(self) -> tuple[tuple[float, Objective], ...]:
        return self.terms

    def __str__(self) -> str:
        return " + ".join(str(part) if w == 1 else f"{w:g} * {part}" for w, part in self.terms)


def normalised(objective: Objective) -> tuple[float, Objective]:
    """(factor, other): objective = factor x other, with nothing rounded in `other`, so that no verdict
    depends on a weight (THEORY 11.1).

    One weighted objective is itself; the weights of a sum are divided by a power of two, the largest then
    lying in [1, 2).
    """
    if type(objective) is not Sum:
        return 1.0, objective
    largest = max((w for w, _ in objective.terms), default=0.0)
    if largest == 0:
        return 1.0, objective
    if len(objective.terms) == 1:
        return objective.terms[0]
    factor = math.ldexp(1.0, math.frexp(largest)[1] - 1)
    return factor, objective if factor == 1 else Sum(tuple((w / factor, part) for w, part in objective.terms))


def trusted(objective: Objective) -> bool:
    """Whether every part is of the library itself: the test suite holds its `express` against its `value`."""
    parts = (one for _, part in objective.weighted_parts() for one in part.inside())
    return all(type(one).__module__.partition(".")[0] == _PACKAGE for one in parts)


def foreign_part(objective: Objective) -> Objective | None:
    """What of a sum is a user's, to be tried; None if all of it is the library's."""
    foreign = tuple(term for term in objective.weighted_parts() if not trusted(term[1]))
    if len(foreign) == len(objective.weighted_parts()):
        return objective.unconstrained()
    return Sum(foreign) if foreign else None


def evaluate(objective: Objective, m: Any) -> float:
    """objective.value(m) as a float; ObjectiveError if it fails or is not one real number, finite or not."""
    return number_of(asked(objective, "value", m), f"value of {objective}")


def asked(objective: Objective, what: str, m: Any) -> Any:
    """What `express` or `value` of an objective says of the symbols; ObjectiveError where it fails."""
    try:
        return getattr(objective, what)(m)
    except AdlError:
        raise
    except (ValueError, TypeError, NotImplementedError, AttributeError, IndexError, KeyError) as error:
        hint = "; CVXPY has functions of its own (cp.max for max)" if what == "express" else ""
        raise ObjectiveError(
            f"{what} of {objective} fails: {type(error).__name__}: {one_line(error)} (accounts, legs and "
            f"scenarios differ in number{hint})"
        ) from error
