"""Allocations as tables that are read: by position, by account, and what is lost by scenario."""

from __future__ import annotations

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import AllocationError
from adl_opt.evaluation.symbols import SymbolsAt, needed, scenarios_of
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective, evaluate
from adl_opt.objectives.cvar import CVaR
from adl_opt.objectives.hooks import check_hooks
from adl_opt.table import Table, with_units

_ROUNDING = 1e-12  # relative: probabilities summed up to here have reached a level


def positions(event: Event, amount: Array) -> Table:
    """A row a position."""
    book, m = event.book, SymbolsAt(event, None, amount)
    return with_units(
        {
            "account": book.accounts[book.account],
            "asset": np.array(book.assets, dtype=object)[book.asset],
            "position": book.position,
            "closed": m.closed + 0.0,
            "left": m.left,
            "leverage_before": m.leverage_before[book.account],
            "leverage_after": m.leverage[book.account],
        },
        currency=book.currency,
    )


def accounts(event: Event, amount: Array) -> Table:
    """A row an account."""
    book, m = event.book, SymbolsAt(event, None, amount)
    gross, after = book.gross_notional, book.per_account(np.abs(m.notional))
    closed = book.per_account(amount * book.price[book.asset])
    return with_units(
        {
            "account": book.accounts,
            "equity": book.equity,
            "gross_before": gross,
            "gross_after": after,
            "closed_notional": closed,
            "fraction_closed": np.divide(closed, gross, out=np.zeros_like(gross), where=gross > 0),
            "leverage_before": m.leverage_before,
            "leverage_after": m.leverage,
        },
        currency=book.currency,
    )


def losses(event: Event, amount: Array, law: Law | None, by_account: bool) -> Table:
    """A row a scenario."""
    scenarios = scenarios_of(needed(law).for_book(event.book))
    m = SymbolsAt(event, scenarios, amount)
    columns = {"probability": scenarios.probability, "loss": m.loss}
    if by_account:
        losing = [
            (a + np.flatnonzero((x > 0).any(axis=1)), x[(x > 0).any(axis=1)]) for a, _, x in m.arguments()
        ]
        names = [f"loss {account}" for rows, _ in losing for account in event.book.accounts[rows]]
        columns |= dict(zip(names, np.maximum(np.concatenate([x for _, x in losing]), 0.0)))
    money = dict.fromkeys(list(columns)[1:], event.book.currency)
    return with_units(columns, {"probability": "of the scenario"} | money)


def quantiles(table: Table, levels: object) -> Table:
    """A row a level, of a table of losses."""
    loss, probability = table["loss"].to_numpy(), table["probability"].to_numpy()
    order = np.argsort(loss, kind="stable")
    reached = np.cumsum(probability[order])
    given = _levels(levels)
    place = np.searchsorted(reached, given * (1 - _ROUNDING))
    quantile = loss[order][np.minimum(place, len(loss) - 1)]
    tail = [CVaR(level).of(loss, probability) for level in given.tolist()]
    units = {"level": "probability", "quantile": "quote currency", "CVaR": "quote currency"}
    return with_units({"level": given, "quantile": quantile, "CVaR": tail}, units)


def _levels(levels: object) -> Array:
    try:
        given = np.atleast_1d(np.asarray(levels, float))
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.ndim != 1 or not given.size or not ((given >= 0) & (given < 1)).all():
        raise AllocationError(
            f"levels = {str(levels)[:40]}: give fractions, at least 0 and below 1, such as 0.99"
        )
    return given


def measured(event: Event, amount: Array, objective: object, law: Law | None) -> float:
    """An objective's value at the allocation."""
    if not isinstance(objective, Objective):
        hint = f"; write {objective.__name__}()" if isinstance(objective, type) else ""
        raise AllocationError(f"{objective!r} is not an objective{hint}")
    check_hooks(objective)
    return evaluate(objective, SymbolsAt(event, None if law is None else law.for_book(event.book), amount))
