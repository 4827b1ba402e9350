"""Random and degenerate events for tests: ties, zero positions, requirement 0 and capacity, equities over
twelve decades.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

import adl_opt as adl

FULL = bool(os.environ.get("ADL_OPT_FUZZ"))
ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "hyperliquid-2025-10-10" / "book.csv"


def count(full: int) -> range:
    """The full count behind `make fuzz`, a tenth in `make test`."""
    return range(full if FULL else max(full // 10, 1))


def frame(account, asset, position, price, equity) -> pd.DataFrame:
    return pd.DataFrame(
        {"account": account, "asset": asset, "position": position, "price": price, "equity": equity}
    )


def one_asset(position, equity, required, price=1.0, side="short") -> adl.Event:
    """Isolated accounts a0, a1, ... in asset X."""
    position = np.asarray(position, float)
    book = adl.Book.from_frame(
        frame([f"a{i}" for i in range(len(position))], "X", position, price, np.asarray(equity, float))
    )
    return adl.Event(book, **{side: {"X": required}})


def isolated(rng: np.random.Generator, n: int | None = None, decades: float = 12.0) -> adl.Event:
    """One asset, shorts or longs to close, some accounts on the other side, degenerate in several ways."""
    n = int(rng.integers(2, 26)) if n is None else n
    equity = 10 ** rng.uniform(-decades / 2, decades / 2, n)
    leverage = rng.lognormal(1.0, 1.0, n)
    if rng.random() < 0.3:
        leverage = np.round(leverage) + 1  # ties
    size = leverage * equity * (rng.random(n) > 0.15)  # zero positions
    sign = -1.0 if rng.random() < 0.7 else 1.0
    sides = np.where(rng.random(n) < 0.2, -sign, sign)
    price = float(10 ** rng.uniform(-3, 5))
    side = "short" if sign < 0 else "long"
    event = one_asset(sides * size / price, equity, 0.0, price, side)
    return event.with_requirement(**{side: {"X": _required(rng, event, "X", side)}})


def cross(
    rng: np.random.Generator, n: int | None = None, d: int | None = None, decades: float = 3.0
) -> adl.Event:
    """Several assets, both sides, hedges; a requirement in one or more assets."""
    n, d = int(rng.integers(2, 9)) if n is None else n, int(rng.integers(2, 4)) if d is None else d
    equity = 10 ** rng.uniform(-decades / 2, decades / 2, n)
    price = 10 ** rng.uniform(-1, 3, d)
    rows = []
    for i in range(n):
        for k in range(d):
            if rng.random() < 0.8:
                rows.append(
                    (
                        f"a{i}",
                        f"X{k}",
                        rng.normal() * 4 * equity[i] / price[k] * (rng.random() > 0.1),
                        price[k],
                        equity[i],
                    )
                )
        if not any(row[0] == f"a{i}" for row in rows):
            rows.append((f"a{i}", "X0", -equity[i] / price[0], price[0], equity[i]))
    book = adl.Book.from_frame(frame(*zip(*rows)))
    need: dict[str, dict[str, float]] = {"short": {}, "long": {}}
    for asset in book.assets:
        if rng.random() < 0.7 or asset == book.assets[0]:
            side = "short" if rng.random() < 0.5 else "long"
            event = adl.Event(book, **{side: {asset: 0.0}})
            need[side][asset] = _required(rng, event, asset, side)
    return adl.Event(book, **need)


def _required(rng: np.random.Generator, event: adl.Event, asset: str, side: str) -> float:
    capacity = adl.Event(event.book, **{side: {asset: "all"}}).capacity[asset]
    draw = rng.random()
    return 0.0 if draw < 0.07 else capacity if draw < 0.14 else float(capacity * rng.random() ** 2)


def scenarios(rng: np.random.Generator, d: int, count: int = 20) -> adl.Scenarios:
    """Heavy-tailed correlated moves with unequal probabilities; some repeated, one of probability zero."""
    moves = rng.standard_t(2.5, (count, d)) * 0.2 + rng.standard_t(2.5, (count, 1)) * 0.2
    moves[-1] = moves[0]
    weight = rng.random(count)
    weight[1] = 0.0
    return adl.Scenarios(moves, weight / weight.sum(), meant=True)  # the mathematics holds for any moves


def gaussian(rng: np.random.Generator, d: int) -> adl.Gaussian:
    """Correlated normal moves of a few percent."""
    factor = rng.normal(size=(d, d)) * 0.05
    return adl.Gaussian(factor @ factor.T + 1e-4 * np.eye(d))


def book(rows) -> adl.Book:
    """Of rows account, asset, position, price, equity."""
    return adl.Book.from_frame(frame(*zip(*rows)))


HEDGED = [
    ("A", "X", -10, 1.0, 1.0),
    ("B", "X", -6, 1.0, 1.0),
    ("A", "Z", 1, 1.0, 1.0),
    ("B", "Z", -1, 1.0, 1.0),
]


def hedged_shorts(size, equity) -> adl.Book:
    """Accounts short of A and, by as much, of B, each at 128."""
    return book([(i, asset, -x, 128.0, e) for i, (x, e) in enumerate(zip(size, equity)) for asset in "AB"])


BOOK = adl.Book.from_frame(
    pd.DataFrame(
        {
            "account": ["a", "b"],
            "asset": "K",
            "position": [-10.0, -10.0],
            "price": 100.0,
            "equity": [100.0, 400.0],
        }
    )
)
SIX = adl.Event(BOOK, short={"K": 6.0})
MOVES = adl.Scenarios(np.random.default_rng(5).normal(0, 0.3, (200, 1)).clip(-1))


def elliptical(rng: np.random.Generator, d: int) -> list[adl.Gaussian]:
    """Volatilities from mild to wild, any correlation, drift or not, tails down to 1.5 degrees of freedom."""
    a = rng.normal(size=(d, d))
    matrix = (a @ a.T + 0.3 * np.eye(d)) * 0.02 * 10 ** rng.uniform(-1, 0.5)
    return [
        adl.Gaussian(matrix, mean=rng.normal(size=d) * 0.02),
        adl.StudentT(matrix, dof=float(rng.choice([1.5, 3, 8]))),
    ]
