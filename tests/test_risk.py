"""Risk measures: value against an independent definition, express against value, duals, certificates, Thm 1
for every monotone one.
"""

import math
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

import adl_opt as adl
from adl_opt.evaluation.minorants import Dual
from adl_opt.evaluation.symbols import Symbols
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols

from .books import count, cross, isolated, scenarios
from .tolerances import TOL


def _by_minimising(utility):
    """min_t t + E u(L - t), by brute force over t."""

    def value(loss, p):
        def at(t):
            return t + utility(loss - t) @ p

        grid = np.concatenate([np.linspace(loss.min() - 30, loss.max(), 400), loss])
        best = grid[np.argmin([at(t) for t in grid])]
        step = (loss.max() - loss.min() + 30) / 300
        return min(
            minimize_scalar(
                at, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-12}
            ).fun,
            at(best),
        )

    return value


def _cvar_in_fractions(level):
    """The mean of the worst 1 - level, in exact rational arithmetic: the edge of the tail counts in part."""

    def value(loss, p):
        left, total = 1 - Fraction(level), Fraction(0)
        for x, weight in sorted(zip(loss, p), reverse=True):
            part = min(left, Fraction(weight))
            total, left = total + part * Fraction(x), left - part
        return float(total / (1 - Fraction(level)))

    return value


def _quantile_integral(weights):
    """int q(u) h(u) du on a fine grid of exact pieces."""

    def value(loss, p):
        order = np.argsort(loss)
        edges = np.concatenate(([0.0], np.cumsum(p[order])))
        k = len(weights)
        total = 0.0
        for x, a, b in zip(loss[order], edges[:-1], edges[1:]):
            for j, w in enumerate(weights):
                total += x * w * k * max(min(b, (j + 1) / k) - max(a, j / k), 0.0)
        return total

    return value


def _shortfall_risk(scale):
    """The root of its defining inequality."""
    return lambda loss, p: brentq(
        lambda t: p @ np.maximum(1 + (loss - t) / scale, 0) ** 2 - 1,
        loss.min() - 1e-9,
        loss.max() + scale,
        xtol=1e-14,
    )


# measure, an independent definition of it written from its textbook formula
MEASURES = [
    (adl.CVaR(0.0), lambda loss, p: loss @ p),
    (adl.CVaR(0.7), _cvar_in_fractions(0.7)),
    (adl.CVaR(0.95), _cvar_in_fractions(0.95)),
    (adl.CVaR(0.999), _cvar_in_fractions(0.999)),
    (adl.Spectral((0.05, 0.1, 0.15, 0.3, 0.4)), _quantile_integral((0.05, 0.1, 0.15, 0.3, 0.4))),
    (adl.Spectral((0.0, 0.0, 0.3, 0.7)), _quantile_integral((0.0, 0.0, 0.3, 0.7))),
    (adl.WorstCase(), lambda loss, p: loss[p > 0].max()),
    (adl.Entropic(0.01), lambda loss, p: math.log(p @ np.exp(0.01 * loss)) / 0.01),
    (adl.Entropic(2.0), lambda loss, p: math.log(p @ np.exp(2 * loss)) / 2),
    (adl.OCE(4, 0.5), _by_minimising(lambda x: np.where(x > 0, 4 * x, 0.5 * x))),
    (adl.OCE(20, 0), _by_minimising(lambda x: 20 * np.maximum(x, 0))),
    (adl.OCE(1, 0.3), lambda loss, p: loss @ p),
    (adl.MonotoneMeanVariance(5.0), _by_minimising(lambda x: (np.maximum(1 + x / 5, 0) ** 2 - 1) * 2.5)),
    (adl.MonotoneMeanVariance(0.1), _by_minimising(lambda x: (np.maximum(1 + x / 0.1, 0) ** 2 - 1) * 0.05)),
    (adl.ShortfallRisk(3.0), _shortfall_risk(3.0)),
    (adl.ShortfallRisk(0.05), _shortfall_risk(0.05)),
    (
        adl.Expectile(0.8),
        lambda loss, p: brentq(
            lambda t: 0.8 * (p @ np.maximum(loss - t, 0)) - 0.2 * (p @ np.maximum(t - loss, 0)),
            loss.min() - 1,
            loss.max(),
            xtol=1e-14,
        ),
    ),
    (adl.MeanSemideviation(0.5), lambda loss, p: loss @ p + 0.5 * (p @ np.maximum(loss - loss @ p, 0))),
    (adl.MeanSemideviation(1.0), lambda loss, p: loss @ p + p @ np.maximum(loss - loss @ p, 0)),
]
ALL = [measure for measure, _ in MEASURES]
NAMES = [str(measure) for measure in ALL]


def losses(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Losses with ties and zeros, and weights of which one may be 0."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    loss = np.round(rng.lognormal(0, 1.0, n) * (rng.random(n) > 0.2), rng.integers(0, 8))
    weight = rng.random(n) * (rng.random(n) > 0.1) + 1e-3
    weight[rng.integers(n)] *= rng.random() > 0.5
    return loss, weight / weight.sum()


@pytest.mark.parametrize(("measure", "independent"), MEASURES, ids=NAMES)
def test_value_is_the_textbook_definition(measure, independent):
    for seed in range(40):
        loss, p = losses(seed)
        possible = p > 0
        assert measure.of(loss, p) == pytest.approx(
            independent(loss[possible], p[possible]), rel=1e-8, abs=1e-9
        )


@pytest.mark.parametrize("measure", ALL, ids=NAMES)
def test_monotone_and_below_the_worst_case(measure):
    for seed in range(40):
        loss, p = losses(seed)
        rng = np.random.default_rng(seed)
        more = loss + rng.random(len(loss)) * (rng.random(len(loss)) < 0.5)
        assert measure.of(more, p) >= measure.of(loss, p) - 1e-12
        assert measure.of(loss, p) <= loss[p > 0].max() + 1e-12
        shifted = measure.of(loss + 3.0, p)  # all are cash-additive
        assert shifted == pytest.approx(measure.of(loss, p) + 3.0, rel=1e-10)


@pytest.mark.parametrize("measure", ALL, ids=NAMES)
def test_duals_are_subgradients(measure):
    """Weights, their own and repaired ones, state an affine function below the measure; at the loss it is
    `slack` below.
    """
    for seed in range(40):
        loss, p = losses(seed)
        rng = np.random.default_rng(seed)
        worst = measure.worst_weights(loss, p)
        assert (worst >= 0).all() and worst.sum() == pytest.approx(1.0, abs=1e-12) and not worst[p == 0].any()
        assert measure.dual(loss, p)[1] <= 1e-10 * max(loss.max(), 1.0)  # no slack at the point itself
        spoiled = worst * np.exp(0.3 * rng.normal(size=len(p))) + 1e-3 * rng.random(len(p))
        if isinstance(measure, adl.Spectral):
            spoiled = np.outer(measure.mixture[1], spoiled)
        for near in (None, spoiled, np.zeros_like(spoiled)):
            weights, slack = measure.dual(loss, p, near)
            for _ in range(5):
                other = np.round(rng.lognormal(0, 1.5, len(p)), 2) * (rng.random(len(p)) > 0.3)
                assert measure.of(loss, p) - slack + weights @ (other - loss) <= measure.of(
                    other, p
                ) + 1e-9 * max(other.max(), 1.0)


def test_exact_fractional_tails():
    """Level 0.7 of five equal losses: one and a half of them. Nothing is rounded to whole scenarios."""
    loss, p = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.full(5, 0.2)
    assert adl.CVaR(0.7).of(loss, p) == pytest.approx((5 * 0.2 + 4 * 0.1) / 0.3, rel=TOL.rounding)
    assert adl.CVaR(0.7).worst_weights(loss, p).tolist() == pytest.approx([0, 0, 0, 1 / 3, 2 / 3])
    assert adl.CVaR(0.5).worst_weights([2.0, 2.0, 1.0], [0.3, 0.6, 0.1]).tolist() == pytest.approx(
        [1 / 3, 2 / 3, 0]
    )


def test_families_meet():
    for seed in range(20):
        loss, p = losses(seed)
        pairs = [
            (adl.CVaR(0.75), adl.OCE(4, 0)),
            (adl.CVaR(0.5), adl.Spectral((0.0, 1.0))),
            (adl.Spectral((1.0,)), adl.CVaR(0.0)),
            (adl.Expectile(0.5), adl.MeanSemideviation(0.0)),
            (adl.WorstCase(), adl.CVaR(1 - 1e-12)),
        ]
        for one, other in pairs:
            assert one.of(loss, p) == pytest.approx(other.of(loss, p), rel=1e-9, abs=1e-12)
        mean = loss @ p
        variance = (loss - mean) ** 2 @ p
        assert adl.MonotoneMeanVariance(1e3).of(loss, p) == pytest.approx(
            mean + variance / 2e3, rel=1e-10
        )  # no loss so far below the mean


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
    m = Symbols(event, law, amount)
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
        adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).objective,
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
        assert found.certified and abs(found.objective - exact.objective) <= TOL.value * scale, (
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
        adl.certify(adl.ExpectedLoss(), event, law, adl.pro_rata(event)).objective,
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
            best = adl.Problem(measure, event, law).solve(method="conic").certificate.objective
            point = adl.pro_rata(event).amount
            m = Symbols(event, law, point)
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
        assert other.certificate.objective >= best.certificate.objective * (1 - 1e-9)
        found = adl.certify(total, event, law, other).objective
        assert found >= best.certificate.objective * (1 - 1e-9)
        apart += found > best.certificate.objective * (1 + 1e-6)
    assert apart >= 3


def test_value_only_measures_are_compared_and_certified():
    event = adl.examples.shorts([3, 3], [1, 1], 3.0)
    law = adl.Scenarios({"BTC": [0.5, 3.0]})
    table = adl.compare(
        event, law, measures=[adl.MeanVariance(0.2), adl.MeanDeviation(0.5), adl.ExpectedLoss()]
    )
    assert table.loc["water_filling", "MeanVariance(aversion=0.2)"] == pytest.approx(5.95)
    assert "optimum of MonotoneMeanVariance(scale=2.5)" in table.index
    assert (table["MeanVariance(aversion=0.2) gap"] >= 0).all() and (
        table["MeanDeviation(c=0.5) gap"] >= 0
    ).all()
    proof = adl.certify(adl.MeanVariance(0.2), event, law, adl.water_filling(event))
    assert (
        proof.status == "uncertified"
        and proof.bound <= 5.9305
        and proof.proof.startswith("bound of the optimum")
    )
    for seed in range(20):  # the bounds' reason: the hulls lie below
        loss, p = losses(seed)
        mean, spread = loss @ p, math.sqrt((loss - loss @ p) ** 2 @ p)
        assert adl.MeanVariance(0.3).lower_bound_objective().of(loss, p) <= mean + 0.3 * spread**2 + 1e-12
        for c in (0.2, 0.5, 2.0):
            assert adl.MeanDeviation(c).lower_bound_objective().of(loss, p) <= mean + c * spread + 1e-12


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
    assert mine.certified and mine.objective == pytest.approx(sum_.objective, rel=1e-7)
