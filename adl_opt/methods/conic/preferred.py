"""Which of several optima one prefers: the most level, the fewest accounts, the least closed of hedges."""

import contextlib
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import TINY, Array, Mask
from adl_opt.data.event import Event
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.highs_models import solve_exactly


def preferred(kind: str, event: Event, fraction: Any, face: list[Any], time_limit: float | None) -> Array:
    """The fractions closed (F,) preferred for `kind` where the constraints `face` hold.

    Raises SolveError if no solver finds them.
    """
    if kind == "fewest-accounts":
        return _fewest_accounts(event, fraction, face, time_limit)
    if kind == "water-filling":
        solve_exactly(cp.Problem(cp.Minimize(_unevenness(event, fraction)), face), "CLARABEL", time_limit)
    else:
        solve_exactly(cp.Problem(cp.Minimize(_hedges_closed(event, fraction)), face), "HIGHS", time_limit)
    return np.asarray(fraction.value)


def _unevenness(event: Event, fraction: Any) -> Any:
    """Sum of equity x leverage^2 after closing, in dimensionless units."""
    book, legs = event.book, np.flatnonzero(event.free)
    share = sp.csr_array(
        (np.abs(event.notional[legs]), (book.account[legs], np.arange(len(legs)))),
        shape=(len(book.accounts), len(legs)),
    )
    start = SymbolsAt(event, None, event.amount_from()).leverage
    after = start - sp.diags_array(1 / book.equity) @ share @ fraction
    weight = np.sqrt(book.equity / book.equity.sum()) / max(float(start.max()), TINY)
    return cp.sum_squares(cp.multiply(weight, after))


def _hedges_closed(event: Event, fraction: Any) -> Any:
    """Notional closed of hedges, as a fraction of all that may be."""
    cost = np.where(hedges(event), np.abs(event.notional), 0.0)[event.free]
    return cost / max(cost.sum(), TINY) @ fraction


def hedges(event: Event) -> Mask:
    """Legs against the rest of their account, before closing: of opposite sign to its other notional taken
    together.
    """
    book = event.book
    others = book.per_account(book.notional)[book.account] - book.notional
    return (book.notional * others < 0) & (np.bincount(book.account)[book.account] > 1)


def _fewest_accounts(event: Event, fraction: Any, face: list[Any], time_limit: float | None) -> Array:
    book, account = event.book, event.book.account[event.free]
    touched = cp.Variable(len(book.accounts), boolean=True)
    # An account that the requirement reduces anyway costs nothing more.
    anyway = book.per_account(((event.fixed_fraction > 0) & (event.size > 0)).astype(float)) > 0
    count = cp.Minimize((~anyway).astype(float) @ touched)
    solve_exactly(cp.Problem(count, [*face, fraction <= touched[account]]), "HIGHS", time_limit)
    found = np.asarray(fraction.value)
    spared = np.flatnonzero((np.asarray(touched.value) < 0.5)[account])
    # Integers are met up to a tolerance only: again without the accounts that are spared.
    rest = [*face, fraction[spared] == 0] if spared.size else face
    with contextlib.suppress(SolveError):
        solve_exactly(cp.Problem(cp.Minimize(0), rest), "HIGHS", time_limit)
        found = np.asarray(fraction.value)
    return found
