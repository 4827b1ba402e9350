"""The worst over several laws: against one stacked linear program written here, in words, in files."""

import copy
import pickle

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence
from adl_opt.evaluation.minorants import Dual, LawDuals
from adl_opt.evaluation.symbols import SymbolsAt
from tests import books
from tests.matrix import EVENT, LAWS, OBJECTIVES, Disjoint
from tests.tolerances import TOL

LAWS3 = [LAWS["Gaussian"], LAWS["Scenarios"], LAWS["StudentT"]]
FOUR = adl.examples.coins([[1, 1], [1, -1]], [0.5, 0.5], X=1.0, Y=0.0)  # THEORY 11.4
SURE = {"together": adl.Scenarios([[1.0, 1.0]]), "apart": adl.Scenarios([[1.0, -1.0]])}
VOLATILE, CALM = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365), adl.LogNormal([0.9, 0.5], 0.2, 10 / 365)
COVARIANCE = np.array([[0.02, 0.015], [0.015, 0.03]])
NORMAL, UNALIKE = adl.Gaussian(COVARIANCE), adl.Gaussian(COVARIANCE * [[0.9, -0.45], [-0.45, 0.9]])
EXACT = [[NORMAL, UNALIKE], [UNALIKE, CALM.quadrature(6)], [VOLATILE, CALM], [VOLATILE, NORMAL]]


def random_laws(rng, event, level):
    """Two to four unlike sets of scenarios, each as bad as the first at pro rata: optima mix them."""
    count, target = int(rng.integers(2, 5)), None
    for _ in range(count):
        scenarios = int(rng.integers(3, 13))
        moves = rng.normal(scale=0.4, size=(scenarios, len(event.book.assets)))
        moves *= rng.lognormal(0, 0.5, (scenarios, 1))
        weight, low, high = rng.dirichlet(np.ones(scenarios)), 0.0, 50.0

        def law(scale, moves=moves, weight=weight):
            return adl.Scenarios(scale * moves, weight, meant=True)

        if target is None:
            target = measured(level, event, event.pro_rata_amount, law(1.0))
            yield law(1.0)
            continue
        for _ in range(40):
            middle = (low + high) / 2
            enough = measured(level, event, event.pro_rata_amount, law(middle)) >= target
            low, high = (low, middle) if enough else (middle, high)
        yield law(high)


def book_scale(event):
    return float(event.natural_scale.mean())


def measured(level, event, amount, law):
    """The mean of the worst 1 - level of the total loss, by hand; level None: the worst."""
    book = event.book
    left = (book.position - np.sign(book.position) * amount) * book.price[book.asset]
    short = np.tile(-book.equity[:, None], len(law.moves))
    np.add.at(short, book.account, -left[:, None] * law.moves.T[book.asset])
    loss = np.maximum(short, 0.0).sum(axis=0)
    if level is None:
        return loss.max()
    return min(t + law.probability @ np.maximum(loss - t, 0.0) / (1 - level) for t in [*loss, 0.0])


def stacked(event, laws, level, unit):
    """The least tau with tau >= CVaR_level of the loss under every law (None: the worst case): one linear
    program in contracts closed, shortfalls z by scenario and account, thresholds t and excesses y; money in
    `unit`.
    """
    book, free = event.book, event.free
    closed = cp.Variable(len(free), bounds=[0.0, np.where(free, event.size, event.amount_from())])
    left = cp.multiply(np.sign(book.position), np.abs(book.position) - closed)
    of_account = np.equal.outer(np.arange(len(book.accounts)), book.account).astype(float)
    tau, rows = cp.Variable(), [closed[~free] == event.amount_from()[~free]]
    for k in event.free_assets:
        mine = free & (book.asset == k)
        rows.append(cp.sum(closed[mine]) == event.required[k])
    for law in laws:
        z = cp.Variable((len(law.probability), len(book.accounts)), nonneg=True)
        for move, shortfall in zip(law.moves, z):
            lost = cp.multiply(-move[book.asset] * book.price[book.asset] / unit, left)
            rows.append(shortfall >= of_account @ lost - book.equity / unit)
        if level is None:
            rows.append(tau >= cp.sum(z, axis=1))
            continue
        t, y = cp.Variable(nonneg=True), cp.Variable(len(law.probability), nonneg=True)
        rows += [y >= cp.sum(z, axis=1) - t, tau >= t + law.probability @ y / (1 - level)]
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    program = cp.Problem(cp.Minimize(tau), rows)
    program.solve(solver="HIGHS", **tight)
    assert program.status == "optimal"
    return program.value * unit


@pytest.mark.fuzz
@pytest.mark.parametrize("k", books.count(200))
def test_stacked_linear_program(k):
    rng = np.random.default_rng(400 + k)
    event = (
        books.cross(rng, int(rng.integers(4, 12)), decades=1.5) if k % 4 else books.isolated(rng, decades=4.0)
    )
    level = [0.0, 0.9, None][k % 3]
    laws = list(random_laws(rng, event, level))
    measure = {0.0: adl.ExpectedLoss(), None: adl.WorstCase()}.get(level, adl.CVaR(0.9))
    allocation = adl.Problem(adl.Robust(measure, laws), event).solve()
    assert allocation.certificate.certified, allocation.certificate.proof
    pro_rata = max(measured(level, event, event.pro_rata_amount, law) for law in laws)
    least = stacked(event, laws, level, pro_rata or float(book_scale(event)))
    assert abs(allocation.certificate.value - least) <= TOL.value * (pro_rata or book_scale(event))
    by_hand = [measured(level, event, allocation.amount, law) for law in laws]
    assert list(allocation.parts.values()) == pytest.approx(
        by_hand, rel=TOL.formula, abs=1e-12 * book_scale(event)
    )
    assert allocation.law_weights.sum() == pytest.approx(1.0) and (allocation.law_weights >= 0).all()


def test_robust_optimum_is_none_of_the_single_ones():
    robust = adl.Problem(adl.Robust(adl.ExpectedLoss(), SURE), FOUR).solve()
    assert robust.certificate.value == pytest.approx(1.0) and robust.amount == pytest.approx([0.5, 0, 0.5, 0])
    assert robust.law_weights.tolist() == pytest.approx([0.5, 0.5]) and robust.shadow_prices[
        "X"
    ] == pytest.approx(0.5)
    for law in SURE.values():
        single = adl.Problem(adl.ExpectedLoss(), FOUR, law).solve()
        worst = adl.certify(adl.Robust(adl.ExpectedLoss(), SURE), FOUR, None, single)
        assert worst.value == pytest.approx(1.5) and worst.status == "uncertified"
        assert worst.bound == pytest.approx(1.0)  # of the robust optimum


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [*OBJECTIVES][:: 1 if books.FULL else 4])
def test_every_objective_is_proved_under_three_laws(name):
    allocation = adl.Problem(adl.Robust(OBJECTIVES[name], LAWS3), EVENT).solve()
    single = [adl.certify(OBJECTIVES[name], EVENT, law, allocation).value for law in LAWS3]
    assert allocation.certificate.certified
    assert allocation.certificate.value == pytest.approx(max(single), rel=TOL.rounding)
    bounds = [adl.Problem(OBJECTIVES[name], EVENT, law).solve().certificate.bound for law in LAWS3]
    assert allocation.certificate.value >= max(bounds) * (1 - TOL.gap)


@pytest.mark.fuzz
@pytest.mark.parametrize("laws", EXACT if books.FULL else EXACT[:2])
def test_exact_laws(laws):
    event = adl.examples.paper()
    found = adl.Problem(adl.Robust(adl.ExpectedLoss(), laws), event).solve()
    assert found.certificate.certified
    by_law = [SymbolsAt(event, law, found.amount).expected_loss for law in laws]
    assert list(found.parts.values()) == pytest.approx(by_law, rel=TOL.rounding)
    # The mixture with the weights found has no lower expected loss (minimax), by another method.
    mixed = adl.Mixture(laws, found.law_weights.to_numpy())
    if all(law.scenarios is None for law in laws):
        least = adl.Problem(adl.ExpectedLoss(), event, mixed).solve()
        assert least.method == "separable"
        assert least.certificate.value == pytest.approx(found.certificate.value, rel=10 * TOL.gap)


def test_isolated_margin_is_water_filling_for_any_laws():
    event = adl.examples.random_shorts(30, 3)
    laws = [*adl.examples.eight_laws()]
    for measure in (adl.ExpectedLoss(), adl.CVaR(0.9), adl.Entropic(1e-4), adl.WorstCase()):
        allocation = adl.Problem(adl.Robust(measure, laws), event).solve()
        assert allocation.method == "closed-form" and allocation.certificate.gap < TOL.formula
        assert np.array_equal(allocation.amount, adl.water_filling(event).amount)
        assert sorted(allocation.law_weights)[-2:] == [0.0, 1.0]


def test_terms_of_a_sum_look_at_their_own_laws():
    problem = adl.Problem(
        adl.Robust(adl.CVaR(0.9), LAWS3) + 0.5 * adl.ExpectedLoss(), EVENT, LAWS["OneFactor"]
    )
    found = problem.solve()
    alone = adl.certify(adl.ExpectedLoss(), EVENT, LAWS["OneFactor"], found).value
    worst = max(adl.certify(adl.CVaR(0.9), EVENT, law, found).value for law in LAWS3)
    assert found.certificate.certified and found.certificate.value == pytest.approx(worst + 0.5 * alone)
    twice = adl.Robust(adl.CVaR(0.9), LAWS3) + 2 * adl.Robust(adl.ExpectedLoss(), LAWS3)
    found = adl.Problem(twice, EVENT).solve()
    assert found.certificate.certified and len(found.law_weights) == 6
    assert found.law_weights.iloc[:3].sum() == pytest.approx(1) and found.law_weights.iloc[
        3:
    ].sum() == pytest.approx(1)


def test_laws_align_by_label():
    named = adl.Scenarios(
        {"Y": LAWS["Scenarios"].moves[:, 1], "X": LAWS["Scenarios"].moves[:, 0]},
        LAWS["Scenarios"].probability,
    )
    one = adl.Problem(adl.Robust(adl.CVaR(0.9), [named, LAWS["Gaussian"]]), EVENT).solve()
    two = adl.Problem(adl.Robust(adl.CVaR(0.9), [LAWS["Scenarios"], LAWS["Gaussian"]]), EVENT).solve()
    assert one.certificate.value == two.certificate.value


def test_saved_loaded_compared_explained(tmp_path):
    measure = adl.Robust(adl.CVaR(0.9), dict(zip(("calm", "given", "fat"), LAWS3)))
    problem = adl.Problem(measure, EVENT)
    found = problem.solve()
    found.save(tmp_path / "robust.json")
    again = adl.Allocation.load(tmp_path / "robust.json")
    assert again.law_weights.equals(found.law_weights) and again.parts == found.parts
    assert list(found.parts) == [f"CVaR(level=0.9) under {name}" for name in ("calm", "given", "fat")]
    table = adl.compare(
        EVENT, LAWS["Gaussian"], measures=[measure, adl.ExpectedLoss()], policies=[adl.pro_rata]
    )
    assert table.loc[f"optimum of {measure}", f"{measure} excess"] <= TOL.gap * found.certificate.value
    words = found.explain("b")
    assert "expected shortfall under calm" in words and "expected shortfall under fat" in words
    assert pickle.loads(pickle.dumps(problem)).solve().certificate.value == found.certificate.value
    assert copy.deepcopy(found).law_weights.equals(found.law_weights)
    for prefer in ("water-filling", "keep-hedges"):
        other = problem.solve(prefer=prefer)
        assert other.certificate.certified and other.law_weights.equals(found.law_weights)


def test_explained_by_the_worst_mixture():
    words = adl.Problem(adl.Robust(adl.ExpectedLoss(), SURE), FOUR).solve().explain("a0")
    assert "one more contract saves 0.5: on the margin, the shadow price 0.5" in words


def test_a_measure_of_ones_own_is_tried():
    class Generous(Disjoint):
        """Says 1 % more than it expresses."""

        def of(self, loss, probability):
            return 1.01 * super().of(loss, probability)

    assert "not proved" in adl.Problem(adl.Robust(Disjoint(), LAWS3), EVENT).solve().certificate.proof
    with pytest.raises(adl.ObjectiveError, match="disagree"):
        adl.Problem(adl.Robust(Generous(), LAWS3), EVENT).solve()


def test_value_only_measures_have_the_bound_of_one_below():
    measure = adl.Robust(adl.MeanVariance(1e-3), LAWS3)
    allocation = adl.Problem(adl.Robust(adl.ExpectedLoss(), LAWS3), EVENT).solve()
    certificate = adl.certify(measure, EVENT, None, allocation)
    single = [adl.certify(adl.MeanVariance(1e-3), EVENT, law, allocation).value for law in LAWS3]
    assert certificate.value == pytest.approx(max(single)) and 0 < certificate.bound <= certificate.value


def test_wrong_duals_prove_less_never_more():
    rng = np.random.default_rng(5)
    measure = adl.Robust(adl.CVaR(0.9), LAWS3) + 0.1 * adl.LeverageSquare()
    least = adl.Problem(measure, EVENT).solve().certificate
    for _ in range(20):
        duals = tuple(
            Dual(rng.random((6, len(law.probability))), {0: rng.random(len(law.probability))})
            for law in LAWS3
        )
        dual = Dual(laws={0: LawDuals(rng.random(3), duals)})
        amount = EVENT.amount_from(np.clip(EVENT.pro_rata_fraction[EVENT.free], 0, 1))
        proof = assess(measure, EVENT, None, amount, Evidence(dual)).certificate
        assert proof.bound <= least.value * (1 + TOL.formula)


def test_requirements_are_swept_without_compiling_again():
    problem = adl.Problem(adl.Robust(adl.CVaR(0.9), LAWS3), EVENT)
    table = problem.sweep(short={"X": [3.0, 9.0, 20.0]}, long={"Y": 40.0})
    assert (table["status"] == "certified").all() and table["objective"].is_monotonic_decreasing
    assert isinstance(problem.cvxpy, cp.Problem) and problem.cvxpy.is_dpp()


def test_constraints_and_laws_in_one_proof():
    """Losses 1.5 - x_1 and 1.5 - x_2; a leverage of at most 2.5 wants x_1 >= 3/4."""
    limit = adl.LeverageAtMost({"a0": 2.5, "a1": 4.0})
    found = adl.Problem(adl.Robust(adl.ExpectedLoss(), SURE), FOUR, subject_to=[limit]).solve()
    assert found.certificate.certified and found.certificate.value == pytest.approx(1.25)
    assert found.amount == pytest.approx([0.75, 0, 0.25, 0]) and found.law_weights.tolist() == [0.0, 1.0]
    loose = adl.Problem(
        adl.Robust(adl.CVaR(0.9), LAWS3), EVENT, subject_to=[adl.LeverageAtMost(50.0)]
    ).solve()
    free = adl.Problem(adl.Robust(adl.CVaR(0.9), LAWS3), EVENT).solve()
    assert loose.certificate.certified
    assert loose.certificate.value == pytest.approx(free.certificate.value, rel=TOL.value)
