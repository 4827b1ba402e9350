"""Ranges, shadow prices and reasons under limits (§5, §7)."""

import numpy as np
import pytest

import adl_opt as adl
from tests.books import count, one_asset
from tests.limited import drawn, least_expected_loss, most_closed, same_value, within


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
    if best.certificate.value > 1e3 * best.certificate.floor:
        assert square[0] <= min(square) * (1 + 1e-5)
    for one in (best, level, *others):
        assert one.certificate.certified and within(event, one.amount)
        if (
            best.certificate.value > 1e3 * best.certificate.floor
        ):  # next to nothing is lost: more counts as optimal than is
            assert (one.amount >= least - room).all() and (one.amount <= most + room).all()
    if best.unique:
        assert (most - least <= 1e-6 * event.held).all()
    leg = int(np.argmax((most - least) / np.maximum(event.held, 1e-300)))
    if most[leg] - least[leg] > 1e-3 * event.held[leg]:  # the ends of the widest are optimal
        for end in (least[leg], most[leg]):
            value = least_expected_loss(event, law, held=(leg, min(end, event.size[leg])))
            assert same_value(value, best.certificate.value, best.certificate)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(60))
def test_shadow_prices_are_slopes_of_the_value(seed):
    event, law = drawn(60_000 + seed)
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    ends = solved.shadow_price_range
    if solved.certificate.value <= 1e3 * solved.certificate.floor:
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
                adl.Problem(adl.ExpectedLoss(), event.with_requirement(**need), law).solve().certificate.value
            )
        more, last = (
            (solved.certificate.value - values[1]) / step,
            (values[0] - solved.certificate.value) / step,
        )
        noise = 1e-6 * max(abs(more), abs(last)) + 1e-9 * solved.certificate.reference / step
        least, most = ends.loc[asset, "least"], ends.loc[asset, "most"]
        assert more - noise <= least <= most <= last + noise
        assert more - noise <= solved.shadow_prices[asset] <= last + noise


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
