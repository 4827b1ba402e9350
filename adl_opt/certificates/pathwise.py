"""Water-filling is least in every scenario: what follows for every monotone functional of the loss (Thm 1, Thm 3)."""

import numpy as np
from numpy.typing import NDArray

from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import Symbols
from adl_opt.laws.base import Law

Array = NDArray[np.float64]
_DUST = 1e-9  # of what may be closed: accounts this close to their cap are on it


def pathwise_gap(event: Event, law: Law, amount: Array) -> Array:
    """How much less than `amount` any allocation could lose, at most, in each scenario: (S,) quote currency, >= 0.

    Weak duality scenario by scenario: with slope u of each account's loss and price of each asset, the gap is the sum of
    (slope + price)^+ closed + (slope + price)^- (size - closed). At the water level it is rounding only (Thm 1).
    """
    m = Symbols(event, law, amount)
    book, moves = event.book, m.scenarios.moves
    level = np.zeros(len(book.assets))
    cut = event.free & (amount > 0)
    if event.capped:  # accounts closed to their cap may stay above the level; who can still be closed does not
        cut = event.free & (amount < (1 - _DUST) * event.size)
    np.maximum.at(level, book.asset[cut], m.leverage[book.account[cut]])
    # Loss per contract closed less, if the account is under water: the sign of the side being closed times the move.
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
