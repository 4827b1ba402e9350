r"""Expected loss in cross margin under Student t moves: crashes in all coins at once, without scenarios.

    minimize    sum_i E( -exposure_i . R - E_i )_+ = sum_i ( s_i m(z_i) - E_i P(T > z_i) ),
    z_i = E_i / s_i,   s_i^2 = exposure_i' S exposure_i

R is multivariate t with scale matrix S and dof degrees of freedom: T is Student t, m(z) = (dof + z^2) / (dof
- 1) f(z). Marginal risk falls with a power of the cushion, not like a normal density: how an account is
hedged weighs more against how far it is from the edge, and other accounts are reduced.

Source: Campbell et al. (2026), elliptical laws; formulas, stable tails and proofs are ours.
"""

import numpy as np

import adl_opt as adl

DOF, PRICE = 3.0, {"BTC": 60_000.0, "ETH": 2_000.0}
COVARIANCE = np.array([[0.0025, 0.0028], [0.0028, 0.0042]])


def law(dof: float) -> adl.Law:
    """Student t of this covariance; Gaussian for infinitely many degrees of freedom."""
    share = 1.0 if np.isinf(dof) else (dof - 2) / dof
    table = {a: dict(zip(PRICE, row)) for a, row in zip(PRICE, (share * COVARIANCE).tolist())}
    return adl.Gaussian(table) if np.isinf(dof) else adl.StudentT(table, dof)


def event(n: int, seed: int) -> adl.Event:
    """n accounts short BTC, half of them long ETH against it; 40 % of the shorts is closed."""
    rng = np.random.default_rng(seed)
    equity, leverage = 10 ** rng.uniform(3, 6, n), rng.lognormal(1.4, 0.6, n)
    btc = -leverage * equity / PRICE["BTC"]
    eth = np.where(rng.random(n) < 0.5, 0.8, -0.3) * leverage * equity / PRICE["ETH"]
    return adl.Event(adl.examples.cross_book({"BTC": btc, "ETH": eth}, PRICE, equity), short={"BTC": "40%"})


@adl.claim(source="two independent methods", tolerance=1e-8, seeds=3)
def one_optimum(model, start):
    """accounts answering prices and the conic program find one optimum, certified to 1e-8 and unique"""
    found = [model.solve(start, method=method) for method in ("separable", "conic")]
    one, two = (a.certificate for a in found)
    return one.gap, two.gap, abs(one.value / two.value - 1), not (found[0].unique and found[1].unique)


@adl.claim(source="first-order condition", tolerance=1e-6, seeds=[1])
def one_marginal_risk(model, start):
    """accounts closed in part all save the same on one more contract: the shadow price"""
    solved, book = model.solve(start), start.book
    left = adl.examples.left(start, solved.amount)
    slope = model.law.align(book.assets).shortfall_and_slope(left, book.equity)[1]
    saved = slope[book.account, book.asset] * book.price[book.asset] * np.sign(book.position)
    inside = adl.examples.inside(start, solved.amount)
    return abs(saved[inside] / solved.shadow_price_by_asset[0] - 1) if inside.sum() > 1 else None


@adl.claim(source="the limit of Student t", tolerance=1e-5, seeds=[2])
def gaussian_in_the_limit(model, start):
    """with more degrees of freedom it becomes the Gaussian optimum: at a hundred million, the same loss"""
    fat, normal = (model.solve(start, law=law(dof)).certificate.value for dof in (1e8, np.inf))
    return abs(fat / normal - 1)


@adl.claim(source="our examples", tolerance=0.0)
def a_normal_plan_costs(model):
    """planning for a normal law of the same covariance costs: never less, and in a book of ours 5 % more
    expected loss"""
    starts = [model.event(model.sizes[0], seed) for seed in range(3)]
    planned = [model.certify(one, model.solve(one, law=law(np.inf))).value for one in starts]
    costs = np.divide(planned, [model.solve(one).certificate.value for one in starts]) - 1
    return 0.05 - costs.max(), -1e-9 - costs.min()


@adl.value_by_hand(
    "sum s sqrt(3) / pi (1 - u arccot u), u = E / s / sqrt(3): 3 degrees of freedom", "calculus"
)
def value_by_hand(start, amount):
    return adl.examples.student_loss(start, amount, COVARIANCE)


MODEL = adl.Model(
    name="student",
    title="cross margin under Student t moves: fat tails, no scenarios",
    source="Campbell et al. (2026), elliptical laws",
    objective=adl.ExpectedLoss(),
    law=law(DOF),
    event=event,
    sizes=(20, 400),
    claims=(one_optimum, one_marginal_risk, gaussian_in_the_limit, a_normal_plan_costs, value_by_hand),
)
