"""Volatilities a year, correlations and a horizon: the words in which people say how prices move, checked."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import LawError
from adl_opt.inputs import MOST_VOLATILE, MOST_YEARS
from adl_opt.laws.covariance import correlation_of
from adl_opt.laws.validation import entry, labels_of, numbers_of


class Annual(NamedTuple):
    """volatility (d,) a year, correlation (d, d), horizon in years, labels of the assets or None."""

    volatility: Array
    correlation: Array
    horizon: float
    assets: tuple[str, ...] | None

    @property
    def deviation(self) -> Array:
        """Standard deviation over the horizon, (d,)."""
        return self.volatility * math.sqrt(self.horizon)

    @property
    def covariance(self) -> Any:
        """Over the horizon, (d, d); a DataFrame where the assets have labels."""
        import pandas as pd

        matrix = self.correlation * np.outer(self.deviation, self.deviation)
        labels = self.assets
        return matrix if labels is None else pd.DataFrame(matrix, index=list(labels), columns=list(labels))

    def over_horizon(self, mean: Any) -> Any:
        """A mean move a year, of one asset or by label, over the horizon; None stays None."""
        if mean is None:
            return None
        if isinstance(mean, dict):
            return {name: self.horizon * numbers_of(value, "mean") for name, value in mean.items()}
        return mean * self.horizon if hasattr(mean, "to_numpy") else numbers_of(mean, "mean") * self.horizon


def annual(volatility: Any, correlation: Any, horizon: Any, meant: bool) -> Annual:
    """Raises LawError for what looks like a slip and is not meant, and for volatilities,
    horizons and correlations that are none.
    """
    assets = labels_of(volatility)
    vol = np.atleast_1d(numbers_of(volatility, "volatility"))
    if vol.ndim != 1 or vol.size == 0:
        raise LawError(f"volatility must be one number an asset, not of shape {vol.shape}")
    if horizon is None:
        raise LawError("horizon is missing: give a time in years, such as 10/365")
    horizon = numbers_of(horizon, "horizon")
    if not meant and (vol > MOST_VOLATILE).any():
        first = int(np.argmax(vol > MOST_VOLATILE))
        raise LawError(
            f"volatility {entry(assets, first)} is {vol[first]:.6g}, {100 * vol[first]:,.0f} % a year; "
            "write 0.6 for 60 %, or say meant=True"
        )
    if (vol <= 0).any():
        first = int(np.argmax(vol <= 0))
        raise LawError(
            f"{(vol <= 0).sum()} of {len(vol)} volatilities are not positive, first "
            f"{entry(assets, first)}: {vol[first]:.6g}"
        )
    if np.ndim(horizon) or not horizon > 0:
        raise LawError(f"horizon = {horizon}: give a positive time in years, such as 10/365")
    if not meant and horizon > MOST_YEARS:
        raise LawError(f"horizon = {horizon:g} years: write 10/365 for ten days, or say meant=True")
    matrix, assets = correlation_of(correlation, len(vol), assets)
    return Annual(vol, matrix, float(horizon), assets)
