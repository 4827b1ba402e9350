r"""Several laws at once: the least, over allocations, of the worst expected loss under two laws.

    minimize    max_k E_k sum_i (-R . exposure_i - E_i)_+        exposure_ij = price_j left_ij
    subject to  sum_i |closed_ij| = Q_j,   0 <= |closed_ij| <= |position_ij|   on the side being closed

max_k f_k >= sum_k w_k f_k for all weights w; at the best w there is no gap. In isolated margin water-filling
minimises every f_k; in cross margin the optimum may be that of none of the laws.

Source: THEORY 11.4, Thm 1.
"""

import numpy as np

import adl_opt as adl

UP = np.array([-0.3, -0.1, 0.1, 0.2, 0.3])
LAWS = {
    "together": adl.Scenarios({"BTC": UP, "ETH": 1.3 * UP}),
    "apart": adl.Scenarios({"BTC": UP, "ETH": -UP}),
}
FOUR = adl.examples.coins([[1, 1], [1, -1]], [0.5, 0.5], X=1.0, Y=0.0)
SURE = [adl.Scenarios([[1.0, 1.0]]), adl.Scenarios([[1.0, -1.0]])]


def mixed(of, one, other, weight):  # a measure under two laws and their mixture
    whole = np.append(one[0], other[0]), np.append(weight * one[1], (1 - weight) * other[1])
    return np.array([of(*each) for each in (one, other, whole)])


def isolated(model, event):
    shorts = adl.examples.random_shorts(20, int(adl.examples.rng_of(event).integers(1_000)), leverage=8.0)
    return adl.Problem(adl.Robust(adl.MeanSemideviation(0.5), adl.examples.eight_laws()), shorts)


@adl.value_by_hand("the larger mean of what accounts lose beyond equity", "definition")
def value_by_hand(start, amount):
    btc, eth = adl.examples.left(start, amount).T[:, :, None] * UP
    lost = -btc - np.array([1.3, -1.0])[:, None, None] * eth - start.book.equity[:, None]
    return np.maximum(lost, 0).sum(axis=1).mean(axis=1).max()


@adl.claim(source="THEORY 11.4: the losses are 1.5 - x_1 and 1.5 - x_2", tolerance=1e-9)
def optimum_of_none_of_the_laws(model):
    """of two shorts, one hedged whichever way prices go, the optima of the laws lose 1.5, the robust one 1"""
    found = model.solve(FOUR, robust := adl.Robust(adl.ExpectedLoss(), SURE))
    yield abs(found.certificate.value - 1)
    yield abs(found.amount[[0, 2]] - 0.5), abs(found.law_weights.to_numpy() - 0.5)
    singles = [model.solve(FOUR, adl.ExpectedLoss(), law) for law in SURE]
    yield [abs(model.certify(FOUR, single, robust).value - 1.5) for single in singles]


@adl.claim(source="THEORY 11.4: the minimax theorem", tolerance=1e-6, seeds=5)
def best_mixture(model, start):
    """the least expected loss under the mixture with the weights found is the least worst one"""
    found = model.solve(start)
    mixture = adl.Mixture([*LAWS.values()], found.law_weights.to_numpy())
    least = model.solve(start, adl.ExpectedLoss(), mixture)
    return abs(least.certificate.value / found.certificate.value - 1)


@adl.claim(source="THEORY 11.4", tolerance=1e-9)
def commute_with_mixtures(model):
    """mean, entropic risk, expectile, quantile, worst case: no mixture is worse than its worst law"""
    measures = [each.of for each in (adl.CVaR(0.0), adl.Entropic(0.5), adl.Expectile(0.8), adl.WorstCase())]
    measures.append(lambda loss, weight: np.sort(loss)[(weight[np.argsort(loss)].cumsum() < 0.9).sum()])
    losses = [*adl.examples.random_losses(60, 6)]
    for one, other, weight in zip(losses, losses[1:], np.linspace(0.05, 0.95, 59)):
        for of in measures:
            *laws, mixture = mixed(of, one, other, weight)
            yield mixture / max(laws) - 1


@adl.claim(source="THEORY 11.4: 10 with chance 0.1, against a sure loss of 2 and of 1.9", tolerance=1e-12)
def tails_do_not(model):
    """CVaR(0.8) is 5 and 2, mixed 8 to 1 5.56; the semideviation is 1.9 and 1.9, mixed by halves 2.1025"""
    rare, (two, less) = (np.array([10.0, 0.0]), np.array([0.1, 0.9])), np.array([[2.0], [1.9]])
    yield abs(mixed(adl.CVaR(0.8).of, rare, (two, np.ones(1)), 8 / 9) - [5, 2, 50 / 9])
    yield abs(mixed(adl.MeanSemideviation(1.0).of, rare, (less, np.ones(1)), 1 / 2) - [1.9, 1.9, 2.1025])


MODEL = adl.Model(
    name="robust", source="THEORY 11.4, Thm 1",
    title="several laws: the worst of them, and its mixture",
    objective=adl.Robust(adl.ExpectedLoss(), LAWS), law=None,
    event=adl.examples.like_the_four, sizes=(20, 100),
    claims=(
        optimum_of_none_of_the_laws, best_mixture, commute_with_mixtures, tails_do_not, value_by_hand,
        adl.methods_agree(problem=isolated, statement="isolated margin: the solver finds water-filling"),
    ),
)  # fmt: skip
