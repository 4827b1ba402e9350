"""What convexity says of the least value as a function of the requirement, claimed of models that show it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from adl_opt.data.event import Event
from adl_opt.verification.claims import claim
from adl_opt.verification.model import Model


def _least(model: Model, event: Event, asset: str, factor: float) -> float:
    """The least value where `factor` times as much is required of an asset."""
    required = {**event.short, asset: factor * event.short[asset]}
    return model.solve(event.with_requirement(short=required)).certificate.value


@claim(source="duality", tolerance=1e-7, seeds=1)
def price_is_a_slope(model: Model, event: Event) -> Iterator[Any]:
    """the shadow price is what one more contract saves: it lies between the two difference quotients"""
    here, share = model.solve(event), 1e-4
    for asset, required in event.short.items():
        less, more = (_least(model, event, asset, factor) for factor in (1 - share, 1 + share))
        value, price = here.certificate.value, here.shadow_prices[asset] * share * required
        yield (value - more - price) / price, (price - (less - value)) / price


@claim(source="duality", tolerance=1e-5, seeds=[1])
def price_is_slope(model: Model, event: Event) -> Iterator[Any]:
    """the shadow prices are the slopes of the least expected loss in the requirements"""
    for asset, price in model.solve(event).shadow_prices.items():
        less, more = (_least(model, event, asset, factor) for factor in (1 - 1e-4, 1 + 1e-4))
        yield abs((less - more) / (2e-4 * event.short[asset]) / price - 1)


@claim("the least expected loss is convex in the requirement", "duality", seeds=1)
def convex_in_requirement(model: Model, event: Event) -> Any:
    asset, capacity = event.required_assets[0], event.capacities[event.free_assets[0]]
    value = model.problem().sweep(short={asset: np.linspace(0.0, capacity, 23)})["objective"].to_numpy()
    return -np.diff(value, 2) / value[0]
