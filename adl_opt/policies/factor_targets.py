"""Clipped water-filling of factor leverages, one level for all, and whether the requirements of the assets
let it be done (THEORY 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import TINY, Array
from adl_opt.data.event import Event
from adl_opt.errors import EventError, SolveError
from adl_opt.laws.one_factor import factor_of
from adl_opt.waterfill.level import clipped_level

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 1e-9  # of what an account can change: targets are met up to it
_SAME = 1e-6  # of a requirement: missed by less is met


def factor_targets(event: Event, loading: Any) -> pd.DataFrame:
    """Whether one common leverage towards a factor can be met asset by asset: a table, a line an asset.

    - `event`: an Event
    - `loading`: as in `factor_water_filling`

    The common factor leverage is clipped to what each account can reach. Returns a DataFrame: required and
    closed (contracts) by the closing that meets every account's target and misses the requirements least (in
    shares of capacity), missed = closed - required, implementable. `attrs["level"]`: the common factor
    leverage (x of equity); `attrs["targets"]`: Series by account, the factor leverage aimed at. If every
    asset is implementable, these are the factor leverages of `factor_water_filling`; else no closing has
    them, and blocks of accounts keep different levels. Raises LawError if a loading is missing.

    Source: THEORY 5 (the transportation test of Gale and Hoffman, solved as a linear program).

    >>> adl.factor_targets(adl.examples.paper(), {"BTC": 1.0, "ETH": 1.25}).round(2)
           required  closed  missed  implementable
    asset
    BTC        10.0    10.0     0.0           True
    """
    import pandas as pd

    if not isinstance(event, Event):
        raise EventError(
            f"factor_targets takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})"
        )
    book = event.book
    weight = factor_of(book, loading).loading
    effect = weight[book.asset] * event.notional
    start = book.per_account(weight[book.asset] * book.notional - effect * event.fixed_fraction)
    low = start - book.per_account(np.where(event.free, np.maximum(effect, 0.0), 0.0))
    high = start - book.per_account(np.where(event.free, np.minimum(effect, 0.0), 0.0))
    k = event.free_assets
    closing = float((weight * event.side * event.required * book.price)[k].sum())
    level, after = clipped_level(low, high, book.equity, float(start.sum()) - closing)
    missed = np.zeros(len(event.side))
    if len(k):
        missed[k] = _missed(event, effect, start - after)
    wanted = event.side != 0
    missed = np.where(np.abs(missed) <= _SAME * event.required, 0.0, missed)
    frame = pd.DataFrame(
        {
            "required": event.required[wanted],
            "closed": (event.required + missed)[wanted],
            "missed": missed[wanted],
            "implementable": missed[wanted] == 0,
        },
        index=pd.Index(event.required_assets, name="asset"),
    )
    frame.attrs |= {
        "level": level,
        "targets": pd.Series(after / book.equity, index=book.accounts, name="factor_leverage"),
    }
    return frame


def _missed(event: Event, effect: Array, aim: Array) -> Array:
    """What the closing nearest to the targets closes too much (+) or too little (-) of each free asset,
    contracts: a linear program, `aim` (n,) being the change of each account's factor exposure, up to
    rounding.
    """
    import scipy.sparse as sp
    from scipy.optimize import linprog

    k, legs = event.free_assets, np.flatnonzero(event.free)
    # Variables: fractions of the free legs, then what each asset is closed too much and too little, as shares
    # of its
    # capacity.
    moving, row = np.unique(event.book.account[legs], return_inverse=True)
    most = np.maximum(np.bincount(row, np.abs(effect[legs]), len(moving)), TINY)
    meets = sp.csr_array(
        (effect[legs] / most[row], (row, np.arange(len(legs)))), shape=(len(moving), len(legs))
    )
    asset = np.searchsorted(k, event.book.asset[legs])
    clears = sp.csr_array(
        (event.size[legs] / event.capacities[event.book.asset[legs]], (asset, np.arange(len(legs)))),
        shape=(len(k), len(legs)),
    )
    target, share = aim[moving] / most, event.required[k] / event.capacities[k]
    cost = np.concatenate([np.zeros(len(legs)), np.ones(2 * len(k))])
    within = sp.hstack(
        [sp.vstack([meets, -meets]), sp.csr_array((2 * len(moving), 2 * len(k)))], format="csr"
    )
    rows = sp.hstack([clears, -sp.eye_array(len(k)), sp.eye_array(len(k))], format="csr")
    bounds = np.column_stack(
        [np.zeros(len(cost)), np.concatenate([np.ones(len(legs)), np.full(2 * len(k), np.inf)])]
    )
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    limits = np.concatenate([target, -target]) + _ROUNDING
    found = linprog(
        cost, A_ub=within, b_ub=limits, A_eq=rows, b_eq=share, bounds=bounds, method="highs", options=options
    )
    if found.status != 0:
        raise SolveError(f"HiGHS does not find the closing nearest to the targets: {found.message}")
    over, under = found.x[len(legs) : len(legs) + len(k)], found.x[len(legs) + len(k) :]
    return (over - under) * event.capacities[k]
