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


def event(n: int, seed: int) -> adl.Event:
    """Highly levered shorts, a fifth of them closed: the level stays above the cutoff."""
    return adl.examples.random_shorts(n, seed, share=0.2, leverage=15.0)


def _cutoff(level: float) -> float:
    """1 / r_alpha: the smallest move that belongs to the worst 1 - level of moves, with any part of its
    probability.
    """
    move = np.sort(LAW.moves[:, 0])
    return 1 / move[int(np.floor(level * len(move)))]


def _above(start: adl.Event, level: float) -> np.ndarray:
    book = start.book
    return np.maximum(start.size - _cutoff(level) * book.equity / book.price[0], 0.0)


@adl.claim(
    "the ranges of all optima are those of the cutoff: nothing below it is touched, anything goes above",
    "cutoff theorem",
    1e-9,
)
def cutoff_set(model):
    worst, seen = 0.0, 0
    for seed in range(20):
        start = model.event(model.sizes[0], seed)
        above, required = _above(start, model.objective.level), start.required[0]
        if above.sum() <= required:
            continue
        seen += 1
        others = above.sum() - above
        least, most = np.maximum(required - others, 0.0), np.minimum(above, required)
        found = adl.optimal_range(adl.Problem(model.objective, start, model.law))
        worst = max(
            worst,
            np.abs(-found["least"] - least).max() / required,
            np.abs(-found["most"] - most).max() / required,
        )
    return worst if seen > 10 else 1.0


@adl.claim(
    "each end of a range is attained: the programs over the optimal face find the same ends",
    "two independent definitions",
    1e-7,
)
def programs_agree(model):
    class Unknown(adl.CVaR):
        """The same measure, its closed forms forgotten."""

        def of(self, loss, probability):
            return super().of(loss, probability)

    worst = 0.0
    for seed in range(3):
        start = model.event(model.sizes[0], seed)
        closed = adl.optimal_range(adl.Problem(model.objective, start, model.law))
        programs = adl.optimal_range(adl.Problem(Unknown(model.objective.level), start, model.law))
        if "closed form" in programs.attrs["how"] or "closed form" not in closed.attrs["how"]:
            return 1.0
        size = np.maximum(start.size, 1e-300)
        worst = max(worst, *(np.max(np.abs(closed[end] - programs[end]) / size) for end in ("least", "most")))
    return worst


def _queue(start: adl.Event) -> np.ndarray:
    """The highest leverage first, whole positions, until the requirement is met."""
    book = start.book
    order = np.argsort(-start.size * book.price[0] / book.equity, kind="stable")
    before = np.cumsum(start.size[order]) - start.size[order]
    amount = np.zeros(len(order))
    amount[order] = np.clip(start.required[0] - before, 0.0, start.size[order])
    return amount


@adl.claim(
    "a queue is optimal exactly if it leaves every account that it cuts above the cutoff",
    "corollary of the cutoff theorem",
    0.0,
)
def queue_iff_above_the_cutoff(model):
    wrong, seen = 0, [0, 0]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        start = model.event(8, seed)
        largest = float(_above(start, model.objective.level).max())
        start = start.with_requirement(short={"BTC": largest * rng.uniform(0.05, 1.5)})
        amount, book = _queue(start), start.book
        keeps = bool((amount <= _above(start, model.objective.level) * (1 + 1e-12)).all())
        table = book.to_frame()[["account", "asset"]].assign(closed=-amount)
        gap = adl.certify(model.objective, start, model.law, table).gap
        seen[keeps] += 1
        wrong += (gap <= 1e-9) != keeps
    return float(wrong) if min(seen) > 5 else 1.0


@adl.claim(
    "water-filling is certified optimal under eight unlike laws, at four levels",
    "Thm 1: pathwise, so for every monotone risk",
    1e-9,
)
def distribution_free(model):
    start = model.event(model.sizes[0], 3)
    policy = model.closed_form(start)
    laws = adl.examples.eight_laws()
    return max(
        adl.certify(adl.CVaR(level), start, law, policy).gap
        for law in laws
        for level in (0.0, 0.5, 0.9, 0.99)
    )


@adl.claim(
    "where all accounts lose together, the CVaR of the total is the sum of the accounts' CVaRs",
    "comonotone additivity",
    1e-12,
)
def sum_over_accounts(model):
    start = model.event(model.sizes[0], 5)
    rows = adl.compare(
        start,
        model.law,
        [adl.pro_rata, adl.water_filling],
        [model.objective, adl.AccountCVaR(model.objective.level)],
    )
    total, by_account = (
        rows.iloc[:2][[str(model.objective), f"AccountCVaR(level={model.objective.level})"]].to_numpy().T
    )
    return float(np.max(np.abs(total / by_account - 1)))


@adl.value_by_hand("the least of t + the mean of (L - t)_+ / (1 - level) over t", "Rockafellar and Uryasev")
def value_by_hand(start, amount):
    loss = adl.examples.losses(start, amount, LAW.moves[:, 0])
    return min(t + np.maximum(loss - t, 0).mean() / (1 - 0.95) for t in loss)


MODEL = adl.Model(
    name="cvar",
    title="CVaR in isolated margin: any allocation that stays above a leverage cutoff",
    source="Campbell et al. (2026), CVaR; Thm 2",
    objective=adl.CVaR(0.95),
    law=LAW,
    event=event,
    closed_form=adl.water_filling,
    sizes=(20, 500),
    claims=(
        cutoff_set, programs_agree, queue_iff_above_the_cutoff, distribution_free, sum_over_accounts,
        value_by_hand, adl.methods_agree(),
    ),
)  # fmt: skip
