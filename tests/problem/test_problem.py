"""Problem: the paper's figures, methods against each other, sweeps, what is refused (§10-§17)."""

import math
import warnings

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from tests.books import REAL, count, isolated, one_asset, scenarios
from tests.tolerances import TOL

PUBLISHED = 2212.645998


def test_the_papers_equities(paper):
    assert paper.book.equity == pytest.approx([242100, 143000, 180704.8, 116901], rel=TOL.rounding)


@pytest.mark.parametrize("solver", ["HIGHS", "CLARABEL"])
def test_the_papers_expected_loss(paper, law, solver):
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve(method="conic", solver=solver)
    c = solved.certificate
    assert c.value == pytest.approx(PUBLISHED, rel=TOL.paper) and c.certified and c.gap <= TOL.paper
    assert solved.shadow_prices["BTC"] == pytest.approx(302.108, rel=1e-5)
    assert math.fsum(solved.amount[paper.closable]) == 10.0 and c.clearing_error <= 1e-15


def test_the_paper_without_a_solver(paper, law):
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    assert solved.method == "separable" and solved.certificate.value == pytest.approx(
        PUBLISHED, rel=TOL.paper
    )
    assert "BTC, ETH" in repr(adl.Problem(adl.ExpectedLoss(), paper, law))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_conic_against_closed_form(seed):
    """Random and degenerate isolated books over twelve decades of equity, the law of models/expected_loss.py:
    all certified.
    """
    rng = np.random.default_rng(seed)
    event = isolated(rng)
    problem = adl.Problem(
        adl.ExpectedLoss(), event, adl.load("expected_loss").law.__class__(0.05**2, 3.0).sample(32, seed)
    )
    closed, conic = (problem.solve(method=method) for method in ("closed-form", "conic"))
    assert closed.certificate.certified and conic.certificate.certified
    assert abs(closed.certificate.value - conic.certificate.value) <= TOL.value * conic.certificate.reference
    for solved in (closed, conic):
        assert math.fsum(solved.amount[event.closable]) == event.required[0]
        assert (solved.amount >= 0).all() and (solved.amount <= event.size).all()


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_dust_accounts_are_right_after_the_polish(seed):
    """THEORY 8.4: the expected loss of every account, however small, within 1e-9 of its own equity of the
    exact one-asset answer.
    """
    rng = np.random.default_rng(3000 + seed)
    event = isolated(rng)
    law = scenarios(rng, 1)
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    price = problem.solve(method="closed-form").shadow_price_by_asset[0]
    conic = problem.solve(method="conic")
    if not event.free.any():
        return
    from adl_opt.evaluation.minorants import Dual
    from adl_opt.evaluation.symbols import SymbolsAt

    m = SymbolsAt(event, law, conic.amount)
    below = adl.ExpectedLoss().minorant(m, Dual())
    price = conic.shadow_price_by_asset[0]
    legs = np.flatnonzero(event.free)
    size, closed = event.size[legs], conic.amount[legs]
    own_gap = np.maximum(below.low[legs] / size + price, 0) * closed + np.maximum(
        -below.high[legs] / size - price, 0
    ) * (size - closed)
    assert (own_gap <= TOL.formula * event.book.equity[event.book.account[legs]]).all()


def test_sweep(paper, law):
    table = adl.Problem(adl.ExpectedLoss(), paper, law).sweep(short={"BTC": [0, 1, 5, 10, 33]})
    assert table["short BTC"].tolist() == [0, 1, 5, 10, 33] and (table["status"] == "certified").all()
    assert table.loc[3, "objective"] == pytest.approx(PUBLISHED, rel=TOL.paper)
    assert {"shadow price BTC", "leverage A", "max leverage", "gap", "method"} <= set(table.columns)
    both = adl.Problem(adl.ExpectedLoss(), paper, law).sweep(short={"BTC": [1, 2], "ETH": 10})
    assert both["short ETH"].tolist() == [10, 10]


def test_closed_form_refuses_cross_margin_and_says_why(paper, law):
    with pytest.raises(adl.SolveError, match="more than one position"):
        adl.Problem(adl.ExpectedLoss(), paper, law).solve(method="closed-form")
    with pytest.raises(adl.SolveError, match="LeverageSquare"):
        adl.Problem(adl.LeverageSquare(), paper).solve(method="separable")


def test_no_law_is_enough_in_isolated_margin():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    solved = adl.Problem(adl.ExpectedLoss(), event).solve()
    assert (
        solved.certificate.certified
        and "Thm 1" in solved.certificate.proof
        and solved.certificate.objective_name == "LeverageSquare"
    )
    assert np.isnan(solved.shadow_prices["X"])


def test_a_law_without_closed_form_is_refused_with_the_remedy(paper):
    lognormal = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    with pytest.raises(adl.LawError, match=r"law\.quadrature\(20\)"):
        adl.Problem(adl.CVaR(0.9), paper, lognormal).solve()


def test_every_solver_that_is_not_exact_is_certified_or_says_so(paper, law):
    for solver in ("OSQP", "SCS"):
        if solver not in cp.installed_solvers():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve(method="conic", solver=solver)
        assert solved.certificate.bound <= PUBLISHED * (
            1 + TOL.paper
        ) and solved.certificate.value >= PUBLISHED * (1 - TOL.paper)


@pytest.mark.shared
def test_real_accounts():
    if not REAL.is_file():
        pytest.skip(
            "the real accounts are not beside this checkout; test_wide_accounts runs on generated ones"
        )
    book = adl.Book.read(REAL)
    with pytest.raises(
        adl.EventError, match=r"124 of 19,337 accounts have no positive equity, first '0x003e11c8fa'"
    ):
        adl.Event(book, short={"BASKET": 1e9})
    _certified_at(book.solvent(), "BASKET", [3e7, 1e8, 1e9])


def test_wide_accounts():
    """What the real book exercises, generated: 20,000 accounts, leverage and equity over fourteen decades,
    ties.
    """
    rng = np.random.default_rng(10)
    equity, leverage = 10 ** rng.uniform(-6, 8.5, 20_000), 10 ** rng.normal(-0.5, 1.2, 20_000)
    leverage[:50] = 10 ** rng.uniform(4, 7.8, 50)
    leverage[100:200] = 2.0
    event = one_asset(-leverage * equity, equity, 0.0)
    total = event.with_requirement(short={"X": "all"}).required[0]
    _certified_at(event.book, "X", [0.013 * total, 0.045 * total, 0.45 * total])


def _certified_at(book, asset, requirements):
    for required in requirements:
        event = adl.Event(book, short={asset: required})
        for law in (
            None,
            adl.LogNormal(0.8, None, 1 / 365),
            adl.LogNormal(0.8, None, 1 / 365).quadrature(20),
        ):
            solved = adl.Problem(adl.ExpectedLoss(), event, law).solve()
            assert solved.certificate.certified and math.fsum(solved.amount) == required
