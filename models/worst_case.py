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
LARGEST = 0.2


@adl.claim(source="cutoff theorem, tail law at r_max", seeds=20)
def cutoff_at_the_largest_move(model, start):
    """the optima are those of the cutoff 1 / r_max"""
    by_hand = adl.examples.cutoff_ends(start, 1 / LARGEST)
    return None if by_hand is None else abs(model.ends(start) - by_hand) / start.required[0]


@adl.claim(source="all accounts lose more in a larger move", tolerance=1e-12, seeds=20)
def one_move_decides(model, start):
    """it is the loss in the largest move alone, at any allocation"""
    amount = adl.examples.any_allocation(start)
    alone = adl.examples.losses(start, amount, np.array([LARGEST]))[0]
    return abs(model.certify(start, amount).value / alone - 1)


MODEL = adl.Model(
    name="worst_case",
    title="worst case in isolated margin: the largest move alone decides",
    source="Campbell et al. (2026), monotone risk measures; cutoff theorem",
    objective=adl.WorstCase(),
    law=LAW,
    event=lambda n, seed: adl.examples.random_shorts(n, seed, share=0.2, leverage=8.0),
    closed_form=adl.water_filling,
    sizes=(20, 500),
    claims=(cutoff_at_the_largest_move, one_move_decides, adl.serves_every_law(), adl.methods_agree()),
)
