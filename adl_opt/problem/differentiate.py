"""Derivatives of an optimum, each by the theorem that holds for it, or why there is none (THEORY 11.7)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import Certificate
from adl_opt.data.event import Event
from adl_opt.errors import LawError
from adl_opt.evaluation.derivatives import (
    Derivatives,
    Terms,
    in_asset,
    marked_by,
    of_law,
    of_power,
    summed,
)  # fmt: skip
from adl_opt.laws.base import Law, scenario_count
from adl_opt.objectives.base import Objective, trusted
from adl_opt.objectives.expected_loss import is_expected_loss
from adl_opt.objectives.leverage import LeveragePower
from adl_opt.problem.one_sided import Face
from adl_opt.problem.responses import Level, Smooth, level_of
from adl_opt.problem.sensitivity import PARAMETERS, Closing, Ends, Sensitivity

_NO_SIZE = (
    "the law has no volatility; moves of an asset 1 % larger do what its price 1 % higher does, equities held"
)
_LIMITED = "how limits move with the numbers is not known; constraint_prices says what each one costs"


class Optimum(NamedTuple):
    """An optimum to be differentiated: amount (legs,), price (d,) per contract, and whether it is the only
    one.
    """

    event: Event
    law: Law | None
    objective: Objective
    amount: Array
    price: Array
    certificate: Certificate
    constrained: bool
    unique: Callable[[], bool | None]


def differentiated(given: Optimum, marked: bool) -> Sensitivity:
    """`Allocation.sensitivity`."""
    event, law = given.event, given.law
    levelled = not given.constrained and _levelled(given.objective, event, law)
    level = level_of(event, given.amount) if levelled else None
    terms = _LIMITED if given.constrained else _terms(given.objective, law)
    smooth = None
    if not isinstance(terms, str) and given.certificate.rounding > 0:
        terms = "the value is rounding"
    if isinstance(terms, str):
        values = _none(event, terms)
    elif isinstance(terms, float):
        values = _kinked(given, terms, level, marked)
    else:
        try:
            smooth = None if level is not None else Smooth(event, given.amount, given.price, terms)
            values = _smooth(given, terms, smooth, marked)
        except LawError as error:
            values = _none(event, str(error))
    book, d = event.book, len(event.book.assets)
    known = None if law is None else law.move_size()
    if law is not None and (logs := law.log_covariance()) is not None:
        known = logs[1], np.zeros(d)
    size = np.full(d, np.nan) if known is None else known[0]
    at = {"requirement": event.required, "equity": book.equity, "price": book.price, "volatility": size}
    moves = smooth if level is None else level
    own = None
    if moves is not None and not moves.unclear:
        own = book.per_account(moves.by_own_equity() * book.price[book.asset])
    closings = _closings(given, terms, moves, marked)
    return Sensitivity(event, given.certificate.unit, marked, values, at, closings, own)


def _levelled(objective: Objective, event: Event, law: Law | None) -> bool:
    """Whether water-filling stays an optimum whatever the numbers (Thm 1)."""
    parts = [part for weight, part in objective.weighted_parts() if weight > 0]
    return event.book.isolated and all(
        part.monotone or (trusted(part) and part.closed_form(event, law) is not None) for part in parts
    )


def _terms(objective: Objective, law: Law | None) -> Terms | float | str:
    """What is differentiated: smooth terms, the weight of an expected loss over scenarios, or why not."""
    parts = [(weight, part) for weight, part in objective.weighted_parts() if weight > 0]
    losses = [weight for weight, part in parts if is_expected_loss(part)]
    for _, part in parts:
        if not (is_expected_loss(part) or (trusted(part) and isinstance(part, LeveragePower))):
            return f"derivatives are known of the expected loss and of powers of leverages, not of {part}"
    if losses and law is None:
        return "without a law there is no expected loss"
    if losses and scenario_count(law):
        if len(losses) < len(parts):
            return "with leverages beside it, the expected loss over scenarios has no derivatives here"
        return float(sum(losses))
    return summed([
        (weight, of_law(law) if is_expected_loss(part) and law is not None else of_power(part.p))
        for weight, part in parts
    ])  # fmt: skip


def _none(event: Event, why: str) -> dict[str, Ends]:
    n, d = len(event.book.equity), len(event.book.assets)
    count = {"requirement": d, "equity": n, "price": d, "volatility": d}
    return {
        name: Ends(np.full(m, np.nan), np.full(m, np.nan), [f"None: {why}"] * m) for name, m in count.items()
    }


def _alike(values: Array) -> Ends:
    return Ends(values, values, [""] * len(values))


def _smooth(given: Optimum, terms: Terms, smooth: Smooth | None, marked: bool) -> dict[str, Ends]:
    """The envelope theorem: at the only optimum, and anywhere on a water level, its own derivatives."""
    event = given.event
    if smooth is not None and not smooth.solved:
        return _none(event, smooth.unclear or "")
    at = Derivatives(event, given.amount, terms) if smooth is None else smooth.at
    price = _level_prices(event, at) if smooth is None else np.where(event.required > 0, smooth.price, np.nan)
    price = np.where(np.isin(np.arange(len(price)), event.free_assets), price, np.nan)
    by_price = at.by_price
    if marked:
        book = event.book
        moved = marked_by(book) * at.by_equity[book.account]
        by_price = by_price + np.bincount(book.asset, moved, len(by_price))
    found = {"requirement": _alike(-price), "equity": _alike(at.by_equity), "price": _alike(by_price)}
    ends = [
        "" if p == p else "None: nothing is decided there, or none is closed in part: see shadow_price_range"
        for p in price
    ]
    found["requirement"] = found["requirement"]._replace(why=ends)
    return found | {"volatility": _by_volatility(given, at.amount)}


def _lost(objective: Objective) -> float:
    """The weight of the expected loss in an objective."""
    return sum(weight for weight, part in objective.weighted_parts() if is_expected_loss(part))


def _of_loss(given: Optimum, amount: Array) -> Derivatives:
    """Of the expected loss alone, which the law decides."""
    assert given.law is not None
    return Derivatives(given.event, amount, summed([(_lost(given.objective), of_law(given.law))]))


def _level_prices(event: Event, at: Derivatives) -> Array:
    """Of legs closed in part, whose slopes are one number an asset; nan where there is none."""
    inside = event.free & (at.amount > 0) & (at.amount < event.size)
    asset, d = event.book.asset[inside], len(event.side)
    weight = event.size[inside]
    total = np.bincount(asset, weight, d)
    mean = np.bincount(asset, -weight * at.by_amount[inside], d)
    return np.divide(mean, total, out=np.full(d, np.nan), where=total > 0)


def _by_volatility(given: Optimum, amount: Array) -> Ends:
    law, d = given.law, len(given.event.book.assets)
    if law is None or not _lost(given.objective):
        return _alike(np.zeros(d))
    at, logs, known = _of_loss(given, amount), law.log_covariance(), law.move_size()
    if logs is not None:
        return _alike(at.by_log_volatility(*logs))
    if known is None:
        return _none(given.event, _NO_SIZE)["volatility"]
    still = known[0] == 0
    values = np.where(still, np.nan, at.by_size(np.where(still, 1.0, known[0]), known[1]))
    return Ends(values, values, ["None: nothing moves" if one else "" for one in still])


def _kinked(given: Optimum, weight: float, level: Level | None, marked: bool) -> dict[str, Ends]:
    """Of a linear program, from either side."""
    event, law = given.event, given.law
    assert law is not None and law.scenarios is not None
    face = Face(event, law.scenarios, given.amount, weight)
    if face.unclear:
        return _none(event, face.unclear)
    nan, d = (np.nan, np.nan), len(event.book.assets)
    required = [face.requirement(int(k)) if k in event.free_assets else None for k in range(d)]
    several = "None: more than one allocation is optimal, or that cannot be told"
    flat = (level is not None and not face.kinked) or given.unique()
    priced = [face.price(k, marked) if flat else None for k in range(d)]
    undecided = "None: nothing is decided there: see shadow_price_range"
    found = {}
    for name, pairs, why in (("requirement", required, undecided), ("price", priced, several)):
        below, above = np.array([pair or nan for pair in pairs]).T
        found[name] = Ends(below, above, [_said(pair, why) for pair in pairs])
    below, above = face.equity()
    pairs = [None if x != x else (x, y) for x, y in zip(below.tolist(), above.tolist())]
    found["equity"] = Ends(below, above, [_said(pair, "None: the program fails") for pair in pairs])
    return found | {"volatility": _none(event, _NO_SIZE)["volatility"]}


def _said(pair: tuple[float, float] | None, why: str) -> str:
    if pair is None:
        return why
    return "" if pair[0] == pair[1] else "None: a kink, see below and above"


def _closings(given: Optimum, terms: Any, moves: Level | Smooth | None, marked: bool) -> dict[str, Closing]:
    """What is closed more by each parameter of a kind, (legs,) contracts, or why that is not told."""
    book, law = given.event.book, given.law
    why = terms if isinstance(terms, str) else "under scenarios the optimum is a corner, from which it jumps"
    if moves is None or moves.unclear:
        said = why if moves is None else moves.unclear or ""
        return dict.fromkeys(PARAMETERS, lambda _: said)

    def requirement(k: int) -> Array | str:
        decided = k in given.event.free_assets
        return (
            moves.by_requirement(k) if decided else "the requirement is at an end: nothing is decided there"
        )

    def price(k: int) -> Array:
        gain = in_asset(book, k, marked_by(book))
        return moves.by_price(k) + (moves.by_equities(gain) if marked else 0.0)

    def volatility(k: int) -> Array | str:
        known = None if law is None else law.move_size()
        if isinstance(moves, Level) or law is None or not _lost(given.objective):
            return np.zeros(len(given.amount))
        if known is None:
            return "how slopes move with volatilities is not known for this law"
        if known[0][k] == 0:
            return "nothing moves"
        return moves.tilted(_of_loss(given, moves.at.amount).amount_by_size(k, *known))

    def equity(i: int) -> Array:
        return moves.by_equities((np.arange(len(book.equity)) == i).astype(float))

    return dict(zip(PARAMETERS, (requirement, equity, price, volatility)))
