"""Failure cases of problems, allocations and their files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cvxpy as cp
import numpy as np
import pandas as pd

import adl_opt as adl
from tests.books import one_asset
from tests.failures import EVENT, LAW, PAPER, PAPER_LAW, PROBLEM, Case
from tests.objectives_of_users import Plain


class NoClearing(adl.Objective):
    def value(self, m):
        return float(m.fraction.sum())

    def closed_form(self, event, law):
        return np.ones(len(event.size))


class LyingFlat(adl.LeverageSquare):
    """Says that anything is optimal."""

    def leverage_band(self, event, law, level):
        return np.zeros_like(level), np.full_like(level, np.inf)


class Semidefinite(adl.Objective):
    """The largest fraction closed, as an eigenvalue: no bound is known for such cones."""

    money = 0

    def express(self, m):

        return cp.lambda_max(cp.diag(m.fraction))

    def value(self, m):
        return float(m.fraction.max())


def calm_ranges(_):
    problem = adl.Problem(adl.ExpectedLoss(), PAPER, adl.Gaussian(1e-9 * np.eye(2)))
    return problem.optima(problem.solve()).ranges()


def many_ranges(_):
    size = np.where(np.arange(2_300) % 20 == 0, 5.0, -5.0)
    event = one_asset(size, np.ones(2_300), 2_000.0)
    return adl.optimal_range(adl.Problem(adl.CVaR(0.9), event, adl.Scenarios([-0.5, 0.1, 0.4])))


def damaged(**changes):
    def call(folder):
        adl.water_filling(EVENT).save(folder / "a.json", overwrite=True)
        content = json.loads((folder / "a.json").read_text(encoding="utf-8")) | changes
        (folder / "a.json").write_text(json.dumps(content), encoding="utf-8")
        return adl.Allocation.load(folder / "a.json")

    return call


def twice(folder):
    for _ in range(2):
        adl.water_filling(EVENT).save(folder / "twice.json")


def two(first, second):
    return pd.DataFrame({"account": ["a0", first], "asset": "X", "closed": second})


def stored(change: Callable[[dict], Any]) -> Callable[[Path], Any]:
    """Loads a file that was changed after it was saved."""

    def call(folder):
        adl.water_filling(EVENT).save(folder / "s.json", overwrite=True)
        content = json.loads((folder / "s.json").read_text(encoding="utf-8"))
        change(content)
        (folder / "s.json").write_text(json.dumps(content).replace('"1e999"', "1e999"), encoding="utf-8")
        return adl.Allocation.load(folder / "s.json")

    return call


def text(content: str) -> Callable[[Path], Any]:
    def call(folder):
        (folder / "t.json").write_text(content, encoding="utf-8")
        return adl.Allocation.load(folder / "t.json")

    return call


def certificate(**fields: Any) -> Callable[[Path], Any]:
    return stored(lambda content: content["certificate"].update(fields))


def in_book(**fields: Any) -> Callable[[Path], Any]:
    return stored(lambda content: content["book"].update(fields))


class Odd:
    columns = ("account", "asset", "closed")


def twice_closed():
    table = adl.pro_rata(EVENT).to_frame()
    return pd.concat([table, table[["closed"]]], axis=1)


def loaded(folder):
    adl.water_filling(EVENT).save(folder / "l.json")
    return adl.Allocation.load(folder / "l.json").sensitivity()


CASES = [
    Case("levels = 1.5: give fractions", lambda _: PROBLEM.solve().loss_quantiles(1.5), adl.AllocationError),
    Case(
        r"<class '.*CVaR'> is not an objective; write CVaR\(\)",
        lambda _: PROBLEM.solve().measure(adl.CVaR),
        adl.AllocationError,
    ),
    Case("keeps neither law nor objective", loaded, adl.AllocationError),
    Case(
        "sensitivities are those of an optimum, and this allocation is uncertified",
        lambda _: adl.pro_rata(EVENT).sensitivity(),
        adl.AllocationError,
    ),
    Case(
        "there is no parameter 'margin'; there are requirement",
        lambda _: adl.water_filling(EVENT).sensitivity().closing("margin", "a0"),
        adl.AllocationError,
    ),
    Case(
        "there is no equity of 'b0'; did you mean 'a0'",
        lambda _: adl.water_filling(EVENT).sensitivity().closing("equity", "b0"),
        adl.AllocationError,
    ),
    Case(
        "the book has no account 'a9'; its first is 'a0'|did you mean",
        lambda _: adl.water_filling(EVENT).explain("a9"),
        adl.AllocationError,
    ),
    Case(
        r"is not an objective; write ExpectedLoss\(\)",
        lambda _: adl.Problem(adl.ExpectedLoss, EVENT, LAW),
        adl.ObjectiveError,
    ),
    Case(
        "closed_form of NoClearing misses the requirement",
        lambda _: adl.Problem(NoClearing(), EVENT).solve(method="closed-form"),
        adl.SolveError,
    ),
    Case(
        "takes an Event, not Book", lambda _: adl.Problem(adl.ExpectedLoss(), EVENT.book, LAW), adl.SolveError
    ),
    Case(
        "takes a law of price moves or None, not ndarray",
        lambda _: adl.Problem(adl.ExpectedLoss(), EVENT, np.zeros(3)),
        adl.SolveError,
    ),
    Case("no method 'fast'", lambda _: PROBLEM.solve(method="fast"), adl.SolveError),
    Case("time_limit = -1", lambda _: PROBLEM.solve(time_limit=-1), adl.SolveError),
    Case(
        "goes with method='conic'",
        lambda _: PROBLEM.solve(method="closed-form", solver="HIGHS"),
        adl.SolveError,
    ),
    Case("there is no solver 'GREEDY'", lambda _: PROBLEM.solve(solver="GREEDY"), adl.SolveError),
    Case(
        "no closed form is known",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, PAPER_LAW).solve(method="closed-form"),
        adl.SolveError,
    ),
    Case("nothing to sweep", lambda _: PROBLEM.sweep(), adl.SolveError),
    Case(
        "'ETH' has another number of requirements than 3",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, PAPER_LAW).sweep(
            short={"BTC": [1, 2, 3], "ETH": [1, 2]}
        ),
        adl.SolveError,
    ),
    Case(
        "certify takes an Allocation or a table",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, "out.csv"),
        adl.AllocationError,
    ),
    Case("is saved as .json", lambda p: adl.water_filling(EVENT).save(p / "a.csv"), adl.AllocationError),
    Case(
        "optimal_range takes a Problem, not <objective CVaR",
        lambda _: adl.optimal_range(adl.CVaR()),
        adl.SolveError,
    ),
    Case(
        "without a law only water-filling",
        lambda _: adl.Problem(adl.CVaR(), EVENT).solve(prefer="fewest-accounts"),
        adl.SolveError,
    ),
    Case(
        "prefer = 'best' is not known; there are water-filling",
        lambda _: PROBLEM.solve(prefer="best"),
        adl.SolveError,
    ),
    Case(
        "the optimum is not certified",
        lambda _: adl.optimal_range(adl.Problem(Semidefinite(), EVENT)),
        adl.SolveError,
    ),
    Case(
        "leads to an allocation with a relative gap",
        lambda _: adl.Problem(LyingFlat(), EVENT).solve(prefer="fewest-accounts"),
        adl.SolveError,
    ),
    Case("there are no ranges to tell", calm_ranges, adl.SolveError),
    Case("too many for programs over the optimal face", many_ranges, adl.SolveError),
    Case("is not overwritten", twice, adl.AllocationError),
    Case(
        "cannot be read as an allocation", lambda p: adl.Allocation.load(p / "none.json"), adl.AllocationError
    ),
    Case("is not an allocation saved by adl_opt", damaged(format="other"), adl.AllocationError),
    Case("constraint_prices is no list", damaged(constraint_prices=[1]), adl.AllocationError),
    Case("damaged: amount must be a list of 2 numbers", damaged(amount=[1.0]), adl.AllocationError),
    Case("damaged: it has no 'accounts'", damaged(book={}), adl.AllocationError),
    Case("damaged: cannot close 99", damaged(short={"X": 99}), adl.AllocationError),
    Case(
        "lacks the column 'closed'",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, pd.DataFrame({"account": [], "asset": []})),
        adl.AllocationError,
    ),
    Case(
        "1 of 2 rows .* row 2: account 'zz', asset 'X' is not a position",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, two("zz", [-1.0, -1.0])),
        adl.AllocationError,
    ),
    Case(
        "is listed twice",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, two("a0", [-1.0, -1.0])),
        adl.AllocationError,
    ),
    Case(
        "closes no finite number",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, two("a1", [-1.0, np.nan])),
        adl.AllocationError,
    ),
    Case(
        "another book",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, adl.pro_rata(PAPER)),
        adl.AllocationError,
    ),
    Case(
        "cannot be written",
        lambda p: adl.water_filling(EVENT).save(p / "none" / "a.json"),
        adl.AllocationError,
    ),
    Case("brackets within brackets, thousands deep", text("[" * 100_000)),
    Case("cannot be read as an allocation: 'format' stands twice", text('{"format": 1, "format": 2}')),
    Case("cannot be read as an allocation: NaN is no number of JSON", text('{"format": NaN}')),
    Case("is not an allocation saved by adl_opt", text("[]")),
    Case("cannot be read as an allocation", lambda _: adl.Allocation.load(None)),
    Case("cannot be read as an allocation", lambda _: adl.Allocation.load("a" * 5000)),
    Case("its certificate is None, no object of named fields", stored(lambda c: c.update(certificate=None))),
    Case("its certificate has the unknown field 'colour'", certificate(colour="red")),
    Case("its certificate has no field 'measure'", stored(lambda c: c["certificate"].pop("measure"))),
    Case("the objective of its certificate is 'x', no number", certificate(objective="x")),
    Case("the proof of its certificate is 3, no text", certificate(proof=3)),
    Case("the gap of its certificate is True, no number", certificate(gap=True)),
    Case("its status 'proved' is none of infeasible, uncertified", certificate(status="proved")),
    Case("its objective, bound or gap is no number", certificate(bound=None)),
    Case("the rounding of its certificate is -1.0", certificate(rounding=-1.0)),
    Case("the rounding of its certificate is inf", certificate(rounding="inf", bound=-1.0)),
    Case("the reference of its certificate is inf", certificate(reference="inf", bound=1e9)),
    Case("tol = inf: the relative gap", certificate(tolerance="inf")),
    Case(
        "2 of 2 positions belong to an account that does not exist, first number 1099511627776 of 2",
        in_book(account=[2**40, 2**40]),
    ),
    Case("account of its book must be a list of 2 whole numbers", in_book(account=[0.0, 1.0])),
    Case("its positions are not grouped by account", in_book(account=[1, 0])),
    Case(
        "its positions are not grouped by account, each side of an asset of an account once",
        in_book(account=[0, 0]),
    ),
    Case("accounts must be a list of texts, each once", in_book(accounts=["a", "a"])),
    Case("1 of 1 prices are not positive", in_book(price=[0.0])),
    Case("position is None, no list", in_book(position=None)),
    Case("position holds a number beyond any float", in_book(position=[-(10**400), -1.0])),
    Case("equity holds a number that is not finite, first number 2", in_book(equity=[1.0, "1e999"])),
    Case("equities are above 1e.150", in_book(equity=[1.0, 1e200])),
    Case("method is 3, no text", stored(lambda c: c.update(method=3))),
    Case(
        "the part 'LeverageSquare' is 'x', no number", stored(lambda c: c["parts"].update(LeverageSquare="x"))
    ),
    Case("unique is 1; it is true, false or null", stored(lambda c: c.update(unique=1))),
    Case("price_range is 3, no pair of lists", stored(lambda c: c.update(price_range=3))),
    Case("is damaged: KeyError 'short'", stored(lambda c: c.pop("short"))),
    Case("is damaged: protected is a list of account ids", stored(lambda c: c.update(protected=3))),
    Case(
        "an allocation is a table account, asset, closed .a DataFrame., not Odd",
        lambda _: adl.certify(Plain(), EVENT, LAW, Odd()),
    ),
    Case("has 2 times the column 'closed'", lambda _: adl.certify(Plain(), EVENT, LAW, twice_closed())),
    Case(
        "an allocation is saved to a path ending in .json, not to int", lambda _: adl.pro_rata(EVENT).save(3)
    ),
    Case("solver is the name of a CVXPY solver", lambda _: adl.Problem(Plain(), EVENT, LAW).solve(solver=3)),
    Case(
        "Robust.ExpectedLoss, 1 law. brings its laws, so that Scenarios.* would be left out: give no law",
        lambda _: adl.Problem(adl.Robust(adl.ExpectedLoss(), [LAW]), EVENT, LAW),
    ),
    Case("the law weight 'A' is 'x', no number", stored(lambda c: c.update(law_weights={"A": "x"}))),
]
