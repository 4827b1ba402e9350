"""When is a gap rounding?

Forward estimates of the rounding of an objective's value at one allocation (THEORY 11.1).

Each estimate is unit roundoff times the gross of the sum whose net is the value: it scales with the value,
with the unit of money and with any weight, and holds no other amount. Where only a `value` is known, it is
evaluated at inputs changed in their last digits (Moré and Wild 2011).
"""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import batches
from adl_opt.evaluation.symbols import SymbolsAt, needed
from adl_opt.numerics.tail_integrals import UNIT

# Estimates that the rounding of value minus bound may be: their errors are at most 1.1 estimates each.
BOTH = 4.0
_AMOUNTS = 8 * UNIT  # relative: what is closed is a float, and so are its sum and what is left
# On one side: what an input decides by reaching a limit exactly is no noise
_LINES, _POINTS = 3, np.arange(1, 9)
# Of noise that is itself estimated from a few values: its error was up to 11 times the estimate
_SAFETY = 16.0 / BOTH
# Relative step between points; its growth where neighbours are equal; times at most
_FIRST, _WIDER, _WIDENED = 2.0**-44, 64.0, 5
_SINGLE = 2.0**-23  # relative: the last digit of single precision
_ORDERS = range(3, 7)  # of the differences whose least level is the noise


def scenario_rounding(m: SymbolsAt, weight: Array) -> float:
    """Of sum weight x shortfall, weight (S,) or (n, S): the gross of every loss that counts, (positions + 4)
    roundoffs each.
    """
    book, moves = m.event.book, m.scenarios.moves
    held = np.bincount(book.account, minlength=len(book.accounts))
    total = 0.0
    for a, b, argument in m.arguments():
        legs = m.legs_of(a, b)
        by_leg = np.abs(m.notional[legs, None] * moves.T[book.asset[legs]])
        gross = np.add.reduceat(by_leg, book.start[a:b] - legs.start, axis=0) + m.equity[a:b, None]
        terms = held[a:b, None]
        counts = argument >= -(terms + 3) * UNIT * gross
        own = weight if weight.ndim == 1 else weight[a:b]
        total += float(((terms + 4) * np.where(counts, gross, 0.0) * own).sum())
    return UNIT * total


def closed_form_rounding(m: SymbolsAt) -> float:
    """Of the expected loss under a law with a closed form: what the law says of each account, summed."""
    book, law, total = m.event.book, needed(m.law), 0.0
    for batch in batches(book):
        asset, notional = book.asset[batch.leg], m.notional[batch.leg]
        total += float(law.shortfall_rounding(asset, notional, book.equity[batch.account]).sum())
    return total


def amounts_rounding(event: Event, amount: Array, slope: Array) -> float:
    """What the last digits of the amounts closed may change; slope (legs,) of the value in the fraction
    closed of each position.
    """
    fraction = np.divide(amount, event.held, out=np.zeros_like(amount), where=event.held > 0)
    return _AMOUNTS * float((np.abs(slope) * np.where(event.free, fraction, 0.0)).sum())


def perturbed_rounding(value: Callable[[SymbolsAt], float], m: SymbolsAt) -> float:
    """Of a value known only by evaluating it: its noise along lines of changed prices, equities and
    positions, and what its amounts' digits change.

    A bias that is smooth in the inputs (a coarse quadrature, a root found to 1e-9) does not show in the last
    digits and is not seen. Infinite where the value is no number nearby.
    """
    rng = np.random.default_rng(0)
    book, event, here = m.event.book, m.event, value(m)

    def along(direction: tuple[Array, Array, Array]) -> Callable[[float], float]:
        price, equity, position = direction

        def at(step: float) -> float:
            other = replace(
                book,
                price=book.price * (1 + step * price),
                equity=book.equity * (1 + step * equity),
                position=book.position * (1 + step * position),
            )
            try:
                return value(SymbolsAt(_with_book(event, other), m.law, m.amount * (1 + step * position)))
            except Exception:  # anyone's code, at inputs that nobody gave it: no number there
                return math.nan

        return at

    sizes = (len(book.price), len(book.equity), len(book.position))
    worst = max(line_noise(along(tuple(_signs(rng, size) for size in sizes))) for _ in range(_LINES))
    return _SAFETY * (worst + UNIT * abs(here)) + _shaken(value, m, here, rng)


def measure_rounding(of: Callable[[Array], float], loss: Array) -> float:
    """Of a functional of the losses (S,) known only by evaluating it."""
    rng = np.random.default_rng(0)

    def along(direction: Array) -> Callable[[float], float]:
        return lambda step: of(loss * (1 + step * direction))

    return _SAFETY * (
        max(line_noise(along(_signs(rng, len(loss)))) for _ in range(_LINES)) + UNIT * abs(of(loss))
    )


def line_noise(at: Callable[[float], float]) -> float:
    """Noise and trend of a function along a line, from its values at 1 to 8 steps; `at` is given a relative
    change of its inputs.

    The noise is the least level of its differences of orders 3 to 6; the trend is what a change of the inputs
    in their last digit does. A function that is flat at first and then moves by a constant quantum (single
    precision) has that noise.
    """
    step, quantum = _FIRST, None
    for widened in range(_WIDENED + 1):
        values = np.array([at(k * step) for k in _POINTS])
        change = np.abs(np.diff(values))
        if quantum is None and change.any():
            quantum = 0.0 if widened == 0 else float(change[change > 0].min())
        if (change == 0).sum() <= 2 or widened == _WIDENED:
            break
        step *= _WIDER
    if not np.isfinite(values).all():
        return math.inf
    if not quantum or quantum > _SINGLE * abs(values[4]):  # a coarser one is a kink further off
        quantum = 0.0
    levels, table = [], values
    for order in range(1, max(_ORDERS) + 1):
        table = np.diff(table)
        if order in _ORDERS:
            levels.append(
                math.sqrt(math.factorial(order) ** 2 / math.factorial(2 * order) * float(np.mean(table**2)))
            )
    return max(min(levels), quantum) + UNIT / step * float(change.max())


def _signs(rng: np.random.Generator, size: int) -> Array:
    return rng.uniform(0.5, 1.0, size) * rng.choice([-1.0, 1.0], size)


def _shaken(
    value: Callable[[SymbolsAt], float], m: SymbolsAt, here: float, rng: np.random.Generator
) -> float:
    """The largest change of the value when amounts that may be chosen move by one digit within their
    boxes.
    """
    event, most = m.event, 0.0
    for sign in (np.ones(len(m.amount)), -np.ones(len(m.amount)), rng.choice([-1.0, 1.0], len(m.amount))):
        moved = np.clip(np.nextafter(m.amount, sign * np.inf), 0.0, event.size)
        amount = np.where(event.free & (m.amount > 0), moved, m.amount)
        most = max(most, abs(value(SymbolsAt(event, m.law, amount)) - here))
    return most


def _with_book(event: Event, book: Book) -> Event:
    """The event with another book of the same accounts and assets, nothing checked again."""
    _ = (
        event.capacities,
        event.free,
        event.fixed_fraction,
        event.pro_rata_fraction,
    )  # cached, so that they stay as they are
    other = copy.copy(event)
    vars(other)["book"] = book
    for name in ("held", "size", "notional"):  # these follow from positions and prices
        vars(other).pop(name, None)
    return other
