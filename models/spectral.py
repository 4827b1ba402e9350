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


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed, leverage=8.0)


@adl.claim(
    "the value is the mixture of CVaRs, at any allocation", "Kusuoka representation of a step function", 1e-12
)
def mixture_of_cvars(model):
    levels, shares = model.objective.mixture
    worst = 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        loss, probability = rng.lognormal(0, 2, 17), rng.dirichlet(np.ones(17))
        mixed = sum(s * adl.CVaR(float(at)).of(loss, probability) for at, s in zip(levels, shares))
        worst = max(worst, abs(model.objective.of(loss, probability) / mixed - 1))
    return worst


@adl.claim("water-filling is certified optimal under eight unlike laws, for five spectra", "Thm 1", 1e-9)
def distribution_free(model):
    start = model.event(model.sizes[0], 1)
    policy, laws = model.closed_form(start), adl.examples.eight_laws()
    spectra = [(1.0,), (0.0, 1.0), (0.2, 0.2, 0.6), tuple(np.arange(1, 21) / 210), model.objective.weights]
    return max(
        adl.certify(adl.Spectral(weights), start, law, policy).gap for law in laws for weights in spectra
    )


@adl.claim(
    "a spectrum that weighs everything has the optima of the expected loss; one that starts at a level "
    "those of its CVaR",
    "Thm 2",
    1e-12,
)
def optima_are_those_of_the_tail(model):
    worst = 0.0
    for seed in range(10):
        start = model.event(model.sizes[0], seed)
        for spectrum, twin in (
            ((0.1, 0.2, 0.3, 0.4), adl.ExpectedLoss()),
            ((0.0, 0.0, 0.0, 0.4, 0.6), adl.CVaR(0.6)),
        ):
            ranges = [
                adl.optimal_range(adl.Problem(o, start, model.law)) for o in (adl.Spectral(spectrum), twin)
            ]
            worst = max(
                worst,
                *(
                    np.abs(ranges[0][end] - ranges[1][end]).max() / start.required[0]
                    for end in ("least", "most")
                ),
            )
    return worst


@adl.claim(
    "each end of a range by hand (Thm 2), in closed form and by programs that know no theorem (of a "
    "position)",
    "two independent definitions",
    1e-7,
)
def programs_agree(model):
    class Unknown(adl.Spectral):
        """The same measure, its closed forms forgotten."""

        def of(self, loss, probability):
            return super().of(loss, probability)

    start = model.event(12, 0)
    closed, programs = (
        adl.optimal_range(adl.Problem(kind(model.objective.weights), start, model.law))
        for kind in (adl.Spectral, Unknown)
    )
    if "closed form" in programs.attrs["how"] or "closed form" not in closed.attrs["how"]:
        return 1.0
    by_hand = adl.examples.optimal_ends(
        start, np.sort(LAW.moves[:, 0])[80:]
    )  # the first two fifths weigh nothing
    size = np.maximum(start.size, 1e-300)
    ends = zip(("least", "most"), by_hand)
    return max(
        np.max(np.abs(-found[end] - hand) / size) for end, hand in ends for found in (closed, programs)
    )


@adl.value_by_hand("the weighted mean of the fifths of the sorted losses", "definition")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return np.sort(loss).reshape(5, -1).mean(axis=1) @ [0.0, 0.0, 0.1, 0.3, 0.6]


MODEL = adl.Model(
    name="spectral",
    title=(
        "spectral risk in isolated margin: optimal under every spectrum, free where the spectrum does not "
        "look"
    ),
    source="Campbell et al. (2026), spectral risk; Thm 2",
    objective=adl.Spectral((0.0, 0.0, 0.1, 0.3, 0.6)),
    law=LAW,
    event=event,
    closed_form=adl.water_filling,
    sizes=(20, 500),
    claims=(
        mixture_of_cvars,
        distribution_free,
        optima_are_those_of_the_tail,
        programs_agree,
        value_by_hand,
        adl.methods_agree(),
    ),
)
