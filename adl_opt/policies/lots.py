"""Integer lots: an allocation rounded to whole lots, cleared exactly in counts, with a proved bound on what
rounding costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.certificates.assess import assess
from adl_opt.certificates.feasibility import FEASIBLE, allowed_error
from adl_opt.data.event import Event, cleared
from adl_opt.errors import AllocationError
from adl_opt.inputs import plain
from adl_opt.laws.base import Law
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.leverage import LeverageSquare
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.panels import allocation_panel
from adl_opt.text import two_lines

Counts = Index
_EPS = float(np.finfo(float).eps)
# Of a lot: sizes this close to a whole number of lots are that number, written in binary (0.1 + 0.2).
_SNAP = 1e-9
_MOST = 2**44  # lots of an asset: beyond it floats no longer tell a lot from a rounding


@dataclass(frozen=True, eq=False)
class LotBound:
    """What rounding an allocation to whole lots costs at most, under any law: `under(law)`.

    - `less` (d,): notional closed less; `more` (d,): notional closed more by accounts that hold other
      positions too, quote currency (who holds one position loses nothing by closing more of it)
    - `side` (d,): -1 where shorts are closed, 1 where longs; `assets` (d,): their labels
    - `leverage`: the most by which an account's gross leverage rises, x of equity, law or no law
    - `loss`: `under` the law given to `round_to_lots`, quote currency; None without one

    Proof, move by move: `(a + b)_+ <= a_+ + b_+`. Leaving t more notional of a leg adds b = -side t R to its
    account's loss, closing t more adds b = side t R. So the shortfall rises by at most `t (-side R)_+` and `t
    (side R)_+`; sum over legs and take expectations. An account with this one position and equity E > 0 has
    shortfall `(-side y R - E)_+`, nondecreasing in its notional y >= 0 for every R: closing more costs it
    nothing.

    Source: THEORY 3.7.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> bound = adl.round_to_lots(adl.water_filling(event), {"BTC": 1.0}).bound
    >>> round(bound.leverage, 4), round(bound.under(adl.Gaussian(0.01)), 4)  # x of equity; quote currency
    (0.1333, 1.3298)
    """

    less: Array
    more: Array
    side: Index
    assets: tuple[str, ...]
    leverage: float
    loss: float | None = None
    inverse: Mask | None = None  # (d,) assets of inverse contracts, None if there are none
    currency: str = "quote currency"

    def __repr__(self) -> str:
        said = (
            "loss by law: bound.under(law)"
            if self.loss is None
            else f"expected loss rises by at most {self.loss:.6g} {self.currency}"
        )
        return two_lines(
            f"LotBound({said}; {self.less.sum():.6g} {self.currency} closed less, leverage rises by at most "
            f"{self.leverage:.3g} x of equity)"
        )

    def under(self, law: Law) -> float:
        """The bound under a law: what the expected loss rises by at most, quote currency.

        The sum of `less` times the mean adverse move and of `more` times the mean favourable move.

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> bound = adl.round_to_lots(adl.water_filling(event), {"BTC": 1.0}).bound  # a third of one less
        >>> round(bound.under(adl.Scenarios({"BTC": [-0.1, 0.1]})), 4)
        1.6667
        """
        adverse, favourable = _expected(
            law if self.inverse is None else law.for_book(self), self.assets, self.side
        )
        used = self.side != 0
        return math.fsum((self.less * adverse + self.more * favourable)[used].tolist())


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LotAllocation(Allocation):
    """An allocation in whole lots, with what rounding costs at most.

    `lots` (legs,): integers that sum to the requirement exactly; `bound`: a LotBound; all else as of
    Allocation. `amount` is lots x lot as a float; where floats do not add up, one leg an asset carries the
    last bits of the sum (§6). A file keeps an Allocation.

    Source: THEORY 3.7.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.round_to_lots(adl.water_filling(event), {"BTC": 0.5}).lots.tolist()  # half contracts
    [13, 0, 17]
    """

    lots: Counts
    bound: LotBound

    def _in_words(self) -> str:
        return f"{self.lots.sum():,} lots, {super()._in_words()}"

    def _repr_html_(self) -> str:
        return allocation_panel(
            self, ("lots closed", f"{self.lots.sum():,}"), ("cost of rounding", repr(self.bound))
        )


def round_to_lots(allocation: Allocation, lot: Any, law: Law | None = None) -> LotAllocation:
    """The allocation in whole lots: cleared exactly, at the least bound on what rounding costs.

    - `allocation`: an Allocation
    - `lot`: asset -> contracts > 0 (dict or Series; 0.001 is the decimal number), for every required asset;
      others are ignored
    - `law`: what the certificate and the bound are under; None: LeverageSquare, and any law

    A size is rounded down or up, by less than one lot, and stays between 0 and its position. A position that
    is not a multiple is closed at most up to its largest multiple: its odd rest stays. Only where such rests,
    closed before, are more than the others can take with less than a lot each do others close further lots,
    as few each as possible.

    Of all roundings by less than a lot this has the least `bound`: with fraction f of a lot, rounding up
    costs (1 - f) a and down f b, where `b = E(adverse)_+` and `a = E(favourable)_+` for accounts with other
    positions, else 0 (a = b = 1 without a law); the legs with the least (1 - f) a - f b are rounded up, ties
    in the order of the legs (§16). In isolated margin these are the largest remainders. With k legs closed in
    part, all positions multiples, less is then at most k/4 lots: the floored fractions are the smallest k - D
    of k with the sum D, so they sum to at most (k - D) D / k.

    Returns a LotAllocation. Since no integer allocation loses less than the best one, an optimal allocation
    rounded is within `bound` of the integer optimum. Raises AllocationError if a requirement is not a
    multiple of its lot (naming the nearest), exceeds the whole lots held, a lot is missing or not positive,
    or the allocation does not clear; LawError if the law lacks an asset.

    Source: THEORY 3.7.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.round_to_lots(adl.water_filling(event), {"BTC": 1.0}).amount.tolist()  # for 6.67, 0, 8.33
    [7.0, 0.0, 8.0]
    """
    if not isinstance(allocation, Allocation):
        raise AllocationError(
            f"round_to_lots takes an Allocation, not {type(allocation).__name__}: adl.water_filling(event)"
        )
    event = allocation.event
    book, before = event.book, _feasible(event, allocation.amount)
    size_of_lot = _lots(event, lot)
    needed = None if law is None else law.for_book(book)
    adverse, favourable = (
        (np.ones(len(event.side)),) * 2 if needed is None else _expected(needed, book.assets, event.side)
    )
    others = np.bincount(book.account, book.position != 0, len(book.accounts))[book.account] > 1
    amount, counts = np.zeros(len(before)), np.zeros(len(before), dtype=np.int64)
    for k, step in size_of_lot.items():
        legs = event.closable_legs[k]
        dear = np.where(others[legs], favourable[k], 0.0)
        counts[legs], amount[legs] = _in_asset(event, k, step, before[legs], dear, float(adverse[k]))
    bound = _bound(event, before, amount, others, needed)
    aim = LeverageSquare() if needed is None else ExpectedLoss()
    proof = assess(aim, event, needed, amount)
    return LotAllocation(
        event, amount, f"{allocation.method}, in lots", str(aim), proof.certificate,
        np.full(len(event.side), np.nan), proof.parts, law=needed, objective=aim, lots=counts, bound=bound,
    )  # fmt: skip


def _in_asset(
    event: Event, k: int, step: Fraction, closed: Array, dear: Array, cheap: float
) -> tuple[Counts, Array]:
    """(lots, contracts) of the closable legs of asset number k, of which `closed` was closed before."""
    size, wanted = event.size[event.closable_legs[k]], _required_lots(event, k, step)
    most, whole = _floor(size, step)
    if wanted > most.sum():
        raise AllocationError(
            f"cannot close {wanted:,} lots of {event.book.assets[k]!r}: the positions hold "
            f"{int(most.sum()):,} whole lots of {float(step)!r} contracts; "
            "their odd rests cannot be closed in lots (§7)"
        )
    found = _counts(closed, step, most, wanted, dear, cheap)
    contracts = np.where(whole & (found == most), size, np.minimum(_contracts(found, step), size))
    return found, clear_exactly(contracts, size, float(event.required[k]))


def _counts(closed: Array, step: Fraction, most: Counts, wanted: int, dear: Array, cheap: float) -> Counts:
    """Lots of each leg (n,), summing to `wanted`: rounded by less than a lot at the least cost, dear (n,) a
    lot closed more, cheap a lot closed less.
    """
    low, exact = _floor(closed, step)
    low = np.minimum(low, most)
    fraction = np.clip(closed / float(step) - low, 0.0, 1.0)
    up = np.flatnonzero(~exact & (low < most))
    cost = (1 - fraction[up]) * dear[up] - fraction[up] * cheap
    found, more = low.copy(), wanted - int(low.sum())
    found[up[np.argsort(cost, kind="stable")[:more]]] += 1
    # What is left are odd rests that were closed: first to those whom closing more costs nothing.
    for group in (dear == 0, dear > 0):
        room = np.where(group, most - found, 0)
        found += _spread(room, min(wanted - int(found.sum()), int(room.sum())))
    return found


def _spread(room: Counts, total: int) -> Counts:
    """Whole numbers (n,) up to `room` that sum to `total`, the largest as small as can be; ones left over go
    in the order of the legs.
    """
    low, high = 0, int(room.max(initial=0))
    for _ in range(int(high).bit_length() + 1):
        if low >= high:
            break
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(room, middle).sum() <= total else (low, middle - 1)
    given = np.minimum(room, low)
    given[np.flatnonzero(room > low)[: total - int(given.sum())]] += 1
    return given


def _floor(size: Array, step: Fraction) -> tuple[Counts, Mask]:
    """(whole lots in each size, whether it is a whole number of lots but for its binary rounding)."""
    ratio = size / float(step)
    nearest = np.rint(ratio)
    exact = np.abs(ratio - nearest) <= _SNAP + 4 * _EPS * nearest
    return np.where(exact, nearest, np.floor(ratio)).astype(np.int64), exact


def _contracts(counts: Counts, step: Fraction) -> Array:
    """counts x lot, correctly rounded where the products are whole numbers that a float holds: 3 lots of 0.1
    are 0.3.
    """
    top = counts * float(step.numerator)
    exact = top.max(initial=0.0) < 2**53 and Fraction(float(step.denominator)) == step.denominator
    return top / float(step.denominator) if exact else counts * float(step)


def _required_lots(event: Event, k: int, step: Fraction) -> int:
    asset, required = event.book.assets[k], float(event.required[k])
    if event.capacities[k] / step > _MOST:
        raise AllocationError(
            f"the lot {float(step)!r} of {asset!r} is too small: a float cannot count the lots in "
            f"{event.capacities[k]:.6g} contracts"
        )
    low, exact = _floor(np.array([required]), step)
    if not exact[0]:
        near = " or ".join(repr(float(n * step)) for n in (int(low[0]), int(low[0]) + 1))
        raise AllocationError(
            f"{required!r} contracts of {asset!r} are not a multiple of the lot {float(step)!r}; require "
            f"{near}"
        )
    return int(low[0])


def _lots(event: Event, lot: Any) -> dict[int, Fraction]:
    """The lot of every required asset, by its number, as the decimal number that was written."""
    if not isinstance(lot, Mapping) and not hasattr(lot, "items"):
        raise AllocationError(f"lots map assets to contracts, such as {{'BTC': 0.001}}, not {lot!r}")
    given = {str(asset): value for asset, value in lot.items()}
    found = {}
    for k in np.flatnonzero(event.side):
        asset = event.book.assets[k]
        if asset not in given:
            raise AllocationError(
                f"no lot is given for {asset!r}, which is to be closed; there are "
                f"{', '.join(list(given)[:6]) or 'none'}"
            )
        value = plain(given[asset], text=True)
        if not (math.isfinite(value) and value > 0):
            raise AllocationError(
                f"the lot of {asset!r} is {given[asset]!r}; it must be a positive number of contracts"
            )
        found[int(k)] = Fraction(repr(value))
    return found


def _feasible(event: Event, amount: Array) -> Array:
    """`amount`, cleared to the last bit; AllocationError if it is infeasible."""
    gap = event.book.legs_of.sums(amount) - event.required
    outside = np.maximum(-amount, amount - np.where(event.closable, event.size, 0.0)) > FEASIBLE * event.size
    bad = np.abs(gap) > allowed_error(event)
    if bad.any() or outside.any():
        k = int(np.argmax(bad)) if bad.any() else int(event.book.asset[np.argmax(outside)])
        raise AllocationError(
            f"the allocation misses the requirement of {event.book.assets[k]!r} by {gap[k]:.3g} contracts, "
            "or leaves a box: nothing to round (§6)"
        )
    return cleared(event, amount)


def _bound(event: Event, before: Array, after: Array, others: Mask, law: Law | None) -> LotBound:
    book = event.book
    change = (after - before) * book.price[book.asset]
    less = np.bincount(book.asset, np.maximum(-change, 0.0), len(book.assets))
    more = np.bincount(book.asset, np.maximum(change, 0.0) * others, len(book.assets))
    leverage = float(max((-book.per_account(change) / book.equity).max(), 0.0))
    inverse = book.inverse if book.inverse.any() else None
    found = LotBound(less, more, event.side, book.assets, leverage, None, inverse, book.currency)
    return found if law is None else replace(found, loss=found.under(law))


def _expected(law: Law, assets: tuple[str, ...], side: Index) -> tuple[Array, Array]:
    """E(-side R)^+ and E(side R)^+ of each asset, (d,): pure numbers; an account without equity and one unit
    of notional loses them.
    """
    aligned = law.align(assets)
    sign = np.where(side == 0, 1, side).astype(float)
    number, nothing = np.arange(len(assets))[:, None], np.zeros(len(assets))
    adverse, favourable = (
        aligned.shortfall_terms(number, (s * sign)[:, None], nothing, 0)[0] for s in (1.0, -1.0)
    )
    return adverse, favourable
