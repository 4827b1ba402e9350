"""Thirty objectives, half of them a user's own, in three sizes: does `auto` send each where it is proved
soonest?
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from benchmarks.verbs import Case, isolated_case

LIMIT = 15.0  # seconds of a solver
SIZES = (100, 2_000, 20_000)
SCENARIOS = {100: 200, 2_000: 50, 20_000: 8}  # so that a case takes seconds
GROUPS, RATE, HIGH = 20, 0.3, 3.0  # groups of accounts; what is closed; a high leverage


class Own(adl.Objective):
    """A user's objective as he writes it first: CVXPY and numpy, without minorant or formula."""

    def __init__(self, express: Callable[[Any], Any], value: Callable[[Any], Any], money: int = 0) -> None:
        self._express, self._value, self.money = express, value, money

    def express(self, m: Any) -> Any:
        return self._express(m)

    def value(self, m: Any) -> float:
        return float(self._value(m))


def _share(m: Any) -> Any:
    """Of the whole equity, by account."""
    return m.equity / m.equity.sum()


def _rank(m: Any) -> Any:
    """A price of closing each leg, by its place in the book."""
    return np.sqrt(1 + np.arange(len(m.event.size))) / len(m.event.size)


def _means(m: Any) -> Any:
    """(groups, legs): the mean fraction closed in each group, as a linear map."""
    account = m.event.book.account
    group = account % GROUPS
    weight = 1 / np.bincount(group, minlength=GROUPS)[group]
    return sp.csr_array((weight, (group, np.arange(len(group)))), shape=(GROUPS, len(group)))


def _notional(m: Any) -> Any:
    return np.abs(m.event.notional)


OWN = {
    "linear": Own(lambda m: _rank(m) @ m.fraction, lambda m: _rank(m) @ m.fraction),
    "max leverage": Own(lambda m: cp.max(m.leverage), lambda m: m.leverage.max()),
    "max fraction": Own(lambda m: cp.max(m.fraction), lambda m: m.fraction.max()),
    "ten largest": Own(lambda m: cp.sum_largest(m.leverage, 10), lambda m: np.sort(m.leverage)[-10:].sum()),
    "distance": Own(
        lambda m: cp.sum(cp.abs(m.fraction - RATE)) + cp.max(m.leverage),
        lambda m: np.abs(m.fraction - RATE).sum() + m.leverage.max(),
    ),
    "max plus linear": Own(
        lambda m: cp.max(m.leverage) + _rank(m) @ m.fraction,
        lambda m: m.leverage.max() + _rank(m) @ m.fraction,
    ),
    "hinge": Own(
        lambda m: _share(m) @ cp.pos(m.leverage - HIGH),
        lambda m: _share(m) @ np.maximum(m.leverage - HIGH, 0),
    ),
    "max of groups": Own(lambda m: cp.max(_means(m) @ m.fraction), lambda m: (_means(m) @ m.fraction).max()),
    "squares": Own(lambda m: _share(m) @ cp.square(m.leverage), lambda m: _share(m) @ m.leverage**2),
    "sum of squares": Own(lambda m: cp.sum_squares(m.fraction), lambda m: m.fraction @ m.fraction),
    "cubes": Own(lambda m: _share(m) @ cp.power(m.leverage, 3), lambda m: _share(m) @ m.leverage**3),
    "norm": Own(lambda m: cp.norm(m.leverage), lambda m: np.linalg.norm(m.leverage)),
    "norms of groups": Own(
        lambda m: sum(cp.norm(m.leverage[g::GROUPS]) for g in range(GROUPS)),
        lambda m: sum(np.linalg.norm(m.leverage[g::GROUPS]) for g in range(GROUPS)),
    ),
    "max plus squares": Own(
        lambda m: cp.max(m.leverage) + _share(m) @ cp.square(m.leverage),
        lambda m: m.leverage.max() + _share(m) @ m.leverage**2,
    ),
}
L1 = Own(
    lambda m: _notional(m) / m.unit @ cp.abs(m.fraction - RATE),
    lambda m: _notional(m) @ np.abs(m.fraction - RATE),
    money=1,
)
UNDER_LAW = {
    "ExpectedLoss": adl.ExpectedLoss(),
    "CVaR": adl.CVaR(0.9),
    "CVaR plus L1": adl.CVaR(0.9) + 0.01 * L1,
    "CVaR plus MaxLeverage": adl.CVaR(0.9) + 1e3 * adl.MaxLeverage(),
    "WorstCase": adl.WorstCase(),
    "Spectral": adl.Spectral([0, 0, 0.1, 0.3, 0.6]),
    "MeanSemideviation": adl.MeanSemideviation(0.5),
    "AccountCVaR": adl.AccountCVaR(0.9),
    "Entropic": adl.Entropic(1e-6),
    "ExpectedLoss plus own max": adl.ExpectedLoss() + 1e3 * OWN["max leverage"],
}


def _book(size: int) -> tuple[adl.Event, adl.Law]:
    """Three assets in cross margin, thirty per cent of the shorts of two of them closed."""
    book = adl.examples.book(size, assets=3, legs=3, seed=1)
    event = adl.Event(book, short=dict.fromkeys(book.assets[:2], "30%"))
    covariance = 0.08**2 * (0.3 * np.eye(3) + 0.7)
    return event, adl.StudentT(covariance, dof=3).sample(SCENARIOS.get(size, 20), seed=1)


def _limits(event: adl.Event, law: adl.Law) -> dict[str, tuple[adl.Objective, adl.Constraint]]:
    """Objectives under a constraint that pro rata holds with some room."""
    m = SymbolsAt(event, law.for_book(event.book), event.pro_rata_amount)
    labels = [str(label) for label in event.book.accounts]
    most = dict(zip(labels, (1.1 * m.leverage + 1e-3).tolist()))
    desk = {"desk": labels[::10]}
    own, cvar = OWN["max fraction"], adl.CVaR(0.9)
    return {
        "ExpectedLoss, LeverageAtMost": (adl.ExpectedLoss(), adl.LeverageAtMost(most)),
        "linear, LeverageAtMost": (OWN["linear"], adl.LeverageAtMost(most)),
        "squares, GroupShare": (OWN["squares"], adl.GroupShare(desk, 0.3)),
        "CVaR, GroupShare": (cvar, adl.GroupShare(desk, 0.3)),
        "max leverage, Turnover": (OWN["max leverage"], adl.Turnover(0.5)),
        "max fraction, LossAtMost": (own, adl.LossAtMost(cvar, cvar.value(m))),
    }


NAMES = (*OWN, *UNDER_LAW, *_limits(*_book(20)))


def case(name: str, size: int) -> Case:
    if name in OWN:
        return replace(isolated_case(size), objective=OWN[name])
    event, law = _book(size)
    if name in UNDER_LAW:
        return Case(objective=UNDER_LAW[name], events=(event,), law=law)
    objective, constraint = _limits(event, law)[name]
    return Case(objective=objective, events=(event,), law=law, subject_to=lambda _: (constraint,))


def seconds(problem: Callable[[], adl.Problem], **how: Any) -> tuple[float, adl.Allocation | None]:
    """Of stating and solving a problem, and the answer; None where a method or solver has none."""
    start = time.perf_counter()
    try:
        found = problem().solve(**how)
    except (adl.SolveError, adl.ObjectiveError):
        return time.perf_counter() - start, None
    return time.perf_counter() - start, found


def line(name: str, size: int) -> list[str]:
    """Seconds and certified gap of every way, and of `auto`, a cell each."""
    one, cells = case(name, size), []
    ways = [{"method": "conic", "solver": solver, "time_limit": LIMIT} for solver in ("HIGHS", "CLARABEL")]
    for how in [*ways, {"method": "separable"}, {}]:
        took, found = seconds(lambda: one.problem(0), **how)
        c = None if found is None else found.certificate
        proved = c is not None and c.status in ("certified", "negligible")
        gap = "" if c is None or c.gap is None else f" ({c.gap:.0e})"
        cells.append(f"{took:.2f}{gap}" if proved else "no" + gap)
    return [f"{size:,}", name, *cells]


def main() -> None:
    """Print the table, a line an objective and size, as it comes."""
    warnings.simplefilter("ignore")
    print("| accounts | objective | conic, HiGHS | conic, Clarabel | separable | auto |\n|" + "---|" * 6)
    for size in SIZES:
        for name in NAMES:
            print("| " + " | ".join(line(name, size)) + " |", flush=True)


if __name__ == "__main__":
    main()
