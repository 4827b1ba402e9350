"""The separable method for the expected loss: only the assets' prices couple the accounts (THEORY 6, 8.4, 9);
for CVaR, prices and tail scenarios.

An interior point whose blocks are accounts (interior_point), under a smooth law and under scenarios in
several assets. Under scenarios in one asset exactly: the expected shortfall of an account is then convex and
piecewise linear in what it closes; its pieces, cheapest first over all accounts, are filled until the
requirement is met.
"""

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import Evidence
from adl_opt.data.event import Event, cleared
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law, Scenarios, scenario_count
from adl_opt.methods.interior_point.base import Watch
from adl_opt.methods.interior_point.cvar import TailInteriorPoint
from adl_opt.methods.interior_point.expected_loss import TARGET, ExpectedLossInteriorPoint
from adl_opt.methods.piecewise_linear import best_in_asset, polish
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.hooks import excess_cost_of

Solution = tuple[Array, Evidence, bool]  # amount (legs,), for its proof, whether interrupted

_POLISHED = 300_000  # accounts x scenarios up to which every digit of an interior point is worth a sort
_ALL = 1e-8  # the weights of a tail that is all there is sum to 1
MOST_ROWS = 150_000_000  # accounts x scenarios that the interior point holds in memory, a few numbers each
_OPEN = 40_000  # rows that what is closed decides from which it is faster
_MANY = 500_000  # accounts x scenarios from which it is faster than a linear program
MOST_CELLS = 5_000_000  # accounts x scenarios up to which the polish of a conic solution is worth its time


def applies(objective: Objective, event: Event, law: Law | None) -> str | None:
    """None if the method solves this problem; else the reason why not, in words."""
    if objective.expected_loss_weight is None:
        known = None if law is None else law.scenarios
        if excess_cost_of(objective, np.ones(1) if known is None else known.probability) is None:
            return f"it minimises ExpectedLoss, CVaR(level) or WorstCase alone, not {objective}"
        if known is None:
            return "the risk of the total loss needs scenarios: law.sample(4096, seed=1)"
    if law is None or type(law).shortfall_terms is Law.shortfall_terms:
        return (
            "it needs scenarios, law.quadrature(20) or law.sample(4096, seed=1), or a law with a closed form"
        )
    if scenario_count(law) and (len(event.free_assets) > 1 or objective.expected_loss_weight is None):
        cells = len(event.book.accounts) * len(law.probability)
        if cells > MOST_ROWS:
            return f"{cells:,} accounts x scenarios do not fit into memory (at most {MOST_ROWS:,})"
    return None


def pays(objective: Objective, event: Event, law: Law) -> bool:
    """Whether the method is the one to take: not for few rows of scenarios in several assets, which a linear
    program solves to the last digit in milliseconds.
    """
    if law.scenarios is None or piece_by_piece(objective, event, law):
        return True
    cells = len(event.book.accounts) * len(law.probability)
    return cells > _MANY or (cells > _OPEN and open_rows(event, law) > _OPEN)


def open_rows(event: Event, law: Scenarios) -> int:
    """How many accounts x scenarios lose or not as what is closed decides: the rows that make a linear
    program slow.
    """
    m, count = SymbolsAt(event, law, event.amount_from()), 0
    whole = np.where(event.free, event.notional, 0.0)
    for a, b, argument in m.arguments():
        legs = m.legs_of(a, b)
        change, start = (
            whole[legs, None] * law.moves.T[event.book.asset[legs]],
            event.book.start[a:b] - legs.start,
        )
        most = argument + np.add.reduceat(np.maximum(change, 0.0), start, axis=0)
        least = argument + np.add.reduceat(np.minimum(change, 0.0), start, axis=0)
        count += int(((most > 0) & (least < 0)).sum())
    return count


def piece_by_piece(objective: Objective, event: Event, law: Law) -> bool:
    """Whether linear pieces are filled until the requirement is met: then no leg is left next to an end by an
    interior point.
    """
    return (
        law.scenarios is not None
        and len(event.free_assets) <= 1
        and objective.expected_loss_weight is not None
    )


def solve(objective: Objective, event: Event, law: Law, tolerance: float, watch: Watch = None) -> Solution:
    """An optimal amount (legs,) contracts, which clears exactly, evidence for its proof, and whether it was
    interrupted.

    tolerance: the relative gap that is wanted; the interior point goes to a thousandth of it (a hundredth
    under scenarios). watch(step, gap) is told after every step.
    """
    cost = None if law.scenarios is None else excess_cost_of(objective, law.scenarios.probability)
    if objective.expected_loss_weight is None and cost is not None:
        return _solve_tail(objective, event, law.scenarios, cost, tolerance, watch)
    if piece_by_piece(objective, event, law):
        amount = event.amount_from()
        for k in event.free_assets:
            amount = best_in_asset(event, law, amount, int(k))
        return amount, Evidence(), False
    return _solve_expected_loss(objective, event, law, tolerance, watch)


def _solve_expected_loss(
    objective: Objective, event: Event, law: Law, tolerance: float, watch: Watch
) -> Solution:
    """By the interior point, under a law with curvature or under scenarios in several assets."""
    scenarios, interior = law.scenarios, ExpectedLossInteriorPoint(event, law)
    # A linear program's systems are near to singular at the end: more than 1e-8 is rounding there.
    linear, smooth = min(1e-2 * tolerance, 1e-8), max(TARGET, min(1e-3 * tolerance, 1e-8))
    amount = cleared(event, event.amount_from(interior.solve(watch, smooth if scenarios is None else linear)))
    if scenarios is None:
        return amount, Evidence(), interior.interrupted
    if len(event.book.accounts) * len(scenarios.probability) <= _POLISHED:
        amount = polish(event, scenarios, amount)
    return amount, _evidence(objective, interior.multipliers, scenarios.probability), interior.interrupted


def _solve_tail(
    objective: Objective, event: Event, law: Scenarios, cost: Array, tolerance: float, watch: Watch
) -> Solution:
    """By the interior point of a tail; as an expected loss where each scenario counts with all its weight."""
    if cost.sum() <= 1 + _ALL:
        weights = cost / cost.sum()
        law = Scenarios(law.moves, weights, meant=True)
        amount, evidence, interrupted = solve(ExpectedLoss(), event, law, tolerance, watch)
        return amount, _evidence(objective, evidence.dual.multipliers, weights), interrupted
    tail = TailInteriorPoint(event, law, cost)
    amount = cleared(event, event.amount_from(tail.solve(watch, min(1e-7, 1e-2 * tolerance))))
    if tail.multipliers is None:  # nothing is lost
        return amount, Evidence(), tail.interrupted
    return amount, _evidence(objective, tail.multipliers, tail.weights), tail.interrupted


def _evidence(objective: Objective, multipliers: Any, weights: Array) -> Evidence:
    """What the method knows, told to every part of a sum: all weigh scenarios by `weights` (S,), of which the
    multipliers of the rows are shares.
    """
    parts = {number: weight * weights for number, (weight, _) in enumerate(objective.weighted_parts())}
    return Evidence(Dual(multipliers, parts, None if multipliers is None else weights))
