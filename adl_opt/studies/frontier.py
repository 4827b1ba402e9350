"""The Pareto frontier of two objectives: proved from within by allocations, from without by bounds of their
weighted sums.

Whatever weights were solved, no allocation has f + weight x g below the bound of that sum; whatever
allocations were found, mixtures of neighbours are allocations, no higher than the chord between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import TOLERANCE, Certificate, check_tolerance, with_bound
from adl_opt.data.event import cleared
from adl_opt.errors import AdlError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.executors import check_executor, mapped
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.hooks import check_hooks
from adl_opt.objectives.words import unit_of
from adl_opt.problem.problem import Problem
from adl_opt.problem.sweep import leverages
from adl_opt.studies.sandwich import Node, Sandwich
from adl_opt.threads import uncertified, unheard

if TYPE_CHECKING:
    import pandas as pd

_GOOD = ("certified", "negligible")
_ENDS = 0.5  # of the tolerance: what the best of an end's optima may cost there


def frontier(
    problem: Problem,
    other: Objective,
    points: int = 20,
    *,
    tol: float = TOLERANCE,
    progress: bool = False,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """The Pareto frontier between the objective of a problem and another: what one costs in the other.

    - `problem`: a Problem, whose event and law hold for both; `other`: an Objective
    - `points`: how many allocations are shown, both ends among them
    - `tol`: the gap up to which a point is certified; `progress`: a bar on a terminal
    - `executor`: as in `sweep`

    Weighted sums of the two are minimised, where the frontier is least known first; where it is proved to be
    straight, mixtures of its ends fill it.

    Returns a DataFrame, a line a point, from the least of the problem's objective to the least of `other`:
    both values, in columns named after them (`attrs["frontier"]` holds the names); the `weight` at which the
    point minimises `objective + weight * other`, the slope there (infinite: `other` alone); `status`; three
    proven gaps, fractions of the value or, if that is larger, of the range on the frontier; and the gross
    leverage of each of at most 100 accounts. `gap`: no allocation is lower in both by more, "certified" up to
    `tol`; "<name> gap": none is lower in that one by more without being higher in the other. One line alone
    where one allocation is best for both. An UncertifiedWarning tells of points that are not proved. Raises
    AdlError for bad arguments and objectives that can only be valued, LawError for one that needs another
    law.

    Source: THEORY 6 (bounds of the weighted sums).

    >>> law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(6)
    >>> problem = adl.Problem(adl.ExpectedLoss(), adl.examples.paper(), law)
    >>> adl.frontier(problem, adl.MaxLeverage(), points=4)[["ExpectedLoss", "MaxLeverage", "status"]].round(2)
      ExpectedLoss MaxLeverage status
    quote currency x of equity
          1,815.44         7.1 certified
          2,078.35        6.24 certified
          3,276.19         5.2 certified
          4,493.33         4.7 certified
    """
    _check(problem, other, points, executor)
    check_tolerance(tol)
    task = Task(problem, other, tol)

    def solved(weights: list[float]) -> list[Solved]:
        return mapped(task, weights, executor, "weighted sums", progress)

    ends = solved([0.0, np.inf])
    if (both := _best_for_both(task, ends, ends)) is not None:
        return _table(task, [both.node], _proofs_of_one(task, both, ends))
    ends, lines = _proper_ends(task, ends, solved)
    if (both := _best_for_both(task, [*ends, *lines[2:]], lines)) is not None:
        return _table(task, [both.node], _proofs_of_one(task, both, lines))
    curve = Sandwich(ends[0].node, ends[1].node, [one.line for one in lines], tol)
    while wanted := curve.next_chords(points - len(curve.nodes)):
        found = solved([curve.chord(k) for k in wanted])
        curve.lines += [one.line for one in found]
        for k, one in sorted(zip(wanted, found), key=lambda pair: -pair[0]):  # from behind: numbers stay
            curve.insert(k, one.node)
    nodes = _mixed(task, curve, points)
    return _table(task, nodes, curve.gaps(np.array([node.values for node in nodes])))


def _check(problem: object, other: object, points: object, executor: object) -> None:
    check_executor("frontier", executor)
    if not isinstance(problem, Problem):
        raise AdlError(
            f"frontier takes a Problem first, then another objective, not {type(problem).__name__}"
        )
    if not isinstance(other, Objective):
        hint = (
            f"; write {other.__name__}()" if isinstance(other, type) and issubclass(other, Objective) else ""
        )
        raise AdlError(f"the other objective of a frontier is an Objective, not {str(other)[:40]!r}{hint}")
    check_hooks(other)
    if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 2:
        raise AdlError(f"points = {points!r}: a frontier has a whole number of points, its 2 ends at least")
    names = (str(problem.objective), str(other))
    if names[0] == names[1]:
        raise AdlError(f"both objectives of the frontier are named {names[0]!r}: give two different ones")
    for one in (problem.objective, other):
        if one.lower_bound_objective() is not None:
            raise AdlError(f"{one} can only be valued, not minimised, so it has no frontier")


class Solved(NamedTuple):
    """What minimises a weighted sum, and the certificate of the sum."""

    node: Node
    certificate: Certificate

    @property
    def line(self) -> tuple[float, float]:
        """(weight, bound of the sum)."""
        return self.node.weight, -np.inf if self.certificate.bound is None else self.certificate.bound


@dataclass(frozen=True, eq=False)
class Task:
    """To minimise f + weight x g, f the problem's objective, g another; infinite: g alone."""

    problem: Problem
    other: Objective
    tolerance: float

    @property
    def both(self) -> tuple[Objective, Objective]:
        return self.problem.objective, self.other

    def __call__(self, weight: float) -> Solved:
        f, g = self.both
        total = g if np.isinf(weight) else f if weight == 0 else f + weight * g
        with unheard():  # the table tells of open gaps
            found = self.problem.beside(total).solve(tol=self.tolerance)
        return Solved(self.node(found.amount, weight), found.certificate)

    def node(self, amount: Array, weight: float) -> Node:
        f, g = (evaluate(one, self.at(amount)) for one in self.both)
        return Node(amount, (f, g), weight)

    def at(self, amount: Array) -> SymbolsAt:
        return SymbolsAt(self.problem.event, self.problem.law, amount)

    def proved(self, k: int, node: Node, least: Certificate) -> Certificate:
        """The certificate of one of both at a node, with the bound of its minimum."""
        own = assess(
            self.both[k], self.problem.event, self.problem.law, node.amount, tolerance=self.tolerance
        )
        return with_bound(own.certificate, least, self.tolerance)


def _best_for_both(task: Task, candidates: Sequence[Solved], ends: Sequence[Solved]) -> Solved | None:
    """The first of the candidates that is proved to be best for f and for g, or next to it; or an end that is
    as good as the other in both.
    """
    for one, other in (candidates[:2], candidates[1::-1]):
        if all(mine <= its for mine, its in zip(one.node.values, other.node.values)):
            return one
    for one in candidates:
        proofs = [task.proved(k, one.node, ends[k].certificate) for k in (0, 1)]
        if all(proof.status in _GOOD for proof in proofs):
            return one
    return None


def _proper_ends(
    task: Task, ends: list[Solved], solved: Callable[[list[float]], list[Solved]]
) -> tuple[list[Solved], list[Solved]]:
    """(the ends, all that was solved, first the ends given): of the optima of each objective one that is best
    for the other, found at a weight too small to cost what is not proved.
    """
    (f_low, g_high), (f_high, g_low) = (end.node.values for end in ends)
    small = _ENDS * task.tolerance
    first = small * max(abs(f_low), f_high - f_low) / (g_high - g_low)
    last = (f_high - f_low) / (small * max(abs(g_low), g_high - g_low))
    better = solved([first, last])
    found = [
        one if task.proved(k, one.node, ends[k].certificate).status in _GOOD else ends[k]
        for k, one in enumerate(better)
    ]
    return found, [*ends, *better]


def _mixed(task: Task, curve: Sandwich, points: int) -> list[Node]:
    """The points found, and mixtures of neighbours between them until there are enough."""
    nodes = [curve.nodes[0]]
    for k, pieces in enumerate(curve.pieces(points)):
        one, other = curve.nodes[k : k + 2]
        for piece in range(1, pieces):
            share = piece / pieces
            amount = cleared(task.problem.event, (1 - share) * one.amount + share * other.amount)
            nodes.append(task.node(amount, curve.chord(k)))
        nodes.append(other)
    return nodes


def _proofs_of_one(task: Task, one: Solved, ends: Sequence[Solved]) -> Array:
    """The gaps (1, 3) of an allocation that is best for both."""
    gaps = [task.proved(k, one.node, ends[k].certificate).gap or 0.0 for k in (0, 1)]
    return np.array([[min(gaps), *gaps]])


def _table(task: Task, nodes: list[Node], gaps: Array) -> pd.DataFrame:
    from adl_opt.table import with_units

    money, names = task.problem.event.book.currency, [str(one) for one in task.both]
    units = [unit_of(one, money) for one in task.both]
    good = gaps[:, 0] <= task.tolerance
    if not good.all():
        uncertified(
            f"not certified: {(~good).sum()} of {len(nodes)} points of the frontier, first number "
            f"{int(np.argmin(good)) + 1} with gap {gaps[np.argmin(good), 0]:.2g}; each is feasible, that "
            "none is lower in both is not proved (§11)"
        )
    columns = dict(zip(names, np.array([node.values for node in nodes]).T))
    columns |= {
        "weight": [node.weight for node in nodes],
        "status": np.where(good, "certified", "uncertified"),
    }
    columns |= dict(zip(("gap", *(f"{name} gap" for name in names)), gaps.T))
    leverage = leverages(task.problem.event.book, np.array([task.at(node.amount).leverage for node in nodes]))
    known = dict(zip(names, units)) | {"weight": f"{units[0]} per {units[1]}"}
    known |= dict.fromkeys(("gap", *(f"{name} gap" for name in names)), "fraction of the value")
    table = with_units(columns | leverage, known | dict.fromkeys(leverage, "x of equity, gross"))
    table.attrs["frontier"] = names
    return table
