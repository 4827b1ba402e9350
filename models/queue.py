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
SHORTS = adl.examples.shorts
PAIR, OTHER = SHORTS([10, 10], [1, 1.25], 10.0), SHORTS([10, 10], [1, 2], 10.0)
MANY = adl.examples.random_shorts(30, 1)


class Ranked(adl.Objective):
    """sum_i (1 - leverage_i / highest) notional closed_i, leverages before closing (quote currency)."""

    def _cost(self, m):
        return m.equity * m.leverage_before * (1 - m.leverage_before / m.leverage_before.max())

    def express(self, m):
        return self._cost(m) @ m.fraction

    def value(self, m):
        return self._cost(m) @ m.fraction

    def minorant(self, m, dual):
        return adl.Minorant(0.0, self._cost(m), self._cost(m))  # linear: it is its own support

    def closed_form(self, event, law):
        return QUEUE(event).amount if event.book.isolated else None


@adl.value_by_hand("sum (1 - l / max l) p x, l = p q / E", "definition")
def value_by_hand(start, amount):
    leverage = adl.examples.leverages(start)
    return (1 - leverage / leverage.max()) @ amount * start.book.price[0]


@adl.claim(source="THEORY 3.3", tolerance=1e-6)
def re_ranked_it_is_water_filling(model):
    """re-ranked after every small lot it becomes water-filling, to within a lot (of the lot, beyond one)"""
    for start in (SHORTS([10, 10], [1, 1.25], 12.0), SHORTS([4, 9, 7], [1, 2, 3], 8.0)):
        level = adl.water_filling(start).amount
        yield abs(model.in_steps(start, *[0.01] * 100) - level) / (0.01 * start.required[0]) - 1


BROKEN = adl.claims(
    ("path_independent", "half now and half later is the whole at once (of the requirement)",
     "false: THEORY 3, n15", 1e-9,
     lambda model: abs(model.closed_form(PAIR).amount - model.in_steps(PAIR, 0.5, 0.5)) / 10),
    ("split_proof", "splitting an account never lowers what its owner loses (of the requirement)",
     "false: THEORY 3, n13", 1e-9,
     lambda model: (model.in_steps(OTHER, 1.0) - model.split(OTHER, 0, 0.51, 0.01))[0] / 10),
    ("continuous", "a millionth more equity changes little (of the requirement)", "false: THEORY 3, n16",
     1e-3, lambda m: abs(m.closes([10, 10], [1, 1], 10) - m.closes([10, 10], [1 + 1e-6, 1], 10)) / 10),
    ("leverage_order_kept", "the order of leverages is kept (reversed by, x of equity)",
     "false: THEORY 3, n15", 1e-9,
     lambda model: np.diff(adl.examples.leverages(PAIR, model.closed_form(PAIR).amount))),
    ("least_expected_loss", "its expected loss is the least possible (above it, of it)",
     "false: Thm 1 gives that to water-filling", 1e-6,
     lambda model: model.certify(MANY, model.closed_form(MANY), adl.ExpectedLoss(), LAW).gap),
    fails=True,
)  # fmt: skip
MODEL = adl.Model(
    name="queue",
    title="a ranking queue: what it minimises, which promises it breaks",
    source="ours; promises: THEORY 3",
    objective=Ranked(), law=None, closed_form=QUEUE, sizes=(30, 1_000, 100_000),
    event=adl.examples.random_shorts,
    claims=(adl.methods_agree(), value_by_hand, re_ranked_it_is_water_filling, *BROKEN),
)  # fmt: skip
