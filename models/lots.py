r"""Whole lots after water-filling: what an exchange can execute, and what it costs at most.

    minimize    E sum_i ( -R p left_i - E_i )_+   over   sum_i n_i = N,  0 <= n_i <= m_i,  n_i lots of size h

The lots are rounded from the water level: the floor everywhere, then one lot more for the largest remainders.
For any law the loss rises by at most p E(R^+) times what is closed less in all, and that is at most k h / 4
if the level cuts k accounts: (a + b)^+ <= a^+ + b^+. Source: ours, from the Lipschitz constant of the
shortfall; the optimum without lots is Campbell et al. (2026), Thm 1.
"""

import numpy as np

import adl_opt as adl

LOT, PRICE = 0.001, 50_000.0
SMALL = [adl.examples.whole_shorts(seed) for seed in range(20)]
UNLIKE = [(start, law) for start in SMALL for law in adl.examples.eight_laws()]


def _rounded(model, start, law, lot=1.0):
    """Whole lots, their loss, and how far it is above the optimum's."""
    best = model.closed_form(start)
    lots = adl.round_to_lots(best, {"BTC": lot}, law)
    loss, least = (adl.examples.law_loss(start, amount, law) for amount in (lots.amount, best.amount))
    return lots, loss, loss - least


@adl.claim(source="integers", tolerance=1e-6, seeds=20)
def clears_in_lots(model, start):
    """the optimum is certified; lots sum to the requirement exactly, every leg moves by less than a lot
    (beyond one)"""
    best = model.closed_form(start)
    lots = adl.round_to_lots(best, {"BTC": LOT})
    yield abs(lots.lots.sum() - round(start.required[0] / LOT)) + (lots.lots < 0).any()
    yield abs(lots.amount - best.amount) / LOT - 1, abs(lots.amount / LOT - lots.lots)
    yield model.solve(start, method="closed-form").certificate.gap


@adl.claim(source="Lipschitz constant", tolerance=1e-12)
def bound_holds(model):
    """the expected loss rises by at most the bound, under eight unlike laws (of the mean equity)"""
    for start, law in UNLIKE:
        lots, _, rise = _rounded(model, start, law)
        yield (rise - lots.bound.loss) / start.book.equity.mean()


@adl.claim(source="Thm 1 and the bound", tolerance=1e-12)
def near_the_integer_optimum(model):
    """no integer allocation loses less than the rounded one by more than the bound (of the mean equity)"""
    for start, law in UNLIKE:
        lots, loss, _ = _rounded(model, start, law)
        over = loss - adl.examples.least_whole_loss(start, law)
        yield np.array([over - lots.bound.loss, -over]) / start.book.equity.mean()


@adl.claim(source="largest remainders", seeds=10)
def linear_in_the_lot(model, start):
    """the cost falls at least linearly with the lot: at most k/4 lots x price x E(R^+), k accounts at the
    level"""
    start = adl.examples.shorts(np.ceil(start.size), start.book.equity, np.floor(start.required[0]), PRICE)
    best, up = model.closed_form(start).amount, 0.05 / (2 * np.pi) ** 0.5  # E R^+ by hand
    k = max(((best > 0) & (best < start.size)).sum(), 1)
    for lot in (1.0, 0.1, 0.01, 0.001, 0.0001):
        lots, _, rise = _rounded(model, start, model.law, lot)
        noise = 1e-12 * start.book.equity.sum()  # what two sums of losses differ by
        yield np.divide([lots.bound.loss, rise - noise], k * lot * PRICE * up) - 0.25


@adl.claim(source="sharpness", tolerance=1e-6)
def bound_is_attained(model):
    """the bound is attained: in a certain move of 1 / level every lot closed less is lost, none closed
    more is saved"""
    for start in SMALL[:10]:
        level = adl.examples.leverages(start, model.closed_form(start).amount).max()
        lots, _, rise = _rounded(model, start, adl.Scenarios({"BTC": [1 / level]}, meant=True))
        yield abs(rise / lots.bound.loss - 1)


MODEL = adl.Model(
    name="lots",
    title="whole lots after water-filling, and what rounding costs",
    source="ours; the optimum without lots: Campbell et al. (2026), Thm 1",
    objective=adl.ExpectedLoss(), law=adl.Gaussian({"BTC": {"BTC": 0.05**2}}), closed_form=adl.water_filling,
    event=lambda n, seed: adl.examples.random_shorts(n, seed, digits=3), sizes=(30, 1_000, 10_000),
    claims=(
        clears_in_lots, bound_holds, bound_is_attained, near_the_integer_optimum, linear_in_the_lot,
        adl.value_by_hand("sum s phi(z) - E Phi(-z), z = E / s", "definition")(
            lambda start, amount: adl.examples.normal_loss(start, amount, [[0.05**2]])),
    ),
)  # fmt: skip
