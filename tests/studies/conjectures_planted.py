"""Conjectures that are wrong on some books, each in its own way, and what is known to be true: what
`adl.refute` must tell apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import adl_opt as adl
from adl_opt.policies.base import plain_allocation

LOADING = {"X": 1.0, "Y": -0.5, "Z": 2.0}


def one_factor(event):
    """Moves of one factor, drawn for the event."""
    moves = np.round(adl.examples.rng_of(event).normal(0.0, 0.5, 4), 2)
    return adl.OneFactor(
        {name: LOADING[name] for name in event.book.assets}, adl.Scenarios(moves, meant=True)
    )


def levelled(event):
    return adl.factor_water_filling(event, LOADING).amount


def wrongly_levelled(event):
    return adl.factor_water_filling(event, {**LOADING, "Z": 1.0})


def where(says: Callable[[adl.Event], Any], wrong: Callable[[adl.Event], Any] = adl.pro_rata):
    """Water-filling, but for another rule where `says` is true of the event."""

    def rule(event):
        right = adl.water_filling(event)
        return wrong(event) if says(event) else right

    return rule


def shares(event):
    return event.required[event.side != 0] / event.capacities[event.side != 0]


def leverages(event):
    return np.sort(event.book.leverage.to_numpy())


def moved(event):
    """1 % of what the first closes is closed by the last instead."""
    amount = adl.water_filling(event).amount.copy()
    for k in event.free_assets:
        legs = event.free_legs[k]
        step = min(0.01 * amount[legs[0]], event.size[legs[-1]] - amount[legs[-1]])
        amount[legs[[0, -1]]] += -step, step
    return amount


def first_asset_only(event):
    amount = adl.gross_water_filling(event).amount.copy()
    amount[event.book.asset != np.argmax(event.side != 0)] = 0.0
    return amount


def two_digits(event):
    return np.round(adl.gross_water_filling(event).amount, 2)


def by_square_root(event):
    """Levels notional over the root of equity."""
    if not event.book.isolated:
        raise adl.EventError("isolated margin only")
    book = event.book
    other = adl.Book(
        book.accounts,
        book.assets,
        book.price,
        np.sqrt(book.equity),
        book.account,
        book.asset,
        book.position,
        {},
    )
    return adl.water_filling(adl.Event(other, short=event.short, long=event.long)).amount


def asset_by_asset(event):
    """Every asset levelled as if the others were not there."""
    book = event.book
    other = adl.Book(
        book.accounts[book.account], book.assets, book.price, book.equity[book.account],
        np.arange(len(book.position), dtype=np.int32), book.asset, book.position, {},
    )  # fmt: skip
    return adl.water_filling(adl.Event(other, short=event.short, long=event.long)).amount


def ends_of_thm_2(event, law):
    """Thm 2: as far from water-filling as the ranges allow; by how much a solver is better (share)."""
    problem = adl.Problem(adl.CVaR(0.7), event, law)
    ranges = adl.optimal_range(problem)
    if "Thm 2" not in ranges.attrs["how"]:  # nothing to decide, or several assets
        return None
    sign = np.sign(event.book.position)
    least, most = (sign * ranges[name].to_numpy() for name in ("least", "most"))
    amount = least.copy()
    for k in event.free_assets:
        for j in event.free_legs[k]:
            amount[j] += np.clip(
                event.required[k] - amount[event.free_legs[k]].sum(), 0.0, most[j] - least[j]
            )
    given = adl.certify(adl.CVaR(0.7), event, law, plain_allocation(event, amount, "ends", None))
    best = problem.solve(method="conic").certificate.value
    return (given.value - best) / (abs(given.reference) or 1.0)


def turned(event):
    """By how much pro rata turns the order of leverages (x of equity)."""
    before, after = adl.pro_rata(event).leverages()
    i, j = np.argmax(before), np.argmin(before)
    return after[j] - after[i] if before[i] > before[j] else None


@dataclass(frozen=True)
class Conjecture:
    """What refute is asked."""

    name: str
    given: Any
    objective: adl.Objective | None
    more: dict[str, Any]


def _of(name: str, given: Any, objective: adl.Objective | None = None, **more: Any) -> Conjecture:
    return Conjecture(name, given, objective, more)


LOSS, SQUARE, HIGHEST = adl.ExpectedLoss(), adl.LeverageSquare(), adl.MaxLeverage()
FALSE = (
    _of("pro rata", "pro_rata", LOSS),
    _of("by equity", "pro_rata_equity", HIGHEST),
    _of("uniform", "uniform", SQUARE),
    _of("leverage queue", "leverage_queue", adl.CVaR(0.9)),
    _of("1 % moved", moved, SQUARE),
    _of("by the root of equity", by_square_root, LOSS),
    _of("longs are forgotten", where(lambda e: (e.side > 0).any()), LOSS),
    _of("nearly everything", where(lambda e: (shares(e) > 0.9).any()), SQUARE),
    _of("next to nothing", where(lambda e: (shares(e) < 0.01).all()), SQUARE),
    _of("ties", where(lambda e: (np.diff(leverages(e)) == 0).any()), SQUARE),
    _of("a giant", where(lambda e: e.book.equity.max() > 1e3 * np.median(e.book.equity)), SQUARE),
    _of("on the edge", where(lambda e: e.book.equity.min() < 0.02), SQUARE),
    _of("five accounts", where(lambda e: len(e.book.accounts) == 5), LOSS),
    _of("both sides at once", where(lambda e: len(np.unique(e.side[e.side != 0])) == 2), HIGHEST),
    _of("hedges are not seen", adl.gross_water_filling, LOSS),
    _of("asset by asset", asset_by_asset, HIGHEST),
    _of("only the first asset", first_asset_only, SQUARE),
    _of("two digits", two_digits, SQUARE),
    _of("another loading", wrongly_levelled, LOSS, law=one_factor),
    _of("never worse than water-filling", "bitmex", adl.CVaR(0.8), never_worse_than="water_filling"),
    _of("cross margin keeps the order", turned),
)  # fmt: skip
TRUE = (
    _of("Thm 1, expected loss", adl.water_filling, LOSS, events="isolated"),
    _of("Thm 1, CVaR", adl.water_filling, adl.CVaR(0.7), events="isolated"),
    _of("Thm 1, worst case", adl.water_filling, adl.WorstCase(), events="isolated"),
    _of("Thm 2, ends of CVaR", ends_of_thm_2, None, events="isolated", law=one_factor),
    _of("Thm 3, expected loss", levelled, LOSS, law=one_factor),
    _of("Thm 3, CVaR", levelled, adl.CVaR(0.7), law=one_factor),
)
