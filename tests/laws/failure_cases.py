"""Failure cases of laws: shapes, labels, probabilities, what looks like a slip, what has no closed form."""

from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy import stats

import adl_opt as adl
from tests.failures import LAW, PAPER, Case


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


def no_driver(_):
    def fail(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    with (
        patch("numpy.linalg.eigvalsh", fail),
        patch("numpy.linalg.eigh", fail),
        patch("scipy.linalg.eigh", fail),
    ):
        return adl.Gaussian([[1.0, 0.5], [0.5, 1.0]])


CASES = [
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
        "1 of 2 prices are missing, first A at 2026-01-02 00:00:00; leave the rows out .prices.dropna",
        lambda _: adl.Scenarios.from_prices(
            pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2026-01-02"]), "A": [1.0, None]})
        ),
        adl.LawError,
    ),
    Case(
        "prices have 2 columns of dates, day and night: keep one",
        lambda _: adl.Scenarios.from_prices(
            pd.DataFrame(
                {
                    "day": pd.to_datetime(["2026-01-01", "2026-01-02"]),
                    "night": pd.to_datetime(["2026-01-01", "2026-01-02"]),
                    "A": [1.0, 2.0],
                }
            )
        ),
        adl.LawError,
    ),
    Case(
        "the column date of prices holds no dates",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"date": ["soon", "later"], "A": [1.0, 2.0]})),
        adl.LawError,
    ),
    Case(
        r"1 returns lose everything or more, first in row 2, column 1: -1; give fractions, or log=True",
        lambda _: adl.Scenarios.from_returns(pd.DataFrame({"A": [0.1, -1.0]})),
        adl.LawError,
    ),
    Case(
        "the column TIME of prices holds numbers: a time belongs in the index",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"TIME": [1.0, 2.0], "A": [1.0, 2.0]})),
        adl.LawError,
    ),
    Case(
        "1 rows of returns give no move over steps=2; steps must be at least 1 and at most 1",
        lambda _: adl.Scenarios.from_returns(pd.DataFrame({"A": [0.1]}), steps=2),
        adl.LawError,
    ),
    Case(
        "seed = -1: a seed is a whole number, at least 0",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 2.0, 3.0]}), bootstrap=5, seed=-1),
        adl.LawError,
    ),
    Case(
        "half_life = 0: a number of rows above 0, or None",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 2.0]}), half_life=0),
        adl.LawError,
    ),
    Case(
        "block = 3: the history has 2 moves, so many at most",
        lambda _: adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 2.0, 3.0]}), bootstrap=5, block=3),
        adl.LawError,
    ),
    Case("there is no file 'none.csv'", lambda _: adl.Scenarios.read("none.csv"), adl.LawError),
    Case(
        "dof = 2: a volatility needs more than 2 degrees of freedom",
        lambda _: adl.StudentT.annual(0.6, None, 10 / 365, dof=2),
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
    Case("have no law", lambda _: adl.factor_water_filling(PAPER, {"BTC": 1.0}), adl.LawError),
    Case("moves must be numbers, not True or False", lambda _: adl.Scenarios([True, 0.5]), adl.LawError),
    Case(
        "moves must be numbers, not of the type datetime64",
        lambda _: adl.Scenarios(np.array(["2025-10-10"], "M8[D]")),
        adl.LawError,
    ),
    Case("moves must be real numbers", lambda _: adl.Scenarios([0.1j]), adl.LawError),
    Case("moves must be numbers: int too large", lambda _: adl.Scenarios([10**400]), adl.LawError),
    Case(
        "1 of 3 moves are below -1, first number 2 of 'BTC': -3, which is -300 %: no price falls .* "
        "divide by 100, or say meant=True",
        lambda _: adl.Scenarios({"BTC": [5.0, -3.0, 2.0]}),
        adl.LawError,
    ),
    Case(
        "2 of 3 moves are above 1, first number 1: 5, which is .500 %: .* say meant=True",
        lambda _: adl.Scenarios([5.0, 3.0, 0.5]),
        adl.LawError,
    ),
    Case(
        "1 of 1 moves have a standard deviation that looks like percent, first number 1 with 4, which is "
        "400 %",
        lambda _: adl.Gaussian(16.0),
        adl.LawError,
    ),
    Case(
        "1 of 1 moves have a scale that looks like percent", lambda _: adl.StudentT(16.0, 4.0), adl.LawError
    ),
    Case(
        "1 of 1 moves have a mean that looks like percent, first number 1 with -2",
        lambda _: adl.Gaussian(0.01, -2.0),
        adl.LawError,
    ),
    Case(
        "1 of 2 moves have a typical size that looks like percent, first 'A' with 8.7",
        lambda _: adl.OneFactor({"A": 130.0, "B": 1.0}, stats.norm(0, 0.1)),
        adl.LawError,
    ),
    Case(
        "horizon = 10 years: write 10/365 for ten days, or say meant=True",
        lambda _: adl.LogNormal(0.6, None, 10),
        adl.LawError,
    ),
    Case(
        "volatility number 1 is 80, 8,000 % a year; write 0.6 for 60 %, or say meant=True",
        lambda _: adl.LogNormal(80, None, 1 / 8760),
        adl.LawError,
    ),
    Case("cannot be decomposed: none of LAPACK's drivers converges .SVD did not converge.", no_driver),
    Case("Mixture takes a list of laws, at least one, not", lambda _: adl.Mixture(LAW), adl.LawError),
    Case("Mixture takes a list of laws, at least one", lambda _: adl.Mixture([]), adl.LawError),
    Case(
        "1 of 2 laws of Mixture are none, first number 2: str",
        lambda _: adl.Mixture([LAW, "LAW"]),
        adl.LawError,
    ),
    Case(
        "law number 2 of Mixture is of other assets than the first: B, C against A, B; give every law",
        lambda _: adl.Mixture(
            [adl.Scenarios({"A": [0.1], "B": [0.1]}), adl.Scenarios({"B": [0.1], "C": [0.1]})]
        ),
        adl.LawError,
    ),
    Case(
        "of other assets than the first: 1 unlabelled against A",
        lambda _: adl.Mixture([adl.Scenarios({"A": [0.1]}), adl.Scenarios([0.1])]),
        adl.LawError,
    ),
    Case(
        "the 2 probabilities sum to 1.1, not to 1",
        lambda _: adl.Mixture([adl.Gaussian(0.01)] * 2, [0.5, 0.6]),
        adl.LawError,
    ),
    Case(
        "a Mixture of 1 sets of scenarios and 1 exact laws has kinks beside curves",
        lambda _: adl.Problem(
            adl.ExpectedLoss(),
            PAPER,
            adl.Mixture([adl.Gaussian(0.01 * np.eye(2)), adl.Scenarios([[0.1, 0.2]])]),
        ).solve(),
        adl.LawError,
    ),
    Case(
        "1 of 1 moves have a mean that looks like percent, first number 1 with 53.5",
        lambda _: adl.LogNormal(0.6, None, 0.1, 40.0),
        adl.LawError,
    ),
    Case(
        "mean must have one number an asset",
        lambda _: adl.LogNormal(0.6, None, 0.1, [0.1, 0.2]),
        adl.LawError,
    ),
]
