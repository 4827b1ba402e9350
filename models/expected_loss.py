"""Expected loss, one asset, isolated margin: everyone above a common leverage is brought down to it.

    minimize    E sum_i ( -R p left_i - E_i )_+          left_i = position_i - closed_i, shorts
    subject to  sum_i |closed_i| = Q,   0 <= |closed_i| <= |position_i|

Optimum: |p left_i| = min(|p position_i|, level E_i), for every law of R (Thm 1).
Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963; merging accounts is our correction.
"""

import numpy as np

import adl_opt as adl

LAWS = (
    adl.Gaussian(0.05**2),
    adl.StudentT(0.04**2, dof=2.5),
    adl.LogNormal(0.9, None, 2 / 365),
    *adl.examples.eight_laws(),
)


def event(n: int, seed: int) -> adl.Event:
    """n shorts of BTC with equities over several decades, some tied, some empty; about a third is closed."""
    return adl.examples.random_shorts(n, seed)


def _event(position, equity, share, price=50_000.0, **extra):
    size = np.abs(position)
    return adl.examples.shorts(size, equity, share * float(size.sum()), price, **extra)


def _state(model, seed):
    start = model.event(model.sizes[0], seed)
    return start, np.abs(start.book.position), start.book.equity, start.required[0]


@adl.claim(
    "reduced accounts end on one leverage, the water level; the others are below it and untouched", "Thm 1"
)
def one_leverage(model):
    worst = 0.0
    for seed in range(20):
        start, size, equity, _ = _state(model, seed)
        closed = model.closed_form(start).amount
        left = (size - closed) * start.book.price[0] / equity
        partly = (closed > 0) & (closed < size)
        level = adl.waterfill.water_level(size, equity / start.book.price[0], start.required[0])[0]
        worst = max(worst, np.abs(left[partly] / level - 1).max(initial=0.0), left.max() / level - 1)
    return worst


@adl.claim(
    "for every price move no feasible allocation loses less (so: every monotone risk measure)",
    "Thm 1, pathwise dominance",
)
def pathwise_dominance(model):
    worst = 0.0
    for seed in range(20):
        start, size, equity, _ = _state(model, seed)
        rng = np.random.default_rng(seed)
        best = model.closed_form(start).amount
        moves = np.concatenate([rng.standard_t(2, 30) * 0.3, [50_000.0**-1, 0.0, 1e6]])
        lost = np.maximum(moves[:, None] * start.book.price[0] * (size - best) - equity, 0).sum(1)
        for _ in range(20):
            tried = adl.examples.any_allocation(start, rng)
            other = np.maximum(moves[:, None] * start.book.price[0] * (size - tried) - equity, 0).sum(1)
            worst = max(worst, float(((lost - other) / np.maximum(other, equity.sum())).max()))
    return worst


@adl.claim(
    "one allocation is certified optimal under eleven laws, three with a density and eight without",
    "Thm 1, distribution-free",
    tolerance=1e-8,
)
def distribution_free(model):
    start = model.event(model.sizes[0], 3)
    gaps = [adl.certify(model.objective, start, law, model.closed_form(start)).gap for law in LAWS]
    return max(gaps)


@adl.claim("closing in two steps ends where closing at once does", "path independence")
def path_independent(model):
    worst = 0.0
    for seed in range(20):
        start, size, equity, required = _state(model, seed)
        at_once = model.closed_form(start).amount
        first = model.closed_form(start.with_requirement(short={"BTC": 0.4 * required})).amount
        rest = _event(-(size - first), equity, 0.0).with_requirement(short={"BTC": required - first.sum()})
        worst = max(worst, float(np.abs(first + model.closed_form(rest).amount - at_once).max()) / required)
    return worst


@adl.claim(
    "splitting an account in proportion changes nobody's total; any other split never helps its owner",
    "Sybil resistance, made exact",
)
def split_proof(model):
    worst = 0.0
    for seed in range(20):
        start, size, equity, required = _state(model, seed)
        rng = np.random.default_rng(seed)
        i, a, b = int(np.argmax(size)), rng.random(), rng.random()
        alone = model.closed_form(start).amount[i]
        for share in (a, b):
            pieces = np.append(size, (1 - a) * size[i]), np.append(equity, (1 - share) * equity[i])
            pieces[0][i], pieces[1][i] = a * size[i], share * equity[i]
            split = model.closed_form(
                _event(-pieces[0], pieces[1], 0.0).with_requirement(
                    short={"BTC": min(required, pieces[0].sum())}
                )
            ).amount
            change = split[i] + split[-1] - alone
            worst = max(worst, (abs(change) if share == a else max(-change, 0.0)) / required)
    return worst


@adl.claim(
    "closing and reopening at the mark price (a wash trade) changes nothing",
    "wash-trade resistance",
    tolerance=0.0,
)
def wash_trade_resistant(model):
    _, size, equity, _ = _state(model, 7)
    entry = np.linspace(10_000.0, 90_000.0, len(size))
    before = model.closed_form(_event(-size, equity, 0.35, entry_price=entry)).amount
    after = model.closed_form(_event(-size, equity, 0.35, entry_price=np.full(len(size), 50_000.0))).amount
    return float(np.abs(before - after).max())


@adl.claim(
    "merging two accounts can help their owner: 5 contracts closed apart, 0 merged (not merge-proof)",
    "our counterexample",
)
def merging_can_help(model):
    apart = (
        model.closed_form(_event(-np.full(3, 10.0), np.array([1.0, 9.0, 2.0]), 5 / 30, price=1.0))
        .amount[:2]
        .sum()
    )
    merged = model.closed_form(
        _event(-np.array([20.0, 10.0]), np.array([10.0, 2.0]), 5 / 30, price=1.0)
    ).amount[0]
    return abs(apart - 5.0) + abs(merged - 0.0)


@adl.claim(
    "the linear program finds the same expected loss, certified (relative to pro rata)",
    "two independent definitions",
    1e-7,
)
def solver_agrees(model):
    worst = 0.0
    for seed in range(3):
        problem = adl.Problem(model.objective, model.event(model.sizes[0], seed), model.law.sample(128, seed))
        conic, exact = (
            problem.solve(method="conic").certificate,
            problem.solve(method="closed-form").certificate,
        )
        worst = max(
            worst, abs(conic.objective - exact.objective) / exact.reference, conic.gap / 10, exact.gap
        )
    return worst


@adl.value_by_hand(
    "sum s sqrt(3) / pi (1 - u arccot u), u = E / s / sqrt(3): Student t with 3 degrees of freedom",
    "calculus",
)
def value_by_hand(start, amount):
    s = 0.05 * np.maximum(start.size - amount, 1e-9) * start.book.price[0]
    u = start.book.equity / s / 3**0.5
    return s @ (1 - u * np.arctan2(1, u)) * 3**0.5 / np.pi


MODEL = adl.Model(
    name="expected_loss",
    title="expected loss in isolated margin: one common leverage, for every law",
    source="Campbell et al. (2026), Thm 1",
    objective=adl.ExpectedLoss(),
    law=adl.StudentT({"BTC": {"BTC": 0.05**2}}, dof=3),
    event=event,
    closed_form=adl.water_filling,
    sizes=(30, 1_000, 100_000),
    claims=(
        one_leverage, pathwise_dominance, distribution_free, path_independent, split_proof,
        wash_trade_resistant,
        merging_can_help, solver_agrees, value_by_hand,
    ),
)  # fmt: skip
