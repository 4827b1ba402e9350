"""Made-up events, laws and allocations for claims, teaching and tests; nothing here is data (§14: the same
seed, the same bytes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import Array, Index
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import BookError
from adl_opt.laws.base import Scenarios
from adl_opt.laws.lognormal import LogNormal

if TYPE_CHECKING:
    import pandas as pd


def shorts(
    position: ArrayLike,
    equity: ArrayLike,
    required: float,
    price: float = 1.0,
    asset: str = "BTC",
    **extra: ArrayLike,
) -> Event:
    """The event that closes contracts of accounts a0, a1, ..., each short in one asset.

    - `position` (n,) >= 0: contracts that each is short; `equity` (n,): quote currency
    - `required`: contracts to close; `price`: quote currency; `asset`: its label
    - `extra`: optional columns by account, such as entry_price

    Returns an Event. Raises BookError or EventError as Book and Event do.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> event.book.leverage.tolist(), event.short  # x of equity; contracts
    ([2.0, 0.25, 4.0], {'BTC': 15.0})
    """
    import pandas as pd

    size = np.atleast_1d(np.asarray(position, float))
    columns = {
        "asset": asset,
        "position": -size,
        "price": price,
        "equity": np.asarray(equity, float),
        **extra,
    }
    frame = pd.DataFrame({"account": [f"a{i}" for i in range(len(size))], **columns})
    return Event(Book.from_frame(frame), short={asset: required})


def cross_book(
    position: Mapping[str, ArrayLike],
    price: Mapping[str, float],
    equity: Array,
    accounts: Sequence[str] | None = None,
) -> Book:
    """A cross-margin book of accounts a0, a1, ... (or named), each with a leg in every asset.

    `position`: contracts (n,) by asset, long > 0; `price`: by asset, and `equity` (n,), quote currency;
    `accounts`: names. Returns a Book.

    >>> book = adl.examples.cross_book({"X": [-1.0], "Y": [2.0]}, {"X": 10.0, "Y": 5.0}, np.array([4.0]))
    >>> book.leverage.to_dict()  # x of equity
    {'a0': 5.0}
    """
    import pandas as pd

    n, d = len(equity), len(position)
    names = [f"a{i}" for i in range(n)] if accounts is None else accounts
    columns = {
        "account": np.repeat(names, d),
        "asset": [*position] * n,
        "position": np.column_stack([*position.values()]).ravel(),
        "price": [price[k] for k in position] * n,
        "equity": np.repeat(equity, d),
    }
    return Book.from_frame(pd.DataFrame(columns))


def coins(shorts: ArrayLike, equity: ArrayLike, **required: float) -> Event:
    """A tiny event: coins named by what is required of them, at price 1.

    `shorts`: a row an account, a column a coin, contracts, below 0 for a long; `equity` (n,): quote currency;
    `required`: contracts by coin. Returns an Event.

    >>> adl.examples.coins([[1, 0], [1, 2]], [1, 1], A=1.0, B=0.5).short
    {'A': 1.0, 'B': 0.5}
    """
    held = dict(zip(required, -np.array(shorts, float).T))
    book = cross_book(held, dict.fromkeys(required, 1.0), np.array(equity, float))
    return Event(book, short={name: amount for name, amount in required.items() if amount})


def whole_shorts(seed: int) -> Event:
    """Twelve shorts of a few whole contracts, of which some are closed: rounding is felt.

    `seed`: a whole number. Returns an Event.

    >>> adl.examples.whole_shorts(seed=1).short  # contracts
    {'BTC': 116.0}
    """
    rng = np.random.default_rng(seed)
    position = rng.integers(1, 20, 12).astype(float)
    equity = position / rng.lognormal(1.5, 1.0, 12)
    return shorts(position, equity, float(rng.integers(1, position.sum())))


def random_shorts(
    n: int,
    seed: int,
    share: float = 0.35,
    leverage: float = 4.5,
    price: float = 50_000.0,
    digits: int | None = None,
) -> Event:
    """Shorts of BTC with equities over five decades, some leverages tied, some positions empty.

    - `n`: accounts; `seed`: a whole number; `share`: of all contracts that is closed
    - `leverage`: around which they lie, x of equity; `price`: quote currency
    - `digits`: positions are rounded up to so many decimals, the requirement is rounded

    Returns an Event.

    >>> event = adl.examples.random_shorts(1000, seed=1)
    >>> len(event.book.accounts), adl.water_filling(event).certificate.status
    (1000, 'certified')
    """
    rng = np.random.default_rng(seed)
    equity = np.round(10 ** rng.uniform(2, 7, n), 2)
    drawn = np.round(rng.lognormal(np.log(leverage), 1.0, n), rng.integers(0, 3))
    position = np.maximum(drawn, 0.5) * equity / price * (rng.random(n) > 0.05)
    required = share * float(position.sum())
    if digits is not None:
        position = np.round(np.ceil(position * 10**digits) / 10**digits, digits)
        required = round(share * position.sum(), digits)
    return shorts(position, equity, required, price)


def book(n: int, assets: int = 3, legs: int = 3, seed: int = 1) -> Book:
    """A made-up cross-margin book: up to `legs` positions an account, in assets C0, C1, ...

    `n`: accounts; `assets`: of which the first are held most; `legs`: at most, some accounts having drawn an
    asset twice; `seed`: a whole number. Equities over five decades, gross leverages around 4, three shorts to
    two longs. Returns a Book. Raises BookError for numbers below 1.

    >>> book = adl.examples.book(100, assets=3, legs=2)
    >>> len(book.accounts), book.assets
    (100, ('C0', 'C2', 'C1'))
    """
    for name, value in (("n", n), ("assets", assets), ("legs", legs)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise BookError(
                f"{name} = {value!r}: a book has at least one account, asset and position an account"
            )
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, assets + 1)
    drawn = rng.choice(assets, (n, legs), p=share / share.sum())
    held = np.unique(np.arange(n)[:, None].astype(np.int64) * assets + drawn)  # once each
    account, asset = (held // assets).astype(np.int32), (held % assets).astype(np.int32)
    equity, price = 10 ** rng.uniform(1, 6, n), 10 ** rng.uniform(-1, 4.5, assets)
    notional = (
        rng.lognormal(np.log(4 / legs), 1.0, len(held))
        * equity[account]
        * rng.choice([-1.0, 1.0], len(held), p=[0.6, 0.4])
    )
    order = np.argsort(np.unique(asset, return_index=True)[1])
    names = np.unique(asset)[order]  # in order of first appearance, as a file would have them
    number = np.empty(assets, dtype=np.int32)
    number[names] = np.arange(len(names))
    labels = np.array([f"a{i}" for i in range(n)], dtype=object)
    return Book(
        labels,
        tuple(f"C{k}" for k in names),
        price[names],
        equity,
        account,
        number[asset],
        notional / price[asset],
        {},
    )


def eight_laws(asset: str = "BTC", count: int = 60) -> tuple[Scenarios, ...]:
    """Eight laws of one asset as unlike as can be: thin and fat tails, drift, skew, atoms, lattice, jump, ...

    `asset`: its label; `count`: moves of most of them. Returns Scenarios; the last is one certain move.

    >>> [len(law.moves) for law in adl.examples.eight_laws()]
    [60, 60, 60, 20, 60, 7, 60, 1]
    """
    from scipy.special import ndtri

    middle = (np.arange(count) + 0.5) / count
    normal, rising = ndtri(middle), np.linspace(0.1, 1, count)
    moves: tuple[tuple[Array, Array | None], ...] = (
        (0.05 * normal, None),
        (0.04 * normal / np.sqrt(np.abs(middle - 0.5) + 0.02), None),  # fat tails
        (0.02 + 0.08 * normal, None),  # drift
        (
            LogNormal(0.9, None, 0.1).quadrature(20).moves[:, 0],
            LogNormal(0.9, None, 0.1).quadrature(20).probability,
        ),
        (-0.1 * np.log(middle) - 0.1, rising / rising.sum()),  # skewed, unequal weights
        (
            np.array([-0.5, -0.1, 0.0, 0.1, 0.3, 1.0, 4.0]),
            np.array([0.1, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]),
        ),  # atoms
        (np.round(0.2 * normal, 1), None),  # a lattice: many ties
        (np.array([0.25]), None),  # no chance at all
    )
    return tuple(Scenarios({asset: move}, weight, meant=True) for move, weight in moves)


def random_losses(count: int, scenarios: int) -> Iterator[tuple[Array, Array]]:
    """Losses (S,) over some decades with probabilities (S,), `count` times.

    `scenarios`: S. An iterator of pairs, quote currency and pure numbers.

    >>> [loss.shape for loss, probability in adl.examples.random_losses(count=2, scenarios=5)]
    [(5,), (5,)]
    """
    for seed in range(count):
        rng = np.random.default_rng(seed)
        yield rng.lognormal(0, 2, scenarios), rng.dirichlet(np.ones(scenarios))


def rng_of(event: Event, seed: int = 0) -> np.random.Generator:
    """Random numbers of an event's own: the same event and seed, the same numbers.

    Returns a numpy Generator.

    >>> event = adl.examples.paper()
    >>> adl.examples.rng_of(event).random() == adl.examples.rng_of(event).random()
    True
    """
    return np.random.default_rng([seed, crc32(event.book.position.tobytes())])


def any_allocation(event: Event, random: int | np.random.Generator = 0) -> Array:
    """A random allocation, from nearly pro rata to nearly a queue.

    `random`: a seed, with which one event has always the same, or a numpy Generator. Returns what each leg
    closes, (legs,) contracts >= 0, clearing up to rounding.

    >>> amount = adl.examples.any_allocation(adl.examples.paper(), 3)
    >>> round(float(amount.sum()), 6)  # contracts
    10.0
    """
    rng = rng_of(event, random) if isinstance(random, int) else random
    amount = event.amount_from()
    for k in event.free_assets:
        legs = event.free_legs[k]
        wish = rng.random(len(legs)) ** rng.choice([0.2, 1.0, 5.0])
        low, high = 0.0, 1.0 / wish.min(initial=1.0, where=wish > 0)
        for _ in range(200):  # fractions min(1, wish x scale), the scale by bisection
            scale = (low + high) / 2
            closed = np.minimum(wish * scale, 1.0) * event.size[legs]
            low, high = (scale, high) if closed.sum() < event.required[k] else (low, scale)
        amount[legs] = closed
    return amount


def queue(event: Event, order: Index) -> Array:
    """What a queue closes: leg after leg whole until the requirement is met, the last one in part.

    `order`: numbers of the legs (legs,), asset by asset. Returns what each leg closes, (legs,) contracts >=
    0: a vertex of the set of allocations.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15)
    >>> adl.examples.queue(event, np.array([2, 0, 1])).tolist()
    [5.0, 0.0, 10.0]
    """
    amount = event.amount_from()
    for k in event.free_assets:
        legs = order[(event.free & (event.book.asset == k))[order]]
        before = np.cumsum(event.size[legs]) - event.size[legs]
        amount[legs] = np.clip(event.required[k] - before, 0.0, event.size[legs])
    return amount


def closings(event: Event, amount: ArrayLike) -> pd.DataFrame:
    """The table account, asset, closed that `certify` takes.

    `amount` (legs,) >= 0: contracts that each leg closes; closed is signed like the position. Returns a
    DataFrame.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 6)
    >>> adl.examples.closings(event, [5.0, 1.0])
    account asset closed
    a0      BTC       -5
    a1      BTC       -1
    """
    table = event.book.to_frame()[["account", "asset"]]
    return table.assign(closed=np.sign(event.book.position) * np.asarray(amount))
