"""Even closings and the polish that levels them to rounding."""

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.conic.levelling import evenly, polished
from tests.books import frame
from tests.limited import within
from tests.tolerances import TOL


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
        wanted, rel=TOL.formula
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
    assert level.certificate.certified and level.certificate.value > 1
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
    value = SymbolsAt(event, None, exact).leverage ** 2 @ event.book.equity
    assert within(event, exact) and value <= best.certificate.value * (1 + TOL.formula)
