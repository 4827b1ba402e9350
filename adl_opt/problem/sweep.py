"""Sweeps: what is asked point by point, the line that tells of each answer, and the table of the lines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event, requirement_pairs
from adl_opt.errors import InfeasibleError, SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.executors import mapped
from adl_opt.laws.one_factor import OneFactor
from adl_opt.objectives.words import unit_of
from adl_opt.problem.allocation import Allocation
from adl_opt.threads import uncertified

Point = TypeVar("Point")
Line = tuple[dict[str, Any], str]  # the columns of one answer, and the unit of its objective
_MOST_COLUMNS = 100  # accounts whose leverages are shown


def requirements(
    short: Mapping[str, Any] | None, long: Mapping[str, Any] | None
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(short, long) of each point; lists of one length, numbers are repeated. Raises SolveError."""
    wanted = [
        {str(asset): np.atleast_1d(np.asarray(values, dtype=object)) for asset, values in pairs}
        for pairs in (dict(requirement_pairs(side)).items() for side in (short, long))
    ]
    lists = [(asset, values) for side in wanted for asset, values in side.items()]
    count = max((len(values) for _, values in lists), default=0)
    odd = [asset for asset, values in lists if len(values) not in (1, count)]
    if odd:
        raise SolveError(f"{odd[0]!r} has another number of requirements than {count}")
    if not count:
        raise SolveError('nothing to sweep: say short={"BTC": [1, 2, 5]}')
    for k in range(count):
        at = [{asset: v[k if len(v) > 1 else 0] for asset, v in side.items()} for side in wanted]
        yield at[0], at[1]


def line(solved: Allocation, factor: OneFactor | None) -> dict[str, Any]:
    """Requirement, status, prices and leverages of one answer; factor (aligned): its leverages too."""
    event, c, m = solved.event, solved.certificate, SymbolsAt(solved.event, factor, solved.amount)
    found: dict[str, Any] = {f"short {asset}": need for asset, need in event.short.items()}
    found |= {f"long {asset}": need for asset, need in event.long.items()}
    found |= {"status": c.status, "method": solved.method, "objective": c.value, "gap": c.gap}
    found |= {f"shadow price {asset}": price for asset, price in solved.shadow_prices.items()}
    if solved.priced is not None and len(solved.constraint_prices) <= _MOST_COLUMNS:
        prices = solved.constraint_prices.reset_index().to_numpy()
        found |= {f"price of {name} {of}".rstrip(): price for name, of, price in prices}
    found["max leverage"] = float(m.leverage.max())
    accounts = event.book.accounts
    found |= {name: float(column[0]) for name, column in leverages(event.book, m.leverage[None]).items()}
    if factor is not None and len(accounts) <= _MOST_COLUMNS:
        found |= {f"factor leverage {account}": float(x) for account, x in zip(accounts, m.factor_leverage)}
    return found


def leverages(book: Book, leverage: Array) -> dict[str, Array]:
    """Columns of leverages (lines, n) by account; none where there are more than 100 accounts."""
    if len(book.accounts) > _MOST_COLUMNS:
        return {}
    return {f"leverage {account}": column for account, column in zip(book.accounts, leverage.T)}


def swept(
    answer: Callable[[Point], Line],
    points: Sequence[Point],
    executor: Executor | None,
    what: str,
    progress: bool,
    name: Callable[[Point], str] | None = None,
) -> Any:
    """A Table of the lines of all answers, here or by an executor; UncertifiedWarning, once, where a gap is
    open.
    """
    from adl_opt.table import with_units

    found = mapped(answer, points, executor, what, progress, name)
    lines = [columns for columns, _ in found]
    refused = [k for k, columns in enumerate(lines) if columns["status"] == "infeasible"]
    if refused:
        uncertified(
            f"no allocation holds the constraints in {len(refused)} of {len(lines)} lines, first number "
            f"{refused[0] + 1}: {lines[refused[0]]['method']}"
        )
        for k in refused:
            lines[k]["method"] = ""
    open_gaps = [k for k, columns in enumerate(lines) if columns["status"] == "uncertified"]
    if open_gaps:
        first = open_gaps[0]
        uncertified(
            f"not certified: {len(open_gaps)} of {len(lines)} lines, first number {first + 1} with relative "
            f"gap {lines[first]['gap']:.2g}; what is allocated there is feasible, its optimality is not "
            "proved (§11)"
        )
    return with_units(lines, units(lines, " or ".join(dict.fromkeys(unit for _, unit in found))))


def answered(solved: Allocation, factor: OneFactor | None = None) -> Line:
    """The line of an answer; factor (aligned): its leverages too."""
    return line(solved, factor), unit_of(solved.objective, solved.event.book.currency)


def impossible(error: InfeasibleError, event: Event, unit: str) -> Line:
    """The line where no allocation holds the constraints: no numbers, and for now the reason as method."""
    found: dict[str, Any] = {f"short {asset}": need for asset, need in event.short.items()}
    found |= {f"long {asset}": need for asset, need in event.long.items()}
    return found | {"status": "infeasible", "method": str(error), "objective": np.nan, "gap": np.nan}, unit


def units(lines: list[dict[str, Any]], unit: str) -> dict[str, str]:
    """The unit of each column of `lines`; unit: of the objective."""
    by_start = {
        "short ": "contracts", "long ": "contracts", "objective": unit, "gap": "fraction of the value",
        "shadow price ": f"{unit} per contract", "price of ": f"{unit} per unit of the limit",
        "max leverage": "x of equity, gross",
        "leverage ": "x of equity, gross", "factor leverage ": "x of equity",
    }  # fmt: skip
    starts = tuple(by_start)
    return {
        name: next(by_start[start] for start in starts if name.startswith(start))
        for line in lines
        for name in line
        if name.startswith(starts)
    }
