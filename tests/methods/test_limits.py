"""Methods under limits: against linear programs written here, bounds against random allocations (§5, §7)."""

import warnings

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.examples.events import any_allocation
from tests.books import count, one_asset
from tests.limited import drawn, least_expected_loss, same_value, within
from tests.tolerances import TOL


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_methods_agree_with_a_linear_program_written_here(seed):
    event, law = drawn(seed)
    wanted = least_expected_loss(event, law)
    for method in ("auto", "conic", "separable", *(("closed-form",) if event.book.isolated else ())):
        solved = adl.Problem(adl.ExpectedLoss(), event, law).solve(method=method)
        assert solved.certificate.certified, method
        assert same_value(solved.certificate.value, wanted, solved.certificate), method
        assert within(solved.event, solved.amount), method


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_cvar_agrees_with_a_linear_program_written_here(seed):
    event, law = drawn(10_000 + seed)
    wanted = least_expected_loss(event, law, 0.7)
    for method in ("auto", "conic", "separable", *(("closed-form",) if event.book.isolated else ())):
        solved = adl.Problem(adl.CVaR(0.7), event, law).solve(method=method)
        assert solved.certificate.certified, method
        assert same_value(solved.certificate.value, wanted, solved.certificate), method
        assert within(solved.event, solved.amount), method


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_smooth_laws(seed):
    event, _ = drawn(20_000 + seed)
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, len(event.book.assets)))
    for law in (adl.Gaussian(0.02 * root.T @ root), adl.StudentT(0.02 * root.T @ root, 3.5)):
        ways = [
            adl.Problem(adl.ExpectedLoss(), event, law).solve(method=method)
            for method in ("separable", "conic")
        ]
        # A program is lost in rounding where 1e-22 of the loss at pro rata is possible: then it says
        # negligible.
        assert ways[0].certificate.certified and ways[1].certificate.status in ("certified", "negligible")
        assert all(within(event, way.amount) for way in ways)
        assert same_value(ways[0].certificate.value, ways[1].certificate.value, ways[1].certificate)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_the_bound_lies_below_every_allocation(seed):
    event, law = drawn(30_000 + seed)
    rng = np.random.default_rng(seed)
    for objective in (adl.ExpectedLoss(), adl.CVaR(0.6), adl.LeverageSquare(), adl.MaxLeverage()):
        solved = adl.Problem(objective, event, law).solve()
        bounds = [solved.certificate.bound]
        tried = [any_allocation(event, rng) for _ in range(8)]
        proofs = [assess(objective, event, law, amount).certificate for amount in tried]
        bounds += [proof.bound for proof in proofs if proof.bound is not None]
        assert all(proof.status != "infeasible" for proof in proofs)
        least = min(proof.value for proof in proofs)
        assert max(bounds) <= least + TOL.formula * max(abs(least), solved.certificate.reference)


def test_programs_of_different_caps_are_not_mixed_up():
    event, law = one_asset([-8.0, -4.0], [1.0, 1.0], 3.0), adl.Scenarios([0.2, 0.5])
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    half = adl.Event(event.book, short={"X": 3.0}, cap=0.5)
    program = problem._compiled.program
    assert program(event) is program(event.with_requirement(short={"X": 2.0}))
    assert program(event) is not program(half)


def test_many_accounts_under_limits():
    """The methods of scale: prices, not programs, and certified; uncertified answers would warn."""
    book = adl.examples.book(20_000, seed=3)
    law = adl.LogNormal(dict.fromkeys(book.assets, 0.8), 0.7, 1 / 365)
    cap = dict(zip(book.accounts[::3], np.random.default_rng(0).uniform(0.2, 1.0, len(book.accounts[::3]))))
    event = adl.Event(
        book, short=dict.fromkeys(book.assets[:2], "30%"), protected=book.accounts[::7], cap=cap
    )
    covariance = law.covariance_of_moves()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for moves in (adl.Gaussian(covariance), law.sample(64, seed=1)):
            solved = adl.Problem(adl.ExpectedLoss(), event, moves).solve(method="separable")
            assert solved.certificate.certified and not solved.amount[event.shielded].any()
            assert (solved.amount <= event.size).all()
