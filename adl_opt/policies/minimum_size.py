"""No dust left behind: positions are closed whole, or keep at least a minimum.

A mixed-integer program by HiGHS, for small books.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.certificates.assess import assess
from adl_opt.data.event import Event
from adl_opt.errors import EventError, SolveError
from adl_opt.evaluation.symbols import SymbolsAt, needed
from adl_opt.laws.base import Law, Scenarios
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.policies.base import need_event
from adl_opt.problem.allocation import Allocation

MOST_CELLS = 200_000  # accounts x scenarios
_ROUNDING = 1e-9  # of the requirement, or of a position


def without_remainders(
    event: Event, law: Law, least: Mapping[str, float], time_limit: float = 60.0
) -> Allocation:
    """The least expected loss among allocations that leave of every position nothing or enough.

    - `event`: an Event; `law`: Scenarios (any law with a quadrature or sample of yours)
    - `least`: asset -> contracts > 0 that must remain where something does (0 for assets not named); a
      position below it is closed whole or not at all: with `least` above every position this is all or
      nothing
    - `time_limit`: seconds

    A mixed-integer linear program, solved by HiGHS. Returns an Allocation whose certificate is that of the
    problem without this condition, with a bound that is proved by us: its gap says what the condition costs
    at most, and is rarely closed. Raises EventError for minima that are not positive numbers, SolveError
    where no such allocation clears exactly, the book is too large, or the time is up before one is found.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> law = adl.Scenarios({"BTC": [0.0, 0.4, 1.0]}, [0.8, 0.1, 0.1])
    >>> adl.without_remainders(event, law, {"BTC": 4.0}).amount.round(6).tolist()  # else 6.67, 0, 8.33
    [5.0, 0.0, 10.0]
    """
    from scipy.optimize import milp

    need_event(event)
    book, scenarios = event.book, needed(law).for_book(event.book).scenarios
    if scenarios is None:
        raise SolveError("without_remainders needs scenarios: law.quadrature(20) or law.sample(4096, seed=1)")
    minimum = _minima(event, least)
    rows = len(book.accounts) * len(scenarios.probability)
    if rows > MOST_CELLS:
        raise SolveError(
            f"{rows:,} accounts x scenarios are too many for an integer program (at most {MOST_CELLS:,}); "
            "give fewer scenarios or accounts"
        )
    amount, free, count = event.amount_from(), np.flatnonzero(event.free), int(event.free.sum())
    found = milp(
        **_program(event, scenarios, minimum), options={"time_limit": time_limit, "mip_rel_gap": 1e-9}
    )
    if found.x is None:
        raise SolveError(
            "HiGHS finds no allocation that leaves nothing or at least the minimum of every position and "
            f"closes exactly what is required ({found.message}); "
            "lower the minimum, or change the requirement"
        )
    fraction, closed, touched = (found.x[k * count : (k + 1) * count] for k in range(3))
    whole, partial = closed > 0.5, (closed < 0.5) & (touched > 0.5) & (fraction > _ROUNDING)
    amount[free] = np.where(whole, 1.0, np.where(partial, np.minimum(fraction, 1.0), 0.0)) * event.size[free]
    amount = _cleared(event, amount, free[partial])
    proof = assess(ExpectedLoss(), event, scenarios, amount)
    return Allocation(
        event, amount, "without_remainders", str(ExpectedLoss()), proof.certificate,
        np.full(len(event.side), np.nan), proof.parts,
        law=scenarios, objective=ExpectedLoss(),
    )  # fmt: skip


def _program(event: Event, scenarios: Scenarios, minimum: Array) -> dict[str, Any]:
    """The mixed-integer linear program, as `scipy.optimize.milp` takes it."""
    from scipy.optimize import Bounds, LinearConstraint
    from scipy.sparse import csr_matrix, diags, hstack, vstack
    from scipy.sparse import eye as identity

    book, free, rows = (
        event.book,
        np.flatnonzero(event.free),
        len(event.book.accounts) * len(scenarios.probability),
    )
    # Variables: fraction closed of the free legs, whether it is whole, whether it is touched, loss beyond
    # equity in each row (in units of the mean equity).
    count, money = len(free), float(book.equity.mean())
    start = SymbolsAt(event, scenarios, event.amount_from())
    beyond = np.concatenate([argument for _, _, argument in start.arguments()]).ravel() / money
    # What a leg closed whole adds to its account's loss.
    effect = event.notional[free, None] * scenarios.moves.T[book.asset[free]] / money
    row = book.account[free, None] * len(scenarios.probability) + np.arange(len(scenarios.probability))
    closing = csr_matrix(
        (effect.ravel(), (row.ravel(), np.repeat(np.arange(count), len(scenarios.probability)))),
        shape=(rows, count),
    )
    eye, nothing = identity(count, format="csr"), csr_matrix((count, rows))
    keep = np.minimum(minimum[book.asset[free]] / event.held[free], 1.0)  # of the position
    share = event.size[free] / event.held[free]
    clear = csr_matrix(
        (
            event.size[free] / event.required[book.asset[free]],
            (np.searchsorted(event.free_assets, book.asset[free]), np.arange(count)),
        ),
        shape=(len(event.free_assets), count),
    )
    pad = csr_matrix((len(event.free_assets), 2 * count + rows))
    blocks = [
        (hstack([closing, csr_matrix((rows, 2 * count)), -identity(rows)]), -np.inf, -beyond),
        (hstack([clear, pad]), 1.0, 1.0),
        (hstack([eye, -eye, 0 * eye, nothing]), 0.0, np.inf),  # whole: fraction 1
        (hstack([eye, 0 * eye, -eye, nothing]), -np.inf, 0.0),  # touched where anything is closed
        # touched and not whole: at least `keep` of the position remains, 1 - share x fraction
        (hstack([diags(share), diags(-keep), diags(keep), nothing]), -np.inf, np.ones(count)),
    ]
    system = vstack([block for block, _, _ in blocks]).tocsr()
    low = np.concatenate([np.full(block.shape[0], down) for block, down, _ in blocks])
    high = np.concatenate([np.broadcast_to(up, block.shape[0]) for block, _, up in blocks])
    whole = np.where(share >= 1, 1.0, 0.0)  # a capped position is never closed whole
    upper = np.concatenate([np.ones(count), whole, np.ones(count), np.full(rows, np.inf)])
    cost = np.concatenate([np.zeros(3 * count), np.tile(scenarios.probability, len(book.accounts))])
    integer = np.concatenate([np.zeros(count), np.ones(2 * count), np.zeros(rows)])
    return {
        "c": cost,
        "constraints": LinearConstraint(system, low, high),
        "bounds": Bounds(0, upper),
        "integrality": integer,
    }


def _cleared(event: Event, amount: Array, partial: Index) -> Array:
    """`amount` with the solver's rounding taken up by the positions closed in part."""
    for k in event.free_assets:
        legs = event.free_legs[k]
        legs = legs[amount[legs] > 0]
        mine, required = np.intersect1d(legs, partial), float(event.required[k])
        if mine.size:
            rest = math.fsum([required, *(-amount[np.setdiff1d(legs, mine)]).tolist()])
            amount[mine] = clear_exactly(
                amount[mine], event.size[mine], min(max(rest, 0.0), math.fsum(event.size[mine].tolist()))
            )
        missing = math.fsum([*amount[legs].tolist(), -required])
        if abs(missing) > _ROUNDING * required:
            raise SolveError(
                f"whole positions of {event.book.assets[k]!r} miss the requirement by {missing:.3g} "
                "contracts; change the requirement by that, or lower the minimum"
            )
        amount[legs] = clear_exactly(amount[legs], event.size[legs], required)  # the last bits
    return amount


def _minima(event: Event, least: Mapping[str, float]) -> Array:
    """Contracts that remain at least, by asset number, (d,)."""
    found = np.zeros(len(event.book.assets))
    if not hasattr(least, "items"):
        raise EventError(
            f"least maps assets to the contracts that remain at least, such as {{'BTC': 0.1}}, not {least!r}"
        )
    for asset, value in least.items():
        number = (
            float(value)
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            else math.nan
        )
        if str(asset) not in event.book.number_of or not (number > 0):
            raise EventError(
                f"least[{str(asset)!r}] = {value!r}: give a positive number of contracts of an asset that "
                f"the book holds ({', '.join(event.book.assets[:6])})"
            )
        found[event.book.number_of[str(asset)]] = number
    return found
