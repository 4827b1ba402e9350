"""Water-filling: equalised leverages, plain, gross or of one factor (THEORY 1, 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Proof
from adl_opt.data.event import Event
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.one_factor import OneFactor
from adl_opt.methods.closed_form import level_factor
from adl_opt.objectives.base import Objective
from adl_opt.objectives.leverage import FactorLeverageSquare, LeverageSquare
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.problem.allocation import Allocation
from adl_opt.waterfill.isolated import fill


def water_filling(event: Event) -> Allocation:
    """Bring everyone above one leverage down to it, asset by asset: optimal for every law and monotone risk
    in isolated margin.

    Raises EventError if an account holds more than one position. Source: Campbell et al. (2026), Thm 1;
    proved here on LeverageSquare, whose only minimiser it is. Equal leverages are reduced in proportion to
    equity (§16). Accounts that would have to close more than their cap end above the level, and the theorem
    still holds (isolated.fill).
    """
    return plain_allocation(event, fill(event)[0], "water_filling", unique=True)


def factor_water_filling(event: Event, loading: Any) -> Allocation:
    """Level the factor leverages as far as the requirements allow: optimal for every move of one factor,
    hence for every monotone risk (Thm 3).

    loading: relative move of each asset per unit of the factor, by label or in the order of the book's
    assets, any signs. Cross margin, several assets, both sides; clears every asset exactly. Of the
    allocations with these factor leverages it closes the most evenly: least sum of notional x fraction^2,
    which is unique and keeps proportional splits neutral. Raises LawError if a loading is missing, SolveError
    if no solver finds the allocation.
    """
    need_event(event)
    law = OneFactor(loading, Scenarios([-1.0, 1.0]), meant=True).align(event.book.assets)
    return _levelled(event, FactorLeverageSquare(), law, level_factor(event, law), "factor_water_filling")


def gross_water_filling(event: Event) -> Allocation:
    """Level the gross leverages as far as the requirements allow: least sum of equity x leverage^2, evenly.

    Blind to hedges, and so a yardstick.

    In isolated margin it is water_filling. In cross margin closing a hedge lowers gross leverage and raises
    the loss: see the model hedge_matters; and to split an account can pay, which in isolated margin it
    cannot.
    """
    need_event(event)
    if event.book.isolated:
        amount = fill(event)[0]
        solved = amount, assess(LeverageSquare(), event, None, amount)
    else:
        from adl_opt.methods.conic.levelling import level

        solved = level(LeverageSquare(), event, None, np.abs(event.book.notional))
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
