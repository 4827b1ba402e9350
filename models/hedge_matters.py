r"""Gross leverage misleads: two accounts of one gross leverage, one of them hedged.

    minimize    sum_i E( -exposure_i . R - E_i )_+   over   closed_A + closed_B = Q,  BTC shorts only

Both accounts hold 8 times their equity gross. A is short BTC against a long in ETH, which moves with it; B is
short both. Levelling gross leverage closes the same of both: it takes away A's hedge. The optimum closes B
only, and its shadow price says so.

Source: Campbell et al. (2026), cross margin: what is levelled is marginal risk, not leverage.
"""

import math

import numpy as np

import adl_opt as adl

COVARIANCE = np.outer([0.05, 0.06], [0.05, 0.06]) * np.array([[1, 0.9], [0.9, 1]])


def event(n: int, seed: int) -> adl.Event:
    """n pairs of which one half is hedged; four BTC for each pair of equity 100,000 is closed (price
    50,000).
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    scale = np.ones(n) if n == 2 else rng.lognormal(0, 1.0, n)
    hedge = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    legs = [("BTC", -8.0 * scale, 50_000.0), ("ETH", 200.0 * hedge * scale, 2_000.0)]
    rows = [(f"{'AB'[i % 2]}{i}", k, q[i], p, 1e5 * scale[i]) for i in range(n) for k, q, p in legs]
    book = adl.Book.from_frame(
        pd.DataFrame(rows, columns=["account", "asset", "position", "price", "equity"])
    )
    return adl.Event(book, short={"BTC": 4.0 * float(scale.sum()) / 2})


def _pair(model):
    start = model.event(2, 0)
    return start, adl.Problem(model.objective, start, model.law).solve(), adl.gross_water_filling(start)


@adl.value_by_hand("sum s phi(z) - E Phi(-z), z = E / s", "definition")
def value_by_hand(start, amount):
    left = (
        (start.book.position - np.sign(start.book.position) * amount) * start.book.price[start.book.asset]
    ).reshape(-1, 2)
    s = np.sqrt(((left @ COVARIANCE) * left).sum(axis=1))
    z = start.book.equity / s
    return s @ np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) - start.book.equity @ [
        math.erfc(x / 2**0.5) / 2 for x in z
    ]


@adl.claim(
    "levelling gross leverage closes the same of both; the optimum closes the unhedged account only",
    "cross margin",
    1e-6,
)
def the_optimum_keeps_the_hedge(model):
    start, best, gross = _pair(model)
    return (
        float(np.abs(best.amount - [0, 0, 4, 0]).max() + np.abs(gross.amount - [2, 0, 2, 0]).max())
        / start.required[0]
    )


@adl.claim("levelling gross leverage loses more than twice the optimum's expected loss", "our example", 0.0)
def gross_levelling_costs(model):
    start, best, gross = _pair(model)
    lost = adl.certify(model.objective, start, model.law, gross).objective
    return max(0.0, 2.0 - lost / best.certificate.objective)


@adl.claim(
    "closing the hedged account's BTC raises its loss: its own price of a contract is negative",
    "marginal risk",
    0.0,
)
def closing_a_hedge_hurts(model):
    start = model.event(2, 0)
    exposure = start.book.notional[:2] + 50_000.0 * np.array(
        [[0.0, 0.0], [0.1, 0.0]]
    )  # A, and A with 0.1 BTC closed
    before, after = model.law.align(start.book.assets).expected_shortfall(
        exposure, np.full(2, start.book.equity[0])
    )
    return max(0.0, before - after)


@adl.claim(
    "in fifty accounts too the optimum leaves every hedge but those it must take", "certified optimum", 0.0
)
def in_a_crowd(model):
    start = model.event(50, 1)
    best, gross = adl.Problem(model.objective, start, model.law).solve(), adl.gross_water_filling(start)
    hedged = np.array([str(account).startswith("A") for account in start.book.accounts[start.book.account]])
    return max(0.0, best.amount[hedged].sum() / start.required[0] - 0.05) + max(
        0.0, 0.4 - gross.amount[hedged].sum() / start.required[0]
    )


MODEL = adl.Model(
    name="hedge_matters",
    title="gross leverage misleads: of two accounts with one gross leverage, close the unhedged",
    source="Campbell et al. (2026), cross margin",
    objective=adl.ExpectedLoss(),
    law=adl.Gaussian(
        {"BTC": {"BTC": 0.05**2, "ETH": COVARIANCE[0, 1]}, "ETH": {"BTC": COVARIANCE[0, 1], "ETH": 0.06**2}}
    ),
    event=event,
    sizes=(2, 50),
    claims=(
        value_by_hand,
        the_optimum_keeps_the_hedge,
        gross_levelling_costs,
        closing_a_hedge_hurts,
        in_a_crowd,
    ),
)
