"""A price shock step by step along a path: what each policy costs the exchange in the end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.data.maintenance import COLUMN
from adl_opt.errors import AllocationError, EventError
from adl_opt.executors import check_executor, mapped
from adl_opt.policies.base import Policy, applied
from adl_opt.policies.proportional import pro_rata
from adl_opt.policies.water_filling import gross_water_filling, water_filling
from adl_opt.progress import counted
from adl_opt.studies.compare import named, rules
from adl_opt.studies.stress import checked_fund, need_solvent, relative_moves, shocked

if TYPE_CHECKING:
    import pandas as pd


def stress_path(
    book: Book,
    moves: pd.DataFrame,
    policies: Sequence[Policy | str] | None = None,
    fund: float = 0.0,
    *,
    meant: bool = False,
    progress: bool = False,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """What a price path costs the exchange under each policy: `stress`, step by step.

    - `book`, `fund`, `meant`: as of `stress`
    - `moves`: a DataFrame, a row a step, a column an asset, relative moves
    - `policies`: as of `compare` (default: water-filling, of gross leverage in cross margin, and pro rata)
    - `progress`: a bar on a terminal; `executor`: as in `sweep`, a policy each

    The state is carried forward: in every step the book is marked, the insolvent leave (the fund pays their
    deficit, then the exchange), and the policy closes solvent positions at mark: equities stay, positions
    shrink. What no solvent account can take is closed at mark outside the book, and its event counts as not
    filled.

    Returns a DataFrame, a line a policy: lost (quote currency, by the exchange beyond the fund), deficit,
    fund left, accounts insolvent, events, events not filled, closed notional (quote currency, at the prices
    of closing), and `contracts of X closed` for the assets in which a policy closed any. With one asset and
    isolated margin water-filling loses at most what any other policy does in the step after the first event,
    on every path. Further on it can lose more, even on average over symmetric paths: it keeps alive whom
    another policy lets fail early and cheaply. Raises as `stress`, naming the step, and AllocationError if a
    policy does not return an Allocation of its event that clears.

    Source: Thm 1; THEORY 3.6.

    >>> moves = pd.DataFrame({"BTC": [0.2, 0.0], "ETH": [-0.1, 0.4]})
    >>> adl.stress_path(adl.examples.paper().book, moves)["lost"].round().to_dict()  # quote currency
    {'gross_water_filling': 37661.0, 'pro_rata': 35337.0}
    """
    import pandas as pd

    from adl_opt.table import with_units

    check_executor("stress_path", executor)
    need_solvent(book)
    if not isinstance(moves, pd.DataFrame) or not len(moves):
        raise EventError(
            "a path is a DataFrame of relative moves with at least one row: a row a step, a column an asset"
        )
    if moves.columns.duplicated().any():
        raise EventError(
            f"the moves have the column {moves.columns[moves.columns.duplicated()][0]!r} more than once"
        )
    steps = [
        relative_moves(book, dict(zip(moves.columns, row)), f"step {i + 1}: ", meant=meant)
        for i, row in enumerate(moves.to_numpy(object))
    ]
    levels = [water_filling] if book.isolated else [gross_water_filling]
    given = rules("stress_path", policies, None)
    chosen = [*levels, pro_rata] if given is None else given
    names = [named(policy) for policy in chosen]
    if len(set(names)) < len(names):
        raise EventError(
            f"two policies are named {next(n for n in names if names.count(n) > 1)!r}; give each its own "
            "__name__"
        )
    walk = partial(_walked, book, steps, checked_fund(fund))
    rows = mapped(walk, chosen, executor, "the path under", progress, named)
    contracts = np.array([closed for _, closed in rows])
    lines = [line for line, _ in rows]
    for k in np.flatnonzero(contracts.any(axis=0)) if rows else ():
        for line, closed in zip(lines, contracts[:, k]):
            line[f"contracts of {book.assets[k]} closed"] = closed
    money = ("lost", "deficit", "fund left", "closed notional")
    return with_units(lines, dict.fromkeys(money, book.currency), index=pd.Index(names, name="policy"))


def _walked(
    start: Book, steps: Sequence[Array], fund: float, policy: Policy
) -> tuple[dict[str, float], Array]:
    with counted(steps, "steps") as walk:
        return _after(start, walk, policy, fund)


def _after(
    start: Book, steps: Iterable[Array], policy: Policy, fund: float
) -> tuple[dict[str, float], Array]:
    book: Book | None = start
    lost, deficits, notional = [0.0], [0.0], [0.0]
    insolvent = events = unfilled = 0
    contracts = np.zeros(len(start.assets))
    for move in steps:
        if book is None:
            break
        after = shocked(book, move, fund)
        lost.append(after.uncovered)
        deficits.append(after.deficit)
        fund, book = after.fund_left, after.book
        insolvent += int(after.failed.sum())
        events += after.event is not None or bool(after.lacking.any())
        unfilled += bool(after.lacking.any())
        if after.event is not None:
            closed = _closed(policy, after.event)
            held = after.event.book
            contracts += np.bincount(held.asset, np.abs(closed), len(held.assets))
            notional.append(float(np.abs(closed) @ held.price[held.asset]))
            # A margin that is kept apart would have to take the profit of what is closed: equity already
            # holds it.
            extra = {name: column for name, column in held.extra.items() if name != "margin"}
            left = held.position - closed
            if COLUMN in extra:  # at its rate
                of = np.divide(left, held.position, out=np.zeros_like(left), where=held.position != 0)
                extra[COLUMN] = extra[COLUMN] * of
            book = replace(held, position=left, extra=extra)
    line = {
        "lost": math.fsum(lost),
        "deficit": math.fsum(deficits),
        "fund left": fund,
        "accounts insolvent": insolvent,
    }
    return {
        **line,
        "events": events,
        "events not filled": unfilled,
        "closed notional": math.fsum(notional),
    }, contracts


def _closed(policy: Policy, event: Event) -> Array:
    allocation = applied(policy, event)
    if allocation.event is not event:
        raise AllocationError(
            f"the policy {named(policy)} must return an Allocation of the event it is given, not of "
            "another event"
        )
    if allocation.certificate.status == "infeasible":
        raise AllocationError(
            f"the policy {named(policy)} returns an infeasible allocation: {allocation.certificate.proof}"
        )
    return allocation.closed_by_leg
