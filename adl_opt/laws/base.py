"""How prices may move: laws of relative price moves R (d,), aligned with a book's assets by label (§1, §14).

A law knows three things: how to draw or discretise itself (`sample`, `quadrature` -> Scenarios), how to put
itself in the order of a book's assets (`align`), and, where there is a closed form (THEORY 4), the expected
shortfall of accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import Array, Index, Mask
from adl_opt.errors import LawError
from adl_opt.inputs import ask_moves
from adl_opt.laws.histories import FromHistory
from adl_opt.laws.inverse import InverseMoves, no_closed_form
from adl_opt.laws.panel import Facts, Numbers, Shown, described, in_percent
from adl_opt.laws.price_tables import probabilities, refuse_prices
from adl_opt.laws.sampling import frame_like, inverse, sobol
from adl_opt.laws.validation import distinct, frozen, listing, numbers_of, set_fields, whole_number
from adl_opt.numerics.readonly import ReadOnly
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.text import two_lines

if TYPE_CHECKING:
    pass


_HOOKS = (
    "batch_size", "loading", "align", "shortfall_terms", "shortfall_rounding", "terms_on", "rough_terms_on",
    "shortfall_and_slope", "slope_and_curvature", "scenarios", "elliptical_form", "as_scenarios_if_exact",
    "for_book", "on_inverse", "mean_of_moves", "covariance_of_moves", "convex_where", "support_interval",
    "move_size", "log_covariance",
)  # fmt: skip


class Law(Shown, ReadOnly):
    """How prices may move together until the exchange acts again: relative moves, one an asset.

    A law can be put in the order of a book's assets by label, made finite (`sample`, `quadrature`), and,
    where there is a closed form, tells expected shortfalls. Laws are immutable. Make one with `Gaussian`,
    `StudentT`, `LogNormal`, `OneFactor` or `Scenarios`; a law of your own has `_take` and `_draw`.

    Source: THEORY 4.

    >>> law = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85, 10 / 365)
    >>> law.assets, law.sample(1024, seed=1).moves.shape
    (('BTC', 'ETH'), (1024, 2))
    """

    assets: tuple[str, ...] | None
    batch_size: ClassVar[int] = 8_192  # accounts per vectorised call, so that temporaries stay in cache
    loading: Any = None  # (d,) moves per unit of the factor, of a one-factor law
    inverse: Any = None  # (d,) assets of inverse contracts, of a law that `on_inverse` made
    _hooks = _HOOKS
    if TYPE_CHECKING:

        @property
        def dimension(self) -> int:
            """The number of assets."""
            ...

    def align(self, assets: tuple[str, ...]) -> Self:
        """This law in the order of `assets`. Labels decide; labels beyond `assets` are ignored.

        Raises LawError if a label is missing, or if a law without labels has another dimension.
        """
        if self.assets is None:
            if self.dimension != len(assets):
                raise LawError(
                    f"the law has {self.dimension} moves but the book {len(assets)} assets "
                    f"({listing(assets)}); "
                    "label the law by asset (a Series, dict or DataFrame) or give one move an asset"
                )
            return self._take(np.arange(len(assets)), assets)
        number = {asset: k for k, asset in enumerate(self.assets)}
        missing = [asset for asset in assets if asset not in number]
        if missing:
            raise LawError(
                f"{len(missing)} of {len(assets)} assets of the book have no law, first {missing[0]!r}; "
                f"the law knows {listing(self.assets)}: add it to the law"
            )
        return self._take(np.array([number[asset] for asset in assets], dtype=int), assets)

    def sample(self, n: int, seed: int | np.random.Generator) -> Scenarios:
        """n equally likely moves drawn from the law, spread evenly by a scrambled Sobol sequence.

        `n` >= 1, best a power of 2; `seed` a whole number >= 0 or a numpy Generator: the same seed gives the
        same bytes (§14). Returns Scenarios of n moves. Raises LawError for other numbers.

        >>> law = adl.Gaussian([[0.01]])  # a standard deviation of 10 %
        >>> round(float(law.sample(4096, seed=1).moves.std()), 3)
        0.1
        """
        n = whole_number(n)
        drawn = self._draw(sobol(n, self._uniforms, seed))
        law = Scenarios(frame_like(drawn, self.assets), meant=True)
        return law.said_inverse(self.inverse) if self.inverse is not None else law

    def quadrature(self, order: int) -> Scenarios:
        """The law as few weighted moves that give smooth means exactly or nearly, where it has such a rule.

        `order`: points an asset. Returns Scenarios, order^d of them in d assets. Raises LawError where there
        is no rule (in more than three assets, for Student t moves) and names `sample`.

        >>> adl.Gaussian([[0.01, 0.0], [0.0, 0.04]]).quadrature(3).moves.shape
        (9, 2)
        """
        raise LawError(f"{type(self).__name__} has no quadrature rule here; use law.sample(4096, seed=1)")

    def shortfall_terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """The expected shortfall (n,) of accounts of m positions each, its slope (n, m) and curvature (n, m,
        m) in them: the first 1 + wanted.

        asset (n, m) numbers, all different within an account, notional (n, m) signed, equity (n,). Raises
        LawError, naming the remedy, where this law has no closed form for these accounts.
        """
        raise LawError(
            f"{type(self).__name__} has no closed-form expected shortfall; discretise it: "
            "law.quadrature(20) or law.sample(4096, seed=1)"
        )

    def shortfall_rounding(self, asset: Index, notional: Array, equity: Array) -> Array:
        """A forward estimate of the rounding of each expected shortfall, (n,) quote currency; arguments as in
        `shortfall_terms` (THEORY 11.1).

        Of a function of degree 1 in notionals and equity: the gross of the sum of slope x argument whose net
        it is.
        """
        value, slope = self.shortfall_terms(asset, notional, equity, 1)
        terms = slope * notional
        gross = np.abs(terms).sum(axis=1) + np.abs(value - terms.sum(axis=1))
        return (2 * asset.shape[1] + 12) * UNIT * gross

    def terms_on(self, asset: Index) -> Callable[[Array, Array, int], tuple[Array, ...]]:
        """`shortfall_terms` of accounts in the assets (n, m), to be asked again and again: (notional, equity,
        wanted) -> terms.
        """
        return lambda notional, equity, wanted: self.shortfall_terms(asset, notional, equity, wanted)

    def rough_terms_on(self, asset: Index) -> Callable[[Array, Array, int], tuple[Array, ...]] | None:
        """As `terms_on`, cheaper and less exact, for the way to an optimum; None if there is no such way."""
        return None

    def expected_shortfall(self, exposure: Array, equity: Array) -> Array:
        """What each account is expected to lose beyond its equity, (n,) quote currency >= 0.

        `exposure` (n, d) signed notional, long > 0, and `equity` (n,), quote currency. The mean of
        `(-exposure.R - equity)_+`. Raises LawError, naming the remedy, where the law has no closed form for
        these accounts.

        Source: THEORY 4.

        >>> law = adl.Scenarios({"BTC": [-0.2, 0.2]})
        >>> law.expected_shortfall([[-1000.0]], [150.0])  # loses 200 in one of two scenarios, and bears 150
        array([25.])
        """
        return self.shortfall_terms(
            self._all(exposure), np.asarray(exposure, float), np.asarray(equity, float), 0
        )[0]

    def shortfall_and_slope(self, exposure: Array, equity: Array) -> tuple[Array, Array]:
        """The expected shortfall (n,) and its gradient in the exposure (n, d).

        Raises as `shortfall_terms`.
        """
        value, slope = self.shortfall_terms(self._all(exposure), exposure, equity, 1)
        return value, slope

    def slope_and_curvature(self, exposure: Array, equity: Array) -> tuple[Array, Array]:
        """Gradient (n, d) and Hessian (n, d, d) of the expected shortfall in the exposure.

        Raises as `shortfall_terms`.
        """
        _, slope, curvature = self.shortfall_terms(self._all(exposure), exposure, equity, 2)
        return slope, curvature

    @staticmethod
    def _all(exposure: Array) -> Index:
        return np.broadcast_to(np.arange(np.shape(exposure)[1]), np.shape(exposure))

    @property
    def scenarios(self) -> Scenarios | None:
        """This law itself where it is finitely many moves, else None."""
        return None

    def elliptical_form(self) -> Any:
        """An elliptical law: `mean` (d,), `scale` (d, d), `tail_terms(z)` (THEORY 4); None for others."""
        return None

    def as_scenarios_if_exact(self) -> Law:
        """This law, as scenarios if that loses nothing."""
        return self

    def for_book(self, book: Any) -> Law:
        """This law in the order of the assets of a Book (or Waves), as scenarios if that loses nothing; of
        inverse contracts what their holders gain in coin.
        """
        law = self.align(book.assets).as_scenarios_if_exact()
        return law.on_inverse(book.inverse) if book.inverse.any() else law

    def on_inverse(self, inverse: Mask) -> Law:
        """The law of what a unit of notional held long gains in coin: R / (1 + R) in the assets `inverse`
        (d,), R in the others, since the coin value 1 / price moves by -R / (1 + R).

        Raises LawError where there is no closed form.
        """
        raise no_closed_form(self)

    def mean_of_moves(self) -> Array | None:
        """The mean (d,) of the moves; None where it is not finite or not known."""
        return None

    def covariance_of_moves(self) -> Array | None:
        """The covariance (d, d) of the moves; None where it is not finite or not known."""
        return None

    def convex_where(self, asset: Index, notional: Array, equity: Array) -> Mask:
        """Accounts (n,) whose expected shortfall is known to be strictly convex in their positions, whatever
        is added to them.
        """
        return np.zeros(len(equity), dtype=bool)

    def support_interval(self, k: int) -> tuple[float, float] | None:
        """The interval of moves of asset number k in which every neighbourhood has positive probability (one
        point: a certain move); None if not known.
        """
        return None

    def move_size(self) -> tuple[Array, Array] | None:
        """(size (d,), mean (d,)) where moves are mean + size x something, asset by asset; None for others."""
        return None

    def log_covariance(self) -> tuple[Array, Array] | None:
        """(covariance (d, d) over the horizon, volatility (d,)) of normal log prices without drift of the
        prices; None for others.
        """
        return None

    @property
    def _uniforms(self) -> int:
        return self.dimension

    def _take(self, index: Index, assets: tuple[str, ...]) -> Self:
        raise NotImplementedError

    def _draw(self, uniforms: Array) -> Array:
        raise NotImplementedError


@dataclass(frozen=True, init=False, eq=False)
class Scenarios(FromHistory, InverseMoves, Law):
    """Finitely many joint price moves with their probabilities.

    - `moves` (S, d): relative moves as fractions (0.05 is 5 %), a row a scenario: a DataFrame or a dict of
      columns by asset, an array, or a Series or one-dimensional array (one asset)
    - `probability` (S,): >= 0, summing to 1 (default: equal)
    - `meant`: True says that moves that look like a slip are right: any below -1 (no price falls by more than
      100 %), or an asset with more than half of its moves other than 0 above 1 in size; the mathematics holds
      for any real moves
    - `loading` (d,): of scenarios that a OneFactor makes

    Raises LawError for moves that are not finite or look like percent or prices, and for probabilities that
    are negative or do not sum to 1 within 1e-9.

    >>> law = adl.Scenarios({"BTC": [-0.1, 0.0, 0.3], "ETH": [-0.2, 0.0, 0.5]}, [0.2, 0.7, 0.1])
    >>> law.assets, law.moves.shape
    (('BTC', 'ETH'), (3, 2))
    """

    moves: Array
    probability: Array
    assets: tuple[str, ...] | None
    loading: Array | None  # of scenarios that OneFactor made
    inverse: Mask  # (d,) assets of inverse contracts, whose moves are what their holders gain in coin

    def __init__(
        self,
        moves: Any,
        probability: ArrayLike | None = None,
        *,
        loading: Array | None = None,
        meant: bool = False,
    ) -> None:
        if isinstance(moves, Mapping):
            if len({np.shape(column) for column in moves.values()}) != 1:
                raise LawError("moves by asset must be columns of one length, at least one")
            moves = frame_like(
                np.column_stack([numbers_of(column, "moves") for column in moves.values()]),
                tuple(map(str, moves)),
            )
        assets = tuple(str(c) for c in moves.columns) if hasattr(moves, "columns") else None
        table = numbers_of(moves, "moves")
        table = table[:, None] if table.ndim == 1 else table
        if table.ndim != 2 or table.size == 0:
            raise LawError(
                f"moves must be a table (S, d) with at least one row and column, not of shape {table.shape}"
            )
        distinct(assets, "moves")
        if not meant:
            refuse_prices(table)
            ask_moves(table, assets)
        weight = probabilities(probability, len(table))
        set_fields(
            self,
            moves=frozen(table),
            probability=frozen(weight),
            assets=assets,
            loading=None if loading is None else frozen(loading),
            inverse=np.zeros(table.shape[1], dtype=bool),
        )

    @property
    def scenarios(self) -> Scenarios:
        return self

    @property
    def dimension(self) -> int:
        return self.moves.shape[1]

    def __repr__(self) -> str:
        coin = "; of inverse contracts what a long gains, R / (1 + R)" if self.inverse.any() else ""
        return two_lines(f"Scenarios({len(self.moves):,} moves of {described(self)}{coin})")

    def _said(self) -> tuple[Facts, Numbers]:
        return [("scenarios", f"{len(self.moves):,} moves")], in_percent(self.moves, self.probability)

    @property
    def _uniforms(self) -> int:
        return 1

    def _take(self, index: Index, assets: tuple[str, ...]) -> Scenarios:
        loading = None if self.loading is None else self.loading[index]
        law = Scenarios(
            frame_like(self.moves[:, index], assets), self.probability, loading=loading, meant=True
        )
        return law.said_inverse(self.inverse[index])

    def shortfall_terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """The mean over scenarios and, where it has one, its slope; there is no curvature."""
        if wanted > 1:
            raise LawError(
                "the expected shortfall under scenarios has kinks and no curvature; it is minimised as a "
                "linear program"
            )
        argument = -np.einsum("nm,snm->ns", notional, self.moves[:, asset]) - equity[:, None]
        value = np.maximum(argument, 0.0) @ self.probability
        slope = -np.einsum("ns,snm->nm", (argument > 0) * self.probability, self.moves[:, asset])
        return (value, slope)[: 1 + wanted]

    def mean_of_moves(self) -> Array:
        return self.probability @ self.moves

    def covariance_of_moves(self) -> Array:
        centred = self.moves - self.probability @ self.moves
        return centred.T @ (centred * self.probability[:, None])

    def _draw(self, uniforms: Array) -> Array:
        return self.moves[inverse(self.probability, uniforms[:, 0])]


def scenario_count(law: Law | None) -> int:
    """How many scenarios a law has: 0 without a law, and for laws that are no set of scenarios."""
    return 0 if law is None or law.scenarios is None else len(law.scenarios.probability)
