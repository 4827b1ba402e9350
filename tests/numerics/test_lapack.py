"""LAPACK that does not converge: a second driver gives the same, and where all drivers fail the answer is
honest, never a traceback.
"""

import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

import adl_opt as adl
from adl_opt.numerics import lapack
from tests.books import cross, frame, scenarios
from tests.tolerances import TOL

DRIVERS = ("lstsq", "solve", "inv", "eigh", "eigvalsh", "svd", "cholesky", "pinv", "matrix_rank")


def fail(*_, **__):
    raise np.linalg.LinAlgError("SVD did not converge")


@pytest.fixture
def broken_numpy(monkeypatch):
    for name in DRIVERS:
        monkeypatch.setattr(np.linalg, name, fail)


@pytest.fixture
def broken(broken_numpy, monkeypatch):
    for name in (*DRIVERS, "lu_factor", "lu_solve"):
        if hasattr(scipy.linalg, name):
            monkeypatch.setattr(scipy.linalg, name, fail)


def matrices(rng):
    half = rng.normal(size=(5, 4, 4))
    return half @ np.swapaxes(half, 1, 2) / 4 + 0.5 * np.eye(4)


def test_second_drivers_agree_with_the_first(rng, monkeypatch):
    whole, wide, right = matrices(rng), rng.normal(size=(3, 7)), rng.normal(size=3)
    singular, long = np.ones((4, 4)), rng.normal(size=4)

    def answers():
        value, vector = lapack.eigh(whole)
        null, solution = lapack.null_space(wide)
        diagonal, regular = lapack.inverse_diagonal(np.concatenate([whole, singular[None]]), 1e-15)
        return [
            lapack.lstsq(wide, right), lapack.lstsq(singular, long, 1e-12), lapack.solve(whole[0], long),
            value,
            vector @ (value[..., None] * np.swapaxes(vector, 1, 2)),
            np.array(lapack.least_eigenvalue(whole[1])), diagonal, regular,
            lapack.inverse(whole), lapack.lower_root(whole), null @ null.T, solution(right),
        ]  # fmt: skip

    first = answers()
    for name in DRIVERS:
        monkeypatch.setattr(np.linalg, name, fail)
    for one, other in zip(first, answers()):
        assert other == pytest.approx(one, rel=TOL.formula, abs=TOL.formula)
    assert first[4] == pytest.approx(whole, abs=TOL.formula)
    assert first[8] @ whole == pytest.approx(np.broadcast_to(np.eye(4), whole.shape), abs=TOL.formula)
    assert np.allclose(first[9], np.tril(first[9])) and first[9] @ np.swapaxes(
        first[9], 1, 2
    ) == pytest.approx(whole)
    assert first[10] @ first[10] == pytest.approx(first[10]) and np.abs(wide @ first[10]).max() < TOL.formula
    assert first[7].tolist() == [True] * 5 + [False]


def problems():
    rng = np.random.default_rng(3)
    event = cross(rng, 6, 3)
    few = scenarios(rng, len(event.book.assets), 12)
    covariance = 0.01 * (np.eye(3) + 0.5)
    # Six positions in some accounts: blocks that are factored as whole matrices.
    names = [f"X{k}" for k in range(6)]
    rows = [(f"a{i}", name, rng.normal() * 40, 1.0, 30.0 + i) for i in range(5) for name in names]
    wide = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X0": "30%", "X1": "20%"})
    broad = adl.Gaussian(pd.DataFrame(0.01 * (np.eye(6) + 0.5), index=names, columns=names))
    two = adl.Event(
        adl.Book.from_frame(frame(*zip(*[row for row in rows if row[1] in ("X0", "X1")]))),
        short={"X0": "30%"},
    )
    return {
        "scenarios, conic": (adl.ExpectedLoss(), event, few, "conic"),
        "cvar, auto": (adl.CVaR(0.9), event, few, "auto"),
        "cvar, separable": (adl.CVaR(0.9), event, few, "separable"),
        "normal, separable": (adl.ExpectedLoss(), event, adl.Gaussian(covariance), "separable"),
        "normal, conic": (adl.ExpectedLoss(), event, adl.Gaussian(covariance), "conic"),
        "normal, six positions": (adl.ExpectedLoss(), wide, broad, "separable"),
        "lognormal": (adl.ExpectedLoss(), two, adl.LogNormal([0.6, 0.9], 0.5, 0.05), "separable"),
    }


PROBLEMS = problems()


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_answer_without_numpy_s_drivers(name, monkeypatch):
    objective, event, law, method = PROBLEMS[name]
    known = adl.Problem(objective, event, law).solve(method=method)
    for driver in DRIVERS:
        monkeypatch.setattr(np.linalg, driver, fail)
    again = adl.Problem(objective, event, law).solve(method=method)
    assert again.certificate.status == known.certificate.status == "certified"
    assert again.certificate.value == pytest.approx(known.certificate.value, rel=2 * TOL.gap)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("drivers", ["numpy and scipy"])
def test_no_driver_at_all(name, drivers, broken):
    """Uncertified, or refused in a sentence where not even the value can be computed."""
    objective, event, law, method = PROBLEMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        with contextlib.suppress(adl.AdlError):
            solved = adl.Problem(objective, event, law).solve(method=method)
            c = solved.certificate
            assert c.status != "infeasible" and c.bound <= c.value * (1 + TOL.gap)
            assert solved.unique in (None, True, False)


def test_a_law_that_no_driver_takes_apart_is_refused(broken):
    with pytest.raises(
        adl.LawError,
        match=r"cannot be decomposed: none of LAPACK's drivers converges \(SVD did not converge\)",
    ):
        adl.Gaussian([[1.0, 0.5], [0.5, 1.0]])


def test_the_interior_point_stops_where_no_step_is_solved(broken):
    """The best point so far is pro rata, which is feasible and valued; its bound is honest."""
    objective, event, law, method = PROBLEMS["normal, separable"]
    with pytest.warns(adl.UncertifiedWarning):
        solved = adl.Problem(objective, event, law).solve(method=method)
    assert solved.certificate.status == "uncertified" and solved.certificate.clearing_error <= TOL.rounding


def test_factor_levelling_without_drivers(monkeypatch):
    event = cross(np.random.default_rng(8), 6, 3)
    known = adl.factor_water_filling(event, [1.0, 1.2, 0.8])
    for driver in DRIVERS:
        monkeypatch.setattr(np.linalg, driver, fail)
    again = adl.factor_water_filling(event, [1.0, 1.2, 0.8])
    assert again.amount == pytest.approx(known.amount, abs=TOL.value * event.size.max())
    for driver in ("lstsq", "svd"):
        monkeypatch.setattr(scipy.linalg, driver, fail)
    with contextlib.suppress(adl.AdlError):
        assert adl.factor_water_filling(event, [1.0, 1.2, 0.8]).certificate.status != "infeasible"
