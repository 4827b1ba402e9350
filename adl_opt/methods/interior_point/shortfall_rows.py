"""Shortfall rows of some accounts under scenarios: every loss above equity is a row of a linear program,
eliminated by hand (THEORY 6).

Row s of account i costs weight x sigma with sigma >= excess = -notional . move - equity and sigma >= 0. By
duality it is the largest share x excess with 0 <= share <= bound: 1, or under a tail the weight omega of its
scenario. The two bounds have the multipliers above = sigma - excess and sigma. With rest = bound - share, on
the central path

    share x above = rest x sigma = mu,   sigma - above = excess.

Newton eliminates above and sigma: with inner = share sigma + above rest and bend = share rest / inner,
d share = bend d excess + (sigma share d omega + terms of mu) / inner. So a row adds bend x weight, times the
products of its moves, to the curvature of its account. numpy only.
"""

from collections.abc import Sequence

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.methods.interior_point.block import Block
from adl_opt.methods.interior_point.bounded import Bounded

WIDTH = 0.1  # of an account's notional or equity, or of the loss in a tail: smooths the kinks at first


class ShortfallRows:
    """Rows (n, K) of a block's n accounts, in the K scenarios in which some closing lets one lose more than
    its equity, in units of each account's scale (n, 1). point: share, rest, above, sigma.

    account (n,) and asset (n, m): numbers in the book; moves (S, d); weight (S,): what a unit of shortfall
    costs in each scenario.
    """

    def __init__(self, block: Block, account: Index, asset: Index, moves: Array, weight: Array) -> None:
        self.account, self.equity, self.scenarios = account, block.equity[:, None], len(weight)
        self.side, self.signed = block.side, block.side * block.size
        ends = block.fixed, block.fixed + self.signed
        low, high = np.minimum(*ends), np.maximum(*ends)
        self.scale = np.maximum(np.maximum(np.abs(low), np.abs(high)).sum(axis=0), block.equity)[:, None]
        same = bool((asset == asset[0]).all())
        most = np.zeros((len(asset), len(weight)))
        for k in range(block.m):
            move = moves[:, asset[0, k]][None, :] if same else moves.T[asset[:, k]]
            most += np.maximum(-low[k][:, None] * move, -high[k][:, None] * move)
        self.kept = np.flatnonzero((most > self.equity).any(axis=0) & (weight > 0))
        self.weight = weight[self.kept]
        # effect[k]: the move of position k in each row, (1 or n, K).
        self.effect = [
            moves[self.kept, asset[0, k]][None, :] if same else moves[self.kept[None, :], asset[:, k, None]]
            for k in range(block.m)
        ]
        self.table = np.stack([effect[0] for effect in self.effect], axis=1) if same else None  # (K, m)
        nothing = np.broadcast_to(0.0, (len(asset), len(self.kept)))
        self.point = self.direction = Bounded(nothing, nothing, nothing, nothing)
        self.best_share = np.broadcast_to(np.nan, nothing.shape)
        self.inner = self.bend = nothing

    def excess(self, notional: Array, equity: Array | float) -> Array:
        """-notional . move - equity, (n, K), in units of scale; notional (m, n)."""
        lost = (
            -(notional.T @ self.table.T)
            if self.table is not None
            else -sum(y[:, None] * e for y, e in zip(notional, self.effect))
        )
        return (lost - equity) / self.scale

    def excess_change(self, change: Array) -> Array:
        """How the excess follows changes of the fractions closed, (m, n)."""
        return self.excess(-self.signed * change, 0.0)

    def by_leg(self, rows: Array) -> Array:
        """Rows (n, K) times weight and slope of their excess in each notional closed, summed: (m, n)."""
        rows = rows * self.weight
        if self.table is not None:
            return self.side * (rows @ self.table).T
        return self.side * np.stack([(rows * effect).sum(axis=1) for effect in self.effect])

    def start(self, notional: Array) -> None:
        """Rows on the central path where both products are WIDTH."""
        excess = self.excess(notional, self.equity)
        root = np.sqrt(excess * excess + 4 * WIDTH * WIDTH)
        far = 4 * WIDTH * WIDTH / (root + np.abs(excess))  # root - |excess|, without cancellation
        small, large = WIDTH + far / 2, WIDTH + (root + np.abs(excess)) / 2
        above, sigma = np.where(excess > 0, small, large), np.where(excess > 0, large, small)
        self.point = Bounded(WIDTH / above, WIDTH / sigma, above, sigma)

    def keep(self) -> None:
        self.best_share = self.point.value

    def multipliers(self, row: Index) -> Array:
        """Multipliers (rows, K) of some accounts at the best point, nan before the first."""
        return np.clip(self.best_share[row], 0.0, 1.0) * self.weight

    def by_scenario(self, rows: Array) -> Array:
        """Rows (n, K) in quote currency, summed over accounts, (S,)."""
        total = np.zeros(self.scenarios)
        total[self.kept] = self.scale[:, 0] @ rows
        return total

    def value(self) -> float:
        """The cost of the shortfalls, quote currency."""
        _, _, above, sigma = self.point
        return self.cost(np.maximum(sigma - above, 0.0))

    def cost(self, rows: Array) -> float:
        """Rows (n, K) in quote currency, times weight, summed."""
        return float(((rows * self.scale) @ self.weight).sum())

    def factor(self) -> Array:
        """Eliminate the rows at this point: what they add to the curvature of each account, (n, m, m)."""
        share, rest, above, sigma = self.point
        self.inner = share * sigma + above * rest
        self.bend = share * rest / self.inner
        weighted = self.bend / self.scale * self.weight
        m = len(self.effect)
        curvature = np.empty((m, m, len(weighted)))
        for k in range(m):
            for j in range(k + 1):
                pair = self.effect[k] * self.effect[j]
                curvature[k, j] = curvature[j, k] = (
                    weighted @ pair[0] if self.table is not None else (weighted * pair).sum(axis=1)
                )
        return curvature.transpose(2, 0, 1)


class Multipliers:
    """Multipliers (n, S) of the shortfall rows, rows on demand: a table of all accounts is never held. nan
    where a row was left out. known: the scenarios that the blocks know, all by default.
    """

    def __init__(
        self, parts: Sequence[ShortfallRows], accounts: int, scenarios: int, known: Index | None = None
    ) -> None:
        self._parts, self._scenarios = parts, scenarios
        self._known = np.arange(scenarios) if known is None else known
        self._part, self._row = np.full(accounts, -1), np.zeros(accounts, dtype=np.int64)
        for number, part in enumerate(parts):
            self._part[part.account], self._row[part.account] = number, np.arange(len(part.account))

    def __getitem__(self, rows: slice) -> Array:
        part, row = self._part[rows], self._row[rows]
        table = np.full((len(part), self._scenarios), np.nan)
        for number in np.unique(part[part >= 0]):
            here, found = np.flatnonzero(part == number), self._parts[number]
            table[here[:, None], self._known[found.kept]] = found.multipliers(row[here])
        return table
