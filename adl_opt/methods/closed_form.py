"""Closed forms: an objective's own formula, one leverage of a factor for all (Thm 3), nothing to decide."""

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence, Proof
from adl_opt.constraints.constrained import constrained, names_of
from adl_opt.data.event import Event, cleared
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import SymbolsAt, loading_of
from adl_opt.laws.base import Law
from adl_opt.methods.base import Found, Method, Request
from adl_opt.methods.conic.agreement import check
from adl_opt.objectives.base import Objective
from adl_opt.objectives.leverage import FactorLeverageSquare, LeverageSquare
from adl_opt.waterfill.level import clipped_level


class ClosedForm(Method):
    """A formula, where the objective knows one or the law has one factor."""

    name = "closed-form"

    def refuses(self, request: Request) -> str | None:
        if request.nothing_to_decide or request.formula is not None or request.one_factor:
            return None
        limits = constrained(request.objective)
        if limits is not None:
            return (
                f"no closed form is known for {request.written} subject to "
                f"{', '.join(names_of(limits.subject_to))}: there is one in isolated margin, where "
                "water-filling is optimal without them, under limits of leverage and turnover, and of what "
                "nested or disjoint groups close of one asset, if an allocation holds them; use method='auto'"
            )
        why = (
            "it is neither monotone nor brings a closed form"
            if request.event.book.isolated
            else "accounts hold more than one position"
        )
        return f"no closed form is known for {request.written} here: {why}; use method='auto'"

    def solve(self, request: Request) -> Found:
        event, law, amount = request.event, request.law, request.event.amount_from()
        if not request.nothing_to_decide:
            formula = request.formula
            # Levelled factor leverages are optimal for every move of the factor (Thm 3).
            amount = level_factor(event, law)[0] if formula is None else formula
        proof = assess(request.objective, event, law, amount, _evidence(request, amount), request.tolerance)
        if event.free.any() and proof.certificate.status != "infeasible":
            check(request.compiled, event, amount)
        return Found(amount, proof, self.name)


def _evidence(request: Request, amount: Array) -> Evidence | None:
    """Under constraints: the multipliers that prove most."""
    limits = constrained(request.objective)
    if limits is None or request.nothing_to_decide:
        return None
    from adl_opt.methods.conic.multipliers import best_multipliers

    if request.law is None and limits.inner.monotone:
        limits = limits.over(LeverageSquare())
    multipliers = best_multipliers(limits, SymbolsAt(request.event, request.law, amount))
    return None if multipliers is None else Evidence(Dual(limits=multipliers))


def level_factor(event: Event, law: Law | None) -> tuple[Array, Proof]:
    """(amount (legs,) contracts, proof) that levels the factor leverages of a one-factor law (aligned):
    optimal for every move of the factor (Thm 3, whose proof is of any boxes, hence of caps).
    """
    loading, objective = loading_of(law), FactorLeverageSquare()
    whole = loading[event.book.asset] * event.book.notional
    return levelled(objective, event, law, whole, loading * event.side)


def levelled(
    objective: Objective, event: Event, law: Law | None, whole: Array, per_notional: Array
) -> tuple[Array, Proof]:
    """(amount (legs,) contracts, proof) of least `objective`, a sum of equity x leverage^2: whole (legs,) is
    what each position adds to leverage x equity, per_notional (d,) what a unit of notional closed takes away.
    """
    if len(event.free_assets) == 1 and event.closable_part(whole)[event.free].all():
        amount = _common_level(event, whole, per_notional)
        return amount, assess(objective, event, law, amount)
    from adl_opt.methods.conic.levelling import level

    return level(objective, event, law, whole)


def _common_level(event: Event, whole: Array, per_notional: Array) -> Array:
    """One asset to decide: the common level, clipped to what each account can reach, always clears
    (THEORY 5).
    """
    book, legs, k = event.book, np.flatnonzero(event.free), int(event.free_assets[0])
    effect = event.closable_part(whole)
    account, moved = book.account[legs], effect[legs]
    start = book.per_account(whole - effect * event.fixed_fraction)[account]
    total = float(start.sum()) - float(per_notional[k] * event.required[k] * book.price[k])
    low, high = start - np.maximum(moved, 0.0), start - np.minimum(moved, 0.0)
    after = clipped_level(low, high, book.equity[account], total)[1]
    return cleared(event, event.amount_from(np.clip((start - after) / moved, 0.0, 1.0)))
