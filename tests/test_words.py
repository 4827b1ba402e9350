"""Words and counts as true as the numbers: what says how many, whom and how far agrees with what is closed, on random books by every method."""

import math
import re

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt import plots, separable, show, snapping
from adl_opt.bearing import bearing
from adl_opt.certificate import assess
from adl_opt.counting import NOTHING
from adl_opt.event import cleared
from adl_opt.supports import Minorant

from .books import count, cross, frame, isolated, scenarios
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


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_who_goes_to_an_end_leaves_the_proof_no_worse(seed):
    """The interior point's own answer against the one with its dust gone: as well proved, exactly cleared, and nobody newly closed in part."""
    rng = np.random.default_rng(771_000 + seed)
    event = cross(rng)
    law = gaussian(rng, len(event.book.assets)) if seed % 2 else scenarios(rng, len(event.book.assets))
    if not event.free.any():
        return
    aim = adl.ExpectedLoss()
    amount, evidence, _ = separable.solve(aim, event, law, TOL.gap)
    before = assess(aim, event, law, amount, evidence).certificate
    after, proof = snapping.assess_at_ends(aim, event, law, amount, evidence)
    assert proof.certificate.gap <= max(before.gap, TOL.formula) and proof.certificate.clearing_error == 0
    assert proof.certificate.objective <= before.objective + TOL.formula * before.reference
    inside = lambda closed: (closed > NOTHING * event.held) & (closed < event.size - NOTHING * event.held)  # noqa: E731
    assert not (inside(after) & ~inside(amount)).any()


def market(dear, cheap, closed, size):
    """One asset, accounts of one leg: what a contract of each saves, what is closed."""
    book = adl.Book.from_frame(frame([f"a{i}" for i in range(len(size))], "X", -np.array(size, float), 1.0, 1.0))
    event = adl.Event(book, short={"X": float(np.sum(closed))})
    amount, held = np.array(closed, float), event.held
    return event, amount, Minorant(0.0, -np.array(dear, float) * held, -np.array(cheap, float) * held)


def test_prices_that_prove_as_well_by_hand():
    """Savings 3, 2, 1 a contract; closed 4 of 4, 1 of 4, 0 of 4: the price is 2. Above it the gap rises by what the second closes, below by what it has left."""
    event, amount, below = market([3, 2, 1], [3, 2, 1], [4, 1, 0], [4, 4, 4])
    one = snapping.Market(event, amount, below, 0)
    assert one.price == 2.0 and one.gap == 0.0
    assert one.prices(0.5) == (2 - 0.5 / 3, 2.5)
    assert one.prices(2.0) == (2 - 2 / 3, 3 + 1 / 5)  # beyond 3 the first one's 4 are charged too


def test_dust_goes_to_its_end_and_the_margin_takes_it():
    event, amount, below = market([3, 2, 1], [3, 2, 1], [4 - 1e-7, 2, 1e-7], [4, 4, 4])
    gap = sum(one.gap for one in snapping._markets(event, amount, below))
    moved = snapping._at_ends(event, amount, snapping._markets(event, amount, below), gap, 1e-2, 0.0)
    assert moved[[0, 2]].tolist() == [4.0, 0.0] and moved[1] == pytest.approx(2.0, rel=TOL.rounding)


def test_a_leg_on_the_margin_is_not_dust():
    """However little it closes: its saving is the price."""
    event, amount, below = market([3, 2, 2], [3, 2, 2], [4, 2, 1e-8], [4, 4, 4])
    markets = snapping._markets(event, amount, below)
    assert (snapping._at_ends(event, amount, markets, sum(one.gap for one in markets), 1e-2, 0.0) == amount).all()


def test_somebody_must_take_what_dust_leaves():
    """Two legs next to their ends and nobody between: one of them stays as it is."""
    event, amount, below = market([3, 1], [3, 1], [4 - 1e-7, 1e-7], [4, 4])
    markets = snapping._markets(event, amount, below)
    moved = snapping._at_ends(event, amount, markets, sum(one.gap for one in markets), 1e-2, 0.0)
    assert math.fsum(moved) == event.required[0] and ((moved == amount) | (moved == 0) | (moved == event.size)).all()


def test_the_margin_is_even_again_after_a_secant_step():
    """Savings that fall by 1 and by 3 a contract: what is given together comes out at one price."""
    size = [4.0, 4.0, 4.0]

    def at(closed):
        return [3 - closed[0], 5 - 3 * closed[1], 0.1]

    before, after = [1.0, 1.0, 0.01], [1.005, 1.005, 0.0]
    event, amount, below = market(at(before), at(before), before, size)
    steps = snapping.evened(event, amount, below, np.array(after), market(at(after), at(after), after, size)[2])
    saved = at(steps)
    assert saved[0] == pytest.approx(saved[1], rel=TOL.formula) and steps[2] == 0 and math.fsum(steps) == event.required[0]


def test_an_interior_points_dust_is_not_closed():
    """500 accounts, three assets: 255 of 270 were reduced, 170 of them by less than a millionth."""
    volatility, names = np.array([0.05, 0.06, 0.08]), ["C0", "C1", "C2"]
    covariance = np.outer(volatility, volatility) * (0.6 + 0.4 * np.eye(3))
    law = adl.Gaussian(pd.DataFrame(covariance, index=names, columns=names))
    event = adl.Event(adl.examples.book(500, 3, 3, 1), short={"C0": "30%"})
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    allocation = problem.solve(method="separable")
    share = (allocation.amount / np.maximum(event.size, 1e-300))[event.free]
    assert allocation.certificate.certified and allocation.certificate.gap < TOL.formula
    assert (share > 0).sum() == 85 and not ((share > 0) & (share < NEAR)).any()
    assert "a0: spared" in allocation.explain("a0") and "not closed" in allocation.explain("a0")
    ranges = adl.optimal_range(problem).set_index(["account", "asset"]).loc[("a0", "C0")]
    assert (ranges["least"], ranges["most"]) == (0.0, 0.0) and allocation.unique
    assert "; 85 of 270 closable positions reduced" in repr(allocation)


def test_a_sum_that_clears_has_no_clearing_error():
    """Every solved allocation: `fsum` of what is closed is the requirement, and the certificate says so in one word."""
    for seed in range(40):
        _, allocation = solved("separable, smooth", seed)
        event = allocation.event
        for k in np.flatnonzero(event.side):
            assert math.fsum(allocation.amount[event.book.asset == k].tolist()) == event.required[k]
        assert allocation.certificate.clearing_error == 0 and "clearing error 0 contracts" in repr(allocation)
    short = adl.pro_rata(event).to_frame()[["account", "asset", "closed"]]
    short["closed"] *= 1 - 1e-6
    assert adl.certify(adl.LeverageSquare(), event, None, short).clearing_error > 0


def test_rules_that_exclude_losers_close_what_the_others_hold():
    """.7 + .1 is less than .8 by a rounding."""
    table = frame(["a", "b", "loser"], "X", [-0.7, -0.1, -5.0], 1.0, 1.0).assign(entry_price=[2.0, 2.0, 0.5])
    event = adl.Event(adl.Book.from_frame(table), short={"X": 0.8})
    for name in ("hyperliquid", "bitmex"):
        rule = adl.policy(name)
        excluding = rule if rule.losers == "exclude" else adl.QueueRule(rule.pnl, rule.leverage, "exclude", "mark", "in proportion")
        allocation = excluding(event)
        assert allocation.amount.tolist() == [0.7, 0.1, 0.0] and allocation.certificate.status != "infeasible"
        assert bearing(allocation)["wholly closed"] == 2 and excluding.tied(event).empty


def test_a_solver_lost_in_rounding_is_an_answer():
    """2e-11 is lost where a thousand is held: Clarabel says "unbounded" of the cuts."""
    size = [[-3.92, 9.1], [288.0, 294.0], [-198.0, 184.0], [38.2, -19.0], [-100.0, -76.3]]
    rows = [
        (f"a{i}", "XY"[j], size[i][j], [3.85, 6.73][j], [20.7, 835.5, 222.8, 126.4, 378.0][i]) for i in range(5) for j in range(2)
    ]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 233.0}, long={"Y": 430.0})
    law = adl.Gaussian([[0.00686, -0.00259], [-0.00259, 0.00653]])
    found = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="conic")
    assert found.certificate.certified and found.certificate.clearing_error == 0
    with pytest.raises(adl.SolveError, match="returned no point"):  # asked for a solver, one is told what it said
        adl.Problem(adl.ExpectedLoss(), event, law).solve(method="conic", solver="CLARABEL")


@pytest.mark.parametrize("seed", range(4))
def test_pictures_and_printed_tables_agree_with_the_numbers(seed, tmp_path, monkeypatch):
    problem, allocation = solved("separable, smooth", seed)
    event, told = allocation.event, closing(allocation)
    axes = plots.allocation(allocation).axes[0]
    order = np.argsort(-allocation.leverages()[0], kind="stable")
    after = next(c for c in axes.containers if c.get_label() == "after")
    assert [bar.get_height() for bar in after] == allocation.leverages()[1][order].tolist()
    table = adl.compare(event, problem.law, policies={"this": lambda _: allocation})
    assert table.loc["this", "accounts reduced"] == len(set(event.book.account[told]))
    drawn = plots.comparison(table)
    shown = [axes for axes in drawn.axes if axes.get_title().startswith("accounts reduced")]
    assert shown[0].patches[0].get_width() == len(set(event.book.account[told]))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_plans_in_lots_agree(seed):
    """Whole positions, whole requirement, lots of 1: who closes a lot is reduced, and nobody else."""
    rng = np.random.default_rng(772_000 + seed)
    n = int(rng.integers(3, 12))
    rows = [(f"a{i}", f"X{k}", -float(rng.integers(1, 40)), 10.0, float(rng.integers(5, 400))) for i in range(n) for k in range(2)]
    equity = {row[0]: row[4] for row in rows}
    book = adl.Book.from_frame(frame(*zip(*[(*row[:4], equity[row[0]]) for row in rows])))
    most = adl.Event(book, short={"X0": "all"}).capacity["X0"]
    event = adl.Event(book, short={"X0": float(rng.integers(1, most))})
    allocation = adl.Problem(adl.ExpectedLoss(), event, gaussian(rng, 2)).solve()
    lots = adl.round_to_lots(allocation, {"X0": 1.0})
    told = closing(lots)
    assert (told == (lots.lots > 0)).all() and lots.lots.sum() == event.required[0]
    assert f"; {told.sum():,} of {event.closable.sum():,} closable positions reduced" in repr(lots)
    assert (np.abs(lots.lots - allocation.amount) < 1 + TOL.formula).all()
    assert (told <= closing(allocation)).all()  # nobody is closed a lot who was spared


def test_replay_counts_who_is_wholly_closed_and_says_what_is_dropped():
    columns = ["wave", "account", "asset", "position", "equity", "price", "realized_closed"]

    def waves(*rows):
        return adl.Waves.from_frame(pd.DataFrame(rows, columns=columns))

    all_closed = waves(
        (1, "A", "X", 0.6, 10.0, 1.0, 0.22), (1, "B", "X", 0.3, 10.0, 1.0, 0.0), (2, "A", "X", 0.38, 10.0, 1.0, 0.38), (2, "B", "X", 0.3, 10.0, 1.0, 0.3)
    )  # fmt: skip
    table = adl.replay(all_closed, ["pro_rata"], progress=False).to_frame().set_index(["wave", "policy"])
    assert table.loc[(2, "pro_rata"), ["wholly_closed", "leverage_max", "missing"]].tolist() == [2, 0.0, 0.0]
    turned = waves(
        (1, "A", "X", 10.0, 100.0, 1.0, 10.0), (1, "B", "X", 10.0, 100.0, 1.0, 0.0), (2, "A", "X", -3.0, 100.0, 2.0, -1.0), (2, "B", "X", 10.0, 100.0, 2.0, 0.0)
    )  # fmt: skip
    result = adl.replay(turned, ["pro_rata"], progress=False)
    # Pro rata closed 5 of each; A then is short: the 5 longs that pro rata still held of it are gone, at the price of 2.
    assert result.total()["dropped"].to_dict() == {"realized": 0.0, "pro_rata": 10.0}
    assert result.to_frame().attrs["units"]["dropped"] == "quote currency"
    # And where the policy had closed more than reality, its owner did what the policy had done: overtaken, as where it stops at 0.
    for position in (0.0, -3.0):
        more = waves(
            (1, "A", "X", 10.0, 100.0, 1.0, 0.0), (1, "B", "X", 10.0, 100.0, 1.0, 10.0), (2, "A", "X", position, 100.0, 2.0, 0.0), (2, "B", "X", 1.0, 100.0, 2.0, 0.0)
        )  # fmt: skip
        lost = adl.replay(more, ["pro_rata"], progress=False).total()
        assert lost.loc["pro_rata", ["overtaken", "dropped"]].tolist() == [10.0, 0.0]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
def test_a_replay_that_closes_everything_closes_everybody(seed):
    """Whatever was closed in between, and by whom: in the last wave reality closes all that is left, and so does every policy."""
    rng = np.random.default_rng(773_000 + seed)
    n, steps, rows = int(rng.integers(1, 7)), int(rng.integers(1, 5)), []
    held = np.round(10 ** rng.uniform(-2, 2, n), 2) + 0.01
    equity = rng.uniform(1, 50, n)
    for w in range(steps + 1):
        share = np.ones(n) if w == steps else rng.random(n) * (rng.random(n) < 0.7)
        closed = held.copy() if w == steps else np.minimum(np.round(share * held, 3), held)
        rows += [(w, f"a{i}", "X", held[i], equity[i], 1.0, closed[i]) for i in range(n)]
        held = held - closed
    columns = ["wave", "account", "asset", "position", "equity", "price", "realized_closed"]
    result = adl.replay(
        adl.Waves.from_frame(pd.DataFrame(rows, columns=columns)), ["pro_rata", "water_filling", "leverage_queue"], progress=False
    )
    last = result.to_frame().query("wave == @steps").set_index("policy")
    before = {name: {} for name in last.index}
    start = {row[1]: row[3] for row in rows[:n]}
    for name in last.index:
        gone = result.closed(name).query("wave < @steps").groupby("account")["closed"].sum()
        before[name] = sum(start[a] - gone.get(a, 0.0) > 1e-9 * start[a] for a in start)
    assert last["wholly_closed"].to_dict() == before and (last["leverage_max"] == 0).all() and (last["missing"] == 0).all()


def levered(positions, equity, required):
    rows = [(f"a{i}", "XY"[j], positions[i][j], 1.0, equity[i]) for i in range(len(equity)) for j in range(2)]
    return adl.Event(adl.Book.from_frame(frame(*zip(*rows))), long={"X": required})


def test_the_table_of_promises_is_of_isolated_margin():
    """Its counterexamples in cross margin: pro rata turns the order of leverages, a split pays under gross water-filling."""
    before, after = adl.pro_rata(levered([[9.5, 6.4], [2.2, 8.2]], [7.9, 5.3], 9.5)).leverages()
    assert before[0] > before[1] and after[0] < after[1]
    whole = adl.gross_water_filling(levered([[5.1, -8.1], [5.1, -8.1]], [3.4, 3.4], 5.1)).amount[::2]
    split = adl.gross_water_filling(levered([[4.59, -0.81], [5.1, -8.1], [0.51, -7.29]], [3.06, 3.4, 0.34], 5.1)).amount[::2]
    assert split[0] + split[2] < 0.25 * whole[0]
