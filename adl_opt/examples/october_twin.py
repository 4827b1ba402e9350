"""A made-up twin of the deleveraging of 10 October 2025: drawn from published summary figures alone, no
account of it is real (§14).
"""

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.waves import Waves
from adl_opt.errors import BookError
from adl_opt.inputs import plain

CLOSINGS, ACCOUNTS, ASSETS = 34_983, 19_337, 162
NOTIONAL, CLOSED = 2.103e9, 0.897  # quote currency closed; of all that the closed accounts held
# Quantiles over closings, x of equity; the ends are guesses
LEVERAGE = (0.0, 1e-4), (0.5, 0.196), (0.95, 5.10), (0.99, 122.7), (1.0, 3e4)
# Per cent of the closings, by minute: nine in ten in the first five
ARRIVING = 5, 17, 26, 24, 18, 3, 2, 1.5, 1.2, 1, 0.8, 0.5
_AGAIN = 0.02  # of the closings: the second one of a position
_REDRAWN = 100  # rounds of drawing pairs that are taken already anew


def twin(seed: int = 1, scale: float = 1.0) -> Waves:
    """Twelve made-up waves that resemble 10 October 2025 on Hyperliquid in its published figures alone.

    `seed`: a whole number; `scale`: share of the closings and accounts (assets: of its root), from 1e-3 to
    10.

    34,983 closings of shorts in 162 assets, of 19,337 accounts in cross margin, in waves of a minute;
    leverage of a closing (notional of the position over the equity of the account) with median 0.196, 95th
    percentile 5.10 and 99th 122.7 x; 89.7 % of the notional held is closed, 2.103e9 quote currency in all.
    Prices, names, equities, who is in which wave, and how leverage and size go together are made up: prices
    fall and recover, an account's equity stays, the highly levered are small. Like the public data, it lists
    only accounts that were closed.

    Returns Waves. Raises BookError for another scale.

    Source: ConejoCapital/HyperReplay, summary of the cash-only replay, as corrected in December 2025.

    >>> waves = adl.examples.twin(seed=2, scale=0.01)
    >>> len(waves.labels), len(waves.position)
    (12, 350)
    """
    _check_scale(scale)
    rng = np.random.default_rng(seed)
    rows, n = round(CLOSINGS * scale), round(ACCOUNTS * scale)
    d = min(ASSETS, max(3, round(ASSETS * scale**0.5)))
    legs = rows - round(_AGAIN * rows)
    account, asset = _pairs(rng, legs, n, d)
    leverage = np.interp(_even(rng, legs), *_logs(LEVERAGE))
    highest = np.full(n, -np.inf)
    np.maximum.at(highest, account, leverage)
    equity = 10 ** (rng.normal(3.0, 1.1, n) - np.maximum(highest - np.log10(LEVERAGE[2][1]), 0.0))
    leverage = 10**leverage

    w = len(ARRIVING)
    arriving = np.array(ARRIVING) / sum(ARRIVING)
    main = rng.choice(w, n, p=arriving)
    wave = np.where(rng.random(legs) < 0.7, main[account], rng.choice(w, legs, p=arriving))
    dip = -np.interp(np.arange(w), [0, 4, w - 1], [0.03, 0.35, 0.2])
    price = 10 ** rng.uniform(-1, 4.5, d) * np.exp(
        dip[:, None] * rng.uniform(0.5, 1.5, d) + 0.02 * rng.normal(size=(w, d)).cumsum(axis=0)
    )
    position = leverage * equity[account] / price[wave, asset]  # contracts, as a size

    # Some positions are closed twice: what the first closing leaves, in a later wave.
    again = rng.permutation(np.flatnonzero(wave < w - 1))[: rows - legs]
    part = np.ones(legs)
    part[again] = rng.uniform(0.3, 0.7, len(again))
    later = wave[again] + 1 + (rng.random(len(again)) * (w - 1 - wave[again])).astype(int)
    left = position[again] * (1 - part[again])
    held = position * price[wave, asset]
    keeps = _kept(rng, held, np.setdiff1d(np.arange(legs), again))
    part[keeps[0]] = keeps[1]

    wave, account = np.concatenate([wave, later]), np.concatenate([account, account[again]])
    asset, position = np.concatenate([asset, asset[again]]), np.concatenate([position, left])
    closed = position * np.concatenate([part, np.ones(len(again))])
    order = np.lexsort((asset, account, wave))
    wave, account, asset, position, closed = (
        values[order] for values in (wave, account, asset, position, closed)
    )
    unit = NOTIONAL * scale / float((closed * price[wave, asset]).sum())  # of money: leverages do not change
    return Waves.from_columns(
        {
            "wave": wave + 1, "account": [f"a{i}" for i in account], "asset": [f"C{k}" for k in asset],
            "position": -position * unit,
            "equity": equity[account] * unit, "price": price[wave, asset], "realized_closed": -closed * unit,
        }
    )  # fmt: skip


def _check_scale(scale: float) -> None:
    if not 1e-3 <= plain(scale) <= 10:
        raise BookError(
            f"scale = {scale!r}: a twin has from 0.001 to 10 times the {CLOSINGS:,} closings of the event"
        )


def _pairs(rng: np.random.Generator, legs: int, n: int, d: int) -> tuple[Index, Index]:
    """Accounts and assets of the legs: everyone has one, every asset is held, no pair twice; few accounts
    hold many, few assets are held by many.
    """
    share, many = 1 / np.arange(1, d + 1), rng.lognormal(0.0, 1.0, n)
    account = np.concatenate([rng.permutation(n), rng.choice(n, legs - n, p=many / many.sum())])
    asset = np.concatenate([np.arange(d), rng.choice(d, legs - d, p=share / share.sum())])
    for redrawn in range(_REDRAWN + 1):
        first = np.unique(account * d + asset, return_index=True)[1]
        twice = np.setdiff1d(np.arange(legs), first)
        if not twice.size:
            break
        if redrawn == _REDRAWN:  # almost every pair is taken: the rest from those that are not
            rest = rng.permutation(np.setdiff1d(np.arange(n * d), account * d + asset))[: len(twice)]
            account[twice], asset[twice] = rest // d, rest % d
            break
        account[twice], asset[twice] = (
            rng.integers(n, size=len(twice)),
            rng.choice(d, len(twice), p=share / share.sum()),
        )
    return account, asset


def _kept(rng: np.random.Generator, held: Array, legs: Index) -> tuple[Index, Array]:
    """Legs that are closed in part only, and their fractions closed: together they keep what is not closed.

    Drawn by notional, but for the largest.
    """
    total = (1 - CLOSED) * float(held.sum())
    legs = legs[held[legs] < total / 5]
    legs = legs[np.argsort(rng.exponential(size=len(legs)) / held[legs], kind="stable")]
    kept = rng.uniform(0.2, 1.0, len(legs))
    some = np.cumsum(kept * held[legs]) <= total
    return legs[some], 1 - kept[some]


def _even(rng: np.random.Generator, count: int) -> Array:
    """Uniform numbers, one in each of `count` equal cells, in random order: quantiles come out as wanted."""
    return rng.permutation((np.arange(count) + rng.random(count)) / count)


def _logs(quantiles: tuple[tuple[float, float], ...]) -> tuple[Array, Array]:
    table = np.array(quantiles)
    return table[:, 0], np.log10(table[:, 1])
