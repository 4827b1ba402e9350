r"""The worst case in isolated margin: one move decides, and one leverage cutoff.

    minimize    max_R sum_i (R p (q_i - x_i) - E_i)_+   over   sum_i x_i = Q,  0 <= x_i <= q_i

Only the largest move r_max against the positions matters. An account below leverage 1 / r_max loses nothing
in it; above, every contract costs the same. So any allocation that never pushes an account below 1 / r_max is
optimal, as long as there is enough above.

Source: Campbell et al. (2026), monotone risk measures; cutoff theorem with the tail law concentrated at
r_max.
"""

import numpy as np

import adl_opt as adl

LAW = adl.Scenarios({"BTC": np.linspace(-0.3, 0.2, 101)})


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed, share=0.2, leverage=8.0)


@adl.claim("the optima are those of the cutoff 1 / r_max", "cutoff theorem, tail law at r_max", 1e-9)
def cutoff_at_the_largest_move(model):
    worst, seen, cutoff = 0.0, 0, 1 / 0.2
    for seed in range(20):
        start = model.event(model.sizes[0], seed)
        book, required = start.book, start.required[0]
        above = np.maximum(start.size - cutoff * book.equity / book.price[0], 0.0)
        if above.sum() <= required:
            continue
        seen += 1
        found = adl.optimal_range(adl.Problem(model.objective, start, model.law))
        least, most = np.maximum(required - above.sum() + above, 0.0), np.minimum(above, required)
        worst = max(
            worst,
            np.abs(-found["least"] - least).max() / required,
            np.abs(-found["most"] - most).max() / required,
        )
    return worst if seen > 10 else 1.0


@adl.claim(
    "it is the loss in the largest move alone, at any allocation",
    "all accounts lose more in a larger move",
    1e-12,
)
def one_move_decides(model):
    worst = 0.0
    for seed in range(20):
        start = model.event(model.sizes[0], seed)
        amount = adl.examples.any_allocation(start, np.random.default_rng(seed))
        alone = adl.examples.losses(start, amount, np.array([0.2]))[0]
        table = start.book.to_frame()[["account", "asset"]].assign(closed=-amount)
        said = adl.certify(model.objective, start, model.law, table).objective
        worst = max(worst, abs(said / alone - 1))
    return worst


@adl.claim("water-filling is certified optimal under eight unlike laws", "Thm 1", 1e-9)
def distribution_free(model):
    start = model.event(model.sizes[0], 1)
    policy = model.closed_form(start)
    return max(adl.certify(model.objective, start, law, policy).gap for law in adl.examples.eight_laws())


MODEL = adl.Model(
    name="worst_case",
    title="the worst case in isolated margin: the largest move decides alone",
    source="Campbell et al. (2026), monotone risk measures; cutoff theorem",
    objective=adl.WorstCase(),
    law=LAW,
    event=event,
    closed_form=adl.water_filling,
    sizes=(20, 500),
    claims=(cutoff_at_the_largest_move, one_move_decides, distribution_free, adl.methods_agree()),
)
