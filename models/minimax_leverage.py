r"""The least possible highest leverage: water-filling, and nothing else.

    minimize    max_i  p (q_i - x_i) / E_i   over   sum_i x_i = Q,  0 <= x_i <= q_i

No law of price moves is needed. If nobody is to be left above the water level, everyone above it must come
down to it, and that uses up the requirement: the minimiser is unique.

Source: Campbell et al. (2026), minimax leverage; uniqueness for equities > 0 and Q > 0 proved in Thm 1.
"""

import numpy as np

import adl_opt as adl


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed)


def _highest(start: adl.Event, amount: np.ndarray) -> float:
    return float(((start.size - amount) * start.book.price[0] / start.book.equity).max())


@adl.value_by_hand("the highest p left / E", "definition")
def value_by_hand(start, amount):
    return _highest(start, amount)


@adl.claim(
    "no allocation leaves a lower highest leverage; another one leaves a higher one", "Thm 1, minimax", 1e-9
)
def nothing_else(model):
    worst = 0.0
    for seed in range(20):
        start = model.event(model.sizes[0], seed)
        best = model.closed_form(start).amount
        level = _highest(start, best)
        other = adl.examples.any_allocation(start, np.random.default_rng(seed))
        distance = np.abs(other - best).max() / start.required[0]
        worst = max(
            worst,
            (level - _highest(start, other)) / level,
            float(distance > 1e-6 and _highest(start, other) <= level),
        )
    return worst


@adl.claim(
    "it is the only optimum: the ranges are points, in closed form and by linear programs (of a position)",
    "Thm 1, uniqueness",
    1e-7,
)
def unique(model):
    class Unknown(adl.MaxLeverage):
        money = 0

        def value(self, m):
            return float(m.leverage.max())

    worst = 0.0
    for seed in range(3):
        start = model.event(model.sizes[0], seed)
        closed = model.closed_form(start).amount
        for objective in (model.objective, Unknown()):
            found = adl.optimal_range(adl.Problem(objective, start))
            ends = (
                np.abs(-found[end] - closed) / np.maximum(start.size, 1e-300) for end in ("least", "most")
            )
            worst = max(worst, *(float(end.max()) for end in ends))
    return worst


MODEL = adl.Model(
    name="minimax_leverage",
    title="the least highest leverage: water-filling is its only minimiser",
    source="Campbell et al. (2026), minimax leverage; Thm 1",
    objective=adl.MaxLeverage(),
    law=None,
    event=event,
    closed_form=adl.water_filling,
    sizes=(30, 1_000, 10_000),
    claims=(value_by_hand, nothing_else, unique, adl.methods_agree()),
)
