"""All optima: closed-form ranges against programs, ends that are attained, uniqueness, and which optimum one
prefers.
"""

import pickle

import numpy as np
import pytest
from scipy.optimize import linprog

import adl_opt as adl
from adl_opt.problem.optimal_set import closed_ranges
from tests.books import count, cross, isolated, one_asset, scenarios
from tests.tolerances import TOL

RANGE = 1e-6  # of a position: closed-form ranges against programs (the figure)


def measures(unit: float) -> list[adl.Objective]:
    return [
        adl.ExpectedLoss(), adl.CVaR(0.7), adl.CVaR(0.95), adl.Spectral((0.0, 0.0, 0.2, 0.8)), adl.Spectral(),
        adl.WorstCase(), adl.OCE(4, 0.5),
        adl.OCE(5, 0), adl.Expectile(0.9), adl.MeanSemideviation(0.5), adl.MeanSemideviation(1.0),
        adl.AccountCVaR(0.8), adl.Entropic(1 / unit),
        adl.MaxLeverage(), adl.LeverageSquare(), adl.LeveragePower(1.0), adl.ExpectedLoss() + adl.CVaR(0.9),
        adl.CVaR(0.5) + 0.3 * adl.MaxLeverage(),
    ]  # fmt: skip


def programs(problem: adl.Problem) -> tuple[np.ndarray, np.ndarray, bool | None]:
    """Ranges by linear programs over the optimal face, which know no closed form."""
    event = problem.event
    best = problem.solve()
    face = problem.optima(best).face()
    low, high = face.ranges()
    least, most = best.amount.copy(), best.amount.copy()
    least[event.free], most[event.free] = low * event.size[event.free], high * event.size[event.free]
    return least, most, face.unique()


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
def test_closed_form_ranges_are_those_of_the_programs(seed):
    """Thm 2 and the cutoff theorem, on random and degenerate books: ties, zero positions, both sides, kinks,
    levels on a kink.
    """
    rng = np.random.default_rng(40_000 + seed)
    event = isolated(rng, decades=4)
    law = scenarios(rng, 1, int(rng.integers(3, 30)))
    if not event.free.any():
        return
    unit = max(
        adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).value,
        1e-6 * float(event.book.equity.sum()),
    )
    for objective in measures(unit):
        problem = adl.Problem(objective, event, law)
        known = closed_ranges(problem._compiled, event)
        if known is None:  # losses on the other side: the tail is no tail of the move
            assert not isinstance(
                objective,
                (adl.ExpectedLoss, adl.Entropic, adl.AccountCVaR, adl.MaxLeverage, adl.LeveragePower),
            )
            continue
        least, most, unique = programs(problem)
        size = np.maximum(event.size, 1e-300)
        assert (
            np.max(np.abs(known[0] - least) / size) <= RANGE
            and np.max(np.abs(known[1] - most) / size) <= RANGE
        ), str(objective)
        if unique is not None:
            assert unique == problem.solve().unique or np.max((most - least) / size) <= 1e-6, str(objective)


def test_both_kinds_of_ranges_occur():
    """The test above is not vacuous: CVaR's tail is known in closed form where all lose together, and not
    where they do not.
    """
    law = adl.Scenarios([-0.5, -0.2, 0.1, 0.3, 0.6])
    alone = one_asset([-10.0, -10.0, -4.0], [1.0, 2.0, 3.0], 6.0)
    assert "closed form" in adl.optimal_range(adl.Problem(adl.CVaR(0.5), alone, law)).attrs["how"]
    mixed = one_asset([-10.0, -10.0, 40.0], [1.0, 2.0, 3.0], 6.0)  # the long loses when the price falls
    assert "programs" in adl.optimal_range(adl.Problem(adl.CVaR(0.5), mixed, law)).attrs["how"]
    assert "closed form" in adl.optimal_range(adl.Problem(adl.ExpectedLoss(), mixed, law)).attrs["how"]


def test_the_cutoff_drawn_by_hand():
    """Two moves of 10 %, one of 50 %, level 0.9: only the 50 % counts; the cutoff is leverage 2."""
    event = one_asset([-10.0, -6.0, -1.0], [1.0, 1.0, 1.0], 5.0)
    law = adl.Scenarios([0.1, 0.5], [0.9, 0.1])
    found = adl.optimal_range(adl.Problem(adl.CVaR(0.9), event, law))
    assert found["least"].tolist() == pytest.approx([-1.0, 0.0, 0.0]) and found[
        "most"
    ].tolist() == pytest.approx([-5.0, -4.0, 0.0])
    assert adl.Problem(adl.CVaR(0.9), event, law).solve().unique is False
    low = found.attrs
    assert (
        low["within"] == 0.0 and low["how"] == "closed form (Thm 2)" and "contracts" in low["units"]["least"]
    )


def test_longs_below_one_have_nothing_to_lose():
    """A price cannot fall below 0: under a lognormal law a long below leverage 1 never loses, above it always
    may.
    """
    law = adl.LogNormal(0.9, None, 1.0)
    below = one_asset([10.0, 10.0], [10.0, 20.0], 6.0, side="long")
    assert adl.Problem(adl.ExpectedLoss(), below, law).solve().unique is False
    found = adl.optimal_range(adl.Problem(adl.ExpectedLoss(), below, law))
    assert found["least"].tolist() == pytest.approx([0.0, 0.0]) and found["most"].tolist() == pytest.approx(
        [6.0, 6.0]
    )
    above = one_asset([10.0, 10.0], [1.0, 2.0], 6.0, side="long")
    assert adl.Problem(adl.ExpectedLoss(), above, law).solve().unique is True
    assert (
        adl.Problem(adl.ExpectedLoss(), one_asset([-10.0, -10.0], [10.0, 20.0], 6.0), law).solve().unique
        is True
    )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_ranges_in_cross_margin_against_a_level_set(seed):
    """Each end is attained by an allocation that is certified optimal, and no allocation within a rounding of
    the optimum lies far outside.
    """
    rng = np.random.default_rng(50_000 + seed)
    event = cross(rng, 4, 2, decades=1.0)
    law = scenarios(rng, len(event.book.assets), 8)
    if not event.free.any():
        return
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    best = problem.solve()
    frame = adl.optimal_range(problem)
    for j in np.flatnonzero(event.free)[:4]:
        for sign, end in ((1, "least"), (-1, "most")):
            other = _extreme(event, law, best.certificate.value, j, sign)
            assert abs(other - abs(frame[end].iloc[j])) <= 1e-4 * event.size[j]


def _extreme(event, law, value, j, sign) -> float:
    """The least (sign 1) or most closed of leg j among allocations within 1e-11 of the optimum, by scipy,
    written anew.
    """
    book, legs, (n, s) = event.book, len(event.size), (len(event.book.accounts), len(law.probability))
    scale = max(value, 1e-9 * book.equity.sum())
    A, b = [], []
    for i in range(n):
        for t in range(s):
            row = np.zeros(legs + n * s)
            own = book.account == i
            row[:legs][own] = book.notional[own] * law.moves[t, book.asset[own]]
            row[legs + i * s + t] = -1.0
            A.append(row / book.equity[i])
            b.append((book.equity[i] + book.notional[own] @ law.moves[t, book.asset[own]]) / book.equity[i])
    A.append(np.concatenate([np.zeros(legs), np.tile(law.probability, n)]) / scale)
    b.append(value / scale + 1e-11)
    wanted = [k for k in np.flatnonzero(event.side) if event.capacities[k] > 0]
    C = np.array(
        [
            np.concatenate(
                [
                    np.where(event.closable & (book.asset == k), event.size, 0) / event.capacities[k],
                    np.zeros(n * s),
                ]
            )
            for k in wanted
        ]
    )
    d = [event.required[k] / event.capacities[k] for k in wanted]
    bounds = [(0, 1) if event.closable[q] else (0, 0) for q in range(legs)] + [(0, None)] * (n * s)
    cost = np.zeros(legs + n * s)
    cost[j] = sign
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, np.array(A), b, C, d, bounds, method="highs", options=tight)
    assert found.status == 0, found.message
    return sign * found.fun * event.size[j]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_preferences_stay_optimal_and_are_the_best_of_their_kind(seed):
    rng = np.random.default_rng(60_000 + seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets), 12)
    unit = max(
        adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).value,
        1e-6 * float(event.book.equity.sum()),
    )
    for objective in (
        adl.ExpectedLoss(),
        adl.CVaR(0.8),
        adl.MaxLeverage(),
        adl.Entropic(1 / unit),
        adl.MonotoneMeanVariance(unit),
    ):
        problem = adl.Problem(objective, event, law)
        frame = adl.optimal_range(problem)
        chosen = {
            kind: problem.solve(prefer=kind)
            for kind in (None, "water-filling", "fewest-accounts", "keep-hedges")
        }
        squares, touched, hedged = {}, {}, {}
        for kind, allocation in chosen.items():
            assert (
                allocation.certificate.certified
                and allocation.certificate.clearing_error <= TOL.formula * max(event.required.max(), 1e-300)
            )
            outside = np.maximum(
                frame["least"].abs() - allocation.amount, allocation.amount - frame["most"].abs()
            )
            assert (outside <= 1e-4 * event.size).all(), (str(objective), kind)
            squares[kind] = adl.certify(adl.LeverageSquare(), event, law, allocation, tol=0.999).value
            touched[kind] = len(np.unique(event.book.account[allocation.amount > 1e-7 * event.size]))
            hedged[kind] = _hedges_closed(event, allocation.amount)
        assert squares["water-filling"] <= min(squares.values()) * (1 + 1e-6)
        assert touched["fewest-accounts"] <= min(touched.values())
        assert hedged["keep-hedges"] <= min(hedged.values()) + 1e-6 * np.abs(event.book.notional).sum()


def _hedges_closed(event, amount) -> float:
    book = event.book
    total = 0.0
    for j in range(len(amount)):
        rest = sum(book.notional[q] for q in np.flatnonzero(book.account == book.account[j]) if q != j)
        total += amount[j] * book.price[book.asset[j]] * (rest * book.notional[j] < 0)
    return total


def test_fewest_accounts_by_trying_every_subset():
    for seed in range(15):
        rng = np.random.default_rng(seed)
        event = isolated(rng, 7, decades=3)
        law = scenarios(rng, 1, 6)
        problem = adl.Problem(adl.ExpectedLoss(), event, law)
        known = closed_ranges(problem._compiled, event)
        few = problem.solve(prefer="fewest-accounts")
        assert few.certificate.certified
        least, most = known
        must = set(np.flatnonzero(least > 1e-9 * event.size))  # less is dust, which is not closed
        fewest = min(
            bin(mask).count("1")
            for mask in range(2**7)
            if must <= {j for j in range(7) if mask >> j & 1}
            and sum(most[j] for j in range(7) if mask >> j & 1) >= event.required[0] * (1 - 1e-12)
        )
        assert (few.amount > 0).sum() == fewest


def test_prefer_in_isolated_margin():
    event = one_asset([-10.0, -10.0, -10.0], [1.0, 1.0, 2.0], 8.0)
    problem = adl.Problem(adl.CVaR(0.5), event, adl.Scenarios([-0.3, 0.9]))
    for kind in (None, "water-filling", "keep-hedges"):
        assert problem.solve(prefer=kind).amount.tolist() == pytest.approx(
            adl.water_filling(event).amount.tolist()
        )
    assert (problem.solve(prefer="fewest-accounts").amount > 0).sum() == 1
    level = problem.solve(method="conic", prefer="water-filling")
    assert level.method == "conic" and level.amount.tolist() == pytest.approx(
        adl.water_filling(event).amount.tolist(), rel=1e-5
    )


def test_user_objectives_have_ranges_too():
    class Power(adl.Objective):
        money = 0

        def express(self, m):
            import cvxpy as cp

            return cp.sum_squares(m.leverage)

        def value(self, m):
            return float((m.leverage**2).sum())

    event = one_asset([-10.0, -10.0], [1.0, 1.0], 4.0)
    found = adl.optimal_range(adl.Problem(Power(), event))
    assert found.attrs["within"] == 1e-8 and "conic" in found.attrs["how"]
    assert found["least"].to_numpy() == pytest.approx(-2.0, abs=5e-3) and found[
        "most"
    ].to_numpy() == pytest.approx(-2.0, abs=5e-3)


def test_no_law_has_one_optimum_for_all_laws():
    event = adl.examples.random_shorts(12, 3)
    found = adl.optimal_range(adl.Problem(adl.CVaR(0.9), event))
    assert (found["least"] == found["most"]).all() and "every law" in found.attrs["how"]
    assert -found["most"].sum() == pytest.approx(event.required[0], rel=TOL.rounding)


def test_another_requirement_and_a_fixed_one():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    problem = adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([0.3, -0.2]))
    assert -adl.optimal_range(problem, short={"X": 20.0})["least"].sum() == 20.0
    assert (adl.optimal_range(problem, short={"X": 1.0})["most"].abs() <= 1.0).all()


def test_uniqueness_travels(tmp_path):
    """What finds it out holds compiled programs: it is asked before it is saved, and left behind when
    pickled.
    """
    event = adl.load("cross_margin").event(4, 0)
    problem = adl.Problem(adl.ExpectedLoss(), event, adl.load("cross_margin").law)
    solved = problem.solve()
    assert pickle.loads(pickle.dumps(solved)).unique is None
    assert solved.unique is True and pickle.loads(pickle.dumps(solved)).unique is True
    solved.save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").unique is True
