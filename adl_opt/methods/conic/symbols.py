"""The symbols `m` in CVXPY: what evaluation/symbols.py says at an allocation, said of the fractions closed,
dimensionless (§10).
"""

import copy
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array, Index
from adl_opt.evaluation.symbols import SYMBOLS, loading_of, no_symbol, scenarios_of
from adl_opt.laws.base import Law
from adl_opt.methods.conic.rows import Rows, Table
from adl_opt.methods.conic.scalars import scalar
from adl_opt.objectives.base import Objective


class ConicSymbols:
    """The symbols of `m` as CVXPY expressions of the fractions closed of the free legs: a view of a table.

    plain: shortfalls are max(row, 0), convex as they stand, for checking that an objective is convex; else
    they are variables above named rows, whose multipliers prove the answer (§12).
    """

    def __init__(self, table: Table, fraction: cp.Variable, plain: bool) -> None:
        self._table, self._f, self._plain = table, fraction, plain
        self.event, self.law, self.unit = table.event, table.law, table.unit
        self.named: dict[str, Any] = {}
        self.constraints: list[Any] = []
        self.given = {fraction.id}  # the allocation and what is made of it
        self.boxed = {fraction.id}  # variables of ours: boxed, so that HiGHS is safe (THEORY 8.5)
        self._root, self._part = self, 0
        self.laws: dict[tuple[int, int], ConicSymbols] = {}
        self.units: dict[int, float] = {}  # of the worst over laws, by part

    def __getattr__(self, name: str) -> Any:
        raise no_symbol(name)

    def __dir__(self) -> list[str]:
        return list(SYMBOLS)

    def part(self, number: int) -> "ConicSymbols":
        """The same symbols for part `number` of a sum: its rows above the losses are its own, and so are
        their multipliers.
        """
        other = copy.copy(self)
        other._part = number
        other.__dict__.pop("loss", None)
        return other

    @property
    def plain(self) -> bool:
        """Whether shortfalls are expressions, not variables above rows."""
        return self._plain

    @property
    def number(self) -> int:
        """The number of the part whose symbols these are."""
        return self._part

    def under(self, law: Law, number: int) -> "ConicSymbols":
        """The symbols of the same fractions closed under law `number` of the part's own (aligned): its rows
        and their multipliers are its own, variables and constraints are of one program.
        """
        laws, key = self._root.laws, (self._part, number)
        if key not in laws:
            other = laws[key] = self._beside(Table(self.event, law, self.unit), key)
            other.constraints, other.given, other.boxed = self.constraints, self.given, self.boxed
        return laws[key]

    def _beside(self, table: Table, key: tuple[int, int]) -> "ConicSymbols":
        return ConicSymbols(table, self._f, self._plain)

    def worst(self, values: list[tuple[Objective, Any, float]], unit: float) -> Any:
        """A variable above what several objectives express, each raised by a constant, in units of `unit`;
        the multipliers of its row weigh the laws.
        """
        each = [scalar(objective, value) + raised for objective, value, raised in values]
        if self._plain:
            return cp.maximum(*each) if len(each) > 1 else each[0]
        most = cp.Variable(name=f"worst {self._part}")
        # It stands in no function that CVXPY bounds by the boxes of variables (THEORY 8.5).
        self.boxed.add(most.id)
        self.units[self._part] = unit
        self.named[f"laws {self._part}"] = most >= cp.hstack(each)
        self.constraints.append(self.named[f"laws {self._part}"])
        return most

    def level(self, low: float = 0.0) -> Any:
        """A number that an objective chooses, between `low` (at most 0) and the largest loss there can be."""
        level = cp.Variable(bounds=[low, self.largest_loss.max(initial=0.0)], name="level")
        self.boxed.add(level.id)
        return level

    def raised(self, expression: Any, most: Array, positive: bool = False) -> Any:
        """A variable above an expression of at most `most` (and 0, if positive), for convex functions that do
        not fall in it.

        The multipliers of its row are the scenario weights that the objective's part is told
        (minorants.Dual); the last row of a part counts.
        """
        if self._plain:
            return expression
        # The box never binds, or its own multiplier would be missing in the row's; nor is it thin, or both
        # would grow without limit.
        room = 1e-3 * float(most.max(initial=0.0)) or 1.0
        above = cp.Variable(
            expression.shape, bounds=[0.0 if positive else -room, most + room], name=f"raised {self._part}"
        )
        self.given.add(above.id)
        self.boxed.add(above.id)
        self.named[f"weights {self._part}"] = above >= expression
        self.constraints.append(self.named[f"weights {self._part}"])
        return above

    def excess(self, expression: Any, most: Array) -> Any:
        """The positive part of an expression, raised."""
        return cp.pos(expression) if self._plain else self.raised(expression, most, positive=True)

    def subject_to(self, *constraints: Any) -> None:
        """Constraints that an objective brings with variables of its own."""
        self.constraints.extend(constraints)

    @property
    def _free(self) -> Index:
        return self._table.free

    def _scatter(self, rows: Index, values: Array, height: int) -> Any:
        """(height, F): the value of each free leg in its row."""
        return sp.csr_array((values, (rows, np.arange(len(self._free)))), shape=(height, len(self._free)))

    @property
    def equity(self) -> Array:
        return self.event.book.equity / self.unit

    @cached_property
    def fraction(self) -> Any:
        # Of a position; the variable is of what may be closed.
        part = self.event.closable_part(np.ones(len(self.event.size)))
        moved = self._scatter(self._free, part[self._free], len(part)) @ self._f
        return moved + part * self.event.fixed_fraction

    @cached_property
    def closed(self) -> Any:
        return cp.multiply(self.event.book.position, self.fraction)

    @cached_property
    def left(self) -> Any:
        return self.event.book.position - self.closed

    @cached_property
    def exposure(self) -> Any:
        book, free = self.event.book, self._free
        n, d = len(book.accounts), len(book.assets)
        flat = book.account[free].astype(np.int64) * d + book.asset[free]
        moved = self._scatter(flat, -self.event.notional[free] / self.unit, n * d) @ self._f
        return self._table.untouched.exposure / self.unit + cp.reshape(moved, (n, d), order="C")

    def _ratio(self, weight: Array, before: Array) -> Any:
        book, free = self.event.book, self._free
        slope = weight[free] / book.equity[book.account[free]]
        return before - self._scatter(book.account[free], slope, len(book.accounts)) @ self._f

    @cached_property
    def leverage(self) -> Any:
        return self._ratio(np.abs(self.event.notional), self._table.untouched.leverage)

    @property
    def leverage_before(self) -> Array:
        return self._table.untouched.leverage_before

    @cached_property
    def factor_leverage(self) -> Any:
        weight = loading_of(self.law)[self.event.book.asset] * self.event.notional
        return self._ratio(weight, self._table.untouched.factor_leverage)

    @property
    def probability(self) -> Array:
        return scenarios_of(self.law).probability

    @property
    def scale(self) -> Array:
        """D_i = max(gross notional, equity), (n,) quote currency."""
        return self.event.natural_scale

    @property
    def rows(self) -> Rows:
        return self._table.rows

    @property
    def _above(self) -> Any:
        return self._root._above_rows

    @cached_property
    def _above_rows(self) -> Any:
        """Shortfall / D of the kept rows, (K,)."""
        rows = self.rows
        height = rows.matrix @ self._f + rows.constant
        if self._plain:
            return cp.pos(height)
        above = cp.Variable(len(rows.constant), bounds=[0, rows.highest], name="shortfall")
        self.given.add(above.id)
        self.boxed.add(above.id)
        self.named["shortfall"] = above >= height
        self.constraints.append(self.named["shortfall"])
        return above

    def _collect(self, target: Index, always: Index, weight: Array, always_weight: Array, height: int) -> Any:
        """sum of weight x shortfall rows into `height` places; target and always say where each row goes."""
        rows = self.rows
        total: Any = np.zeros(height)
        if len(always):
            everywhere = np.arange(len(always))
            spread = sp.csr_array((always_weight, (always, everywhere)), shape=(height, len(always)))
            total = total + spread @ rows.always_constant + (spread @ rows.always_matrix) @ self._f
        if len(target):
            spread = sp.csr_array((weight, (target, np.arange(len(target)))), shape=(height, len(target)))
            total = total + spread @ self._above
        return total if isinstance(total, cp.Expression) else cp.Constant(total)

    def _expected(self) -> tuple[Array, Array]:
        """Probability x D of the kept rows and of those that are positive everywhere."""
        r, scale, probability = self.rows, self.scale / self.unit, self.probability
        always = probability[r.always_scenario] * scale[r.always_account]
        return probability[r.scenario] * scale[r.account], always

    @cached_property
    def expected_shortfall(self) -> Any:
        r, (weight, always) = self.rows, self._expected()
        return self._collect(r.account, r.always_account, weight, always, len(self.scale))

    @cached_property
    def expected_loss(self) -> Any:
        r, (weight, always) = self.rows, self._expected()
        total: Any = cp.Constant(always @ r.always_constant)
        if len(always):
            total = total + (always @ r.always_matrix) @ self._f
        return total + weight @ self._above if len(weight) else total

    @cached_property
    def loss(self) -> Any:
        r, scale = self.rows, self.scale / self.unit
        total = self._collect(
            r.scenario, r.always_scenario, scale[r.account], scale[r.always_account], len(self.probability)
        )
        return self.raised(total, self.largest_loss)

    @property
    def largest_loss(self) -> Array:
        """The largest total loss in each scenario over all fractions closed, (S,)."""
        return self.largest_shortfall.sum(axis=0)

    @property
    def largest_shortfall(self) -> Array:
        """The largest shortfall of each account in each scenario over all fractions closed, (n, S)."""
        return self._table.largest_shortfall

    @cached_property
    def shortfall(self) -> Any:
        r, scale, width = self.rows, self.scale / self.unit, len(self.probability)
        flat, always = r.account * width + r.scenario, r.always_account * width + r.always_scenario
        table = self._collect(flat, always, scale[r.account], scale[r.always_account], len(scale) * width)
        return cp.reshape(table, (len(scale), width), order="C")
