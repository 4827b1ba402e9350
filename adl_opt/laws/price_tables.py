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


def refuse_prices(table: Array) -> None:
    prices = (table > 0).all(axis=0) & (np.median(table, axis=0) > _TYPICAL_MOVE) & (len(table) >= _HISTORY)
    if prices.any():
        k = int(np.argmax(prices))
        raise LawError(
            f"column {k + 1} of the moves is positive throughout with median "
            f"{float(np.median(table[:, k])):.6g}: these are prices, "
            "not moves (0.05 is 5 %); use Scenarios.from_prices"
        )
