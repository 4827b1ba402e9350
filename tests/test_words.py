"""Words and counts as true as the numbers: what says how many, whom and how far agrees with what is closed, on random books by every method."""

import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import adl_opt as adl
from adl_opt import plots, show
from adl_opt.bearing import bearing
from adl_opt.certificate import assess
from adl_opt.counting import NOTHING
from adl_opt.event import cleared
from adl_opt.symbols import Symbols

from .books import count, cross, isolated, scenarios
from .tolerances import TOL

NEAR = 1e-6  # of a position: the dust that this file looks for


def gaussian(rng, d):
    factor = rng.normal(size=(d, d)) * 0.05
    return adl.Gaussian(factor @ factor.T + 1e-4 * np.eye(d))


def spread(rng, event, d):
    return adl.Entropic(1 / event.book.equity.sum()), scenarios(rng, d, 40)


class Concentration(adl.Objective):
    """An objective without slopes: sum of squares of the fractions closed (a pure number)."""

    money = 0

    def express(self, m):
        import cvxpy as cp

        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float(np.sum(m.fraction**2))


PROBLEMS = {
    "separable, smooth": ("separable", lambda rng, event, d: (adl.ExpectedLoss(), gaussian(rng, d))),
    "separable, scenarios": ("separable", lambda rng, event, d: (adl.ExpectedLoss(), scenarios(rng, d))),
    "separable, tail": ("separable", lambda rng, event, d: (adl.CVaR(0.9), scenarios(rng, d, 40))),
    "conic, cuts": ("conic", lambda rng, event, d: (adl.ExpectedLoss(), gaussian(rng, d))),
    "conic, linear": ("conic", lambda rng, event, d: (adl.ExpectedLoss(), scenarios(rng, d))),
    "conic, tail": ("conic", lambda rng, event, d: (adl.CVaR(0.9), scenarios(rng, d, 40))),
    "conic, exponential": ("conic", spread),
    "conic, leverage": ("conic", lambda rng, event, d: (adl.LeverageSquare(), None)),
    "conic, no slopes": ("conic", lambda rng, event, d: (Concentration(), None)),
    "levelling": ("auto", lambda rng, event, d: (adl.ExpectedLoss(), adl.OneFactor(rng.uniform(0.5, 1.5, d), scenarios(rng, 1)))),
    "closed form": ("auto", None),
}


def solved(kind, seed):
    """(problem, its allocation) on a random book."""
    rng = np.random.default_rng(770_000 + seed)
    method, make = PROBLEMS[kind]
    event = isolated(rng) if make is None else cross(rng)
    objective, law = (adl.ExpectedLoss(), scenarios(rng, 1)) if make is None else make(rng, event, len(event.book.assets))
    problem = adl.Problem(objective, event, law)
    return problem, problem.solve(method=method)


def closing(allocation) -> np.ndarray:
    """(legs,) which close something, as the table says."""
    frame = allocation.to_frame()
    return (frame["closed"].abs() > NOTHING * frame["position"].abs()).to_numpy()


def same_counts(allocation, told):
    event, book = allocation.event, allocation.event.book
    assert f"; {told.sum():,} of {event.closable.sum():,} closable positions reduced" in repr(allocation)
    assert show._accounts(event, allocation).row_count == min(told.sum(), show._SHOWN)
    touched = book.per_account(told.astype(float)) > 0
    remains = np.abs(allocation.to_frame()["left"].to_numpy()) > NOTHING * np.abs(book.position)
    counts, burden = bearing(allocation), adl.burden(allocation, dict.fromkeys(event.required_assets, 1.0))
    could = book.per_account(event.closable.astype(float)) > 0
    whole = could & ~(book.per_account((remains & event.closable).astype(float)) > 0)
    assert (counts["accounts reduced"], counts["wholly closed"]) == (touched.sum(), whole.sum())
    assert (burden["wholly_closed"].to_numpy() == (touched & ~(book.per_account(remains.astype(float)) > 0))).all()


def same_words(allocation, told):
    event, book = allocation.event, allocation.event.book
    whole = event.closable & (np.abs(allocation.to_frame()["left"].to_numpy()) <= NOTHING * np.abs(book.position))
    for i, account in enumerate(book.accounts):
        head, *lines = allocation.explain(account).splitlines()
        mine = np.flatnonzero(book.account == i)
        word = re.match(r"account .*?: (.*) \(equity", head)[1]
        some = "reduced" if told[mine].any() else "spared" if event.closable[mine].any() else "has nothing to close"
        assert word == ("closed whole" if some == "reduced" and whole[mine][event.closable[mine]].all() else some)
        for j, line in zip(mine, lines):
            if event.closable[j]:
                assert ("not closed" in line) == (not told[j]) and ("spared" in line) <= (not told[j])
                assert ("on the margin" in line) <= (told[j] and not whole[j])
                assert (", all of it;" in line) <= whole[j]


def same_ranges(problem, allocation):
    """The allocation is inside, and is the only optimum where all ranges are points."""
    try:
        ranges = adl.optimal_range(problem)
    except adl.SolveError as error:
        assert re.search("no ranges to tell|is not certified|finds no|too many", str(error))
        return
    closed, held = allocation.closed, np.abs(allocation.event.book.position)
    low, high = (np.sort(ranges[["least", "most"]].to_numpy(), axis=1)[:, k] for k in (0, 1))
    slack = max(TOL.gap, ranges.attrs["within"]) * held
    if allocation.method == problem.solve().method:
        assert (closed >= low - slack).all() and (closed <= high + slack).all()
    points = bool((high - low <= 1e-9 * held).all())
    unique = problem.solve().unique
    assert unique is None or unique == points


def no_dust(problem, allocation):
    """No leg next to an end could be there with no less proved."""
    event, size = allocation.event, allocation.event.size
    share = np.divide(allocation.amount, size, out=np.zeros_like(size), where=size > 0)
    for j in np.flatnonzero(event.free & (((share > NOTHING) & (share < NEAR)) | ((share < 1 - NOTHING) & (share > 1 - NEAR)))):
        moved = allocation.amount.copy()
        moved[j] = size[j] if share[j] > 0.5 else 0.0
        other = assess(problem.objective, event, problem.law, cleared(event, moved)).certificate
        own = assess(problem.objective, event, problem.law, allocation.amount).certificate
        assert other.gap is None or own.gap is None or other.gap > own.gap - TOL.rounding


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
@pytest.mark.parametrize("kind", PROBLEMS)
def test_words_and_counts_agree(kind, seed):
    problem, allocation = solved(kind, seed)
    told = closing(allocation)
    same_counts(allocation, told)
    same_words(allocation, told)
    no_dust(problem, allocation)
    same_ranges(problem, allocation)
