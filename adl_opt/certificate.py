"""What was proved about an allocation, recomputed in numpy from the allocation and dual information alone (§11, §12).

The ladder of DESIGN 5: (a) nothing to decide, or water-filling proved scenario by scenario; (b) an affine function below
the objective (objectives.Minorant), minimised over all allocations by a knapsack an asset; (c) the conic dual of the program.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import LawError, ObjectiveError
from .event import Event
from .isolated import pathwise_gap
from .laws import Law, Scenarios
from .objectives import Dual, LeverageSquare, Minorant, Objective, values
from .symbols import LossSymbols, Symbols

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
TOLERANCE = 1e-6  # relative gap up to which an allocation counts as certified (§11)
FEASIBLE = 1e-9  # clearing error relative to the requirement, box violation as a fraction, of an allocation from outside
FLOOR = 1e-6  # of the objective at pro rata: losses below it are not asked for relative accuracy (§11)


@dataclass(frozen=True)
class Certificate:
    """What is proved about an allocation (§11).

    status: "certified" (gap <= tolerance and feasible), "uncertified" (feasible, no proof), "infeasible".
    measure: what is measured, in `unit`; objective: its value here, bound: below its value at every feasible allocation. gap: (objective - bound) / max(|objective|, 1e-6 |reference|), reference the value at pro rata.
    clearing_error: contracts, largest over assets; box_violation: fraction of a position, largest over legs.
    proof: how the bound was obtained, in words. For an infeasible allocation bound and gap are None.
    """

    status: str
    measure: str
    unit: str
    objective: float
    bound: float | None
    gap: float | None
    clearing_error: float
    box_violation: float
    reference: float
    tolerance: float
    proof: str

    @property
    def certified(self) -> bool:
        return self.status == "certified"

    def to_frame(self) -> "pd.DataFrame":
        """One line a quantity: value and unit (§15)."""
        import pandas as pd

        rows = {
            "status": (self.status, self.proof),
            "measure": (self.measure, self.unit),
            "objective": (self.objective, self.unit),
            "bound": (self.bound, self.unit),
            "gap": (self.gap, "fraction of the objective"),
            "clearing_error": (self.clearing_error, "contracts"),
            "box_violation": (self.box_violation, "fraction of a position"),
            "reference": (self.reference, f"{self.unit}, at pro rata"),
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "unit"])


@dataclass(frozen=True)
class Evidence:
    """Dual information from a solve: shortfall multipliers, a bound from the conic dual (quote currency) and its clearing prices."""

    dual: Dual = field(default_factory=Dual)
    conic_bound: float | None = None
    conic_assumed: float | None = None
    price: Array | None = None


@dataclass(frozen=True)
class Proof:
    """A certificate with what was found on the way: shadow prices (d,) and the value of each part."""

    certificate: Certificate
    price: Array
    parts: Mapping[str, float]


def assess(
    objective: Objective,
    event: Event,
    law: Law | None,
    amount: Array,
    evidence: Evidence | None = None,
    tolerance: float = TOLERANCE,
) -> Proof:
    """Prove as much as can be proved about `amount` (legs,) contracts closed, law aligned with the book.

    Without a law a monotone objective in isolated margin is measured by LeverageSquare, whose minimiser is water-filling
    and so the optimum for every law (Thm 1). No solver is called.
    """
    evidence = evidence or Evidence()
    measured, stands_for = _measured(objective, event, law)
    m = Symbols(event, law, amount)
    parts = values(measured, m)
    unit = " + ".join(sorted({"quote currency" if part.money else "pure number" for _, part in measured.parts()}, reverse=True))
    value = float(measured.value(m))
    if not math.isfinite(value):
        raise ObjectiveError(f"the objective {measured} is {value} at this allocation; it must be a finite number")
    reference = float(measured.value(Symbols(event, law, event.pro_rata_fraction * event.size)))
    clearing, box = _violation(event, amount)
    nothing = np.full(len(event.side), np.nan)
    if box > FEASIBLE or (clearing > FEASIBLE * np.maximum(event.required, 1e-300)).any():
        proof = f"misses the requirement by {clearing.max():.3g} contracts, leaves its box by {box:.3g}"
        certificate = Certificate(
            "infeasible", str(measured), unit, value, None, None, float(clearing.max()), box, reference, tolerance, proof
        )
        return Proof(certificate, nothing, parts)

    below = measured.minorant(m, evidence.dual)
    at_point = measured.minorant(m, Dual()) if evidence.dual.multipliers is not None else below
    bounds: list[tuple[float, str, Array]] = []
    if not event.free.any():
        bounds.append((value, "nothing to decide: every leg is fixed by the requirement", nothing))
    for support, how in ((at_point, "subgradient"), (below, "scenario multipliers") if below is not at_point else (None, "")):
        if support is not None and event.free.any():
            gap, price = knapsack(event, m, support)
            bounds.append((value - gap, f"{how} and water level" if event.book.isolated else f"{how} and knapsack", price))
    if evidence.conic_bound is not None and math.isfinite(evidence.conic_bound):
        how = "conic dual" + (
            f", auxiliary variables assumed within {evidence.conic_assumed:.3g}" if evidence.conic_assumed else ""
        )
        bounds.append((evidence.conic_bound, how, nothing if evidence.price is None else evidence.price))
    if not bounds or relative_gap(value, max(one[0] for one in bounds), reference) > tolerance:
        bounds += _pathwise(measured, event, law, m, value)
    best = max((one[0] for one in bounds), default=-math.inf)
    # Among bounds that differ by rounding, the earliest rung: it is the simplest proof.
    near = (one for one in bounds if one[0] >= best - 1e-12 * abs(value))
    bound, how, price = next(near, (-math.inf, "none", nothing))
    bound = float(bound)
    if bound - value > tolerance * max(abs(value), abs(reference)):
        raise ObjectiveError(
            f"{how} puts a bound {bound:.9g} above the value {value:.9g} of {measured}: its express and value disagree, or it is not convex (§17)"
        )
    gap = relative_gap(value, bound, reference)
    status = "certified" if gap <= tolerance else "uncertified"
    how = f"optimal for every law (Thm 1), shown on {measured}: {how}" if stands_for else how
    certificate = Certificate(
        status, str(measured), unit, value, bound, gap, float(clearing.max(initial=0.0)), box, reference, tolerance, how
    )
    # Without a law there is no loss, so nothing can be saved: no price.
    return Proof(certificate, nothing if stands_for else _one_sided(event, m, below, price), parts)


def knapsack(event: Event, m: Symbols, below: Minorant) -> tuple[float, Array]:
    """(gap, price): how far the minimum of an affine minorant over all allocations lies below the value at `m`, and
    the prices (d,) that prove it, quote currency per contract (THEORY 6). Exact, asset by asset; no solver."""
    gap, prices = below.slack, np.full(len(event.side), np.nan)
    for k in event.free_assets:
        legs = np.flatnonzero(event.free & (event.book.asset == k))
        size, closed = event.size[legs], m.amount[legs]
        cheap, dear = -below.high[legs] / size, -below.low[legs] / size  # what a contract of the leg saves
        left = size - closed
        at = np.concatenate([dear, cheap])
        order = np.argsort(at, kind="stable")
        # Derivative of the gap in the price: closed legs that save less cost, open legs that save more cost.
        tilt = np.cumsum(np.concatenate([closed, left])[order]) - math.fsum(left.tolist())
        price = float(at[order][min(int(np.searchsorted(tilt, 0.0)), len(at) - 1)])
        charged = np.maximum(price - dear, 0.0) * closed + np.maximum(cheap - price, 0.0) * left
        gap += math.fsum(charged.tolist()) + price * (event.required[k] - math.fsum(closed.tolist()))
        prices[k] = price
    return gap, prices


def _measured(objective: Objective, event: Event, law: Law | None) -> tuple[Objective, bool]:
    if law is None and objective.monotone:
        if not event.book.isolated:
            raise LawError(
                f"{objective} in cross margin depends on the law of price moves; give one, such as "
                "adl.LogNormal(volatility, correlation, horizon).quadrature(20)"
            )
        return LeverageSquare(), True
    return objective, False


def _violation(event: Event, amount: Array) -> tuple[Array, float]:
    clearing = np.zeros(len(event.side))
    for k in np.flatnonzero(event.side):
        clearing[k] = abs(math.fsum([*amount[event.closable & (event.book.asset == k)].tolist(), -event.required[k]]))
    most = np.where(event.closable, event.size, 0.0)
    outside = np.maximum(amount - most, -amount)
    scale = np.where(event.size > 0, event.size, 1.0)
    return clearing, max(0.0, float((outside / scale).max(initial=0.0)))


def relative_gap(value: float, bound: float, reference: float) -> float:
    """(value - bound) / max(|value|, 1e-6 |reference|), 0 where the bound is reached (§11)."""
    if bound >= value:
        return 0.0
    scale = max(abs(value), FLOOR * abs(reference))
    return float((value - bound) / scale) if scale > 0 else math.inf


def _pathwise(objective: Objective, event: Event, law: Law | None, m: Symbols, value: float) -> list[tuple[float, str, Array]]:
    """Any monotone functional of the loss, where water-filling is provably least in every scenario (Thm 1)."""
    if not (objective.monotone and event.book.isolated and isinstance(law, Scenarios)):
        return []
    least = np.maximum(m.loss - pathwise_gap(event, law, m.amount), 0.0)
    try:
        bound = float(objective.value(LossSymbols(least, law.probability)))
    except AttributeError:
        return []  # it looks at more than the loss, so that Thm 1 says nothing
    return [(min(bound, value), "no allocation loses less in any scenario (Thm 1)", np.full(len(event.side), np.nan))]


def _one_sided(event: Event, m: Symbols, below: Minorant | None, price: Array) -> Array:
    """Prices where the requirement is 0 (what the first contract would save) or the capacity (what the last one saved)."""
    price = price.copy()
    for k in np.flatnonzero(event.side):
        legs = np.flatnonzero(event.closable & (event.book.asset == k))
        if k in event.free_assets or below is None or not legs.size:
            continue
        saved = -below.high[legs] / event.size[legs]
        price[k] = saved.max() if event.required[k] == 0 else saved.min()
    return price
