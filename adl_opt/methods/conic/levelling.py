"""Levelling a leverage of cross-margined accounts under requirements in any assets: a quadratic program, made
even and exact (THEORY 5).
"""

import contextlib

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import TINY, Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import TOLERANCE, Proof
from adl_opt.data.event import Event, cleared
from adl_opt.laws.base import Law
from adl_opt.methods.base import Found, Request
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.methods.conic.program import clearing_rows
from adl_opt.methods.conic.solve import ConicMethod
from adl_opt.methods.snapping import assess_at_ends
from adl_opt.numerics import lapack
from adl_opt.objectives.base import Objective
from adl_opt.threads import filtered, shared

_MOST_POLISHED = 1_500  # legs up to which a dense linear system is worth its time


def level(objective: Objective, event: Event, law: Law | None, whole: Array) -> tuple[Array, Proof]:
    """(amount (legs,) contracts, proof) that minimises a sum of equity x leverage^2, evenly and to rounding.

    whole (legs,): what each whole position adds to its account's leverage times equity, quote currency.
    """
    if not event.free.any():
        amount = event.amount_from()
        return amount, assess(objective, event, law, amount)
    found = ConicMethod().solve(Request(Compiled(objective, law), event))
    even = evenly(event, event.closable_part(whole), found.amount)
    for candidate in (even, polished(event, whole, even)):
        other = Found(*assess_at_ends(objective, event, law, candidate), found.method)
        if other.gap <= max(found.gap, TOLERANCE / 1000):
            found = other
    return found.amount, found.proof


@shared
def evenly(event: Event, effect_of: Array, amount: Array) -> Array:
    """Of all allocations with the leverages of `amount`, the one with the least sum of notional x fraction^2,
    of what may be closed.
    """
    book, legs = event.book, np.flatnonzero(event.free)
    weight = effect_of[legs]
    moving, row = np.unique(book.account[legs], return_inverse=True)
    most = np.maximum(np.bincount(row, np.abs(weight)), TINY)
    effect = sp.csr_array((weight / most[row], (row, np.arange(len(legs)))), shape=(len(moving), len(legs)))
    here = event.fraction_from(amount)
    matrix, assets = clearing_rows(event)
    fraction = cp.Variable(len(legs), bounds=[0, 1])
    notional = np.abs(event.notional[legs])
    size = np.sqrt(notional / notional.max())
    held = [
        cp.abs(effect @ (fraction - here)) <= 1e-9,
        matrix @ fraction == event.required[assets] / event.capacities[assets],
    ]
    # What comes out is proved, or the first allocation stays.
    with contextlib.suppress(cp.error.SolverError), filtered("ignore", UserWarning):
        problem = cp.Problem(cp.Minimize(cp.sum_squares(cp.multiply(size, fraction))), held)
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    if fraction.value is None:
        return amount
    return cleared(event, event.amount_from(np.clip(fraction.value, 0.0, 1.0)))


def polished(event: Event, whole: Array, amount: Array) -> Array:
    """`amount` made exact: legs near a bound are put on it, the others solve the linear system that is left,
    by least squares of least norm.

    An interior point leaves errors of the root of its gap. Returned as it came where no guess of the bounds
    gives an allocation.
    """
    try:
        return amount if event.free.sum() > _MOST_POLISHED else _polished(event, whole, amount)
    except np.linalg.LinAlgError:  # no driver takes the rows apart
        return amount


def _polished(event: Event, whole: Array, amount: Array) -> Array:
    book, legs = event.book, np.flatnonzero(event.free)
    here = event.fraction_from(amount)
    effect_of = event.closable_part(whole)
    moving, row = np.unique(book.account[legs], return_inverse=True)
    effect = np.zeros((len(moving), len(legs)))
    effect[row, np.arange(len(legs))] = effect_of[legs]
    start = book.per_account(whole - effect_of * event.fixed_fraction)[moving]
    root = np.sqrt(book.equity[moving])
    matrix, assets = clearing_rows(event)
    rows, wanted = matrix.toarray(), event.required[assets] / event.capacities[assets]
    size = np.sqrt(np.abs(event.notional[legs]) / np.abs(event.notional[legs]).max())
    for near in (1e-3, 1e-4, 1e-5, 1e-6):
        full, free = here >= 1 - near, (here > near) & (here < 1 - near)
        if not free.any():
            fraction = full.astype(float)
        else:
            clear = rows[:, free] / size[free]
            null, solution = lapack.null_space(clear)
            particular = solution(wanted - rows[:, full].sum(axis=1))
            system = effect[:, free] / size[free] / root[:, None]
            left = (start - effect[:, full].sum(axis=1)) / root - system @ particular
            step = lapack.lstsq(system @ null, left, rcond=1e-12) if null.size else np.zeros(0)
            fraction = full.astype(float)
            fraction[free] = (particular + null @ step) / size[free]
        if (
            fraction.min() >= -1e-12
            and fraction.max() <= 1 + 1e-12
            and np.abs(rows @ fraction - wanted).max() <= 1e-9
        ):
            return cleared(event, event.amount_from(np.clip(fraction, 0.0, 1.0)))
    return amount
