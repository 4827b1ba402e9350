"""What an objective says about itself, checked where it enters: no field hides a method, no formula has a
wrong shape (§17).
"""

import sys
from numbers import Real
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.text import one_line

_PACKAGE = __name__.partition(".")[0]
# What a user's own function fails with, which is then said in a sentence.
FAILURES = (ValueError, TypeError, NotImplementedError, AttributeError, ArithmeticError, LookupError)


def check_hooks(objective: Any) -> None:
    """Raise ObjectiveError if a field or attribute hides a method that the package calls, or if money,
    monotone or unit is of another kind.

    The methods are those of the template classes among the objective's parents (Objective, RiskMeasure).
    """
    kind = type(objective)
    templates = [base for base in kind.__mro__ if vars(base).get("_template")]
    methods = {
        name: base
        for base in templates
        for name, said in vars(base).items()
        if name[:2] != "__" and callable(said)
    }
    hidden = [
        name
        for name in methods
        if name in getattr(objective, "__dict__", {}) or not callable(getattr(objective, name))
    ]
    if hidden:
        name = hidden[0]
        raise ObjectiveError(
            f"{kind.__name__} keeps {_shown(getattr(objective, name))} under the name {name!r}, which "
            f"hides the method {name} of "
            f"{methods[name].__name__} ({len(hidden)} such names); give the field or attribute another name"
        )
    for name, legal, wanted in (
        ("money", _is_one_of(objective.money, 0, 1), "1 (quote currency) or 0 (a pure number)"),
        ("monotone", _is_one_of(objective.monotone, False, True), "True or False"),
        ("unit", isinstance(objective.unit, str), "a text, the name of the unit, or ''"),
        ("expected_loss_weight", _is_weight(objective.expected_loss_weight), "a number above 0, or None"),
    ):
        if not legal:
            value = _shown(getattr(objective, name))
            raise ObjectiveError(
                f"{kind.__name__} says {name} = {value}, which must be {wanted}; give a parameter another "
                "name"
            )
    for _, part in objective.weighted_parts():
        if part is not objective:
            check_hooks(part)


def excess_cost_of(objective: Any, probability: Array) -> Array | None:
    """`excess_cost` as floats (S,). Raises ObjectiveError if it is no array of that length, or holds a number
    that is negative or not finite.
    """
    found = objective.excess_cost(probability)
    if found is None:
        return None
    cost = real_numbers(found, probability.shape, f"excess_cost of {objective}", "a cost of each scenario")
    if (cost < 0).any():
        raise ObjectiveError(
            f"excess_cost of {objective} is {cost.min():.6g} in a scenario; costs are at least 0"
        )
    return cost


def closed_form_of(objective: Any, event: Event, law: Law | None) -> Array | None:
    """`closed_form` as floats (legs,).

    Raises ObjectiveError if it fails, is no array of that length, or holds a number that is not finite.
    """
    said = f"closed_form of {objective}"
    try:
        found = objective.closed_form(event, law)
    except AdlError:
        raise
    except FAILURES as error:
        raise ObjectiveError(
            f"{said} fails: {type(error).__name__}: {one_line(error)}; it is closed_form(event, law), which "
            "returns contracts closed by leg, or None where no formula is known"
        ) from error
    return _by_leg(found, event, said, "contracts closed by leg")


def brings_formula(objective: Any) -> bool:
    """Whether a part has a `closed_form` that is a user's, not the library's."""
    forms = (type(part).closed_form for _, part in objective.weighted_parts())
    return any((getattr(form, "__module__", None) or "").partition(".")[0] != _PACKAGE for form in forms)


def minorant_of(objective: Any, m: SymbolsAt, dual: Dual) -> Minorant | None:
    """`minorant`, its slopes as floats (legs,).

    Raises ObjectiveError if it is no Minorant, its slack is negative or no number, or a slope has another
    shape.
    """
    found = objective.minorant(m, dual)
    if found is None:
        return None
    said = f"minorant of {objective}"
    if not isinstance(found, Minorant):
        raise ObjectiveError(
            f"{said} gives {_shown(found)}; it must be an adl.Minorant(slack, low, high), or None where no "
            "proof is known"
        )
    if not _is_slack(found.slack):
        raise ObjectiveError(
            f"{said} has slack = {_shown(found.slack)}; it must be a number, at least 0, in the unit of "
            "the value"
        )
    low, high = (_by_leg(slope, m.event, said, "slopes by leg") for slope in (found.low, found.high))
    return Minorant(float(found.slack), low, high, found.one_sided)


def dual_of(
    measure: Any, loss: Array, probability: Array, near: Array | None = None
) -> tuple[Array, float] | None:
    """`dual` as (weights (S,), slack).

    Raises ObjectiveError if it is no such pair of finite numbers, slack >= 0.
    """
    found = measure.dual(loss, probability, near)
    if found is None:
        return None
    said = f"dual of {measure}"
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise ObjectiveError(
            f"{said} gives {_shown(found)}; it must be a pair (weights by scenario, slack), or None where "
            "none is known"
        )
    weights = real_numbers(found[0], loss.shape, said, "weights by scenario")
    if not _is_slack(found[1]):
        raise ObjectiveError(
            f"{said} has slack = {_shown(found[1])}; it must be a number, at least 0, in quote currency"
        )
    return weights, float(found[1])


def number_of(value: Any, said: str) -> float:
    """What an objective's `value` gives, as a float, finite or not.

    Raises ObjectiveError for anything but one real number.
    """
    try:
        given = np.asarray(value)
    except (TypeError, ValueError):  # lists of several lengths
        given = np.empty(0, dtype=object)
    if given.ndim != 0:
        raise ObjectiveError(
            f"{said} gives {type(value).__name__} of shape {given.shape}; an objective is one number "
            "(.sum()?)"
        )
    if given.dtype.kind in "biuf":
        return float(given)
    try:  # a Fraction, a whole number beyond 64 bits
        return (
            float(given.item()) if given.dtype.kind == "O" and isinstance(given.item(), Real) else float("x")
        )
    except (ValueError, OverflowError):
        raise ObjectiveError(
            f"{said} gives {_shown(value)}; an objective is one real number that a float holds"
        ) from None


def is_number(value: Any) -> bool:
    """Whether this is one finite real number, and not True or False."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and bool(abs(value) <= sys.float_info.max)


def _by_leg(found: Any, event: Event, said: str, what: str) -> Any:
    return None if found is None else real_numbers(found, event.size.shape, said, what)


def real_numbers(
    found: Any, shape: tuple[int, ...], said: str, what: str, kind: type[AdlError] = ObjectiveError
) -> Array:
    """What a user's function gives, as floats of this shape; an error of that kind for anything else."""
    try:
        given = np.asarray(found)
        values = given.astype(float) if given.dtype.kind in "biuf" else None
    except (TypeError, ValueError):
        given = values = None
    if values is None or given is None or values.shape != shape:
        had = (
            f"an array of shape {given.shape} and type {given.dtype}"
            if given is not None and (given.ndim or given.dtype.kind != "O")
            else _shown(found)
        )
        raise kind(f"{said} gives {had} for {what}; it must be an array of {shape[0]} real numbers")
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise kind(
            f"{bad.sum()} of {len(bad)} {what} that {said} gives are not finite, first number {first + 1}: "
            f"{values[first]}"
        )
    return values


def _is_weight(value: Any) -> bool:
    return value is None or (is_number(value) and value > 0)


def _is_slack(value: Any) -> bool:
    """A number, at least 0; infinite where nothing is proved."""
    return (is_number(value) and value >= 0) or (isinstance(value, float) and value == np.inf)


def _is_one_of(value: Any, *legal: Any) -> bool:
    return isinstance(value, (bool, int, np.bool_, np.integer)) and value in legal


def _shown(value: Any) -> str:
    """A value in a sentence: short things as they are, others by their type."""
    text = repr(value)
    return text if len(text) <= 30 and "\n" not in text else f"a {type(value).__name__}"
