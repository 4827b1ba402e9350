"""Risk measures of allocations: express against value, Thm 1 for every monotone one, certificates."""

import cvxpy as cp
import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from tests.books import count, cross, isolated, scenarios
from tests.objectives.measures import ALL
from tests.tolerances import TOL


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_express_is_value(seed):
    """At random allocations, minimised over what the measure chooses: plain symbols and those of the program
    say what `value` says.
    """
    rng = np.random.default_rng(seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets), 12)
    if not event.free.any():
        return
    closed = rng.random(int(event.free.sum()))
    amount = event.fixed_fraction * event.size
    amount[event.free] = closed * event.size[event.free]
    m = SymbolsAt(event, law, amount)
    unit = float(max(m.loss.max(), 1e-3 * event.book.equity.sum()))
    scaled = [
        adl.Entropic(1 / unit),
        adl.MonotoneMeanVariance(unit / 5),
        adl.ShortfallRisk(unit / 5),
        adl.AccountCVaR(0.7),
    ]
    for measure in [
        *(
            one
            for one in ALL
            if not isinstance(one, (adl.Entropic, adl.MonotoneMeanVariance, adl.ShortfallRisk))
        ),
        *scaled,
    ]:
        for plain in (True, False):
            fraction = cp.Variable(len(closed), bounds=[0, 1])
            symbols = ConicSymbols(Table(event, law, unit), fraction, plain=plain)
            problem = cp.Problem(
                cp.Minimize(measure.express(symbols.part(0))), [fraction == closed, *symbols.constraints]
            )
            problem.solve(solver="CLARABEL")
            assert problem.value * unit == pytest.approx(measure.value(m), rel=1e-6, abs=1e-6 * unit), (
                str(measure),
                plain,
            )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(500))
def test_water_filling_is_optimal_for_every_monotone_measure(seed):
    """Thm 1: what the solvers find in one asset, knowing nothing of it, costs what water-filling costs (of
    the loss at pro rata).
    """
    rng = np.random.default_rng(20_000 + seed)
    event = isolated(rng)
    law = scenarios(rng, 1, int(rng.integers(1, 20)) + 2)
    unit = max(
        adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).value,
        1e-6 * float(event.book.equity.mean()),
    )
    measures = [
        adl.CVaR(0.9),
        adl.Spectral(),
        adl.WorstCase(),
        adl.OCE(4, 0.5),
        adl.Expectile(0.9),
        adl.MeanSemideviation(1.0),
        adl.AccountCVaR(0.8),
        adl.Entropic(1 / unit),
        adl.MonotoneMeanVariance(unit),
        adl.ShortfallRisk(unit),
        adl.ExpectedLoss() + 0.5 * adl.CVaR(0.8),
    ]
    for measure in measures:
        problem = adl.Problem(measure, event, law)
        exact, found = (
            problem.solve(method="closed-form").certificate,
            problem.solve(method="conic").certificate,
        )
        assert exact.certified and exact.gap <= 1e-9, (str(measure), exact)
        scale = max(exact.reference, unit)
        assert found.certified and abs(found.value - exact.value) <= TOL.value * scale, (
            str(measure),
            found,
            exact,
        )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_coupled_certificates(seed):
    """THEORY 7: books of up to 50 accounts, 200 scenarios, three assets; every measure and sums of them are
    certified to 1e-7.
    """
    rng = np.random.default_rng(30_000 + seed)
    large = seed % 25 == 0
    event = cross(rng, 50 if large else None, 3)
    law = scenarios(rng, len(event.book.assets), 200 if large else 30)
    unit = max(
        adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).value,
        1e-6 * float(event.book.equity.mean()),
    )
    measures = [
        *(
            one
            for one in ALL
            if not isinstance(one, (adl.Entropic, adl.MonotoneMeanVariance, adl.ShortfallRisk))
        ),
        adl.Entropic(0.01 / unit),
        adl.Entropic(1 / unit),
        adl.Entropic(30 / unit),
        adl.MonotoneMeanVariance(unit),
        adl.MonotoneMeanVariance(unit / 30),
        adl.ShortfallRisk(unit),
        adl.ShortfallRisk(unit / 20),
        adl.AccountCVaR(0.9),
        adl.ExpectedLoss() + 0.5 * adl.CVaR(0.9),
        adl.CVaR(0.8) + 2 * adl.Spectral() + adl.WorstCase() + adl.AccountCVaR(0.5),
        adl.Entropic(1 / unit) + adl.ExpectedLoss(),
    ]
    for measure in measures:
        c = adl.Problem(measure, event, law).solve(method="conic").certificate
        assert c.certified and c.gap <= 1e-7, (str(measure), c)
        assert "assumed" not in c.proof


def test_no_bound_of_a_random_dual_beats_the_optimum():
    """Whatever multipliers and weights are said, the bound that comes of them is one."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        event = cross(rng)
        law = scenarios(rng, len(event.book.assets), 10)
        for measure in (
            adl.CVaR(0.8),
            adl.Spectral(),
            adl.Expectile(0.8),
            adl.MeanSemideviation(0.7),
            adl.OCE(3, 0.2),
            adl.AccountCVaR(0.7),
            adl.WorstCase() + adl.CVaR(0.5) + adl.ExpectedLoss(),
        ):
            best = adl.Problem(measure, event, law).solve(method="conic").certificate.value
            point = adl.pro_rata(event).amount
            m = SymbolsAt(event, law, point)
            n, s = len(event.book.accounts), 10
            for _ in range(3):
                shape = (
                    (len(measure.mixture[0]), s)
                    if isinstance(measure, adl.Spectral)
                    else (n, s)
                    if isinstance(measure, adl.AccountCVaR)
                    else (s,)
                )
                said = Dual(rng.random((n, s)) * 0.3, {k: rng.random(shape) * 0.3 for k in range(3)})
                from adl_opt.certificates.knapsack import knapsack

                below = measure.minorant(m, said)
                gap, _ = knapsack(event, m, below)
                assert measure.value(m) - gap <= best + TOL.value * max(abs(best), 1e-3)


def test_sum_of_accounts_is_another_objective():
    """THEORY 7: sum_i CVaR(loss_i) bounds the CVaR of the total from above, and has its own optimum."""
    apart = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        event, level = cross(rng, 5, 3), 0.8
        law = scenarios(rng, len(event.book.assets), 40)
        total, accounts = adl.CVaR(level), adl.AccountCVaR(level)
        best, other = (adl.Problem(o, event, law).solve() for o in (total, accounts))
        assert other.certificate.value >= best.certificate.value * (1 - TOL.formula)
        found = adl.certify(total, event, law, other).value
        assert found >= best.certificate.value * (1 - TOL.formula)
        apart += found > best.certificate.value * (1 + 1e-6)
    assert apart >= 3


def test_measures_need_scenarios_and_say_so():
    event = adl.examples.random_shorts(5, 1)
    with pytest.raises(adl.LawError, match=r"law.quadrature\(20\)"):
        adl.Problem(adl.CVaR(0.9), event, adl.Gaussian({"BTC": {"BTC": 0.01}})).solve()
    assert "every law" in adl.Problem(adl.CVaR(0.9), event).solve().certificate.proof


def test_a_child_with_its_own_value_inherits_no_dual():
    class Mine(adl.CVaR):
        def of(self, loss, probability):
            return float(loss @ probability) + super().of(loss, probability)

        def express(self, m):
            return m.probability @ m.loss + super().express(m)

    assert Mine(0.9).dual(np.ones(2), np.full(2, 0.5)) is None and Mine.monotone
    rng = np.random.default_rng(3)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets), 20)
    mine, sum_ = (
        adl.Problem(o, event, law).solve().certificate
        for o in (Mine(0.9), adl.ExpectedLoss() + adl.CVaR(0.9))
    )
    assert mine.certified and mine.value == pytest.approx(sum_.value, rel=TOL.value)
