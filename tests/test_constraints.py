"""Protected accounts and caps: closed forms and programs against linear programs written here, certificates
against random allocations (§5, §7, Thm 1).
"""

import math
import warnings
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linprog
from typer.testing import CliRunner

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.pathwise import pathwise_gap
from adl_opt.cli.app import app
from adl_opt.evaluation.symbols import Symbols
from adl_opt.examples.events import any_allocation
from adl_opt.methods.conic.levelling import evenly, polished
from adl_opt.methods.conic.newton_model import strictly_convex
from adl_opt.methods.conic.rows import Table
from adl_opt.methods.conic.symbols import ConicSymbols
from adl_opt.methods.interior_point.expected_loss import Interior
from adl_opt.waterfill.isolated import fill
from adl_opt.waterfill.level import water_level

from .books import count, cross, frame, isolated, one_asset, scenarios
from .tolerances import TOL


def limited(rng: np.random.Generator, event: adl.Event) -> adl.Event:
    """The event's book and sides under random limits, with requirements that fit, some 0 and some all."""
    book = event.book
    limits = {
        "protected": [name for name in book.accounts if rng.random() < 0.2],
        "cap": rng.uniform(0.05, 1)
        if rng.random() < 0.5
        else {name: rng.uniform(0.05, 1) for name in book.accounts if rng.random() < 0.6},
    }
    need: dict[str, dict[str, object]] = {"short": {}, "long": {}}
    for side, sizes in need.items():
        for asset in getattr(event, side):
            capacity = float(adl.Event(book, **{side: {asset: "all"}}, **limits).capacity[asset])
            sizes[asset] = (
                "all" if (draw := rng.random()) < 0.05 else 0.0 if draw < 0.1 else capacity * rng.random()
            )
    return adl.Event(book, **need, **limits)


def drawn(seed: int, n: int = 8, decades: float = 2.0) -> tuple[adl.Event, adl.Scenarios]:
    """Isolated margin for even seeds, cross margin for odd."""
    rng = np.random.default_rng(seed)
    event = (
        isolated(rng, int(rng.integers(2, n)), decades)
        if seed % 2 == 0
        else cross(rng, int(rng.integers(2, n - 2)), 2)
    )
    event = limited(rng, event)
    return event, scenarios(rng, len(event.book.assets), 8)


def most_closed(event: adl.Event) -> np.ndarray:
    """What may be closed of each leg, contracts, leg by leg from the definition."""
    book, most = event.book, []
    for i, k, position in zip(book.account, book.asset, book.position):
        name = book.accounts[i]
        cap = event.cap.get(name, 1.0) if isinstance(event.cap, dict) else event.cap
        may = position * event.side[k] > 0 and name not in event.protected
        most.append(abs(position) * cap if may else 0.0)
    return np.array(most)


def least_expected_loss(
    event: adl.Event, law: adl.Scenarios, level: float | None = None, held: tuple[int, float] | None = None
) -> float:
    """The expected loss, or the CVaR of the total, as a linear program written here: fractions of what may be
    closed, shortfalls, tail.

    held: a leg and what it closes, contracts.
    """
    book, most, S = event.book, most_closed(event), len(law.probability)
    legs, n = len(most), len(book.accounts)
    scale = np.maximum(book.per_account(np.abs(book.notional)), book.equity)
    unit = scale.max()
    tail = S + 1 if level is not None else 0  # excesses and the quantile
    A, right = np.zeros((n * S, legs + n * S + tail)), np.zeros(n * S)
    for i in range(n):
        mine = book.account == i
        for s in range(S):
            move = law.moves[s, book.asset[mine]] * book.price[book.asset[mine]] / scale[i]
            A[i * S + s, :legs][mine] = np.sign(book.position[mine]) * most[mine] * move
            A[i * S + s, legs + i * S + s] = -1
            right[i * S + s] = book.position[mine] @ move + book.equity[i] / scale[i]
    cost = np.zeros(A.shape[1])
    bounds = [(0, 1)] * legs + [(0, None)] * (n * S)
    if held is not None:
        bounds[held[0]] = (held[1] / most[held[0]],) * 2
    if level is None:
        cost[legs : legs + n * S] = (scale[:, None] * law.probability / unit).ravel()
    else:
        above = np.zeros((S, A.shape[1]))
        for s in range(S):
            above[s, legs + s : legs + n * S : S] = scale / unit
            above[s, legs + n * S + s], above[s, -1] = -1, -1
        A, right = np.vstack([A, above]), np.concatenate([right, np.zeros(S)])
        cost[legs + n * S : -1], cost[-1] = law.probability / (1 - level), 1
        bounds += [(0, None)] * S + [(None, None)]
    clear, share = [], []
    for k in np.flatnonzero(event.capacities):
        row = np.zeros(A.shape[1])
        row[:legs] = np.where(book.asset == k, most, 0.0) / event.capacities[k]
        clear.append(row)
        share.append(event.required[k] / event.capacities[k])
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, A, right, clear or None, share or None, bounds, method="highs", options=tight)
    assert found.status == 0, found.message
    return float(found.fun) * unit


def same_value(found: float, wanted: float, certificate: adl.Certificate) -> bool:
    return abs(found - wanted) <= TOL.value * max(certificate.reference, abs(wanted), 1e3 * certificate.floor)


def within(event: adl.Event, amount: np.ndarray) -> bool:
    most, k = most_closed(event), np.flatnonzero(event.side)
    sums = [math.fsum(amount[event.closable & (event.book.asset == a)].tolist()) for a in k]
    return bool((amount >= 0).all() and (amount <= most).all()) and sums == event.required[k].tolist()


def test_worked_example():
    # Leverages 8, 4, 2 on equity 1, close 5: uncapped to 3.5; if the first may close half, he closes 4, the
    # second 1, to 3.
    event = one_asset([-8.0, -4.0, -2.0], [1.0, 1.0, 1.0], 5.0)
    assert adl.water_filling(event).amount.tolist() == pytest.approx([4.5, 0.5, 0.0])
    half = adl.Event(event.book, short={"X": 5.0}, cap={"a0": 0.5})
    assert adl.water_filling(half).amount.tolist() == [4.0, 1.0, 0.0]
    assert fill(half)[1].tolist() == [3.0]
    assert adl.water_filling(half).water_level["X"] == pytest.approx(3.0, rel=TOL.formula)
    spared = adl.Event(event.book, short={"X": 5.0}, protected=["a0"])
    assert adl.water_filling(spared).amount.tolist() == pytest.approx([0.0, 3.5, 1.5])
    assert half.capacity["X"] == 10.0 and spared.capacity["X"] == 6.0
    assert "1 account protected; cap 0.5" in repr(
        adl.Event(event.book, short={"X": 1.0}, protected=["a0"], cap=0.5)
    )
    assert "1 account capped, lowest cap 0.5" in repr(half)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_methods_agree_with_a_linear_program_written_here(seed):
    event, law = drawn(seed)
    wanted = least_expected_loss(event, law)
    for method in ("auto", "conic", "separable", *(("closed-form",) if event.book.isolated else ())):
        solved = adl.Problem(adl.ExpectedLoss(), event, law).solve(method=method)
        assert solved.certificate.certified, method
        assert same_value(solved.certificate.objective, wanted, solved.certificate), method
        assert within(solved.event, solved.amount), method


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_cvar_agrees_with_a_linear_program_written_here(seed):
    event, law = drawn(10_000 + seed)
    wanted = least_expected_loss(event, law, 0.7)
    for method in ("auto", "conic", "separable", *(("closed-form",) if event.book.isolated else ())):
        solved = adl.Problem(adl.CVaR(0.7), event, law).solve(method=method)
        assert solved.certificate.certified, method
        assert same_value(solved.certificate.objective, wanted, solved.certificate), method
        assert within(solved.event, solved.amount), method


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_smooth_laws(seed):
    event, _ = drawn(20_000 + seed)
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, len(event.book.assets)))
    for law in (adl.Gaussian(0.02 * root.T @ root), adl.StudentT(0.02 * root.T @ root, 3.5)):
        ways = [
            adl.Problem(adl.ExpectedLoss(), event, law).solve(method=method)
            for method in ("separable", "conic")
        ]
        # A program is lost in rounding where 1e-22 of the loss at pro rata is possible: then it says
        # negligible.
        assert ways[0].certificate.certified and ways[1].certificate.status in ("certified", "negligible")
        assert all(within(event, way.amount) for way in ways)
        assert same_value(ways[0].certificate.objective, ways[1].certificate.objective, ways[1].certificate)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
def test_the_bound_lies_below_every_allocation(seed):
    event, law = drawn(30_000 + seed)
    rng = np.random.default_rng(seed)
    for objective in (adl.ExpectedLoss(), adl.CVaR(0.6), adl.LeverageSquare(), adl.MaxLeverage()):
        solved = adl.Problem(objective, event, law).solve()
        bounds = [solved.certificate.bound]
        tried = [any_allocation(event, rng) for _ in range(8)]
        proofs = [assess(objective, event, law, amount).certificate for amount in tried]
        bounds += [proof.bound for proof in proofs if proof.bound is not None]
        assert all(proof.status != "infeasible" for proof in proofs)
        least = min(proof.objective for proof in proofs)
        assert max(bounds) <= least + 1e-9 * max(abs(least), solved.certificate.reference)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_capped_water_filling_is_optimal_in_every_scenario(seed):
    rng = np.random.default_rng(seed)
    event = limited(rng, isolated(rng, decades=12.0 if seed % 2 else 2.0))
    water = adl.water_filling(event)
    assert within(event, water.amount) and water.certificate.certified
    square = adl.Problem(adl.LeverageSquare(), event).solve(method="conic")
    assert square.certificate.certified
    assert same_value(square.certificate.objective, water.certificate.objective, water.certificate)
    # Strong convexity: leverages differ by no more than the gap allows.
    apart = event.book.equity @ (square.leverages()[1] - water.leverages()[1]) ** 2
    assert apart <= 2 * TOL.gap * square.certificate.objective
    law = scenarios(rng, 1, 20)
    terms = np.abs(event.book.notional).sum() * np.abs(law.moves).max() + event.book.equity.sum()
    assert pathwise_gap(event, law, water.amount).max() <= TOL.rounding * terms
    # A scenario alone: no random allocation loses less in it.
    loss = Symbols(event, law, water.amount).loss
    for _ in range(5):
        assert (Symbols(event, law, any_allocation(event, rng)).loss >= loss - TOL.formula * terms).all()
    without = adl.Problem(adl.ExpectedLoss(), event).solve()
    assert without.certificate.certified and without.unique is (None if event.free.any() else True)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(300))
def test_capped_level_in_rational_arithmetic(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    leverage, equity = 10 ** rng.uniform(-7, 7, n), 10 ** rng.uniform(-6, 6, n)
    size = (np.round(leverage) + 1 if seed % 3 == 0 else leverage) * equity
    cap = size * np.where(rng.random(n) < 0.5, 1.0, 10 ** rng.uniform(-4, 0, n))
    required = math.fsum(cap) * 10 ** rng.uniform(-12, 0)
    level, closed = water_level(size, equity, required, cap)
    assert math.fsum(closed) == required and (closed >= 0).all() and (closed <= cap).all()
    s, e, c = ([Fraction(x) for x in values] for values in (size, equity, cap))
    edges = sorted({x / y for x, y in zip(s, e)} | {(x - z) / y for x, y, z in zip(s, e, c)})

    def at(height: Fraction) -> list[Fraction]:
        return [min(max(x - height * y, Fraction(0)), z) for x, y, z in zip(s, e, c)]

    top = next(k for k in range(len(edges)) if sum(at(edges[k])) <= Fraction(required))
    high, low = edges[top], edges[top - 1]
    share = (Fraction(required) - sum(at(high))) / (sum(at(low)) - sum(at(high)))
    exact = high - share * (high - low)
    # Leverages are rounded quotients: of those that close, each may be wrong by an ulp of its size.
    touched = max(float(x) for x, part in zip(size, at(exact)) if part > 0)
    assert (
        max(abs(float(Fraction(a) - b)) for a, b in zip(closed, at(exact)))
        <= TOL.rounding * required + 4e-16 * touched
    )
    assert level == pytest.approx(float(exact), rel=TOL.formula)
    # Caps that do not bind change nothing but rounding.
    assert water_level(size, equity, required, size)[1] == pytest.approx(
        water_level(size, equity, required)[1], abs=1e-9 * required + 4e-16 * size.max()
    )


def test_ends_of_the_capped_level():
    size, equity, cap = np.array([8.0, 4.0, 2.0]), np.ones(3), np.array([4.0, 2.0, 2.0])
    level, closed = water_level(size, equity, 8.0, cap)
    assert (level, closed.tolist()) == (0.0, [4.0, 2.0, 2.0])
    level, closed = water_level(size[:2], equity[:2], 6.0, cap[:2])
    assert (level, closed.tolist()) == (2.0, [4.0, 2.0])
    assert water_level(size, equity, 0.0, cap)[0] == 8.0
    # Between who must close no more and who does not close yet any level will do.
    level, closed = water_level(np.array([9.0, 2.0]), np.ones(2), 3.0, np.array([3.0, 2.0]))
    assert 2.0 <= level <= 6.0 and closed.tolist() == [3.0, 0.0]


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_limits_that_limit_nothing_change_nothing(seed):
    rng = np.random.default_rng(seed)
    event = isolated(rng) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets), 8)
    everyone = dict.fromkeys(event.book.accounts, 1.0)
    for cap in (1.0, 1, everyone):
        same = adl.Event(event.book, short=event.short, long=event.long, protected=[], cap=cap)
        assert not same.capped and same.cap == 1.0 and repr(same) == repr(event)
        for method in ("auto", "separable", "conic"):
            one, two = (adl.Problem(adl.ExpectedLoss(), e, law).solve(method=method) for e in (event, same))
            assert one.amount.tobytes() == two.amount.tobytes() and one.certificate == two.certificate


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_protected_accounts_are_as_good_as_absent(seed):
    """Isolated margin: who is protected takes no part; the others close what they would in a book without
    him.
    """
    rng = np.random.default_rng(seed)
    event = isolated(rng, int(rng.integers(4, 15)), 2.0)
    names = [str(name) for name in event.book.accounts[rng.random(len(event.book.accounts)) < 0.3]]
    table = event.book.to_frame()
    rest = (
        adl.Book.from_frame(table[~table["account"].isin(names)]) if len(names) < len(table) else event.book
    )
    side = "short" if event.side[0] < 0 else "long"
    with_them = adl.Event(event.book, **{side: {"X": "40%"}}, protected=names)
    without = adl.Event(rest, **{side: {"X": "40%"}})
    kept = ~np.isin(event.book.accounts.astype(str), names)
    assert adl.water_filling(with_them).amount[kept].tolist() == pytest.approx(
        adl.water_filling(without).amount.tolist()
    )
    assert not adl.water_filling(with_them).amount[~kept].any()


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
        assert same_value(proof.objective, best.certificate.objective, best.certificate)
    targets = adl.factor_targets(event, law.loading)
    if targets["implementable"].all():
        reached = Symbols(event, aligned, level.amount).factor_leverage
        scale = 1 + np.abs(targets.attrs["targets"].to_numpy()).max()
        assert np.abs(reached - targets.attrs["targets"].to_numpy()).max() <= 1e-5 * scale
    gross = adl.gross_water_filling(event)
    assert gross.certificate.certified and within(event, gross.amount)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_ranges_hold_what_random_optima_close(seed):
    """What is optimal besides, by programs: preferred optima and those of every method lie inside, and the
    ends are optimal.
    """
    event, law = drawn(50_000 + seed)
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    best = problem.solve()
    found = adl.optimal_range(problem)
    sign, room = np.sign(event.book.position), 1e-6 * event.held + 1e-300
    least, most = sign * found["least"].to_numpy(), sign * found["most"].to_numpy()
    assert (least >= -room).all() and (most <= most_closed(event) + room).all()
    level, *others = (problem.solve(prefer=p) for p in ("water-filling", "fewest-accounts", "keep-hedges"))
    square = [event.book.equity @ one.leverages()[1] ** 2 for one in (level, best, *others)]
    if best.certificate.objective > 1e3 * best.certificate.floor:
        assert square[0] <= min(square) * (1 + 1e-5)
    for one in (best, level, *others):
        assert one.certificate.certified and within(event, one.amount)
        if (
            best.certificate.objective > 1e3 * best.certificate.floor
        ):  # next to nothing is lost: more counts as optimal than is
            assert (one.amount >= least - room).all() and (one.amount <= most + room).all()
    if best.unique:
        assert (most - least <= 1e-6 * event.held).all()
    leg = int(np.argmax((most - least) / np.maximum(event.held, 1e-300)))
    if most[leg] - least[leg] > 1e-3 * event.held[leg]:  # the ends of the widest are optimal
        for end in (least[leg], most[leg]):
            value = least_expected_loss(event, law, held=(leg, min(end, event.size[leg])))
            assert same_value(value, best.certificate.objective, best.certificate)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_shadow_prices_are_slopes_of_the_value(seed):
    event, law = drawn(60_000 + seed)
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    ends = solved.shadow_price_range
    if solved.certificate.objective <= 1e3 * solved.certificate.floor:
        return
    for k in event.free_assets:
        asset, step = (
            event.book.assets[k],
            1e-4 * min(event.required[k], event.capacities[k] - event.required[k]),
        )
        values = []
        for change in (-step, step):
            need = {"short": event.short, "long": event.long}
            need["short" if event.side[k] < 0 else "long"][asset] += change
            values.append(
                adl.Problem(adl.ExpectedLoss(), event.with_requirement(**need), law)
                .solve()
                .certificate.objective
            )
        more, last = (
            (solved.certificate.objective - values[1]) / step,
            (values[0] - solved.certificate.objective) / step,
        )
        noise = 1e-6 * max(abs(more), abs(last)) + 1e-9 * solved.certificate.reference / step
        least, most = ends.loc[asset, "least"], ends.loc[asset, "most"]
        assert more - noise <= least <= most <= last + noise
        assert more - noise <= solved.shadow_prices[asset] <= last + noise


def test_what_breaks_a_limit_is_infeasible_by_how_much():
    event = one_asset([-8.0, -4.0, -2.0], [1.0, 1.0, 1.0], 5.0)
    free = adl.water_filling(event)  # 4.5, 0.5, 0
    half = adl.Event(event.book, short={"X": 5.0}, cap={"a0": 0.5})
    proof = adl.certify(adl.LeverageSquare(), half, None, free)
    assert (
        proof.status == "infeasible" and proof.box_violation == pytest.approx(0.5 / 8) and proof.gap is None
    )
    assert "1 legs are closed beyond their cap" in proof.proof
    spared = adl.Event(event.book, short={"X": 5.0}, protected=["a1"])
    proof = adl.certify(adl.LeverageSquare(), spared, None, free)
    assert proof.status == "infeasible" and proof.box_violation == pytest.approx(0.5 / 4)
    assert "1 legs of protected accounts are closed" in proof.proof
    line = adl.compare(half, policies=[lambda _: free, adl.pro_rata], measures=[adl.LeverageSquare()])
    assert math.isnan(line["LeverageSquare gap"].iloc[0]) and line["LeverageSquare gap"].iloc[1] > 0


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_symbols_of_both_sides_agree(seed):
    """§17: at random allocations the CVXPY side says of every symbol what numpy says."""
    event, law = drawn(70_000 + seed)
    if not event.free.any():
        return
    rng = np.random.default_rng(seed)
    factor = (
        adl.OneFactor(rng.normal(size=len(event.book.assets)), adl.Scenarios([-0.3, 0.4]))
        .align(event.book.assets)
        .as_scenarios_if_exact()
    )
    fraction = cp.Variable(int(event.free.sum()), bounds=[0, 1])
    for moves, names in (
        (
            law,
            (
                "fraction",
                "closed",
                "left",
                "exposure",
                "leverage",
                "expected_shortfall",
                "shortfall",
                "loss",
                "expected_loss",
            ),
        ),
        (factor, ("factor_leverage",)),
    ):
        program = ConicSymbols(Table(event, moves, 1.0), fraction, plain=True)
        amount = any_allocation(event, rng)
        fraction.value = (amount / np.where(event.size > 0, event.size, 1.0))[event.free]
        m = Symbols(event, moves, amount)
        for name in names:
            one, two = np.asarray(getattr(program, name).value, float), np.asarray(getattr(m, name), float)
            scale = max(
                np.abs(event.book.notional).sum() * max(np.abs(moves.moves).max(), 1),
                event.book.equity.sum(),
                np.abs(two).max(),
            )
            assert np.abs(one - two).max() <= TOL.formula * scale, name


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_what_fixed_accounts_lose_is_counted(seed):
    """One asset is closed as far as may be, another in part: what the accounts of the first alone lose is
    known to the interior point.
    """
    rng = np.random.default_rng(seed)
    table = frame(
        ["a", "b", "c", "d"], ["X", "X", "Y", "Y"], rng.uniform(-9, -4, 4), 1.0, rng.uniform(0.5, 1.5, 4)
    )
    event = adl.Event(adl.Book.from_frame(table), short={"X": "all", "Y": "40%"}, cap=0.6)
    law = adl.Gaussian(0.02 * np.eye(2)).align(event.book.assets)
    known = Symbols(event, law, event.fixed_fraction * event.size).expected_shortfall[:2].sum()
    assert Interior(event, law).rest == pytest.approx(known, rel=TOL.formula)


def test_a_capped_account_that_still_can_lose_leaves_one_optimum():
    # Longs of 4 on equities of 1 and 2: what stays of the first, 2.1, can lose more than 1; 0.1, of what may
    # be closed, could not.
    table = frame(["a", "b"], "X", [4.0, 4.0], 1.0, [1.0, 2.0])
    event = adl.Event(adl.Book.from_frame(table), long={"X": 1.9}, cap=0.5)
    law = adl.LogNormal({"X": 0.8}, None, 1.0)
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    assert solved.amount == pytest.approx([1.9, 0.0]) and solved.unique is True
    assert strictly_convex(adl.ExpectedLoss(), event, law.align(event.book.assets), solved.amount)


def test_even_closing_is_of_what_may_be_closed():
    # Gross leverages 26/26 and 36/36 after closing 4 each; x_1A = t, x_1B = 4 - t, x_2A = 4 - t, x_2B = t.
    # With closable notionals 10, 20, 15, 5
    # the least sum of x^2 / notional is at (1/10 + 1/5) t = (1/20 + 1/15) (4 - t).
    table = frame(
        [1, 1, 2, 2], ["A", "B", "A", "B"], [-10.0, -20.0, -30.0, -10.0], 1.0, [26.0, 26.0, 36.0, 36.0]
    )
    event = adl.Event(adl.Book.from_frame(table), short={"A": 4.0, "B": 4.0}, cap={1: 1.0, 2: 0.5})
    t = (7 / 60) * 4 / (3 / 10 + 7 / 60)
    wanted = [t, 4 - t, 4 - t, t]
    assert adl.gross_water_filling(event).amount == pytest.approx(wanted, rel=1e-6)
    assert adl.factor_water_filling(event, {"A": 1.0, "B": 1.0}).amount == pytest.approx(wanted, rel=1e-6)
    near = np.array(wanted) + 0.5 * np.array([1, -1, -1, 1])
    assert evenly(event, event.notional, near) == pytest.approx(
        wanted, rel=1e-4
    )  # an interior point: to the root of its gap
    assert polished(event, np.abs(event.book.notional), evenly(event, event.notional, near)) == pytest.approx(
        wanted, rel=1e-9
    )


def test_the_most_level_optimum_where_all_are_optimal():
    """Only account 3 loses, whatever is closed: of all allocations the most level in gross leverage is the
    one of gross water-filling.
    """
    table = frame(
        [1, 1, 2, 2, 3],
        ["A", "B", "A", "B", "Y"],
        [-10.0, -20.0, -30.0, -10.0, -9.0],
        1.0,
        [20.0, 20.0, 30.0, 30.0, 2.0],
    )
    event = adl.Event(adl.Book.from_frame(table), short={"A": 6.0, "B": 4.0}, cap={2: 0.5})
    law = adl.Scenarios({"A": [0.01, -0.01], "B": [0.01, 0.0], "Y": [0.5, 0.6]})
    level = adl.Problem(adl.ExpectedLoss(), event, law).solve(prefer="water-filling")
    assert level.certificate.certified and level.certificate.objective > 1
    assert level.leverages()[1] == pytest.approx(adl.gross_water_filling(event).leverages()[1], rel=1e-5)


def test_polish_levels_what_is_left():
    """Account 2 may close at most a tenth; the others are levelled to rounding, over what of each position
    stays.
    """
    table = frame(
        [1, 1, 2, 2, 3, 3],
        ["A", "B"] * 3,
        [-6.0, -5.0, -40.0, -30.0, -9.0, -4.0],
        1.0,
        [1.0, 1.0, 3.0, 3.0, 2.0, 2.0],
    )
    event = adl.Event(
        adl.Book.from_frame(table), short={"A": 9.0, "B": 7.0}, cap={"2": 0.1, "1": 0.9, "3": 0.8}
    )
    best = adl.Problem(adl.LeverageSquare(), event).solve(method="conic")
    start = np.where(best.amount > (1 - 1e-6) * event.size, event.size, best.amount * (1 - 1e-4))
    exact = polished(event, np.abs(event.book.notional), start)
    value = Symbols(event, None, exact).leverage ** 2 @ event.book.equity
    assert within(event, exact) and value <= best.certificate.objective * (1 + TOL.formula)


def test_prices_at_the_ends_of_what_may_be_closed():
    # A rise of 50 %: 8 shorts lose 4, 3 above equity; each contract closed saves 0.5, the first as the last
    # that may be.
    event = one_asset([-8.0], [1.0], 0.0)
    law = adl.Scenarios([0.5])
    for required in (0.0, 1.0, "all"):
        limits = adl.Event(event.book, short={"X": required}, cap=0.5)
        solved = adl.Problem(adl.ExpectedLoss(), limits, law).solve()
        assert solved.shadow_prices["X"] == pytest.approx(0.5) and solved.certificate.certified
    assert limits.short == {"X": 4.0} and solved.unique is True
    assert "all of it that may be closed is required" in solved.explain("a0")


def test_programs_of_different_caps_are_not_mixed_up():
    event, law = one_asset([-8.0, -4.0], [1.0, 1.0], 3.0), adl.Scenarios([0.2, 0.5])
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    half = adl.Event(event.book, short={"X": 3.0}, cap=0.5)
    program = problem._compiled.program
    assert program(event) is program(event.with_requirement(short={"X": 2.0}))
    assert program(event) is not program(half)


def test_limits_travel(tmp_path):
    table = frame(
        ["a", "a", "b", "b", "c"],
        ["X", "Y", "X", "Y", "X"],
        [-6.0, 2.0, -5.0, -3.0, -9.0],
        1.0,
        [1.0, 1.0, 2.0, 2.0, 1.5],
    )
    book = adl.Book.from_frame(table)
    law = adl.Scenarios({"X": [0.4, 0.9, -0.3], "Y": [0.2, 0.8, 0.1]})
    event = adl.Event(book, short={"X": 4.0}, protected=np.array(["c"]), cap={"b": 0.5, "a": 1.0})
    assert event.protected == ("c",) and event.cap == {"b": 0.5} and event.capacity["X"] == 8.5
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    solved = problem.solve(short={"X": 8.0})
    assert (
        solved.event.protected == ("c",)
        and solved.event.cap == {"b": 0.5}
        and within(solved.event, solved.amount)
    )
    solved.save(tmp_path / "a.json")
    again = adl.Allocation.load(tmp_path / "a.json")
    assert (
        again.event.protected == ("c",) and again.event.cap == {"b": 0.5} and again.event.capacity["X"] == 8.5
    )
    assert adl.certify(adl.ExpectedLoss(), again.event, law, again).certified
    # All that may be closed: the sweep ends at 8.5, and a contract more is an error that names the limits.
    assert problem.sweep(short={"X": [2.0, 8.5]})["status"].tolist() == ["certified"] * 2
    with pytest.raises(
        adl.EventError, match=r"8.5 may be closed \(1 account protected, 1 account capped, lowest cap 0.5\)"
    ):
        problem.solve(short={"X": 9.0})
    assert "protected" in solved.explain("c") and "c" in repr(solved.event)
    assert adl.Event(book, short={"X": "all"}, cap=0.5).short == {"X": 10.0}


def test_reasons_name_the_limits():
    event = one_asset([-8.0, -4.0, -2.0, 1.0], [1.0, 1.0, 1.0, 1.0], 5.0)
    law = adl.Scenarios([0.2, 0.5, 1.0])
    limits = adl.Event(event.book, short={"X": 5.0}, cap={"a0": 0.5}, protected=["a2"])
    solved = adl.Problem(adl.ExpectedLoss(), limits, law).solve()
    assert "a0: closed to its cap" in solved.explain(
        "a0"
    ) and "to its cap; its last contract saved" in solved.explain("a0")
    assert "a2: protected, nothing of it may be closed" in solved.explain("a2")
    assert "stays, the account is protected" in solved.explain("a2")
    assert "only shorts are closed" in solved.explain("a3")


def test_realized_under_limits():
    table = frame(["a", "b"], "X", [-4.0, -4.0], 1.0, [1.0, 2.0]).assign(realized_closed=[-3.0, -1.0])
    book = adl.Book.from_frame(table)
    event = adl.realized_event(book, cap=0.5)
    assert event.short == {"X": 4.0} and event.capped
    assert adl.realized(event).certificate.status == "infeasible"
    assert adl.realized(adl.realized_event(book, cap=0.75)).certificate.status != "infeasible"


def test_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_asset([-8.0, -4.0, -2.0], [1.0, 1.0, 1.0], 5.0).book.to_frame().to_csv("b.csv", index=False)
    run = CliRunner().invoke
    done = run(app, ["solve", "b.csv", "--short", "X=5", "--protect", "a1", "--cap", "1/2", "-o", "o.json"])
    assert done.exit_code == 0 and "1 account protected; cap 0.5" in done.output
    assert adl.Allocation.load("o.json").amount.tolist() == [4.0, 0.0, 1.0]
    done = run(
        app, ["compare", "b.csv", "--short", "X=5", "--protect", "a1", "--protect", "a2", "--cap", "0.7"]
    )
    assert done.exit_code == 0 and "water_filling" in done.output
    assert run(app, ["range", "b.csv", "--short", "X=3", "--cap", "0.5"]).exit_code == 0
    for words, says in (
        ("--protect a9", "'a9'"),
        ("--cap 2", "cap = 2.0"),
        ("--cap 0.25", r"3.5 may be closed"),
    ):
        failed = run(app, ["solve", "b.csv", "--short", "X=5", *words.split()])
        assert isinstance(failed.exception, adl.AdlError) and says in str(failed.exception)


def test_users_own_objective_sees_fractions_of_the_position():
    """`fraction` is of the position on both sides (§17), whatever the cap."""

    class Even(adl.Objective):
        money = 0

        def express(self, m):
            return cp.sum_squares(m.fraction) + cp.sum_squares(
                m.closed - cp.multiply(m.event.book.position, m.fraction)
            )

        def value(self, m):
            return float((m.fraction**2).sum())

    event = one_asset([-8.0, -8.0, -8.0], [1.0, 1.0, 1.0], 9.0)
    solved = adl.Problem(Even(), adl.Event(event.book, short={"X": 9.0}, cap={"a0": 0.25})).solve()
    assert solved.certificate.certified
    assert solved.amount == pytest.approx([2.0, 3.5, 3.5], rel=1e-4)


def test_many_accounts_under_limits():
    """The methods of scale: prices, not programs, and certified; uncertified answers would warn."""
    book = adl.examples.book(20_000, seed=3)
    law = adl.LogNormal(dict.fromkeys(book.assets, 0.8), 0.7, 1 / 365)
    cap = dict(zip(book.accounts[::3], np.random.default_rng(0).uniform(0.2, 1.0, len(book.accounts[::3]))))
    event = adl.Event(
        book, short=dict.fromkeys(book.assets[:2], "30%"), protected=book.accounts[::7], cap=cap
    )
    covariance = law.covariance_of_moves()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for moves in (adl.Gaussian(covariance), law.sample(64, seed=1)):
            solved = adl.Problem(adl.ExpectedLoss(), event, moves).solve(method="separable")
            assert solved.certificate.certified and not solved.amount[event.shielded].any()
            assert (solved.amount <= event.size).all()
