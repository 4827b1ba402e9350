"""What misses the requirement by a slip is cleared exactly before it is valued; by more, it is infeasible."""

import io

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import MOVES, SIX, count, cross, isolated, scenarios
from tests.tolerances import TOL


def scaled(factor: float) -> pd.DataFrame:
    table = adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve().to_frame()
    return table.assign(closed=table["closed"] * factor)


@pytest.mark.parametrize("slip", [5e-10, -5e-10, 3e-12])
def test_a_small_slip_is_cleared_exactly_before_it_is_valued(slip):
    best = adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve().certificate
    c = adl.certify(adl.ExpectedLoss(), SIX, MOVES, scaled(1 + slip))
    assert c.certified and c.clearing_error == 0 and c.value >= best.bound and c.bound <= c.value
    assert c.proof.startswith(f"cleared exactly first: off by {abs(6 * slip):.3g} contracts; ")


@pytest.mark.parametrize("slip", [2e-9, -2e-9, 1e-6])
def test_a_larger_slip_is_infeasible(slip):
    c = adl.certify(adl.ExpectedLoss(), SIX, MOVES, scaled(1 + slip))
    assert (
        c.status == "infeasible"
        and c.bound is None
        and c.clearing_error == pytest.approx(abs(6 * slip), rel=1e-6)
    )


@pytest.mark.parametrize("slip", [9e-10, -9e-10, 1e-12, 1e-17])
@pytest.mark.parametrize("open_share", [3e-9, 1e-12])
def test_near_the_capacity_a_slip_is_measured_by_what_stays_open(slip, open_share):
    """Never an accusation of the objective: what stays open is smaller than the slip."""
    book = adl.Book.from_frame(
        pd.DataFrame({"account": ["x", "y"], "asset": "K", "position": -10.0, "price": 100.0, "equity": 1e-7})
    )
    event, law = adl.Event(book, short={"K": 20 * (1 - open_share)}), adl.Scenarios([0.5, -0.3])
    table = adl.water_filling(event).to_frame()
    c = adl.certify(adl.ExpectedLoss(), event, law, table.assign(closed=table["closed"] * (1 + slip)))
    assert c.status == ("infeasible" if abs(slip) > 1e-15 else "certified")


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
@pytest.mark.parametrize("digits", [15, 16, 17])
def test_a_table_of_15_digits_comes_back_certified(seed, digits):
    """CSV and back: what rounding explains is cleared without a word, and nothing lies below the bound of the
    optimum.
    """
    rng = np.random.default_rng(seed)
    event = isolated(rng, decades=6) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets))
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    text = best.to_frame()[["account", "asset", "closed"]].to_csv(index=False, float_format=f"%.{digits}g")
    c = adl.certify(
        adl.ExpectedLoss(),
        event,
        law,
        pd.read_csv(io.StringIO(text), dtype={"account": str}, float_precision="round_trip"),
    )
    assert c.status == best.certificate.status == "certified" and c.clearing_error == 0
    assert "cleared" not in c.proof
    assert c.value >= best.certificate.bound - TOL.rounding * abs(best.certificate.value)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_no_certified_allocation_lies_below_the_bound(seed):
    """Slips of any size, shared among the legs in any way: certified or uncertified means cleared, and at or
    above the bound.
    """
    rng = np.random.default_rng(seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets))
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    table = best.to_frame()
    slip = 10 ** rng.uniform(-17, -6) * rng.normal(size=len(table)) * (rng.random(len(table)) < 0.5)
    c = adl.certify(adl.ExpectedLoss(), event, law, table.assign(closed=table["closed"] * (1 + slip)))
    if c.status != "infeasible":
        assert c.clearing_error == 0 and c.box_violation == 0
        assert c.value >= best.certificate.bound - TOL.rounding * max(abs(best.certificate.bound), c.value)


def test_a_policy_s_table_is_cleared_exactly_too():
    def policy(event):
        return scaled(1 + 5e-10)

    table = adl.compare(SIX, MOVES, policies=[policy])
    assert "policy" in table.index and "policy (infeasible)" not in table.index
