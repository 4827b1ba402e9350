"""Constrained problems written again, from the book's table alone, as plain CVXPY programs."""

import cvxpy as cp
import numpy as np

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from tests.books import cross, isolated

NAMES = ("leverage", "by account", "share", "loss share", "turnover", "loss", "hedged")


class Plain:
    """minimise an objective over x, contracts closed by leg; every constraint said from the table."""

    def __init__(self, event: adl.Event, law: adl.Scenarios) -> None:
        book = event.book
        self.event, self.law = event, law
        self.n, self.account = len(book.accounts), book.account
        self.price = book.price[book.asset]
        self.held, self.sign = np.abs(book.position), np.sign(book.position)
        self.closable = (self.sign == event.side[book.asset]) & (self.held > 0)
        fraction = cp.Variable(len(self.held))
        self.x = cp.multiply(self.held, fraction)
        self.left = book.position - cp.multiply(self.sign, self.x)
        self.moves = law.moves[:, book.asset]
        self.unit = float(np.maximum(book.gross_notional, book.equity).mean())
        self.base = [fraction >= 0, fraction <= self.closable.astype(float)]
        for k in np.flatnonzero(event.side):
            legs = np.flatnonzero(self.closable & (book.asset == k))
            if legs.size:
                part = float(event.required[k] / event.capacities[k])
                share = self.held[legs] / float(event.capacities[k])
                self.base.append(fraction[legs] == part if part in (0, 1) else share @ fraction[legs] == part)

    def of_account(self, values):
        """Sums by account of what is said by leg."""
        spread = np.zeros((self.n, len(self.held)))
        spread[self.account, np.arange(len(self.held))] = 1.0
        return spread @ values

    def whole(self):
        """Gross notional by account before closing; 1 where there is none, of which nothing can be closed."""
        gross = self.of_account(self.price * self.held)
        return np.where(gross > 0, gross, 1.0)

    def shortfall(self):
        """(n, S) in units of the mean account."""
        profit = cp.multiply(self.moves.T, cp.reshape(cp.multiply(self.price, self.left), (-1, 1), order="C"))
        return cp.pos(-self.of_account(profit) - self.event.book.equity[:, None]) / self.unit

    def objective(self, name: str):
        if name == "square":
            gross = self.of_account(cp.multiply(self.price * self.sign, self.left))
            return cp.sum(cp.multiply(1 / self.event.book.equity, cp.square(gross / self.unit))) * self.unit
        loss = cp.sum(self.shortfall(), axis=0)
        if name == "expected":
            return loss @ self.law.probability
        t = cp.Variable()
        return t + self.law.probability @ cp.pos(loss - t) / (1 - 0.9)

    def limit(self, name: str, most):
        """(left side, right side): what the constraint of that name says."""
        book = self.event.book
        gross = self.of_account(cp.multiply(self.price * self.sign, self.left))
        if name in ("leverage", "by account"):
            return gross / book.equity, most
        if name == "share":
            inside = self.account % 2 == 0
            total = float(self.event.required @ book.price)
            return cp.sum(cp.multiply(self.price, self.x)[np.flatnonzero(inside)]) / total, most
        if name == "loss share":
            return (self.shortfall()[::2] @ self.law.probability) @ np.ones(len(range(0, self.n, 2))), most
        if name == "turnover":
            whole = self.whole()
            return self.of_account(cp.multiply(self.price, self.x)) / whole, most
        if name == "loss":
            t = cp.Variable()
            loss = cp.sum(self.shortfall(), axis=0)
            return t + self.law.probability @ cp.pos(loss - t) / (1 - 0.8), most
        net = self.of_account(cp.multiply(self.price, self.left))
        before = np.abs(self.of_account(self.price * book.position))
        whole = self.whole()
        return (cp.abs(net) - before) / whole, most


def drawn(seed: int):
    """(event, law, objective's name, constraint's name) of a random book, isolated or cross."""
    rng = np.random.default_rng(seed)
    while True:
        event = isolated(rng, int(rng.integers(2, 12)), 3.0) if seed % 2 else cross(rng, d=2)
        if event.free.any():
            break
    d = len(event.book.assets)
    law = adl.Scenarios(np.clip(rng.normal(0, 0.35, (12, d)), -0.9, 0.95), rng.dirichlet(np.ones(12)))
    name = NAMES[seed % len(NAMES)]
    return rng, event, law, ("expected", "square", "cvar")[seed % 3], name


OBJECTIVES = {"expected": adl.ExpectedLoss(), "square": adl.LeverageSquare(), "cvar": adl.CVaR(0.9)}


def ready_made(event: adl.Event, law: adl.Scenarios, name: str, most, unit: float):
    """The library's constraint that says what `Plain.limit` says."""
    book = event.book
    if name == "by account":
        return adl.LeverageAtMost(dict(zip(map(str, book.accounts), np.asarray(most).tolist())))
    if name == "leverage":
        return adl.LeverageAtMost(most)
    even = [str(a) for a in book.accounts[::2]]
    if name == "share":
        return adl.GroupShare({"even": even}, most)
    if name == "loss share":
        before = SymbolsAt(event, law, np.zeros(len(event.size))).expected_loss
        return adl.GroupShare({"even": even}, most * unit / before, of="loss")
    if name == "turnover":
        return adl.Turnover(most)
    if name == "loss":
        return adl.LossAtMost(adl.CVaR(0.8), most * unit)
    return adl.KeepHedged(most)
