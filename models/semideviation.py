r"""Mean and upper semideviation: monotone up to weight 1, and wrong above it.

    minimize    E L + c E (L - E L)_+ = E max(E L, (1 - c) E L + c L)   over   sum_i x_i = Q,  0 <= x_i <= q_i

L = sum_i (R p (q_i - x_i) - E_i)_+ and 0 <= c <= 1. The textbook form on the left is not convex by CVXPY's
rules, the right one is. For c > 1 a larger loss in a mild move can lower the measure, and water-filling is no
longer optimal.

Source: Campbell et al. (2026) claim all risk measures; corrected here: monotone ones. The counterexample is
ours.
"""

import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.08**2}}, dof=4).sample(200, seed=4)

distribution_free = adl.serves_every_law(
    [adl.MeanSemideviation(c) for c in (0.0, 0.3, 1.0)],
    "for 0 <= c <= 1 water-filling is certified optimal under eight unlike laws",
)


@adl.claim(source="algebra", tolerance=1e-12)
def both_forms(model):
    """both forms say the same, at any loss and any 0 <= c <= 1"""
    for number, (loss, probability) in enumerate(adl.examples.random_losses(50, 9)):
        c, mean = number / 49, loss @ probability
        other = np.maximum(mean, (1 - c) * mean + c * loss) @ probability
        yield abs(adl.MeanSemideviation(c).of(loss, probability) / other - 1)


@adl.claim(
    source="our counterexample: q = (3, 3), E = (1, 1), Q = 3, R = 3 with 0.9, else 0.5", tolerance=1e-12
)
def fails_above_one(model):
    """for c = 1.2 water-filling loses: 7.056 against 7.0552"""
    start, law = adl.examples.shorts([3, 3], [1, 1], 3.0), adl.Scenarios({"BTC": [0.5, 3.0]}, [0.1, 0.9])
    for closed, value in ((model.closed_form(start), 7.056), ([0.8, 2.2], 7.0552)):
        # Affine in c: the library refuses c above 1.
        mean, whole = (model.certify(start, closed, adl.MeanSemideviation(c), law).value for c in (0, 1))
        yield abs(mean + 1.2 * (whole - mean) - value)


@adl.value_by_hand("the mean, and half the mean of what lies above it", "definition, c = 1 / 2")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return loss.mean() + 0.5 * np.maximum(loss - loss.mean(), 0).mean()


MODEL = adl.Model(
    name="semideviation",
    title="mean and semideviation: water-filling up to weight 1 only",
    source="Campbell et al. (2026), corrected",
    objective=adl.MeanSemideviation(0.5),
    law=LAW,
    event=lambda n, seed: adl.examples.random_shorts(n, seed, leverage=8.0),
    closed_form=adl.water_filling,
    sizes=(20, 500),
    claims=(both_forms, distribution_free, fails_above_one, value_by_hand, adl.methods_agree()),
)
