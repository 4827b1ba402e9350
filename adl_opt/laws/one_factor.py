"""One factor moves every price: moves = loading x factor, with the expected shortfall of accounts for any
factor with a density (THEORY 5).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from adl_opt.arrays import TINY, Array, Index
from adl_opt.errors import LawError
from adl_opt.inputs import ask_spread
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.panel import Facts, Numbers, described
from adl_opt.laws.sampling import frame_like, inverse
from adl_opt.laws.validation import frozen, labels_of, numbers_of, set_fields, whole
from adl_opt.text import two_lines

_INTEGRATED = 1e-8  # relative error of an integral of the factor beyond which it is refused
_CHUNK = 2_000  # accounts at once
_PANELS, _POINTS = 120, 8  # of a tail: each panel holds a quarter of the probability beyond the one before
_SETTLED = 1e-10  # relative change with twice the points


@dataclass(frozen=True, init=False, eq=False)
class OneFactor(Law):
    """Prices that one common factor moves, each by its own loading.

    - `loading` (d,): relative move per unit of the factor, by label or a bare array, any signs
    - `factor`: a frozen one-dimensional distribution of scipy.stats, or Scenarios of one column
    - `meant`: True says that a typical move above 200 % (loading times the median size of the factor) is
      right, which is asked about else

    Raises LawError for that, and if the factor has neither `ppf` nor one-dimensional scenarios. A problem
    under this law is solved for every move of the factor at once.

    Source: Thm 3; THEORY 5.

    >>> law = adl.OneFactor({"BTC": 1.0, "ETH": 1.25}, adl.Scenarios([-0.1, 0.1]))
    >>> law.quadrature(2).moves.tolist()
    [[-0.1, -0.125], [0.1, 0.125]]
    """

    loading: Array
    factor: Any
    assets: tuple[str, ...] | None

    def __init__(self, loading: Any, factor: Any, *, meant: bool = False) -> None:
        if not (
            callable(getattr(factor, "ppf", None))
            or (isinstance(factor, Scenarios) and factor.dimension == 1)
        ):
            raise LawError(
                "the factor must be a scipy.stats frozen distribution or Scenarios of one column, not "
                f"{type(factor).__name__}"
            )
        if callable(getattr(factor, "freeze", None)):
            raise LawError(
                f"the factor {getattr(factor, 'name', '')} has no parameters yet: freeze it, such as "
                "scipy.stats.norm(0.0, 0.1)"
            )
        if (
            not isinstance(factor, Scenarios)
            and not np.isfinite(quantiles := np.asarray(factor.ppf([0.25, 0.75]), float)).all()
        ):
            raise LawError(
                f"the quartiles of the factor are {quantiles[0]:.6g} and {quantiles[1]:.6g}: are its "
                "parameters legal (scale > 0)?"
            )
        values = np.atleast_1d(numbers_of(loading, "loading"))
        if values.ndim != 1 or values.size == 0:
            raise LawError(f"loading must be one number an asset, not of shape {values.shape}")
        if not meant:
            ask_spread(
                np.abs(values) * _typical(factor), np.zeros(len(values)), "typical size", labels_of(loading)
            )
        set_fields(self, loading=frozen(values), factor=factor, assets=labels_of(loading))

    @property
    def dimension(self) -> int:
        return len(self.loading)

    def __repr__(self) -> str:
        return two_lines(f"OneFactor({described(self)}; factor {self._factor_in_words()})")

    def _factor_in_words(self) -> str:
        kind = getattr(getattr(self.factor, "dist", None), "name", None)
        if kind is None:
            return f"{len(self.factor.moves):,} scenarios" if isinstance(self.factor, Scenarios) else "given"
        given = [f"{x:g}" for x in self.factor.args if np.isscalar(x)]
        given += [f"{name}={x:g}" for name, x in self.factor.kwds.items() if np.isscalar(x)]
        return f"{kind}({', '.join(given)})"

    def _said(self) -> tuple[Facts, Numbers]:
        loading: Numbers = {"loading": ("moves per unit of the factor", self.loading)}
        return [("moves", "loading × factor"), ("factor", self._factor_in_words())], loading

    def quadrature(self, order: int) -> Scenarios:
        """Scenario factors exactly (order does not matter); else `order` Gauss-Legendre nodes in probability,
        through the factor's quantile function.

        Far tails are cut short: 50 nodes give a Student t with 4 degrees of freedom 97 % of its variance.
        """
        if isinstance(self.factor, Scenarios):
            values, probability = self.factor.moves[:, 0], self.factor.probability
        else:
            nodes, weights = np.polynomial.legendre.leggauss(whole(order))
            values, probability = self.factor.ppf((nodes + 1) / 2), weights / weights.sum()
        moves = frame_like(np.outer(values, self.loading), self.assets)
        return Scenarios(moves, probability, loading=self.loading, meant=True)

    def as_scenarios_if_exact(self) -> Law:
        """This law as scenarios, if its factor is a set of scenarios: nothing is lost."""
        return self.quadrature(1) if isinstance(self.factor, Scenarios) else self

    def shortfall_terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """By the factor's survival function: a loss of c per unit of the factor has the expected shortfall
        |c| E(+-factor - equity/|c|)_+.
        """
        if isinstance(self.factor, Scenarios):
            return self.as_scenarios_if_exact().shortfall_terms(asset, notional, equity, wanted)
        lacking = [
            name
            for name in ("pdf", "sf", "cdf", "isf", "mean")
            if not callable(getattr(self.factor, name, None))
        ]
        if lacking:
            raise LawError(
                f"the factor has no density or no tails ({lacking[0]}); give it as scenarios: "
                "adl.OneFactor(loading, adl.Scenarios(values, probability))"
            )
        beta = self.loading[asset]
        cost = -(beta * notional).sum(axis=1)
        size = np.abs(cost)
        with np.errstate(divide="ignore", invalid="ignore"):
            strike = np.where(size > 0, equity / size, np.inf)
        excess, tail = (np.zeros_like(strike) for _ in range(2))
        for side in (1.0, -1.0):
            mine = (np.sign(cost) == side) & np.isfinite(strike)
            if mine.any():
                excess[mine], tail[mine] = tail_of(self.factor, strike[mine], side)
        terms = [size * excess]
        with np.errstate(invalid="ignore"):
            first = np.where(
                tail > 0, excess + strike * tail, 0.0
            )  # E of the factor's move on the losing side, where it is lost
        if wanted >= 1:
            terms.append(-(np.sign(cost) * first)[:, None] * beta)
        if wanted >= 2:
            moving = np.isfinite(strike)
            density = np.where(moving, self.factor.pdf(np.sign(cost) * np.where(moving, strike, 0.0)), 0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                curve = np.where(moving & (density > 0), density * strike**2 / size, 0.0)
            terms.append(curve[:, None, None] * beta[:, :, None] * beta[:, None, :])
        return tuple(terms)

    def mean_of_moves(self) -> Array | None:
        if isinstance(self.factor, Scenarios):
            return self.as_scenarios_if_exact().mean_of_moves()
        mean = float(self.factor.mean()) if callable(getattr(self.factor, "mean", None)) else np.nan
        return self.loading * mean if np.isfinite(mean) else None

    def covariance_of_moves(self) -> Array | None:
        if isinstance(self.factor, Scenarios):
            return self.as_scenarios_if_exact().covariance_of_moves()
        variance = float(self.factor.var()) if callable(getattr(self.factor, "var", None)) else np.nan
        return np.outer(self.loading, self.loading) * variance if np.isfinite(variance) else None

    def move_size(self) -> tuple[Array, Array]:
        return self.loading, np.zeros(len(self.loading))

    @property
    def _uniforms(self) -> int:
        return 1

    def _take(self, index: Index, assets: tuple[str, ...]) -> OneFactor:
        law = object.__new__(OneFactor)
        set_fields(law, loading=self.loading[index], factor=self.factor, assets=assets)
        return law

    def _draw(self, uniforms: Array) -> Array:
        if isinstance(self.factor, Scenarios):
            values = self.factor.moves[inverse(self.factor.probability, uniforms[:, 0]), 0]
        else:
            values = self.factor.ppf(uniforms[:, 0])
        return np.outer(values, self.loading)


def _typical(factor: Any) -> float:
    """The median size of a factor, or half the distance of its quartiles."""
    if isinstance(factor, Scenarios):
        return float(np.median(np.abs(factor.moves[:, 0])))
    low, high = np.asarray(factor.ppf([0.25, 0.75]), float)
    return float(high - low) / 2


def tail_of(factor: Any, strike: Array, side: float) -> tuple[Array, Array]:
    """(E(side x factor - strike)_+, P(side x factor > strike)), (n,) each, of a continuous one-dimensional
    law with ppf, isf, sf, cdf and mean.

    The survival function is integrated from the strike outwards, over panels that each leave a quarter of the
    probability, by Gauss and Legendre; a power tail beyond the last panel is summed as the geometric series
    that it is. Strikes where twice the points say something else are integrated one by one, adaptively.
    Raises LawError if the mean is not finite or nothing settles.
    """
    mean = float(factor.mean())
    if not np.isfinite(mean):
        raise LawError(
            f"the factor has the mean {mean}: its expected shortfalls are not finite; give a factor with a "
            "finite mean, or scenarios"
        )
    tail = np.asarray(factor.sf(strike) if side > 0 else factor.cdf(-strike), float)
    inside = tail > 0.5  # from the other side: E(F - k)_+ = E F - k + E(k - F)_+
    total = np.zeros_like(strike)
    for mine, way in ((~inside & (tail > 0), side), (inside, -side)):
        if mine.any():
            total[mine] = _outward(factor, strike[mine] if way == side else -strike[mine], way)
    return np.where(inside, side * mean - strike + total, total), tail


def _outward(factor: Any, strike: Array, side: float) -> Array:
    """The integral of P(side x factor > x) over x > strike, (n,)."""
    beyond = factor.sf if side > 0 else lambda x: factor.cdf(-x)
    place = factor.isf if side > 0 else lambda p: -factor.ppf(p)
    total = np.zeros_like(strike)
    for a in range(0, len(strike), _CHUNK):
        k = strike[a : a + _CHUNK]
        tail = np.asarray(beyond(k), float)
        with np.errstate(all="ignore"):
            edge = np.asarray(
                place(np.maximum(tail[:, None] * 0.25 ** np.arange(1, _PANELS + 1), TINY)), float
            )
        edge = np.concatenate([k[:, None], np.where(np.isfinite(edge), edge, -np.inf)], axis=1)
        edge = np.maximum.accumulate(
            edge, axis=1
        )  # a law that ends, or whose quantiles do not go so far, ends the panels
        half = np.diff(edge, axis=1) / 2
        sums = []
        for points in (_POINTS, 2 * _POINTS):
            nodes, weights = np.polynomial.legendre.leggauss(points)
            at = edge[:, :-1, None] + half[:, :, None] * (1 + nodes)
            panels = np.einsum("np,npk,k->np", half, np.asarray(beyond(at), float), weights)
            last, before = panels[:, -1], panels[:, -2]
            ratio = np.minimum(last / np.where(before > 0, before, np.inf), 1 - 1e-9)
            rest = np.where(last > 0, last * ratio / (1 - ratio), 0.0)
            sums.append(panels.sum(axis=1) + rest)
        total[a : a + _CHUNK] = sums[1]
        for i in np.flatnonzero(np.abs(sums[1] - sums[0]) > _SETTLED * np.abs(sums[1])):
            total[a + i] = _adaptive(beyond, float(k[i]), edge[i], float(rest[i]))
    return total


def factor_of(book: Any, loading: Any) -> OneFactor:
    """The one-factor law of loadings alone, for a Book, whatever the factor.

    Raises LawError for a Book of inverse contracts, whose holders gain R / (1 + R): in no factor linear.
    """
    if book.inverse.any():
        name = book.assets[int(np.argmax(book.inverse))]
        raise LawError(
            f"factor leverages are of gains in proportion to a factor, and {book.inverse.sum()} of "
            f"{len(book.inverse)} assets are inverse contracts, first {name!r}, which gain R / (1 + R); say "
            "a law of scenarios: adl.OneFactor(loading, factor).sample(4096, seed=1)"
        )
    return OneFactor(loading, Scenarios([-1.0, 1.0]), meant=True).align(book.assets)


def _adaptive(beyond: Any, strike: float, edges: Array, rest: float) -> float:
    from scipy import integrate

    stops = np.unique(edges[np.isfinite(edges)])
    found = [
        integrate.quad(beyond, a, b, limit=500, epsabs=0, epsrel=1e-11) for a, b in itertools.pairwise(stops)
    ]
    value, error = (float(sum(column)) for column in zip(*found))
    if error > _INTEGRATED * value:
        raise LawError(
            f"the expected shortfall under this factor does not settle at {strike:.6g} (its distribution "
            "has steps or gaps); give it as scenarios: "
            "adl.OneFactor(loading, adl.Scenarios(values, probability))"
        )
    return value + rest
