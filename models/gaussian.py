r"""Expected loss in cross margin under Gaussian moves: no scenarios, any number of assets, one optimum.

    minimize    sum_i E( -exposure_i . R - E_i )_+ = sum_i s_i psi(E_i / s_i)   over   all closings

R is normal with covariance C, s_i^2 = exposure_i' C exposure_i, psi(z) = phi(z) - z Phi(-z). The program is
strictly convex where C is positive definite: the allocation itself is unique. Accounts closed in part in
every asset end with one exposure per equity, so with one volatility leverage.
Source: Campbell et al. (2026), elliptical laws; equality of exposures per equity and uniqueness proved by us
(only for fully interior accounts).
"""

import numpy as np

import adl_opt as adl
from adl_opt.verification.duality import price_is_slope

PRICE = {"BTC": 60_000.0, "ETH": 2_000.0, "SOL": 150.0}
DEVIATION = np.array([0.05, 0.065, 0.09])
COVARIANCE = np.outer(DEVIATION, DEVIATION) * np.array([[1, 0.85, 0.7], [0.85, 1, 0.75], [0.7, 0.75, 1]])

value_by_hand = adl.value_by_hand("sum s phi(z) - E Phi(-z), z = E / s", "definition")(
    lambda start, amount: adl.examples.normal_loss(start, amount, COVARIANCE)
)


def event(n: int, seed: int) -> adl.Event:
    """n accounts short in three coins, some hedged; about a third of the shorts of each coin is closed."""
    rng = np.random.default_rng(seed)
    equity = 10 ** rng.uniform(3, 6, n)
    leverage = rng.lognormal(1.3, 0.7, (n, 3)) * np.where(rng.random((n, 3)) < 0.2, 0.5, -1.0)
    position = {k: column * equity / PRICE[k] for k, column in zip(PRICE, leverage.T)}
    return adl.Event(adl.examples.cross_book(position, PRICE, equity), short=dict.fromkeys(PRICE, "35%"))


@adl.claim(source="cuts below a convex function; strict convexity", tolerance=1e-8, seeds=3)
def certified(model, start):
    """certified to 1e-8 without scenarios, and known to be the only optimum"""
    solved = model.solve(start)
    return solved.certificate.gap, not solved.unique


@adl.claim(source="first-order conditions, all assets active", tolerance=1e-6, seeds=5)
def one_exposure_per_equity(model, start):
    """accounts closed in part in every coin end with one exposure per equity"""
    amount = model.solve(start).amount
    full = adl.examples.inside(start, amount).reshape(-1, 3).all(axis=1)
    left = adl.examples.left(start, amount)[full] / start.book.equity[full, None]
    return np.ptp(left, axis=0).max() / abs(left).max() if full.sum() > 1 else None


@adl.claim(source="law of large numbers", tolerance=0.03, seeds=[2])
def limit_of_samples(model, start):
    """it is the limit of sampled scenarios: 4,096 of them lose at their optimum no more than 3 % less"""
    sampled = model.solve(start, law=model.law.sample(4096, seed=1), method="conic").certificate.value
    return abs(sampled / model.solve(start).certificate.value - 1)


MODEL = adl.Model(
    name="gaussian",
    title="cross margin under Gaussian moves: exact, without scenarios",
    source="Campbell et al. (2026), elliptical laws",
    law=adl.Gaussian({a: dict(zip(PRICE, row)) for a, row in zip(PRICE, COVARIANCE.tolist())}),
    objective=adl.ExpectedLoss(), event=event, sizes=(8, 50),
    claims=(certified, one_exposure_per_equity, price_is_slope, limit_of_samples, value_by_hand),
)  # fmt: skip
