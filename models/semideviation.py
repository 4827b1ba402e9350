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


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed, leverage=8.0)


@adl.claim("both forms say the same, at any loss and any 0 <= c <= 1", "algebra", 1e-12)
def both_forms(model):
    worst = 0.0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        loss, probability, c = rng.lognormal(0, 2, 9), rng.dirichlet(np.ones(9)), rng.random()
        mean = loss @ probability
        said, other = (
            adl.MeanSemideviation(c).of(loss, probability),
            np.maximum(mean, (1 - c) * mean + c * loss) @ probability,
        )
        worst = max(worst, abs(said / other - 1))
    return worst


@adl.claim("for 0 <= c <= 1 water-filling is certified optimal under eight unlike laws", "Thm 1", 1e-9)
def distribution_free(model):
    start = model.event(model.sizes[0], 1)
    policy = model.closed_form(start)
    laws = adl.examples.eight_laws()
    return max(
        adl.certify(adl.MeanSemideviation(c), start, law, policy).gap for law in laws for c in (0.0, 0.3, 1.0)
    )


@adl.claim(
    "for c = 1.2 water-filling loses: 7.056 against 7.0552",
    "our counterexample: q = (3, 3), E = (1, 1), Q = 3, R = 3 with 0.9, else 0.5",
    1e-12,
)
def fails_above_one(model):
    start, law = adl.examples.shorts([3, 3], [1, 1], 3.0), adl.Scenarios({"BTC": [0.5, 3.0]}, [0.1, 0.9])

    def measure(closed):  # the library's, which is affine in c and refuses c above 1
        table = start.book.to_frame()[["account", "asset"]].assign(closed=-np.array(closed))
        mean, whole = (adl.certify(adl.MeanSemideviation(c), start, law, table).objective for c in (0.0, 1.0))
        return mean + 1.2 * (whole - mean)

    return abs(measure(model.closed_form(start).amount) - 7.056) + abs(measure([0.8, 2.2]) - 7.0552)


@adl.value_by_hand("the mean, and half the mean of what lies above it", "definition, c = 1 / 2")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return loss.mean() + 0.5 * np.maximum(loss - loss.mean(), 0).mean()


MODEL = adl.Model(
    name="semideviation",
    title="mean and semideviation: water-filling up to weight 1, not above",
    source="Campbell et al. (2026), corrected",
    objective=adl.MeanSemideviation(0.5),
    law=LAW,
    event=event,
    closed_form=adl.water_filling,
    sizes=(20, 500),
    claims=(both_forms, distribution_free, fails_above_one, value_by_hand, adl.methods_agree()),
)
