"""What each account adds to a smooth objective, with slopes and curvatures in its notionals left, its equity,
in prices and in the size of moves (THEORY 4, 11.7).

Each account's part h(n, E) is of degree 1 in its notionals left n and its equity E, so that slopes and
curvatures in E follow from those in n: `E h_E = h - n.h_n` and `E h_nE = -h_nn n`. A price is felt through n
= left x price. Moves of asset k that are mean + size x something are felt through n_k and, the mean held,
through `h_mean_k = n_k h_E`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch, batches
from adl_opt.laws.base import Law

# (asset (n, m), notional left (n, m), sign of the position (n, m), equity (n,)) ->
# value (n,), slope (n, m) and curvature (n, m, m) in the notional left
Terms = Callable[[Index, Array, Array, Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class OfBatch:
    """Accounts of m positions each: h (n,), h_n (n, m), h_nn (n, m, m), h_E (n,), h_nE (n, m)."""

    batch: Batch
    value: Array
    slope: Array
    curvature: Array
    by_equity: Array
    mixed: Array


class Derivatives:
    """Slopes and curvatures at an allocation, amount (legs,) contracts closed; of a sum of `terms`.

    Slopes in what a leg closes are in the objective's unit per contract.
    """

    def __init__(self, event: Event, amount: Array, terms: Terms) -> None:
        self.event, self.amount, self._terms = event, amount, terms
        book = event.book
        self.sign, self.price = np.sign(book.position), book.price[book.asset]
        self.left = self.sign * (event.held - amount)
        self.notional = self.left * self.price

    @cached_property
    def batches(self) -> list[OfBatch]:
        return [self._of(batch) for batch in batches(self.event.book)]

    def _of(self, batch: Batch) -> OfBatch:
        book, leg = self.event.book, batch.leg
        n, equity = self.notional[leg], book.equity[batch.account]
        value, slope, curvature = self._terms(book.asset[leg], n, self.sign[leg], equity)
        by_equity = (value - (slope * n).sum(axis=1)) / equity
        mixed = -np.einsum("nij,nj->ni", curvature, n) / equity[:, None]
        return OfBatch(batch, value, slope, curvature, by_equity, mixed)

    def _by_leg(self, each: Callable[[OfBatch], Array]) -> Array:
        found = np.zeros(len(self.amount))
        for part in self.batches:
            found[part.batch.leg] = each(part)
        return found

    @cached_property
    def slope(self) -> Array:
        """In the notional left of each leg, (legs,)."""
        return self._by_leg(lambda part: part.slope)

    @cached_property
    def by_amount(self) -> Array:
        """In what each leg closes, (legs,)."""
        return -self.sign * self.price * self.slope

    @cached_property
    def by_equity(self) -> Array:
        """In each account's equity, (n,)."""
        found = np.zeros(len(self.event.book.equity))
        for part in self.batches:
            found[part.batch.account] = part.by_equity
        return found

    @cached_property
    def by_price(self) -> Array:
        """In the price of each asset, equities held, (d,)."""
        return self._by_asset(self.left * self.slope)

    def by_size(self, size: Array, mean: Array) -> Array:
        """In the size of each asset's moves, means held, (d,)."""
        asset, account = self.event.book.asset, self.event.book.account
        return self._by_asset(self.notional * (self.slope - mean[asset] * self.by_equity[account])) / size

    def by_log_volatility(self, covariance: Array, volatility: Array) -> Array:
        """In the volatility of each asset's log price, of lognormal prices without drift, (d,).

        Each entry of the covariance of log prices is felt as half of price_k price_j times the curvature in
        the two prices, losses at given cash, E - sum n, held; per unit of volatility.
        """
        total = np.zeros(len(self.event.book.assets))
        for part in self.batches:
            n = self.notional[part.batch.leg]
            asset = self.event.book.asset[part.batch.leg]
            equity = self.event.book.equity[part.batch.account][:, None]
            twice = -(part.mixed * n).sum(axis=1, keepdims=True) / equity
            at_cash = part.curvature + part.mixed[:, :, None] + part.mixed[:, None, :] + twice[:, :, None]
            block = covariance[asset[:, :, None], asset[:, None, :]]
            np.add.at(total, asset, n * np.einsum("nkj,nkj,nj->nk", block, at_cash, n))
        return total / volatility

    def _by_asset(self, by_leg: Array) -> Array:
        total: Any = np.bincount(self.event.book.asset, by_leg, len(self.event.book.assets))
        return total

    @cached_property
    def amount_by_equity(self) -> Array:
        """Of `by_amount`: in the equity of the leg's own account, (legs,)."""
        return -self.sign * self.price * self._by_leg(lambda part: part.mixed)

    def amount_by_price(self, k: int) -> Array:
        """Of `by_amount`: in the price of asset number k, equities held, (legs,)."""
        book = self.event.book

        def each(part: OfBatch) -> Array:
            leg = part.batch.leg
            mine = book.asset[leg] == k
            moved = np.einsum("nij,nj->ni", part.curvature, np.where(mine, self.left[leg], 0.0))
            return np.where(mine, part.slope, 0.0) + self.price[leg] * moved

        return -self.sign * self._by_leg(each)

    def amount_by_size(self, k: int, size: Array, mean: Array) -> Array:
        """Of `by_amount`: in the size of the moves of asset number k, means held, (legs,)."""
        book = self.event.book

        def each(part: OfBatch) -> Array:
            mine = book.asset[part.batch.leg] == k
            n = np.where(mine, self.notional[part.batch.leg], 0.0)
            own = np.where(mine, part.slope - mean[k] * part.by_equity[:, None], 0.0)
            moved = np.einsum("nij,nj->ni", part.curvature, n)
            return own + moved - mean[k] * part.mixed * n.sum(axis=1, keepdims=True)

        return -self.sign * self.price * self._by_leg(each) / size[k]


def marked_by(book: Book) -> Array:
    """What each leg gains where its `price` rises by 1, (legs,): a long of an inverse contract loses."""
    return book.position * book.direction[book.asset]


def in_asset(book: Book, k: int, by_leg: Array) -> Array:
    """Sums of values (legs,) over positions in asset number k of each account, (n,): in hedge mode two."""
    return book.per_account(np.where(book.asset == k, by_leg, 0.0))


def of_law(law: Law) -> Terms:
    """Of the expected loss under a law that is no set of scenarios."""

    def terms(asset: Index, notional: Array, sign: Array, equity: Array) -> tuple[Array, Array, Array]:
        value, slope, curvature = law.shortfall_terms(asset, notional, equity, 2)
        return value, slope, curvature

    return terms


def of_power(p: float) -> Terms:
    """Of equity x (gross leverage)^p."""

    def terms(asset: Index, notional: Array, sign: Array, equity: Array) -> tuple[Array, Array, Array]:
        leverage = np.abs(notional).sum(axis=1) / equity
        lever = np.where(leverage > 0, leverage, 1.0)
        slope = np.where(leverage > 0, p * lever ** (p - 1), 0.0 if p > 1 else p)[:, None] * sign
        bend = np.where(leverage > 0, p * (p - 1) * lever ** (p - 2), 0.0) / equity
        return equity * leverage**p, slope, bend[:, None, None] * sign[:, :, None] * sign[:, None, :]

    return terms


def summed(weighted: list[tuple[float, Terms]]) -> Terms:
    def terms(asset: Index, notional: Array, sign: Array, equity: Array) -> tuple[Array, Array, Array]:
        found = [(w, each(asset, notional, sign, equity)) for w, each in weighted]
        value, slope, curvature = (
            np.sum([w * parts[k] for w, parts in found], axis=0, dtype=float) for k in range(3)
        )
        return value, slope, curvature

    return terms
