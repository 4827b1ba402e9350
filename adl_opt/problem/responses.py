"""How an optimum moves: what each leg closes more when a requirement, an equity, a price or a volatility
grows (THEORY 11.7).

A response solves for the movement of amounts (legs,), given how the slopes of the objective in them move.
"""

from typing import NamedTuple, Protocol

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.event import Event
from adl_opt.evaluation.derivatives import Derivatives, Terms
from adl_opt.numerics import lapack
from adl_opt.waterfill.isolated import fill

_SAME = 1e-9  # relative: amounts, leverages and slopes this close are one, and there is no derivative there
_SOLVED = 1e-10  # relative: slopes of free legs this close to their price are on it
_STEPS = 30  # of Newton's method, which begins at an optimum
_CANCELS = 1e-12  # relative: the rest of a difference that is its rounding
_REGULAR = 1e-10  # of a scaled curvature: a smaller eigenvalue may be rounding
_FAINT = "is decided by so little that an optimum is not known to its last digits"


class Moves(Protocol):
    """d closed (legs,) per unit of one parameter, and of each account's own equity."""

    def by_requirement(self, k: int) -> Array:
        """In the requirement of asset number k."""
        ...

    def by_equities(self, change: Array) -> Array:
        """In all equities at once, change (n,) each."""
        ...

    def by_price(self, k: int) -> Array:
        """In the price of asset number k, equities held."""
        ...

    def by_own_equity(self) -> Array:
        """Of each leg, in the equity of its own account."""
        ...

    @property
    def unclear(self) -> str | None:
        """Why there is no derivative, in words."""
        ...


class Level:
    """Water-filling in isolated margin: who is on the level shares by equity, all others stay."""

    def __init__(self, event: Event, level: Array) -> None:
        book = event.book
        self._event, self._level = event, level
        self._equity = book.equity[book.account]
        low, high = self._ends()
        at = level[book.asset]
        self._on = event.free & (high > at) & (low < at)
        total = np.bincount(book.asset, np.where(self._on, self._equity, 0.0), len(book.assets))[book.asset]
        self._share = np.divide(self._equity, total, out=np.zeros_like(total), where=self._on)

    def _ends(self) -> tuple[Array, Array]:
        """Leverages that each leg can be left at: all closed that may be, and nothing closed."""
        price = self._event.book.price[self._event.book.asset]
        high = self._event.held * price / self._equity
        return (self._event.held - self._event.size) * price / self._equity, high

    @property
    def unclear(self) -> str | None:
        at = self._level[self._event.book.asset]
        at_end = np.array([np.abs(end - at) <= _SAME * at for end in self._ends()]).any(axis=0)
        at_end &= self._event.free & (at > 0)
        if at_end.any():
            j = int(np.argmax(at_end))
            name = self._event.book.accounts[self._event.book.account[j]]
            return (
                f"account {name!r} is at the water level with nothing closed, or with all that may be: "
                "more and less are answered differently"
            )
        return None

    def by_requirement(self, k: int) -> Array:
        return np.where(self._event.book.asset == k, self._share, 0.0)

    def by_equities(self, change: Array) -> Array:
        book = self._event.book
        asset, own = book.asset, np.where(self._on, change[book.account], 0.0)
        shared = np.bincount(asset, own, len(book.assets))[asset] * self._share
        return self._level[asset] / book.price[asset] * (shared - own)

    def by_price(self, k: int) -> Array:
        return np.zeros(len(self._on))  # contracts closed are held - level x equity / price, of one sum

    def by_own_equity(self) -> Array:
        asset, price = self._event.book.asset, self._event.book.price
        return np.where(self._on, self._level[asset] / price[asset] * (self._share - 1.0), 0.0)


def level_of(event: Event, amount: Array) -> Level | None:
    """The response of water-filling, if the amount (legs,) is that; None otherwise."""
    if not event.book.isolated:
        return None
    filled, level = fill(event)
    same = (np.abs(filled - amount) <= _SAME * event.size).all()
    return Level(event, np.nan_to_num(level)) if same else None


class _Block(NamedTuple):
    """Inverse curvatures (n, m, m) of the free legs (n, m) of accounts, 0 in rows and columns of others."""

    leg: Index
    inverse: Array


class Smooth:
    """The implicit function on the active set: free legs at one price an asset, whose sum is required.

    `at`: slopes at the optimum, refined by Newton's method; `price` (d,) per contract; `unclear`: why there
    is no derivative, in words; `solved`: whether `at` and `price` meet the first-order conditions.
    """

    def __init__(self, event: Event, amount: Array, price: Array, terms: Terms) -> None:
        self._event, self._terms = event, terms
        self.at, self.price = Derivatives(event, amount, terms), np.nan_to_num(price)
        self.solved, self.unclear = False, None
        self._inside = self._guess()
        self._refine()
        if self.solved and self.unclear is None:
            self.unclear = self._touching()

    def _idle(self) -> bool:
        """Whether some requirement has no leg closed in part; then `unclear` says so."""
        idle = [k for k in self._event.free_assets if not self._inside[self._event.free_legs[int(k)]].any()]
        if idle:
            asset = self._event.book.assets[int(idle[0])]
            self.unclear = f"no account is closed in part in {asset!r}: its shadow price is not one number"
        return bool(idle)

    def _scale(self) -> Array:
        price = np.abs(self.price[self._event.book.asset])
        return np.maximum(np.maximum(np.abs(self.at.by_amount), price), np.finfo(float).tiny)

    def _reduced(self) -> Array:
        """Slope plus price, relative, of each leg."""
        return (self.at.by_amount + self.price[self._event.book.asset]) / self._scale()

    def _room(self) -> Array:
        """How far each leg is from its nearer end, as a fraction of it."""
        size = np.where(self._event.free, self._event.size, 1.0)
        share = self.at.amount / size
        return np.where(self._event.free, np.minimum(share, 1 - share), 0.0)

    def _guess(self) -> Mask:
        return self._event.free & (self._room() > np.abs(self._reduced()))

    def _refine(self) -> None:
        """Newton's method; legs that a step takes beyond an end stay there, those that want to may leave."""
        event, size = self._event, self._event.size
        ends = np.where(self.at.amount < size / 2, 0.0, size)
        amount = np.where(event.free & ~self._inside, ends, self.at.amount)
        for _ in range(_STEPS):
            self.at = Derivatives(event, amount, self._terms)
            self._inside |= (wrong := event.free & ~self._inside & (self._away() < -_SAME))
            if self._idle() or not self._factorise():
                return
            missing = event.required - np.bincount(event.book.asset, amount, len(event.side))
            residual = np.where(self._inside, self.at.by_amount + self.price[event.book.asset], 0.0)
            self.solved = not wrong.any() and self._done(residual, missing)
            if self.solved:
                return
            change, dearer = self._answer(residual, np.where(self._wanted, missing, 0.0))
            moved, self.price = amount + change, self.price + dearer
            if not np.isfinite(moved).all():
                break
            amount = np.clip(moved, 0.0, size, where=self._inside, out=amount.copy())
            self._inside &= amount == moved
        self.unclear = f"what is closed {_FAINT}"

    def _away(self) -> Array:
        """How clearly each leg that is at an end wants to be there, relative to the price."""
        reduced = self._reduced()
        return np.where(self.at.amount > 0, -reduced, reduced)

    def _done(self, residual: Array, missing: Array) -> bool:
        short = np.abs(missing[self._wanted]) <= 1e-12 * self._event.required[self._wanted]
        return bool((np.abs(residual) <= _SOLVED * self._scale()).all() and short.all())

    def _touching(self) -> str | None:
        """Strict complementarity: legs inside are away from their ends, others from the price."""
        event, away = self._event, self._away()
        bad = event.free & np.where(self._inside, self._room() <= _SAME, away <= _SAME)
        if not bad.any():
            return None
        j = int(np.argmax(bad))
        name, asset = event.book.accounts[event.book.account[j]], event.book.assets[event.book.asset[j]]
        return (
            f"the position of account {name!r} in {asset!r} is at an end of what may be closed and at the "
            "margin: more and less differ"
        )

    def _factorise(self) -> bool:
        """Inverse curvatures by account and of the prices; False, with the reason, if one is singular."""
        self._blocks: list[_Block] = []
        book, d = self._event.book, len(self._event.side)
        self._wanted = np.zeros(d, dtype=bool)
        self._wanted[self._event.free_assets] = True
        total = np.zeros((d, d))
        for part in self.at.batches:
            mine = self._inside[part.batch.leg]
            some = mine.any(axis=1)
            leg, mine = part.batch.leg[some], mine[some]
            if not len(leg):
                continue
            tilt = (self.at.sign * self.at.price)[leg]
            bend = part.curvature[some] * tilt[:, :, None] * tilt[:, None, :]
            own = np.einsum("nii->ni", bend)
            if not (np.where(mine, own, 1.0) * _REGULAR > np.finfo(float).tiny).all():
                return self._flat(leg, np.where(mine, own, 1.0).min(axis=1))
            root = np.where(mine, np.sqrt(np.where(mine, own, 1.0)), 1.0)
            both = mine[:, :, None] & mine[:, None, :]
            scaled = np.where(both, bend / (root[:, :, None] * root[:, None, :]), np.eye(leg.shape[1]))
            least = lapack.eigh(scaled)[0][:, 0]
            if not (least > _REGULAR).all():
                return self._flat(leg, least)
            inverse = np.where(both, lapack.inverse(scaled) / (root[:, :, None] * root[:, None, :]), 0.0)
            self._blocks.append(_Block(leg, inverse))
            asset = book.asset[leg]
            np.add.at(total, (asset[:, :, None], asset[:, None, :]), inverse)
        wanted = self._event.free_assets
        scale = np.sqrt(np.diag(total)[wanted])
        self._by_price = total[np.ix_(wanted, wanted)] / np.outer(scale, scale), scale
        return True

    def _flat(self, leg: Index, least: Array) -> bool:
        name = self._event.book.accounts[self._event.book.account[leg[int(np.argmin(least)), 0]]]
        self.unclear = (
            f"account {name!r} can exchange what is closed of it at no cost, or at one that is rounding: "
            "more than one allocation is optimal"
        )
        return False

    def _bent(self, values: Array) -> Array:
        """Inverse curvature times values (legs,)."""
        found = np.zeros(len(values))
        for block in self._blocks:
            found[block.leg] = np.einsum("nij,nj->ni", block.inverse, values[block.leg])
        return found

    def _dearer(self, missing: Array) -> Array:
        """The prices' change (..., d) by which what is missing (..., d) of requirements is closed."""
        wanted = self._event.free_assets
        matrix, scale = self._by_price
        found = np.zeros(missing.shape)
        found[..., wanted] = -np.linalg.solve(matrix, (missing[..., wanted] / scale).T).T / scale
        return found

    def _answer(self, tilt: Array, more: Array) -> tuple[Array, Array]:
        """(d amount (legs,), d price (d,)): slopes rise by tilt (legs,), requirements by more (d,)."""
        asset = self._event.book.asset
        bent = self._bent(np.where(self._inside, tilt, 0.0))
        dearer = self._dearer(more + np.bincount(asset, bent, len(more)))
        return self._less(bent, dearer[asset]), dearer

    def _less(self, bent: Array, dearer: Array) -> Array:
        """-bent - the answer to prices dearer by so much (legs,); what cancels to rounding is nothing."""
        answer = self._bent(np.where(self._inside, dearer, 0.0))
        found = -bent - answer
        return np.where(np.abs(found) <= _CANCELS * np.abs(bent), 0.0, found)

    def by_requirement(self, k: int) -> Array:
        more = np.zeros(len(self._event.side))
        more[k] = 1.0
        return self._answer(np.zeros(len(self._inside)), more)[0]

    def tilted(self, tilt: Array) -> Array:
        """d amount (legs,) where slopes in the amounts rise by tilt (legs,)."""
        return self._answer(tilt, np.zeros(len(self._event.side)))[0]

    def by_equities(self, change: Array) -> Array:
        return self.tilted(self.at.amount_by_equity * change[self._event.book.account])

    def by_price(self, k: int) -> Array:
        return self.tilted(self.at.amount_by_price(k))

    def by_own_equity(self) -> Array:
        book, d = self._event.book, len(self._event.side)
        bent = self._bent(np.where(self._inside, self.at.amount_by_equity, 0.0))
        moved = np.zeros((len(book.equity), d))
        np.add.at(moved, (book.account, book.asset), bent)
        return self._less(bent, self._dearer(moved)[book.account, book.asset])
