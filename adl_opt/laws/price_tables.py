"""Moves, prices and probabilities as tables of scenarios are made of them, checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import LawError
from adl_opt.inputs import SUM_TO_ONE
from adl_opt.laws.validation import numbers_of

_TYPICAL_MOVE, _HISTORY = 2.0, 20  # so many rows, all positive and half of them above 200 %, are prices


def probabilities(given: Any, count: int) -> Array:
    """Of `count` scenarios, equal if none are given. Raises LawError."""
    weight = np.full(count, 1 / count) if given is None else numbers_of(given, "probability")
    if weight.shape != (count,):
        raise LawError(f"{count} moves need {count} probabilities, not an array of shape {weight.shape}")
    if (weight < 0).any():
        first = int(np.argmax(weight < 0))
        raise LawError(
            f"{(weight < 0).sum()} of {len(weight)} probabilities are negative, first number "
            f"{first + 1}: {weight[first]:.6g}"
        )
    if abs(math.fsum(weight) - 1) > SUM_TO_ONE:
        raise LawError(
            f"the {len(weight)} probabilities sum to {math.fsum(weight):.12g}, not to 1; divide them "
            "by their sum"
        )
    total = math.fsum(weight)
    weight = (
        weight / total if abs(total - 1) > 1e-14 else weight
    )  # a rounding of the user's is none of the law
    return weight


def price_table(prices: Any, steps: int) -> Array:
    """A price history (rows, d) of which moves over `steps` rows can be made. Raises LawError."""
    ordered = hasattr(prices, "to_numpy") and getattr(prices.index.dtype, "kind", "O") in "iufM"
    if ordered and not prices.index.is_monotonic_increasing:
        raise LawError(
            "the rows of prices are not in the order of their index; sort them: prices.sort_index()"
        )
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise LawError(f"steps = {steps!r}: moves are over a whole number of rows")
    table = numbers_of(prices, "prices")
    table = table[:, None] if table.ndim == 1 else table
    if steps < 1 or len(table) <= steps:
        raise LawError(
            f"{len(table)} rows of prices give no move over steps={steps}; steps must be at least 1 "
            "and below the number of rows"
        )
    if (table <= 0).any():
        row, column = np.argwhere(table <= 0)[0]
        raise LawError(
            f"{(table <= 0).sum()} prices are not positive, first in row {row + 1}, column "
            f"{column + 1}: {table[row, column]:.6g}"
        )
    return table


def refuse_prices(table: Array) -> None:
    prices = (table > 0).all(axis=0) & (np.median(table, axis=0) > _TYPICAL_MOVE) & (len(table) >= _HISTORY)
    if prices.any():
        k = int(np.argmax(prices))
        raise LawError(
            f"column {k + 1} of the moves is positive throughout with median "
            f"{float(np.median(table[:, k])):.6g}: these are prices, "
            "not moves (0.05 is 5 %); use Scenarios.from_prices"
        )
