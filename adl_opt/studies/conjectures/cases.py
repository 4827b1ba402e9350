"""Small books on which conjectures are tried: isolated and cross margin, both sides, ordinary and degenerate;
with a law of price moves of their own, where one is wanted.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.laws.base import Scenarios

LABELS = ("X", "Y", "Z")
_SHARES = (1e-4, 0.03, 0.2, 0.5, 0.8, 0.97, 1 - 1e-4, 1.0)  # of the capacity, to be closed
_KINDS = (
    "any", "any", "identical", "one leverage", "one size", "hedged", "opposed", "giant", "on the edge",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Case:
    """Accounts with positions (n, d) contracts, long > 0, at `price` (d,), on `equity` (n,), entered at
    `entry` (n, d) or unknown; `required` (d,) contracts to close, < 0 of shorts; law: `moves` (S, d) with
    `probability` (S,), or none of its own.
    """

    accounts: tuple[str, ...]
    assets: tuple[str, ...]
    position: Array
    price: Array
    equity: Array
    entry: Array | None
    required: Array
    moves: Array | None = None
    probability: Array | None = None

    def event(self) -> Event:
        """Raises EventError if more is required than there is."""
        held = self.position != 0
        held[~held.any(axis=1), 0] = True  # who holds nothing has one empty position
        account, column = np.nonzero(held)
        assets, first = np.unique(column, return_index=True)
        kept = assets[np.argsort(first)]  # in order of first appearance, as a table has them
        asset = np.argsort(kept)[np.searchsorted(np.sort(kept), column)]
        position = self.position[account, column]
        extra = {} if self.entry is None else {"entry_price": self.entry[account, column]}
        book = Book(
            np.array(self.accounts, dtype=object), tuple(self.assets[k] for k in kept), self.price[kept],
            self.equity, account.astype(np.int32), asset.astype(np.int32), position, extra,
        )  # fmt: skip
        return Event(book, short=self._close(-1), long=self._close(1))

    def _close(self, side: int) -> dict[str, float]:
        most = self.capacity(side)
        return {
            name: min(abs(float(q)), float(c))  # a sum may lie a rounding above the capacity
            for name, q, c in zip(self.assets, self.required, most)
            if np.sign(q) == side
        }

    def capacity(self, side: int) -> Array:
        """Contracts (d,) of the longs (1) or of the shorts (-1)."""
        return np.array([math.fsum(column) for column in np.maximum(side * self.position, 0.0).T])

    @property
    def law(self) -> Scenarios | None:
        if self.moves is None:
            return None
        columns = {name: self.moves[:, k] for k, name in enumerate(self.assets)}
        return Scenarios(columns, self.probability, meant=True)

    @staticmethod
    def of(event: Event) -> "Case | None":
        """The case of an event; None if it has limits, columns or contracts that a case does not know."""
        book = event.book
        twice = len(set(zip(book.account.tolist(), book.asset.tolist()))) < len(book.position)
        strange = (
            set(book.extra) - {"entry_price"} or book.unused or book.inverse.any() or book.mark is not None
        )
        if event.limits or strange or twice:
            return None
        shape = len(book.accounts), len(book.assets)
        position, entry = np.zeros(shape), np.tile(book.price, (shape[0], 1))
        position[book.account, book.asset] = book.position
        entry[book.account, book.asset] = book.extra.get("entry_price", 0.0)
        return Case(
            tuple(map(str, book.accounts)), book.assets, position, book.price, book.equity,
            entry if book.extra else None, event.side * event.required,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Given:
    """An event that is no Case, as it has limits; with a law drawn for it, or none."""

    given: Event
    law: Scenarios | None = None

    def event(self) -> Event:
        return self.given


def random_case(
    rng: np.random.Generator, n: int, isolated: bool, assets: tuple[str, ...], all_of_them: bool
) -> Case:
    """A small book in numbers of three digits; most are degenerate: identical accounts, one leverage or size,
    perfect hedges, accounts on the other side, one giant, one on the edge of insolvency.

    `assets`: labels to choose from, or to have all of.
    """
    most = len(assets)
    d = (
        most
        if all_of_them
        else int(rng.integers(1, most + 1))
        if isolated
        else max(1, most - (rng.random() < 0.5))
    )
    kind = str(rng.choice(_KINDS))
    price = rng.choice([1.0, 1.0, 4.0, 250.0], d)
    equity, leverage = rng.lognormal(1, 1, n), rng.lognormal(1.3, 0.8, n)
    sign = np.where(rng.random((n, d)) < 0.7, rng.choice([-1.0, 1.0], d), -1.0 * rng.choice([-1.0, 1.0], d))
    weight = rng.random((n, d)) * (rng.random((n, d)) > 0.15) + 1e-3 * np.eye(n, d)
    tied = rng.random(n) < 0.7
    if kind in ("identical", "one leverage"):  # exactly: in round numbers
        leverage[tied], equity = np.ceil(leverage[0]), np.ceil(equity)
        price[:] = 1.0
    if kind == "identical":
        equity[tied], weight[tied], sign[tied] = equity[0], weight[0], sign[0]
    if kind == "hedged" and d > 1:
        weight[0, :2], sign[0, :2] = 0.5, (-1.0, 1.0)
    if kind == "opposed":
        sign[-1] = -sign[0]
    equity[0] *= {"giant": 1e4, "on the edge": 1e-3}.get(kind, 1.0)
    if isolated:
        own = 0 if kind in ("identical", "one leverage") else rng.integers(0, d, n)[:, None]
        weight[:] = weight * (np.arange(d) == own)
    weight[~weight.any(axis=1), 0] = 1.0
    notional = sign * weight / weight.sum(axis=1, keepdims=True) * (leverage * equity)[:, None]
    if kind == "one size":
        notional = np.sign(notional) * np.abs(notional).max()
    position = three_digits(notional / price)
    entry = three_digits(price * (1 + np.maximum(rng.normal(0.0, 0.3, (n, d)), -0.8)))
    names = tuple(f"a{i + 1}" for i in range(n))
    case = Case(names, assets[:d], position, price, three_digits(equity), entry, np.zeros(d))
    return replace(case, required=_required(rng, case))


def three_digits(values: Array) -> Array:
    return np.array([float(f"{v:.3g}") for v in np.ravel(values)]).reshape(np.shape(values))


def _required(rng: np.random.Generator, case: Case) -> Array:
    """What is closed (d,) of one side of each asset, of at least one: next to nothing, a part, one position,
    nearly everything, everything.
    """
    sides = rng.choice([-1, 1], len(case.assets))
    most = np.where(sides > 0, case.capacity(1), case.capacity(-1))
    flipped = most == 0
    sides, most = (
        np.where(flipped, -sides, sides),
        np.where(flipped, case.capacity(1) + case.capacity(-1), most),
    )
    wanted = rng.random(len(sides)) < 0.6
    wanted[int(np.argmax(most))] = True
    share = rng.choice(_SHARES, len(sides))
    one = np.array(
        [held[held > 0].min(initial=np.inf) for held in np.maximum(sides[:, None] * case.position.T, 0.0)]
    )
    part = np.minimum(np.where(share < 1, three_digits(share * most), most), most)
    closed = np.where(rng.random(len(sides)) < 0.15, np.minimum(one, most), part)
    return np.where(wanted & (most > 0), sides * closed, 0.0)


def random_moves(rng: np.random.Generator, assets: int) -> tuple[Array, Array]:
    """One to six joint moves (S, d) with their probabilities (S,), of sizes at which accounts of such books
    fail.
    """
    count = int(rng.choice([1, 2, 3, 6]))
    size = np.minimum(rng.lognormal(-0.5, 1.0, (count, assets)), 20.0)
    down = rng.random(size.shape) < 0.5
    moves = np.array([float(f"{v:.2g}") for v in np.where(down, -np.minimum(size, 0.95), size).ravel()])
    weight = rng.integers(1, 5, count).astype(float)
    return moves.reshape(size.shape), weight / weight.sum()
