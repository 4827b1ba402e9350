"""How laws are shown: in words, and asset by asset in numbers (§15)."""

from typing import Any

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array
from adl_opt.text import NOISE, counted, figure, several

_DIGITS = 4  # of percentages and correlations
_CORRELATED = 6  # assets up to which correlations are shown

Facts = list[tuple[str, str]]
Numbers = dict[str, tuple[str, Array]]


class Shown:
    """A law, or a part of one, that says of itself `_said`: facts in words, and numbers by asset, each with
    its unit, (d,).
    """

    assets: tuple[str, ...] | None

    def _said(self) -> tuple[Facts, Numbers]:
        return [("law", repr(self))], {}

    def _repr_html_(self) -> str:
        facts, numbers = self._said()
        total = len(next(iter(numbers.values()))[1]) if numbers else 0
        names = self.assets or [f"asset number {k + 1} of the book" for k in range(min(total, html.SHOWN))]
        columns = [html.words("asset", names[: html.SHOWN])]
        noise = NOISE * max(
            (float(np.abs(values).max(initial=0.0)) for _, values in numbers.values()), default=0
        )
        for name, (unit, values) in numbers.items():
            texts = [figure(float(value), _DIGITS, noise) for value in values[: html.SHOWN]]
            columns.append(html.Column(name, unit, texts))
        below = html.table(columns, html.shown(total, "assets")) if numbers else ""
        return html.panel(type(self).__name__, html.facts(facts), below)


def described(law: Any) -> str:
    return several(law.assets) if law.assets else counted(law.dimension, "unlabelled asset")


def numbers(values: Any) -> str:
    """The first few numbers of a law, in its repr."""
    return several(f"{value:.3g}" for value in values)


def percent(values: Array) -> Array:
    return 100 * np.asarray(values, float)


def in_percent(moves: Array, probability: Array) -> Numbers:
    """Of scenarios: moves (S, d), probability (S,)."""
    mean = probability @ moves
    spread = np.sqrt(probability @ np.square(moves - mean))
    ends = {"least": moves.min(axis=0), "most": moves.max(axis=0)}
    kinds = {"mean": mean, "standard deviation": spread, **ends}
    return {name: ("% of the price", percent(values)) for name, values in kinds.items()}


def correlations(law: Any, matrix: Array) -> Numbers:
    """A column an asset, where these are few."""
    names = law.assets or [f"number {k + 1}" for k in range(len(matrix))]
    few = 1 < len(matrix) <= _CORRELATED
    return {f"correlation with {name}": ("", matrix[:, k]) for k, name in enumerate(names)} if few else {}


def correlation_of_covariance(matrix: Array) -> Array:
    spread = np.sqrt(np.diag(matrix))
    both = np.outer(spread, spread)
    return np.divide(matrix, both, out=np.zeros_like(both), where=both > 0)
