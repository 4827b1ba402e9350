r"""Shares of groups: under nested or disjoint ones, levelling inside each is optimal for every law.

    minimize    E sum_i (R p (q_i - x_i) - E_i)_+   over   sum_i x_i = Q,  0 <= x_i <= q_i
    subject to  sum over i in G of x_i <= s_G Q   for each group G

What the groups leave is a base polytope, differences of which are sums of feasible exchanges: the proof of
Thm 1, move by move. Weighted sums, crossing groups, shares over two assets and counts of accounts break it:
the counterexamples are claims.

Source: Thm 1 with group shares, THEORY 11.3.
"""

import numpy as np

import adl_opt as adl
from adl_opt.verification.broken_shares import COUNTEREXAMPLES

LAW = adl.Gaussian({"BTC": {"BTC": 0.3**2}}).sample(256, seed=1)
MOVES = (0.1, 0.25, 0.5, 1.0, 3.0)


def groups(event: adl.Event) -> dict[str, list[str]]:
    """A half with a quarter nested in it, and some of the rest."""
    names = [str(a) for a in event.book.accounts]
    return {"half": names[::2], "quarter": names[::4], "odd": names[1:6:2]}


def shares(event: adl.Event) -> dict[str, float]:
    """Of each group 0.85 of what water-filling closes of it."""
    free = adl.water_filling(event).amount
    return {
        g: 0.85 * float(free[np.isin(event.book.accounts, ids)].sum() / free.sum())
        for g, ids in groups(event).items()
    }


def subject_to(event: adl.Event) -> list[adl.Constraint]:
    return [adl.GroupShare(groups(event), shares(event))]


def closed_form(event: adl.Event) -> adl.Allocation:
    """Level inside each group: without a law only what is optimal for every law is solved."""
    return adl.Problem(adl.ExpectedLoss(), event, subject_to=subject_to(event)).solve(method="closed-form")


@adl.claim(source="base polytopes", seeds=5)
def least_in_every_move(model, event):
    """no allocation that holds the shares loses less in any move (a linear program each, relative)"""
    ids, share, closed = groups(event), shares(event), model.policy(event).amount
    most = [(1.0 * np.isin(event.book.accounts, ids[g]), share[g] * event.required[0]) for g in ids]
    for move in MOVES:
        mine = adl.examples.losses(event, closed, np.array([move])).sum()
        yield (mine - adl.examples.least_loss(event, [move], 0.0, most)) / event.book.equity.sum()


@adl.value_by_hand("the mean of the losses beyond equity", "definition")
def value_by_hand(start, amount):
    return adl.examples.losses(start, amount, LAW.moves[:, 0]).mean()


MODEL = adl.Model(
    name="group_share",
    title="shares of groups: level inside each, for every law",
    source="Thm 1 with group shares; THEORY 11.3",
    objective=adl.ExpectedLoss(), law=LAW, subject_to=subject_to, closed_form=closed_form, sizes=(20, 500),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, share=0.3, leverage=5.0),
    claims=(
        least_in_every_move, adl.serves_every_law(), *COUNTEREXAMPLES, value_by_hand, adl.methods_agree(),
    ),
)  # fmt: skip
