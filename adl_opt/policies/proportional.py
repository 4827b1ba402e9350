"""Rules in proportion: to positions, equity or profit, or alike for all."""

from __future__ import annotations

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.policies.closing_prices import unrealized
from adl_opt.problem.allocation import Allocation
from adl_opt.waterfill.level import clipped_level


def pro_rata(event: Event) -> Allocation:
    """Everyone on the required side closes the same fraction of his position, or of its capped part.

    `event`: an Event. Returns an Allocation: a yardstick, in general not optimal. In one asset and isolated
    margin it keeps the order of leverages; in cross margin, where other positions stay, it can reverse it.

    Source: THEORY 3.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.pro_rata(event).amount.tolist()  # contracts
    [5.0, 5.0, 5.0]
    """
    need_event(event)
    amount = event.pro_rata_amount
    for k in event.free_assets:
        legs = event.free_legs[k]
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return plain_allocation(event, amount, "pro_rata", unique=None)


def pro_rata_equity(event: Event) -> Allocation:
    """Everyone on the required side closes in proportion to his equity, at most his position.

    `event`: an Event. Returns an Allocation, asset by asset. Rewards small equity beside large positions.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 12, price=100)
    >>> adl.pro_rata_equity(event).amount.round(4).tolist()  # contracts
    [1.3333, 10.0, 0.6667]
    """
    need_event(event)
    return _in_proportion(event, event.book.equity[event.book.account], "pro_rata_equity")


def pro_rata_profit(event: Event) -> Allocation:
    """Those in profit close in proportion to their unrealized profit; only what is left, the others.

    `event`: an Event of a book with the column entry_price. Returns an Allocation: by profit in quote
    currency, at most the positions; what is left, the others pro rata to position. Raises EventError without
    entry_price.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 12, price=100, entry_price=[130, 110, 90])
    >>> adl.pro_rata_profit(event).amount.round(6).tolist()  # contracts
    [9.0, 3.0, 0.0]
    """
    need_event(event)
    return _in_proportion(event, np.maximum(unrealized(event, "pro_rata_profit"), 0.0), "pro_rata_profit")


def uniform(event: Event) -> Allocation:
    """Everyone on the required side closes the same number of contracts, at most his position.

    `event`: an Event. Returns an Allocation, asset by asset. Splitting an account pays or costs.

    >>> event = adl.examples.shorts([10, 10, 2], [500, 4000, 250], 12, price=100)
    >>> adl.uniform(event).amount.tolist()  # contracts
    [5.0, 5.0, 2.0]
    """
    need_event(event)
    return _in_proportion(event, np.ones(len(event.size)), "uniform")


def _in_proportion(event: Event, weight: Array, name: str) -> Allocation:
    """Close min(size, level x weight), weight (legs,) >= 0; legs of weight 0 share what is left pro rata."""
    amount = event.amount_from()
    for k in event.free_assets:
        left = float(event.required[k])
        legs = event.free_legs[k]
        for some in (legs[weight[legs] > 0], legs[weight[legs] == 0]):
            own = np.where(weight[some] > 0, weight[some], event.size[some])
            if left >= event.size[some].sum():
                amount[some] = event.size[some]
            elif left > 0:
                amount[some] = clipped_level(np.zeros(len(some)), event.size[some], own, left)[1]
            left -= float(event.size[some].sum())
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return plain_allocation(event, amount, name, unique=None)
