"""Water-filling: equalised leverages, plain, gross or of one factor (THEORY 1, 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Proof
from adl_opt.data.event import Event
from adl_opt.laws.base import Law
from adl_opt.laws.one_factor import factor_of
from adl_opt.methods.closed_form import level_factor, levelled
from adl_opt.objectives.base import Objective
from adl_opt.objectives.leverage import FactorLeverageSquare, LeverageSquare
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.problem.allocation import Allocation
from adl_opt.waterfill.isolated import fill


def water_filling(event: Event) -> Allocation:
    """Bring everyone above one leverage down to it, asset by asset: optimal in isolated margin.

    `event`: an Event in isolated margin. Returns an Allocation that is optimal for every law of price moves
    and every monotone risk, proved on LeverageSquare, whose only minimiser it is. Equal leverages are reduced
    in proportion to equity (§16). Accounts that would have to close more than their cap end above the level,
    and the theorem still holds. Raises EventError if an account holds more than one position.

    Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963, Thm 1; THEORY 3.5 (caps).

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.water_filling(event).leverages()[1].round(4).tolist()  # x of equity; 2, 0.25 and 4 before
    [0.6667, 0.25, 0.6667]
    """
    return plain_allocation(event, fill(event)[0], "water_filling", unique=True)


def factor_water_filling(event: Event, loading: Any) -> Allocation:
    """Level the leverages towards one common factor as far as the requirements allow.

    - `event`: an Event; cross margin, several assets, both sides
    - `loading` (d,): relative move of each asset per unit of the factor, by label or in the order of the
      book's assets, any signs

    Returns an Allocation that is optimal for every move of the factor, hence for every monotone risk, and
    clears every asset exactly. Of those with its factor leverages it closes the most evenly: least sum of
    notional x fraction^2, which is unique and keeps proportional splits neutral. Raises LawError if a loading
    is missing, SolveError if no solver finds the allocation.

    Source: Thm 3; THEORY 5.

    >>> allocation = adl.factor_water_filling(adl.examples.paper(), {"BTC": 1.0, "ETH": 1.25})
    >>> allocation.closed.xs("BTC", level="asset").round(2).to_dict()
    {'A': -2.84, 'B': 0.0, 'C': -7.16, 'D': 0.0}
    """
    need_event(event)
    law = factor_of(event.book, loading)
    return _levelled(event, FactorLeverageSquare(), law, level_factor(event, law), "factor_water_filling")


def gross_water_filling(event: Event) -> Allocation:
    """Level the gross leverages as far as the requirements allow, blind to hedges: a yardstick.

    `event`: an Event. Returns the Allocation of least sum of equity x leverage^2, the most even of them. In
    isolated margin it is water_filling. In cross margin closing a hedge lowers gross leverage and raises the
    loss: see the model hedge_matters; and to split an account can pay, which in isolated margin it cannot.

    Source: THEORY 3.1.

    >>> adl.gross_water_filling(adl.examples.paper()).leverages()[1].round(2).tolist()  # x of equity
    [4.7, 4.7, 4.7, 4.7]
    """
    need_event(event)
    if event.book.isolated:
        amount = fill(event)[0]
        solved = amount, assess(LeverageSquare(), event, None, amount)
    else:
        every = np.ones(len(event.side))
        solved = levelled(LeverageSquare(), event, None, np.abs(event.book.notional), every)
    return _levelled(event, LeverageSquare(), None, solved, "gross_water_filling")


def _levelled(
    event: Event, objective: Objective, law: Law | None, solved: tuple[Array, Proof], name: str
) -> Allocation:
    amount, proof = solved
    return Allocation(
        event,
        amount,
        name,
        str(objective),
        proof.certificate,
        proof.price,
        proof.parts,
        law=law,
        objective=objective,
    )
