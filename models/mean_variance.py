r"""Mean-variance: where water-filling fails, because the measure is not monotone.

    minimize    E L + gamma Var L,   L = sum_i (R p (q_i - x_i) - E_i)_+
    over        sum_i x_i = Q,  0 <= x_i <= q_i

A larger loss in a mild move brings the losses closer together and lowers the variance. The measure is not
convex in x either, so it can be measured but not minimised here; its monotone hull E L + ... below it can,
and there water-filling is optimal again. Source: Campbell et al. (2026) claim all risk measures; corrected
here. Monotone hull: Maccheroni, Marinacci, Rustichini, Taboga (2009).
"""

import adl_opt as adl

PAIR = adl.examples.shorts([3, 3], [1, 1], 3.0)  # two equal accounts, half of all to be closed
LEVEL, BETTER = adl.water_filling(PAIR), (0.8, 2.2)
HULL = adl.MonotoneMeanVariance(2.5)  # weighs the largest loss alone, where it is 7: 7 - 1 / (4 gamma)


def _off(model, measure, *by_hand):
    """How far the values of water-filling and of what is better are from those by hand."""
    return [abs(model.certify(PAIR, x, measure).value - v) for x, v in zip((LEVEL, BETTER), by_hand)]


OURS = adl.claims(
    ("water_filling_loses", "water-filling (1.5, 1.5) loses to (0.8, 2.2): 5.95 against 5.9305",
     "our counterexample: gamma = 0.2, R = 0.5 or 3", 1e-12, lambda m: _off(m, m.objective, 5.95, 5.9305)),
    ("and_for_the_deviation", "so it does for mean + 1.5 standard deviations: 8.75 against 8.725",
     "the same two accounts", 1e-12, lambda model: _off(model, adl.MeanDeviation(1.5), 8.75, 8.725)),
    ("not_convex", "it is not convex in what is closed: halfway between (0.8, 2.2) and its mirror image it "
     "is larger than at both", "the same two accounts", 0.0, lambda model: [model.certify(PAIR, end).value
     + 0.01 - model.certify(PAIR, (1.5, 1.5)).value for end in (BETTER, BETTER[::-1])]),
)  # fmt: skip


@adl.claim(source="definition")
def not_monotone(model):
    """more loss, less measure: it falls from 5.95 (losses 0 or 7) to 5.9305 (0.1 or 7), its hull stays at
    5.75"""
    start = adl.examples.shorts([1], [1], 0.0)  # loses R - 1, and has nothing to decide
    for small, value in ((1.0, 5.95), (1.1, 5.9305)):
        law = adl.Scenarios({"BTC": [small, 8.0]}, meant=True)
        for measure, by_hand in ((model.objective, value), (HULL, 5.75)):
            yield abs(model.certify(start, [0.0], measure, law).value / by_hand - 1)


@adl.claim(source="Thm 1", seeds=[1])
def monotone_hull(model, start):
    """the hull lies below, and under it water-filling is certified optimal for eight laws"""
    level = adl.water_filling(start)
    for law in adl.examples.eight_laws():
        scale = max(model.certify(start, level, adl.ExpectedLoss(), law).value, 1.0)
        for gamma in (0.01 / scale, 1 / scale):
            hull = model.certify(start, level, adl.MonotoneMeanVariance(1 / (2 * gamma)), law)
            above = model.certify(start, level, adl.MeanVariance(gamma), law).value
            yield (hull.value - above) / scale, hull.gap


MODEL = adl.Model(
    name="mean_variance",
    title="mean-variance: not monotone, so water-filling fails",
    source="Campbell et al. (2026), corrected",
    objective=adl.MeanVariance(0.2), law=adl.Scenarios({"BTC": [0.5, 3.0]}), sizes=(20, 500),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, leverage=3.0),
    claims=(*OURS, not_monotone, monotone_hull),
)  # fmt: skip
