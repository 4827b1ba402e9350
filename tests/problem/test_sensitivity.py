"""Derivatives of optima against quotients of differences of optima: two independent ways."""

import warnings

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.derivatives import of_law
from adl_opt.problem.responses import Smooth, level_of
from adl_opt.problem.sensitivity import PARAMETERS
from tests.books import count, cross, elliptical, frame, isolated, one_asset, scenarios
from tests.tolerances import TOL

STEPS = 1e-3, 1e-4  # relative, of every parameter at once; smaller ones show the digits of a solver
DECIDES = 1e-6  # of the value: what closing saves, below which a solver does not find amounts to their digits
EXACT = 1e-3, 1e-5, 1e-7  # where a formula gives the optimum


def moved(event, law, change, marked=False):
    """The event and the law under other numbers: `change` by kind, an array each of relative changes.

    marked: equities move with prices too, a long by position x (new - old), or of an inverse contract by
    position x (1 / old - 1 / new) of its mark.
    """
    book = event.book
    price, equity = book.price * (1 + change["price"]), book.equity * (1 + change["equity"])
    inverse, asset = book.inverse[book.asset], book.asset
    marks = np.where(book.inverse, 1 / price, price)[asset]
    if marked:
        old = book.quoted[asset]
        gain = book.position * np.where(inverse, 1 / old - 1 / marks, marks - old)
        equity = equity + np.array([gain[book.account == i].sum() for i in range(len(equity))])
    labels = book.accounts[book.account], np.array(book.assets, dtype=object)[asset]
    rows = frame(*labels, book.position, marks, equity[book.account])
    if inverse.any():
        rows["contract_type"], rows["settlement"], rows["contract_size"] = "inverse", book.currency, 1.0
    required = event.required * (1 + change["requirement"])
    need = {
        side: {book.assets[k]: required[k] for k in np.flatnonzero(event.side == sign)}
        for side, sign in (("short", -1), ("long", 1))
    }
    size = 1 + change["volatility"]
    if isinstance(law, adl.LogNormal):
        law = adl.LogNormal(law.volatility * size, law.correlation, law.horizon, meant=True)
    elif isinstance(law, adl.Gaussian):
        scale = law.scale * np.outer(size, size)
        dof = (law.dof,) if isinstance(law, adl.StudentT) else ()
        law = type(law)(scale, *dof, law.mean, meant=True)
    limits = {"protected": event.protected, "cap": event.cap}
    return adl.Event(adl.Book.from_frame(rows), **need, **limits), law


def direction(rng, event, kinds=PARAMETERS):
    """A random relative change of all parameters; of requirements only where something is decided."""
    sizes = {"equity": len(event.book.equity)}
    change = {
        kind: rng.normal(size=sizes.get(kind, len(event.side))) * (kind in kinds) for kind in PARAMETERS
    }
    change["requirement"] *= np.isin(np.arange(len(event.side)), event.free_assets)
    return change


def predicted(sensitivity, change):
    """(d value, d closed (legs,) or None) along a direction, by the table and the movements."""
    value, closed = 0.0, 0.0
    for row in sensitivity.to_frame().itertuples():
        number = dict(map(reversed, sensitivity._names(row.parameter)))[row.of]
        if not change[row.parameter][number]:
            continue
        step = change[row.parameter][number] * row.at
        value += row.derivative * step
        movement = sensitivity.closing(row.parameter, row.of)
        closed = None if movement is None or closed is None else closed + movement.to_numpy() * step
    return value, closed


def solve(objective, event, law):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        return adl.Problem(objective, event, law).solve(tol=1e-8)


def times(size, change):
    return {kind: size * x for kind, x in change.items()}


def ends(event, closed):
    """Which legs are left whole (0), closed in part (1), as far as may be (2)."""
    share = np.abs(closed) / np.where(event.free, event.size, 1.0)
    return np.where(event.free, 1 + (share > 1 - 1e-9) - (share < 1e-9), 0)


def quotient(objective, event, law, change, here, steps=STEPS, marked=False):
    """(d value, d closed (legs,)) along a direction: central quotients of two steps, extrapolated; of the
    first step within which the same legs are closed in part as at the optimum `here`, None if there is none.
    """
    for step in steps:
        found, same = [], True
        for size in (step, step / 2):
            up, down = (
                solve(objective, *moved(event, law, times(sign * size, change), marked)) for sign in (1, -1)
            )
            # Tails are steep: their logarithms are straighter.
            logs = [np.log(max(one.certificate.value, np.finfo(float).tiny)) for one in (up, down)]
            value = here.certificate.value * (logs[0] - logs[1])
            found.append(np.append(value, up.closed_by_leg - down.closed_by_leg) / (2 * size))
            alike = ends(event, here.closed_by_leg)
            same = same and all((ends(event, one.closed_by_leg) == alike).all() for one in (up, down))
        if same:
            both = (4 * found[1] - found[0]) / 3
            return both[0], both[1:]
    return None


def agree(objective, event, law, rng, kinds=PARAMETERS, steps=STEPS, marked=False):
    """Whether derivatives were told and agree with quotients: (of the value, of what is closed)."""
    best = solve(objective, event, law)
    if not best.certificate.certified:
        return False, False
    sensitivity, change = best.sensitivity(marked), direction(rng, event, kinds)
    value, closed = predicted(sensitivity, change)
    if value != value:
        assert any(sensitivity.to_frame()["why"])
        return False, False
    quotients = quotient(objective, event, law, change, best, steps, marked)
    if quotients is None:
        return False, False
    by_value, by_closed = quotients
    # Terms of a direction cancel; errors are of their size.
    assert abs(value - by_value) <= TOL.derivative * (best.certificate.value + abs(value))
    saved = np.nansum(best.shadow_price_by_asset * event.required)
    if closed is None or saved <= DECIDES * best.certificate.value:
        return True, False
    assert np.abs(closed - by_closed).max() <= TOL.movement * np.maximum(np.abs(closed), event.size).max()
    return True, True


def test_smooth_optima_in_cross_margin():
    told = []
    for seed in count(60):
        rng = np.random.default_rng(seed)
        event = cross(rng, d=2, decades=1.0)
        told += [
            agree(adl.ExpectedLoss(), event, law, rng) for law in elliptical(rng, len(event.book.assets))
        ]
    value, closed = np.mean(told, axis=0)
    assert (
        value > 0.6 and closed > 0.35
    )  # others have every requirement at an end, or next to nothing at stake


def test_lognormal_prices_and_their_volatilities(paper):
    law, rng = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365), np.random.default_rng(0)
    assert agree(adl.ExpectedLoss(), paper, law, rng, steps=(1e-3,)) == (True, False)
    assert agree(adl.ExpectedLoss(), paper, law, rng, PARAMETERS[:3], (1e-3,)) == (True, True)


def test_many_accounts():
    """Of 2,000 accounts those closed in part are found; what moves is what is required."""
    model = adl.load("gaussian")
    best = solve(adl.ExpectedLoss(), model.event(2_000, 0), model.law)
    found, book = best.sensitivity(), best.event.book
    assert not found.by_account().attrs["why"]
    assert found.by_account()["closed"].max() <= 0
    for asset in best.event.required_assets:
        moved = found.closing("requirement", asset)
        by_asset = moved.abs().groupby("asset").sum()
        signed = (moved * -1).groupby("asset").sum()
        assert signed[asset] == pytest.approx(1.0, rel=TOL.formula) and by_asset[asset] >= 1 - TOL.formula
        assert (signed.drop(asset).abs() <= TOL.formula * book.price.max()).all()
    small = solve(adl.ExpectedLoss(), model.event(60, 0), model.law)
    assert agree(adl.ExpectedLoss(), small.event, model.law, np.random.default_rng(0), steps=(1e-4,)) == (
        True, True
    )  # fmt: skip


def test_leverages_beside_the_expected_loss(paper):
    law = adl.Gaussian(np.array([[0.02, 0.01], [0.01, 0.03]]), [0.01, -0.02])
    for weight in (1e-4, 1e-2):
        both = adl.ExpectedLoss() + weight * adl.LeverageSquare()
        assert agree(both, paper, law, np.random.default_rng(0)) == (True, True)


@pytest.mark.parametrize(
    "objective", [adl.LeverageSquare(), adl.LeveragePower(3.0), adl.ExpectedLoss()], ids=str
)
def test_water_filling(objective):
    told = []
    for seed in count(200):
        rng = np.random.default_rng(seed)
        event = isolated(rng, decades=2.0)
        law = elliptical(rng, 1)[seed % 2] if isinstance(objective, adl.ExpectedLoss) else None
        kinds = PARAMETERS[:3] if law is None else PARAMETERS
        told.append(agree(objective, event, law, rng, kinds, EXACT))
    assert np.mean(told, axis=0).min() > 0.5


def whole_numbers(rng):
    """A book and scenarios in small whole numbers and quarters: optima on kinks."""
    n = 4
    rows = [(f"a{i}", f"X{k}", float(rng.integers(-6, 4)), 1.0, i + 1.0) for i in range(n) for k in range(2)]
    rows[0] = ("a0", "X0", -6.0, 1.0, 1.0)
    event = adl.Event(adl.Book.from_frame(frame(*zip(*rows))), short={"X0": 1.0})
    need = float(rng.integers(1, int(event.capacity["X0"])))
    moves = rng.choice([-0.5, -0.25, 0.25, 0.5, 1.0], (6, 2))
    return event.with_requirement(short={"X0": need}), adl.Scenarios(moves)


def on_one_level(rng):
    """Shorts of whole leverages, and scenarios at whose edge such a level stands."""
    leverage = rng.integers(2, 9, 4).astype(float)
    event = one_asset(-2 * leverage, np.full(4, 2.0), float(rng.integers(2, 12)))
    return event, adl.Scenarios([0.1, 0.25, 0.5, 1 / 3, 0.2, -0.2])


def anything(rng):
    event = cross(rng, decades=1.0)
    return event, scenarios(rng, len(event.book.assets), int(rng.integers(4, 20)))


def hedged(rng, inverse=False, d=2):
    """Accounts in hedge mode, a short and a long in one asset; inverse: of 1 USD each, settled in coin."""
    n = int(rng.integers(2, 6))
    marks = np.round(1000 * (1 + rng.random(d)))
    rows = []
    for i in range(n):
        sides = [(k, s) for k in range(d) for s in (-1, 1) if s < 0 or rng.random() < 0.7]
        size = rng.integers(40, 120, len(sides)).astype(float)
        worth = sum(q / marks[k] if inverse else q * marks[k] for q, (k, _) in zip(size, sides))
        rows += [
            (f"a{i}", f"X{k}", s * q, marks[k], worth / rng.uniform(2, 12)) for q, (k, s) in zip(size, sides)
        ]
    table = frame(*zip(*rows))
    table["equity"] = table.groupby("account")["equity"].transform("first")
    if inverse:
        table["contract_type"], table["settlement"], table["contract_size"] = "inverse", "BTC", 1.0
    need = {f"X{k}": float(np.round(20 * n * (1 + rng.random()))) for k in range(d)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some contracts are inverse
        return adl.Event(adl.Book.from_frame(table), short=need)


def hedged_linear(rng):
    event = hedged(rng, d=1)
    return event, adl.Scenarios(rng.uniform(-0.3, 0.6, 12), rng.dirichlet(np.ones(12)), meant=True)


def hedged_inverse(rng):
    event = hedged(rng, True, d=1)
    return event, adl.Scenarios(rng.uniform(-0.3, 0.6, 12), rng.dirichlet(np.ones(12)), meant=True)


SIDES = [whole_numbers, on_one_level, anything, hedged_linear, hedged_inverse]


@pytest.mark.parametrize("made", SIDES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("marked", [False, True], ids=["held", "marked"])
def test_either_side_of_a_linear_program(made, marked):
    """The value is linear in pieces: quotients to either side are its derivatives there, kink or not."""
    step, told, kinks = 1e-6, 0, 0
    for seed in count(400 if marked and made in SIDES[3:] else 100):  # the optimum is seldom the only one
        rng = np.random.default_rng(seed)
        event, law = made(rng)
        best = solve(adl.ExpectedLoss(), event, law)
        found, value = best.sensitivity(marked), best.certificate.value
        for kind in ("price",) if marked else PARAMETERS[:3]:
            names = found._names(kind)
            for number, _ in (names[j] for j in rng.permutation(len(names))[:2]):
                sides = np.array([found.values[kind].below[number], found.values[kind].above[number]])
                if np.isnan(sides).any():
                    assert found.values[kind].why[number].startswith("None: ")
                    continue
                change = {one: np.zeros(len(found.values[one].below)) for one in PARAMETERS}
                change[kind][number] = step
                other = [
                    solve(adl.ExpectedLoss(), *moved(event, law, times(s, change), marked)) for s in (-1, 1)
                ]
                size = step * found.at[kind][number]
                quotients = [s * (one.certificate.value - value) / size for s, one in zip((-1, 1), other)]
                scale = max(*np.abs(quotients), value / found.at[kind][number], np.finfo(float).tiny)
                assert np.abs(sides - quotients).max() <= TOL.derivative * scale
                told, kinks = told + 1, kinks + (sides[0] != sides[1])
    assert told > (3 if marked else 20) and (marked or made not in SIDES[:2] or kinks > 3)


@pytest.mark.parametrize("inverse", [False, True], ids=["linear", "inverse"])
@pytest.mark.parametrize("marked", [False, True], ids=["held", "marked"])
def test_smooth_optima_in_hedge_mode_and_of_inverse_contracts(inverse, marked):
    """Two positions of an account in one asset are summed; a long of an inverse contract gains in coin."""
    told = []
    law = adl.LogNormal([0.9], None, 60 / 365) if inverse else adl.Gaussian(0.04)
    for seed in count(100):
        rng = np.random.default_rng(seed)
        event = hedged(rng, inverse, 1)
        kinds = ("price",) if marked else PARAMETERS[:3]
        told.append(agree(adl.ExpectedLoss(), event, law, rng, kinds, steps=(1e-4,), marked=marked))
    assert np.mean(told, axis=0).min() > 0.3, np.mean(told, axis=0)


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2]])
def test_a_price_in_hedge_mode_by_hand(order):
    """Closed are 3 of a's 10 short: it is 3 short on balance, fails in both moves, b in the larger one."""
    rows = [("a", "X", -10.0, 10.0, 1.0), ("a", "X", 4.0, 10.0, 1.0), ("b", "X", -8.0, 10.0, 30.0)]
    event = adl.Event(adl.Book.from_frame(frame(*zip(*(rows[j] for j in order)))), short={"X": 3.0})
    best = solve(adl.ExpectedLoss(), event, adl.Scenarios([0.5, 0.2]))
    assert np.sort(best.amount).tolist() == [0.0, 0.0, 3.0]
    felt = 0.5 * (3 * 0.5 + 8 * 0.5) + 0.5 * 3 * 0.2
    for marked, by_hand in ((False, felt), (True, felt + 6 + 0.5 * 8)):  # a owes 6 more for sure
        below, above, _ = best.sensitivity(marked).values["price"]
        assert [below[0], above[0]] == pytest.approx([by_hand, by_hand], rel=TOL.formula)


def test_margin_of_an_account_in_hedge_mode():
    """The account itself closes what its equity moves, whichever of its two positions stands first."""
    rows = [("a", "X", -10.0, 10.0, 20.0), ("a", "X", 4.0, 10.0, 20.0), ("b", "X", -8.0, 10.0, 20.0)]
    for order in ([0, 1, 2], [1, 0, 2]):
        event = adl.Event(adl.Book.from_frame(frame(*zip(*(rows[j] for j in order)))), short={"X": 3.0})
        found = solve(adl.ExpectedLoss(), event, adl.Gaussian(0.04)).sensitivity()
        mine = found.closing("equity", "a")["a"].sum()
        assert found.by_account()["closed"][0] == pytest.approx(-10.0 * mine, rel=TOL.formula) != 0


def test_prices_of_requirements_are_the_shadow_prices(paper, law):
    for event, moves in ((paper, law), on_one_level(np.random.default_rng(4))):
        solved = solve(adl.ExpectedLoss(), event, moves)
        found, known = solved.sensitivity().values["requirement"], solved.shadow_price_range
        k = event.free_assets[0]
        assert [-found.above[k], -found.below[k]] == pytest.approx(known.iloc[0].tolist(), rel=TOL.value)


def test_caps_and_protected_accounts_stay():
    event = one_asset([-10.0, -8.0, -6.0, -9.0], [1.0, 1.0, 2.0, 1.0], 8.5)
    limited = adl.Event(event.book, short={"X": 8.5}, protected=["a3"], cap={"a0": 0.3})
    rng = np.random.default_rng(1)
    for law in (adl.Gaussian(0.04), adl.StudentT(0.01, 4.0)):
        assert agree(adl.ExpectedLoss(), limited, law, rng) == (True, True)
    found = adl.water_filling(limited).sensitivity()
    assert found.closing("requirement", "X").tolist() == pytest.approx([0, -1 / 3, -2 / 3, 0])
    assert found.by_account()["closed"].tolist()[::3] == [0.0, 0.0]


def test_two_ways_to_the_same_derivatives():
    """Water-filling by its closed form, and as the implicit function of a smooth loss (THEORY 11.7)."""
    for seed in count(100):
        rng = np.random.default_rng(seed)
        event = isolated(rng, decades=1.0)
        best = solve(adl.ExpectedLoss(), event, adl.StudentT(0.09, 3.0))
        level = level_of(event, best.amount)
        smooth = Smooth(event, best.amount, best.shadow_price_by_asset, of_law(best.law))
        assert level is not None
        if smooth.unclear or level.unclear or not best.certificate.certified:
            continue
        equities = rng.normal(size=len(event.book.equity)) * event.book.equity
        for name, argument in (("by_equities", equities), ("by_requirement", 0), ("by_price", 0)):
            one, two = (getattr(way, name)(argument) for way in (level, smooth))
            assert np.abs(one - two).max() <= TOL.value * max(np.abs(one).max(), 1e-9 * event.size.max())
        own = level.by_own_equity()
        assert np.abs(own - smooth.by_own_equity()).max() <= TOL.value * np.abs(own).max()


def test_equities_that_are_marked_move_with_prices(paper):
    law = adl.Gaussian(np.array([[0.02, 0.01], [0.01, 0.03]]))
    best = solve(adl.ExpectedLoss(), paper, law)
    marked, held = best.sensitivity(marked=True), best.sensitivity()
    book, change = paper.book, {kind: np.zeros(4) for kind in PARAMETERS}
    change |= {kind: np.zeros(2) for kind in PARAMETERS if kind != "equity"}
    k = book.number_of["ETH"]
    gain = np.zeros(4)
    legs = book.legs_of[k]
    gain[book.account[legs]] = book.position[legs] * book.price[k]
    change["price"][k], change["equity"] = 1.0, gain / book.equity
    by_value, by_closed = quotient(adl.ExpectedLoss(), paper, law, change, best)
    slope = marked.values["price"].above[k] * book.price[k]
    assert slope == pytest.approx(by_value, rel=TOL.derivative)
    assert marked.closing("price", "ETH").to_numpy() * book.price[k] == pytest.approx(
        by_closed, rel=TOL.movement, abs=TOL.movement
    )
    assert held.values["price"].above[k] != pytest.approx(marked.values["price"].above[k], rel=0.01)


def test_a_dollar_of_margin(paper):
    """Of the account itself: as much as its own equity moves what is closed of it."""
    for law in (adl.Gaussian(np.array([[0.02, 0.01], [0.01, 0.03]])), adl.StudentT(np.eye(2) / 50, 3.0)):
        found = solve(adl.ExpectedLoss(), paper, law).sensitivity()
        table, price = found.by_account().set_index("account"), dict(zip(paper.book.assets, paper.book.price))
        for name in paper.book.accounts:
            mine = found.closing("equity", name)[name]
            notional = sum(abs(q) * price[asset] * (1 if q < 0 else -1) for asset, q in mine.items())
            by_hand = -notional if mine.sum() > 0 else notional
            assert abs(table["closed"][name]) == pytest.approx(abs(by_hand), rel=TOL.formula)
        assert table["closed"].max() <= 0 and table["value"].max() <= 0


TWO_MOVES = adl.Scenarios([[0.1, 0.2], [0.3, 0.2]])
WORDS = {
    "more and less are answered differently": (
        adl.LeverageSquare(), one_asset([-4.0, -2.0, -1.0], [1.0, 1.0, 1.0], 2.0), None
    ),
    "the requirement is at an end": (adl.LeverageSquare(), one_asset([-4.0, -2.0], [1.0, 1.0], 6.0), None),
    "at no cost, or at one that is rounding": (
        adl.LeverageSquare(), adl.Event(adl.examples.paper().book, short={"BTC": 5.0, "ETH": 10.0}), None
    ),
    "from which it jumps": (adl.ExpectedLoss(), adl.examples.paper(), TWO_MOVES),
    "constraint_prices says": (
        adl.ExpectedLoss(), adl.examples.paper(), TWO_MOVES, [adl.LeverageAtMost(8.0)]
    ),
    "not of CVaR": (adl.CVaR(0.9), adl.examples.paper(), TWO_MOVES),
}  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_where_there_is_no_derivative_there_is_none_and_a_reason(words):
    objective, event, law, *limits = WORDS[words]
    best = adl.Problem(objective, event, law, subject_to=limits[0] if limits else ()).solve()
    found = best.sensitivity()
    asset = event.required_assets[0]
    assert found.closing("requirement", asset) is None
    assert words in (found.why_not("requirement", asset) or "")
    frame = found.to_frame()
    assert (frame["derivative"].isna() == (frame["why"] != "")).all()


def test_a_tail_measure_in_isolated_margin_moves_as_the_water_level():
    event = one_asset([-10.0, -10.0], [1.0, 4.0], 3.0)
    found = solve(adl.CVaR(0.9), event, adl.Scenarios([0.05, 0.4])).sensitivity()
    assert found.closing("requirement", "X").tolist() == [-1.0, 0.0]
    assert found.to_frame()["derivative"].isna().all() and "CVaR" in found.to_frame()["why"][0]


def test_the_chance_that_an_account_fails_is_what_its_equity_saves():
    event = one_asset([-10.0, -10.0], [1.0, 4.0], 3.0)
    law = adl.Scenarios([0.05, 0.2, 1.0], [0.5, 0.3, 0.2])
    found = solve(adl.ExpectedLoss(), event, law).sensitivity()
    assert found.by_account()["value"].tolist() == pytest.approx([-0.5, -0.2])


def test_a_sensitivity_says_in_two_lines_what_it_knows():
    """And a reason that many parameters share is said once."""
    paper, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(4)
    found = solve(adl.ExpectedLoss(), paper, law).sensitivity(marked=True)
    told = repr(found)
    assert len(told.splitlines()) <= 2 and max(map(len, told.splitlines())) <= 100
    assert "1 of 1 requirements, 4 of 4 equities, 0 of 2 prices, 0 of 2 volatilities" in " ".join(
        told.split()
    )
    frame = found.to_frame()
    for text in (repr(frame), frame.to_string(), found._repr_html_()):
        assert text.count("the law has no volatility") == text.count("more than one allocation") == 1
        assert text.count("(1)") == text.count("(2)") == 3
    assert frame["why"].str.startswith("None: the law has").sum() == 2  # the table itself keeps sentences
    assert "equities move with prices" in found._repr_html_() and "(1)" not in repr(frame.head(3))


def test_units_of_coin_margined_derivatives():
    event = hedged(np.random.default_rng(0), inverse=True, d=1)
    found = solve(adl.LeverageSquare(), event, None).sensitivity()
    assert set(found.to_frame()["unit"]) == {"BTC per contract", "BTC per BTC", "BTC per 1"}
    assert found.by_account().attrs["units"]["closed"] == "BTC per BTC"
