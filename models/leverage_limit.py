r"""A limit on leverage: water-filling between both ends is optimal for every law.

    minimize    E sum_i (R p (q_i - x_i) - E_i)_+   over   sum_i x_i = Q,  0 <= x_i <= q_i
    subject to  p (q_i - x_i) / E_i <= u_i

In isolated margin the limit is a lower end on what is closed, x_i >= q_i - u_i E_i / p, and what stays of
each position is clip(level x E_i, lowest, highest): the proof of Thm 1 with both ends, move by move.

Source: Thm 1 with any boxes, THEORY 11.3.
"""

import numpy as np

import adl_opt as adl

LAW = adl.Gaussian({"BTC": {"BTC": 0.3**2}}).sample(256, seed=1)
MOVES = (0.1, 0.25, 0.5, 1.0, 3.0)


def limit(event: adl.Event) -> dict[str, float]:
    """Of every third account the leverage that water-filling leaves if a tenth more is closed."""
    sides = {"short": event.short, "long": event.long}
    more = {side: {a: min(1.1 * q, event.capacity[a]) for a, q in of.items()} for side, of in sides.items()}
    after = adl.water_filling(event.with_requirement(**more)).leverages()[1]
    return {str(a): float(x) for a, x in list(zip(event.book.accounts, after))[::3] if x > 0}


def subject_to(event: adl.Event) -> list[adl.Constraint]:
    return [adl.LeverageAtMost(limit(event))]


def closed_form(event: adl.Event) -> adl.Allocation:
    """Water-filling between both ends: without a law only what is optimal for every law is solved."""
    return adl.Problem(adl.ExpectedLoss(), event, subject_to=subject_to(event)).solve(method="closed-form")


@adl.claim(source="Thm 1 with any boxes", seeds=5)
def least_in_every_move(model, event):
    """no allocation that holds the limits loses less in any move (a linear program each, relative)"""
    book, most = event.book, limit(event)
    kept = np.array([most.get(str(a), np.inf) for a in book.accounts]) * book.equity / book.price[0]
    low, closed = np.maximum(event.size - kept, 0.0), model.policy(event).amount
    for move in MOVES:
        mine = adl.examples.losses(event, closed, np.array([move])).sum()
        yield (mine - adl.examples.least_loss(event, [move], low)) / book.equity.sum()


@adl.claim(source="THEORY 11.3", seeds=3, tolerance=1e-5)
def the_least_limit_is_water_fillings_highest(model, event):
    """leverage <= u is possible exactly for u >= water-filling's highest leverage, which is told"""
    highest = adl.water_filling(event).leverages()[1].max()
    try:
        adl.Problem(model.objective, event, model.law, subject_to=[adl.LeverageAtMost(0.9 * highest)]).solve()
    except adl.InfeasibleError as error:
        told = float(str(error).split("the least that is possible is LeverageAtMost(")[1].split(")")[0])
        return abs(told / highest - 1)
    return 1.0


@adl.value_by_hand("the mean of the losses beyond equity", "definition")
def value_by_hand(start, amount):
    return adl.examples.losses(start, amount, LAW.moves[:, 0]).mean()


MODEL = adl.Model(
    name="leverage_limit",
    title="a limit on leverage: level between both ends, for every law",
    source="Thm 1 with any boxes; THEORY 11.3",
    objective=adl.ExpectedLoss(), law=LAW, subject_to=subject_to, closed_form=closed_form, sizes=(20, 500),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, share=0.3, leverage=5.0),
    claims=(
        least_in_every_move, adl.serves_every_law(), the_least_limit_is_water_fillings_highest, value_by_hand,
        adl.methods_agree(),
    ),
)  # fmt: skip
