r"""Entropic risk in isolated margin: strictly monotone, so that its optima are exactly those of the expected
loss.

    minimize    log E exp(a L) / a,   L = sum_i (R p (q_i - x_i) - E_i)_+
    over        sum_i x_i = Q,  0 <= x_i <= q_i

a > 0 is the risk aversion per unit of quote currency. No allocation loses less than water-filling in any
scenario; one that is as good must lose the same in all of them. So the optimal set does not depend on a,
although the measure runs from the mean to the worst case.

Source: Campbell et al. (2026), monotone risk measures; the optimal set is our addition (Thm 2).
"""

import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.08**2}}, dof=4).sample(200, seed=3)


def _scaled(start, *aversions) -> list[adl.Entropic]:
    """Risk aversions in units of one over the expected loss at pro rata."""
    scale = adl.certify(adl.ExpectedLoss(), start, LAW, adl.pro_rata(start)).value
    return [adl.Entropic(a / scale) for a in aversions]


@adl.claim(source="Thm 2, strict monotonicity", tolerance=1e-6, seeds=3, n=12)
def optima_of_the_expected_loss(model, start):
    """its optima are those of the expected loss, by hand and by programs that know neither theorem (of a
    position)"""
    by_hand = adl.examples.optimal_ends(start, LAW.moves[:, 0])
    asked = (
        (_scaled(start, 1.0)[0], ""),
        (adl.ExpectedLoss(), "closed form"),
        (adl.ExpectedLoss(), "programs"),
    )
    for objective, how in asked:
        yield adl.examples.apart(start, model.ends(start, objective, how), by_hand)


@adl.claim(source="bounds: worst - log(1/p)/a <= value <= worst")
def from_mean_to_worst_case(model):
    """it lies between the mean and the worst case, and reaches both"""
    for seed in range(20):
        loss, probability = np.random.default_rng(seed).lognormal(0, 1, 20), np.full(20, 0.05)
        mean, top = loss @ probability, loss.max()
        for a in (1e-9, 0.1, 1.0, 10.0, 1e6):
            value = adl.Entropic(a).of(loss, probability)
            yield mean - value, value - top, top + np.log(0.05) / a - value
        least, most = (adl.Entropic(a).of(loss, probability) for a in (1e-12, 1e12))
        yield least / mean - 1, 1 - most / top


@adl.value_by_hand("the logarithm of the mean of exp(a L), over a", "definition")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return loss.max() + np.log(np.exp(1e-6 * (loss - loss.max())).mean()) / 1e-6


MODEL = adl.Model(
    name="entropic",
    title="entropic risk in isolated margin: optima of the expected loss",
    source="Campbell et al. (2026), monotone risk measures; Thm 2",
    objective=adl.Entropic(1e-6), law=LAW, closed_form=adl.water_filling, sizes=(20, 200),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, leverage=8.0),
    claims=(
        adl.serves_every_law(
            lambda start: _scaled(start, 0.01, 1.0, 100.0),
            "water-filling is certified optimal under eight unlike laws, for risk aversions over four "
            "decades"),
        optima_of_the_expected_loss, from_mean_to_worst_case,
        adl.methods_agree(
            [0], 1e-7, "the exponential-cone program finds the same value, certified (relative to pro rata)",
            "two independent definitions",
            problem=lambda model, start: adl.Problem(*_scaled(start, 1.0), start, model.law)),
        value_by_hand,
    ),
)  # fmt: skip
