"""Mixtures: one of several laws of price moves, which one is drawn (THEORY 11.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adl_opt.arrays import Array, Index, Mask
from adl_opt.errors import LawError
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.panel import Facts, Numbers, described, in_percent
from adl_opt.laws.price_tables import probabilities
from adl_opt.laws.sampling import frame_like, inverse
from adl_opt.laws.validation import frozen, listing, set_fields
from adl_opt.text import clipped, two_lines


@dataclass(frozen=True, init=False, eq=False)
class Mixture(Law):
    """Price moves that follow one of several laws, each with its probability.

    - `laws`: Laws of the same assets, by label in any order, or all without labels
    - `weight`: the probability of each, >= 0, summing to 1 (default: equal)

    Of sets of scenarios it is one set of scenarios, for every objective. Exact laws are mixed exactly for
    the expected loss, which is linear in the law; exact laws beside scenarios can be measured, not minimised
    under (`law.quadrature(20)` makes scenarios of one). Raises LawError for laws of different assets, and for
    weights that are negative or do not sum to 1.

    Source: THEORY 11.4 (which risk measures of a mixture are at most the worst of its laws).

    >>> calm, crash = adl.LogNormal({"BTC": 0.6}, None, 1 / 365), adl.LogNormal({"BTC": 3.0}, None, 1 / 365)
    >>> law = adl.Mixture([calm, crash], [0.9, 0.1])
    >>> law.expected_shortfall([[-1000.0]], [100.0]).round(3).tolist()  # quote currency
    [2.752]
    """

    laws: tuple[Law, ...]
    weight: Array
    assets: tuple[str, ...] | None
    loading: Array | None  # where all have the same

    def __init__(self, laws: Sequence[Law], weight: ArrayLike | None = None) -> None:
        laws = _alike(laws)
        weights = probabilities(weight, len(laws))
        set_fields(
            self, laws=laws, weight=frozen(weights), assets=laws[0].assets, loading=_common_loading(laws)
        )

    @property
    def dimension(self) -> int:
        return self.laws[0].dimension

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """Accounts per vectorised call: the fewest that one of the laws asks for."""
        return min(law.batch_size for law in self.laws)

    def __repr__(self) -> str:
        kinds = listing([f"{100 * w:.4g} % {type(law).__name__}" for w, law in self._weighted()], 4)
        return two_lines(f"Mixture({described(self)}; {kinds})")

    def _said(self) -> tuple[Facts, Numbers]:
        facts = [(f"{100 * w:.4g} %", clipped(law, 80)) for w, law in self._weighted()]
        together = self.scenarios
        return facts, {} if together is None else in_percent(together.moves, together.probability)

    def _weighted(self) -> list[tuple[float, Law]]:
        return list(zip(self.weight.tolist(), self.laws))

    @property
    def scenarios(self) -> Scenarios | None:
        """All scenarios of the laws in one set, where all are sets of scenarios; else None."""
        parts = [law.scenarios for law in self.laws]
        return (
            None
            if any(part is None for part in parts)
            else self._stacked([p for p in parts if p is not None])
        )

    def _stacked(self, parts: Sequence[Scenarios]) -> Scenarios:
        moves = np.concatenate([part.moves for part in parts])
        probability = np.concatenate([w * part.probability for w, part in zip(self.weight, parts)])
        return Scenarios(frame_like(moves, self.assets), probability, loading=self.loading, meant=True)

    def as_scenarios_if_exact(self) -> Law:
        exact = self._with([law.as_scenarios_if_exact() for law in self.laws])
        return exact.scenarios or exact

    def quadrature(self, order: int) -> Scenarios:
        """The laws' own rules together, each law's points with its probability; scenarios as they are."""
        return self._stacked([law.scenarios or law.quadrature(order) for law in self.laws])

    def shortfall_terms(self, asset: Index, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        return self.terms_on(asset)(notional, equity, wanted)

    def terms_on(self, asset: Index) -> Callable[[Array, Array, int], tuple[Array, ...]]:
        each = [law.terms_on(asset) for law in self.laws]

        def terms(notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
            self._refuse_kinks(wanted)
            found = [ask(notional, equity, wanted) for ask in each]
            return tuple(np.tensordot(self.weight, np.array(column), 1) for column in zip(*found))

        return terms

    def _refuse_kinks(self, wanted: int) -> None:
        kinked = [
            type(law).__name__ for law in self.laws if law.as_scenarios_if_exact().scenarios is not None
        ]
        if wanted > 1 and kinked:
            raise LawError(
                f"a Mixture of {len(kinked)} sets of scenarios and {len(self.laws) - len(kinked)} exact laws "
                "has kinks beside curves, which no method here minimises under: make scenarios of all, "
                "mixture.quadrature(20), or ask for the worst, adl.Robust(objective, laws)"
            )

    def shortfall_rounding(self, asset: Index, notional: Array, equity: Array) -> Array:
        return sum(
            (w * law.shortfall_rounding(asset, notional, equity) for w, law in self._weighted()),
            start=np.zeros(len(equity)),
        )

    def mean_of_moves(self) -> Array | None:
        means = [law.mean_of_moves() for law in self.laws]
        return None if any(mean is None for mean in means) else self.weight @ np.array(means)

    def covariance_of_moves(self) -> Array | None:
        mean, total = self.mean_of_moves(), np.zeros((self.dimension, self.dimension))
        for w, law in self._weighted():
            own, covariance = law.mean_of_moves(), law.covariance_of_moves()
            if mean is None or own is None or covariance is None:
                return None
            total += w * (covariance + np.outer(own - mean, own - mean))
        return total

    def convex_where(self, asset: Index, notional: Array, equity: Array) -> Mask:
        # A sum of convex functions is strictly convex where one of them is.
        each = [law.convex_where(asset, notional, equity) for w, law in self._weighted() if w > 0]
        return np.any(each, axis=0)

    def support_interval(self, k: int) -> tuple[float, float] | None:
        known = [law.support_interval(k) for w, law in self._weighted() if w > 0]
        if any(one is None for one in known):
            return None
        low, high = (np.array(end) for end in zip(*sorted(one for one in known if one is not None)))
        apart = (low[1:] > np.maximum.accumulate(high)[:-1]).any()
        return None if apart else (float(low.min()), float(high.max()))

    @property
    def _uniforms(self) -> int:
        return 1 + max(law._uniforms for law in self.laws)

    def _draw(self, uniforms: Array) -> Array:
        which, moves = inverse(self.weight, uniforms[:, 0]), np.zeros((len(uniforms), self.dimension))
        for k, law in enumerate(self.laws):
            moves[which == k] = law._draw(uniforms[which == k, 1 : 1 + law._uniforms])
        return moves

    def _take(self, index: Index, assets: tuple[str, ...]) -> Mixture:
        return self._with([law._take(index, assets) for law in self.laws])

    def on_inverse(self, inverse: Mask) -> Mixture:
        return self._with([law.on_inverse(inverse) for law in self.laws])

    def _with(self, laws: Sequence[Law]) -> Mixture:
        """The same weights of other laws, of assets in one order."""
        mixture = object.__new__(Mixture)
        set_fields(
            mixture,
            laws=tuple(laws),
            weight=self.weight,
            assets=laws[0].assets,
            loading=_common_loading(laws),
        )
        return mixture


def _alike(laws: Any) -> tuple[Law, ...]:
    """The laws in the order of the first one's assets. Raises LawError where they are none, or of others."""
    if not isinstance(laws, (list, tuple)) or not laws:
        raise LawError(f"Mixture takes a list of laws, at least one, not {str(laws)[:40]!r}")
    odd = [k for k, law in enumerate(laws) if not isinstance(law, Law)]
    if odd:
        raise LawError(
            f"{len(odd)} of {len(laws)} laws of Mixture are none, first number {odd[0] + 1}: "
            f"{type(laws[odd[0]]).__name__}; adl.Scenarios(moves) makes one of a table"
        )
    first = laws[0]
    other = next((k for k, law in enumerate(laws) if _assets(law) != _assets(first)), None)
    if other is not None:
        one, two = (law.assets or [f"{law.dimension} unlabelled"] for law in (first, laws[other]))
        raise LawError(
            f"law number {other + 1} of Mixture is of other assets than the first: {listing(two)} against "
            f"{listing(one)}; give every law the same assets, by label or in one order"
        )
    return tuple(law if law.assets is None else law.align(first.assets) for law in laws)


def _assets(law: Law) -> Any:
    return law.dimension if law.assets is None else frozenset(law.assets)


def _common_loading(laws: Sequence[Law]) -> Array | None:
    first = laws[0].loading
    same = first is not None and all(
        law.loading is not None and np.array_equal(law.loading, first) for law in laws
    )
    return first if same else None
