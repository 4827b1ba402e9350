"""Powers of leverage: the power asked for, and uncertified rather than wrong."""

import warnings

import numpy as np
import pytest

import adl_opt as adl
from tests.books import book, cross
from tests.tolerances import TOL


@pytest.mark.parametrize("p", [1.5003, 1.0001, 2.9997])
def test_the_power_is_the_power_asked_for(p):
    rows = [
        ("a", "BTC", -10.0, 1.0, 1.0),
        ("b", "BTC", -10.0, 1.0, 4.0),
        ("b", "ETH", 3.0, 1.0, 4.0),
        ("c", "ETH", 5.0, 1.0, 2.0),
    ]
    event = adl.Event(book(rows), short={"BTC": 5.0})
    solved = adl.Problem(adl.LeveragePower(p), event).solve()
    closed = np.linspace(0, 5, 200_001)
    brute = ((10 - closed) ** p + 4 * ((13 - 5 + closed) / 4) ** p + 2 * 2.5**p).min()
    assert solved.certificate.value == pytest.approx(brute, rel=TOL.value)
    assert solved.certificate.bound <= brute * (1 + TOL.formula)


def test_a_power_that_cvxpy_cannot_state_is_one_sentence():
    rows = [("a", "BTC", -10.0, 1.0, 1.0), ("b", "BTC", -10.0, 1.0, 4.0), ("b", "ETH", 3.0, 1.0, 4.0)]
    problem = adl.Problem(adl.LeveragePower(2.0000001), adl.Event(book(rows), short={"BTC": 5.0}))
    try:
        assert problem.solve().certificate.certified
    except adl.SolveError as error:
        assert "\n" not in str(error)


def test_the_floor_does_not_certify_what_is_worse_than_pro_rata():
    """High powers: the value before closing is 1e300; measured by it anything would be certified."""
    import warnings

    rows = [
        ("a", "BTC", -10.0, 1.0, 1.0),
        ("b", "BTC", -10.0, 1.0, 4.0),
        ("b", "ETH", 3.0, 1.0, 4.0),
        ("c", "ETH", 5.0, 1.0, 2.0),
    ]
    event = adl.Event(book(rows), short={"BTC": 5.0})
    for p in (50.0, 150.0, 300.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", adl.UncertifiedWarning)
            try:
                c = adl.Problem(adl.LeveragePower(p), event).solve().certificate
            except adl.SolveError:
                continue
        assert c.value <= c.reference
        assert not c.certified or (c.value - c.bound) <= max(TOL.gap * c.value, c.rounding)
        assert c.rounding <= TOL.rounding * c.reference


@pytest.mark.parametrize("seed", range(6))
def test_leverage_power_ends_uncertified_rather_than_wrong(seed):
    """p = 7 over many decades: whatever the solver says, no point that scipy finds lies below the bound, nor
    below a certified value.
    """
    from scipy.optimize import minimize

    from adl_opt.evaluation.symbols import SymbolsAt

    event = cross(np.random.default_rng(seed), 6, 2)
    objective = adl.LeveragePower(7.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        solved = adl.Problem(objective, event).solve(method="conic")
    c, free = solved.certificate, np.flatnonzero(event.free)
    assert (c.status == "certified") == (c.gap <= c.tolerance) and c.value <= c.reference * (1 + TOL.rounding)

    def value(fraction):
        amount = event.fixed_fraction * event.size
        amount[free] = np.clip(fraction, 0, 1) * event.size[free]
        return objective.value(SymbolsAt(event, None, amount)) / c.reference

    rows = [
        {
            "type": "eq",
            "fun": lambda f, k=k: (
                event.size[free] @ (f * (event.book.asset[free] == k)) / event.capacities[k]
                - event.required[k] / event.capacities[k]
            ),
        }
        for k in event.free_assets
    ]
    for start in (
        event.pro_rata_fraction[free],
        (solved.amount / np.where(event.size > 0, event.size, 1))[free],
    ):
        if not len(free):
            return
        found = minimize(
            value,
            start,
            bounds=[(0, 1)] * len(free),
            constraints=rows,
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        if found.success and all(abs(row["fun"](np.clip(found.x, 0, 1))) < 1e-12 for row in rows):
            best = value(found.x) * c.reference
            assert c.bound <= best + 1e-6 * max(abs(best), c.floor)
            assert not c.certified or c.value <= best + 2e-6 * max(abs(best), c.floor)
