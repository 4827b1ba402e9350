"""Failure cases of symbols."""

import cvxpy as cp
import numpy as np
from scipy import stats

import adl_opt as adl
from adl_opt.evaluation.symbols import LossSymbols, SymbolsAt, loading_of
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from tests.failures import EVENT, LAW, PAPER, Case


class Factor(adl.Objective):
    def express(self, m):

        return cp.sum(cp.abs(m.factor_leverage))

    def value(self, m):
        return float(np.abs(m.factor_leverage).sum())


CASES = [
    Case(
        "nothing is discretised silently",
        lambda _: adl.Problem(adl.CVaR(0.9), PAPER, adl.OneFactor([1.0, 1.0], stats.norm())).solve(
            method="conic"
        ),
        adl.LawError,
    ),
    Case(
        r"no symbol 'fractions'; did you mean 'fraction'\?",
        lambda _: SymbolsAt(EVENT, LAW, EVENT.size).fractions,
        adl.ObjectiveError,
    ),
    Case(r"looks at m\.equity", lambda _: LossSymbols(np.ones(2), np.ones(2) / 2).equity, adl.ObjectiveError),
    Case("needs a law of price moves", lambda _: SymbolsAt(EVENT, None, EVENT.size).loss, adl.LawError),
    Case("need a one-factor law", lambda _: SymbolsAt(EVENT, LAW, EVENT.size).factor_leverage, adl.LawError),
    Case(
        "need a one-factor law",
        lambda _: Factor().express(
            ConicSymbols(Table(EVENT, LAW, 1.0), __import__("cvxpy").Variable(2), True)
        ),
        adl.LawError,
    ),
    Case("need a one-factor law", lambda _: loading_of(LAW), adl.LawError),
]
