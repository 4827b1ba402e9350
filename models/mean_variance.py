r"""Mean-variance: where water-filling fails, because the measure is not monotone.

    minimize    E L + gamma Var L,   L = sum_i (R p (q_i - x_i) - E_i)_+
    over        sum_i x_i = Q,  0 <= x_i <= q_i

A larger loss in a mild move brings the losses closer together and lowers the variance. The measure is not
convex in x either, so it can be measured but not minimised here; its monotone hull E L + ... below it can,
and there water-filling is optimal again.

Source: Campbell et al. (2026) claim all risk measures; corrected here. Monotone hull: Maccheroni, Marinacci,
Rustichini, Taboga (2009).
"""

import numpy as np

import adl_opt as adl

LAW = adl.Scenarios({"BTC": [0.5, 3.0]})
PAIR = adl.examples.shorts([3, 3], [1, 1], 3.0)  # two equal accounts, half of all to be closed
BETTER = [-0.8, -2.2]


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed, leverage=3.0)


def _value(measure, closed=None, start=PAIR, law=LAW) -> float:
    """The measure of a table of closings; of water-filling if none is given."""
    table = (
        adl.water_filling(start)
        if closed is None
        else start.book.to_frame()[["account", "asset"]].assign(closed=closed)
    )
    return adl.certify(measure, start, law, table).objective


@adl.claim(
    "water-filling (1.5, 1.5) loses to (0.8, 2.2): 5.95 against 5.9305",
    "our counterexample: gamma = 0.2, R = 0.5 or 3",
    1e-12,
)
def water_filling_loses(model):
    measure = adl.MeanVariance(0.2)
    return abs(_value(measure) - 5.95) + abs(_value(measure, BETTER) - 5.9305)


@adl.claim(
    "so it does for mean + 1.5 standard deviations: 8.75 against 8.725", "the same two accounts", 1e-12
)
def and_for_the_deviation(model):
    measure = adl.MeanDeviation(1.5)
    return abs(_value(measure) - 8.75) + abs(_value(measure, BETTER) - 8.725)


@adl.claim(
    "it is not convex in what is closed: halfway between (0.8, 2.2) and its mirror image it is larger "
    "than at both",
    "the same two accounts",
    0.0,
)
def not_convex(model):
    measure = adl.MeanVariance(0.2)
    middle, ends = _value(measure, [-1.5, -1.5]), (_value(measure, BETTER), _value(measure, BETTER[::-1]))
    return max(0.0, max(ends) + 0.01 - middle)


@adl.claim(
    "more loss, less measure: it falls from 5.95 (losses 0 or 7) to 5.9305 (0.1 or 7), its hull stays at "
    "5.75",
    "definition",
    1e-9,
)
def not_monotone(model):
    start = adl.examples.shorts([1], [1], 0.0)  # loses R - 1, and has nothing to decide
    laws = [adl.Scenarios({"BTC": [small, 8.0]}, meant=True) for small in (1.0, 1.1)]
    found = [
        _value(measure, None, start, law)
        for measure in (adl.MeanVariance(0.2), adl.MonotoneMeanVariance(2.5))
        for law in laws
    ]
    by_hand = [5.95, 5.9305, 5.75, 5.75]  # the hull weighs 7 alone: 7 - 1 / (4 gamma)
    return float(np.abs(np.array(found) / by_hand - 1).max())


@adl.claim(
    "the hull lies below, and under it water-filling is certified optimal for eight laws", "Thm 1", 1e-9
)
def monotone_hull(model):
    start = model.event(model.sizes[0], 1)
    worst = 0.0
    for law in adl.examples.eight_laws():
        scale = max(_value(adl.ExpectedLoss(), start=start, law=law), 1.0)
        for gamma in (0.01 / scale, 1 / scale):
            hull = adl.MonotoneMeanVariance(1 / (2 * gamma))
            above = _value(hull, start=start, law=law) - _value(adl.MeanVariance(gamma), start=start, law=law)
            worst = max(worst, above / scale, adl.certify(hull, start, law, adl.water_filling(start)).gap)
    return worst


MODEL = adl.Model(
    name="mean_variance",
    title="mean-variance: not monotone, so water-filling fails",
    source="Campbell et al. (2026), corrected",
    objective=adl.MeanVariance(0.2),
    law=LAW,
    event=event,
    sizes=(20, 500),
    claims=(water_filling_loses, and_for_the_deviation, not_convex, not_monotone, monotone_hull),
)
