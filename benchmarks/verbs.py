"""The measured verbs: each takes a Case and returns a Contender, whose `run` is what the clock sees.

Ours: closed form, any method cold, any method again at another requirement. Theirs: the program as a CVXPY
user writes it (cold, and again with a cp.Parameter), and the published dual ascent, written anew. What is
prepared before `run` is not timed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import adl_opt as adl
from adl_opt.certificates.certificate import Certificate
from adl_opt.methods.conic.program import Program
from adl_opt.waterfill import level as waterfill

Array = NDArray[np.float64]
ACCURACY = (
    1e-9  # what Problem.solve asks of a solver; used where a Program is asked for its solver's own time
)
OUTER, RESIDUAL = (
    60,
    1e-6,
)  # of the published dual ascent: steps at most, clearing residual relative to the requirement


@dataclass(frozen=True, kw_only=True)
class Case:
    """One problem at one size: events over one book (round k solves number k, modulo their count) under one
    law.

    known: the optimal objective of the first event as computed independently, quote currency, or None. note:
    what else is to be known about it.
    """

    objective: adl.Objective
    events: tuple[adl.Event, ...]
    law: adl.Law | None
    known: float | None = None
    note: str = ""
    subject_to: Callable[[adl.Event], Sequence[adl.Constraint]] | None = None

    def limits(self, event: adl.Event) -> Sequence[adl.Constraint]:
        return () if self.subject_to is None else self.subject_to(event)

    def problem(self, k: int) -> adl.Problem:
        event = self.event(k)
        return adl.Problem(self.objective, event, self.law, subject_to=self.limits(event))

    def certify(self, k: int, found: Any) -> Certificate:
        event = self.event(k)
        return adl.certify(self.objective, event, self.law, found, subject_to=self.limits(event))

    def event(self, k: int) -> adl.Event:
        return self.events[k % len(self.events)]

    @property
    def accounts(self) -> int:
        return len(self.events[0].book.accounts)

    @property
    def scenarios(self) -> int:
        return len(self.law.probability) if isinstance(self.law, adl.Scenarios) else 0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """amount (legs,) contracts closed, >= 0, or None if there is no answer; says: the contender's own status,
    in its words; claimed: the objective that it reports, quote currency, or None; proof: its certificate, of
    ours.
    """

    amount: Array | None
    says: str
    claimed: float | None = None
    proof: Certificate | None = None


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A verb applied to a case. run(k): the timed call of round k; solver_seconds(k): after it, the solver's
    own share.

    ours: must be certified and agree with the others of ours; optional: may refuse the problem; skip: why it
    is not run.
    """

    name: str
    run: Callable[[int], Answer]
    ours: bool = True
    optional: bool = False
    solver_seconds: Callable[[int], float] | None = None
    skip: str = ""


def closed_form(case: Case, policy: Callable[[adl.Event], adl.Allocation]) -> Contender:
    """The analytic policy with its own certificate; its value under the case's law is added after the clock
    stops.
    """

    def run(k: int) -> Answer:
        allocation = policy(case.event(k))
        return Answer(amount=allocation.amount, says=allocation.certificate.status)

    return Contender(name="closed form", run=run)


def cold(case: Case, method: str, name: str = "", optional: bool = False, skip: str = "") -> Contender:
    """adl.Problem(...).solve(method=...): state, compile, solve, certify, from nothing."""

    def run(k: int) -> Answer:
        return _ours(case.problem(k).solve(method=method))

    return Contender(name=name or method, run=run, optional=optional, skip=skip)


def built(case: Case, name: str = "build", skip: str = "") -> Contender:
    """The compiled cp.Problem of the conic route, from nothing; no answer."""

    def run(k: int) -> Answer:
        program = case.problem(k).cvxpy
        program.get_problem_data(None if program.is_qp() else "CLARABEL")
        return Answer(amount=None, says=f"{sum(v.size for v in program.variables()):,} variables")

    return Contender(name=name, run=run, ours=False, skip=skip)


def certified(case: Case, method: str = "separable", name: str = "certify") -> Contender:
    """The proof of an optimum alone, by adl.certify: no dual is handed over."""
    found = case.problem(0).solve(method=method)  # not timed

    def run(k: int) -> Answer:
        certificate = case.certify(0, found)
        return Answer(amount=found.amount, says=certificate.status, claimed=certificate.value)

    return Contender(name=name, run=run)


def again(case: Case, method: str, name: str) -> Contender:
    """problem.solve(short=...) at another requirement: nothing is compiled again; certified every time."""
    problem = case.problem(0)
    program = Program(problem.objective, case.event(0), problem.law) if method == "conic" else None

    def run(k: int) -> Answer:
        return _ours(problem.solve(short=case.event(k).short, long=case.event(k).long, method=method))

    def seconds(k: int) -> float:
        assert program is not None
        event = case.event(k)
        reference = case.problem(k).solve().certificate.reference
        return program.solve(event, reference, None, ACCURACY, None).seconds

    return Contender(name=name, run=run, solver_seconds=seconds if program is not None else None)


def handwritten_cold(case: Case, solver: str | None, name: str) -> Contender:
    """The program as a user writes it, built and solved from nothing but his arrays. solver None: CVXPY's own
    choice.
    """
    data = dense(case)

    def run(k: int) -> Answer:
        x, problem = plain_program(data, required(case.event(k)))
        return _theirs(data, x, problem, solver)

    return Contender(name=name, run=run, ours=False)


def handwritten_again(case: Case, solver: str | None, name: str) -> Contender:
    """The same program with a cp.Parameter for the requirement, compiled in the warm-up, solved again for
    another value.
    """
    data, parameter = dense(case), cp.Parameter(nonneg=True)
    x, problem = plain_program(data, parameter)

    def run(k: int) -> Answer:
        parameter.value = required(case.event(k))
        return _theirs(data, x, problem, solver)

    def seconds(k: int) -> float:
        return float(problem.solver_stats.solve_time) if problem.solver_stats is not None else np.nan

    return Contender(name=name, run=run, ours=False, solver_seconds=seconds)


def plain_program(data: "Dense", close: float | cp.Parameter) -> tuple[cp.Variable, cp.Problem]:
    """Contracts and dollars, every account in every scenario, as in a notebook."""
    x = cp.Variable(len(data.most))
    loss = cp.sum(cp.pos(data.base - cp.outer(x, data.move)) @ data.weight)
    return x, cp.Problem(cp.Minimize(loss), [cp.sum(x) == close, x >= 0, x <= data.most])


def dual_ascent(case: Case, name: str) -> Contender:
    """The published approach: a shadow price outside, every account by itself inside, then rescale and
    clip.
    """
    data = dense(case)

    def run(k: int) -> Answer:
        closed, says = _ascent(data, required(case.event(k)))
        value = np.maximum(data.base - closed[:, None] * data.move, 0.0).sum(axis=0) @ data.weight
        return Answer(amount=data.by_leg(closed), says=says, claimed=float(value))

    return Contender(name=name, run=run, ours=False)


def isolated_case(size: int) -> Case:
    """Isolated shorts, three tenths closed: no law is needed."""
    rng = np.random.default_rng(0)
    equity = 10 ** rng.uniform(0, 6, size)
    position, number = -equity * rng.lognormal(1, 1, size), np.arange(size, dtype=np.int32)
    labels = np.char.add("a", number.astype(str)).astype(object)
    book = adl.Book(
        labels, ("BTC",), np.ones(1), equity, number, np.zeros(size, dtype=np.int32), position, {}
    )
    return Case(objective=adl.LeverageSquare(), events=(adl.Event(book, short={"BTC": "30%"}),), law=None)


def _isolated_arrays(case: Case) -> tuple[Array, Array, float]:
    event = case.event(0)
    return event.size.copy(), event.book.equity.copy(), float(event.required[0])


def dot(case: Case, name: str = "one dot product") -> Contender:
    """What reading the arrays once costs; no answer."""
    size, equity, _ = _isolated_arrays(case)

    def run(k: int) -> Answer:
        float(np.dot(size, equity))
        return Answer(amount=None, says="a number")

    return Contender(name=name, run=run, ours=False)


def filled(case: Case) -> Contender:
    """The level and what each account closes, but for the rounding of the sum."""
    size, equity, need = _isolated_arrays(case)

    def run(k: int) -> Answer:
        return Answer(amount=waterfill.filled(size, equity, need)[1], says="a level")

    return Contender(name="level and sizes", run=run)


def exactly(case: Case) -> Contender:
    """The same, clearing to the last bit."""
    size, equity, need = _isolated_arrays(case)

    def run(k: int) -> Answer:
        return Answer(amount=waterfill.water_level(size, equity, need)[1], says="a level, exactly")

    return Contender(name="with the sum exact", run=run)


def _ascent(data: "Dense", close: float) -> tuple[Array, str]:
    """Contracts closed (n,) by bisection on the clearing residual, until RESIDUAL of `close` or OUTER steps;
    and how it ended.
    """
    high = float(
        data.weight @ np.abs(data.move)
    )  # a price at which nobody closes; at minus it everybody does
    low, closed, residual, steps = -high, data.most, np.inf, 0
    while steps < OUTER and abs(residual) > RESIDUAL * close:
        price = (low + high) / 2
        closed = np.array([_response(base, data, most, price) for base, most in zip(data.base, data.most)])
        residual, steps = float(closed.sum() - close), steps + 1
        low, high = (price, high) if residual > 0 else (low, price)
    says = f"{steps} steps, residual {abs(residual) / close:.0e} before rescaling"
    return np.clip(closed * (close / max(closed.sum(), 1e-300)), 0.0, data.most), says


def _response(base: Array, data: "Dense", most: float, price: float) -> float:
    """What one account closes (contracts) if every contract costs `price` dollars: L-BFGS-B from the middle
    of its box.
    """

    def cost(x: Array) -> tuple[float, Array]:
        above = base - x[0] * data.move
        hit = data.weight * (above > 0)
        return hit @ above + price * x[0], np.array([price - hit @ data.move])

    return float(minimize(cost, [most / 2], jac=True, method="L-BFGS-B", bounds=[(0.0, most)]).x[0])


def frame_of(event: adl.Event, amount: Array):
    """The table account, asset, closed (contracts, signed like the position) that adl.certify reads."""
    import pandas as pd

    book = event.book
    assets = np.array(book.assets, dtype=object)
    closed = np.sign(book.position) * amount
    return pd.DataFrame(
        {"account": book.accounts[book.account], "asset": assets[book.asset], "closed": closed}
    )


@dataclass(frozen=True, kw_only=True)
class Dense:
    """One required asset, in arrays: base (n, S) dollars lost beyond equity if nothing is closed; move (S,)
    dollars saved per contract closed; weight (S,) probabilities; most (n,) contracts; leg (n,) the leg of
    each account, of `legs` in all.
    """

    base: Array
    move: Array
    weight: Array
    most: Array
    leg: NDArray[np.int64]
    legs: int

    def by_leg(self, closed: Array) -> Array:
        amount = np.zeros(self.legs)
        amount[self.leg] = closed
        return amount


def dense(case: Case) -> Dense:
    """The case as a researcher's script holds it.

    Raises ValueError unless one asset is required and everyone holds it.
    """
    event = case.event(0)
    book, law = event.book, case.law
    assets = np.flatnonzero(event.side)
    leg = np.flatnonzero(book.asset == assets[0])
    if len(assets) != 1 or len(leg) != len(book.accounts) or not isinstance(law, adl.Scenarios):
        raise ValueError(
            f"hand-written for scenarios and one required asset that every account holds, not for {event!r}"
        )
    position = np.zeros((len(book.accounts), len(book.assets)))
    position[book.account, book.asset] = book.position
    dollars = law.align(book.assets).moves * book.price
    return Dense(
        base=-position @ dollars.T - book.equity[:, None],
        move=-event.side[assets[0]] * dollars[:, assets[0]],
        weight=law.probability,
        most=np.where(event.closable, event.size, 0.0)[leg],
        leg=leg,
        legs=len(book.position),
    )


def required(event: adl.Event) -> float:
    """The requirement of the one asset, contracts."""
    return float(event.required[event.side != 0][0])


def _ours(allocation: adl.Allocation) -> Answer:
    certificate = allocation.certificate
    return Answer(
        amount=allocation.amount, says=certificate.status, claimed=certificate.value, proof=certificate
    )


def _theirs(data: Dense, x: cp.Variable, problem: cp.Problem, solver: str | None) -> Answer:
    return answered(problem, solver, lambda: None if x.value is None else data.by_leg(x.value))


def answered(problem: cp.Problem, solver: str | None, amount: Callable[[], Array | None]) -> Answer:
    """Solve as a user does; a solver that fails or returns nothing is an answer too."""
    try:
        problem.solve(solver=solver)
    except cp.error.SolverError:
        return Answer(amount=None, says="SolverError")
    says = f"{problem.status} ({problem.solver_stats.solver_name})"
    return Answer(amount=amount(), says=says, claimed=float(problem.value))
