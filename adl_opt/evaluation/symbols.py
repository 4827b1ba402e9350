"""The symbols `m` that objectives speak of, at a given allocation, in numpy: the independent side of every
solve (§17).

The names are those of the CVXPY side (methods/conic/symbols.py). Everything is lazy; scenario sums run over
chunks of accounts, so that a million accounts need no accounts x scenarios table unless an objective asks for
one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import LawError, ObjectiveError
from adl_opt.evaluation import batches
from adl_opt.laws.base import Law, Scenarios, scenario_count

_CHUNK = 2_000_000  # legs x scenarios, or accounts x assets, held at once


class Symbols(Protocol):
    """What `m` offers to an objective: CVXPY expressions in `express(m)`, numpy arrays in `value(m)`.

    Of n accounts, d assets, S scenarios, and legs, the rows of the book: each name says its shape and unit.
    Money is in quote currency over `unit`. A symbol that the law does not give raises LawError; a name that
    is none raises ObjectiveError.

    >>> class Wealthiest(adl.Objective):  # leverage of the account with the most equity, x of equity
    ...     money = 0
    ...     def express(self, m: adl.Symbols): return m.leverage[m.equity.argmax()]
    ...     def value(self, m: adl.Symbols): return m.leverage[m.equity.argmax()]
    >>> round(adl.Problem(Wealthiest(), adl.examples.paper()).solve().certificate.value, 4)
    2.5349
    """

    @property
    def equity(self) -> Array:
        """Equity by account, (n,) quote currency."""
        ...

    @property
    def left(self) -> Any:
        """What each leg keeps, (legs,) signed contracts."""
        ...

    @property
    def closed(self) -> Any:
        """What each leg closes, (legs,) contracts with the sign of the position."""
        ...

    @property
    def fraction(self) -> Any:
        """What each leg closes of its position, (legs,) in [0, 1]."""
        ...

    @property
    def exposure(self) -> Any:
        """Signed notional left by account and asset, (n, d) quote currency."""
        ...

    @property
    def leverage(self) -> Any:
        """Gross notional left over equity, (n,)."""
        ...

    @property
    def leverage_before(self) -> Array:
        """Gross notional over equity before anything is closed, (n,)."""
        ...

    @property
    def factor_leverage(self) -> Any:
        """Loading-weighted notional left over equity, (n,) signed; needs a one-factor law."""
        ...

    @property
    def expected_shortfall(self) -> Any:
        """Expected loss beyond equity by account, (n,) quote currency."""
        ...

    @property
    def expected_loss(self) -> Any:
        """Expected total loss beyond equity, a number in quote currency."""
        ...

    @property
    def shortfall(self) -> Any:
        """Loss beyond equity by account and scenario, (n, S) quote currency; needs scenarios."""
        ...

    @property
    def loss(self) -> Any:
        """Total loss beyond equity by scenario, (S,) quote currency; needs scenarios."""
        ...

    @property
    def probability(self) -> Array:
        """Probability of each scenario, (S,); needs scenarios."""
        ...

    @property
    def unit(self) -> float:
        """Quote currency in one unit of money here: 1 in numpy, larger in a program, which is scaled."""
        ...


SYMBOLS = tuple(name for name in vars(Symbols) if isinstance(vars(Symbols)[name], property))


class ProgramSymbols(Symbols, Protocol):
    """What a measure of the package may ask of a conic program besides (methods/conic/symbols.py)."""

    boxed: set[int]
    number: int
    event: Event
    law: Law | None

    def part(self, number: int) -> ProgramSymbols:
        """The symbols of one term of a sum."""
        ...

    def level(self, low: float = 0.0) -> Any:
        """A number that the objective chooses."""
        ...

    def excess(self, expression: Any, most: Array) -> Any:
        """The positive part of an expression of at most `most`."""
        ...

    def subject_to(self, *constraints: Any) -> None:
        """Constraints on variables of the objective's own."""
        ...

    def under(self, law: Law, number: int) -> ProgramSymbols:
        """The symbols of the same allocation under the law of that number of an objective's own."""
        ...

    def worst(self, values: list[tuple[Any, Any, float]], unit: float) -> Any:
        """The largest of several expressions, whose multipliers are the weights of the laws."""
        ...

    @property
    def largest_loss(self) -> Array:
        """The largest total loss in each scenario, (S,)."""
        ...

    @property
    def largest_shortfall(self) -> Array:
        """The largest shortfall by account and scenario, (n, S)."""
        ...


class SymbolsAt:
    """The Symbols at an allocation, in numpy: amount (legs,) >= 0 is what each leg closes, in contracts; law
    aligned or None. Raises LawError for a symbol that the law does not give.
    """

    unit: float = 1.0

    def __init__(self, event: Event, law: Law | None, amount: Array) -> None:
        self.event, self.law, self.amount = event, law, amount
        self._under: dict[int, SymbolsAt] = {}

    def under(self, law: Law) -> SymbolsAt:
        """The symbols of the same allocation under another law, aligned."""
        kept = self._under.get(id(law))
        if kept is None or kept.law is not law:
            kept = self._under[id(law)] = SymbolsAt(self.event, law, self.amount)
        return kept

    @property
    def equity(self) -> Array:
        return self.event.book.equity

    @cached_property
    def closed(self) -> Array:
        return np.sign(self.event.book.position) * self.amount

    @cached_property
    def left(self) -> Array:
        return self.event.book.position - self.closed

    @cached_property
    def fraction(self) -> Array:
        held = self.event.held
        return np.divide(self.amount, held, out=np.zeros_like(held), where=held > 0)

    @cached_property
    def notional(self) -> Array:
        """Signed notional left of each leg, (legs,)."""
        return self.left * self.event.book.price[self.event.book.asset]

    @cached_property
    def exposure(self) -> Array:
        return self.exposure_rows(0, len(self.equity))

    @cached_property
    def leverage(self) -> Array:
        return self.event.book.per_account(np.abs(self.notional)) / self.equity

    @cached_property
    def leverage_before(self) -> Array:
        return self.event.book.gross_notional / self.equity

    @cached_property
    def factor_leverage(self) -> Array:
        book = self.event.book
        return book.per_account(loading_of(self.law)[book.asset] * self.notional) / self.equity

    @property
    def scenarios(self) -> Scenarios:
        return scenarios_of(self.law)

    @property
    def probability(self) -> Array:
        return self.scenarios.probability

    @cached_property
    def loss(self) -> Array:
        total = np.zeros(len(self.probability))
        for _, _, argument in self.arguments():
            total += np.maximum(argument, 0.0).sum(axis=0)
        return total

    @cached_property
    def shortfall(self) -> Array:
        return np.concatenate([np.maximum(argument, 0.0) for _, _, argument in self.arguments()])

    @cached_property
    def expected_shortfall(self) -> Array:
        if scenario_count(self.law):
            return np.concatenate(
                [np.maximum(argument, 0.0) @ self.probability for _, _, argument in self.arguments()]
            )
        return batches.expected_shortfall(self.event.book, needed(self.law), self.notional)

    @cached_property
    def expected_loss(self) -> float:
        return math.fsum(self.expected_shortfall.tolist())

    def __getattr__(self, name: str) -> Any:
        raise no_symbol(name)

    def __dir__(self) -> list[str]:
        return list(SYMBOLS)

    def chunks(self, width: int) -> Iterator[tuple[int, int]]:
        """Ranges of accounts whose legs times `width` fit in a chunk."""
        n, legs = len(self.equity), len(self.amount)
        step = max(1, int(_CHUNK / max(width, 1) * n / max(legs, 1)))
        return ((a, min(a + step, n)) for a in range(0, n, step))

    def exposure_rows(self, a: int, b: int) -> Array:
        """Signed notional left of accounts a to b, (b - a, d)."""
        book = self.event.book
        legs = self.legs_of(a, b)
        rows = np.zeros((b - a, len(book.assets)))
        np.add.at(rows, (book.account[legs] - a, book.asset[legs]), self.notional[legs])  # both sides net
        return rows

    def legs_of(self, a: int, b: int) -> slice:
        """The legs of accounts a to b."""
        start = self.event.book.start
        return slice(int(start[a]), int(start[b]) if b < len(start) else len(self.amount))

    def arguments(self) -> Iterator[tuple[int, int, Array]]:
        """(a, b, loss minus equity of accounts a to b in every scenario (b - a, S)), in quote currency, of
        any sign.
        """
        moves = self.scenarios.moves
        book = self.event.book
        for a, b in self.chunks(len(moves)):
            legs = self.legs_of(a, b)
            by_leg = -self.notional[legs, None] * moves.T[book.asset[legs]]
            start = book.start[a:b] - legs.start
            yield a, b, np.add.reduceat(by_leg, start, axis=0) - self.equity[a:b, None]


def no_symbol(name: str) -> Exception:
    """What to raise for an attribute that `m` does not have: AttributeError for Python's own, else the names
    there are.
    """
    if name.startswith("_"):
        return AttributeError(name)
    near = difflib.get_close_matches(name, SYMBOLS, 1)
    return ObjectiveError(
        f"m has no symbol {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(SYMBOLS)}")
    )


class LossSymbols:
    """Only `loss` and `probability`: what a functional of the total loss may look at (Thm 1)."""

    unit = 1.0

    def __init__(self, loss: Array, probability: Array) -> None:
        self.loss, self.probability = loss, probability
        self.expected_loss = float(loss @ probability)

    def __getattr__(self, name: str) -> Any:
        raise ObjectiveError(
            f"the objective says monotone = True but looks at m.{name}: a functional of the total loss "
            "sees m.loss and m.probability alone (Thm 1)"
        )


def needed(law: Law | None) -> Law:
    """The law, or LawError where there is none."""
    if law is None:
        raise LawError(
            "this objective needs a law of price moves: adl.Problem(objective, event, law), such as "
            "adl.LogNormal(volatility, correlation, horizon).quadrature(20)"
        )
    return law


def loading_of(law: Law | None) -> Array:
    """The loading (d,) of a one-factor law, or LawError for another."""
    if law is None or law.loading is None:
        raise LawError("factor leverages need a one-factor law: adl.OneFactor(loading, factor)")
    return law.loading


def scenarios_of(law: Law | None) -> Scenarios:
    """The law as scenarios; nothing is discretised silently."""
    scenarios = needed(law).scenarios
    if scenarios is None:
        raise LawError(
            f"{type(law).__name__} is not a set of scenarios and nothing is discretised silently; "
            "use law.quadrature(20) or law.sample(4096, seed=1)"
        )
    return scenarios
