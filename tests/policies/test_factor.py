"""One factor, requirements in several assets: factor water-filling against linear programs move by move, and
its invariances (THEORY 5).
"""

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.levelling import level
from tests.books import count, cross, frame, isolated
from tests.limited import drawn, same_value, within
from tests.tolerances import TOL


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_optimal_for_every_move(seed):
    """Thm 3, on random books: up to three assets, both sides, loadings of any sign and 0, against the linear
    program of each move alone.
    """
    rng = np.random.default_rng(110_000 + seed)
    event = cross(rng)
    loading = rng.normal(size=len(event.book.assets)) * (rng.random(len(event.book.assets)) > 0.15)
    policy = adl.factor_water_filling(event, loading)
    assert policy.certificate.certified and policy.certificate.gap <= TOL.formula
    for factor in (-1.5, -0.3, 0.2, 1.0):
        best = (
            adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios(factor * loading[None, :], meant=True))
            .solve(method="conic")
            .certificate
        )
        mine = adl.certify(
            adl.ExpectedLoss(), event, adl.Scenarios(factor * loading[None, :], meant=True), policy, tol=0.999
        ).value
        assert mine - best.bound <= TOL.value * max(best.reference, 1e-6 * float(event.book.equity.sum()))


def test_isolated_margin_is_water_filling():
    for seed in range(20):
        event = isolated(np.random.default_rng(seed), decades=3)
        mine, plain = adl.factor_water_filling(event, [1.0]), adl.water_filling(event)
        if event.free.any():
            assert mine.amount == pytest.approx(
                plain.amount, rel=1e-6, abs=TOL.formula * event.required.max()
            )


def test_a_problem_of_its_own_is_certified():
    event = adl.load("factor").event(20, 1)
    law = adl.OneFactor({"BTC": 1.0, "ETH": 1.3, "SOL": 1.8}, adl.Scenarios([-0.1, 0.1]))
    solved = adl.Problem(adl.FactorLeverageSquare(), event, law).solve()
    policy = adl.factor_water_filling(event, {"BTC": 1.0, "ETH": 1.3, "SOL": 1.8})
    assert solved.certificate.certified and policy.certificate.gap <= solved.certificate.gap
    assert policy.certificate.value <= solved.certificate.value * (1 + TOL.formula)


def test_proportional_splits_are_neutral():
    """The selection: an account split in proportion closes together what it closed alone."""
    event = adl.load("factor").event(8, 3)
    table = event.book.to_frame()
    own = table["account"] == "a2"
    halves = [table[own].assign(account=name, position=share * table.loc[own, "position"],
    equity=share * table.loc[own, "equity"])
              for name, share in (("b", 0.3), ("c", 0.7))]  # fmt: skip
    import pandas as pd

    split = adl.Event(
        adl.Book.from_frame(pd.concat([table[~own], *halves])), short=event.short, long=event.long
    )
    loading = {"BTC": 1.0, "ETH": 1.3, "SOL": 1.8}
    alone, together = (adl.factor_water_filling(e, loading).to_frame() for e in (event, split))
    one = alone[alone["account"] == "a2"].groupby("asset")["closed"].sum()
    two = together[together["account"].isin(["b", "c"])].groupby("asset")["closed"].sum()
    assert two.to_numpy() == pytest.approx(one.to_numpy(), rel=1e-5, abs=1e-6 * event.required.max())


def test_an_asset_that_does_not_load_is_closed_evenly():
    rows = [
        ("a", "X", -10.0, 1.0, 5.0),
        ("b", "X", -10.0, 1.0, 20.0),
        ("a", "Y", -6.0, 1.0, 5.0),
        ("b", "Y", -2.0, 1.0, 20.0),
    ]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 4.0, "Y": 4.0})
    closed = adl.factor_water_filling(event, {"X": 1.0, "Y": 0.0}).to_frame().query("asset == 'Y'")["closed"]
    assert closed.tolist() == pytest.approx([-3.0, -1.0], rel=1e-6)
    assert adl.factor_water_filling(
        event.with_requirement(short={"X": "all"}), [1.0, 0.0]
    ).certificate.certified


def test_gross_levelling_is_water_filling_in_isolated_margin_and_least_in_cross_margin():
    for seed in range(20):
        event = isolated(np.random.default_rng(seed), decades=3)
        levelled, plain = (
            level(adl.LeverageSquare(), event, None, np.abs(event.book.notional))[0],
            adl.water_filling(event),
        )
        assert levelled == pytest.approx(
            plain.amount, rel=TOL.formula, abs=TOL.rounding * max(event.required.max(), 1.0)
        )
        assert (adl.gross_water_filling(event).amount == plain.amount).all()
    for seed in range(10):
        rng = np.random.default_rng(seed)
        event = cross(rng)
        best = adl.gross_water_filling(event).certificate
        assert best.certified and best.gap <= TOL.formula
        for _ in range(5):
            other = adl.examples.any_allocation(event, rng)
            table = event.book.to_frame()[["account", "asset"]].assign(
                closed=np.sign(event.book.position) * other
            )
            assert adl.certify(adl.LeverageSquare(), event, None, table, tol=0.999).value >= best.value * (
                1 - TOL.formula
            )


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_targets_are_met_exactly_where_the_test_says_so(seed):
    """Clipped water-filling against the optimum: the same factor leverages where every asset is
    implementable, a strict relaxation elsewhere.
    """
    rng = np.random.default_rng(150_000 + seed)
    event = cross(rng)
    loading = rng.normal(size=len(event.book.assets))
    aimed = adl.factor_targets(event, loading)
    policy = adl.factor_water_filling(event, loading)
    law = adl.OneFactor(loading, adl.Scenarios([1.0]), meant=True).align(event.book.assets)
    from adl_opt.evaluation.symbols import SymbolsAt

    mine, targets = SymbolsAt(event, law, policy.amount).factor_leverage, aimed.attrs["targets"].to_numpy()
    best, relaxed = event.book.equity @ mine**2, event.book.equity @ targets**2
    assert relaxed <= best * (1 + TOL.formula)
    if aimed["implementable"].all():
        assert targets == pytest.approx(mine, abs=1e-5 * max(np.abs(mine).max(), 1e-9))
    else:
        assert len(event.free_assets) > 1 and relaxed < best * (1 - TOL.rounding)
    assert aimed["closed"].to_numpy() == pytest.approx((aimed["required"] + aimed["missed"]).to_numpy())


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(40))
def test_problems_under_one_factor_are_solved_for_every_risk_at_once(seed):
    """Thm 3 inside Problem: the same allocation for every monotone measure, proved move by move, equal to the
    programs that know no theorem.
    """
    rng = np.random.default_rng(160_000 + seed)
    event = cross(rng)
    moves = rng.standard_t(3, 12) * 0.3
    law = adl.OneFactor(
        rng.normal(size=len(event.book.assets)), adl.Scenarios(moves, rng.dirichlet(np.ones(12)), meant=True)
    )
    amounts = []
    for measure in (
        adl.ExpectedLoss(),
        adl.CVaR(0.7),
        adl.WorstCase(),
        adl.Spectral([0.2, 0.3, 0.5]),
        adl.ExpectedLoss() + adl.CVaR(0.9),
    ):
        problem = adl.Problem(measure, event, law)
        formula, program = problem.solve(), problem.solve(method="conic")
        assert formula.certificate.certified and program.certificate.certified
        scale = max(program.certificate.reference, 1e-6 * float(event.book.equity.sum()))
        assert abs(formula.certificate.value - program.certificate.value) <= TOL.value * scale
        if formula.method == "closed-form":
            amounts.append(formula.amount)
    assert all(np.array_equal(one, amounts[0]) for one in amounts)


def test_a_proof_by_every_move():
    """Where the subgradient is weak (kinks), the bound comes scenario by scenario: no allocation loses less
    in any (Thm 3).
    """
    from adl_opt.certificates.pathwise import factor_gap
    from adl_opt.evaluation.symbols import SymbolsAt

    event = adl.load("factor").event(12, 0)
    law = (
        adl.OneFactor({"BTC": 1.0, "ETH": 1.3, "SOL": 1.8}, adl.Scenarios([-0.3, -0.1, 0.1, 0.4]))
        .align(event.book.assets)
        .as_scenarios_if_exact()
    )
    best = adl.factor_water_filling(event, {"BTC": 1.0, "ETH": 1.3, "SOL": 1.8})
    scale = float(event.book.equity.sum())
    assert factor_gap(event, law, SymbolsAt(event, law, best.amount)).max() <= TOL.formula * scale
    assert factor_gap(event, law, SymbolsAt(event, law, adl.pro_rata(event).amount)).max() > 1e-3 * scale


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_factors_under_limits(seed):
    """Thm 3 is of any boxes: levelled factor leverages are best in every scenario of the factor."""
    event, _ = drawn(40_000 + seed)
    rng = np.random.default_rng(seed)
    law = adl.OneFactor(
        rng.normal(size=len(event.book.assets)), adl.Scenarios(rng.standard_t(3, 8) * 0.3, meant=True)
    )
    level = adl.factor_water_filling(event, law.loading)
    assert level.certificate.certified and within(event, level.amount)
    aligned = law.for_book(event.book)
    for objective in (adl.CVaR(0.6), adl.ExpectedLoss()):
        best = adl.Problem(objective, event, law).solve(method="conic")
        proof = assess(objective, event, aligned, level.amount).certificate
        assert same_value(proof.value, best.certificate.value, best.certificate)
    targets = adl.factor_targets(event, law.loading)
    if targets["implementable"].all():
        reached = SymbolsAt(event, aligned, level.amount).factor_leverage
        scale = 1 + np.abs(targets.attrs["targets"].to_numpy()).max()
        assert np.abs(reached - targets.attrs["targets"].to_numpy()).max() <= 1e-5 * scale
    gross = adl.gross_water_filling(event)
    assert gross.certificate.certified and within(event, gross.amount)


def test_targets_of_assets_that_do_not_load_are_implementable():
    """Issue 4's adversary: an asset of loading 0 was called not implementable."""
    rows = [
        ("a", "X", -10.0, 1.0, 1.0),
        ("a", "Y", -4.0, 1.0, 1.0),
        ("b", "X", -5.0, 1.0, 2.0),
        ("b", "Y", -6.0, 1.0, 2.0),
    ]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X": 3.0, "Y": 5.0})
    for loading in ({"X": 1.0, "Y": 0.0}, {"X": 0.0, "Y": 1.0}, {"X": 0.0, "Y": 0.0}):
        assert adl.factor_targets(event, loading)["implementable"].all(), loading


@pytest.mark.parametrize("seed", count(60))
def test_gross_water_filling_of_one_asset_is_the_programs(seed):
    """The closed form of one asset to decide against the cone program that decides any number."""
    event = cross(np.random.default_rng([91, seed]), decades=2.0)
    k = int(event.free_assets[0]) if len(event.free_assets) else None
    if k is None:
        return
    name, q = event.book.assets[k], float(event.required[k])
    one = adl.Event(event.book, **{"short" if event.side[k] < 0 else "long": {name: q}})
    solved = level(adl.LeverageSquare(), one, None, np.abs(one.book.notional))
    formula = adl.gross_water_filling(one)
    assert formula.certificate.certified and formula.certificate.gap < TOL.formula
    assert formula.certificate.value == pytest.approx(solved[1].certificate.value, rel=TOL.value)
    assert formula.amount / one.size.max() == pytest.approx(solved[0] / one.size.max(), abs=1e-4)
