r"""Whole lots after water-filling: what an exchange can execute, and what it costs at most.

    minimize    E sum_i ( -R p left_i - E_i )_+
    over        sum_i n_i = N,   0 <= n_i <= m_i,   n_i whole lots of size h

The lots are rounded from the water level: the floor everywhere, then one lot more for the largest remainders.
For any law the loss rises by at most p E(R^+) times what is closed less in all, and that is at most k h / 4
if the level cuts k accounts: (a + b)^+ <= a^+ + b^+. Source: ours, from the Lipschitz constant of the
shortfall; the optimum without lots is Campbell et al. (2026), Thm 1.
"""

import math

import numpy as np

import adl_opt as adl

LOT, PRICE = 0.001, 50_000.0


def event(n: int, seed: int) -> adl.Event:
    """n shorts of BTC whose positions are multiples of a thousandth; about a third is closed, a multiple
    too.
    """
    start = adl.examples.random_shorts(n, seed, price=PRICE)
    position = np.round(np.ceil(start.size / LOT) * LOT, 3)
    return adl.examples.shorts(position, start.book.equity, round(0.35 * position.sum(), 3), PRICE)


def _small(seed):
    """Twelve accounts of a few lots of 1: the case in which rounding is felt, and the integer optimum is
    found by sorting.
    """
    rng = np.random.default_rng(seed)
    position = rng.integers(1, 20, 12).astype(float)
    return adl.examples.shorts(
        position, position / rng.lognormal(1.5, 1.0, 12), float(rng.integers(1, position.sum()))
    )


def _loss(start, law, amount):
    exposure = -(start.size - amount) * start.book.price[0]
    return float(law.expected_shortfall(exposure[:, None], start.book.equity).sum())


def _whole_optimum(start, law):
    """The integer optimum: the loss is a sum of convex functions, so the lots that save most, account after
    account or not, are the ones to close.
    """
    exposure = -np.arange(start.size.max() + 1)[:, None] * start.book.price[0]
    loss = [law.expected_shortfall(exposure, np.full(len(exposure), equity)) for equity in start.book.equity]
    saved = np.concatenate([np.diff(f[: int(m) + 1]) for f, m in zip(loss, start.size)])
    return float(
        sum(f[int(m)] for f, m in zip(loss, start.size))
        - np.sort(saved)[::-1][: int(start.required[0])].sum()
    )


@adl.claim(
    "the optimum is certified; lots sum to the requirement exactly, every leg moves by less than a lot "
    "(beyond one)",
    "integers",
    1e-6,
)
def clears_in_lots(model):
    worst = 0.0
    for seed in range(20):
        start = model.event(model.sizes[0], seed)
        best = model.closed_form(start)
        rounded = adl.round_to_lots(best, {"BTC": LOT})
        wrong = abs(int(rounded.lots.sum()) - round(start.required[0] / LOT)) + float(
            (rounded.lots < 0).any()
        )
        moved = np.abs(rounded.amount - best.amount).max() / LOT
        off = np.abs(rounded.amount / LOT - rounded.lots).max()
        solved = model.problem(seed=seed).solve(method="closed-form").certificate
        worst = max(worst, wrong, moved - 1, off, solved.gap)
    return worst


@adl.claim(
    "the expected loss rises by at most the bound, under eight unlike laws (of the mean equity)",
    "Lipschitz constant",
    1e-12,
)
def bound_holds(model):
    worst = 0.0
    for seed in range(20):
        start = _small(seed)
        best = model.closed_form(start)
        for law in adl.examples.eight_laws():
            rounded = adl.round_to_lots(best, {"BTC": 1.0}, law)
            rise = _loss(start, law, rounded.amount) - _loss(start, law, best.amount)
            worst = max(worst, (rise - rounded.bound.loss) / start.book.equity.mean())
    return worst


@adl.claim(
    "no integer allocation loses less than the rounded one by more than the bound (of the mean equity)",
    "Thm 1 and the bound",
    1e-12,
)
def near_the_integer_optimum(model):
    worst = 0.0
    for seed in range(20):
        start = _small(seed)
        for law in adl.examples.eight_laws():
            rounded = adl.round_to_lots(model.closed_form(start), {"BTC": 1.0}, law)
            over = _loss(start, law, rounded.amount) - _whole_optimum(start, law)
            worst = max(
                worst,
                (over - rounded.bound.loss) / start.book.equity.mean(),
                -over / start.book.equity.mean(),
            )
    return worst


@adl.claim(
    "the cost falls at least linearly with the lot: at most k/4 lots x price x E(R^+), k accounts at the "
    "level",
    "largest remainders",
    1e-9,
)
def linear_in_the_lot(model):
    worst, adverse = 0.0, 0.05 / math.sqrt(2 * math.pi)  # E R^+ by hand
    for seed in range(10):
        start = model.event(model.sizes[0], seed)
        required = np.floor(start.required[0])
        start = adl.examples.shorts(np.ceil(start.size), start.book.equity, required, PRICE)
        best = model.closed_form(start)
        cut = int(((best.amount > 0) & (best.amount < start.size)).sum())
        for lot in (1.0, 0.1, 0.01, 0.001, 0.0001):
            rounded = adl.round_to_lots(best, {"BTC": lot}, model.law)
            unit = lot * PRICE * adverse * max(cut, 1)
            rise = _loss(start, model.law, rounded.amount) - _loss(start, model.law, best.amount)
            noise = 1e-12 * start.book.equity.sum()  # what two sums of losses differ by
            worst = max(worst, rounded.bound.loss / unit - 0.25, (rise - noise) / unit - 0.25)
    return worst


@adl.claim(
    "the bound is attained: in a certain move of 1 / level every lot closed less is lost, none closed "
    "more is saved",
    "sharpness",
    1e-6,
)
def bound_is_attained(model):
    worst = 0.0
    for seed in range(10):
        start = _small(seed)
        best = model.closed_form(start)
        law = adl.Scenarios({"BTC": [1 / best.leverages()[1].max()]}, meant=True)
        rounded = adl.round_to_lots(best, {"BTC": 1.0}, law)
        rise = _loss(start, law, rounded.amount) - _loss(start, law, best.amount)
        worst = max(worst, abs(rise / rounded.bound.loss - 1))
    return worst


@adl.value_by_hand("sum s phi(z) - E Phi(-z), z = E / s", "definition")
def value_by_hand(start, amount):
    s = 0.05 * np.maximum(start.size - amount, 1e-3) * PRICE
    z = start.book.equity / s
    return s @ np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) - start.book.equity @ [
        math.erfc(x / 2**0.5) / 2 for x in z
    ]


MODEL = adl.Model(
    name="lots",
    title="whole lots after water-filling: exact clearing, and what rounding costs at most",
    source="ours; the optimum without lots: Campbell et al. (2026), Thm 1",
    objective=adl.ExpectedLoss(),
    law=adl.Gaussian({"BTC": {"BTC": 0.05**2}}),
    event=event,
    closed_form=adl.water_filling,
    sizes=(30, 1_000, 10_000),
    claims=(
        clears_in_lots,
        bound_holds,
        bound_is_attained,
        near_the_integer_optimum,
        linear_in_the_lot,
        value_by_hand,
    ),
)
