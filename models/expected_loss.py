"""Expected loss, one asset, isolated margin: everyone above a common leverage is brought down to it.

    minimize    E sum_i ( -R p left_i - E_i )_+          left_i = position_i - closed_i, shorts
    subject to  sum_i |closed_i| = Q,   0 <= |closed_i| <= |position_i|

Optimum: |p left_i| = min(|p position_i|, level E_i), for every law of R (Thm 1).
Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963; merging accounts is our correction.
"""

import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.05**2}}, dof=3)
SMOOTH = (adl.Gaussian(0.05**2), adl.StudentT(0.04**2, dof=2.5), adl.LogNormal(0.9, None, 2 / 365))


@adl.claim(source="Thm 1", seeds=20)
def one_leverage(model, start):
    """reduced accounts end on one leverage, the water level; the others are below it and untouched"""
    closed, unit = model.closed_form(start).amount, start.book.equity / start.book.price[0]
    level = adl.waterfill.water_level(start.size, unit, start.required[0])[0]
    relative = adl.examples.leverages(start, closed) / level - 1
    yield abs(relative[(closed > 0) & (closed < start.size)])
    yield relative


@adl.claim(source="Thm 1, pathwise dominance", seeds=20)
def pathwise_dominance(model, start):
    """for every price move no feasible allocation loses less (so: every monotone risk measure)"""
    rng = adl.examples.rng_of(start)
    moves = np.append(rng.standard_t(2, 30) * 0.3, [50_000.0**-1, 0.0, 1e6])
    lost = adl.examples.losses(start, model.closed_form(start).amount, moves)
    for _ in range(20):
        other = adl.examples.losses(start, adl.examples.any_allocation(start, rng), moves)
        yield (lost - other) / np.maximum(other, start.book.equity.sum())


@adl.claim("closing in two steps ends where closing at once does", "path independence", seeds=20)
def path_independent(model, start):
    return abs(model.in_steps(start, 0.4, 0.6) - model.closed_form(start).amount) / start.required[0]


@adl.claim(source="Sybil resistance, made exact", seeds=20)
def split_proof(model, start):
    """splitting an account in proportion changes nobody's total; any other split never helps its owner"""
    i, (a, b) = int(np.argmax(start.size)), adl.examples.rng_of(start).random(2)
    alone = model.closed_form(start).amount
    yield abs(model.split(start, i, a, a) - alone) / start.required[0]
    yield (alone - model.split(start, i, a, b))[i] / start.required[0]


@adl.claim(source="wash-trade resistance", tolerance=0.0, seeds=[7])
def wash_trade_resistant(model, start):
    """closing and reopening at the mark price (a wash trade) changes nothing"""
    entries = np.array([np.full(len(start.size), 50_000.0), np.linspace(1e4, 9e4, len(start.size))])
    state = (start.size, start.book.equity, start.required[0], 50_000.0)
    after, before = (model.policy(adl.examples.shorts(*state, entry_price=one)).amount for one in entries)
    return abs(before - after)


@adl.claim(source="our counterexample")
def merging_can_help(model):
    """merging two accounts can help their owner: 5 contracts closed apart, 0 merged (not merge-proof)"""
    apart, merged = model.closes([10, 10, 10], [1, 9, 2], 5.0), model.closes([20, 10], [10, 2], 5.0)
    return abs(apart[:2].sum() - 5.0), abs(merged[0])


MODEL = adl.Model(
    name="expected_loss",
    title="expected loss in isolated margin: one leverage, for every law",
    source="Campbell et al. (2026), Thm 1",
    objective=adl.ExpectedLoss(), law=LAW, closed_form=adl.water_filling,
    event=adl.examples.random_shorts, sizes=(30, 1_000, 100_000),
    claims=(
        one_leverage, pathwise_dominance,
        adl.serves_every_law(
            None, "one allocation is certified optimal under eleven laws, three with a density and eight "
            "without", "Thm 1, distribution-free", 1e-8, seed=3, laws=(*SMOOTH, *adl.examples.eight_laws())),
        path_independent, split_proof, wash_trade_resistant, merging_can_help,
        adl.methods_agree(
            statement="the linear program finds the same expected loss, certified (relative to pro rata)",
            source="two independent definitions",
            problem=lambda model, start: adl.Problem(model.objective, start, LAW.sample(128, 1))),
        adl.value_by_hand(
            "sum s sqrt(3) / pi (1 - u arccot u), u = E / s / sqrt(3): Student t with 3 degrees of freedom",
            "calculus")(lambda start, amount: adl.examples.student_loss(start, amount, [[3 * 0.05**2]])),
    ),
)  # fmt: skip
