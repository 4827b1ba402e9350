"""The multipliers of constraints that prove most at an allocation, by a linear program of supports
(THEORY 11.3).

Whatever they are, the bound that comes of them is recomputed (certificates/assess.py).
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from adl_opt.arrays import Array
from adl_opt.constraints.constrained import Constrained, Multipliers
from adl_opt.constraints.linear import LinearConstraint
from adl_opt.errors import AdlError
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.program import clearing_rows
from adl_opt.objectives.base import evaluate
from adl_opt.objectives.hooks import minorant_of


class _Said(NamedTuple):
    """The rows of a constraint near an allocation: slope (J, legs) in the fraction closed of whole positions,
    excess (J,); a constraint whose slope is not known has none.
    """

    slope: Any
    excess: Array


def best_multipliers(
    limits: Constrained, m: SymbolsAt, dual: Dual | None = None, known: Multipliers = ()
) -> Multipliers | None:
    """Multipliers of the rows of each constraint, at an allocation that holds them; None where the objective
    has no support there or the program has no answer. known: those of a solver, kept for constraints whose
    slopes are not known here.
    """
    from scipy.optimize import linprog

    event = m.event
    below = minorant_of(limits.inner, m, dual or Dual())
    if below is None or not event.free.any():
        return None
    try:
        said = [_rows(constraint, m) for constraint in limits.subject_to]
    except AdlError:
        return None
    free = np.flatnonzero(event.free)
    share = event.closable_part(np.ones(len(event.size)))[free]  # a fraction closed of a whole position
    stacked: Any = sp.vstack([sp.csr_array(one.slope) for one in said], format="csr")
    rows = stacked[:, free] @ sp.diags_array(share)
    excess = np.concatenate([one.excess for one in said])
    at = event.fraction_from(m.amount)
    # What is closed more (up) and less (down) than at `m`, each at its own slope.
    cost = np.concatenate([below.high[free] * share, -below.low[free] * share])
    scale = float(np.abs(cost).max(initial=0.0)) or 1.0
    matrix, _ = clearing_rows(event)
    bounds = np.column_stack([np.zeros(2 * len(free)), np.concatenate([1 - at, at]).clip(0.0)])
    found = linprog(
        cost / scale, A_ub=sp.hstack([rows, -rows]), b_ub=np.maximum(-excess, 0.0),
        A_eq=sp.hstack([matrix, -matrix]), b_eq=np.zeros(matrix.shape[0]), bounds=bounds, method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )  # fmt: skip
    if found.status != 0:
        return None
    weight = np.maximum(-found.ineqlin.marginals, 0.0) * scale
    ends = np.cumsum([0, *(len(one.excess) for one in said)])
    told = known or ((),) * len(limits.subject_to)
    return tuple(
        _as_said(constraint, weight[a:b], m) if b > a or isinstance(constraint, LinearConstraint) else kept
        for constraint, a, b, kept in zip(limits.subject_to, ends[:-1], ends[1:], told)
    )


def _rows(constraint: Any, m: SymbolsAt) -> _Said:
    if isinstance(constraint, LinearConstraint):
        rows = constraint.rows(m.event)
        divided = sp.diags_array(1 / rows.size) @ rows.matrix if len(rows.limit) else rows.matrix
        return _Said(divided, rows.excess(m.fraction) / rows.size)
    slopes, excess = [np.zeros((0, len(m.amount)))], []
    for objective, most, _ in constraint.measured(m.event, m.law):
        below = minorant_of(objective, m, Dual())
        unit = float(m.event.natural_scale.mean()) if objective.money else 1.0
        known = below is not None
        slopes.append(((below.low + below.high) / 2 / unit if known else np.zeros(len(m.amount)))[None])
        excess.append((evaluate(objective, m) - most) / unit if known else -1.0)
    return _Said(np.concatenate(slopes), np.array(excess))


def _as_said(constraint: Any, weight: Array, m: SymbolsAt) -> tuple[Array, ...]:
    """In the shape of what `express` lists."""
    if isinstance(constraint, LinearConstraint):
        return (weight,) if len(weight) else ()
    return tuple(weight[k : k + 1] for k in range(len(weight)))
