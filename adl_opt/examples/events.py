"""Made-up events, laws and allocations for claims, teaching and tests; nothing here is data (§14: the same
seed, the same bytes).
"""

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import BookError
from adl_opt.laws.base import Scenarios
from adl_opt.laws.lognormal import LogNormal
from adl_opt.waterfill.level import water_level


def shorts(
    position: ArrayLike,
    equity: ArrayLike,
    required: float,
    price: float = 1.0,
    asset: str = "BTC",
    **extra: ArrayLike,
) -> Event:
    """The event that closes `required` contracts of shorts: accounts a0, a1, ... short `position` (n,) >= 0
    contracts on `equity` (n,).

    extra: optional columns by account, such as entry_price. Raises BookError or EventError as Book and Event
    do.
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


def random_shorts(
    n: int, seed: int, share: float = 0.35, leverage: float = 4.5, price: float = 50_000.0
) -> Event:
    """n shorts of BTC with equities over five decades and leverages around `leverage`, some tied, some empty;
    `share` of all is closed.
    """
    rng = np.random.default_rng(seed)
    equity = np.round(10 ** rng.uniform(2, 7, n), 2)
    drawn = np.round(rng.lognormal(np.log(leverage), 1.0, n), rng.integers(0, 3))
    position = np.maximum(drawn, 0.5) * equity / price * (rng.random(n) > 0.05)
    return shorts(position, equity, share * float(position.sum()), price)


def book(n: int, assets: int = 3, legs: int = 3, seed: int = 1) -> Book:
    """A made-up cross-margin book of n accounts: up to `legs` positions each in some of `assets` assets C0,
    C1, ..., the first held most.

    Equities over five decades, gross leverages around 4, three shorts to two longs. Raises BookError for
    numbers below 1. Some accounts hold fewer positions than `legs`, having drawn an asset twice.
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
    """Eight laws of one asset as unlike as can be: thin and fat tails, drift, skew, atoms, lattice, jump, one
    certain move.
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


def any_allocation(event: Event, rng: np.random.Generator) -> Array:
    """A random allocation: what each leg closes (legs,) contracts, clearing up to rounding; from nearly pro
    rata to nearly a queue.
    """
    amount = event.fixed_fraction * event.size
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


def losses(event: Event, amount: Array, moves: Array) -> Array:
    """The total loss (S,) of isolated accounts in one asset after closing amount (legs,), in moves (S,): by
    definition, with nothing of the library's symbols.
    """
    left = np.sign(event.book.position) * (np.abs(event.book.position) - amount) * event.book.price[0]
    return np.maximum(-np.multiply.outer(moves, left) - event.book.equity, 0.0).sum(axis=1)


def optimal_ends(event: Event, moves: Array) -> tuple[Array, Array]:
    """Least and most (legs,) contracts that isolated shorts of one asset close at an optimum of the expected
    loss over `moves` (S,): Thm 2 word for word.

    Leverages may end anywhere between the two kinks 1 / move around the water level.
    """
    size, equity, kink = event.size, event.book.equity / event.book.price[0], 1 / moves[moves > 0]
    level = water_level(size, equity, float(event.required[0]))[0]
    low, high = kink[kink < level].max(initial=0.0) * equity, kink[kink > level].min(initial=np.inf) * equity
    low, high = np.minimum(low, size), np.where(size > low, np.minimum(high, size), size)
    left = size.sum() - event.required[0]
    return size - np.minimum(high, left - low.sum() + low), size - np.maximum(low, left - high.sum() + high)
