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


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed, leverage=8.0)


def _scale(model, start) -> float:
    return adl.certify(adl.ExpectedLoss(), start, model.law, adl.pro_rata(start)).objective


@adl.claim(
    "water-filling is certified optimal under eight unlike laws, for risk aversions over four decades",
    "Thm 1",
    1e-9,
)
def distribution_free(model):
    start = model.event(model.sizes[0], 1)
    policy, scale = model.closed_form(start), _scale(model, start)
    laws = adl.examples.eight_laws()
    return max(
        adl.certify(adl.Entropic(a / scale), start, law, policy).gap
        for law in laws
        for a in (0.01, 1.0, 100.0)
    )


@adl.claim(
    "its optima are those of the expected loss, by hand and by programs that know neither theorem (of a "
    "position)",
    "Thm 2, strict monotonicity",
    1e-6,
)
def optima_of_the_expected_loss(model):
    worst = 0.0
    for seed in range(3):
        start = model.event(12, seed)
        closed = adl.optimal_range(adl.Problem(adl.ExpectedLoss(), start, model.law))

        class Forgetful(adl.RiskMeasure):
            """The expected loss where nothing but the loss itself is held: E L = its least value."""

            def of(self, loss, probability):
                return float(loss @ probability)

            def express(self, m):
                return m.probability @ m.loss

        programs = adl.optimal_range(adl.Problem(Forgetful(), start, model.law))
        mine = adl.optimal_range(adl.Problem(adl.Entropic(1 / _scale(model, start)), start, model.law))
        size = np.maximum(start.size, 1e-300)
        for end, by_hand in zip(("least", "most"), adl.examples.optimal_ends(start, LAW.moves[:, 0])):
            worst = max(
                worst, *(np.max(np.abs(-found[end] - by_hand) / size) for found in (mine, programs, closed))
            )
    return worst


@adl.claim(
    "it lies between the mean and the worst case, and reaches both",
    "bounds: worst - log(1/p)/a <= value <= worst",
    1e-9,
)
def from_mean_to_worst_case(model):
    worst = 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        loss, probability = rng.lognormal(0, 1, 20), np.full(20, 0.05)
        for a in (1e-9, 0.1, 1.0, 10.0, 1e6):
            value, mean, top = adl.Entropic(a).of(loss, probability), loss @ probability, loss.max()
            worst = max(worst, mean - value, value - top, top + np.log(0.05) / a - value)
        worst = max(
            worst,
            (adl.Entropic(1e-12).of(loss, probability) / mean - 1),
            1 - adl.Entropic(1e12).of(loss, probability) / top,
        )
    return max(worst, 0.0)


@adl.claim(
    "the exponential-cone program finds the same value, certified (relative to pro rata)",
    "two independent definitions",
    1e-7,
)
def solver_agrees(model):
    start = model.event(model.sizes[0], 0)
    problem = adl.Problem(adl.Entropic(1 / _scale(model, start)), start, model.law)
    conic, exact = problem.solve(method="conic").certificate, problem.solve(method="closed-form").certificate
    return max(abs(conic.objective - exact.objective) / exact.reference, conic.gap, exact.gap)


@adl.value_by_hand("the logarithm of the mean of exp(a L), over a", "definition")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return loss.max() + np.log(np.exp(1e-6 * (loss - loss.max())).mean()) / 1e-6


MODEL = adl.Model(
    name="entropic",
    title="entropic risk in isolated margin: the same optima as the expected loss, at every risk aversion",
    source="Campbell et al. (2026), monotone risk measures; Thm 2",
    objective=adl.Entropic(1e-6),
    law=LAW,
    event=event,
    closed_form=adl.water_filling,
    sizes=(20, 200),
    claims=(
        distribution_free,
        optima_of_the_expected_loss,
        from_mean_to_worst_case,
        solver_agrees,
        value_by_hand,
    ),
)
