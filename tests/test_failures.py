"""The failure contract: every `raise` of the package is triggered here, with the sentence it says (house rule
5).
"""

import ast
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.sparse import csr_array

import adl_opt as adl
from adl_opt import plots, waterfill
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence
from adl_opt.cli import app as cli
from adl_opt.cli import output, parsing
from adl_opt.evaluation.symbols import LossSymbols, Symbols, loading_of
from adl_opt.methods import separable
from adl_opt.methods.conic.highs_models import solve_exactly
from adl_opt.methods.conic.optimal_face import Face, optimal_face
from adl_opt.methods.conic.program import Program
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.objectives.base import Sum
from adl_opt.verification import catalog

from . import door_cases, outside_cases
from .books import frame, one_asset
from .test_attacks import ISOLATED, Limited, LimitedByOwn, MeanVariance
from .test_problem import Concave, HiddenVariance, Liar, NonConvexConstraint, TwoNumbers

TIDY = frame(list("abc"), ["X", "X", "Y"], [-1.0, -2.0, 3.0], [5.0, 5.0, 7.0], [1.0, 2.0, 3.0])
EVENT = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
LAW = adl.Scenarios([-0.5, 0.5])
TWO = adl.Event(adl.Book.from_frame(TIDY), short={"X": 1.0}, long={"Y": 1.0})
PROBLEM = adl.Problem(adl.ExpectedLoss(), EVENT, LAW)
PAPER = adl.load("cross_margin").event(4, 0)
PAPER_LAW = adl.load("cross_margin").law


@dataclass(frozen=True)
class Case:
    says: str
    call: Callable[[Path], Any]
    kind: type[Exception] = adl.AdlError


def entered(entry, required=6.0):
    return adl.Event(
        adl.Book.from_frame(EVENT.book.to_frame().assign(entry_price=entry)), short={"X": required}
    )


def changed(**columns):
    return lambda _: adl.Book.from_frame(TIDY.assign(**columns))


def written(text: str, name: str = "book.csv"):
    def call(folder):
        (folder / name).write_text(text, encoding="utf-8")
        return adl.Book.read(folder / name)

    return call


def wide(accounts: int) -> adl.Event:
    book = adl.examples.book(accounts, 2, 2)
    return adl.Event(book, short=dict.fromkeys(book.assets, "30%"))


class Endless(adl.Objective):
    def value(self, m):
        return float("nan")


class NotDpp(adl.Objective):
    def express(self, m):
        import cvxpy as cp

        odd = cp.Parameter(nonneg=True, value=1.0)
        return odd * odd * m.expected_loss

    def value(self, m):
        return m.expected_loss


class Unbounded(adl.Objective):
    def express(self, m):
        import cvxpy as cp

        return cp.Variable() + m.expected_loss

    def value(self, m):
        return m.expected_loss


class ManyValues(adl.Objective):
    def value(self, m):
        return m.leverage


class NoExpression(adl.Objective):
    def express(self, m):
        return [m.leverage]

    def value(self, m):
        return 0.0


class Cheaper(adl.Objective):
    """Its value falls where `express` does not see it, away from the answer and from pro rata."""

    def express(self, m):
        import cvxpy as cp

        return m.equity @ cp.square(m.leverage)

    def value(self, m):
        return float(m.equity @ m.leverage**2) - (1e9 if m.fraction[0] > 0.55 else 0.0)


class ForeignProof(adl.Objective):
    """A minorant that is not below the value."""

    money = 0

    def value(self, m):
        return 1.0 + float(m.fraction[0])

    def closed_form(self, event, law):
        return np.where(event.closable, [8, 0, 2, 0, 0, 0, 0, 0], 0.0)

    def minorant(self, m, dual):
        from adl_opt.evaluation.minorants import Minorant

        zero = np.zeros(len(m.amount))
        return Minorant(0.0, zero, zero)


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
        import cvxpy as cp

        return cp.lambda_max(cp.diag(m.fraction))

    def value(self, m):
        return float(m.fraction.max())


class Curved(adl.Objective):
    money = 0

    def express(self, m):
        import cvxpy as cp

        return cp.sum_squares(m.fraction)

    def value(self, m):
        return float((m.fraction**2).sum())


class TwiceTheMean(adl.RiskMeasure):
    """Its two definitions differ, and in isolated margin no program would be compiled to see it."""

    def express(self, m):
        return m.probability @ m.loss

    def of(self, loss, probability):
        return float(2 * probability @ loss)


class WrongDual(adl.WorstCase):
    """Its weights belong to another measure: ten times the mean."""

    def dual(self, loss, probability, near=None):
        return 10 * probability, 0.0


def unsolvable(kind: str):
    def call(_):
        import cvxpy as cp

        x = cp.Variable()
        wrong = cp.Problem(
            cp.Minimize(cp.exp(x)) if kind == "cone" else cp.Minimize(x),
            [x >= 1, x <= 0] if kind == "empty" else [],
        )
        return solve_exactly(wrong, "HIGHS", None)

    return call


def empty_face(_):
    one = np.ones(1)
    return Face(EVENT, np.zeros(1, int), 0 * one, one, csr_array([[1.0]]), 2 * one, 1, "").extremes(np.eye(1))


def calm_ranges(_):
    problem = adl.Problem(adl.ExpectedLoss(), PAPER, adl.Gaussian(1e-9 * np.eye(2)))
    return problem.optima(problem.solve()).ranges()


def many_ranges(_):
    size = np.where(np.arange(2_300) % 20 == 0, 5.0, -5.0)
    event = one_asset(size, np.ones(2_300), 2_000.0)
    return adl.optimal_range(adl.Problem(adl.CVaR(0.9), event, adl.Scenarios([-0.5, 0.1, 0.4])))


def fixed_face(_):
    event = EVENT.with_requirement(short={"X": 20.0})
    problem = adl.Problem(adl.ExpectedLoss(), EVENT, LAW)
    return optimal_face(adl.ExpectedLoss(), event, LAW, event.size, problem._compiled.program(EVENT), 1.0)


class WrongMoney(adl.Objective):
    """Right but for money: its value is in quote currency."""

    money = 0

    def express(self, m):
        import cvxpy as cp

        return cp.sum(m.expected_shortfall)

    def value(self, m):
        return float(m.expected_shortfall.sum())


class Factor(adl.Objective):
    def express(self, m):
        import cvxpy as cp

        return cp.sum(cp.abs(m.factor_leverage))

    def value(self, m):
        return float(np.abs(m.factor_leverage).sum())


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


def model_file(text):
    def call(folder):
        (folder / "own.py").write_text(text, encoding="utf-8")
        return adl.load(folder / "own.py")

    return call


def no_models(folder):
    here, catalog.__file__ = catalog.__file__, str(folder / "adl_opt" / "catalog.py")
    try:
        return catalog.folder()
    finally:
        catalog.__file__ = here


def made(**changes):
    return lambda _: replace(adl.load("cross_margin"), **changes)


def command(line: str):
    """A command line in `folder`, where book.csv, cross.csv and empty.csv lie; AdlError is what main() turns
    into exit 2.
    """

    def call(folder):
        TIDY.iloc[:2].to_csv(folder / "book.csv", index=False)
        PAPER.book.to_frame().to_csv(folder / "cross.csv", index=False)
        (folder / "empty.csv").write_text("", encoding="utf-8")
        words = [
            str(folder / word) if word.endswith((".csv", ".json", ".txt")) else word for word in line.split()
        ]
        return cli.app(words, standalone_mode=False)

    return call


WAVES = TIDY.assign(wave=[1, 1, 2], realized_closed=[-1.0, 0.0, 3.0])


def waved(table=WAVES, **columns):
    return lambda _: adl.Waves.from_frame(table.assign(**columns))


HYPER = pd.DataFrame(
    {
        "user": ["u", "v"],
        "coin": "X",
        "time": [1000, 2000],
        "adl_price": 9.0,
        "adl_size": 1.0,
        "position_size": [-4.0, 5.0],
        "total_equity": 7.0,
    }
)


def hyper(every=60.0, equity="total_equity", **columns):
    return lambda _: adl.Waves.from_hyperreplay(HYPER.assign(**columns), every, equity)


def replayed(*policies, table=WAVES):
    return lambda _: adl.replay(adl.Waves.from_frame(table), list(policies))


def too_few(event):
    allocation = adl.pro_rata(event)
    return replace(
        allocation, certificate=assess(adl.LeverageSquare(), event, None, allocation.amount / 2).certificate
    )


def unvalued(_):
    """A solver that fails where an objective is valued at an allocation that is held."""
    program = Program(adl.CVaR(0.9), PAPER, PAPER_LAW)
    with mock.patch.object(cp.Problem, "solve", side_effect=cp.error.SolverError("it fails")):
        program.held(PAPER, PAPER.pro_rata_fraction * PAPER.size, 1.0)


def unfinite(_):
    program = PROBLEM._compiled.program(EVENT)

    class Chain:
        def solve_via_data(self, *_, **__):
            return None

        def invert(self, *_):
            from cvxpy.reductions.solution import Solution

            return Solution("optimal", 0.0, {program.fraction.id: np.array([np.nan, 0.0])}, {}, {})

    true = program.problem.get_problem_data
    program.problem.get_problem_data = lambda *_, **__: (None, Chain(), None)
    try:
        return program.solve(EVENT, 1.0, None, 1e-9, None)
    finally:
        program.problem.get_problem_data = true


class Stairs:
    """A survival function in ten thousand small steps: no density, whatever its pdf says."""

    def sf(self, x):
        return np.clip(1 - np.floor(np.asarray(x) * 1e4) / 1e5, 0.0, 1.0)

    def cdf(self, x):
        return 1 - self.sf(x)

    def isf(self, p):
        return (1 - np.asarray(p)) * 10.0

    def ppf(self, p):
        return np.asarray(p) * 10.0

    def pdf(self, x):
        return np.full(np.shape(x), 0.1)

    def mean(self):
        return 5.0


def _no_targets(_):
    from types import SimpleNamespace
    from unittest.mock import patch

    with patch(
        "scipy.optimize.linprog", lambda *_, **__: SimpleNamespace(status=4, message="numerical trouble")
    ):
        return adl.factor_targets(PAPER, [1.0, 1.25])


def half_closed(event):
    whole = adl.pro_rata(event)
    proof = assess(adl.LeverageSquare(), event, None, whole.amount / 2)
    return replace(whole, amount=whole.amount / 2, certificate=proof.certificate)


def path_of(*policies):
    book = adl.Book.from_frame(frame(list("abc"), "X", [4.0, -3.0, -1.0], 1.0, [1.0, 9.0, 9.0]))
    return lambda _: adl.stress_path(book, pd.DataFrame({"X": [-0.5]}), policies)


def lots(lot):
    return lambda _: adl.round_to_lots(adl.water_filling(EVENT), lot)


def two(first, second):
    return pd.DataFrame({"account": ["a0", first], "asset": "X", "closed": second})


CASES = [
    Case("has no attribute 'optimise'", lambda _: adl.optimise, AttributeError),
    # §2-§4, §8, §9: books
    Case("there is no file", lambda p: adl.Book.read(p / "none.csv"), adl.BookError),
    Case("is empty", written(""), adl.BookError),
    Case("has no rows", written("account,asset,position,price,equity\n"), adl.BookError),
    Case(
        "cannot be read: CSV parse error",
        written("account,asset,position,price,equity\na,X,1,1,1\na,X,1\n"),
        adl.BookError,
    ),
    Case("cannot be read", written("not parquet", "book.parquet"), adl.BookError),
    Case(
        r"has the column 'price' 2 times",
        written("account,asset,position,price,price\na,X,1,1,1\n"),
        adl.BookError,
    ),
    Case(
        r"lacks 1 of the columns .* first 'equity' \(nor margin and entry_price",
        written("account,asset,position,price\na,X,1,1\n"),
        adl.BookError,
    ),
    Case(
        r"first 'position'; rename 'Positions'\?",
        lambda _: adl.Book.from_frame(TIDY.rename(columns={"position": "Positions"})),
        adl.BookError,
    ),
    Case("1 of 3 rows have no account, first row 2", changed(account=["a", None, "c"]), adl.BookError),
    Case("1 of 3 rows have no asset, first row 1", changed(asset=[None, "X", "Y"]), adl.BookError),
    Case("account column holds decimal numbers, first 1.5", changed(account=[1.5, 2.0, 3.0]), adl.BookError),
    Case("the column position holds bool", changed(position=[True, False, True]), adl.BookError),
    Case(
        r"1 of 3 rows have no finite equity, first row 2 \(account 'b'\): nan",
        changed(equity=[1.0, np.nan, 3.0]),
        adl.BookError,
    ),
    Case(
        r"no finite price, first row 3 \(account 'c'\): inf", changed(price=[5.0, 5.0, np.inf]), adl.BookError
    ),
    Case(r"no finite entry_price", changed(entry_price=[1.0, None, 2.0]), adl.BookError),
    Case(
        r"the column position must hold numbers; row 2 \(account 'b'\) holds 'x'",
        changed(position=["1", "x", "2"]),
        adl.BookError,
    ),
    Case(
        r"must hold numbers; row 1 \(account 'a'\) holds '1,000'",
        written('account,asset,position,price,equity\na,X,"1,000",1,1\n'),
        adl.BookError,
    ),
    Case("no finite position", written("account,asset,position,price,equity\na,X,,1,1\n"), adl.BookError),
    Case("1 of 2 prices are not positive, first 'Y' with 0", changed(price=[5.0, 5.0, 0.0]), adl.BookError),
    Case(
        "1 of 2 assets have more than one price, first 'X' with 5.0 and 6.0",
        changed(price=[5.0, 6.0, 7.0]),
        adl.BookError,
    ),
    Case(
        "1 of 2 accounts have more than one equity, first 'a' with 1.0 and 3.0",
        changed(account=["a", "b", "a"]),
        adl.BookError,
    ),
    Case(
        "1 rows repeat an account and asset, first account 'a', asset 'X'",
        changed(account="a", asset=["X", "X", "Y"], equity=1.0),
        adl.BookError,
    ),
    Case(
        "none of the 3 accounts has positive equity",
        lambda _: adl.Book.from_frame(TIDY.assign(equity=-1.0)).solvent(),
        adl.BookError,
    ),
    Case(
        "made of a DataFrame, not of dict", lambda _: adl.Book.from_frame({"account": ["a"]}), adl.BookError
    ),
    Case(
        "1 rows have a space before or after the asset, first row 2: ' X'",
        changed(asset=["X", " X", "Y"]),
        adl.BookError,
    ),
    Case(
        "separated by semicolons",
        lambda _: adl.Book.from_frame(pd.DataFrame({"account;asset": ["a;X"]})),
        adl.BookError,
    ),
    Case(
        "save it as UTF-8",
        lambda p: ((p / "u.csv").write_bytes("account,asset\n".encode("utf-16")), adl.Book.read(p / "u.csv")),
        adl.BookError,
    ),
    Case(
        "save it as UTF-8",
        lambda p: (
            (p / "l.csv").write_bytes(
                "account,asset,position,price,equity\n\u00e9,X,1,1,1\n".encode("latin-1")
            ),
            adl.Book.read(p / "l.csv"),
        ),
        adl.BookError,
    ),
    # §1, §5, §7, §8: events
    Case("an Event takes a Book, not str", lambda _: adl.Event("book.csv", short={"X": 1}), adl.EventError),
    Case("a policy takes an Event, not Book", lambda _: adl.water_filling(EVENT.book), adl.EventError),
    Case("a policy takes an Event, not Book", lambda _: adl.pro_rata(EVENT.book), adl.EventError),
    Case(
        r"2 of 3 accounts have no positive equity, first 'b' with -2; book.solvent\(\)",
        lambda _: adl.Event(adl.Book.from_frame(TIDY.assign(equity=[1.0, -2.0, 0.0])), short={"X": 1}),
        adl.EventError,
    ),
    Case("nothing to close", lambda _: adl.Event(EVENT.book), adl.EventError),
    Case("on both sides", lambda _: adl.Event(EVENT.book, short={"X": 1}, long={"X": 1}), adl.EventError),
    Case("maps assets to contracts", lambda _: adl.Event(EVENT.book, short=10), adl.EventError),
    Case(
        r"no account holds 'BTV'; did you mean 'BTC'\?",
        lambda _: PAPER.with_requirement(short={"BTV": 1}),
        adl.EventError,
    ),
    Case(
        "a share such as '35%', or 'all', not 'most'",
        lambda _: EVENT.with_requirement(short={"X": "most"}),
        adl.EventError,
    ),
    Case("finite and positive", lambda _: EVENT.with_requirement(short={"X": -1.0}), adl.EventError),
    Case("finite and positive", lambda _: EVENT.with_requirement(short={"X": float("inf")}), adl.EventError),
    Case(
        r"cannot close 21.0 contracts of 'X': the shorts hold 20.0 in all",
        lambda _: EVENT.with_requirement(short={"X": 21}),
        adl.EventError,
    ),
    Case("the longs hold 0.0", lambda _: EVENT.with_requirement(long={"X": 1e-9}), adl.EventError),
    Case(
        "4 of 4 accounts hold more than one position, first 'A' with 2",
        lambda _: adl.water_filling(PAPER),
        adl.EventError,
    ),
    Case(
        "must lie between 0 and the capacity 3.0",
        lambda _: waterfill.water_level(np.array([3.0]), np.array([1.0]), 4.0),
        adl.EventError,
    ),
    Case(
        "no leg can represent the difference",
        lambda _: waterfill.clear_exactly(np.array([1.0]), np.array([1.0]), 3.0),
        adl.EventError,
    ),
    Case(
        "1 of 2 entries of equity are not finite and positive, first number 2: 0",
        lambda _: waterfill.water_level([3.0, 1.0], [1.0, 0.0], 1.0),
        adl.EventError,
    ),
    Case("arrays of one length", lambda _: waterfill.water_level([3.0, 1.0], [1.0], 1.0), adl.EventError),
    Case(
        "cap must hold the most",
        lambda _: waterfill.water_level([3.0, 1.0], [1.0, 1.0], 1.0, [4.0, 1.0]),
        adl.EventError,
    ),
    Case(
        "protected is a list of account ids",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, protected="a0"),
        adl.EventError,
    ),
    Case(
        "2 of 3 accounts of protected are not in the book, first 'who'",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, protected=["a0", "who", "x"]),
        adl.EventError,
    ),
    Case(
        "1 of 1 accounts of cap are not in the book, first 'who'",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap={"who": 0.5}),
        adl.EventError,
    ),
    Case(
        "cap = 0: the most that may be closed",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap=0),
        adl.EventError,
    ),
    Case("cap = nan: ", lambda _: adl.Event(EVENT.book, short={"X": 1}, cap=float("nan")), adl.EventError),
    Case("cap = '50%': ", lambda _: adl.Event(EVENT.book, short={"X": 1}, cap="50%"), adl.EventError),
    Case(
        "2 of 3 caps are not one fraction above 0 and at most 1 for an account, first 'a0' with 1.5",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap={"a0": 1.5, "a1": 0.5, "a2": None}),
        adl.EventError,
    ),
    Case(
        "first 'a0' a second time",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap=pd.Series([0.5, 0.4], index=["a0", "a0"])),
        adl.EventError,
    ),
    Case(
        r"of the shorts 10.0 may be closed \(cap 0.5\); close at most that, or 'all' \(§7\)",
        lambda _: adl.Event(EVENT.book, short={"X": 11}, cap=0.5),
        adl.EventError,
    ),
    # laws
    Case("sum to 0.9, not to 1", lambda _: adl.Scenarios([0.1, 0.2], [0.5, 0.4]), adl.LawError),
    Case(
        "1 of 2 probabilities are negative, first number 2: -0.5",
        lambda _: adl.Scenarios([0.1, 0.2], [1.5, -0.5]),
        adl.LawError,
    ),
    Case("2 moves need 2 probabilities", lambda _: adl.Scenarios([0.1, 0.2], [1.0]), adl.LawError),
    Case("at least one row and column", lambda _: adl.Scenarios(np.zeros((0, 2))), adl.LawError),
    Case(
        r"missing or infinite, first at \(2, 1\)",
        lambda _: adl.Scenarios([[0.1, 0.2], [np.nan, 0.1]]),
        adl.LawError,
    ),
    Case("moves must be numbers", lambda _: adl.Scenarios(["up", "down"]), adl.LawError),
    Case(
        "labels of moves are not distinct: 'A' stands 2 times",
        lambda _: adl.Scenarios(pd.DataFrame([[0, 1.0]], columns=["A", "A"])),
        adl.LawError,
    ),
    Case(
        "labels of law are not distinct",
        lambda _: adl.OneFactor(pd.Series([1.0, 2.0], index=["A", "A"]), stats.norm()),
        adl.LawError,
    ),
    Case(
        "give no move over steps=2",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 2.0]}), steps=2),
        adl.LawError,
    ),
    Case(
        "1 prices are not positive, first in row 2, column 1",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 0.0]})),
        adl.LawError,
    ),
    Case(
        "not in the order of their index",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 2.0]}, index=[2, 1])),
        adl.LawError,
    ),
    Case(
        "steps = 1.5",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 2.0, 3.0]}), steps=1.5),
        adl.LawError,
    ),
    Case(
        "these are prices, not moves .* use Scenarios.from_prices",
        lambda _: adl.Scenarios(np.linspace(60_000, 70_000, 25)),
        adl.LawError,
    ),
    Case("columns of one length", lambda _: adl.Scenarios({"A": [0.1], "B": [0.1, 0.2]}), adl.LawError),
    Case("correlation = 2: it lies between -1 and 1", lambda _: adl.LogNormal(0.6, 2.0, 1.0), adl.LawError),
    Case("seed = -1", lambda _: LAW.sample(4, seed=-1), adl.LawError),
    Case("cannot sample 2.5 scenarios", lambda _: LAW.sample(2.5, seed=1), adl.LawError),
    Case("horizon must be numbers|horizon = ", lambda _: adl.LogNormal(0.6, None, "10/365"), adl.LawError),
    Case(
        "volatility number 2 is 75, 7,500 % a year; write 0.6 for 60 %",
        lambda _: adl.LogNormal([0.6, 75], 0.5, 1.0),
        adl.LawError,
    ),
    Case(
        "correlation is nan; it must be a finite number",
        lambda _: adl.LogNormal([0.6, 0.7], float("nan"), 1.0),
        adl.LawError,
    ),
    Case(
        r"dates belong in the index \(set_index\)",
        lambda _: adl.Scenarios.from_prices(
            pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2026-01-02"]), "A": [1.0, 2.0]})
        ),
        adl.LawError,
    ),
    Case(
        "the law has 1 moves but the book 2 assets",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, LAW),
        adl.LawError,
    ),
    Case(
        "1 of 2 assets of the book have no law, first 'ETH'",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, adl.LogNormal({"BTC": 1.0}, None, 1.0)),
        adl.LawError,
    ),
    Case(
        "the book has no account 'a9'; its first is 'a0'|did you mean",
        lambda _: adl.water_filling(EVENT).explain("a9"),
        adl.AllocationError,
    ),
    Case(
        "HIGHS cannot solve Entropic",
        lambda _: (
            adl.Problem(adl.Entropic(1e-3), PAPER, PAPER_LAW)._compiled.program(PAPER).linear_data(PAPER, 1.0)
        ),
        adl.SolveError,
    ),
    Case("cannot sample 0 scenarios", lambda _: LAW.sample(0, 1), adl.LawError),
    Case(
        "StudentT has no quadrature rule here; use law.sample",
        lambda _: adl.StudentT(0.04, 3.0).quadrature(20),
        adl.LawError,
    ),
    Case("tensor quadrature in 4 assets", lambda _: adl.Gaussian(np.eye(4)).quadrature(3), adl.LawError),
    Case("order = 0", lambda _: adl.Gaussian(0.04).quadrature(0), adl.LawError),
    Case(
        "Law has no closed-form expected shortfall; discretise it",
        lambda _: adl.Law().expected_shortfall(np.ones((1, 1)), np.ones(1)),
        adl.LawError,
    ),
    Case("has no parameters yet: freeze it", lambda _: adl.OneFactor([1.0], stats.norm), adl.LawError),
    Case(
        "quartiles of the factor are nan and nan",
        lambda _: adl.OneFactor([1.0], stats.norm(0.0, -1.0)),
        adl.LawError,
    ),
    Case(
        "the factor has the mean",
        lambda _: adl.OneFactor([1.0], stats.t(1.0)).expected_shortfall(np.ones((1, 1)), np.ones(1)),
        adl.LawError,
    ),
    Case(
        "does not settle at -1",
        lambda _: adl.OneFactor([1.0], Stairs(), meant=True).expected_shortfall(-np.ones((1, 1)), np.ones(1)),
        adl.LawError,
    ),
    Case(
        "2 degrees of freedom has no finite covariance",
        lambda _: adl.StudentT(0.04, 2).covariance,
        adl.LawError,
    ),
    Case("covariance is missing", lambda _: adl.Gaussian(None), adl.LawError),
    Case("must be real numbers", lambda _: adl.Gaussian(np.array([[1j]])), adl.LawError),
    Case("horizon is missing", lambda _: adl.LogNormal(0.6), adl.LawError),
    Case(
        "specific must have one number an asset.*'B' is missing",
        lambda _: adl.FactorModel({"A": 1.0, "B": 1.0}, {"A": 1.0}),
        adl.LawError,
    ),
    Case(
        "1 of 2 numbers of volatility are missing or infinite, first 'B'",
        lambda _: adl.LogNormal({"A": 1.0, "B": np.nan}, 0.5, 1.0),
        adl.LawError,
    ),
    Case(
        "has no density or no tails",
        lambda _: adl.OneFactor([1.0], stats.poisson(3)).slope_and_curvature(np.ones((1, 1)), np.ones(1)),
        adl.LawError,
    ),
    Case(
        "kinks and no curvature", lambda _: LAW.slope_and_curvature(np.ones((1, 2)), np.ones(1)), adl.LawError
    ),
    Case(
        "accounts of at most 3 positions, and 1 have 4; discretise the law",
        lambda _: adl.LogNormal([0.6] * 4, 0.5, 1.0).expected_shortfall(-np.ones((1, 4)), np.ones(1)),
        adl.LawError,
    ),
    Case(
        "1 of 2 accounts hold prices that determine one another.*first number 2",
        lambda _: adl.LogNormal(
            [0.6, 0.6, 0.7], [[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]], 1.0
        ).shortfall_terms(np.array([[0, 2], [0, 1]]), -np.ones((2, 2)), np.ones(2), 1),
        adl.LawError,
    ),
    Case(
        "of 1 accounts under LogNormal does not settle, first number 1",
        lambda _: adl.LogNormal([0.6, 0.75, 0.9], 0.99999, 0.1).expected_shortfall(
            np.array([[-9.0, 4, 4.5]]), np.full(1, 0.3)
        ),
        adl.LawError,
    ),
    Case(
        "cannot sample 0 scenarios",
        lambda _: adl.LogNormal(0.6, None, 1).estimated_shortfall(-np.ones((1, 1)), np.ones(1), 0),
        adl.LawError,
    ),
    Case(
        "HIGHS cannot solve",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, adl.Gaussian(np.eye(2))).solve(
            method="conic", solver="HIGHS"
        ),
        adl.SolveError,
    ),
    Case(
        "nothing is discretised silently",
        lambda _: adl.Problem(adl.CVaR(0.9), PAPER, adl.OneFactor([1.0, 1.0], stats.norm())).solve(
            method="conic"
        ),
        adl.LawError,
    ),
    Case(
        "smallest eigenvalue is -0.27",
        lambda _: adl.LogNormal([1.0, 1.0, 1.0], [[1, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 1]], 1.0),
        adl.LawError,
    ),
    Case(
        "correlation is not positive semidefinite",
        lambda _: adl.LogNormal([1.0, 1.0, 1.0], -0.9, 1.0),
        adl.LawError,
    ),
    Case("loading must be a table", lambda _: adl.FactorModel(3.0, [1.0]), adl.LawError),
    Case("specific is missing", lambda _: adl.FactorModel([1.0, 2.0], None), adl.LawError),
    Case(
        "1 of 2 specific variances are negative, first number 2: -1",
        lambda _: adl.FactorModel([1.0, 2.0], [0.1, -1.0]),
        adl.LawError,
    ),
    Case(
        r"specific must have one number an asset \(2\)",
        lambda _: adl.FactorModel([1.0, 2.0], [0.1]),
        adl.LawError,
    ),
    Case(
        "covariance is not positive semidefinite",
        lambda _: adl.Gaussian([[1.0, 2.0], [2.0, 1.0]]),
        adl.LawError,
    ),
    Case(
        r"not symmetric: entries \(1, 2\) and \(2, 1\)",
        lambda _: adl.Gaussian([[1.0, 0.2], [0.1, 1.0]]),
        adl.LawError,
    ),
    Case("must be square", lambda _: adl.Gaussian([[1.0, 0.2]]), adl.LawError),
    Case(
        "labelled differently",
        lambda _: adl.Gaussian(pd.DataFrame(np.eye(2), index=["A", "B"], columns=["B", "A"])),
        adl.LawError,
    ),
    Case(
        r"one number an asset \(2\), not 3", lambda _: adl.Gaussian(np.eye(2), [1.0, 2.0, 3.0]), adl.LawError
    ),
    Case(
        "is labelled .* but the law is not",
        lambda _: adl.Gaussian(np.eye(2), {"A": 0.1, "B": 0.2}),
        adl.LawError,
    ),
    Case(
        "the row 'A' of covariance must map each of A, B",
        lambda _: adl.Gaussian({"A": {"A": 1.0}, "B": {"B": 1.0}}),
        adl.LawError,
    ),
    Case(
        "mean is labelled",
        lambda _: adl.Gaussian(pd.DataFrame(np.eye(1), index=["A"], columns=["A"]), {"B": 1.0}),
        adl.LawError,
    ),
    Case("dof = 1.0", lambda _: adl.StudentT(0.04, 1.0), adl.LawError),
    Case(
        "1 of 2 volatilities are not positive, first number 2: -0.1",
        lambda _: adl.LogNormal([0.5, -0.1], 0.5, 1.0),
        adl.LawError,
    ),
    Case(
        "volatility must be one number an asset",
        lambda _: adl.LogNormal(np.ones((2, 2)), 0.5, 1.0),
        adl.LawError,
    ),
    Case("horizon = 0", lambda _: adl.LogNormal(0.5, None, 0), adl.LawError),
    Case("2 assets need a correlation", lambda _: adl.LogNormal([0.5, 0.6], None, 1.0), adl.LawError),
    Case(
        r"2 volatilities need a correlation of shape \(2, 2\)",
        lambda _: adl.LogNormal([0.5, 0.6], np.eye(3), 1.0),
        adl.LawError,
    ),
    Case(
        "ones on its diagonal; this one has 2",
        lambda _: adl.LogNormal([0.5, 0.6], [[1.0, 0.1], [0.1, 2.0]], 1.0),
        adl.LawError,
    ),
    Case(
        "correlation is labelled A, B, volatility A, C",
        lambda _: adl.LogNormal(
            {"A": 1, "C": 1}, pd.DataFrame(np.eye(2), index=["A", "B"], columns=["A", "B"]), 1
        ),
        adl.LawError,
    ),
    Case("the factor must be", lambda _: adl.OneFactor([1.0], "normal"), adl.LawError),
    Case(
        "loading must be one number an asset",
        lambda _: adl.OneFactor(np.ones((2, 2)), stats.norm()),
        adl.LawError,
    ),
    # objectives
    Case("cannot add 3 to the objective ExpectedLoss", lambda _: adl.ExpectedLoss() + 3, adl.ObjectiveError),
    Case("cannot weigh ExpectedLoss with -1", lambda _: -1 * adl.ExpectedLoss(), adl.ObjectiveError),
    Case("cannot weigh MaxLeverage with nan", lambda _: adl.MaxLeverage() * float("nan"), adl.ObjectiveError),
    Case("p = 0.5", lambda _: adl.LeveragePower(0.5), adl.ObjectiveError),
    Case(r"Endless has no express\(m\)", lambda _: Endless().express(None), adl.ObjectiveError),
    Case(r"Objective has no value\(m\)", lambda _: adl.Objective().value(None), adl.ObjectiveError),
    Case(
        "the objective Endless is nan at this allocation",
        lambda _: assess(Endless(), EVENT, None, adl.water_filling(EVENT).amount),
        adl.ObjectiveError,
    ),
    Case(
        "above the value",
        lambda _: assess(
            adl.ExpectedLoss(), EVENT, LAW, adl.pro_rata(EVENT).amount, Evidence(conic_bound=1e9)
        ),
        adl.ObjectiveError,
    ),
    Case(
        "Liar: the solver minimised",
        lambda _: adl.Problem(Liar(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "Concave is concave", lambda _: adl.Problem(Concave(), PAPER, PAPER_LAW).solve(), adl.ObjectiveError
    ),
    Case(
        "an objective is one number",
        lambda _: adl.Problem(TwoNumbers(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "1 of the constraints of NonConvexConstraint",
        lambda _: adl.Problem(NonConvexConstraint(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "breaks CVXPY's rule for parameters",
        lambda _: adl.Problem(NotDpp(), PAPER, PAPER_LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        r"is not an objective; write ExpectedLoss\(\)",
        lambda _: adl.Problem(adl.ExpectedLoss, EVENT, LAW),
        adl.ObjectiveError,
    ),
    Case("bind the allocation alone", lambda _: adl.Problem(Limited(), PAPER).solve(), adl.ObjectiveError),
    Case(
        "at pro rata, which is feasible: the proof is of another objective",
        lambda _: assess(
            adl.ExpectedLoss(),
            EVENT,
            adl.Scenarios([-0.5, 0.2]),
            np.array([0.0, 6.0]),
            Evidence(conic_bound=0.3),
        ),
        adl.ObjectiveError,
    ),
    Case(
        "the value of Cheaper at an allocation downhill from the answer",
        lambda _: adl.certify(
            Cheaper(), EVENT, None, frame(["a0"], "X", None, None, None).assign(closed=-6.0)
        ),
        adl.ObjectiveError,
    ),
    Case(
        r"LimitedByOwn.* exclude an allocation that closes 6 of 'X'",
        lambda _: adl.Problem(LimitedByOwn(0.5), EVENT).solve(),
        adl.ObjectiveError,
    ),
    Case("exclude pro rata", lambda _: adl.Problem(LimitedByOwn(), PAPER).solve(), adl.ObjectiveError),
    Case(
        "HiddenVariance: at pro rata express says",
        lambda _: adl.Problem(HiddenVariance(), ISOLATED, LAW).solve(method="conic"),
        adl.ObjectiveError,
    ),
    Case(
        "MeanVariance says monotone",
        lambda _: adl.Problem(
            MeanVariance(), one_asset([-3.0, -3.0], [1.0, 1.0], 3.0), adl.Scenarios([0.5, 3.0])
        ).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "two measures are named",
        lambda _: adl.compare(EVENT, LAW, measures=[adl.MaxLeverage(), adl.MaxLeverage()]),
    ),
    Case("LossSum cannot be made from Sum", lambda _: type("LossSum", (Sum,), {}), adl.ObjectiveError),
    Case(
        "minorant of ForeignProof states 2 as a bound for an allocation whose value is 1",
        lambda _: adl.Problem(ForeignProof(), PAPER).solve(),
        adl.ObjectiveError,
    ),
    Case(
        "closed_form of NoClearing misses the requirement",
        lambda _: adl.Problem(NoClearing(), EVENT).solve(method="closed-form"),
        adl.SolveError,
    ),
    Case(
        "time_limit= is known here for",
        lambda _: adl.Problem(adl.ExpectedLoss(), PAPER, PAPER_LAW).solve(solver="SCIPY", time_limit=5),
        adl.SolveError,
    ),
    Case("cannot subtract", lambda _: adl.ExpectedLoss() - adl.MaxLeverage(), adl.ObjectiveError),
    Case(
        r"value of ManyValues gives ndarray of shape \(4,\)",
        lambda _: adl.certify(ManyValues(), PAPER, None, adl.pro_rata(PAPER)),
        adl.ObjectiveError,
    ),
    Case(
        "gives list, not a CVXPY expression",
        lambda _: adl.Problem(NoExpression(), PAPER).solve(),
        adl.ObjectiveError,
    ),
    Case(
        r"no symbol 'fractions'; did you mean 'fraction'\?",
        lambda _: Symbols(EVENT, LAW, EVENT.size).fractions,
        adl.ObjectiveError,
    ),
    Case(
        "no symbol 'risk'; there are equity",
        lambda _: ConicSymbols(Table(EVENT, LAW, 1.0), __import__("cvxpy").Variable(2), True).risk,
        adl.ObjectiveError,
    ),
    Case(r"looks at m\.equity", lambda _: LossSymbols(np.ones(2), np.ones(2) / 2).equity, adl.ObjectiveError),
    Case(
        "declare money = 1", lambda _: adl.Problem(WrongMoney(), PAPER, PAPER_LAW).solve(), adl.ObjectiveError
    ),
    # problems and methods
    Case(
        "takes an Event, not Book", lambda _: adl.Problem(adl.ExpectedLoss(), EVENT.book, LAW), adl.SolveError
    ),
    Case(
        "takes a law of price moves or None, not ndarray",
        lambda _: adl.Problem(adl.ExpectedLoss(), EVENT, np.zeros(3)),
        adl.SolveError,
    ),
    Case(
        "ExpectedLoss in cross margin depends on the law",
        lambda _: adl.certify(adl.ExpectedLoss(), PAPER, None, adl.pro_rata(PAPER)),
        adl.LawError,
    ),
    Case("needs a law of price moves", lambda _: Symbols(EVENT, None, EVENT.size).loss, adl.LawError),
    Case("need a one-factor law", lambda _: Symbols(EVENT, LAW, EVENT.size).factor_leverage, adl.LawError),
    Case(
        "need a one-factor law",
        lambda _: Factor().express(
            ConicSymbols(Table(EVENT, LAW, 1.0), __import__("cvxpy").Variable(2), True)
        ),
        adl.LawError,
    ),
    Case("no method 'fast'", lambda _: PROBLEM.solve(method="fast"), adl.SolveError),
    Case("tol = 0", lambda _: PROBLEM.solve(tol=0), adl.SolveError),
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
    Case(
        "method='separable' does not solve this problem: it minimises ExpectedLoss, CVaR.level. or "
        "WorstCase alone",
        lambda _: adl.Problem(adl.MaxLeverage(), EVENT).solve(method="separable"),
        adl.SolveError,
    ),
    Case(
        "the risk of the total loss needs scenarios",
        lambda _: separable.refuse(adl.CVaR(0.9), PAPER, adl.Gaussian(0.1)),
        adl.SolveError,
    ),
    Case(
        "it needs scenarios",
        lambda _: adl.Problem(adl.ExpectedLoss(), EVENT, None).solve(method="separable"),
        adl.SolveError,
    ),
    Case(
        "160,000,000 accounts x scenarios do not fit into memory",
        lambda _: separable.refuse(adl.ExpectedLoss(), wide(40_000), adl.Scenarios(np.zeros((4_000, 2)))),
        adl.SolveError,
    ),
    Case(
        "HIGHS cannot solve",
        lambda _: adl.Problem(adl.LeveragePower(3.0), PAPER).solve(solver="HIGHS"),
        adl.SolveError,
    ),
    Case("returned no point", lambda _: adl.Problem(Unbounded(), PAPER, PAPER_LAW).solve(), adl.SolveError),
    Case("not finite", unfinite, adl.SolveError),
    Case("HIGHS cannot value CVaR", unvalued, adl.SolveError),
    Case(
        "too many rows for the conic method",
        lambda _: adl.Problem(
            adl.ExpectedLoss(),
            one_asset(-np.ones(30_000), np.ones(30_000), 6.0),
            adl.Scenarios(np.linspace(0.1, 1, 1_000)),
        ).solve(method="conic"),
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
    Case("there is no policy 'fair'", lambda _: adl.policy("fair")),
    Case(
        "least maps assets to the contracts",
        lambda _: adl.without_remainders(EVENT, LAW, 1.0),
        adl.EventError,
    ),
    Case(
        r"least\['Y'\] = 1.0: give a positive number",
        lambda _: adl.without_remainders(EVENT, LAW, {"Y": 1.0}),
        adl.EventError,
    ),
    Case(
        "without_remainders needs scenarios",
        lambda _: adl.without_remainders(EVENT, adl.Gaussian(0.04), {"X": 1.0}),
        adl.SolveError,
    ),
    Case(
        "320,000 accounts x scenarios are too many for an integer program",
        lambda _: adl.without_remainders(EVENT, adl.Scenarios(np.linspace(-0.5, 0.5, 160_000)), {"X": 1.0}),
        adl.SolveError,
    ),
    Case(
        "whole positions of 'X' miss the requirement by -5e-07 contracts",
        lambda _: adl.without_remainders(one_asset([-10.0, -6.0], [1.0, 2.0], 10.0000005), LAW, {"X": 50.0}),
        adl.SolveError,
    ),
    Case(
        "HiGHS finds no allocation that leaves nothing",
        lambda _: adl.without_remainders(EVENT, LAW, {"X": 50.0}),
        adl.SolveError,
    ),
    Case("no column realized_closed", lambda _: adl.realized(EVENT)),
    Case(
        "realized_closed of 1 of 2 positions is on the other side of the position, or of a position of 0, "
        "first that of account 'a'",
        lambda _: adl.realized_event(
            adl.Book.from_frame(
                frame(["a", "b"], "X", [0.0, -10.0], 1.0, 5.0).assign(realized_closed=[-7.0, -3.0])
            )
        ),
        adl.EventError,
    ),
    Case(
        "which profit_ratio .a return on entry. does not give for 1 of 2 positions, first that of account "
        "'a' with 1.5",
        lambda _: adl.policy("aster")(
            adl.Event(
                adl.Book.from_frame(
                    frame(["a", "b"], "X", [-1.0, -1.0], 1.0, 5.0).assign(profit_ratio=[1.5, 0.5])
                ),
                short={"X": 1.0},
            )
        ),
        adl.EventError,
    ),
    Case(
        "1 assets were closed on both sides, first 'X'",
        lambda _: adl.realized_event(
            adl.Book.from_frame(
                frame(["a", "b"], "X", [-1.0, 1.0], 1.0, 1.0).assign(realized_closed=[-1.0, 1.0])
            )
        ),
    ),
    Case("comparison draws a table made by adl.compare", lambda _: plots.comparison(pd.DataFrame())),
    Case(
        "leave out --short and --long",
        lambda _: parsing.event_of(Path("book.csv"), ["X=1"], None, False, True),
    ),
    Case("compare takes an Event first", lambda _: adl.compare(LAW, EVENT)),
    Case("compare takes lists", lambda _: adl.compare(EVENT, LAW, measures=adl.MaxLeverage())),
    Case(
        "certify takes an Allocation or a table",
        lambda _: adl.certify(adl.ExpectedLoss(), EVENT, LAW, "out.csv"),
        adl.AllocationError,
    ),
    Case("is saved as .json", lambda p: adl.water_filling(EVENT).save(p / "a.csv"), adl.AllocationError),
    # risk measures: the value and the allowed range
    Case(
        r"level = 1: the level of CVaR is a fraction, at least 0 and below 1",
        lambda _: adl.CVaR(1),
        adl.ObjectiveError,
    ),
    Case(r"level = -0.1: .*at least 0 and below 1", lambda _: adl.CVaR(-0.1), adl.ObjectiveError),
    Case(r"level = nan", lambda _: adl.AccountCVaR(float("nan")), adl.ObjectiveError),
    Case(
        r"level = 0.4: the level of an expectile is at least 0.5 and below 1",
        lambda _: adl.Expectile(0.4),
        adl.ObjectiveError,
    ),
    Case(
        r"decrease from number 1, 0.6, to number 2, 0.4",
        lambda _: adl.Spectral([0.6, 0.4]),
        adl.ObjectiveError,
    ),
    Case(
        r"the spectral weights .2 of them. sum to 0.9, not to 1",
        lambda _: adl.Spectral([0.4, 0.5]),
        adl.ObjectiveError,
    ),
    Case(
        r"1 of 2 spectral weights are negative, first number 1: -0.1",
        lambda _: adl.Spectral([-0.1, 1.1]),
        adl.ObjectiveError,
    ),
    Case(r"spectral weights are numbers", lambda _: adl.Spectral("heavy"), adl.ObjectiveError),
    Case(r"a list of finite numbers", lambda _: adl.Spectral([0.5, float("inf")]), adl.ObjectiveError),
    Case(r"aversion = 0: a risk aversion is positive", lambda _: adl.Entropic(0), adl.ObjectiveError),
    Case(r"aversion = -1: a risk aversion is positive", lambda _: adl.MeanVariance(-1), adl.ObjectiveError),
    Case(r"above = 0.5: .* at least 1", lambda _: adl.OCE(0.5), adl.ObjectiveError),
    Case(r"above = 1e\+17: .* at most 1e12", lambda _: adl.OCE(1e17), adl.ObjectiveError),
    Case(r"below = 2: .* between 0 and 1", lambda _: adl.OCE(3, 2), adl.ObjectiveError),
    Case(r"scale = 0: ", lambda _: adl.MonotoneMeanVariance(0), adl.ObjectiveError),
    Case(r"scale = 0: ", lambda _: adl.ShortfallRisk(0), adl.ObjectiveError),
    Case(
        r"c = 1.2: .* between 0 and 1; above 1 the measure is not monotone",
        lambda _: adl.MeanSemideviation(1.2),
        adl.ObjectiveError,
    ),
    Case(r"c = -1: ", lambda _: adl.MeanDeviation(-1), adl.ObjectiveError),
    Case(
        r"MeanVariance\(aversion=0.0001\) cannot be minimised .* minimise "
        r"MonotoneMeanVariance\(scale=5000.0\) instead",
        lambda _: adl.Problem(adl.MeanVariance(), EVENT, LAW).solve(),
        adl.ObjectiveError,
    ),
    Case(
        r"MeanDeviation\(c=1.0\) cannot be minimised",
        lambda _: adl.Problem(adl.MeanDeviation(), EVENT, LAW).cvxpy,
        adl.ObjectiveError,
    ),
    Case("has no of", lambda _: adl.RiskMeasure().of(np.ones(1), np.ones(1)), adl.ObjectiveError),
    Case(
        "must be arrays of one length",
        lambda _: adl.CVaR().worst_weights([1.0, 2.0], [1.0]),
        adl.ObjectiveError,
    ),
    Case("says no dual", lambda _: adl.RiskMeasure().worst_weights([1.0], [1.0]), adl.ObjectiveError),
    Case("dual and of disagree", lambda _: adl.Problem(WrongDual(), EVENT, LAW).solve(), adl.ObjectiveError),
    Case(
        "losses must be finite",
        lambda _: adl.CVaR().worst_weights([0.0, np.nan], [0.5, 0.5]),
        adl.ObjectiveError,
    ),
    Case(
        "at least 0 with sum 1",
        lambda _: adl.CVaR().worst_weights([0.0, 1.0], [0.5, 0.4]),
        adl.ObjectiveError,
    ),
    Case(
        "express says .* but value gives",
        lambda _: adl.Problem(TwiceTheMean(), EVENT, LAW).solve(),
        adl.ObjectiveError,
    ),
    Case("write CVaR", lambda _: adl.compare(EVENT, LAW, measures=[adl.CVaR])),
    Case("compare takes lists", lambda _: adl.compare(EVENT, LAW, adl.CVaR())),
    Case("need a one-factor law", lambda _: loading_of(LAW), adl.LawError),
    Case("a policy takes an Event", lambda _: adl.factor_water_filling(TIDY, [1.0]), adl.EventError),
    Case("have no law", lambda _: adl.factor_water_filling(PAPER, {"BTC": 1.0}), adl.LawError),
    # all optima
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
    Case(
        "are no polyhedron",
        lambda _: adl.Problem(Curved(), EVENT).solve(prefer="keep-hedges"),
        adl.SolveError,
    ),
    Case("HIGHS finds no preferred optimum: ", unsolvable("cone"), adl.SolveError),
    Case(r"HIGHS finds no preferred optimum \(it says infeasible\)", unsolvable("empty"), adl.SolveError),
    Case("HiGHS says Infeasible", empty_face, adl.SolveError),
    Case("there is one allocation", fixed_face, adl.SolveError),
    Case("there are no ranges to tell", calm_ranges, adl.SolveError),
    Case("too many for programs over the optimal face", many_ranges, adl.SolveError),
    # allocations
    Case("is not overwritten", twice, adl.AllocationError),
    Case(
        "cannot be read as an allocation", lambda p: adl.Allocation.load(p / "none.json"), adl.AllocationError
    ),
    Case("is not an allocation saved by adl_opt", damaged(format="other"), adl.AllocationError),
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
        "8 allocations do not fit",
        lambda _: plots.policies({str(k): adl.water_filling(EVENT) for k in range(8)}, LAW),
        adl.AllocationError,
    ),
    Case(
        "41 accounts do not fit",
        lambda _: plots.policies(
            {"one": adl.pro_rata(adl.load("gaussian").event(41, 0))}, adl.load("gaussian").law
        ),
        adl.AllocationError,
    ),
    Case("policies draws a dict", lambda _: plots.policies(adl.pro_rata(EVENT), LAW), adl.AllocationError),
    Case(
        "policies needs a law",
        lambda _: plots.policies({"one": adl.pro_rata(EVENT)}, None),
        adl.AllocationError,
    ),
    Case(
        "belong to different books",
        lambda _: plots.policies({"one": adl.pro_rata(EVENT), "two": adl.pro_rata(PAPER)}, LAW),
        adl.AllocationError,
    ),
    Case("sweep draws a dict", lambda _: plots.sweep(pd.DataFrame({"short X": [1.0]})), adl.AllocationError),
    Case("a policy is a function", lambda _: adl.compare(EVENT, LAW, [adl.MaxLeverage()]), adl.AdlError),
    Case("legs = True: a book has at least one", lambda _: adl.examples.book(3, legs=True), adl.BookError),
    Case("no sweep to draw", lambda _: plots.sweep({}), adl.AllocationError),
    Case(
        "sweep 'bare' has no leverages",
        lambda _: plots.sweep({"bare": pd.DataFrame({"short X": [1.0]})}),
        adl.AllocationError,
    ),
    Case(
        "factor_targets takes an Event, not Book",
        lambda _: adl.factor_targets(PAPER.book, [1.0, 1.0]),
        adl.EventError,
    ),
    Case("HiGHS does not find the closing", _no_targets, adl.SolveError),
    Case(
        "the picture cannot be written",
        lambda p: adl.water_filling(EVENT).plot(p / "none" / "a.png"),
        adl.AllocationError,
    ),
    # ranking rules and axioms
    Case(
        "bitmex needs the entry price of every position",
        lambda _: adl.policy("bitmex")(EVENT),
        adl.EventError,
    ),
    Case("pro_rata_profit needs the entry price", lambda _: adl.pro_rata_profit(EVENT), adl.EventError),
    Case(
        "needs positive entry prices, but 1 of 2",
        lambda _: adl.policy("bitmex")(entered([2.0, 0.0])),
        adl.EventError,
    ),
    Case(
        "they hold 10 of the 12 contracts",
        lambda _: adl.policy("hyperliquid")(entered([2.0, 0.5], 12.0)),
        adl.EventError,
    ),
    Case("margin, but that of 1 of 2", lambda _: adl.policy("coinex")(entered([2.0, 0.5])), adl.EventError),
    Case(
        "own: losers = 'drop' is not known; there are 'divide'",
        lambda _: replace(adl.policy("okx"), name="own", losers="drop"),
    ),
    Case("the last of ties = None is not known", lambda _: replace(adl.policy("okx"), ties=())),
    Case("maintenance = 0 must be a positive fraction", lambda _: replace(adl.policy("okx"), maintenance=0)),
    Case("there is no policy 'ftx'; there are water_filling", lambda _: adl.policy("ftx")),
    Case("nobody holds 'Z'", lambda _: adl.drift_charge(EVENT.book, {"Z": 1.0}), adl.EventError),
    Case("the loss in 'X' must be", lambda _: adl.drift_charge(EVENT.book, {"X": -1.0}), adl.EventError),
    Case(
        "1 of 2 accounts would have no equity if wholly closed, first 'a0'",
        lambda _: adl.water_filling_at(EVENT, 1.15),
        adl.EventError,
    ),
    Case(
        "there is no closing price of 'X'", lambda _: adl.water_filling_at(EVENT, {"Y": 1.0}), adl.EventError
    ),
    Case(
        "the closing price of 'X' must be a positive number",
        lambda _: adl.burden(adl.pro_rata(EVENT), -1.0),
        adl.EventError,
    ),
    Case(
        "closing 2 assets needs a closing price of each",
        lambda _: adl.burden(adl.pro_rata(TWO), 1.0),
        adl.EventError,
    ),
    Case("a policy is a function Event -> Allocation", lambda _: adl.axioms.check(3)),
    Case("there is no policy 'bitmx'; did you mean 'bitmex'", lambda _: adl.axioms.check("bitmx")),
    Case(
        "returns an Allocation, or a table account, asset, closed, of the event that it is given, not float",
        lambda _: adl.axioms.check(lambda event: 1.0),
    ),
    Case(
        "returns an Allocation of another book",
        lambda _: adl.compare(EVENT, policies=[lambda event: adl.pro_rata(PAPER)]),
    ),
    Case("burden takes an Allocation", lambda _: adl.burden(EVENT, 1.0), adl.EventError),
    Case(
        "does not clear where",
        lambda _: adl.axioms.check(lambda e: adl.policies.base.plain_allocation(e, 0 * e.size, "none", None)),
    ),
    Case("there is no policy 'nope'", command("axioms nope")),
    # shocks and lots
    Case("a stress takes a Book, not str", lambda _: adl.stress("book.csv", {}), adl.EventError),
    Case(
        "1 of 3 accounts are insolvent before the move, first 'b' with -1",
        lambda _: adl.stress(adl.Book.from_frame(TIDY.assign(equity=[1.0, -1.0, 3.0])), {}),
        adl.EventError,
    ),
    Case("a move maps assets", lambda _: adl.stress(EVENT.book, -0.1), adl.EventError),
    Case(
        "the move names 'Z' that no account holds; the book has X",
        lambda _: adl.stress(EVENT.book, {"X": 0.1, "Z": 0.1}),
        adl.EventError,
    ),
    Case(
        "the move names 'X' twice",
        lambda _: adl.stress(EVENT.book, pd.Series([0.1, 0.2], index=["X", "X"])),
        adl.EventError,
    ),
    Case("the move of 'X' is -1.0; ", lambda _: adl.stress(EVENT.book, {"X": -1.0}), adl.EventError),
    Case("the move of 'X' is 'down'; ", lambda _: adl.stress(EVENT.book, {"X": "down"}), adl.EventError),
    Case("the move of 'X' is nan; ", lambda _: adl.stress(EVENT.book, {"X": np.nan}), adl.EventError),
    Case(
        "the price of 'X' is beyond",
        lambda _: adl.stress(one_asset([-1.0], [1.0], 0.0, 1e100).book, {"X": 1e300}, meant=True),
        adl.EventError,
    ),
    Case(
        "the equity of account 'a0' is beyond",
        lambda _: adl.stress(one_asset([-1e140], [1.0], 0.0).book, {"X": 1e200}, meant=True),
        adl.EventError,
    ),
    Case("fund = -1: ", lambda _: adl.stress(EVENT.book, {}, -1), adl.EventError),
    Case("a path is a DataFrame", lambda _: adl.stress_path(EVENT.book, {"X": [0.1]}), adl.EventError),
    Case(
        "the column 'X' more than once",
        lambda _: adl.stress_path(EVENT.book, pd.DataFrame([[0.1, 0.2]], columns=["X", "X"])),
        adl.EventError,
    ),
    Case(
        "step 2: the move of 'X' is -2.0",
        lambda _: adl.stress_path(EVENT.book, pd.DataFrame({"X": [0.1, -2.0]})),
        adl.EventError,
    ),
    Case("two policies are named 'pro_rata'", path_of(adl.pro_rata, adl.pro_rata), adl.EventError),
    Case("of the event that it is given, not NoneType", path_of(lambda _: None)),
    Case(
        "must return an Allocation of the event it is given, not of another",
        path_of(lambda e: adl.pro_rata(e.with_requirement(e.short, e.long))),
        adl.AllocationError,
    ),
    Case("returns an infeasible allocation: misses", path_of(half_closed), adl.AllocationError),
    Case(
        "round_to_lots takes an Allocation, not Event",
        lambda _: adl.round_to_lots(EVENT, {"X": 1}),
        adl.AllocationError,
    ),
    Case("lots map assets", lots(0.1), adl.AllocationError),
    Case("no lot is given for 'X'", lots({"Y": 1.0}), adl.AllocationError),
    Case("the lot of 'X' is 0; ", lots({"X": 0}), adl.AllocationError),
    Case("the lot of 'X' is 'one'; ", lots({"X": "one"}), adl.AllocationError),
    Case(
        "6.0 contracts of 'X' are not a multiple of the lot 0.7; require 5.6 or 6.3",
        lots({"X": 0.7}),
        adl.AllocationError,
    ),
    Case("is too small: a float cannot count", lots({"X": 1e-15}), adl.AllocationError),
    Case(
        r"cannot close 3 lots of 'X': the positions hold 2 whole lots",
        lambda _: adl.round_to_lots(adl.pro_rata(one_asset([-1.5, -1.5], [1.0, 1.0], 3.0)), {"X": 1}),
        adl.AllocationError,
    ),
    Case(
        "misses the requirement of 'X' by -3 contracts",
        lambda _: adl.round_to_lots(half_closed(EVENT), {"X": 1}),
        adl.AllocationError,
    ),
    # models
    Case("there is no file", lambda p: adl.load(p / "none.py"), adl.ModelError),
    Case(r"did you mean 'expected_loss'\?", lambda _: adl.load("expected_los"), adl.ModelError),
    Case("fails on import: ZeroDivisionError", model_file("1 / 0"), adl.ModelError),
    Case("must hold one MODEL", model_file("MODEL = 3"), adl.ModelError),
    Case("no models folder", no_models, adl.ModelError),
    Case("at least one size and one claim", made(claims=()), adl.ModelError),
    Case("two claims named 'equities'", made(claims=adl.load("cross_margin").claims[:1] * 2), adl.ModelError),
    Case("it has none", model_file("x = 1"), adl.ModelError),
    Case("verify takes a Model, not str", lambda _: adl.verify("expected_loss"), adl.ModelError),
    # events in waves
    Case(
        "lacks 1 of the columns wave, account.*first 'wave'",
        lambda _: adl.Waves.from_frame(WAVES.drop(columns="wave")),
        adl.BookError,
    ),
    Case(
        "lacks .* first 'realized_closed'",
        lambda _: adl.Waves.from_frame(WAVES.drop(columns="realized_closed")),
        adl.BookError,
    ),
    Case("has the columns 'wave' and 'time'", waved(time=1), adl.BookError),
    Case("has 1 unknown column, first 'note'", waved(note="x"), adl.BookError),
    Case("the frame has no rows: an event needs", waved(WAVES.iloc[:0]), adl.BookError),
    Case("wave goes back 1 time, first in row 2 from 3 to 1", waved(wave=[3, 1, 2]), adl.BookError),
    Case(
        "1 of 3 rows have no time, first row 2",
        waved(WAVES.drop(columns="wave"), time=pd.to_datetime(["2025-10-10", None, "2025-10-11"])),
        adl.BookError,
    ),
    Case(
        "1 of 3 rows repeat a wave, account and asset, first row 2: wave 1, account 'a'",
        waved(account=["a", "a", "c"]),
        adl.BookError,
    ),
    Case(
        "2 of 3 rows have no positive price, first row 1: .*: 0 ", waved(price=[0.0, 0.0, 1.0]), adl.BookError
    ),
    Case("have another price .* first row 2: .* 5.0 and 6.0", waved(price=[5.0, 6.0, 7.0]), adl.BookError),
    Case("have another equity", waved(account=["a", "a", "c"], asset=["X", "Y", "Y"]), adl.BookError),
    Case(
        "1 of 3 rows close against their position, first row 1: .* 1 closed of -1",
        waved(realized_closed=[1.0, 0.0, 0.0]),
        adl.BookError,
    ),
    Case(
        "close more than was held, first row 3: .* 3.5 of 3.0",
        waved(realized_closed=[0.0, 0.0, 3.5]),
        adl.BookError,
    ),
    Case("there is no wave 9; there are 2, from 1 to 2", lambda p: waved()(p).book(9), adl.BookError),
    Case(
        "none of the 3 accounts has positive equity", lambda p: waved(equity=-1.0)(p).solvent(), adl.BookError
    ),
    Case("is a table of HyperReplay", lambda _: adl.Waves.from_frame(HYPER), adl.BookError),
    Case("equity = 'cash'", hyper(equity="cash"), adl.BookError),
    Case("every = 0", hyper(every=0), adl.BookError),
    Case(
        "lacks 1 of the columns user, .* first 'coin'",
        lambda _: adl.Waves.from_hyperreplay(HYPER.drop(columns="coin")),
        adl.BookError,
    ),
    Case("has 1 column unknown in HyperReplay, first 'note'", hyper(note="x"), adl.BookError),
    Case(
        "the frame has no rows: an event needs",
        lambda _: adl.Waves.from_hyperreplay(HYPER.iloc[:0]),
        adl.BookError,
    ),
    Case("1 of 2 rows go back in time, first row 2: user 'v'", hyper(time=[2000, 1000]), adl.BookError),
    Case("2 of 2 rows close nothing or less", hyper(adl_size=-1.0), adl.BookError),
    Case(
        "1 of 2 rows close more than position_size, first row 1: .* adl_size 4.5 of position_size -4",
        hyper(adl_size=4.5),
        adl.BookError,
    ),
    Case(
        "1 fills close a position on its other side within a wave, first row 2",
        hyper(user="u"),
        adl.BookError,
    ),
    Case("replay takes Waves, not DataFrame", lambda _: adl.replay(WAVES)),
    Case("replay takes lists", lambda p: adl.replay(waved()(p), adl.pro_rata)),
    Case("two policies are named 'pro_rata'", replayed(adl.pro_rata, adl.pro_rata)),
    Case(
        "1 of 3 accounts have no positive equity in some wave, first 'b' with -1 in wave 1",
        replayed(table=WAVES.assign(equity=[1.0, -1.0, 1.0])),
        adl.EventError,
    ),
    Case(
        "water_filling in wave 1 fails: water-filling needs isolated",
        replayed(
            adl.water_filling,
            table=WAVES.assign(
                account="a", asset=list("XYX"), equity=1.0, wave=[1, 1, 2], position=[-1.0, 1.0, 3.0]
            ),
        ),
        adl.SolveError,
    ),
    Case(
        "what too_few in wave 1 returns is no allocation that clears: misses",
        replayed(too_few),
        adl.AllocationError,
    ),
    Case(
        "in wave 1 fails: the policy <lambda> returns an Allocation, or a table",
        replayed(lambda event: None),
        adl.SolveError,
    ),
    Case(
        "'bitmex' was not replayed; there are realized, pro_rata",
        lambda p: replayed(adl.pro_rata)(p).closed("bitmex"),
    ),
    Case("replay draws what adl.replay returns", lambda _: plots.replay(WAVES), adl.AllocationError),
    Case("scale = 20", lambda _: adl.examples.twin(1, 20), adl.BookError),
    # the command line
    Case("a file of waves or --twin", command("replay")),
    Case("a file of waves or --twin", command("replay book.csv --twin")),
    Case("there is no policy 'first'", command("replay --twin --scale 0.001 --policy first")),
    Case("say --force", command("twin book.csv")),
    Case("write ASSET=NUMBER", command("solve book.csv --short X")),
    Case("write ASSET=NUMBER, such as BTC=-0.15", command("stress book.csv --move X")),
    Case("say --force", command("stress book.csv --move X=-0.1 -o book.csv")),
    Case("the move names 'Z'", command("stress book.csv --move Z=-0.1")),
    Case("--fund: 'rich' is not a number", command("stress book.csv --move X=-0.1 --fund rich")),
    Case(
        "write PARAMETER=NUMBER, such as level=0.99",
        command("solve book.csv --short X=1 --model cvar --set level"),
    ),
    Case("names 'X' twice", command("solve book.csv --short X=1 --short X=2")),
    Case("'1/0' is not a number", command("solve book.csv --short X=1/0")),
    Case("in cross margin needs a law", command("solve cross.csv --short BTC=1")),
    Case("in cross margin needs a law", command("range cross.csv --short BTC=1")),
    Case(r"level = 2.0: ", command("solve book.csv --short X=1 --model cvar --set level=2")),
    Case(
        r"spectral weights decrease",
        command("solve book.csv --short X=1 --model spectral --set weights=0.6,0.4"),
    ),
    Case(
        r"CVaR.level=0.95. has the parameters level",
        command("solve book.csv --short X=1 --model cvar --set aversion=2"),
    ),
    Case("is a law by itself", command("solve book.csv --short X=1 --scenarios empty.csv --horizon 1")),
    Case("cap = 2.0: ", command("solve book.csv --short X=1 --cap 2")),
    Case("--cap: 'half' is not a number", command("compare book.csv --short X=1 --cap half")),
    Case("of protected are not in the book", command("solve book.csv --short X=1 --protect nobody")),
    Case("needs --volatility", command("solve book.csv --short X=1 --horizon 1")),
    Case("needs --horizon", command("solve book.csv --short X=1 --volatility 1")),
    Case("the book has 2 assets", command("solve cross.csv --short BTC=1 --volatility 1 --horizon 1")),
    Case(
        "--law 'normal' is not known",
        command("solve book.csv --short X=1 --volatility 1 --horizon 1 --law normal"),
    ),
    Case("needs --dof", command("solve book.csv --short X=1 --volatility 1 --horizon 1 --law student")),
    Case(
        "more than 2 degrees",
        command("solve book.csv --short X=1 --volatility 1 --horizon 1 --law student --dof 2"),
    ),
    Case(
        "choose one",
        command("solve book.csv --short X=1 --volatility 1 --horizon 1 --quadrature 3 --sample 3"),
    ),
    Case(
        "empty.csv' is empty: it needs a header", command("solve book.csv --short X=1 --scenarios empty.csv")
    ),
    Case("ExpectedLoss has no parameters", command("solve book.csv --short X=1 --set level=1")),
    Case("say --force", command("solve book.csv --short X=1 -o book.csv")),
    Case("the folder of .* does not exist", command("solve book.csv --short X=1 -o none/out.csv")),
    Case(
        "is a folder; name a file",
        lambda p: ((p / "o.csv").mkdir(), command("solve book.csv --short X=1 --force -o o.csv")(p)),
    ),
    Case("cannot be written", lambda _: output.write_frame(TIDY, Path("/proc/none/o.csv"))),
    Case(
        "cannot be written",
        lambda p: adl.water_filling(EVENT).save(p / "none" / "a.json"),
        adl.AllocationError,
    ),
    Case("its ending must be one of", command("solve book.csv --short X=1 -o out.txt")),
    Case("stress needs a price move: --move X=-0.15", command("stress book.csv")),
]

CASES += [Case(*case) for case in door_cases.CASES]
CASES += [Case(*case) for case in outside_cases.CASES]

# Not triggered here, each for a reason.
ELSEWHERE = {
    ("cli/models.py", "raise typer.Exit(1 if failed else 0)"): "a normal exit; test_cli.py",
    ("cli/solve.py", "raise typer.Exit(exit_code(allocation.certificate))"): "a normal exit; test_cli.py",
    ("cli/app.py", "raise typer.Exit"): "a normal exit of --version; test_cli.py",
    ("cli/app.py", "raise SystemExit(2) from None"): "main() itself; test_cli.py",
    ("cli/app.py", "raise SystemExit(130) from None"): "main() itself; test_cli.py",
    ("cli/pipes.py", "raise"): "a full disk under stdout; test_pipes.py",
    ("laws/base.py", "raise NotImplementedError"): "abstract methods of Law; every law defines them",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says[:50])
def test_bad_input_is_one_sentence(case, tmp_path):
    with pytest.raises(case.kind, match=case.says) as caught:
        case.call(tmp_path)
    assert "\n" not in str(caught.value)


def test_every_raise_is_triggered(tmp_path, capsys):
    folder = Path(adl.__file__).parent
    wanted: dict[tuple[str, int], str] = {}
    for path in folder.rglob("*.py"):
        module, source = str(path.relative_to(folder)), path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Raise):
                first = source.splitlines()[node.lineno - 1].strip()
                if (module, first) not in ELSEWHERE:
                    wanted[(module, node.lineno)] = first
    seen: set[tuple[str, int]] = set()
    paths = {str(path): str(path.relative_to(folder)) for path in folder.rglob("*.py")}

    def local(frame, event, _):
        if event == "line":
            seen.add((paths[frame.f_code.co_filename], frame.f_lineno))
        return local

    def trace(frame, _, __):
        return local if frame.f_code.co_filename in paths else None

    for number, case in enumerate(CASES):
        (tmp_path / str(number)).mkdir()
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            case.call(tmp_path / str(number))
        except Exception as error:
            assert isinstance(error, case.kind)
        finally:
            sys.settrace(before)
    missing = [
        f"{module}:{line}: {text}"
        for (module, line), text in sorted(wanted.items())
        if (module, line) not in seen
    ]
    assert not missing, "no case triggers:\n" + "\n".join(missing)
