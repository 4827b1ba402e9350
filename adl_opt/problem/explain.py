"""Why an account was reduced or spared, in words: its leverages, and what closing saves against the shadow
price.
"""

import contextlib
import difflib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from adl_opt.arrays import Array
from adl_opt.constraints.base import own
from adl_opt.constraints.constrained import Constrained, constrained, names_of
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, AllocationError
from adl_opt.evaluation.counting import finished, reduced
from adl_opt.evaluation.minorants import Minorant
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.hooks import minorant_of
from adl_opt.objectives.parts import told_weights, worst_of_laws
from adl_opt.text import figure

_SAME = 1e-6  # relative to the shadow price: savings this close to it are on the margin


def explained(
    event: Event,
    law: Law | None,
    aim: Objective | None,
    amount: Array,
    price: Array,
    unit: str,
    account: object,
    weights: Mapping[str, float],
) -> str:
    """`Allocation.explain`: law aligned or None, aim what was minimised or None, amount (legs,), price (d,),
    unit of the objective, weights of its laws by name.
    """
    book = event.book
    i = _number_of(book.accounts, str(account))
    before, after = (SymbolsAt(event, law, closed) for closed in (np.zeros(len(event.size)), amount))
    legs = np.flatnonzero(book.account == i)
    mine = legs[event.closable[legs]]
    some, whole = reduced(event, amount)[mine], finished(event, amount)[mine]
    what = (
        "protected, nothing of it may be closed"
        if not mine.size and event.shielded[legs].any()
        else "has nothing to close"
        if not mine.size
        else "spared"
        if not some.any()
        else ("closed to its cap" if (event.size[mine] < event.held[mine]).any() else "closed whole")
        if whole.all()
        else "reduced"
    )
    lines = [f"account {book.accounts[i]}: {what} (equity {figure(book.equity[i])} {book.currency})"]
    support, limits = _support(aim, after, weights), constrained(aim)
    alone = support if limits is None else _support(limits.inner, after, weights)
    what_price = "the shadow price" if limits is None else "the price of a contract, limits counted,"
    for j in legs:
        line = _leg(event, amount, price, support, unit, int(j), what_price)
        if limits is not None and event.closable[j]:
            line += _by_limits(limits, support, alone, float(event.held[j]), int(j))
        lines.append("  " + line)
    lines.append(f"  gross leverage {figure(before.leverage[i])} -> {figure(after.leverage[i])} x of equity")
    for where, one in _laws(law, aim, event):
        for name, pair in _by_law(one, before.under(one), after.under(one), i).items():
            lines.append(f"  {name[0]}{where} {figure(pair[0])} -> {figure(pair[1])} {name[1]}")
    return "\n".join(lines)


def volatility_leverage(m: SymbolsAt) -> Array | None:
    """Standard deviation of each account's profit and loss over its equity, (n,); None where the law has no
    finite one.
    """
    covariance = None if m.law is None else m.law.covariance_of_moves()
    if covariance is None:
        return None
    variance = np.zeros(len(m.equity))
    for a, b in m.chunks(len(covariance)):
        exposure = m.exposure_rows(a, b)
        variance[a:b] = ((exposure @ covariance) * exposure).sum(axis=1)
    return np.sqrt(np.maximum(variance, 0.0)) / m.equity


def _by_limits(
    limits: Constrained, support: Minorant | None, alone: Minorant | None, held: float, j: int
) -> str:
    """What of a saving is the objective's, and what the limits add."""
    unknown = [
        name
        for name, one, rows in zip(names_of(limits.subject_to), limits.subject_to, limits.multipliers)
        if own(one) and any(np.nansum(row) > 0 for row in rows)
    ]
    if unknown:
        return f" (what {' and '.join(unknown)} adds is not told)"
    if support is None or alone is None:
        return ""
    objective, all_of_it = -float(alone.high[j]) / held, -float(support.high[j]) / held
    if abs(all_of_it - objective) <= _SAME * max(abs(all_of_it), abs(objective)):
        return ""
    verb = "saves" if objective >= 0 else "costs"
    return (
        f" (one more contract {verb} {figure(abs(objective))} of the objective, and its limits count "
        f"{figure(all_of_it - objective)})"
    )


def _leg(
    event: Event, amounts: Array, prices: Array, support: Minorant | None, unit: str, j: int, called: str
) -> str:
    book = event.book
    k = int(book.asset[j])
    name, size, held, amount = book.assets[k], float(event.size[j]), float(event.held[j]), float(amounts[j])
    position = f"{name} {figure(book.position[j])}"
    if not event.closable[j]:
        other = "the account is protected" if np.sign(book.position[j]) == event.side[k] else None
        why = (
            "nothing is required of it"
            if event.side[k] == 0
            else other or f"only {'shorts' if event.side[k] < 0 else 'longs'} are closed"
        )
        return f"{position}: stays, {why}" + (
            _hedge(support, j, held, book.position[j]) if event.side[k] == 0 else ""
        )
    some, all_of_it = bool(reduced(event, amounts)[j]), bool(finished(event, amounts)[j])
    did = f"{position}: closed {figure(amount)}" if some else f"{position}: not closed"
    price = float(prices[k])
    if event.required[k] in (0.0, event.capacities[k]):
        whole = "all of it that may be closed" if event.capped else "all of it"
        share = "nothing of it" if event.required[k] == 0 else whole
        return f"{did}; {share} is required, nothing is decided"
    if price != price:
        return f"{did}; there is no shadow price (a policy, or no law)"
    at = f"{called} {figure(price)} ({unit} per contract)"
    if support is None:
        return (
            f"{did}; {at}; what one of its contracts saves is not known (for this objective, or after load)"
        )
    more, last = -float(support.high[j]) / held, -float(support.low[j]) / held
    slack = _SAME * max(abs(price), abs(more), abs(last))
    if some and not all_of_it:
        if last < more or not more - slack <= price <= last + slack:
            # A kink in several positions, or a measure that couples accounts: no slope of its own.
            return f"{did}, in part: on the margin, {at}"
        saves = (
            f"the last contract saved {figure(last)}, one more would save {figure(more)}"
            if last - more > slack
            else f"one more contract saves {figure(more)}"
        )
        return f"{did}; {saves}: on the margin, {at}"
    if not some:
        if more > price + slack:
            return f"{did}: spared, {at}"
        if more < 0:
            return f"{did}; closing it would add {figure(-more)} a contract, it hedges: spared, {at}"
        return f"{did}; closing would save {figure(more)} a contract, no more than {at}: spared"
    whole = "to its cap" if size < held else "all of it"
    if last < price - slack:
        return f"{did}, {whole}; {at}"
    return f"{did}, {whole}; its last contract saved {figure(last)}, no less than {at}"


def _hedge(support: Minorant | None, j: int, size: float, position: float) -> str:
    if support is None or not size:
        return ""
    saves = -float(support.high[j]) / size
    return (
        f" (closing it would {'save' if saves >= 0 else 'add'} {figure(abs(saves))} a contract)"
        if saves
        else ""
    )


def _laws(law: Law | None, aim: Objective | None, event: Event) -> Iterator[tuple[str, Law]]:
    """(words, law): that of the problem, and those that the objective brings."""
    if law is not None:
        yield "", law
    for part in [] if aim is None else worst_of_laws(aim):
        for term in part.terms(event.book):
            yield f" under {term.name}", term.law


def _by_law(
    law: Law, before: SymbolsAt, after: SymbolsAt, i: int
) -> dict[tuple[str, str], tuple[float, float]]:
    found: dict[tuple[str, str], tuple[float, float]] = {}
    if law.loading is not None:
        found["factor leverage", "x of equity"] = before.factor_leverage[i], after.factor_leverage[i]
    one, two = volatility_leverage(before), volatility_leverage(after)
    if one is not None and two is not None:
        found["volatility leverage", "(standard deviation of profit and loss, x of equity)"] = one[i], two[i]
    with contextlib.suppress(AdlError):  # a law that must be discretised first
        found[
            "expected shortfall", f"{after.event.book.currency} (what it loses beyond its equity, on average)"
        ] = (before.expected_shortfall[i], after.expected_shortfall[i])
    return found


def _support(aim: Objective | None, m: SymbolsAt, weights: Mapping[str, float]) -> Minorant | None:
    try:
        return None if aim is None else minorant_of(aim, m, told_weights(aim, weights))
    except AdlError:
        return None


def _number_of(accounts: NDArray[np.object_], account: str) -> int:
    found = np.flatnonzero(accounts == account)
    if not found.size:
        near = difflib.get_close_matches(account, [str(name) for name in accounts[:10_000]], 1)
        raise AllocationError(
            f"the book has no account {account!r}; "
            + (f"did you mean {near[0]!r}?" if near else f"its first is {str(accounts[0])!r}")
        )
    return int(found[0])
