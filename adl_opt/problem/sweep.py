"""A sweep over requirements: what is asked point by point, and the line that tells of each answer."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from adl_opt.data.event import requirement_pairs
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.one_factor import OneFactor
from adl_opt.problem.allocation import Allocation

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
    found["max leverage"] = float(m.leverage.max())
    accounts = event.book.accounts
    if len(accounts) <= _MOST_COLUMNS:
        found |= {f"leverage {account}": float(x) for account, x in zip(accounts, m.leverage)}
        if factor is not None:
            leverages = zip(accounts, m.factor_leverage)
            found |= {f"factor leverage {account}": float(x) for account, x in leverages}
    return found


def units(lines: list[dict[str, Any]], unit: str) -> dict[str, str]:
    """The unit of each column of `lines`; unit: of the objective."""
    by_start = {
        "short ": "contracts", "long ": "contracts", "objective": unit, "gap": "fraction of the value",
        "shadow price ": f"{unit} per contract", "max leverage": "x of equity, gross",
        "leverage ": "x of equity, gross", "factor leverage ": "x of equity",
    }  # fmt: skip
    starts = tuple(by_start)
    return {
        name: next(by_start[start] for start in starts if name.startswith(start))
        for line in lines
        for name in line
        if name.startswith(starts)
    }
