r"""One quadratic program whose solution serves every law.

    minimize    sum_i E_i l_i^2,   l_i = p (q_i - x_i) / E_i   over   sum_i x_i = Q,  0 <= x_i <= q_i

Water-filling minimises sum_i E_i phi(l_i) for every convex phi. With phi(l) = (R l - 1)_+ that is the loss in
the move R; with phi(l) = l^2 it is this program, strictly convex, whose only solution is therefore optimal
for every law and every monotone risk.

Source: Campbell et al. (2026), Thm 1; the leverages are the least in the sense of majorisation with weights
E.
"""

import numpy as np

import adl_opt as adl


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed)


@adl.claim(
    "the solver of the quadratic program, which knows no theorem, finds the water level: sum E (l - "
    "level's)^2 is nothing",
    "Thm 1",
    1e-8,
)
def the_program_finds_the_level(model):
    worst = 0.0
    for seed in range(3):
        start = model.event(model.sizes[0], seed)
        found, exact = adl.Problem(model.objective, start).solve(method="conic"), model.closed_form(start)
        if found.method != "conic":
            return 1.0
        equity, (mine, levelled) = start.book.equity, (a.leverages()[1] for a in (found, exact))
        worst = max(worst, equity @ (mine - levelled) ** 2 / (equity @ levelled**2))
    return worst


@adl.claim(
    "its solution is certified for the expected loss and for CVaR under eight unlike laws",
    "Thm 1, pathwise dominance",
    1e-6,
)
def serves_every_law(model):
    start = model.event(model.sizes[0], 2)
    found = adl.Problem(model.objective, start).solve(method="conic")
    measures = (adl.ExpectedLoss(), adl.CVaR(0.9))
    return max(
        adl.certify(measure, start, law, found).gap
        for measure in measures
        for law in adl.examples.eight_laws()
    )


@adl.claim("no allocation has a smaller sum of E phi(l), for eight convex phi", "Thm 1, majorisation", 1e-12)
def least_for_every_convex_function(model):
    functions = (
        np.square, np.exp, lambda x: x**1.5, lambda x: x**4, lambda x: np.maximum(x - 1, 0),
        lambda x: -np.sqrt(x), lambda x: x * np.log(x + 1e-300),
        lambda x: np.abs(x - 2),
    )  # fmt: skip
    worst = 0.0
    for seed in range(20):
        start = model.event(model.sizes[0], seed)
        equity, best = start.book.equity, model.closed_form(start).amount
        for trial in range(5):
            other = adl.examples.any_allocation(start, np.random.default_rng([seed, trial]))
            for phi in functions:
                mine, theirs = (
                    equity @ phi((start.size - x) * start.book.price[0] / equity / 10) for x in (best, other)
                )
                worst = max(worst, (mine - theirs) / max(abs(theirs), equity.sum()))
    return worst


@adl.claim(
    "the only optimum: both ends of every range are the water level's (of a position)",
    "strict convexity",
    1e-12,
)
def unique(model):
    start = model.event(model.sizes[0], 4)
    found, level = adl.optimal_range(adl.Problem(model.objective, start)), model.closed_form(start).amount
    return float(
        max(np.max(np.abs(-found[end] - level) / np.maximum(start.size, 1e-300)) for end in ("least", "most"))
    )


@adl.value_by_hand("sum (p left)^2 / E", "definition")
def value_by_hand(start, amount):
    return float((((start.size - amount) * start.book.price[0]) ** 2 / start.book.equity).sum())


MODEL = adl.Model(
    name="leverage_square",
    title="one quadratic program whose solution is optimal for every law",
    source="Campbell et al. (2026), Thm 1",
    objective=adl.LeverageSquare(),
    law=None,
    event=event,
    closed_form=adl.water_filling,
    sizes=(30, 1_000, 100_000),
    claims=(
        the_program_finds_the_level,
        serves_every_law,
        least_for_every_convex_function,
        unique,
        value_by_hand,
        adl.methods_agree(),
    ),
)
