"""Words and counts as true as the numbers: who says how many, whom, how far agrees with what is closed."""

import math
import re
import warnings

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt import plots
from adl_opt.certificates.assess import assess
from adl_opt.cli import output as show
from adl_opt.data.event import cleared
from adl_opt.evaluation.counting import NOTHING
from adl_opt.studies.burden import bearing
from tests.books import count, cross, frame, gaussian, isolated, scenarios
from tests.tolerances import TOL

NEAR = 1e-6  # of a position: the dust that this file looks for


class Concentration(adl.Objective):
    """An objective without slopes: sum of squares of the fractions closed (a pure number)."""

    money = 0

    def express(self, m):
        import cvxpy as cp

        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float(np.sum(m.fraction**2))


def smooth(rng, event, d):
    return adl.ExpectedLoss(), gaussian(rng, d)


def linear(rng, event, d):
    return adl.ExpectedLoss(), scenarios(rng, d)


def tail(rng, event, d):
    return adl.CVaR(0.9), scenarios(rng, d, 40)


def averse(rng, event, d):
    return adl.Entropic(1 / event.book.equity.sum()), scenarios(rng, d, 40)


def factor(rng, event, d):
    return adl.ExpectedLoss(), adl.OneFactor(rng.uniform(0.5, 1.5, d), scenarios(rng, 1))


PROBLEMS = {
    "separable, smooth": ("separable", smooth),
    "separable, scenarios": ("separable", linear),
    "separable, tail": ("separable", tail),
    "conic, cuts": ("conic", smooth),
    "conic, linear": ("conic", linear),
    "conic, tail": ("conic", tail),
    "conic, exponential": ("conic", averse),
    "conic, leverage": ("conic", lambda rng, event, d: (adl.LeverageSquare(), None)),
    "conic, no slopes": ("conic", lambda rng, event, d: (Concentration(), None)),
    "levelling": ("auto", factor),
    "closed form": ("auto", linear),
}


def solved(kind, seed):
    """(problem, its allocation) on a random book."""
    rng = np.random.default_rng(770_000 + seed)
    method, make = PROBLEMS[kind]
    event = isolated(rng) if kind == "closed form" else cross(rng)
    objective, law = make(rng, event, len(event.book.assets))
    problem = adl.Problem(objective, event, law)
    return problem, problem.solve(method=method)


def closing(allocation):
    """(legs,) which close something, as the table says."""
    table = allocation.to_frame()
    return (table["closed"].abs() > NOTHING * table["position"].abs()).to_numpy()


def remaining(allocation):
    table = allocation.to_frame()
    return (table["left"].abs() > NOTHING * table["position"].abs()).to_numpy()


def same_counts(allocation, told):
    event, book, remains = allocation.event, allocation.event.book, remaining(allocation)

    def who(legs):
        return book.per_account(legs.astype(float)) > 0

    assert f"; {told.sum():,} of {event.closable.sum():,} closable positions reduced" in repr(allocation)
    assert len(show._accounts(event, allocation).rows) == min(told.sum(), show._SHOWN)
    counts = bearing(allocation)
    whole = who(event.closable) & ~who(remains & event.closable)
    assert (counts["accounts reduced"], counts["wholly closed"]) == (who(told).sum(), whole.sum())
    burden = adl.burden(allocation, dict.fromkeys(event.required_assets, 1.0))
    assert (burden["wholly_closed"].to_numpy() == (who(told) & ~who(remains))).all()


def same_words(allocation, told):
    event, book = allocation.event, allocation.event.book
    whole = event.closable & ~remaining(allocation)
    for i, account in enumerate(book.accounts):
        head, *lines = allocation.explain(account).splitlines()
        mine = np.flatnonzero(book.account == i)
        could = mine[event.closable[mine]]
        some = "reduced" if told[could].any() else "spared" if could.size else "has nothing to close"
        word = "closed whole" if some == "reduced" and whole[could].all() else some
        assert re.match(r"account .*?: (.*) \(equity", head)[1] == word
        for j, line in zip(mine, lines):
            if event.closable[j]:
                assert ("not closed" in line) == (not told[j]) and ("spared" in line) <= (not told[j])
                assert ("on the margin" in line) <= (told[j] and not whole[j])
                assert (", all of it;" in line) <= whole[j]


def same_ranges(problem, allocation):
    """The allocation is inside, and is the only optimum where all ranges are points."""
    best = problem.solve()
    try:
        ranges = adl.optimal_range(problem)
    except adl.SolveError as error:
        assert re.search("no ranges to tell|is not certified|finds no", str(error))
        return
    closed, held = allocation.closed_by_leg, np.abs(allocation.event.book.position)
    low, high = np.sort(ranges[["least", "most"]].to_numpy(), axis=1).T
    slack = max(TOL.gap, ranges.attrs["within"]) * held
    if allocation.method == best.method:
        assert (closed >= low - slack).all() and (closed <= high + slack).all()
    assert best.unique is None or best.unique == bool((high - low <= TOL.formula * held).all())


def no_dust(problem, allocation):
    """No leg next to an end could be there with no less proved."""
    event, size = allocation.event, allocation.event.size
    share = np.divide(allocation.amount, size, out=np.zeros_like(size), where=size > 0)
    near = np.minimum(share, 1 - share)
    own = assess(problem.objective, event, problem.law, allocation.amount).certificate
    for j in np.flatnonzero(event.free & (near > NOTHING) & (near < NEAR)):
        moved = allocation.amount.copy()
        moved[j] = size[j] if share[j] > 0.5 else 0.0
        other = assess(problem.objective, event, problem.law, cleared(event, moved)).certificate
        if np.isinf(own.gap):  # without slopes the value decides
            assert other.value > own.value
        else:
            assert other.gap > max(own.gap, TOL.formula)


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


def test_a_sum_that_clears_has_no_clearing_error():
    """Every solved allocation: `fsum` of what is closed is the requirement, and the certificate says so."""
    for seed in range(40):
        _, allocation = solved("separable, smooth", seed)
        event = allocation.event
        for k in np.flatnonzero(event.side):
            assert math.fsum(allocation.amount[event.book.asset == k].tolist()) == event.required[k]
        assert allocation.certificate.clearing_error == 0 and "clearing error 0 contracts" in repr(allocation)
    less = adl.pro_rata(event).to_frame()[["account", "asset", "closed"]]
    less["closed"] *= 1 - TOL.gap
    assert adl.certify(adl.LeverageSquare(), event, None, less).clearing_error > 0


@pytest.mark.parametrize("ties", ["account order", "in proportion"])
def test_rules_that_exclude_losers_close_what_the_others_hold(ties):
    """.7 + .1 is less than .8 by a rounding."""
    table = frame(["a", "b", "loser"], "X", [-0.7, -0.1, -5.0], 1.0, 1.0).assign(entry_price=[2.0, 2.0, 0.5])
    event = adl.Event(adl.Book.from_frame(table), short={"X": 0.8})
    own = adl.QueueRule("return on entry", "leverage", "exclude", "mark", ties)
    for rule in (adl.policy("hyperliquid"), own):
        allocation = rule(event)
        assert allocation.amount.tolist() == [0.7, 0.1, 0.0] and allocation.certificate.status != "infeasible"
        assert bearing(allocation)["wholly closed"] == 2 and rule.tied(event).empty


def test_a_solver_lost_in_rounding_is_an_answer():
    """2e-11 is lost where a thousand is held: Clarabel says "unbounded" of the cuts."""
    x, y = [-3.92, 288.0, -198.0, 38.2, -100.0], [9.1, 294.0, 184.0, -19.0, -76.3]
    names, equity = [f"a{i}" for i in range(5)], [20.7, 835.5, 222.8, 126.4, 378.0]
    rows = [frame(names, "X", x, 3.85, equity), frame(names, "Y", y, 6.73, equity)]
    event = adl.Event(adl.Book.from_frame(pd.concat(rows)), short={"X": 233.0}, long={"Y": 430.0})
    law = adl.Gaussian([[0.00686, -0.00259], [-0.00259, 0.00653]])
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    found = problem.solve(method="conic")
    assert found.certificate.certified and found.certificate.clearing_error == 0
    with pytest.raises(adl.SolveError, match="returned no point"):  # who asks for a solver hears it
        problem.solve(method="conic", solver="CLARABEL")


@pytest.mark.parametrize("seed", range(4))
def test_pictures_and_printed_tables_agree_with_the_numbers(seed):
    problem, allocation = solved("separable, smooth", seed)
    event, touched = allocation.event, len(set(allocation.event.book.account[closing(allocation)]))
    axes = plots.allocation(allocation).axes[0]
    order = np.argsort(-allocation.leverages()[0], kind="stable")
    after = next(c for c in axes.containers if c.get_label() == "after")
    assert [bar.get_height() for bar in after] == allocation.leverages()[1][order].tolist()
    table = adl.compare(event, problem.law, policies={"this": lambda _: allocation})
    assert table.loc["this", "accounts reduced"] == touched
    drawn = next(a for a in plots.comparison(table).axes if a.get_title().startswith("accounts reduced"))
    assert drawn.patches[0].get_width() == touched


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_plans_in_lots_agree(seed):
    """Whole positions, a whole requirement, lots of 1: who closes a lot is reduced, nobody who was spared."""
    rng = np.random.default_rng(772_000 + seed)
    n = int(rng.integers(3, 12))
    names, equity = [f"a{i}" for i in range(n)], rng.integers(5, 400, n).astype(float)
    sides = [frame(names, f"X{k}", -rng.integers(1, 40, n).astype(float), 10.0, equity) for k in range(2)]
    book = adl.Book.from_frame(pd.concat(sides))
    most = adl.Event(book, short={"X0": "all"}).capacity["X0"]
    event = adl.Event(book, short={"X0": float(rng.integers(1, most))})
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", adl.UncertifiedWarning
        )  # 1e-49 is lost, and nothing is proved of that
        allocation = adl.Problem(adl.ExpectedLoss(), event, gaussian(rng, 2)).solve()
    lots = adl.round_to_lots(allocation, {"X0": 1.0})
    told = closing(lots)
    assert (told == (lots.lots > 0)).all() and lots.lots.sum() == event.required[0]
    assert f"; {told.sum():,} of {event.closable.sum():,} closable positions reduced" in repr(lots)
    assert (told <= closing(allocation)).all()
