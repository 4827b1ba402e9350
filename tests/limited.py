"""Events under random limits, and the least loss of them as a linear program written here."""

import math

import numpy as np
from scipy.optimize import linprog

import adl_opt as adl
from tests.books import cross, isolated, scenarios
from tests.tolerances import TOL


def limited(rng: np.random.Generator, event: adl.Event) -> adl.Event:
    """The event's book and sides under random limits, with requirements that fit, some 0 and some all."""
    book = event.book
    limits = {
        "protected": [name for name in book.accounts if rng.random() < 0.2],
        "cap": rng.uniform(0.05, 1)
        if rng.random() < 0.5
        else {name: rng.uniform(0.05, 1) for name in book.accounts if rng.random() < 0.6},
    }
    need: dict[str, dict[str, object]] = {"short": {}, "long": {}}
    for side, sizes in need.items():
        for asset in getattr(event, side):
            capacity = float(adl.Event(book, **{side: {asset: "all"}}, **limits).capacity[asset])
            sizes[asset] = (
                "all" if (draw := rng.random()) < 0.05 else 0.0 if draw < 0.1 else capacity * rng.random()
            )
    return adl.Event(book, **need, **limits)


def drawn(seed: int, n: int = 8, decades: float = 2.0) -> tuple[adl.Event, adl.Scenarios]:
    """Isolated margin for even seeds, cross margin for odd."""
    rng = np.random.default_rng(seed)
    event = (
        isolated(rng, int(rng.integers(2, n)), decades)
        if seed % 2 == 0
        else cross(rng, int(rng.integers(2, n - 2)), 2)
    )
    event = limited(rng, event)
    return event, scenarios(rng, len(event.book.assets), 8)


def most_closed(event: adl.Event) -> np.ndarray:
    """What may be closed of each leg, contracts, leg by leg from the definition."""
    book, most = event.book, []
    for i, k, position in zip(book.account, book.asset, book.position):
        name = book.accounts[i]
        cap = event.cap.get(name, 1.0) if isinstance(event.cap, dict) else event.cap
        may = position * event.side[k] > 0 and name not in event.protected
        most.append(abs(position) * cap if may else 0.0)
    return np.array(most)


def least_expected_loss(
    event: adl.Event, law: adl.Scenarios, level: float | None = None, held: tuple[int, float] | None = None
) -> float:
    """The expected loss, or the CVaR of the total, as a linear program written here: fractions of what may be
    closed, shortfalls, tail.

    held: a leg and what it closes, contracts.
    """
    book, most, S = event.book, most_closed(event), len(law.probability)
    legs, n = len(most), len(book.accounts)
    scale = np.maximum(book.per_account(np.abs(book.notional)), book.equity)
    unit = scale.max()
    tail = S + 1 if level is not None else 0  # excesses and the quantile
    A, right = np.zeros((n * S, legs + n * S + tail)), np.zeros(n * S)
    for i in range(n):
        mine = book.account == i
        for s in range(S):
            move = law.moves[s, book.asset[mine]] * book.price[book.asset[mine]] / scale[i]
            A[i * S + s, :legs][mine] = np.sign(book.position[mine]) * most[mine] * move
            A[i * S + s, legs + i * S + s] = -1
            right[i * S + s] = book.position[mine] @ move + book.equity[i] / scale[i]
    cost = np.zeros(A.shape[1])
    bounds = [(0, 1)] * legs + [(0, None)] * (n * S)
    if held is not None:
        bounds[held[0]] = (held[1] / most[held[0]],) * 2
    if level is None:
        cost[legs : legs + n * S] = (scale[:, None] * law.probability / unit).ravel()
    else:
        above = np.zeros((S, A.shape[1]))
        for s in range(S):
            above[s, legs + s : legs + n * S : S] = scale / unit
            above[s, legs + n * S + s], above[s, -1] = -1, -1
        A, right = np.vstack([A, above]), np.concatenate([right, np.zeros(S)])
        cost[legs + n * S : -1], cost[-1] = law.probability / (1 - level), 1
        bounds += [(0, None)] * S + [(None, None)]
    clear, share = [], []
    for k in np.flatnonzero(event.capacities):
        row = np.zeros(A.shape[1])
        row[:legs] = np.where(book.asset == k, most, 0.0) / event.capacities[k]
        clear.append(row)
        share.append(event.required[k] / event.capacities[k])
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, A, right, clear or None, share or None, bounds, method="highs", options=tight)
    assert found.status == 0, found.message
    return float(found.fun) * unit


def same_value(found: float, wanted: float, certificate: adl.Certificate) -> bool:
    return abs(found - wanted) <= TOL.value * max(certificate.reference, abs(wanted), 1e3 * certificate.floor)


def within(event: adl.Event, amount: np.ndarray) -> bool:
    most, k = most_closed(event), np.flatnonzero(event.side)
    sums = [math.fsum(amount[event.closable & (event.book.asset == a)].tolist()) for a in k]
    return bool((amount >= 0).all() and (amount <= most).all()) and sums == event.required[k].tolist()
