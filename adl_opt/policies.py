"""Policies: Event -> Allocation without a law. Water-filling and pro rata; the exchanges' queues stand on the same footing."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .allocation import Allocation
from .certificate import TOLERANCE, Proof, assess
from .errors import AdlError, EventError
from .event import Event
from .isolated import fill
from .laws import OneFactor, Scenarios
from .objectives import FactorLeverageSquare, LeverageSquare, Objective
from .route import ConicRoute, cleared, gap_of
from .symbols import Symbols
from .waterfill import clear_exactly

_MOST_POLISHED = 1_500  # legs up to which a dense linear system is worth its time
Array = NDArray[np.float64]
Policy = Callable[[Event], Allocation]


def water_filling(event: Event) -> Allocation:
    """Bring everyone above one leverage down to it, asset by asset: optimal for every law and monotone risk in isolated margin.

    Raises EventError if an account holds more than one position. Source: Campbell et al. (2026), Thm 1; proved here on
    LeverageSquare, whose only minimiser it is. Equal leverages are reduced in proportion to equity (§16).
    """
    return _allocation(event, fill(event)[0], "water_filling", unique=True)


def pro_rata(event: Event) -> Allocation:
    """Everyone on the required side closes the same fraction of his position. A yardstick; in general not optimal."""
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")
    amount = event.pro_rata_fraction * event.size
    for k in event.free_assets:
        legs = event.free & (event.book.asset == k)
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return _allocation(event, amount, "pro_rata", unique=None)


def factor_water_filling(event: Event, loading: Any) -> Allocation:
    """Level the factor leverages as far as the requirements allow: optimal for every move of one factor, hence for every monotone risk (Thm 3).

    loading: relative move of each asset per unit of the factor, by label or in the order of the book's assets, any signs. Cross margin, several assets, both sides;
    clears every asset exactly. Of the allocations with these factor leverages it closes the most evenly: least sum of notional x fraction^2, which is unique and
    keeps proportional splits neutral. Raises LawError if a loading is missing, SolveError if no solver finds the allocation.
    """
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")
    law = OneFactor(loading, Scenarios([-1.0, 1.0])).align(event.book.assets)
    objective = FactorLeverageSquare()
    if not event.free.any():
        amount = event.fixed_fraction * event.size
        return _proved(objective, event, law, amount, assess(objective, event, law, amount))
    amount, proof = ConicRoute(objective, law).solve(event, None, TOLERANCE, None)
    even = _evenly(event, law, amount)
    for candidate in (even, _polished(event, law, even)):
        other = assess(objective, event, law, candidate)
        if gap_of(other) <= max(gap_of(proof), TOLERANCE / 1000):
            amount, proof = candidate, other
    return _proved(objective, event, law, amount, proof)


def _evenly(event: Event, law: OneFactor, amount: Array) -> Array:
    """Of all allocations with the factor leverages of `amount`, the one with the least sum of notional x fraction^2."""
    import cvxpy as cp

    from .conic import clearing_rows

    book, legs = event.book, np.flatnonzero(event.free)
    weight = law.loading[book.asset[legs]] * book.notional[legs]
    moving, row = np.unique(book.account[legs], return_inverse=True)
    most = np.maximum(np.bincount(row, np.abs(weight)), 1e-300)
    effect = sp.csr_array((weight / most[row], (row, np.arange(len(legs)))), shape=(len(moving), len(legs)))
    here = (amount / np.where(event.size > 0, event.size, 1.0))[legs]
    matrix, assets = clearing_rows(event)
    fraction = cp.Variable(len(legs), bounds=[0, 1])
    notional = np.abs(book.notional[legs])
    size = np.sqrt(notional / notional.max())
    held = [cp.abs(effect @ (fraction - here)) <= 1e-9, matrix @ fraction == event.required[assets] / event.capacities[assets]]
    with contextlib.suppress(cp.error.SolverError), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what comes out is proved, or the first allocation stays
        problem = cp.Problem(cp.Minimize(cp.sum_squares(cp.multiply(size, fraction))), held)
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    if fraction.value is None:
        return amount
    even = event.fixed_fraction * event.size
    even[legs] = np.clip(fraction.value, 0.0, 1.0) * event.size[legs]
    return cleared(event, even)


def _polished(event: Event, law: OneFactor, amount: Array) -> Array:
    """`amount` made exact: legs near a bound are put on it, the others solve the linear system that is left, by least squares of least norm.

    An interior point leaves errors of the root of its gap. Returned as it came where no guess of the bounds gives an allocation.
    """
    from .conic import clearing_rows

    book, legs = event.book, np.flatnonzero(event.free)
    if len(legs) > _MOST_POLISHED:
        return amount
    here = (amount / np.where(event.size > 0, event.size, 1.0))[legs]
    moving, row = np.unique(book.account[legs], return_inverse=True)
    effect = np.zeros((len(moving), len(legs)))
    effect[row, np.arange(len(legs))] = law.loading[book.asset[legs]] * book.notional[legs]
    start = Symbols(event, law, event.fixed_fraction * event.size).factor_leverage[moving] * book.equity[moving]
    root = np.sqrt(book.equity[moving])
    matrix, assets = clearing_rows(event)
    rows, wanted = matrix.toarray(), event.required[assets] / event.capacities[assets]
    size = np.sqrt(np.abs(book.notional[legs]) / np.abs(book.notional[legs]).max())
    for near in (1e-3, 1e-4, 1e-5, 1e-6):
        full, free = here >= 1 - near, (here > near) & (here < 1 - near)
        if not free.any():
            fraction = full.astype(float)
        else:
            clear = rows[:, free] / size[free]
            particular = np.linalg.pinv(clear, rcond=1e-12) @ (wanted - rows[:, full].sum(axis=1))
            null = np.linalg.svd(clear, full_matrices=True)[2][np.linalg.matrix_rank(clear) :].T
            system = effect[:, free] / size[free] / root[:, None]
            left = (start - effect[:, full].sum(axis=1)) / root - system @ particular
            step = np.linalg.lstsq(system @ null, left, rcond=1e-12)[0] if null.size else np.zeros(0)
            fraction = full.astype(float)
            fraction[free] = (particular + null @ step) / size[free]
        if fraction.min() >= -1e-12 and fraction.max() <= 1 + 1e-12 and np.abs(rows @ fraction - wanted).max() <= 1e-9:
            exact = event.fixed_fraction * event.size
            exact[legs] = np.clip(fraction, 0.0, 1.0) * event.size[legs]
            return cleared(event, exact)
    return amount


def _proved(objective: Objective, event: Event, law: OneFactor, amount: Array, proof: Proof) -> Allocation:
    return Allocation(event, amount, "factor_water_filling", str(objective), proof.certificate, proof.price, proof.parts)


POLICIES: dict[str, Policy] = {"water_filling": water_filling, "pro_rata": pro_rata}


def policy(name: str) -> Policy:
    """A policy by name. Raises AdlError naming those there are."""
    if name not in POLICIES:
        raise AdlError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return POLICIES[name]


def _allocation(event: Event, amount: Array, name: str, unique: bool | None) -> Allocation:
    objective = LeverageSquare()
    proof = assess(objective, event, None, amount)
    return Allocation(event, amount, name, str(objective), proof.certificate, np.full(len(event.side), np.nan), proof.parts, unique)
