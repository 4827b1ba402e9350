"""Risk measures as functionals of a loss: definitions, monotonicity, duals, exact tails, families."""

import math

import numpy as np
import pytest

import adl_opt as adl
from tests.objectives.measures import ALL, MEASURES, NAMES, losses
from tests.tolerances import TOL


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
                ) + TOL.formula * max(other.max(), 1.0)


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
            assert one.of(loss, p) == pytest.approx(other.of(loss, p), rel=TOL.formula, abs=1e-12)
        mean = loss @ p
        variance = (loss - mean) ** 2 @ p
        assert adl.MonotoneMeanVariance(1e3).of(loss, p) == pytest.approx(
            mean + variance / 2e3, rel=1e-10
        )  # no loss so far below the mean


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


@pytest.mark.parametrize(
    "measure",
    [adl.ShortfallRisk(1e-18), adl.MonotoneMeanVariance(1e-18), adl.OCE(1e12, 0.0), adl.Entropic(1e12)],
    ids=str,
)
def test_measures_at_their_edge_are_the_worst_case(measure):
    loss, p = np.array([0.0, 1.0, 3.0]), np.array([0.5, 0.3, 0.2])
    assert measure.of(loss, p) == pytest.approx(3.0, rel=TOL.formula) and measure.worst_weights(
        loss, p
    ).tolist() == [0.0, 0.0, 1.0]


def test_value_only_measures_in_sums():
    event, law = adl.examples.shorts([3, 3], [1, 1], 3.0), adl.Scenarios({"BTC": [0.5, 3.0]})
    for measure in (0.5 * adl.MeanVariance(0.1), adl.MeanVariance(0.1) + adl.ExpectedLoss()):
        proof = adl.certify(measure, event, law, adl.pro_rata(event))
        assert 0 < proof.bound <= proof.value
        assert len(adl.compare(event, law, measures=[measure])) == 3
