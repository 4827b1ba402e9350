"""What was proved about an allocation, recomputed in numpy from the allocation and dual information alone (§11, §12).

The ladder of DESIGN 5: (a) nothing to decide, or water-filling proved scenario by scenario; (b) an affine function below
the objective (supports.Minorant), minimised over all allocations by a knapsack an asset; (c) the conic dual of the program.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import LawError, ObjectiveError
from .event import Event
from .isolated import fill, pathwise_gap
from .laws import Law, Scenarios
from .objectives import LeverageSquare, Objective, evaluate, values
from .supports import Dual, Minorant
from .symbols import LossSymbols, Symbols
from .trials import believed, check_monotone, other_losses, try_minorant

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
TOLERANCE = 1e-6  # relative gap up to which an allocation counts as certified (§11)
TIGHT = 1e-9  # a gap up to which no further proof is tried
FEASIBLE = 1e-9  # clearing error relative to the requirement, box violation as a fraction, of an allocation from outside
ROUNDING = 1e-8  # of the value before closing or the mean account, where pro rata is no measure:
NEARLY_ALL, NOTHING = 1e-9, 1e-14  # all but this fraction of a capacity is closed; this fraction of the mean account is lost
_LEVEL = 1e-10  # relative: leverages this close are one level
FLOOR = 1e-6  # of the objective at pro rata: losses below it are not asked for relative accuracy (§11)


@dataclass(frozen=True)
class Certificate:
    """What is proved about an allocation (§11).

    status: "certified" (gap <= tolerance and feasible), "uncertified" (feasible, no proof), "infeasible".
    measure: what is measured, in `unit`; objective: its value here, bound: below its value at every feasible allocation. gap: (objective - bound) /
    max(|objective|, floor): floor is 1e-6 of the reference, the value at pro rata (where that is a rounding: 1e-8 of the value before closing or of the mean account).
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
    floor: float
    tolerance: float
    proof: str

    @property
    def certified(self) -> bool:
        return self.status == "certified"

    def to_frame(self) -> "pd.DataFrame":
        """One line a quantity: value and unit (§15)."""
        import pandas as pd

        rows = {
            "status": (self.status, "certified: gap at most the tolerance"),
            "proof": (self.proof, "in words"),
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
    named = {part.unit or ("quote currency" if part.money else "pure number") for _, part in measured.parts()}
    unit = " + ".join(sorted(named, key=lambda name: (name != "quote currency", name)))
    value = evaluate(measured, m)
    if not math.isfinite(value):
        raise ObjectiveError(f"the objective {measured} is {value} at this allocation; it must be a finite number")
    reference, floor = scales(measured, event, law)
    clearing, box = _violation(event, amount)
    nothing = np.full(len(event.side), np.nan)
    if box > FEASIBLE or (clearing > FEASIBLE * np.maximum(event.required, 1e-300)).any():
        proof = f"misses the requirement by {clearing.max():.3g} contracts, leaves its box by {box:.3g} of a position"
        against = int((amount < 0).sum())
        proof += (
            f"; {against} legs close against their position: closed is signed like the position, shorts negative" if against else ""
        )
        proof += _beyond_limits(event, amount)
        certificate = Certificate(
            "infeasible", str(measured), unit, value, None, None, float(clearing.max()), box, reference, floor, tolerance, proof
        )
        return Proof(certificate, nothing, parts)

    below = measured.minorant(m, evidence.dual)
    at_point = measured.minorant(m, Dual()) if evidence.dual else below
    tried = try_minorant(measured, event, m, (below, at_point))
    bounds: list[tuple[float, str, Array]] = []
    if not event.free.any():
        bounds.append((value, "nothing to decide: every leg is fixed by the requirement", nothing))
    for support, how in ((at_point, "subgradient"), (below, "scenario multipliers") if below is not at_point else (None, "")):
        if support is not None and event.free.any():
            gap, price = knapsack(event, m, support)
            how += " and water level" if event.book.isolated else " and knapsack"
            bounds.append((value - gap, how + believed(measured, tried) * (tried > 0), price))
    if evidence.conic_bound is not None and math.isfinite(evidence.conic_bound):
        how = "conic dual" + (
            f", auxiliary variables assumed within {evidence.conic_assumed:.3g}" if evidence.conic_assumed else ""
        )
        bounds.append((evidence.conic_bound, how, nothing if evidence.price is None else evidence.price))
    if not bounds or relative_gap(value, max(one[0] for one in bounds), floor) > min(tolerance, TIGHT):
        bounds += _pathwise(measured, event, law, m, value)
    # A bound that assumes nothing is worth more than a slightly higher one that does.
    plain = [one for one in bounds if "assumed" not in one[1]]
    if plain and relative_gap(value, max(one[0] for one in plain), floor) <= tolerance:
        bounds = plain
    best = max((one[0] for one in bounds), default=-math.inf)
    # Among bounds that differ by rounding, the earliest rung: it is the simplest proof.
    near = (one for one in bounds if one[0] >= best - 1e-12 * abs(value))
    bound, how, price = next(near, (-math.inf, "none", nothing))
    bound = float(bound)
    if bound - value > max(tolerance, 1e-9) * max(abs(value), floor):
        raise ObjectiveError(
            f"{how} puts a bound {bound:.9g} above the value {value:.9g} of {measured}: its express and value disagree, or it is not convex (§17)"
        )
    if event.free.any() and bound - reference > max(tolerance, 1e-9) * max(abs(reference), floor):
        raise ObjectiveError(
            f"{how} puts a bound {bound:.9g} above {reference:.9g}, the value of {measured} at pro rata, which is feasible: the proof is of another objective (§17)"
        )
    gap = relative_gap(value, bound, floor)
    if stands_for:  # a small gap of the stand-in is not enough for every law: the allocation itself must be the water-filling
        gap = max(gap, _departure(event, m))
    status = "certified" if gap <= tolerance else "uncertified"
    if stands_for and status == "certified":
        how = f"optimal for every law (Thm 1), shown on {measured}: {how}"
    elif stands_for:
        how = f"leverages depart from the water level by up to {gap:.2g} (relative): not optimal for every law"
    certificate = Certificate(
        status, str(measured), unit, value, bound, gap, float(clearing.max(initial=0.0)), box, reference, floor, tolerance, how
    )
    # Without a law there is no loss, so nothing can be saved: no price.
    return Proof(certificate, nothing if stands_for else _one_sided(event, m, below, price) + 0.0, parts)  # no -0.0


def knapsack(event: Event, m: Symbols, below: Minorant) -> tuple[float, Array]:
    """(gap, price): how far the minimum of an affine minorant over all allocations lies below the value at `m`, and
    the prices (d,) that prove it, quote currency per contract (THEORY 6). Exact, asset by asset; no solver."""
    gap, prices = below.slack, np.full(len(event.side), np.nan)
    for k in event.free_assets:
        legs = np.flatnonzero(event.free & (event.book.asset == k))
        size, closed = event.size[legs], m.amount[legs]
        held = event.held[legs] if event.capped else size
        cheap, dear = -below.high[legs] / held, -below.low[legs] / held  # what a contract of the leg saves
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
        check_monotone(objective, np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.4, 0.3, 0.2, 0.1]))
        if not event.book.isolated:
            raise LawError(
                f"{objective} in cross margin depends on the law of price moves; give one, such as "
                "adl.LogNormal(volatility, correlation, horizon).quadrature(20)"
            )
        return LeverageSquare(), True
    return objective, False


def scales(objective: Objective, event: Event, law: Law | None) -> tuple[float, float]:
    """(value at pro rata, the floor below which no relative accuracy is asked for) (§11).

    The floor is 1e-6 of the value at pro rata. Where that is a rounding, because all but a rounding of a capacity is closed or next to
    nothing is lost, it is 1e-8 of the value before closing or of the mean account.
    """
    pro_rata = evaluate(objective, Symbols(event, law, event.pro_rata_fraction * event.size))
    k, book = event.free_assets, event.book
    account = float(np.maximum(book.per_account(np.abs(book.notional)), book.equity).mean()) if objective.money else 1.0
    nearly_all = (event.capacities[k] - event.required[k] <= NEARLY_ALL * event.capacities[k]).any()
    if not nearly_all and abs(pro_rata) > NOTHING * account:
        return pro_rata, FLOOR * abs(pro_rata)
    before = evaluate(objective, Symbols(event, law, np.zeros(len(event.size))))
    natural = account if abs(pro_rata) <= NOTHING * account else 0.0
    return pro_rata, max(
        FLOOR * abs(pro_rata), ROUNDING * max(abs(before) if nearly_all and math.isfinite(before) else 0.0, natural)
    )


def _departure(event: Event, m: Symbols) -> float:
    """How far the leverages are from water-filling's, relative, the worst account."""
    water = Symbols(event, None, fill(event)[0]).leverage
    scale = np.maximum(np.maximum(water, m.leverage), 1e-300)
    return float((np.abs(m.leverage - water) / scale).max(initial=0.0))


def _violation(event: Event, amount: Array) -> tuple[Array, float]:
    clearing = np.zeros(len(event.side))
    for k in np.flatnonzero(event.side):
        clearing[k] = abs(math.fsum([*amount[event.closable & (event.book.asset == k)].tolist(), -event.required[k]]))
    most = np.where(event.closable, event.size, 0.0)
    outside = np.maximum(amount - most, -amount)
    scale = np.where(event.held > 0, event.held, 1.0)
    return clearing, max(0.0, float((outside / scale).max(initial=0.0)))


def _beyond_limits(event: Event, amount: Array) -> str:
    """Which limits of the event are broken, in words."""
    shielded = int(((amount > 0) & event.shielded).sum())
    beyond = event.capped and int((event.closable & (amount > event.size + FEASIBLE * event.held)).sum())
    said = f"; {shielded} legs of protected accounts are closed" if shielded else ""
    return said + (f"; {beyond} legs are closed beyond their cap" if beyond else "")


def relative_gap(value: float, bound: float, floor: float) -> float:
    """(value - bound) / max(|value|, floor), 0 where the bound is reached (§11)."""
    if bound >= value:
        return 0.0
    scale = max(abs(value), floor)
    return float((value - bound) / scale) if scale > 0 else math.inf


def with_bound(own: Certificate, other: Certificate, tolerance: float) -> Certificate:
    """`own`, proved by the bound of another allocation's certificate of the same problem, if that is higher: a bound holds for every allocation."""
    if own.status == "infeasible" or other.bound is None or own.bound is None or other.bound <= own.bound:
        return own
    gap = relative_gap(own.objective, other.bound, own.floor)
    status = "certified" if gap <= tolerance else "uncertified"
    return replace(own, bound=other.bound, gap=gap, status=status, proof=f"bound of the optimum: {other.proof}")


def _pathwise(objective: Objective, event: Event, law: Law | None, m: Symbols, value: float) -> list[tuple[float, str, Array]]:
    """Any monotone functional of the loss, where water-filling is provably least in every scenario (Thm 1)."""
    if not (objective.monotone and isinstance(law, Scenarios)):
        return []
    if event.book.isolated:
        gap, theorem = pathwise_gap(event, law, m.amount), "Thm 1"
    elif law.loading is not None and event.free.any():
        gap, theorem = factor_gap(event, law, m), "Thm 3"
    else:
        return []
    least = np.maximum(m.loss - gap, 0.0)
    check_monotone(objective, m.loss, law.probability, other_losses(event, law))
    bound = evaluate(objective, LossSymbols(least, law.probability))
    return [
        (
            min(bound, value),
            f"no allocation loses less in any scenario ({theorem}){believed(objective)}",
            np.full(len(event.side), np.nan),
        )
    ]


def factor_gap(event: Event, law: Scenarios, m: Symbols) -> Array:
    """By how much any allocation could at most lose less than `m` in each scenario alone, (S,) quote currency: a knapsack each.

    Small in every scenario only where one allocation is best in all, as under one factor (Thm 3).
    """
    book = event.book
    argument = np.concatenate([part for _, _, part in m.arguments()])
    scale = np.abs(argument + m.equity[:, None]) + m.equity[:, None]
    lost = argument > -_LEVEL * scale  # accounts on one level are on one side of it, whatever their rounding
    slack = np.where(lost, np.maximum(-argument, 0.0), np.maximum(argument, 0.0)).sum(axis=0)
    gaps = np.zeros(len(law.probability))
    for s in range(len(gaps)):
        slope = book.notional * law.moves[s, book.asset] * lost[book.account, s]
        gaps[s] = knapsack(event, m, Minorant(float(slack[s]), slope, slope))[0]
    return gaps


def _one_sided(event: Event, m: Symbols, below: Minorant | None, price: Array) -> Array:
    """Prices where the requirement is 0 (what the first contract would save) or the capacity (what the last one saved)."""
    price = price.copy()
    for k in np.flatnonzero(event.side):
        legs = np.flatnonzero(event.closable & (event.book.asset == k))
        if k in event.free_assets or below is None or not below.one_sided or not legs.size:
            continue
        if event.required[k] == 0:
            price[k] = (-below.high[legs] / event.held[legs]).max()
        else:
            price[k] = (-below.low[legs] / event.held[legs]).min()
    return price
