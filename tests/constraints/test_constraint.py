"""Constraints of one's own, their prices, and what they compose with."""

import pickle

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.constraints.constrained import Constrained
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import count, cross
from tests.tolerances import TOL

SHORTS = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
LAW = adl.Scenarios({"BTC": [-0.3, 0.4, 0.9]}, [0.5, 0.3, 0.2])


class NetAtMost(adl.Constraint):
    """Net notional left of each account, x of equity: no minorant, so that the conic dual proves it."""

    def __init__(self, most):
        self.most = most

    def express(self, m):
        return cp.abs(cp.sum(m.exposure, axis=1)) <= self.most * m.equity

    def violation(self, m):
        return max(0.0, float((np.abs(m.exposure.sum(axis=1)) / m.equity / self.most - 1).max()))


class Proved(NetAtMost):
    """The same of shorts alone, with a minorant."""

    def express(self, m):
        return -cp.sum(m.exposure, axis=1) / (self.most * m.equity) - 1 <= 0

    def minorant(self, m, multipliers):
        book, weight = m.event.book, multipliers[0]
        excess = -m.exposure.sum(axis=1) / (self.most * m.equity) - 1
        slope = (weight / (self.most * m.equity))[book.account] * book.notional
        return adl.Minorant(-float(weight @ excess), slope, slope)


@pytest.mark.parametrize("kind", [NetAtMost, Proved])
def test_an_own_constraint_is_certified_as_the_ready_made_one(kind):
    own = adl.Problem(adl.ExpectedLoss(), SHORTS, LAW, subject_to=[kind(0.8)]).solve()
    ready = adl.Problem(adl.ExpectedLoss(), SHORTS, LAW, subject_to=[adl.LeverageAtMost(0.8)]).solve()
    assert own.certificate.certified and own.method == "conic" and ready.method == "closed-form"
    assert own.certificate.value == pytest.approx(ready.certificate.value, rel=TOL.value)


def test_prices_are_what_one_more_unit_saves():
    def least(most):
        limits = [adl.LeverageAtMost(most), adl.GroupShare({"desk": ["a0", "a2"]}, 0.9)]
        return adl.Problem(adl.LeverageSquare(), SHORTS, subject_to=limits).solve()

    step, at = 1e-4, {"a0": 0.5}
    middle = least(at)
    saved = (
        (least({"a0": 0.5 - step}).certificate.value - least({"a0": 0.5 + step}).certificate.value) / 2 / step
    )
    price = middle.constraint_prices.xs("a0", level="of").iloc[0]
    assert price == pytest.approx(saved, rel=1e-6)


def test_every_share_of_cross_books_has_its_price():
    checked = 0
    for seed in count(60):
        event = cross(np.random.default_rng(seed), 6, 2)
        if not event.free.any():
            continue
        law = adl.Gaussian(np.array([[0.04, 0.03], [0.03, 0.09]])).sample(64, seed=1)
        groups = {"even": [str(a) for a in event.book.accounts[::2]]}
        free = adl.Problem(adl.ExpectedLoss(), event, law).solve()
        inside = np.isin(event.book.account, np.arange(0, len(event.book.accounts), 2))
        notional = free.amount * event.book.price[event.book.asset]
        share = float(notional[inside].sum() / notional.sum()) * 0.9
        if not 0.05 < share < 0.95:
            continue

        around = [share * (1 - 1e-5), share, share * (1 + 1e-5)]
        problems = [
            adl.Problem(adl.ExpectedLoss(), event, law, subject_to=[adl.GroupShare(groups, x)])
            for x in around
        ]
        try:
            low, middle, high = (problem.solve() for problem in problems)
        except adl.InfeasibleError:
            continue
        assert all(one.certificate.certified for one in (low, middle, high))
        price, scale = float(middle.constraint_prices.iloc[0]), 1e-5 * share
        room = TOL.value * middle.certificate.reference
        # Convex in the limit: the price lies between what is saved before and after.
        assert (middle.certificate.value - high.certificate.value) - room <= price * scale
        assert price * scale <= (low.certificate.value - middle.certificate.value) + room
        checked += 1
    assert checked


def test_gaussian_books_with_limits_by_account_and_a_share_over_all_assets():
    """36 books: the best multipliers leave a gap of rounding; solvers' alone do not."""
    gaps = []
    for seed in count(36):
        rng = np.random.default_rng(seed)
        event = cross(rng, 8, 2)
        if not event.free.any():
            continue
        law = adl.Gaussian(np.array([[0.04, 0.03], [0.03, 0.09]]))
        before = SymbolsAt(event, None, adl.Problem(adl.LeverageSquare(), event).solve().amount).leverage
        some = {str(a): float(x * 1.02 + 0.01) for a, x in zip(event.book.accounts, before)}
        limits = [
            adl.LeverageAtMost(some),
            adl.GroupShare({"even": list(map(str, event.book.accounts[::2]))}, 0.9),
        ]
        try:
            allocation = adl.Problem(adl.ExpectedLoss(), event, law, subject_to=limits).solve()
        except adl.InfeasibleError:
            continue
        assert allocation.certificate.certified, (seed, allocation.certificate)
        gaps.append(allocation.certificate.gap)
    assert gaps and np.median(gaps) <= 1e-8


def test_what_a_limit_composes_with(tmp_path):
    limits = [adl.LeverageAtMost(1.2), adl.Turnover(0.9)]
    event = adl.Event(SHORTS.book, short={"BTC": 15}, cap={"a2": 0.9})
    problem = adl.Problem(adl.ExpectedLoss(), event, LAW, subject_to=limits)
    found = problem.solve()
    assert found.certificate.certified and found.certificate.constraint_violation <= 1e-8
    table = problem.sweep(short={"BTC": [14, 15, 16]})
    assert (table["status"] == "certified").all() and (table["max leverage"] <= 1.2 + 1e-8).all()
    found.save(tmp_path / "a.json")
    loaded = adl.Allocation.load(tmp_path / "a.json")
    assert loaded.constraint_prices.to_dict() == found.constraint_prices.to_dict()
    again = adl.certify(adl.ExpectedLoss(), event, LAW, loaded, subject_to=limits)
    assert again.certified and again.value == found.certificate.value
    pro_rata = adl.certify(adl.ExpectedLoss(), event, LAW, adl.pro_rata(event), subject_to=limits)
    assert pro_rata.status == "infeasible" and pro_rata.proof.startswith("violates LeverageAtMost(1.2)")
    rows = adl.compare(event, LAW, [adl.pro_rata], [adl.ExpectedLoss()], subject_to=limits)
    assert list(rows.index) == ["pro_rata (violates LeverageAtMost(1.2))", "optimum of ExpectedLoss"]
    assert np.isnan(rows["ExpectedLoss excess"].iloc[0])
    copied = pickle.loads(pickle.dumps(adl.Problem(adl.LeverageSquare(), event, subject_to=limits)))
    assert copied.solve().certificate.certified
    assert "subject to LeverageAtMost(1.2)" in " ".join(repr(problem).split())
    assert "LeverageAtMost(1.2)" in problem._repr_html_()
    assert "spared" in found.explain("a1") or "closed" in found.explain("a1")


def test_without_a_law_only_what_holds_for_every_law_is_solved():
    found = adl.Problem(adl.ExpectedLoss(), SHORTS, subject_to=[adl.LeverageAtMost(0.8)]).solve()
    assert found.certificate.proof.startswith("optimal for every law (Thm 1)")
    with pytest.raises(adl.LawError, match="law of price moves"):
        adl.Problem(adl.ExpectedLoss(), SHORTS, subject_to=[NetAtMost(0.8)]).solve()


def test_a_bound_holds_whatever_the_multipliers():
    """Weak duality: any multipliers >= 0 give a bound below the constrained optimum, never above."""
    from adl_opt.certificates.assess import assess
    from adl_opt.certificates.certificate import Evidence
    from adl_opt.evaluation.minorants import Dual

    limits = (adl.LeverageAtMost(1.0), adl.GroupShare({"g": ["a0", "a1"]}, 0.5))
    best = adl.Problem(adl.LeverageSquare(), SHORTS, subject_to=limits).solve()
    rng, aim = np.random.default_rng(0), Constrained(adl.LeverageSquare(), limits)
    for _ in range(100):
        rows = tuple((rng.exponential(10 ** rng.uniform(-2, 4), k),) for k in (2, 1))
        proof = assess(aim, SHORTS, None, best.amount, Evidence(Dual(limits=rows)))
        assert proof.certificate.bound <= best.certificate.value * (1 + TOL.rounding)


@pytest.mark.parametrize("method", ["separable", "closed-form"])
def test_methods_that_cannot_say_so(method):
    problem = adl.Problem(adl.ExpectedLoss(), SHORTS, LAW, subject_to=[NetAtMost(0.8)])
    with pytest.raises(adl.SolveError, match="subject"):
        problem.solve(method=method)


def test_the_relaxed_limit_is_possible_and_no_less():
    for seed in count(60):
        rng = np.random.default_rng(seed)
        size, equity = rng.lognormal(3, 1, 8), rng.lognormal(6, 1, 8)
        event = adl.examples.shorts(
            size.tolist(), equity.tolist(), float(size.sum() * rng.uniform(0.1, 0.9)), price=100
        )
        highest = adl.water_filling(event).leverages()[1].max()
        with pytest.raises(adl.InfeasibleError) as error:
            adl.Problem(adl.LeverageSquare(), event, subject_to=[adl.LeverageAtMost(highest * 0.7)]).solve()
        said = float(str(error.value).split("the least that is possible is LeverageAtMost(")[1].split(")")[0])
        assert highest <= said <= highest * (1 + 1e-5)  # water-filling's highest leverage (THEORY 11.3)
        allowed = adl.Problem(adl.LeverageSquare(), event, subject_to=[adl.LeverageAtMost(said)]).solve()
        assert allowed.certificate.certified
