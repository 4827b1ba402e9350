"""The separable method for the expected loss: only the assets' prices couple the accounts (THEORY 6, 8.4, 9); for CVaR, prices and tail scenarios.

An interior point whose blocks are accounts (interior.py; coupled.py for CVaR), under a smooth law and under scenarios in several assets. Under scenarios in one asset exactly: the expected
shortfall of an account is then convex and piecewise linear in what it closes; its pieces, cheapest first over all accounts, are filled until the requirement is met.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adl_opt.certificates.certificate import Evidence
from adl_opt.coupled import Coupled
from adl_opt.data.event import Event, cleared
from adl_opt.errors import SolveError
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import Symbols
from adl_opt.interior import TARGET, Interior
from adl_opt.laws.base import Law, Scenarios
from adl_opt.numerics.exact_sums import clear_exactly
from adl_opt.objectives.base import Objective
from adl_opt.objectives.cvar import CVaR
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.worst_case import WorstCase

Array = NDArray[np.float64]
_TIE = 1e-12  # slopes this close to the marginal one, relative to it, are one slope: legs share what is left in proportion
_POLISHED = 300_000  # accounts x scenarios up to which every digit of an interior point is worth a sort
_ALL = 1e-8  # the weights of a tail that is all there is sum to 1
MOST_ROWS = 150_000_000  # accounts x scenarios that the interior point holds in memory, a few numbers each
_OPEN = 40_000  # rows that what is closed decides from which it is faster
_MANY = 500_000  # accounts x scenarios from which it is faster than a linear program
MOST_CELLS = 5_000_000  # accounts x scenarios up to which the polish of a conic solution is worth its time


def applies(objective: Objective, event: Event, law: Law | None) -> str | None:
    """None if the method solves this problem; else the reason why not, in words."""
    if not is_expected_loss(objective):
        if tail_cost(objective, law) is None:
            return f"it minimises ExpectedLoss, CVaR(level) or WorstCase alone, not {objective}"
        if not isinstance(law, Scenarios):
            return "the risk of the total loss needs scenarios: law.sample(4096, seed=1)"
    if law is None or type(law).shortfall_terms is Law.shortfall_terms:
        return "it needs scenarios, law.quadrature(20) or law.sample(4096, seed=1), or a law with a closed form"
    if isinstance(law, Scenarios) and (len(event.free_assets) > 1 or not is_expected_loss(objective)):
        cells = len(event.book.accounts) * len(law.probability)
        if cells > MOST_ROWS:
            return f"{cells:,} accounts x scenarios do not fit into memory (at most {MOST_ROWS:,})"
    return None


def pays(objective: Objective, event: Event, law: Law) -> bool:
    """Whether the method is the one to take: not for few rows of scenarios in several assets, which a linear program solves to the last digit in milliseconds."""
    if not isinstance(law, Scenarios) or piece_by_piece(objective, event, law):
        return True
    cells = len(event.book.accounts) * len(law.probability)
    return cells > _MANY or (cells > _OPEN and open_rows(event, law) > _OPEN)


def open_rows(event: Event, law: Scenarios) -> int:
    """How many accounts x scenarios lose or not as what is closed decides: the rows that make a linear program slow."""
    m, count = Symbols(event, law, event.fixed_fraction * event.size), 0
    whole = np.where(event.free, event.notional, 0.0)
    for a, b, argument in m.arguments():
        legs = m.legs_of(a, b)
        change, start = whole[legs, None] * law.moves.T[event.book.asset[legs]], event.book.start[a:b] - legs.start
        most = argument + np.add.reduceat(np.maximum(change, 0.0), start, axis=0)
        least = argument + np.add.reduceat(np.minimum(change, 0.0), start, axis=0)
        count += int(((most > 0) & (least < 0)).sum())
    return count


def piece_by_piece(objective: Objective, event: Event, law: Law) -> bool:
    """Whether linear pieces are filled until the requirement is met: then no leg is left next to an end by an interior point."""
    return isinstance(law, Scenarios) and len(event.free_assets) <= 1 and is_expected_loss(objective)


def is_expected_loss(objective: Objective) -> bool:
    return all(type(part) is ExpectedLoss and weight > 0 for weight, part in objective.weighted_parts())


def tail_cost(objective: Objective, law: Law | None) -> Array | None:
    """(S,) what a unit of loss beyond its quantile costs CVaR or WorstCase in each scenario; (1,) without scenarios; None for other objectives."""
    probability = law.probability if isinstance(law, Scenarios) else np.ones(1)
    if type(objective) is WorstCase:
        return (probability > 0).astype(float)
    return probability / (1 - objective.level) if type(objective) is CVaR and objective.level > 0 else None


def solve(
    objective: Objective, event: Event, law: Law, tolerance: float, watch: Callable[[int, float], None] | None = None
) -> tuple[Array, Evidence, bool]:
    """An optimal amount (legs,) contracts, which clears exactly, evidence for its proof, and whether it was interrupted.

    tolerance: the relative gap that is wanted; the interior point goes to a thousandth of it (a hundredth under scenarios). watch(step, gap) is told after every step.
    """
    amount = event.fixed_fraction * event.size
    if not is_expected_loss(objective):
        cost = tail_cost(objective, law)
        if cost.sum() <= 1 + _ALL:  # every scenario counts with all its weight: an expected loss
            weights = cost / cost.sum()
            amount, evidence, interrupted = solve(
                ExpectedLoss(), event, Scenarios(law.moves, weights, meant=True), tolerance, watch
            )
            return amount, Evidence(Dual(evidence.dual.multipliers, {0: weights})), interrupted
        coupled = Coupled(event, law, cost)
        amount[event.free] = coupled.solve(watch, min(1e-7, 1e-2 * tolerance)) * event.size[event.free]
        dual = Dual() if coupled.multipliers is None else Dual(coupled.multipliers, {0: coupled.weights})
        return cleared(event, amount), Evidence(dual), coupled.interrupted
    if not piece_by_piece(objective, event, law):
        interior = Interior(event, law)
        # A linear program's systems are near to singular at the end: more than 1e-8 is rounding there.
        fraction = interior.solve(
            watch, min(1e-2 * tolerance, 1e-8) if isinstance(law, Scenarios) else max(TARGET, min(1e-3 * tolerance, 1e-8))
        )
        amount[event.free] = fraction * event.size[event.free]
        amount = cleared(event, amount)
        if isinstance(law, Scenarios) and len(event.book.accounts) * len(law.probability) <= _POLISHED:
            amount = polish(event, law, amount)
        return amount, Evidence(Dual(interior.multipliers)), interior.interrupted
    for k in event.free_assets:
        amount = best_in_asset(event, law, amount, int(k))
    return amount, Evidence(), False


def polish(event: Event, law: Scenarios, amount: Array) -> Array:
    """Each asset decided again with the others held: never worse, clears exactly, and right on dust accounts (THEORY 8.4)."""
    best, value = amount, Symbols(event, law, amount).expected_loss
    for k in event.free_assets:
        candidate = best_in_asset(event, law, best, int(k))
        lower = Symbols(event, law, candidate).expected_loss
        if lower <= value:
            best, value = candidate, lower
    return best


def best_in_asset(event: Event, law: Scenarios, amount: Array, k: int) -> Array:
    """`amount` with the legs of asset k chosen to minimise the expected loss, the others as they are."""
    legs = event.free_legs[k]
    others = amount.copy()
    others[legs] = 0.0
    leg, length, slope = _pieces(event, law, others, legs)
    size, required = event.size[legs], float(event.required[k])
    per_contract = slope / size[leg]
    order = np.argsort(per_contract, kind="stable")
    contracts = length * size[leg]
    reached = np.cumsum(contracts[order])
    marginal = per_contract[order][min(int(np.searchsorted(reached, required)), len(order) - 1)]
    width = _TIE * abs(marginal)
    before, tied = per_contract < marginal - width, np.abs(per_contract - marginal) <= width
    left = required - math.fsum(contracts[before].tolist())
    share = min(max(left / contracts[tied].sum(), 0.0), 1.0)
    # Fractions add up within a leg before they are multiplied by its size: a leg closed whole is exactly whole.
    fraction = np.minimum(np.bincount(leg, length * np.where(before, 1.0, np.where(tied, share, 0.0)), len(legs)), 1.0)
    result = amount.copy()
    result[legs] = clear_exactly(fraction * size, size, required)
    return result


def _pieces(event: Event, law: Scenarios, untouched: Array, legs: NDArray[np.int64]) -> tuple[NDArray[np.int64], Array, Array]:
    """(leg number, length in fraction closed, slope in quote currency per fraction) of every linear piece, in order within a leg."""
    book, weight = event.book, law.probability
    m = Symbols(event, law, untouched)
    position = np.full(len(book.position), -1)
    position[legs] = np.arange(len(legs))
    found: list[tuple[Array, ...]] = []
    for a, b, argument in m.arguments():
        here = np.arange(len(position))[m.legs_of(a, b)]
        here = here[position[here] >= 0]
        if not here.size:
            continue
        own = argument[book.account[here] - a]
        effect = event.notional[here, None] * law.moves[:, book.asset[here[0]]]
        with np.errstate(divide="ignore", invalid="ignore"):
            kink = -own / effect
        inside = (kink > 0) & (kink < 1)
        kink = np.where(inside, kink, 1.0)
        by_place = np.argsort(kink, axis=1, kind="stable")
        jump = np.take_along_axis(np.where(inside, effect * weight, 0.0), by_place, axis=1)
        places = np.take_along_axis(kink, by_place, axis=1)
        edges = np.concatenate([np.zeros((len(here), 1)), places, np.ones((len(here), 1))], axis=1)
        # A scenario that closing worsens counts beyond its kink, one that closing eases before it: summed apart, from the ends where they are 0,
        # so that the slopes left by the tail are exact relative to themselves, not to the largest.
        throughout = ~inside & np.where(effect > 0, own >= 0, own + effect >= 0)
        worse, eased = (np.where(throughout & side, effect * weight, 0.0).sum(axis=1)[:, None] for side in (effect > 0, effect < 0))
        rising, easing = np.cumsum(np.maximum(jump, 0.0), axis=1), np.cumsum(np.minimum(jump, 0.0)[:, ::-1], axis=1)[:, ::-1]
        nothing = np.zeros((len(here), 1))
        slopes = (worse + np.concatenate([nothing, rising], axis=1)) + (eased + np.concatenate([easing, nothing], axis=1))
        lengths = np.diff(edges, axis=1)
        i, j = np.nonzero(lengths > 0)
        found.append((position[here][i].astype(float), lengths[i, j], slopes[i, j]))
    number, length, slope = (np.concatenate(column) for column in zip(*found))
    return number.astype(np.int64), length, slope


def refuse(objective: Objective, event: Event, law: Law | None) -> None:
    """Raise SolveError, with the reason, if the method does not solve this problem."""
    reason = applies(objective, event, law)
    if reason:
        raise SolveError(f"method='separable' does not solve this problem: {reason}; use method='conic'")
