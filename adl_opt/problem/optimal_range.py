"""What is optimal besides: how much each leg can close at the least and at the most without leaving the
optimum (THEORY 1, 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.errors import SolveError
from adl_opt.problem.problem import Problem
from adl_opt.progress import waiting
from adl_opt.threads import unheard

if TYPE_CHECKING:
    import pandas as pd


def optimal_range(
    problem: Problem,
    *,
    short: Mapping[str, Any] | None = None,
    long: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """How much each position can close at an optimum, the others following: a table, a line a leg.

    - `problem`: a Problem
    - `short`, `long`: another requirement, as in `Problem.solve`
    - `progress`: a bar on a terminal

    Returns a DataFrame account, asset, least, most (contracts, signed like the position). Isolated margin: in
    closed form for ExpectedLoss, MaxLeverage, leverage powers and, with one asset to decide, every risk
    measure whose tail law is known. Otherwise by two programs a leg over the optimal face. `attrs` says which
    ("how"), and how far from the optimum allocations may be ("within", relative). Without a law a monotone
    objective has one optimum that serves all laws: water-filling. Ranges narrower than rounding are one
    point. Raises SolveError if the optimum is not certified.

    Source: Thm 2; THEORY 2 (cutoff theorem).

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> law = adl.Scenarios({"BTC": [0.0, 1.0]}, [0.9, 0.1])
    >>> adl.optimal_range(adl.Problem(adl.WorstCase(), event, law)).round(6)
    account asset       least        most
                   contracts,  contracts,
                  signed like signed like
                     position    position
    a0      BTC            -5        -7.5
    a1      BTC             0        -2.5
    a2      BTC          -7.5         -10
    """
    from adl_opt.table import with_units

    if not isinstance(problem, Problem):
        raise SolveError(
            f"optimal_range takes a Problem, not {problem!r}: adl.optimal_range(adl.Problem(objective, "
            "event, law))"
        )
    with unheard(), waiting("the optimum", progress):
        best = problem.solve(short=short, long=long)
    if not best.certificate.certified:
        raise SolveError(
            f"the optimum is not certified but {best.certificate.status} (relative gap "
            f"{best.certificate.gap:.2g}; "
            f"{best.certificate.proof}), so that its ranges cannot be told; see problem.solve()"
        )
    with waiting("what else is optimal", progress):
        least, most, how, within = problem.optima(best).ranges()
    book = best.event.book
    sign = np.sign(book.position)
    frame = with_units(
        {
            "account": book.accounts[book.account],
            "asset": np.array(book.assets, dtype=object)[book.asset],
            "least": sign * least + 0.0,
            "most": sign * most + 0.0,
        },
        currency=book.currency,
    )
    frame.attrs |= {"how": how, "within": within}
    return frame
