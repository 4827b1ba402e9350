"""Expected loss in cross margin: the paper's four accounts, hedged with ETH, of which 10 BTC of shorts must
be closed.

    minimize    E sum_i ( -R . exposure_i - E_i )_+        exposure_ik = price_k left_ik
    subject to  sum_i |closed_ik| = Q_k,   0 <= |closed_ik| <= |position_ik|   on the side being closed

What is levelled is not leverage but what one more contract saves: the shadow price. The paper's law is
lognormal, by a 20 x 20 quadrature: a linear program over 400 scenarios, whose optimum sits on a kink of the
rule. One price integrated by Black and Scholes, the other by quadrature, the loss is smooth and exact.
Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963, cross-margin example; the exact law is ours.
"""

import numpy as np
import pandas as pd

import adl_opt as adl

PRICE = {"BTC": 67_000.0, "ETH": 1_900.0}
ACCOUNTS = pd.DataFrame(
    {
        "account": ["A", "B", "C", "D"],
        "margin": [137_500.0, 85_300.0, 75_400.0, 43_900.0],
        "BTC": [-8.0, -10.0, -8.0, -7.0],  # long > 0 (§1): all four are short BTC
        "ETH": [-323.0, 38.7, -326.2, 190.0],
        "entry BTC": [72_000.0, 73_544.0, 80_000.0, 80_143.0],
        "entry ETH": [2_100.0, 2_100.0, 1_904.0, 2_000.0],
    }
)
EQUITY = np.array([242_100.0, 143_000.0, 180_704.8, 116_901.0])
VOLATILITY, HORIZON = {"BTC": 0.6, "ETH": 0.75}, 10 / 365
EXACT = adl.LogNormal(VOLATILITY, correlation=0.85, horizon=HORIZON)
LAW = EXACT.quadrature(20)
LOADING = {
    asset: sigma * HORIZON**0.5 for asset, sigma in VOLATILITY.items()
}  # both coins moved by one standard normal factor
ONE_FACTOR = adl.OneFactor(LOADING, adl.Gaussian(1.0).quadrature(200))


def legs() -> pd.DataFrame:
    """The tidy table of the four accounts, a row a position; equity follows from margin and entry prices."""
    asset = [
        ACCOUNTS.assign(asset=k, position=ACCOUNTS[k], price=PRICE[k], entry_price=ACCOUNTS[f"entry {k}"])
        for k in PRICE
    ]
    return pd.concat(asset)[["account", "asset", "position", "price", "margin", "entry_price"]]


def event(n: int, seed: int) -> adl.Event:
    """The paper's event for n = 4; else n accounts like them, each resized and rehedged at random, closing 30
    %.
    """
    if n == 4:
        return adl.Event(adl.Book.from_frame(legs()), short={"BTC": 10.0})
    rng = np.random.default_rng(seed)
    like = rng.integers(0, 4, n)
    size = 10 ** rng.uniform(-2, 2, n)
    btc, eth = (
        ACCOUNTS["BTC"].to_numpy()[like] * size,
        ACCOUNTS["ETH"].to_numpy()[like] * size * rng.uniform(0.3, 1.3, n),
    )
    equity = EQUITY[like] * size * rng.uniform(0.7, 1.5, n)
    rows = {
        "account": [f"a{i}" for i in range(n)] * 2,
        "asset": ["BTC"] * n + ["ETH"] * n,
        "position": np.append(btc, eth),
    }
    price = np.repeat([PRICE["BTC"], PRICE["ETH"]], n)
    book = adl.Book.from_frame(pd.DataFrame({**rows, "price": price, "equity": np.tile(equity, 2)}))
    return adl.Event(book, short={"BTC": 0.3 * float(np.abs(btc).sum())})


@adl.claim(
    "equity = margin + sum position (price - entry): 242100, 143000, 180704.8, 116901",
    "the paper's table",
    1e-12,
)
def equities(model):
    return float(np.abs(model.event(4, 0).book.equity / EQUITY - 1).max())


@adl.claim(
    "closing 10 BTC the expected loss is 2212.645998 by HiGHS and by Clarabel, certified",
    "the paper's example, computed three ways",
    1e-7,
)
def published_value(model):
    problem = model.problem(4)
    found = [problem.solve(method="conic", solver=solver).certificate for solver in ("HIGHS", "CLARABEL")]
    return max(max(abs(c.objective / 2212.645998 - 1), c.gap) for c in found)


@adl.claim(
    "exactly, 2194.890 at (2.7598, 0, 7.2402, 0) is the least; the quadrature's optimum, called 2212.646, "
    "really costs 2196.607 (in cents)",
    "one price by Black and Scholes, the other by quadrature to 1e-10; an interior point and Newton's "
    "method agree",
    0.05,
)
def exact_law(model):
    start, rough = model.event(4, 0), model.problem(4).solve()
    exact = [
        adl.Problem(adl.ExpectedLoss(), start, EXACT).solve(method=method)
        for method in ("separable", "conic")
    ]
    real = adl.certify(adl.ExpectedLoss(), start, EXACT, rough).objective
    cents = [one.certificate.objective - 2194.890 for one in exact] + [
        rough.certificate.objective - 2212.646,
        real - 2196.607,
    ]
    closed = np.abs([one.amount[start.free] - [2.7598, 0, 7.2402, 0] for one in exact]).max()
    return (
        100 * float(np.abs(cents).max())
        if closed < 5e-5 and max(one.certificate.gap for one in exact) < 1e-9
        else 1.0
    )


@adl.claim(
    "46 requirements from 0 to all 33 BTC: certified under the quadrature, the exact law and one factor",
    "the paper's figure",
    1e-9,
)
def whole_figure(model):
    required, worst = np.linspace(0.0, 33.0, 47)[1:], 0.0
    for law in (LAW, EXACT, ONE_FACTOR):
        swept = adl.Problem(model.objective, model.event(4, 0), law).sweep(
            short={"BTC": required}, loading=LOADING
        )
        worst = max(worst, float(swept["gap"].max()), float((swept["status"] != "certified").any()))
    # Under one factor the accounts that are reduced share a factor leverage: a row's distinct ones, before
    # any is closed whole.
    levelled = swept[[f"factor leverage {account}" for account in "AC"]].to_numpy()[
        (required > 5.5) & (required < 11.5)
    ]
    return max(worst, float(np.abs(np.diff(levelled, axis=1)).max()))


@adl.claim(
    "accounts answering a price find the conic optimum, without a solver", "two independent methods", 1e-9
)
def separable_is_conic(model):
    worst = 0.0
    for n, seed in ((4, 0), (25, 1), (25, 2)):
        problem = model.problem(n, seed)
        conic, separable = (problem.solve(method=method).certificate for method in ("conic", "separable"))
        worst = max(worst, abs(conic.objective - separable.objective) / separable.objective, separable.gap)
    return worst


@adl.claim(
    "the shadow price is what one more contract saves: it lies between the two difference quotients",
    "duality",
    1e-7,
)
def price_is_a_slope(model):
    problem, step = model.problem(4), 1e-3
    low, here, high = (problem.solve(short={"BTC": q}) for q in (10 - step, 10.0, 10 + step))
    before, after = (
        low.certificate.objective - here.certificate.objective,
        here.certificate.objective - high.certificate.objective,
    )
    price = here.price[0] * step
    return max(after - price, price - before, 0.0) / price


@adl.claim("the least expected loss is convex in the requirement", "duality", 1e-9)
def convex_in_requirement(model):
    value = model.problem(4).sweep(short={"BTC": np.linspace(0.0, 33.0, 23)})["objective"].to_numpy()
    return float(max(-np.diff(value, 2).min(), 0.0) / value[0])


@adl.claim(
    "levelling gross leverage misleads: it loses at least a third more than the optimum",
    "our correction: hedges count",
    0.0,
)
def gross_leverage_misleads(model):
    start = model.event(4, 0)
    levelled = adl.Problem(adl.MaxLeverage(), start).solve()
    best = model.problem(4).solve().certificate.objective
    return max(4 / 3 * best - adl.certify(model.objective, start, model.law, levelled).objective, 0.0) / best


MODEL = adl.Model(
    name="cross_margin",
    title="expected loss in cross margin: the paper's four hedged accounts",
    source="Campbell et al. (2026), cross-margin example",
    objective=adl.ExpectedLoss(),
    law=LAW,
    event=event,
    sizes=(4, 40, 400),
    claims=(
        equities,
        published_value,
        exact_law,
        whole_figure,
        separable_is_conic,
        price_is_a_slope,
        convex_in_requirement,
        gross_leverage_misleads,
    ),
    demo=True,
)
