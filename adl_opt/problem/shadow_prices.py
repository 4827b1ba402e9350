"""Shadow prices as intervals: where the least value of an objective has a kink in a requirement, more than
one price is right (THEORY 6).

The lower end is what closing one more contract saves, the upper end what the last one saved. Where every
account has a slope, or one position to decide, the ends are read off the accounts; for other linear programs
they are the ends of the dual optimal face, by complementarity.
"""

from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import Certificate
from adl_opt.certificates.conic_dual import given_bounds
from adl_opt.constraints.constrained import constrained
from adl_opt.constraints.group_share import GroupShare
from adl_opt.data.event import Event
from adl_opt.errors import LawError, SolveError
from adl_opt.evaluation.minorants import Dual, Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import scenario_count
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.objectives.hooks import minorant_of

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Program

_ONE_PRICE = 1e-7  # relative: ends this close are one price
_BOUND = 1e-9  # fractions this close to 0 or 1 are there, where kinks are exact
_SMOOTH_BOUND = 1e-6  # the same where a smooth optimum is approached
_CROSSED = 1e-6  # relative: ends that cross by more are no rounding, and nothing is determined
_TIGHT = 1e-9  # rows and columns of a program in numbers of order 1 this close to their bound are at it
_MOST_CELLS = 200_000  # accounts x scenarios up to which the dual face is worth its programs


def price_ranges(
    compiled: Compiled, event: Event, amount: Array, price: Array, certificate: Certificate
) -> tuple[Array, Array]:
    """(least, most (d,)) quote currency per contract; nan where not required or not determined, infinite
    where a requirement cannot be lowered or raised.

    amount (legs,) contracts: an optimum; price (d,): a right price.
    """
    low, high = (np.full(len(event.side), np.nan) for _ in range(2))
    limits = constrained(compiled.objective)
    shares = limits is not None and any(isinstance(one, GroupShare) for one in limits.subject_to)
    if not certificate.certified or certificate.rounding > 0 or shares:  # of shares one price alone is known
        return low, high  # where the value is rounding, so is what a contract saves
    m = SymbolsAt(event, compiled.law, amount)
    try:
        support = minorant_of(compiled.objective, m, Dual())
    except LawError:
        return low, high
    closable = event.book.per_account(event.closable.astype(float))
    free = event.book.per_account(event.free.astype(float))
    kinks = scenario_count(compiled.law) > 0
    if limits is None and support is not None and support.one_sided and not (kinks and (free > 1).any()):
        wanted = np.flatnonzero(event.side)
        if kinks and (closable > 1).any():
            wanted = event.free_assets
        for k in wanted:
            low[k], high[k] = _from_accounts(event, m, support, int(k), kinks)
    elif len(event.free_assets) and kinks and len(closable) * len(m.probability) <= _MOST_CELLS:
        try:
            program = compiled.program(event)
            if program.linear and not program.brings_variables:
                low, high = _from_program(event, program, compiled.unit_near(event, certificate))
        except SolveError:
            return low, high
    # One price is known to be right: rounding must not exclude it, and an interval of a rounding's width is
    # that price.
    known = ~np.isnan(price) & ~np.isnan(low)
    low[known], high[known] = np.minimum(low[known], price[known]), np.maximum(high[known], price[known])
    width = _ONE_PRICE * np.maximum(np.abs(low), np.abs(high))
    point = known & np.isfinite(width) & (high - low <= width)
    low[point], high[point] = price[point], price[point]
    return low + 0.0, high + 0.0


def _from_accounts(event: Event, m: SymbolsAt, support: Minorant, k: int, kinks: bool) -> tuple[float, float]:
    legs = event.closable_legs[k]
    size, held = event.size[legs], event.held[legs]
    share = m.amount[legs] / size
    near = _BOUND if kinks else _SMOOTH_BOUND
    cheap, dear = -support.high[legs] / held, -support.low[legs] / held
    room, closed = share < 1 - near, share > near
    if not kinks and (room & closed).any():
        inside = room & closed
        at = float(np.average(cheap[inside], weights=size[inside]))
        return at, at
    least, most = float(cheap[room].max(initial=-np.inf)), float(dear[closed].min(initial=np.inf))
    if least <= most:
        return least, most
    middle = (least + most) / 2 if least - most <= _CROSSED * max(abs(least), abs(most)) else np.nan
    return middle, middle


def _from_program(event: Event, program: "Program", reference: float) -> tuple[Array, Array]:
    """The ends of each clearing row's multiplier over all optimal duals of a linear program."""
    import scipy.sparse as sp
    from scipy.optimize import linprog

    data, x, back = program.linear_data(event, reference)
    A, c = sp.csr_array(data["A"]), np.asarray(data["c"], float)
    slack = np.asarray(data["b"], float) - A @ x
    equal = int(data["dims"].zero)
    kept = np.concatenate([np.arange(equal), equal + np.flatnonzero(slack[equal:] <= _TIGHT)])
    low, high = given_bounds(data)
    at_low, at_high = x - low <= _TIGHT, high - x <= _TIGHT
    reduced = A[kept].T.tocsr()  # c + reduced z >= 0 at a lower bound, <= 0 at an upper one, = 0 between
    between, below, above = ~at_low & ~at_high, at_low & ~at_high, at_high & ~at_low
    rows = sp.vstack([-reduced[below], reduced[above]], format="csr")
    limits = np.concatenate([c[below], -c[above]])
    bounds = np.column_stack([np.where(kept < equal, -np.inf, 0.0), np.full(len(kept), np.inf)])
    dual_face = rows, limits, reduced[between], -c[between], bounds, "highs"
    ends = np.full((2, len(event.side)), np.nan)
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    for row, k in enumerate(event.free_assets):
        for end, sign in enumerate((1.0, -1.0)):
            cost = np.zeros(len(kept))
            cost[row] = sign
            found = linprog(cost, *dual_face, options=options)
            if found.status == 3:
                ends[end, k] = -sign * np.inf
            elif found.status == 0:
                ends[end, k] = found.x[row] * back / event.capacities[k]
    return ends[0], ends[1]
