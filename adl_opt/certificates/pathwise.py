"""Water-filling is least in every scenario: what follows for every monotone functional of the loss (Thm 1,
Thm 3).
"""

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.knapsack import knapsack
from adl_opt.certificates.trials import believed, check_monotone, other_losses
from adl_opt.data.event import Event
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import LossSymbols, SymbolsAt
from adl_opt.laws.base import Law, Scenarios
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.robust import Term, WorstOfLaws

_DUST = 1e-9  # of what may be closed: accounts this close to their cap are on it
_LEVEL = 1e-10  # relative: leverages this close are one level


def pathwise_bounds(
    objective: Objective, event: Event, law: Law | None, m: SymbolsAt, value: float
) -> list[tuple[float, str, Array]]:
    """Any monotone functional of the loss, where water-filling is provably least in every scenario (Thm
    1); of the worst over laws, what bounds it under one of them (THEORY 11.4).
    """
    if isinstance(objective, WorstOfLaws):
        return [one for term in objective.terms(event.book) for one in _under(term, event, m)]
    if not objective.monotone or law is None or law.scenarios is None:
        return []
    law, price = law.scenarios, np.full(len(event.side), np.nan)
    if not m.loss.any():  # then no contract more would save anything
        gap, theorem = np.zeros(len(law.probability)), "nothing is lost"
        price[event.free_assets] = 0.0
    elif event.book.isolated:
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
            price,
        )
    ]


def _under(term: Term, event: Event, m: SymbolsAt) -> list[tuple[float, str, Array]]:
    own = m.under(term.law)
    found = pathwise_bounds(term.objective, event, term.law, own, evaluate(term.objective, own))
    return [(bound, f"under {term.name} {how}", price) for bound, how, price in found]


def factor_gap(event: Event, law: Scenarios, m: SymbolsAt) -> Array:
    """By how much any allocation could at most lose less than `m` in each scenario alone, (S,) quote
    currency: a knapsack each.

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


def pathwise_gap(event: Event, law: Law, amount: Array) -> Array:
    """How much less than `amount` any allocation could lose, at most, in each scenario: (S,) quote currency,
    >= 0.

    Weak duality scenario by scenario: with slope u of each account's loss and price of each asset, the gap is
    the sum of (slope + price)^+ closed + (slope + price)^- (size - closed). At the water level it is rounding
    only (Thm 1).
    """
    m = SymbolsAt(event, law, amount)
    book, moves = event.book, m.scenarios.moves
    level = np.zeros(len(book.assets))
    cut = event.free & (amount > 0)
    if (
        event.capped
    ):  # accounts closed to their cap may stay above the level; who can still be closed does not
        cut = event.free & (amount < (1 - _DUST) * event.size)
    np.maximum.at(level, book.asset[cut], m.leverage[book.account[cut]])
    # Loss per contract closed less, if the account is under water: the sign of the side being closed times
    # the move.
    per_contract = -event.side[None, :] * moves * book.price[None, :]
    price = np.where(-event.side[None, :] * moves * level[None, :] > 1, per_contract, 0.0)
    gap = np.zeros(len(moves))
    for a, b, argument in m.arguments():
        legs = np.arange(len(amount))[m.legs_of(a, b)]
        legs = legs[event.free[legs]]
        account, asset = book.account[legs] - a, book.asset[legs]
        raised = np.maximum(m.leverage[book.account[legs]], np.where(amount[legs] > 0, level[asset], 0.0))
        under = -event.side[asset, None] * moves.T[asset] * raised[:, None] > 1
        own = argument[account]
        gap += (np.maximum(own, 0.0) - np.where(under, own, 0.0)).sum(axis=0)
        tilt = price.T[asset] - np.where(under, per_contract.T[asset], 0.0)
        gap += (np.maximum(tilt, 0.0) * amount[legs, None]).sum(axis=0)
        gap += (np.maximum(-tilt, 0.0) * (event.size[legs] - amount[legs])[:, None]).sum(axis=0)
    return gap
