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

from .books import count, cross, frame, gaussian, isolated, scenarios
from .tolerances import TOL

NEAR = 1e-6  # of a position: the dust that this file looks for
COLUMNS = ["wave", "account", "asset", "position", "equity", "price", "realized_closed"]


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
    assert show._accounts(event, allocation).row_count == min(told.sum(), show._SHOWN)
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
    closed, held = allocation.closed, np.abs(allocation.event.book.position)
    low, high = np.sort(ranges[["least", "most"]].to_numpy(), axis=1).T
    slack = max(TOL.gap, ranges.attrs["within"]) * held
    if allocation.method == best.method:
        assert (closed >= low - slack).all() and (closed <= high + slack).all()
    assert best.unique is None or best.unique == bool((high - low <= 1e-9 * held).all())


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
            assert other.objective > own.objective
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


def waves(*rows):
    return adl.Waves.from_frame(pd.DataFrame(rows, columns=COLUMNS))


def test_who_is_wholly_closed_but_for_a_rounding_is_wholly_closed():
    """Pro rata leaves 5e-17 of a contract, and has nothing left."""
    given = waves(
        (1, "A", "X", 0.6, 10.0, 1.0, 0.22),
        (1, "B", "X", 0.3, 10.0, 1.0, 0.0),
        (2, "A", "X", 0.38, 10.0, 1.0, 0.38),
        (2, "B", "X", 0.3, 10.0, 1.0, 0.3),
    )
    table = adl.replay(given, ["pro_rata"], progress=False).to_frame().set_index(["wave", "policy"])
    assert table.loc[(2, "pro_rata"), ["wholly_closed", "leverage_max", "missing"]].tolist() == [2, 0.0, 0.0]


def test_a_change_of_sides_drops_what_the_policy_held():
    """Pro rata closed 5 of each; A then is short: the 5 longs that it held of A are gone, at 2 each."""
    first = ((1, "A", "X", 10.0, 100.0, 1.0, 10.0), (1, "B", "X", 10.0, 100.0, 1.0, 0.0))
    turned = waves(*first, (2, "A", "X", -3.0, 100.0, 2.0, -1.0), (2, "B", "X", 10.0, 100.0, 2.0, 0.0))
    result = adl.replay(turned, ["pro_rata"], progress=False)
    assert result.total()["dropped"].to_dict() == {"realized": 0.0, "pro_rata": 10.0}
    assert result.to_frame().attrs["units"]["dropped"] == "quote currency"


@pytest.mark.parametrize("position", [0.0, -3.0])
def test_an_owner_who_closes_what_the_policy_had_overtakes_it_on_whichever_side_he_ends(position):
    first = ((1, "A", "X", 10.0, 100.0, 1.0, 0.0), (1, "B", "X", 10.0, 100.0, 1.0, 10.0))
    more = waves(*first, (2, "A", "X", position, 100.0, 2.0, 0.0), (2, "B", "X", 1.0, 100.0, 2.0, 0.0))
    lost = adl.replay(more, ["pro_rata"], progress=False).total()
    assert lost.loc["pro_rata", ["overtaken", "dropped"]].tolist() == [10.0, 0.0]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
def test_a_replay_that_closes_everything_closes_everybody(seed):
    """In the last wave reality closes all that is left, and so does every policy."""
    rng = np.random.default_rng(773_000 + seed)
    n, steps, rows = int(rng.integers(1, 7)), int(rng.integers(1, 5)), []
    held, equity = np.round(10 ** rng.uniform(-2, 2, n), 2) + 0.01, rng.uniform(1, 50, n)
    start = {f"a{i}": held[i] for i in range(n)}
    for w in range(steps + 1):
        share = rng.random(n) * (rng.random(n) < 0.7)
        closed = held.copy() if w == steps else np.minimum(np.round(share * held, 3), held)
        rows += [(w, f"a{i}", "X", held[i], equity[i], 1.0, closed[i]) for i in range(n)]
        held = held - closed
    result = adl.replay(waves(*rows), ["pro_rata", "water_filling", "leverage_queue"], progress=False)
    last = result.to_frame().query("wave == @steps").set_index("policy")
    for name in last.index:
        gone = result.closed(name).query("wave < @steps").groupby("account")["closed"].sum()
        had = sum(size - gone.get(account, 0.0) > TOL.formula * size for account, size in start.items())
        assert last.loc[name, "wholly_closed"] == had
    assert (last["leverage_max"] == 0).all() and (last["missing"] == 0).all()


def levered(positions, equity, required):
    names, size = [f"a{i}" for i in range(len(equity))], np.array(positions)
    sides = [frame(names, asset, size[:, k], 1.0, equity) for k, asset in enumerate("XY")]
    return adl.Event(adl.Book.from_frame(pd.concat(sides)), long={"X": required})


def test_the_table_of_promises_is_of_isolated_margin():
    """In cross margin pro rata can turn the order of leverages, a split can pay under gross water-filling."""
    before, after = adl.pro_rata(levered([[9.5, 6.4], [2.2, 8.2]], [7.9, 5.3], 9.5)).leverages()
    assert before[0] > before[1] and after[0] < after[1]
    whole = adl.gross_water_filling(levered([[5.1, -8.1], [5.1, -8.1]], [3.4, 3.4], 5.1))
    parts = [[4.59, -0.81], [5.1, -8.1], [0.51, -7.29]]
    split = adl.gross_water_filling(levered(parts, [3.06, 3.4, 0.34], 5.1))
    lost = [-one.to_frame().query("asset == 'X'")["left"].to_numpy() for one in (whole, split)]
    assert 5.1 + lost[0][0] > 4 * (5.1 + lost[1][0] + lost[1][2])
