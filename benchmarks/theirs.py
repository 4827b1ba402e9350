"""What others do, written anew: the program of several assets as a CVXPY user writes it, and the published
consensus method (ADMM with an exchange step).
"""

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

import adl_opt as adl

from .verbs import Answer, Array, Case, Contender, Dense, answered, dense, required

_ITERATIONS, _BISECTIONS = 1_000, 60
RESIDUAL = (
    1e-6  # of the requirement: clearing, and the change of what is closed, at which the consensus method ends
)


def handwritten(case: Case, solver: str, name: str, level: float | None = None, skip: str = "") -> Contender:
    """Contracts and dollars, every account in every scenario, several assets; expected loss, or CVaR of the
    total at `level`; from nothing.
    """

    def run(k: int) -> Answer:
        event = case.event(k)
        book, law = event.book, case.law
        assert isinstance(law, adl.Scenarios)
        legs, scenarios = len(book.position), len(law.probability)
        dollars = (law.align(book.assets).moves * book.price)[:, book.asset]  # (S, legs)
        of_account = sp.csr_matrix((np.ones(legs), (book.account, np.arange(legs))))
        x = cp.Variable(legs, bounds=[0, np.where(event.closable, event.size, 0.0)])
        side = np.sign(book.position)
        left = cp.reshape(book.position - cp.multiply(side, x), (legs, 1), order="C") @ np.ones(
            (1, scenarios)
        )
        beyond = -(of_account @ cp.multiply(left, dollars.T)) - np.outer(book.equity, np.ones(scenarios))
        loss = cp.sum(cp.pos(beyond), axis=0)
        if level is None:
            objective = loss @ law.probability
        else:
            quantile = cp.Variable()
            objective = quantile + cp.pos(loss - quantile) @ law.probability / (1 - level)
        most = np.where(event.closable, event.size, 0.0)
        clearing = [cp.sum(x[book.asset == a]) == event.required[a] for a in np.flatnonzero(event.side)]
        problem = cp.Problem(cp.Minimize(objective), [x <= most, *clearing])
        return answered(problem, solver, lambda: x.value)

    return Contender(name=name, run=run, ours=False, skip=skip)


def sparse(case: Case, solver: str, name: str) -> Contender:
    """The expected loss as an expert writes it: fractions closed, one sparse matrix with a row for every
    account and scenario.
    """

    def run(k: int) -> Answer:
        event = case.event(k)
        book, law = event.book, case.law
        assert isinstance(law, adl.Scenarios)
        moves = law.align(book.assets).moves
        legs, scenarios = len(book.position), len(law.probability)
        lost = -book.notional[:, None] * moves.T[book.asset]  # (legs, S): what a whole position loses
        row = (book.account[:, None] * scenarios + np.arange(scenarios)).ravel()
        matrix = sp.csr_matrix(
            (lost.ravel(), (row, np.repeat(np.arange(legs), scenarios))),
            shape=(len(book.equity) * scenarios, legs),
        )
        fraction = cp.Variable(legs, bounds=[0, event.closable.astype(float)])
        above = cp.Variable(matrix.shape[0], nonneg=True)
        weight = np.tile(law.probability, len(book.equity))
        beyond = matrix @ np.ones(legs) - np.repeat(book.equity, scenarios)
        clearing = [
            event.size[book.asset == a] @ fraction[book.asset == a] == event.required[a]
            for a in np.flatnonzero(event.side)
        ]
        problem = cp.Problem(cp.Minimize(weight @ above), [above >= beyond - matrix @ fraction, *clearing])
        return answered(
            problem, solver, lambda: None if fraction.value is None else fraction.value * event.size
        )

    return Contender(name=name, run=run, ours=False)


def consensus(case: Case, name: str) -> Contender:
    """Sample-average ADMM: every account near its share of the message, then an exchange step that clears on
    average; rescaled and clipped at the end.
    """
    data = dense(case)

    def run(k: int) -> Answer:
        closed, says = _exchanged(data, required(case.event(k)))
        value = np.maximum(data.base - closed[:, None] * data.move, 0.0).sum(axis=0) @ data.weight
        return Answer(amount=data.by_leg(closed), says=says, claimed=float(value))

    return Contender(name=name, run=run, ours=False)


def _exchanged(data: Dense, close: float) -> tuple[Array, str]:
    """Exchange ADMM (Boyd et al. 2011, section 7.3) in fractions of the requirement: contracts closed (n,),
    and how it ended.
    """
    count = len(data.most)
    step = float(data.weight @ np.abs(data.move)) / (
        close / count
    )  # dollars per squared contract: the slope of a loss over a typical size
    closed, scaled, iteration = data.most * (close / data.most.sum()), 0.0, 0
    off = moved = np.inf
    while iteration < _ITERATIONS and max(abs(off), moved) > RESIDUAL * close:
        before, mean = closed, closed.mean() - close / count
        closed = _near(data, closed - mean - scaled, step)
        scaled += float(closed.mean() - close / count)
        off, moved, iteration = (
            float(closed.sum() - close),
            float(np.abs(closed - before).sum()),
            iteration + 1,
        )
    says = f"{iteration} steps, residual {abs(off) / close:.0e} before rescaling"
    return np.clip(closed * (close / max(closed.sum(), 1e-300)), 0.0, data.most), says


def _near(data: Dense, target: Array, step: float) -> Array:
    """argmin of each account's expected loss + step / 2 (x - target)^2 over its box, by bisection of the
    slope, all accounts at once.
    """
    low, high = np.zeros_like(target), data.most.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        hit = data.base > middle[:, None] * data.move
        slope = step * (middle - target) - hit @ (data.weight * data.move)
        low, high = np.where(slope > 0, low, middle), np.where(slope > 0, middle, high)
    return (low + high) / 2
