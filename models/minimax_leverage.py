r"""The least possible highest leverage: water-filling, and nothing else.

    minimize    max_i  p (q_i - x_i) / E_i   over   sum_i x_i = Q,  0 <= x_i <= q_i

No law of price moves is needed. If nobody is to be left above the water level, everyone above it must come
down to it, and that uses up the requirement: the minimiser is unique.

Source: Campbell et al. (2026), minimax leverage; uniqueness for equities > 0 and Q > 0 proved in Thm 1.
"""

import adl_opt as adl


@adl.value_by_hand("the highest p left / E", "definition")
def value_by_hand(start, amount):
    return adl.examples.leverages(start, amount).max()


@adl.claim(source="Thm 1, minimax", seeds=20)
def nothing_else(model, start):
    """no allocation leaves a lower highest leverage; another one leaves a higher one"""
    best, other = model.closed_form(start).amount, adl.examples.any_allocation(start)
    least, highest = (adl.examples.leverages(start, amount).max() for amount in (best, other))
    another = abs(other - best).max() > 1e-6 * start.required[0]
    return (least - highest) / least, another and highest <= least


@adl.claim(source="Thm 1, uniqueness", tolerance=1e-7, seeds=3)
def unique(model, start):
    """it is the only optimum: the ranges are points, in closed form and by linear programs (of a position)"""
    for how in ("closed form", "programs"):
        yield adl.examples.apart(start, model.ends(start, by=how), model.closed_form(start).amount)


MODEL = adl.Model(
    name="minimax_leverage",
    title="least highest leverage: water-filling is its only minimiser",
    source="Campbell et al. (2026), minimax leverage; Thm 1",
    objective=adl.MaxLeverage(),
    law=None,
    event=adl.examples.random_shorts,
    closed_form=adl.water_filling,
    sizes=(30, 1_000, 10_000),
    claims=(value_by_hand, nothing_else, unique, adl.methods_agree()),
)
