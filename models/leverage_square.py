r"""One quadratic program whose solution serves every law.

    minimize    sum_i E_i l_i^2,   l_i = p (q_i - x_i) / E_i   over   sum_i x_i = Q,  0 <= x_i <= q_i

Water-filling minimises sum_i E_i phi(l_i) for every convex phi. With phi(l) = (R l - 1)_+ that is the loss in
the move R; with phi(l) = l^2 it is this program, strictly convex, whose only solution is therefore optimal
for every law and every monotone risk. Source: Campbell et al. (2026), Thm 1; the leverages are the least in
the sense of majorisation with weights E.
"""

import numpy as np

import adl_opt as adl

CONVEX = (
    np.square, np.exp, lambda x: x**1.5, lambda x: x**4, lambda x: np.maximum(x - 1, 0),
    lambda x: -np.sqrt(x), lambda x: x * np.log(x + 1e-300), lambda x: abs(x - 2),
)  # fmt: skip


@adl.claim(source="Thm 1", tolerance=1e-8, seeds=3)
def the_program_finds_the_level(model, start):
    """the solver of the quadratic program, which knows no theorem, finds the water level: sum E (l -
    level's)^2 is nothing"""
    found, equity = model.solve(start, method="conic"), start.book.equity
    mine, level = (adl.examples.leverages(start, a.amount) for a in (found, model.closed_form(start)))
    return found.method != "conic", equity @ (mine - level) ** 2 / (equity @ level**2)


@adl.claim(source="Thm 1, pathwise dominance", tolerance=1e-6, seeds=[2])
def serves_every_law(model, start):
    """its solution is certified for the expected loss and for CVaR under eight unlike laws"""
    found = model.solve(start, method="conic")
    for measure in (adl.ExpectedLoss(), adl.CVaR(0.9)):
        yield [model.certify(start, found, measure, law).gap for law in adl.examples.eight_laws()]


@adl.claim(source="Thm 1, majorisation", tolerance=1e-12, seeds=20)
def least_for_every_convex_function(model, start):
    """no allocation has a smaller sum of E phi(l), for eight convex phi"""
    equity, best = start.book.equity, model.closed_form(start).amount
    for trial in range(5):
        other = adl.examples.any_allocation(start, trial)
        for phi in CONVEX:
            mine, theirs = (equity @ phi(adl.examples.leverages(start, x) / 10) for x in (best, other))
            yield (mine - theirs) / max(abs(theirs), equity.sum())


MODEL = adl.Model(
    name="leverage_square",
    title="one quadratic program whose solution is optimal for every law",
    source="Campbell et al. (2026), Thm 1",
    objective=adl.LeverageSquare(), law=None, closed_form=adl.water_filling,
    event=adl.examples.random_shorts, sizes=(30, 1_000, 100_000),
    claims=(
        the_program_finds_the_level, serves_every_law, least_for_every_convex_function,
        *adl.claims(
            ("unique", "the only optimum: both ends of every range are the water level's (of a position)",
             "strict convexity", 1e-12, lambda model, start: adl.examples.apart(
             start, model.ends(start), model.closed_form(start).amount)), seeds=[4]),
        adl.value_by_hand("sum (p left)^2 / E", "definition")(
            lambda start, x: (adl.examples.left(start, x)[:, 0] ** 2 / start.book.equity).sum()),
        adl.methods_agree(),
    ),
)  # fmt: skip
