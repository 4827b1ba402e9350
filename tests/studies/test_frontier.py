"""The Pareto frontier: every point held against programs written by hand that limit one objective and
minimise the other, and against allocations at random.
"""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.objectives.base import evaluate
from tests import books
from tests.books import count
from tests.tolerances import TOL


class Hand:
    """The allocations of an event, and three objectives of them, in CVXPY from the columns of the book."""

    def __init__(self, event, law):
        book = event.book
        fraction = cp.Variable(len(book.position))
        value = book.price[book.asset]
        of_account = np.equal.outer(np.arange(len(book.accounts)), book.account).astype(float)
        left = cp.multiply(book.position, 1 - fraction)
        most = np.where(event.closable, event.size, 0.0) / np.abs(book.position).clip(1e-300)
        self.rules = [fraction >= 0, fraction <= most]
        for k, need in enumerate(event.required):
            size = np.abs(book.position) * ((book.asset == k) & event.closable)
            self.rules += [size / size.sum() @ fraction == need / size.sum()] if size.any() else []
        gross = of_account @ cp.multiply(value, cp.abs(left))
        self.by_name = {"MaxLeverage": cp.max(gross / book.equity)}
        self.by_name["LeverageSquare"] = cp.sum(cp.square(gross) / book.equity)
        moves = law.moves[:, book.asset] * value
        short = cp.pos(-of_account @ cp.multiply(moves.T, left[:, None]) - book.equity[:, None])
        loss, level = cp.sum(short, axis=0), cp.Variable()
        self.by_name["ExpectedLoss"] = law.probability @ loss
        self.by_name["CVaR(level=0.8)"] = level + law.probability @ cp.pos(loss - level) / 0.2

    def solved(self, objective, *limits):
        return float(cp.Problem(cp.Minimize(objective), [*self.rules, *limits]).solve(solver="CLARABEL"))

    def least(self, name, other, most, unit):
        """The least value of one objective, of the size of `unit`, where the other is at most `most`."""
        return unit * self.solved(self.by_name[name] / unit, self.by_name[other] / most <= 1 + TOL.formula)

    def better(self, names, values, scale):
        """By how much of its scale each of two values can be lowered at once, at most."""
        return -self.solved(cp.maximum(*((self.by_name[a] - v) / s for a, v, s in zip(names, values, scale))))


def events(rng, wanted):
    """Cross-margin events that close two fifths of the shorts of one asset, with their laws."""
    for _ in range(wanted):
        book = books.cross(rng, n=6, d=2, decades=1.0).book
        yield adl.Event(book, short={"X0": "40%"}), books.scenarios(rng, len(book.assets))


PAIRS = [
    (adl.ExpectedLoss(), adl.MaxLeverage()),
    (adl.CVaR(0.8), adl.MaxLeverage()),
    (adl.LeverageSquare(), adl.ExpectedLoss()),
]


def checked(table):
    """(names, values (points, 2)) of a frontier of the right shape: certified, in order, convex."""
    names = table.attrs["frontier"]
    values = table[names].to_numpy()
    assert (table["status"] == "certified").all() and (table["gap"] <= TOL.gap).all()
    if len(table) > 2:
        steps = np.diff(values, axis=0) / np.ptp(values, axis=0)
        assert (steps[:, 0] > 0).all() and (steps[:, 1] < 0).all()
        turn = steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]
        assert (turn >= -TOL.gap).all()
    return names, values


@pytest.mark.parametrize("first, second", PAIRS, ids=str)
def test_no_program_by_hand_does_better_than_the_gaps_say(first, second, rng):
    curves = asked = 0
    for event, law in events(rng, len(count(30))):
        table = adl.frontier(adl.Problem(first, event, law), second, points=4)
        names, values = checked(table)
        scale = np.maximum(np.abs(values), np.ptp(values, axis=0))
        hand, curves = Hand(event, law), curves + (len(table) > 1)
        for k, own in enumerate(names):
            for n, row in enumerate(values):
                # What the solver's rounding of the limit costs: as much as the frontier is steep there.
                near = table["weight"].to_numpy()[max(n - 1, 0) : n + 2]
                steep = (
                    (near.max() if k == 0 else 1 / max(near.min(), 1e-300)) * scale[n, 1 - k] / scale[n, k]
                )
                if row[1 - k] > 0 and steep < 50:
                    least = hand.least(own, names[1 - k], row[1 - k], scale[n, k])
                    error = (row[k] - least) / scale[n, k]
                    solver = TOL.gap + TOL.value * steep
                    assert -solver <= error <= table[f"{own} gap"].iloc[n] + solver
                    asked += 1
        for row, size, gap in zip(values, scale, table["gap"]):
            assert hand.better(names, row, size) <= gap + TOL.gap
    assert curves >= 1 and asked >= 6


def test_random_allocations_are_never_better_in_both(paper, law, rng):
    table = adl.frontier(adl.Problem(adl.ExpectedLoss(), paper, law), adl.MaxLeverage(), points=8)
    names, values = checked(table)
    free = np.flatnonzero(paper.free)
    for _ in range(200):
        amount = np.zeros(len(paper.size))
        share = rng.dirichlet(np.full(len(free), 0.5))
        amount[free] = 10 * share
        if (amount > paper.size).any():
            continue
        found = [
            evaluate(one, SymbolsAt(paper, law, amount)) for one in (adl.ExpectedLoss(), adl.MaxLeverage())
        ]
        assert (np.array(found) > values * (1 - TOL.gap)).any(axis=1).all()
    assert len(table) == 8 and names == ["ExpectedLoss", "MaxLeverage"]


def test_the_papers_frontier(paper, law):
    problem = adl.Problem(adl.ExpectedLoss(), paper, law)
    table = adl.frontier(problem, adl.MaxLeverage())
    _, values = checked(table)
    assert len(table) == 20 and values[0, 0] == pytest.approx(2212.645998, rel=TOL.paper)
    assert values[-1, 1] == pytest.approx(adl.Problem(adl.MaxLeverage(), paper).solve().certificate.value)
    assert np.isinf(table["weight"].iloc[-1]) or table["weight"].iloc[-1] > 1e6
    assert (np.diff(table["weight"]) >= 0).all() and table["leverage A"].between(3.5, 5.5).all()
    for k in (4, 12):  # each point solves its own weighted sum
        weight = float(table["weight"].iloc[k])
        own = adl.Problem(adl.ExpectedLoss() + weight * adl.MaxLeverage(), paper, law).solve()
        assert own.certificate.value == pytest.approx(values[k] @ [1, weight], rel=TOL.value)


def test_a_straight_frontier_is_filled_by_mixtures(paper):
    """One scenario: a few straight pieces, between whose ends there is no vertex."""
    problem = adl.Problem(adl.ExpectedLoss(), paper, adl.Scenarios([[0.45, 0.2], [-0.1, 0.0]]))
    table = adl.frontier(problem, adl.MaxLeverage(), points=30)
    _, values = checked(table)
    assert len(table) == 30 and table["weight"].round(3).nunique() < 12
    assert (np.diff(values / np.ptp(values, axis=0), axis=0) ** 2).sum(axis=1).max() < 0.02  # even


def test_the_end_of_an_objective_with_many_optima_is_the_best_of_them():
    """Of the highest leverage that must be left only the first two decide; who else is closed is free."""
    rows = [("a", "X", -10.0, 1.0, 1.0), ("b", "X", -8.0, 1.0, 8.0), ("c", "X", -8.0, 1.0, 8.0)]
    rows += [("b", "Z", 7.0, 1.0, 8.0)]  # b's hedge, which c has not
    event = adl.Event(books.book([*rows, ("d", "Z", 90.0, 1.0, 10.0)]), short={"X": 5.0})
    law = adl.Scenarios([[1.5, 1.5], [-0.5, -0.5]], meant=True)
    table = adl.frontier(adl.Problem(adl.MaxLeverage(), event, law), adl.ExpectedLoss(), points=4)
    _, values = checked(table)
    least = Hand(event, law).least("ExpectedLoss", "MaxLeverage", 9.0, 1.0)
    assert values[0] == pytest.approx([9.0, least], rel=TOL.gap)
    assert len(table) == 1  # with d's leverage given, the least loss is allowed


@pytest.mark.parametrize("required", [0.0, 7.0, 33.0])
def test_one_allocation_that_is_best_for_both_is_one_line(required, paper):
    isolated = adl.Event(books.BOOK, short={"K": 6.0})
    table = adl.frontier(adl.Problem(adl.ExpectedLoss(), isolated, books.MOVES), adl.LeverageSquare())
    assert len(table) == 1 and table["status"].tolist() == ["certified"]  # Thm 1
    decided = adl.Problem(adl.ExpectedLoss(), paper.with_requirement(short={"BTC": required}), PAPER_LAW)
    table = adl.frontier(decided, adl.MaxLeverage(), points=3)
    assert len(table) == (3 if required == 7.0 else 1) and checked(table)


PAPER_LAW = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(5)


def test_a_weight_or_unit_changes_nothing_but_the_unit(paper):
    plain = adl.frontier(adl.Problem(adl.ExpectedLoss(), paper, PAPER_LAW), adl.MaxLeverage(), 4)
    heavy = adl.frontier(adl.Problem(1e9 * adl.ExpectedLoss(), paper, PAPER_LAW), 1e-6 * adl.MaxLeverage(), 4)
    for k, factor in enumerate((1e9, 1e-6)):
        one, other = (table[table.attrs["frontier"][k]].to_numpy() for table in (plain, heavy))
        np.testing.assert_allclose(factor * one, other, rtol=TOL.value)
    checked(heavy)


def test_a_caps_frontier_keeps_the_caps(paper):
    capped = adl.Event(paper.book, short={"BTC": 10.0}, cap=0.5)
    table = adl.frontier(adl.Problem(adl.ExpectedLoss(), capped, PAPER_LAW), adl.MaxLeverage(), 5)
    _, values = checked(table)
    free = adl.frontier(adl.Problem(adl.ExpectedLoss(), paper, PAPER_LAW), adl.MaxLeverage(), 5)
    assert values[-1, 1] >= free["MaxLeverage"].min()


def test_a_frontier_holds_the_constraints_of_its_problem(paper):
    """A limit of 6.5 on leverage cuts off the end of least loss, and nothing else."""
    limited = adl.Problem(adl.ExpectedLoss(), paper, PAPER_LAW, subject_to=[adl.LeverageAtMost(6.5)])
    table = adl.frontier(limited, adl.LeverageSquare(), 6)
    _, values = checked(table)
    highest = table[[f"leverage {account}" for account in paper.book.accounts]].max(axis=1)
    assert highest.max() <= 6.5 * (1 + TOL.gap) and len(table) == 6
    assert values[0, 0] == pytest.approx(limited.solve().certificate.value, rel=TOL.gap)
    free = adl.frontier(adl.Problem(adl.ExpectedLoss(), paper, PAPER_LAW), adl.LeverageSquare(), 6)
    assert values[0, 0] > free["ExpectedLoss"].min() * (1 + TOL.gap)
    assert values[-1, 1] == pytest.approx(free["LeverageSquare"].min(), rel=TOL.gap)


class Unproved(adl.Objective):
    """The largest fraction closed, as an eigenvalue: no bound is known for such cones."""

    money = 0

    def express(self, m):
        return cp.lambda_max(cp.diag(m.fraction))

    def value(self, m):
        return float(m.fraction.max())


def test_points_that_are_not_proved_say_so(paper):
    problem = adl.Problem(adl.ExpectedLoss(), paper, PAPER_LAW)
    with pytest.warns(adl.UncertifiedWarning, match="of 3 points of the frontier, first number"):
        table = adl.frontier(problem, Unproved(), points=3)
    assert "uncertified" in set(table["status"]) and table["status"].iloc[0] == "certified"
