"""How prices may move: laws of relative price moves R (d,), aligned with a book's assets by label (§1, §14).

A law knows three things: how to draw or discretise itself (`sample`, `quadrature` -> Scenarios), how to put itself in
the order of a book's assets (`align`), and, where THEORY has a closed form, the expected shortfall of accounts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import LawError
from .lawinput import correlation_of, distinct, frozen, labels_of, listing, numbers_of, whole
from .nodes import frame_like, gauss_hermite, inverse, root, sobol
from .shortfall import lognormal_shortfall

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
_MOST_VOLATILE, _MOST_DEVIATION = 20.0, 2.0  # a year and over the horizon; above both it is a percentage written as a number
_TYPICAL_MOVE, _HISTORY = 2.0, 20  # so many rows, all positive and half of them above 200 %, are prices


class Law:
    """A joint law of relative price moves, one column an asset. Subclasses are immutable."""

    assets: tuple[str, ...] | None
    dimension: int

    def align(self, assets: tuple[str, ...]) -> Self:
        """This law in the order of `assets`. Labels decide; labels beyond `assets` are ignored.

        Raises LawError if a label is missing, or if a law without labels has another dimension.
        """
        if self.assets is None:
            if self.dimension != len(assets):
                raise LawError(
                    f"the law has {self.dimension} moves but the book {len(assets)} assets ({listing(assets)}); "
                    "label the law by asset (a Series, dict or DataFrame) or give one move an asset"
                )
            return self._take(np.arange(len(assets)), assets)
        missing = [asset for asset in assets if asset not in self.assets]
        if missing:
            raise LawError(
                f"{len(missing)} of {len(assets)} assets of the book have no law, first {missing[0]!r}; "
                f"the law knows {listing(self.assets)}: add it to the law"
            )
        return self._take(np.array([self.assets.index(asset) for asset in assets], dtype=int), assets)

    def sample(self, n: int, seed: int | np.random.Generator) -> "Scenarios":
        """n equally likely moves from a scrambled Sobol sequence; the same seed gives the same bytes (§14)."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise LawError(f"cannot sample {n!r} scenarios: ask for a whole number, at least 1")
        if isinstance(seed, (int, np.integer)) and seed < 0:
            raise LawError(f"seed = {seed}: a seed is a whole number, at least 0")
        return Scenarios(frame_like(self._draw(sobol(n, self._uniforms, seed)), self.assets))

    def quadrature(self, order: int) -> "Scenarios":
        """A deterministic discretisation, where one exists; other laws refuse and name `sample`."""
        raise LawError(f"{type(self).__name__} has no quadrature rule here; use law.sample({max(int(order), 1) ** 2}, seed=1)")

    def expected_shortfall(self, exposure: Array, equity: Array) -> Array:
        """E(-exposure.R - equity)_+ per account; exposure (n, d) signed notional, equity (n,), result (n,) >= 0.

        Raises LawError, naming the remedy, where this law has no closed form for these exposures.
        """
        return self.shortfall_and_slope(exposure, equity)[0]

    def shortfall_and_slope(self, exposure: Array, equity: Array) -> tuple[Array, Array]:
        """The expected shortfall (n,) and its gradient in the exposure (n, d)."""
        raise LawError(
            f"{type(self).__name__} has no closed-form expected shortfall; discretise it: law.quadrature(20) or law.sample(4096, seed=1)"
        )

    def reach(self, k: int) -> tuple[float, float] | None:
        """The interval of moves of asset number k in which every neighbourhood has positive probability (one point: a certain move); None if not known."""
        return None

    @property
    def _uniforms(self) -> int:
        return self.dimension

    def _take(self, index: NDArray[np.int_], assets: tuple[str, ...]) -> Self:
        raise NotImplementedError

    def _draw(self, uniforms: Array) -> Array:
        raise NotImplementedError


@dataclass(frozen=True, init=False, eq=False)
class Scenarios(Law):
    """Finitely many moves: moves (S, d) relative price moves, probability (S,) >= 0 summing to 1 (default: equal).

    moves may be a DataFrame or a dict of columns (asset labels), a Series or one-dimensional array (one asset).
    Raises LawError for moves that are not finite, or probabilities that are negative or do not sum to 1 within 1e-9.
    """

    moves: Array
    probability: Array
    assets: tuple[str, ...] | None

    def __init__(self, moves: Any, probability: ArrayLike | None = None) -> None:
        if isinstance(moves, Mapping):
            if len({np.shape(column) for column in moves.values()}) != 1:
                raise LawError("moves by asset must be columns of one length, at least one")
            moves = frame_like(np.column_stack([numbers_of(column, "moves") for column in moves.values()]), tuple(map(str, moves)))
        assets = tuple(str(c) for c in moves.columns) if hasattr(moves, "columns") else None
        table = numbers_of(moves, "moves")
        table = table[:, None] if table.ndim == 1 else table
        if table.ndim != 2 or table.size == 0:
            raise LawError(f"moves must be a table (S, d) with at least one row and column, not of shape {table.shape}")
        distinct(assets, "moves")
        prices = (table > 0).all(axis=0) & (np.median(table, axis=0) > _TYPICAL_MOVE) & (len(table) >= _HISTORY)
        if prices.any():
            k = int(np.argmax(prices))
            raise LawError(
                f"column {k + 1} of the moves is positive throughout with median {float(np.median(table[:, k])):.6g}: these are prices, "
                "not moves (0.05 is 5 %); use Scenarios.from_prices"
            )
        weight = np.full(len(table), 1 / len(table)) if probability is None else numbers_of(probability, "probability")
        if weight.shape != (len(table),):
            raise LawError(f"{len(table)} moves need {len(table)} probabilities, not an array of shape {weight.shape}")
        if (weight < 0).any():
            first = int(np.argmax(weight < 0))
            raise LawError(
                f"{(weight < 0).sum()} of {len(weight)} probabilities are negative, first number {first + 1}: {weight[first]:.6g}"
            )
        if abs(math.fsum(weight) - 1) > 1e-9:
            raise LawError(f"the {len(weight)} probabilities sum to {math.fsum(weight):.12g}, not to 1; divide them by their sum")
        total = math.fsum(weight)
        weight = weight / total if abs(total - 1) > 1e-14 else weight  # a rounding of the user's is none of the law
        set_fields(self, moves=frozen(table), probability=frozen(weight), assets=assets)

    @classmethod
    def from_prices(cls, prices: "pd.DataFrame", steps: int = 1) -> "Scenarios":
        """Overlapping moves over `steps` rows of a price history (rows in time order, a column an asset), equally likely.

        Raises LawError for a price that is missing, infinite or not positive, or fewer than steps + 1 rows.
        """
        ordered = hasattr(prices, "to_numpy") and getattr(prices.index.dtype, "kind", "O") in "iufM"
        if ordered and not prices.index.is_monotonic_increasing:
            raise LawError("the rows of prices are not in the order of their index; sort them: prices.sort_index()")
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
            raise LawError(f"steps = {steps!r}: moves are over a whole number of rows")
        table = numbers_of(prices, "prices")
        table = table[:, None] if table.ndim == 1 else table
        if steps < 1 or len(table) <= steps:
            raise LawError(
                f"{len(table)} rows of prices give no move over steps={steps}; steps must be at least 1 and below the number of rows"
            )
        if (table <= 0).any():
            row, column = np.argwhere(table <= 0)[0]
            raise LawError(
                f"{(table <= 0).sum()} prices are not positive, first in row {row + 1}, column {column + 1}: {table[row, column]:.6g}"
            )
        assets = tuple(str(c) for c in prices.columns) if hasattr(prices, "columns") else None
        return cls(frame_like(table[steps:] / table[:-steps] - 1, assets))

    @property
    def dimension(self) -> int:
        return self.moves.shape[1]

    def __repr__(self) -> str:
        return f"Scenarios({len(self.moves):,} moves of {described(self)})"

    @property
    def _uniforms(self) -> int:
        return 1

    def _take(self, index: NDArray[np.int_], assets: tuple[str, ...]) -> "Scenarios":
        return Scenarios(frame_like(self.moves[:, index], assets), self.probability)

    def _draw(self, uniforms: Array) -> Array:
        return self.moves[inverse(self.probability, uniforms[:, 0])]


@dataclass(frozen=True, init=False, eq=False)
class LogNormal(Law):
    """Martingale lognormal prices: R_k = exp(v_k sqrt(T) Z_k - v_k^2 T / 2) - 1, corr(Z) = correlation.

    volatility: yearly, one number an asset (0.6 = 60 %), a Series or dict by label, or a bare array;
    correlation: a matrix, or one number for all pairs (may be None for one asset); horizon T in years (10/365).
    Raises LawError for volatility or horizon <= 0, or a correlation that is not positive semidefinite (eigenvalue named).
    """

    volatility: Array
    correlation: Array
    horizon: float
    assets: tuple[str, ...] | None

    def __init__(self, volatility: Any, correlation: Any = None, horizon: Any = None) -> None:
        assets = labels_of(volatility)
        vol = np.atleast_1d(numbers_of(volatility, "volatility"))
        if vol.ndim != 1 or vol.size == 0:
            raise LawError(f"volatility must be one number an asset, not of shape {vol.shape}")
        horizon = numbers_of(horizon, "horizon")
        percent = (vol > _MOST_VOLATILE) & (vol * np.sqrt(np.maximum(horizon, 0.0)) > _MOST_DEVIATION)
        if percent.any():
            first = int(np.argmax(percent))
            raise LawError(
                f"volatility number {first + 1} is {vol[first]:.6g}, {100 * vol[first]:,.0f} % a year; write 0.6 for 60 %"
            )
        if (vol <= 0).any():
            first = int(np.argmax(vol <= 0))
            raise LawError(
                f"{(vol <= 0).sum()} of {len(vol)} volatilities are not positive, first number {first + 1}: {vol[first]:.6g}"
            )
        if np.ndim(horizon) or not horizon > 0:
            raise LawError(f"horizon = {horizon}: give a positive time in years, such as 10/365")
        matrix, assets = correlation_of(correlation, len(vol), assets)
        set_fields(self, volatility=frozen(vol), correlation=frozen(matrix), horizon=float(horizon), assets=assets)

    @property
    def dimension(self) -> int:
        return len(self.volatility)

    @property
    def deviation(self) -> Array:
        """Standard deviation of the log move over the horizon, (d,)."""
        return self.volatility * math.sqrt(self.horizon)

    def __repr__(self) -> str:
        return f"LogNormal({described(self)}; volatility {listing(f'{v:g}' for v in self.volatility)} a year, horizon {self.horizon:.4g} years)"

    def quadrature(self, order: int) -> "Scenarios":
        """Tensor Gauss-Hermite with order^d nodes, d <= 3, on the Cholesky factor of the correlation in asset order."""
        nodes, probability = gauss_hermite(order, self.dimension)
        return Scenarios(frame_like(self._moves(nodes), self.assets), probability)

    def shortfall_and_slope(self, exposure: Array, equity: Array) -> tuple[Array, Array]:
        """Black-Scholes, for accounts with at most one position; others need law.quadrature(20)."""
        legs = np.count_nonzero(exposure, axis=1)
        if (legs > 1).any():
            raise LawError(
                f"LogNormal has a closed form for accounts with one position only; {(legs > 1).sum()} of {len(legs)} have more, "
                f"first number {int(np.argmax(legs > 1)) + 1} with {legs.max()}: discretise it, law.quadrature(20) or law.sample(4096, seed=1)"
            )
        rows, asset = np.arange(len(exposure)), np.argmax(np.abs(exposure), axis=1)
        value, slope = lognormal_shortfall(exposure[rows, asset], equity, self.deviation[asset])
        gradient = np.zeros_like(exposure)
        gradient[rows, asset] = slope
        return value, gradient

    def reach(self, k: int) -> tuple[float, float] | None:
        return -1.0, math.inf

    def _moves(self, normals: Array) -> Array:
        return np.expm1(normals @ root(self.correlation).T * self.deviation - self.deviation**2 / 2)

    def _take(self, index: NDArray[np.int_], assets: tuple[str, ...]) -> "LogNormal":
        law = object.__new__(LogNormal)
        correlation = self.correlation[np.ix_(index, index)]
        set_fields(law, volatility=self.volatility[index], correlation=correlation, horizon=self.horizon, assets=assets)
        return law

    def _draw(self, uniforms: Array) -> Array:
        from scipy.special import ndtri

        return self._moves(ndtri(uniforms))


@dataclass(frozen=True, init=False, eq=False)
class OneFactor(Law):
    """moves = loading x factor: loading (d,), factor a one-dimensional law (scipy.stats frozen distribution or Scenarios).

    Raises LawError if the factor has neither `ppf` nor one-dimensional scenarios.
    """

    loading: Array
    factor: Any
    assets: tuple[str, ...] | None

    def __init__(self, loading: Any, factor: Any) -> None:
        if not (callable(getattr(factor, "ppf", None)) or (isinstance(factor, Scenarios) and factor.dimension == 1)):
            raise LawError(
                f"the factor must be a scipy.stats frozen distribution or Scenarios of one column, not {type(factor).__name__}"
            )
        values = np.atleast_1d(numbers_of(loading, "loading"))
        if values.ndim != 1 or values.size == 0:
            raise LawError(f"loading must be one number an asset, not of shape {values.shape}")
        set_fields(self, loading=frozen(values), factor=factor, assets=labels_of(loading))

    @property
    def dimension(self) -> int:
        return len(self.loading)

    def __repr__(self) -> str:
        return f"OneFactor({described(self)}; factor {getattr(getattr(self.factor, 'dist', None), 'name', 'scenarios')})"

    def quadrature(self, order: int) -> "Scenarios":
        """Scenario factors exactly (order does not matter); else `order` Gauss-Legendre nodes in probability, through the factor's quantile function.

        Far tails are cut short: 50 nodes give a Student t with 4 degrees of freedom 97 % of its variance.
        """
        if isinstance(self.factor, Scenarios):
            values, probability = self.factor.moves[:, 0], self.factor.probability
        else:
            nodes, weights = np.polynomial.legendre.leggauss(whole(order))
            values, probability = self.factor.ppf((nodes + 1) / 2), weights / weights.sum()
        return Scenarios(frame_like(np.outer(values, self.loading), self.assets), probability)

    @property
    def _uniforms(self) -> int:
        return 1

    def _take(self, index: NDArray[np.int_], assets: tuple[str, ...]) -> "OneFactor":
        law = object.__new__(OneFactor)
        set_fields(law, loading=self.loading[index], factor=self.factor, assets=assets)
        return law

    def _draw(self, uniforms: Array) -> Array:
        if isinstance(self.factor, Scenarios):
            values = self.factor.moves[inverse(self.factor.probability, uniforms[:, 0]), 0]
        else:
            values = self.factor.ppf(uniforms[:, 0])
        return np.outer(values, self.loading)


def set_fields(law: Any, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(law, name, value)


def described(law: Law) -> str:
    return listing(law.assets) if law.assets else f"{law.dimension} unlabelled assets"
