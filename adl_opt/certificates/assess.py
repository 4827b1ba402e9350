"""What was proved about an allocation, recomputed in numpy from the allocation and dual information alone
(§11, §12).

The ladder: (a) nothing to decide, or water-filling proved scenario by scenario; (b) an affine function below
the objective (Minorant), minimised over all allocations by a knapsack an asset; (c) the conic dual of the
program.
"""

import math
from dataclasses import replace

import numpy as np

from adl_opt.arrays import TINY, Array
from adl_opt.certificates.certificate import (
    TOLERANCE,
    Certificate,
    Evidence,
    Proof,
    above,
    relative_gap,
    verdict,
)
from adl_opt.certificates.feasibility import FEASIBLE, allowed_error, clearing_errors
from adl_opt.certificates.knapsack import knapsack, one_sided
from adl_opt.certificates.pathwise import pathwise_bounds
from adl_opt.certificates.trials import (
    believed,
    check_monotone,
    try_constraints,
    try_expected_loss,
    try_minorant,
)
from adl_opt.constraints.base import HOLDS
from adl_opt.constraints.constrained import constrained, names_of
from adl_opt.data.event import Event
from adl_opt.errors import LawError, ObjectiveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.rounding import BOTH, amounts_rounding
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, evaluate, foreign_part, normalised, trusted
from adl_opt.objectives.hooks import closed_form_of, minorant_of
from adl_opt.objectives.leverage import LeverageSquare
from adl_opt.objectives.parts import law_weights, values
from adl_opt.objectives.words import unit_of
from adl_opt.waterfill.isolated import fill

_AS_GOOD = 1e-12  # of the value: of bounds this close the first, which proves in the simplest way, is named
TIGHT = 1e-9  # a gap up to which no further proof is tried
_SMALLEST = 2.0**-1000  # of an account: under unbounded moves smaller losses have lost their digits


def assess(
    objective: Objective,
    event: Event,
    law: Law | None,
    amount: Array,
    evidence: Evidence | None = None,
    tolerance: float = TOLERANCE,
) -> Proof:
    """Prove as much as can be proved about `amount` (legs,) contracts closed, law aligned with the book.

    Without a law a monotone objective in isolated margin is measured by LeverageSquare, whose minimiser is
    water-filling and so the optimum for every law (Thm 1). No solver is called. evidence is of the normalised
    objective.
    """
    measured, stands_for = _measured(objective, event, law)
    factor, inner = normalised(measured)
    if inner is not measured:  # no verdict depends on a weight
        return assess(inner, event, law, amount, evidence, tolerance).times(factor, str(measured))
    m = SymbolsAt(event, law, amount)
    parts = values(measured, m)
    value = evaluate(measured, m)
    if not math.isfinite(value):
        raise ObjectiveError(
            f"the objective {measured} is {value} at this allocation; it must be a finite number"
        )
    try_expected_loss(measured, m)
    reference = evaluate(measured, SymbolsAt(event, law, event.pro_rata_amount))
    clearing, box = _violation(event, amount)
    limits = constrained(measured)
    broken = {} if limits is None else limits.violations(m)
    nothing = np.full(len(event.side), np.nan)
    said = Certificate(
        status="infeasible", objective_name=str(measured),
        unit=unit_of(measured, event.book.currency), value=value,
        bound=None, gap=None, clearing_error=float(clearing.max(initial=0.0)), box_violation=box,
        constraint_violation=max(broken.values(), default=0.0),
        reference=reference, rounding=0.0, tolerance=tolerance, proof="",
    )  # fmt: skip
    if box > FEASIBLE or (clearing > allowed_error(event)).any():
        return Proof(replace(said, proof=_infeasible(event, amount, clearing, box)), nothing, parts)
    if said.constraint_violation > HOLDS:
        return Proof(replace(said, proof=_violated(broken)), nothing, parts)

    evidence = evidence or Evidence()
    below, bounds = _bounds(measured, event, law, m, value, evidence, tolerance)
    bound, how, price = _best(bounds, value, tolerance)
    _refuse_contradiction(m, measured, value, reference, bound, how)
    rounding = 0.0
    if relative_gap(value, bound) > tolerance:
        rounding = _rounding(measured, event, m, below)
        if not math.isfinite(rounding):  # a value that is none nearby: not known, so it explains nothing
            rounding = 0.0
    gap, status = verdict(value, bound, rounding, reference, tolerance)
    if stands_for:
        water = None if limits is None else closed_form_of(measured, event, law)
        shown = f"shown on {measured}: {how}"
        gap, status, how = _for_every_law(event, m, gap, tolerance, shown, water)
    elif status == "certified" and event.free.any() and _of_losses(measured) and _underflows(m, value):
        status, how = _without_digits(measured, event, m, tolerance)
    certificate = replace(said, status=status, bound=bound, gap=gap, rounding=rounding, proof=how)
    # Without a law there is no loss, so nothing can be saved: no price. And no -0.0.
    price = nothing if stands_for else one_sided(event, m, below, price) + 0.0
    if limits is not None:
        price = price + limits.saved_by_requirement(m, evidence.dual.limits)
    weights = law_weights(measured, m, evidence.dual)
    return Proof(certificate, price, parts, () if stands_for else evidence.dual.limits, weights)


def _violated(broken: dict[str, float]) -> str:
    worst = sorted((x, name) for name, x in broken.items() if x > HOLDS)[::-1]
    return f"violates {', '.join(f'{name} by {x:.3g} (relative)' for x, name in worst)}"


def _for_every_law(
    event: Event, m: SymbolsAt, gap: float, tolerance: float, shown: str, water: Array | None
) -> tuple[float, str, str]:
    """(gap, status, proof) where LeverageSquare stands for all laws: a small gap of its is not enough, the
    allocation itself must be water-filling; water (legs,): under constraints, if there are any.
    """
    gap = max(gap, departure(event, m, water))
    if gap <= tolerance:
        return gap, "certified", f"optimal for every law (Thm 1), {shown}"
    departs = f"leverages depart from the water level by up to {gap:.2g} (relative)"
    return gap, "uncertified", f"{departs}: not optimal for every law"


def _infeasible(event: Event, amount: Array, clearing: Array, box: float) -> str:
    against = int((amount < 0).sum())
    return (
        f"misses the requirement by {clearing.max():.3g} contracts, leaves its box by {box:.3g} of a position"
        + (
            f"; {against} legs close against their position: closed is signed like the position, shorts "
            "negative"
            if against
            else ""
        )
        + _beyond_limits(event, amount)
    )


def _bounds(
    measured: Objective,
    event: Event,
    law: Law | None,
    m: SymbolsAt,
    value: float,
    evidence: Evidence,
    tolerance: float,
) -> tuple[Minorant | None, list[tuple[float, str, Array]]]:
    """(the minorant at `m`, every bound that is known: its height, how it was found, its prices), the
    simplest first.
    """
    nothing = np.full(len(event.side), np.nan)
    below = minorant_of(measured, m, evidence.dual)
    at_point = minorant_of(measured, m, evidence.dual.of_limits) if evidence.dual else below
    tried = _tried(measured, event, m, evidence.dual, (below, at_point))
    bounds: list[tuple[float, str, Array]] = []
    if not event.free.any():
        bounds.append((value, "nothing to decide: every leg is fixed by the requirement", nothing))
    for support, how in (
        (at_point, "subgradient"),
        (below, "scenario multipliers") if below is not at_point else (None, ""),
    ):
        if support is not None and event.free.any():
            gap, price = knapsack(event, m, support)
            how += " and water level" if event.book.isolated else " and knapsack"
            how += ", multipliers of the constraints" * bool(evidence.dual.limits)
            bounds.append((value - gap, how + believed(measured, tried) * (tried > 0), price))
    if evidence.conic_bound is not None and math.isfinite(evidence.conic_bound):
        assumed = evidence.conic_assumed
        how = "conic dual" + (f", auxiliary variables assumed within {assumed:.3g}" if assumed else "")
        bounds.append((evidence.conic_bound, how, nothing if evidence.price is None else evidence.price))
    if not bounds or relative_gap(value, max(one[0] for one in bounds)) > min(tolerance, TIGHT):
        bounds += pathwise_bounds(measured, event, law, m, value)
    return below, bounds or [(-math.inf, "none", nothing)]


def _tried(
    measured: Objective, event: Event, m: SymbolsAt, dual: Dual, supports: tuple[Minorant | None, ...]
) -> int:
    """`try_minorant`: of a constrained objective, what it is without constraints is held against its value,
    and the constraints' own minorants against allocations that hold them.
    """
    limits = constrained(measured)
    if limits is None:
        return try_minorant(measured, event, m, supports)
    inner = limits.inner
    try_constraints(limits, event, m, dual)
    if foreign_part(inner) is None:
        return 0
    return try_minorant(inner, event, m, (minorant_of(inner, m, Dual()),))


def _best(bounds: list[tuple[float, str, Array]], value: float, tolerance: float) -> tuple[float, str, Array]:
    """The highest bound; of those that differ by rounding the first, which is the simplest proof."""
    # A bound that assumes nothing is worth more than a slightly higher one that does.
    plain = [one for one in bounds if "assumed" not in one[1]]
    if plain and relative_gap(value, max(one[0] for one in plain)) <= tolerance:
        bounds = plain
    best = max(one[0] for one in bounds)
    bound, how, price = next(one for one in bounds if one[0] >= best - _AS_GOOD * abs(value))
    return float(bound), how, price


def _refuse_contradiction(
    m: SymbolsAt, measured: Objective, value: float, reference: float, bound: float, how: str
) -> None:
    """§17: no bound lies above the value of an allocation that is possible, this one or pro rata, by more
    than rounding.
    """
    event, law = m.event, m.law
    if above(bound, value, reference) and bound - value > rounding_at(measured, event, law, m.amount):
        raise ObjectiveError(
            f"{how} puts a bound {bound:.9g} above the value {value:.9g} of {measured}: its express and "
            "value disagree, "
            "or it is not convex (§17)"
        )
    pro_rata = event.pro_rata_amount
    if (
        event.free.any()
        and _holds(measured, event, law, pro_rata)
        and above(bound, reference, value)
        and bound - reference > rounding_at(measured, event, law, pro_rata)
    ):
        raise ObjectiveError(
            f"{how} puts a bound {bound:.9g} above {reference:.9g}, the value of {measured} at pro rata, "
            "which is feasible: "
            "the proof is of another objective (§17)"
        )


def _holds(measured: Objective, event: Event, law: Law | None, amount: Array) -> bool:
    """Whether an allocation that clears is one of those that the bound is about."""
    limits = constrained(measured)
    if limits is None:
        return True
    return max(limits.violations(SymbolsAt(event, law, amount)).values(), default=0.0) == 0


def rounding_at(measured: Objective, event: Event, law: Law | None, amount: Array) -> float:
    """What value - bound may be by rounding alone (THEORY 11.1) at amount (legs,): of the value, twice and
    with its margin, and of the amounts.
    """
    m = SymbolsAt(event, law, amount)
    return _rounding(measured, event, m, minorant_of(measured, m, Dual()))


def _rounding(measured: Objective, event: Event, m: SymbolsAt, below: Minorant | None) -> float:
    slope = np.zeros(len(m.amount)) if below is None else np.maximum(np.abs(below.low), np.abs(below.high))
    return BOTH * measured.value_rounding(m) + amounts_rounding(event, m.amount, slope)


def _of_losses(measured: Objective) -> bool:
    """Whether the value may look at losses; the library's objectives of leverages do not."""
    return any(part.monotone or not trusted(part) for _, part in measured.weighted_parts())


def _underflows(m: SymbolsAt, value: float) -> bool:
    """Whether next to nothing is lost where moves of the law could lose something: the value has then lost
    its digits.
    """
    book, law = m.event.book, m.law
    account = float(m.event.natural_scale.max())
    if law is None or law.scenarios is not None or abs(value) > _SMALLEST * max(account, 1.0):
        return False
    support = [law.support_interval(k) or (-math.inf, math.inf) for k in range(len(book.assets))]
    low, high = (np.array(end)[book.asset] for end in zip(*support))
    with np.errstate(invalid="ignore"):
        most = np.where(m.notional == 0, 0.0, np.maximum(-m.notional * low, -m.notional * high))
    return bool((book.per_account(most) > book.equity).any())


def _without_digits(measured: Objective, event: Event, m: SymbolsAt, tolerance: float) -> tuple[str, str]:
    if measured.monotone and event.book.isolated and departure(event, m) <= tolerance:
        return "certified", "water-filling is optimal for every law (Thm 1)"
    return "negligible", "the objective is below 1e-300 of an account, where allocations are not told apart"


def _measured(objective: Objective, event: Event, law: Law | None) -> tuple[Objective, bool]:
    if law is None and objective.monotone:
        check_monotone(objective, np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.4, 0.3, 0.2, 0.1]))
        if not event.book.isolated:
            raise LawError(
                f"{objective} in cross margin depends on the law of price moves; give one, such as "
                "adl.LogNormal(volatility, correlation, horizon).quadrature(20)"
            )
        return LeverageSquare(), True
    limits = constrained(objective)
    if law is None and limits is not None and limits.inner.monotone:
        measured = replace(limits, inner=_measured(limits.inner, event, law)[0])
        if closed_form_of(measured, event, law) is not None:
            return measured, True
        raise LawError(
            f"{objective} subject to {', '.join(names_of(limits.subject_to))} depends on the law of price "
            "moves (water-filling between ends, and under shares of nested groups in one asset, does not); "
            "give a law"
        )
    return objective, False


def departure(event: Event, m: SymbolsAt, amount: Array | None = None) -> float:
    """How far the leverages are from water-filling's, relative, the worst account; amount (legs,): what
    water-filling closes, where it is not `fill`'s.
    """
    water = SymbolsAt(event, None, fill(event)[0] if amount is None else amount).leverage
    scale = np.maximum(np.maximum(water, m.leverage), TINY)
    return float((np.abs(m.leverage - water) / scale).max(initial=0.0))


def _violation(event: Event, amount: Array) -> tuple[Array, float]:
    clearing = np.abs(clearing_errors(event, amount))
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
