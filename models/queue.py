r"""A ranking queue: the linear program that it solves, and the promises that it breaks, measured.

    minimize    sum_i (1 - l_i / max l) p x_i,   l_i = p q_i / E_i before closing
    over        sum_i x_i = Q,  0 <= x_i <= q_i

A fractional knapsack: close the highest leverage whole, then the next, the last one in part. Exchanges rank
by other scores (`adl.policy("bitmex")`); the program is the same with their scores. It looks at leverage
*before* closing only, so that whoever is first is closed to nothing and the next keeps his. Source: ours; the
promises are those of THEORY 3, the least expected loss that of Campbell et al. (2026), Thm 1. Re-ranked after
every lot the queue becomes water-filling (THEORY 3.3).
"""

import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.08**2}}, dof=4)
QUEUE = adl.policy("leverage_queue")


class Ranked(adl.Objective):
    """sum_i (1 - leverage_i / highest) notional closed_i, leverages before closing (quote currency)."""

    def _cost(self, m):
        return m.equity * m.leverage_before * (1 - m.leverage_before / m.leverage_before.max())

    def express(self, m):
        return self._cost(m) @ m.fraction

    def value(self, m):
        return float(self._cost(m) @ m.fraction)

    def minorant(self, m, dual):
        return adl.Minorant(0.0, self._cost(m), self._cost(m))  # linear: it is its own support

    def closed_form(self, event, law):
        return QUEUE(event).amount if event.book.isolated else None


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed)


def _amounts(model, position, equity, required):
    return model.closed_form(adl.examples.shorts(position, equity, required)).amount


@adl.value_by_hand("sum (1 - l / max l) p x, l = p q / E", "definition")
def value_by_hand(start, amount):
    leverage = start.size * start.book.price[0] / start.book.equity
    return (1 - leverage / leverage.max()) @ amount * start.book.price[0]


@adl.claim(
    "re-ranked after every small lot it becomes water-filling, to within a lot (of the lot, beyond one)",
    "THEORY 3.3",
    1e-6,
)
def re_ranked_it_is_water_filling(model):
    worst = 0.0
    for position, equity, required, lots in (
        ([10, 10], [1, 1.25], 12.0, 100),
        ([4, 9, 7], [1, 2, 3], 8.0, 100),
    ):
        left, lot = np.array(position, float), required / lots
        for _ in range(lots):
            left = left - _amounts(model, left, equity, lot)
        level = adl.water_filling(adl.examples.shorts(position, equity, required))
        worst = max(worst, np.abs(np.array(position) - left - level.amount).max() / lot - 1)
    return max(worst, 0.0)


@adl.claim(
    "half now and half later is the whole at once (of the requirement)",
    "false: THEORY 3, n15",
    1e-9,
    fails=True,
)
def path_independent(model):
    at_once = _amounts(model, [10, 10], [1, 1.25], 10.0)
    first = _amounts(model, [10, 10], [1, 1.25], 5.0)
    later = first + _amounts(model, [10, 10] - first, [1, 1.25], 5.0)
    return np.abs(at_once - later).max() / 10


@adl.claim(
    "splitting an account never lowers what its owner loses (of the requirement)",
    "false: THEORY 3, n13",
    1e-9,
    fails=True,
)
def split_proof(model):
    whole = _amounts(model, [10, 10], [1, 2], 10.0)[0]
    return (whole - _amounts(model, [5.1, 4.9, 10], [0.01, 0.99, 2], 10.0)[:2].sum()) / 10


@adl.claim(
    "a millionth more equity changes little (of the requirement)", "false: THEORY 3, n16", 1e-3, fails=True
)
def continuous(model):
    return (
        np.abs(_amounts(model, [10, 10], [1, 1], 10.0) - _amounts(model, [10, 10], [1 + 1e-6, 1], 10.0)).max()
        / 10
    )


@adl.claim(
    "the order of leverages is kept (reversed by, x of equity)", "false: THEORY 3, n15", 1e-9, fails=True
)
def leverage_order_kept(model):
    left = [10, 10] - _amounts(model, [10, 10], [1, 1.25], 10.0)
    return left[1] / 1.25 - left[0] / 1


@adl.claim(
    "its expected loss is the least possible (above it, of it)",
    "false: Thm 1 gives that to water-filling",
    1e-6,
    fails=True,
)
def least_expected_loss(model):
    start = model.event(model.sizes[0], 1)
    return adl.certify(adl.ExpectedLoss(), start, LAW, model.closed_form(start)).gap


MODEL = adl.Model(
    name="queue",
    title="a ranking queue: the knapsack that it solves, and the promises that it breaks",
    source="ours; promises: THEORY 3",
    objective=Ranked(),
    law=None,
    event=event,
    closed_form=QUEUE,
    sizes=(30, 1_000, 100_000),
    claims=(
        adl.methods_agree(),
        value_by_hand,
        re_ranked_it_is_water_filling,
        path_independent,
        split_proof,
        continuous,
        leverage_order_kept,
        least_expected_loss,
    ),
)
