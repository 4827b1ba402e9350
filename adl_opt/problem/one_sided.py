"""Derivatives of the least expected loss over scenarios: a linear program, whose value has kinks
(THEORY 11.7).

Where an optimum stands on the edge of a loss, the cost of that loss may be any u in [0, probability]; the
right ones, with the right prices of requirements, are the dual optimal face. The value moves to either side
by the most and the least of a linear function over that face: all three kinds are linear in (u, price).
"""

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.evaluation.derivatives import in_asset, marked_by
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Scenarios

_ON, _OFF = 1e-9, 1e-6  # relative: nearer to an edge is on it, farther is not, and between cannot be told
MOST_EDGES = 2_000  # edges up to which the programs are worth waiting for
_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


class Face:
    """The dual optimal face at an optimum, amount (legs,) contracts, of weight x the expected loss.

    `unclear`: why nothing can be told, in words, or None.
    """

    def __init__(self, event: Event, law: Scenarios, amount: Array, weight: float) -> None:
        self._event, self._weight = event, weight
        self._m = SymbolsAt(event, law, amount)
        self._moves, self._cost = law.moves, weight * law.probability
        book, self.unclear = event.book, None
        n, d = len(book.equity), len(book.assets)
        self._failing, self._lost = np.zeros(n), np.zeros((n, d))  # sum of u, and of u x move, off the edges
        edges, near = [], None
        for a, b, argument in self._m.arguments():
            legs = self._m.legs_of(a, b)
            gross = np.abs(self._m.notional[legs, None] * self._moves.T[book.asset[legs]])
            scale = np.add.reduceat(gross, book.start[a:b] - legs.start, axis=0) + self._m.equity[a:b, None]
            on = (np.abs(argument) <= _ON * scale) & (self._cost > 0)
            unsure = (np.abs(argument) <= _OFF * scale) & ~on & (self._cost > 0)
            if near is None and unsure.any():
                near = a + int(np.argmax(unsure.any(axis=1)))
            u = np.where((argument > 0) & ~on, self._cost, 0.0)
            self._failing[a:b], self._lost[a:b] = u.sum(axis=1), u @ self._moves
            edges.append(np.argwhere(on) + [a, 0])
        self._edges: Index = np.concatenate(edges)
        if near is not None:
            name = book.accounts[near]
            self.unclear = f"account {name!r} is so near the edge of a loss that its side cannot be told"
        elif len(self._edges) > MOST_EDGES:
            self.unclear = (
                f"{len(self._edges):,} accounts x scenarios are on the edge of a loss "
                f"(told up to {MOST_EDGES:,})"
            )
        else:
            self._rows()

    def _rows(self) -> None:
        """First-order conditions of every free leg: slope + price is 0 inside, >= 0 where nothing is closed,
        <= 0 where all is; in numbers per unit of notional. Variables: u of edges, then each asset's price.
        """
        import scipy.sparse as sp

        event, book = self._event, self._event.book
        legs = np.flatnonzero(event.free)
        share = self._m.amount[legs] / event.size[legs]
        room = np.minimum(share, 1 - share)
        if ((room > _ON) & (room < _OFF)).any():
            j = int(np.argmax((room > _ON) & (room < _OFF)))
            name = book.accounts[book.account[legs[j]]]
            self.unclear = f"what is closed of account {name!r} is so near an end that it may be there"
            return
        sign = np.sign(book.position)[legs]
        account, asset = book.account[legs], book.asset[legs]
        constant = sign * self._lost[account, asset]
        # A leg's edges are those of its account.
        order = np.argsort(self._edges[:, 0], kind="stable")
        self._edges = self._edges[order]
        first, last = (np.searchsorted(self._edges[:, 0], account, side) for side in ("left", "right"))
        count = last - first
        row = np.repeat(np.arange(len(legs)), count)
        column = np.arange(count.sum()) + np.repeat(first - (np.cumsum(count) - count), count)
        slope = sign[row] * self._moves[self._edges[column, 1], asset[row]]
        self._price_columns = len(self._edges) + np.arange(len(book.assets))
        rows = np.concatenate([row, np.arange(len(legs))])
        columns = np.concatenate([column, self._price_columns[asset]])
        shape = (len(legs), len(self._edges) + len(book.assets))
        matrix = sp.csr_array((np.concatenate([slope, np.ones(len(legs))]), (rows, columns)), shape=shape)
        inside, none, whole = room > _ON, (room <= _ON) & (share < 0.5), (room <= _ON) & (share > 0.5)
        self._equal, self._equal_to = matrix[inside], -constant[inside]
        self._below = sp.vstack([-matrix[none], matrix[whole]], format="csr")
        self._most = np.concatenate([constant[none], -constant[whole]])
        bounds = np.full((shape[1], 2), [-np.inf, np.inf])
        bounds[: len(self._edges), 0], bounds[: len(self._edges), 1] = 0.0, self._cost[self._edges[:, 1]]
        unfree = np.setdiff1d(np.arange(len(book.assets)), event.free_assets)
        bounds[len(self._edges) + unfree] = 0.0
        self._bounds = bounds
        if self._range(np.zeros(shape[1])) is None:
            self.unclear = "the optimum is not known to the last digits: its edges allow no multipliers"

    def _range(self, cost: Array) -> tuple[float, float] | None:
        """Least and most of a linear function over the face, one number where rounding alone parts them; None
        if the face is empty.
        """
        from scipy.optimize import linprog

        ends = []
        for sign in (1.0, -1.0):
            found = linprog(
                sign * cost,
                self._below,
                self._most,
                self._equal,
                self._equal_to,
                self._bounds,
                options=_EXACT,
            )
            if found.status == 3:
                ends.append(-sign * np.inf)
            elif found.status != 0:
                return None
            else:
                ends.append(sign * float(found.fun))
        edges = self._edges[:, 1]
        scale = max(float(np.abs(cost[: len(edges)]) @ self._cost[edges]), *np.abs(ends))
        return (ends[0], ends[0]) if ends[1] - ends[0] <= _ON * scale else (ends[0], ends[1])

    def _zero(self) -> Array:
        return np.zeros(len(self._edges) + len(self._event.side))

    def requirement(self, k: int) -> tuple[float, float] | None:
        """(from below, from above) of the value in the requirement of asset number k, per contract."""
        cost = self._zero()
        cost[self._price_columns[k]] = -float(self._event.book.price[k])
        return self._range(cost)

    def equity(self) -> tuple[Array, Array]:
        """(from below, from above) in the equity of each account, (n,) each; nan where the program fails."""
        below, above = -self._failing, -self._failing.copy()
        for i in np.unique(self._edges[:, 0]):
            cost = self._zero()
            cost[: len(self._edges)] = -(self._edges[:, 0] == i).astype(float)
            below[i], above[i] = np.add(self._range(cost) or (np.nan, np.nan), -self._failing[i])
        return below, above

    def price(self, k: int, marked: bool) -> tuple[float, float] | None:
        """(from below, from above) in the price of asset number k, where one allocation alone is optimal.

        marked: equities move with it, by the positions that were held before.
        """
        book = self._event.book
        left, held = (in_asset(book, k, legs) for legs in (self._m.left, marked * marked_by(book)))
        sure = -float(left @ self._lost[:, k] + held @ self._failing)
        cost, (i, s) = self._zero(), self._edges.T
        cost[: len(self._edges)] = -left[i] * self._moves[s, k] - held[i]
        if not cost.any():
            return sure, sure
        found = self._range(cost)
        return None if found is None else (sure + found[0], sure + found[1])

    @property
    def kinked(self) -> bool:
        """Whether an account stands on the edge of a loss."""
        return bool(len(self._edges))
