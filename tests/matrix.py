"""The matrix objective x law on six accounts in two assets: every public objective, every kind of law."""

import cvxpy as cp
import numpy as np
from scipy import stats

import adl_opt as adl
from tests.books import frame

DIMENSIONLESS = 1e-6  # the figure


def six_accounts() -> adl.Event:
    """Six accounts in two assets, hedged and doubled, three decades of equity, shorts of one and longs of the
    other to close.
    """
    rows = [
        ("a", "X", -8.0, 100.0, 90.0),
        ("a", "Y", 30.0, 10.0, 90.0),
        ("b", "X", -3.0, 100.0, 150.0),
        ("b", "Y", -9.0, 10.0, 150.0),
        ("c", "X", -0.5, 100.0, 4.0),
        ("d", "Y", 60.0, 10.0, 80.0),
        ("e", "X", 2.0, 100.0, 300.0),
        ("e", "Y", 45.0, 10.0, 300.0),
        ("f", "X", -40.0, 100.0, 4000.0),
        ("f", "Y", 12.0, 10.0, 4000.0),
    ]
    return adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 9.0}, long={"Y": 40.0})


EVENT = six_accounts()
COVARIANCE = np.array([[0.04, 0.03], [0.03, 0.09]])
LAWS = {
    "Gaussian": adl.Gaussian(COVARIANCE).quadrature(6),
    "StudentT": adl.StudentT(COVARIANCE, dof=3).sample(40, seed=1),
    "LogNormal": adl.LogNormal([0.6, 0.75], 0.85, 0.1).quadrature(6),
    "OneFactor": adl.OneFactor([1.0, 1.4], stats.t(3, scale=0.15)).quadrature(25),
    "Scenarios": adl.Scenarios(
        [[-0.5, -0.6], [-0.1, 0.2], [0.0, 0.0], [0.3, -0.2], [0.4, 0.5], [0.9, 1.5]],
        [0.1, 0.2, 0.4, 0.1, 0.15, 0.05],
    ),
}


class Disjoint(adl.RiskMeasure):
    """A user's own measure with constraints and variables of its own: the mean of the loss and of its excess
    over a chosen level.
    """

    def express(self, m):
        level = cp.Variable(nonneg=True)
        above = cp.Variable(m.probability.size, nonneg=True)
        m.subject_to(above >= m.loss - level)
        return 0.5 * m.probability @ m.loss + 0.5 * (level + m.probability @ above / 0.25)

    def of(self, loss, probability):
        return 0.5 * float(loss @ probability) + 0.5 * adl.CVaR(0.75).of(loss, probability)


OBJECTIVES = {
    "ExpectedLoss": adl.ExpectedLoss(),
    "CVaR": adl.CVaR(0.9),
    "Spectral": adl.Spectral(),
    "WorstCase": adl.WorstCase(),
    "OCE": adl.OCE(4, 0.5),
    "Expectile": adl.Expectile(0.9),
    "MeanSemideviation": adl.MeanSemideviation(0.5),
    "AccountCVaR": adl.AccountCVaR(0.9),
    "MaxLeverage": adl.MaxLeverage(),
    "LeveragePower(1)": adl.LeveragePower(1.0),
    "ExpectedLoss + CVaR": adl.ExpectedLoss() + 0.5 * adl.CVaR(0.95),
    "user": Disjoint(),
    "MonotoneMeanVariance": adl.MonotoneMeanVariance(50.0),
    "LeverageSquare": adl.LeverageSquare(),
    "LeverageSquare + CVaR": 0.1 * adl.LeverageSquare() + adl.CVaR(0.9),
    "Entropic": adl.Entropic(0.01),
    "ShortfallRisk": adl.ShortfallRisk(50.0),
    "LeveragePower(3)": adl.LeveragePower(3.0),
}
