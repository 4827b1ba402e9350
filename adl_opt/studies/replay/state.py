"""The state of a policy through the waves of an event: what it holds, what it closes, and what is measured
then.

How state is carried. Let e be what a policy has closed of a position more than reality has, so far. When the
data list the position again, the policy holds the listed position less e: what accounts traded themselves
between waves is taken as it was. Two cases would be absurd and are not: a position that the data show smaller
than e (its owner closed it himself, the policy already had) is 0, its excess reported as `overtaken`; one
that the data show on the other side than before starts anew, and what the policy held of it more than reality
is reported as `dropped`, what it had closed more as `overtaken`. Accounts join when they first appear. One
that is not listed in a wave stands still: its last position less what was closed, its last equity, and the
latest price of each asset; so policies may close whom reality closed before, or spared. Equity is that of the
data.

What the counterfactual ignores: prices and requirements are those of reality whatever the policy does; profit
and fees on positions held longer or shorter than in reality are not booked; nobody reacts; accounts that the
data never list cannot be closed.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import FEASIBLE, assess
from adl_opt.certificates.certificate import relative_gap
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.data.waves import Waves
from adl_opt.errors import AdlError, AllocationError, SolveError
from adl_opt.evaluation.counting import NOTHING
from adl_opt.laws.base import Law
from adl_opt.numerics.exact_sums import exact_sum
from adl_opt.objectives.base import Objective
from adl_opt.policies.base import Policy, applied
from adl_opt.problem.problem import Problem
from adl_opt.threads import unheard

_ROUNDING = 1e-13  # of all that was ever held of an asset: what may be missing by rounding
_DUST = 1e-14  # of what a position ever was: what differences of positions leave by rounding


class Tape:
    """The data, wave after wave: legs (account number x d + asset number, grouped by account), where they
    stand, and what was realized of them.
    """

    def __init__(self, waves: Waves) -> None:
        self.waves = waves
        d = len(waves.assets)
        self.legs, self.leg_of_row = np.unique(waves.account * d + waves.asset, return_inverse=True)
        self.account, self.asset = self.legs // d, (self.legs % d).astype(np.int32)
        self.prices = waves.price_by_wave
        self.known = np.zeros(len(self.legs), dtype=bool)
        self.position, self.realized, self.largest = np.zeros((3, len(self.legs)))
        self.equity = np.zeros(len(waves.accounts))
        self.extra = {name: np.zeros(len(self.legs)) for name in waves.extra}

    def turn(self, w: int) -> None:
        waves, rows = self.waves, self.waves.rows_of(w)
        leg = self.leg_of_row[rows]
        self.position -= self.realized  # who is not listed again stands still
        self.realized[:] = 0.0
        self.position[leg], self.realized[leg], self.known[leg] = (
            waves.position[rows],
            waves.realized[rows],
            True,
        )
        self.largest = np.maximum(self.largest, np.abs(self.position))
        self.equity[waves.account[rows]] = waves.equity[rows]
        for name, values in waves.extra.items():
            self.extra[name][leg] = values[rows]
        self.price = self.prices[w]
        self.seen = np.flatnonzero(self.known)
        self.size = int(self.account[self.seen].max()) + 1  # accounts are numbered as they appear

    def book(self, position: Array) -> Book:
        """The Book of all legs seen so far, with these positions (seen,)."""
        seen = self.seen
        extra = {name: values[seen] for name, values in self.extra.items()}
        account = self.account[seen].astype(np.int32)
        return Book(
            self.waves.accounts[: self.size],
            self.waves.assets,
            self.price,
            self.equity[: self.size],
            account,
            self.asset[seen],
            position,
            extra,
        )

    def rounding(self) -> Array:
        """Contracts of each asset (d,) that are rounding of what was ever held of it."""
        return _ROUNDING * np.bincount(self.asset, self.largest, len(self.waves.assets))

    def required(self) -> Array:
        """(2, d) contracts of shorts and of longs that were closed in this wave, each sum exact (§6)."""
        need = np.zeros((2, len(self.waves.assets)))
        legs = np.flatnonzero(self.realized)
        order = legs[np.lexsort((self.realized[legs] > 0, self.asset[legs]))]
        key = self.asset[order] * 2 + (self.realized[order] > 0)
        for part in np.split(np.arange(len(order)), np.flatnonzero(np.diff(key)) + 1):
            if part.size:
                need[key[part[0]] % 2, key[part[0]] // 2] = float(
                    exact_sum(np.abs(self.realized[order[part]]))
                )
        return need


@dataclass(frozen=True)
class Done:
    closed: Array
    missing: Array
    line: dict[str, Any]


class State:
    """What one policy has closed more than reality, (legs,) contracts signed like the position."""

    def __init__(self, legs: int) -> None:
        self.ahead, self.side = np.zeros((2, legs))

    def hold(self, tape: Tape) -> tuple[Array, float, float]:
        """What the policy holds (seen,) contracts, and the notional that was overtaken, and dropped."""
        position, dust, price = tape.position, _DUST * tape.largest, tape.price[tape.asset]
        side = np.sign(position)
        anew = side * self.side < 0  # on the other side than before
        more = np.where(anew, -self.side * self.ahead, 0.0)  # held more than in reality, or closed more
        self.ahead[anew] = 0.0
        self.side = np.where(side != 0, side, self.side)
        beyond = self.side * (self.ahead - position)  # > 0: the owner closed what the policy already had
        overtaken = (beyond * price)[beyond > dust].sum() - (more * price)[more < -dust].sum()
        self.ahead = np.where((beyond >= -dust) & (self.ahead != 0), position, self.ahead)
        return (position - self.ahead)[tape.seen], float(overtaken), float((more * price)[more > dust].sum())

    def step(
        self,
        tape: Tape,
        name: str,
        policy: Policy | None,
        need: Array,
        law: Law | None,
        measures: list[Objective],
        prove: bool,
    ) -> Done:
        """One wave: what is closed (seen,) contracts signed like the position, what is missing (2, d)
        contracts, and the line of the table.
        """
        held, overtaken, dropped = self.hold(tape)
        book = tape.book(held)
        both = (need > 0).all(axis=0)
        parts = [need * [[1.0], [0.0]] + need * ~both * [[0.0], [1.0]], need * both * [[0.0], [1.0]]][
            : 1 + bool(both.any())
        ]
        closed, missing = np.zeros(len(held)), np.zeros_like(need)
        event, amount = Event(book, short={book.assets[0]: 0.0}), np.zeros(len(held))
        for part in parts:
            if not part.any():
                continue
            event, short_of = _event(tape.book(held - closed), part, tape.rounding())
            missing += short_of
            amount = (
                np.where(event.closable, np.abs(tape.realized[tape.seen]), 0.0)
                if policy is None
                else _asked(policy, name, event)
            )
            closed += np.sign(event.book.position) * amount
        self.ahead[tape.seen] += closed - tape.realized[tape.seen]
        by_leg, dust = book.price[book.asset], NOTHING * tape.largest[tape.seen]
        remains = np.abs(held - closed)
        remains = np.where(remains > dust, remains, 0.0)
        leverage = book.per_account(remains * by_leg) / book.equity
        before, after, touched = (
            book.per_account((one > dust).astype(float)) > 0
            for one in (np.abs(held), remains, np.abs(closed))
        )
        required, lacking = (float((amounts * book.price).sum()) for amounts in (need, missing))
        moved = float((np.abs(closed - tape.realized[tape.seen]) * by_leg).sum())
        line = {
            "required": required, "missing": lacking, "overtaken": overtaken, "dropped": dropped,
            "accounts": tape.size,
            "touched": int(touched.sum()), "wholly_closed": int((before & ~after).sum()),
            "contracts_closed": math.fsum(np.abs(closed).tolist()),
            "notional_closed": math.fsum((np.abs(closed) * by_leg).tolist()),
            "leverage_max": float(leverage.max()), "leverage_p99": float(np.quantile(leverage, 0.99)),
            "leverage_median": float(np.median(leverage)),
            "elsewhere": (moved + lacking) / 2 / required if required > 0 else 0.0,
        }  # fmt: skip
        for measure in measures:
            line[str(measure)], line[f"{measure} gap"] = _measured(
                measure, event, law, amount, (prove or event.book.isolated) and len(parts) == 1
            )
        return Done(closed, missing, line)


def _event(book: Book, need: Array, rounding: Array) -> tuple[Event, Array]:
    """The event that closes `need` (2, d), one side an asset, as far as the book has it, and what it has not
    (2, d), contracts.
    """
    rows, assets = np.nonzero(need)
    sides: list[dict[str, float]] = [{}, {}]
    for row, k in zip(rows, assets):
        sides[row][book.assets[k]] = 0.0
    capacity = Event(book, *sides).capacities
    for row, k in zip(rows, assets):
        sides[row][book.assets[k]] = float(min(need[row, k], capacity[k]))
    missing = np.where(need > 0, np.maximum(need - capacity, 0.0), 0.0)
    return Event(book, *sides), np.where(missing > np.maximum(FEASIBLE * need, rounding), missing, 0.0)


def _asked(policy: Policy, name: str, event: Event) -> Array:
    try:
        allocation = applied(policy, event)
    except AdlError as error:
        raise SolveError(f"{name} fails: {error}") from None
    if allocation.certificate.status == "infeasible":
        raise AllocationError(
            f"what {name} returns is no allocation that clears: {allocation.certificate.proof}"
        )
    return allocation.amount


def _measured(
    measure: Objective, event: Event, law: Law | None, amount: Array, prove: bool
) -> tuple[float, float]:
    """The value, and its relative distance to the proved lower bound of the event (nan: not asked, or
    none).
    """
    own = assess(measure, event, law, amount).certificate
    if not prove:
        return own.value, math.nan
    under = measure.lower_bound_objective()
    with unheard():  # the gap is the answer
        best = Problem(measure if under is None else under, event, law).solve().certificate
    return own.value, math.nan if best.bound is None else relative_gap(own.value, best.bound, own.floor)
