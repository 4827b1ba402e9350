"""What holders of inverse contracts gain where prices move: R / (1 + R) of the coin value (§1).

N contracts held long at price P gain N (1 / P - 1 / (P (1 + R))) = N / P x R / (1 + R) of the coin: their
notional is N / P of it, and the coin value 1 / P moves by -R / (1 + R).
"""

from copy import copy
from typing import Any, Self

import numpy as np

from adl_opt.arrays import Array, Mask
from adl_opt.errors import LawError
from adl_opt.laws.validation import set_fields


def coin_gains(moves: Array, inverse: Mask, assets: tuple[str, ...] | None) -> Array:
    """moves (S, d) of prices, with R / (1 + R) in the assets `inverse` (d,).

    Raises LawError for a move of -1 or below there, at which a coin value has no end.
    """
    low = (moves <= -1) & inverse
    if low.any():
        s, k = np.argwhere(low)[0]
        name = repr(assets[k]) if assets else f"asset number {k + 1}"
        raise LawError(
            f"{low.any(axis=1).sum():,} of {len(moves):,} scenarios move the price of an inverse contract by "
            f"-1 or below, first number {s + 1} with {moves[s, k]:.6g} in {name}: its coin value 1 / price "
            "has no value there; leave them out or take a law of positive prices (adl.LogNormal)"
        )
    return np.where(inverse, moves / np.where(inverse, 1 + moves, 1.0), moves)


class InverseMoves:
    """What Scenarios know of inverse contracts: which of their moves are gains in coin already."""

    moves: Array
    inverse: Mask
    assets: tuple[str, ...] | None

    def said_inverse(self, inverse: Mask) -> Self:
        """These scenarios, whose moves in the assets `inverse` (d,) are what holders gain in coin already."""
        law = copy(self)
        set_fields(law, inverse=np.array(inverse))
        return law

    def on_inverse(self, inverse: Mask) -> Any:
        """Exactly, scenario by scenario. Raises LawError for a move of -1 or below."""
        new = inverse & ~self.inverse
        if not new.any():
            return self
        law = copy(self)
        moves = coin_gains(self.moves, new, self.assets)
        set_fields(law, moves=moves, inverse=np.array(inverse), loading=None)
        return law


def no_closed_form(law: Any) -> LawError:
    return LawError(
        f"{type(law).__name__} has no closed form for inverse contracts, which gain R / (1 + R) of their "
        "coin value at a price move R; discretise it: law.quadrature(20) or law.sample(4096, seed=1)"
    )
