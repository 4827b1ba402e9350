r"""Everyone closes the same fraction: what pro rata is the optimum of, and what it is not.

    minimize    sum_i p q_i f_i^2,   f_i = x_i / q_i   over   sum_i x_i = Q,  0 <= f_i <= 1

Strictly convex; at its minimum all f_i are equal. No equity occurs in it: that is why it is proof against
every split and merger, and why it leaves the highest leverage, and most of the loss, where they were. Source:
ours (KKT: 2 p q_i f_i = lambda q_i); the promises are those of THEORY 3, the least expected loss that of
Campbell et al. (2026), Thm 1.
"""

import cvxpy as cp
import numpy as np

import adl_opt as adl

LAW = adl.StudentT({"BTC": {"BTC": 0.08**2}}, dof=4)


class ClosedEvenly(adl.Objective):
    """sum_i notional_i fraction_i^2 (quote currency): the more evenly, the less."""

    def express(self, m):
        return (m.equity * m.leverage_before) @ cp.square(m.fraction)

    def value(self, m):
        return float((m.equity * m.leverage_before) @ m.fraction**2)

    def minorant(self, m, dual):
        slope = 2 * m.equity * m.leverage_before * m.fraction  # convex: its tangent lies below it
        return adl.Minorant(0.0, slope, slope)

    def closed_form(self, event, law):
        return adl.pro_rata(event).amount if event.book.isolated else None


def event(n: int, seed: int) -> adl.Event:
    return adl.examples.random_shorts(n, seed)


def _amounts(model, position, equity, required):
    return model.closed_form(adl.examples.shorts(position, equity, required)).amount


def _random(seed):
    rng = np.random.default_rng(seed)
    position, equity = rng.lognormal(0, 1, 6), rng.lognormal(0, 2, 6)
    return rng, position, equity, rng.uniform(0.1, 0.9) * position.sum()


@adl.claim(
    "splitting an account anyhow, or merging two, changes nobody's total (of the requirement)",
    "THEORY 3",
    1e-12,
)
def split_and_merge_proof(model):
    worst = 0.0
    for seed in range(20):
        rng, position, equity, required = _random(seed)
        a, b = rng.uniform(0.01, 0.99, 2)
        whole = _amounts(model, position, equity, required)
        parts = _amounts(
            model,
            np.append([a * position[0], (1 - a) * position[0]], position[1:]),
            np.append([b, 1 - b], equity[1:]),
            required,
        )
        worst = max(
            worst, abs(parts[:2].sum() - whole[0]) / required, np.abs(parts[2:] - whole[1:]).max() / required
        )
    return worst


@adl.claim("half now and half later is the whole at once (of the requirement)", "THEORY 3", 1e-12)
def path_independent(model):
    worst = 0.0
    for seed in range(20):
        _, position, equity, required = _random(seed)
        first = _amounts(model, position, equity, required / 2)
        both = first + _amounts(model, position - first, equity, required / 2)
        worst = max(worst, np.abs(both - _amounts(model, position, equity, required)).max() / required)
    return worst


@adl.claim(
    "the highest leverage it leaves is the least possible (above it, of it)",
    "false: THEORY 3, n2",
    1e-6,
    fails=True,
)
def least_highest_leverage(model):
    start = model.event(model.sizes[0], 1)
    mine, best = (
        adl.certify(adl.MaxLeverage(), start, None, rule(start)).objective
        for rule in (model.closed_form, adl.water_filling)
    )
    return mine / best - 1


@adl.claim(
    "its expected loss is the least possible (above it, of it)",
    "false: Thm 1 gives that to water-filling",
    1e-6,
    fails=True,
)
def least_expected_loss(model):
    start = model.event(model.sizes[0], 1)
    return adl.certify(adl.ExpectedLoss(), start, LAW, model.closed_form(start)).gap


@adl.value_by_hand("p sum x^2 / q", "definition")
def value_by_hand(start, amount):
    return start.book.price[0] * float((amount[start.size > 0] ** 2 / start.size[start.size > 0]).sum())


MODEL = adl.Model(
    name="pro_rata",
    title="everyone closes the same fraction: proof against splits and mergers, blind to leverage",
    source="ours; promises: THEORY 3",
    objective=ClosedEvenly(),
    law=None,
    event=event,
    closed_form=adl.pro_rata,
    sizes=(30, 1_000, 100_000),
    claims=(
        adl.methods_agree(),
        value_by_hand,
        split_and_merge_proof,
        path_independent,
        least_highest_leverage,
        least_expected_loss,
    ),
)
