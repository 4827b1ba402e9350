"""Objectives whose variables of their own narrow the allocations, planted in ten ways (THEORY 11.2), and
sound ones that touch their boxes.
"""

import cvxpy as cp
import numpy as np
import pandas as pd

import adl_opt as adl
from adl_opt.evaluation.vertices import queue, random_queue

KINDS = ("box", "boxes", "corner", "factors", "groups", "pairs", "norm", "euclidean", "chain", "floor")
TOPS = ("box", "boxes", "corner", "groups", "pairs")  # t >= rows @ fraction, t <= limit


def event(rng: np.random.Generator) -> adl.Event:
    """2 to 200 shorts in one to three assets, isolated or in cross margin; 10 to 90 % of each asset is to be
    closed.
    """
    n = round(float(np.exp(rng.uniform(np.log(2), np.log(200)))))
    d = int(rng.integers(1, 4)) if n >= 6 else 1
    account = np.arange(n) // (d if rng.random() < 0.5 else 1)
    equity = 100 * rng.lognormal(0, 1, n)[account]
    table = {
        "account": [f"a{i}" for i in account],
        "asset": [f"X{j % d}" for j in range(n)],
        "position": -rng.lognormal(0, 1, n),
    }
    book = adl.Book.from_frame(pd.DataFrame({**table, "price": 100.0, "equity": equity}))
    return adl.Event(book, short={asset: f"{rng.uniform(10, 90):.6f}%" for asset in book.assets})


def highest(event: adl.Event, row: np.ndarray) -> float:
    """The most that row @ fraction can be over all allocations; exact."""
    return float(row[event.free] @ queue(event, row))


class Planted(adl.Objective):
    """LeverageSquare beside rows of its own that hold at pro rata and cut off the share `excess` of what lies
    beyond it; 0: they touch.

    Three more rows touch and cut off nothing. gain: how far rows reach beyond pro rata.
    """

    def __init__(self, event: adl.Event, kind: str, rng: np.random.Generator, excess: float) -> None:
        n, self._pro_rata, self._kind = len(event.size), event.pro_rata_fraction, kind
        self._decoys = [(row, highest(event, row)) for row in rng.random((3, n)) * (rng.random((3, n)) < 0.5)]
        self._rows = rows = self._made(kind, rng, event)
        top, base = np.array([highest(event, row) for row in rows]), rows @ self._pro_rata
        bottom = -np.array([highest(event, -row) for row in rows])
        if kind in TOPS:
            room = (top - base) / np.maximum(np.abs(top), 1e-12)
            one = (
                int(np.argmax(room))
                if kind != "boxes"
                else int(rng.choice(np.flatnonzero(room >= room.max() / 2)))
            )
            share = 0.01 * (excess > 0) if kind == "corner" else excess
            self._limit, self.gain = top.copy(), float(room[one])
            self._limit[one] -= share * (top - base)[one]
        elif kind == "factors":
            one = int(rng.integers(2))
            self._low, self._limit, self.gain = bottom, top.copy(), float((top - base)[one])
            self._limit[one] -= excess * (top - base)[one]
        elif kind in ("norm", "euclidean"):
            self.gain = self._far(event, rng)
            self._limit = (
                (1 - excess) * self.gain if excess else float(np.maximum(top - base, base - bottom).sum())
            )
        elif kind == "chain":
            most = highest(event, rows.sum(axis=0))
            self.gain = most - float(base.sum())
            self._limit = most - excess * self.gain
        else:
            self.gain = float(base[0] - bottom[0])
            self._limit = float(bottom[0]) + excess * self.gain

    @staticmethod
    def _made(kind: str, rng: np.random.Generator, event: adl.Event) -> np.ndarray:
        n = len(event.size)

        def some(count: int) -> np.ndarray:
            row = np.zeros(n)
            row[rng.choice(n, min(count, n), replace=False)] = 1.0
            return row

        if kind == "box":
            return some(1)[None]
        if kind == "boxes":
            return np.eye(n)
        if kind in ("corner", "floor"):
            return rng.random((1, n))
        if kind == "groups":
            group = rng.integers(0, max(2, n // 5), n)
            return np.array([group == k for k in np.unique(group)], float) * event.size
        if kind == "pairs":
            return np.array([some(2) for _ in range(max(1, n // 3))])
        if kind == "chain":
            return np.array([some(max(1, n // 4)) * rng.normal(size=n) for _ in range(2)])
        return rng.normal(size=(2 if kind == "factors" else int(rng.integers(2, 9)), n))

    def _far(self, event: adl.Event, rng: np.random.Generator) -> float:
        """A norm that some allocation reaches."""
        far = [random_queue(event, rng) for _ in range(200)] + [
            queue(event, sign * row) for row in self._rows for sign in (1, -1)
        ]
        away = np.array(far) - self._pro_rata[event.free]
        return float(
            np.linalg.norm(away @ self._rows[:, event.free].T, 1 if self._kind == "norm" else 2, axis=1).max()
        )

    def express(self, m):
        closed, rows, limit = m.fraction, self._rows, self._limit
        for row, most in self._decoys:
            decoy = cp.Variable()
            m.subject_to(decoy >= row @ closed, decoy <= most)
        if self._kind in TOPS:
            boxed = len(rows) % 2 == 1  # the limit as a box of the variable, or as a row
            own = cp.Variable(len(rows), bounds=[np.full(len(rows), -np.inf), limit] if boxed else None)
            m.subject_to(own >= rows @ closed, *([] if boxed else [own <= limit]))
        elif self._kind == "factors":
            own = cp.Variable(2)
            m.subject_to(own == rows @ closed, own <= limit, own >= self._low)
        elif self._kind == "norm":
            own = cp.Variable(len(rows))
            away = rows @ (closed - self._pro_rata)
            m.subject_to(own >= away, own >= -away, cp.sum(own) <= limit)
        elif self._kind == "euclidean":
            own = cp.Variable(bounds=[0, limit])
            m.subject_to(cp.norm(rows @ (closed - self._pro_rata)) <= own)
        elif self._kind == "chain":
            own = cp.Variable(2)
            m.subject_to(own[0] >= rows[0] @ closed, own[1] >= own[0] + rows[1] @ closed, own[1] <= limit)
        else:
            own = cp.Variable()
            m.subject_to(own <= rows[0] @ closed, own >= limit)
        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return float(m.equity @ m.leverage**2)


def case(seed: int, sound: bool = False) -> tuple[adl.Event, Planted]:
    """A planted narrowing of kind seed % 10, or its sound twin, whose rows touch exactly."""
    rng = np.random.default_rng(seed + (1_000_000 if sound else 0))
    while True:
        start = event(rng)
        excess = 0.0 if sound else float(np.exp(rng.uniform(np.log(0.01), np.log(0.5))))
        planted = Planted(start, KINDS[seed % len(KINDS)], rng, excess)
        if planted.gain > 1e-3:
            return start, planted
