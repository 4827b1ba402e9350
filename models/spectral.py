r"""Spectral risk in isolated margin: water-filling is optimal, and what the spectrum ignores is free.

    minimize    int_0^1 h(u) quantile_u( sum_i (R p (q_i - x_i) - E_i)_+ ) du
    over        sum_i x_i = Q,  0 <= x_i <= q_i

h is nondecreasing with integral 1, here a step function of K equal bins. The measure is a mixture of CVaRs.
All losses grow with the same move, so the optimum separates by account: the optimal set is that of an
expected loss under the moves that the spectrum weighs.

Source: Campbell et al. (2026), spectral risk; Thm 2 with the law of quantile(U), U distributed as h.
"""

import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.08**2}}, dof=4).sample(200, seed=2)
WEIGHTS = (0.0, 0.0, 0.1, 0.3, 0.6)
SPECTRA = ((1.0,), (0.0, 1.0), (0.2, 0.2, 0.6), tuple(np.arange(1, 21) / 210), WEIGHTS)


@adl.claim(source="Kusuoka representation of a step function", tolerance=1e-12)
def mixture_of_cvars(model):
    """the value is the mixture of CVaRs, at any allocation"""
    for loss, probability in adl.examples.random_losses(20, 17):
        mixed = sum(s * adl.CVaR(at).of(loss, probability) for at, s in zip(*model.objective.mixture))
        yield abs(model.objective.of(loss, probability) / mixed - 1)


@adl.claim(source="Thm 2", tolerance=1e-12, seeds=10)
def optima_are_those_of_the_tail(model, start):
    """a spectrum that weighs everything has the optima of the expected loss; one that starts at a level those
    of its CVaR"""
    for weights, twin in (((0.1, 0.2, 0.3, 0.4), adl.ExpectedLoss()), ((0, 0, 0, 0.4, 0.6), adl.CVaR(0.6))):
        yield abs(model.ends(start, adl.Spectral(weights)) - model.ends(start, twin)) / start.required[0]


@adl.claim(source="two independent definitions", tolerance=1e-7, seeds=[0], n=12)
def programs_agree(model, start):
    """each end of a range by hand (Thm 2), in closed form and by programs that know no theorem (of a
    position)"""
    by_hand = adl.examples.optimal_ends(start, np.sort(LAW.moves[:, 0])[80:])  # two fifths weigh nothing
    for how in ("closed form", "programs"):
        yield adl.examples.apart(start, model.ends(start, by=how), by_hand)


MODEL = adl.Model(
    name="spectral",
    title="spectral risk in isolated margin: every spectrum is served",
    source="Campbell et al. (2026), spectral risk; Thm 2",
    objective=adl.Spectral(WEIGHTS), law=LAW, closed_form=adl.water_filling, sizes=(20, 500),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, leverage=8.0),
    claims=(
        mixture_of_cvars,
        adl.serves_every_law(
            [adl.Spectral(weights) for weights in SPECTRA],
            "water-filling is certified optimal under eight unlike laws, for five spectra"),
        optima_are_those_of_the_tail, programs_agree,
        adl.value_by_hand("the weighted mean of the fifths of the sorted losses", "definition")(
            lambda start, x: np.sort(
                adl.examples.losses(start, x, LAW.moves[:, 0])).reshape(5, -1).mean(axis=1) @ WEIGHTS),
        adl.methods_agree(),
    ),
)  # fmt: skip
