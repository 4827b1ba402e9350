"""Certificates: bounds never exceed the true optimum (an independent linear program says), statuses mean what
§11 says.
"""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.knapsack import knapsack
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import count, cross, isolated, one_asset, scenarios
from tests.tolerances import TOL


def independent_optimum(event: adl.Event, law: adl.Scenarios) -> float:
    """The least expected loss by scipy's linear program, rows divided by each account's scale, written
    without adl_opt's builder.
    """
    book = event.book
    legs, n, s = len(book.position), len(book.accounts), len(law.probability)
    scale = np.maximum(np.bincount(book.account, np.abs(book.notional), n), book.equity)
    cost = np.concatenate([np.zeros(legs), np.outer(scale, law.probability).ravel()])
    reference = cost[legs:].sum()
    A, b = np.zeros((n * s, legs + n * s)), np.zeros(n * s)
    for i in range(n):
        for t in range(s):
            row = i * s + t
            b[row] = book.equity[i] / scale[i]
            for j in np.flatnonzero(book.account == i):
                pull = -book.notional[j] * law.moves[t, book.asset[j]] / scale[i]
                A[row, j], b[row] = -pull, b[row] - pull
            A[row, legs + row] = -1.0
    bounds = [(0, 1) if event.closable[j] else (0, 0) for j in range(legs)] + [(0, None)] * (n * s)
    wanted = [k for k in np.flatnonzero(event.side) if event.capacities[k] > 0]
    C = np.array(
        [np.where(event.closable & (book.asset == k), event.size / event.capacities[k], 0) for k in wanted]
    ).reshape(len(wanted), legs)
    C = np.hstack([C, np.zeros((len(wanted), n * s))])
    found = linprog(
        cost / reference, A, b, C, [event.required[k] / event.capacities[k] for k in wanted], bounds,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )  # fmt: skip
    assert found.status == 0, found.message
    return found.fun * reference


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_every_method_against_an_independent_program(seed):
    rng = np.random.default_rng(1000 + seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets), 12)
    truth = independent_optimum(event, law)
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    for solver in (None, "CLARABEL"):
        solved = problem.solve(method="conic", solver=solver)
        c = solved.certificate
        slack = TOL.value * max(c.reference, truth)
        assert c.certified and c.gap <= TOL.gap
        assert c.bound <= truth + slack and c.value >= truth - slack
        assert c.value == pytest.approx(truth, abs=slack)
    if len(event.free_assets) <= 1:
        assert problem.solve(method="separable").certificate.value == pytest.approx(truth, abs=slack)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_bounds_hold_for_arbitrary_multipliers(seed):
    """THEORY 6: valid for every (u, price), whoever says it: random ones must never beat the optimum."""
    rng = np.random.default_rng(2000 + seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets), 8)
    truth = independent_optimum(event, law)
    point = adl.pro_rata(event).amount
    m = SymbolsAt(event, law, point)
    for multipliers in (
        None,
        rng.random((len(event.book.accounts), 8)),
        3 * rng.normal(size=(len(event.book.accounts), 8)),
    ):
        below = adl.ExpectedLoss().minorant(m, Dual(multipliers))
        gap, _ = knapsack(event, m, below)
        assert m.expected_loss - gap <= truth + TOL.value * max(truth, m.expected_loss)


def test_bound_in_rational_arithmetic(paper, law):
    """The paper's optimum certified again with exact fractions: floats are rationals (§12)."""
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve(method="conic", solver="CLARABEL")
    book, price = paper.book, Fraction(float(solved.shadow_price_by_asset[0]))
    btc, eth = (np.flatnonzero(book.asset == k) for k in (0, 1))
    loss = bound = Fraction(0)
    for i in range(4):
        pos, other = -Fraction(book.notional[btc[i]]), -Fraction(book.notional[eth[i]])
        size, x = Fraction(paper.size[btc[i]]), Fraction(float(solved.amount[btc[i]]))
        rows = [
            (Fraction(w), pos * Fraction(r0), other * Fraction(r1) - Fraction(book.equity[i]))
            for w, (r0, r1) in zip(law.probability.tolist(), law.moves.tolist())
        ]

        def total(closed, rows=rows, size=size):
            return sum((w * max(a * (1 - closed / size) + c, Fraction(0)) for w, a, c in rows), Fraction(0))

        kinks = [size * (1 + c / a) for w, a, c in rows if a]
        ends = [Fraction(0), size, *(k for k in kinks if 0 < k < size)]
        loss += total(x)
        bound += min(
            total(k) + price * k for k in ends
        )  # convex, piecewise linear: the least is at a kink or an end
    bound -= price * 10
    assert float(loss) == pytest.approx(solved.certificate.value, rel=TOL.rounding)
    assert 0 <= (loss - bound) / loss <= Fraction(1, 10**9)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_water_filling_is_certified_by_three_rungs(seed):
    rng = np.random.default_rng(seed)
    event = isolated(rng, decades=6)
    allocation = adl.water_filling(event)
    sampled = scenarios(rng, 1)
    for law in (sampled, adl.Gaussian(0.04), adl.StudentT(0.04, 3.0), adl.LogNormal(0.9, None, 0.1), None):
        assert adl.certify(adl.ExpectedLoss(), event, law, allocation).certified
    for objective in (adl.MaxLeverage(), adl.LeverageSquare(), adl.LeveragePower(4.0)):
        assert adl.certify(objective, event, None, allocation).gap <= TOL.gap


class WorstLoss(adl.Objective):
    """A monotone functional of one's own, without a minorant: proved scenario by scenario."""

    monotone = True

    def express(self, m):
        import cvxpy as cp

        return cp.max(m.loss)

    def value(self, m):
        return float(m.loss.max())


class NotTheLoss(WorstLoss):
    """Says monotone but looks at the equities: Thm 1 must not be used."""

    monotone = True

    def value(self, m):
        return float(m.loss.max() + 0 * m.equity.sum())


def test_monotone_functionals_of_ones_own(rng):
    event, law = isolated(np.random.default_rng(5), 12, decades=4), scenarios(rng, 1)
    solved = adl.Problem(WorstLoss(), event, law).solve()
    assert (
        solved.method == "closed-form"
        and solved.certificate.certified
        and "Thm 1" in solved.certificate.proof
    )
    conic = adl.Problem(WorstLoss(), event, law).solve(method="conic")
    assert conic.certificate.value == pytest.approx(
        solved.certificate.value, abs=TOL.value * solved.certificate.reference
    )
    for known in (law, None):
        with pytest.raises(adl.ObjectiveError, match=r"monotone = True but looks at m\.equity"):
            adl.Problem(NotTheLoss(), event, known).solve(method="closed-form")


def test_statuses(paper, law):
    objective = adl.ExpectedLoss()
    queue = adl.certify(objective, paper, law, adl.pro_rata(paper))
    assert queue.status == "uncertified" and queue.gap == pytest.approx(
        1 - 2212.645998 / queue.value, rel=TOL.gap
    )
    table = pd.DataFrame({"account": ["A", "C"], "asset": "BTC", "closed": [-4.0, -6.0]})
    listed = adl.certify(objective, paper, law, table)
    assert listed.status == "uncertified" and listed.clearing_error == 0
    short = adl.certify(objective, paper, law, table.assign(closed=[-4.0, -5.0]))
    assert short.status == "infeasible" and short.gap is None and short.clearing_error == 1.0
    outside = adl.certify(objective, paper, law, table.assign(closed=[-9.0, -1.0]))
    assert outside.status == "infeasible" and outside.box_violation == pytest.approx(1 / 8)
    opened = adl.certify(
        objective,
        paper,
        law,
        pd.DataFrame({"account": ["A", "C", "D"], "asset": "BTC", "closed": [-8.0, -4.0, 2.0]}),
    )
    assert opened.status == "infeasible"
    unclosable = adl.certify(
        objective,
        paper,
        law,
        pd.DataFrame(
            {"account": ["A", "C", "D"], "asset": ["BTC", "BTC", "ETH"], "closed": [-4.0, -6.0, 1.0]}
        ),
    )
    assert unclosable.status == "infeasible"


def test_gap_has_a_floor_where_the_loss_is_tiny():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 15.0)
    law = adl.Scenarios([0.1, 0.61], [1 - 1e-12, 1e-12])
    c = adl.certify(adl.ExpectedLoss(), event, law, adl.water_filling(event))
    assert c.certified and c.value < 1e-11


def test_zero_loss_is_certified():
    event = one_asset([-1.0, -1.0], [10.0, 10.0], 1.0)
    solved = adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([-0.1, 0.1])).solve(method="conic")
    assert solved.certificate.certified and solved.certificate.value == 0 and solved.certificate.gap == 0


def test_evidence_that_contradicts_is_an_error(paper, law):
    from adl_opt.certificates.certificate import Evidence

    with pytest.raises(adl.ObjectiveError, match="above the value"):
        assess(adl.ExpectedLoss(), paper, law, adl.pro_rata(paper).amount, Evidence(conic_bound=1e9))
