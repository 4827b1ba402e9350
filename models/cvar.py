r"""CVaR of the total loss in isolated margin: a leverage cutoff describes every optimum.

    minimize    CVaR_alpha( sum_i (R p (q_i - x_i) - E_i)_+ )   over   sum_i x_i = Q,  0 <= x_i <= q_i

Water-filling is optimal, and not alone. Below the cutoff leverage l_c = 1 / r_alpha (r_alpha: the
alpha-quantile of the price move) no tail loss touches an account. Above it every contract costs the same in
the tail: if the positions above the cutoff suffice, sum c_i >= Q with c_i = (q_i - l_c E_i / p)_+, then x is
optimal exactly if 0 <= x_i <= c_i.

Source: Campbell et al. (2026), CVaR; the cutoff theorem made exact for every law (tail law with partial
atoms), Thm 2.
"""

import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.05**2}}, dof=3).sample(256, seed=1)
LEVEL = 0.95
CUTOFF = 1 / np.sort(LAW.moves[:, 0])[int(LEVEL * 256)]  # the smallest move of the tail, whole or in part

distribution_free = adl.serves_every_law(
    [adl.CVaR(level) for level in (0.0, 0.5, 0.9, 0.99)],
    "water-filling is certified optimal under eight unlike laws, at four levels",
    "Thm 1: pathwise, so for every monotone risk",
    seed=3,
)


@adl.claim(source="cutoff theorem", seeds=20)
def cutoff_set(model, start):
    """the ranges of all optima are those of the cutoff: nothing below it is touched, anything goes above"""
    by_hand = adl.examples.cutoff_ends(start, CUTOFF)
    return None if by_hand is None else abs(model.ends(start) - by_hand) / start.required[0]


@adl.claim(source="two independent definitions", tolerance=1e-7, seeds=3)
def programs_agree(model, start):
    """each end of a range is attained: the programs over the optimal face find the same ends"""
    return adl.examples.apart(start, model.ends(start, by="closed form"), model.ends(start, by="programs"))


@adl.claim(source="corollary of the cutoff theorem", tolerance=0.0)
def queue_iff_above_the_cutoff(model):
    """a queue is optimal exactly if it leaves every account that it cuts above the cutoff"""
    seen = [0, 0]
    for seed in range(60):
        start = model.event(8, seed)
        above = adl.examples.above(start, CUTOFF)
        share = np.random.default_rng(seed).uniform(0.05, 1.5)
        start = start.with_requirement(short={"BTC": share * above.max()})
        order = np.argsort(-adl.examples.leverages(start), kind="stable")
        closed = adl.examples.queue(start, order)
        keeps = bool((closed <= above * (1 + 1e-12)).all())
        seen[keeps] += 1
        yield (model.certify(start, closed).gap <= 1e-9) != keeps
    yield min(seen) <= 5


@adl.claim(source="comonotone additivity", tolerance=1e-12, seeds=[5])
def sum_over_accounts(model, start):
    """where all accounts lose together, the CVaR of the total is the sum of the accounts' CVaRs"""
    measures = (model.objective, adl.AccountCVaR(LEVEL))
    rows = adl.compare(start, model.law, [adl.pro_rata, adl.water_filling], measures)
    total, by_account = rows.iloc[:2][[*map(str, measures)]].to_numpy().T
    return abs(total / by_account - 1)


@adl.value_by_hand("the least of t + the mean of (L - t)_+ / (1 - level) over t", "Rockafellar and Uryasev")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return min(t + np.maximum(loss - t, 0).mean() / (1 - LEVEL) for t in loss)


MODEL = adl.Model(
    name="cvar",
    title="CVaR in isolated margin: anything above a leverage cutoff",
    source="Campbell et al. (2026), CVaR; Thm 2",
    objective=adl.CVaR(LEVEL), law=LAW, closed_form=adl.water_filling, sizes=(20, 500),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, share=0.2, leverage=15.0),
    claims=(
        cutoff_set, programs_agree, queue_iff_above_the_cutoff, distribution_free, sum_over_accounts,
        value_by_hand, adl.methods_agree(),
    ),
)  # fmt: skip
