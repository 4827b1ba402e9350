r"""Gross leverage misleads: two accounts of one gross leverage, one of them hedged.

    minimize    sum_i E( -exposure_i . R - E_i )_+   over   closed_A + closed_B = Q,  BTC shorts only

Both accounts hold 8 times their equity gross. A is short BTC against a long in ETH, which moves with it; B is
short both. Levelling gross leverage closes the same of both: it takes away A's hedge. The optimum closes B
only, and its shadow price says so.
Source: Campbell et al. (2026), cross margin: what is levelled is marginal risk, not leverage.
"""

import numpy as np

import adl_opt as adl

PRICE = {"BTC": 50_000.0, "ETH": 2_000.0}
COVARIANCE = np.outer([0.05, 0.06], [0.05, 0.06]) * np.array([[1, 0.9], [0.9, 1]])

value_by_hand = adl.value_by_hand("sum s phi(z) - E Phi(-z), z = E / s", "definition")(
    lambda start, amount: adl.examples.normal_loss(start, amount, COVARIANCE)
)


def event(n: int, seed: int) -> adl.Event:
    """n / 2 pairs, one of each hedged, on 100,000 of equity each; a quarter of the BTC is closed."""
    scale = np.ones(n) if n == 2 else np.random.default_rng(seed).lognormal(0, 1.0, n)
    position = {"BTC": -8.0 * scale, "ETH": 200.0 * scale * (-1.0) ** np.arange(n)}
    book = adl.examples.cross_book(position, PRICE, 1e5 * scale, [f"{'AB'[i % 2]}{i}" for i in range(n)])
    return adl.Event(book, short={"BTC": "25%"})


OURS = adl.claims(
    ("the_optimum_keeps_the_hedge", "levelling gross leverage closes the same of both; the optimum closes "
     "the unhedged account only", "cross margin", 1e-6, lambda model, start: abs(np.array(
     [model.solve(start).amount - [0, 0, 4, 0], adl.gross_water_filling(start).amount - [2, 0, 2, 0]])) / 4),
    ("gross_levelling_costs", "levelling gross leverage loses more than twice the optimum's expected loss",
     "our example", 0.0, lambda model, start: [2.0 - model.certify(
     start, adl.gross_water_filling(start)).value / model.solve(start).certificate.value]),
    seeds=1,
)  # fmt: skip


@adl.claim(source="marginal risk", tolerance=0.0, seeds=1)
def closing_a_hedge_hurts(model, start):
    """closing the hedged account's BTC raises its loss: its own price of a contract is negative"""
    exposure = start.book.notional[:2] + 50_000.0 * np.array([[0, 0], [0.1, 0]])  # A, and 0.1 BTC closed
    law = model.law.align(start.book.assets)
    return -np.diff(law.expected_shortfall(exposure, start.book.equity))


@adl.claim(source="certified optimum", tolerance=0.0, seeds=[1], n=50)
def in_a_crowd(model, start):
    """in fifty accounts too the optimum leaves every hedge but those it must take"""
    hedged = (np.arange(len(start.size)) % 4 < 2) / start.required[0]
    return model.solve(start).amount @ hedged - 0.05, 0.4 - adl.gross_water_filling(start).amount @ hedged


MODEL = adl.Model(
    name="hedge_matters",
    title="of two accounts with one gross leverage, close the unhedged",
    source="Campbell et al. (2026), cross margin",
    objective=adl.ExpectedLoss(), event=event, sizes=(2, 50),
    law=adl.Gaussian({a: dict(zip(PRICE, row)) for a, row in zip(PRICE, COVARIANCE.tolist())}),
    claims=(value_by_hand, *OURS, closing_a_hedge_hurts, in_a_crowd),
)  # fmt: skip
