"""One optimum or several: said only where it can be told."""

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.methods.conic.newton_model import strictly_convex
from tests.books import HEDGED, book, frame, hedged_shorts, one_asset


def test_unique():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    assert adl.Problem(adl.LeverageSquare(), event).solve().unique is True
    assert (
        adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian(0.04)).solve().unique is True
    )  # a density everywhere (Thm 2)
    assert adl.Problem(adl.ExpectedLoss(), event, adl.Scenarios([0.3, -0.2])).solve().unique is False
    assert adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian(0.04)).solve(short={"X": 20.0}).unique is True


def test_a_capped_account_that_still_can_lose_leaves_one_optimum():
    # Longs of 4 on equities of 1 and 2: what stays of the first, 2.1, can lose more than 1; 0.1, of what may
    # be closed, could not.
    table = frame(["a", "b"], "X", [4.0, 4.0], 1.0, [1.0, 2.0])
    event = adl.Event(adl.Book.from_frame(table), long={"X": 1.9}, cap=0.5)
    law = adl.LogNormal({"X": 0.8}, None, 1.0)
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    assert solved.amount == pytest.approx([1.9, 0.0]) and solved.unique is True
    assert strictly_convex(adl.ExpectedLoss(), event, law.align(event.book.assets), solved.amount)


def test_fewest_accounts_counts_only_those_not_reduced_anyway():
    """A's BTC is closed in full, so A may as well close ETH; B need not be touched."""
    event = adl.Event(
        book([("B", "ETH", -1.0, 1.0, 10.0), ("A", "BTC", -1.0, 1.0, 10.0), ("A", "ETH", -1.0, 1.0, 10.0)]),
        short={"BTC": "all", "ETH": 1.0},
    )
    law = adl.Scenarios({"BTC": [0.01, 0.02], "ETH": [0.01, 0.02]})
    assert adl.Problem(adl.ExpectedLoss(), event, law).solve(prefer="fewest-accounts").amount.tolist() == [
        0.0,
        1.0,
        1.0,
    ]


def test_a_pegged_coin_is_a_certain_move():
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    for law in (adl.Gaussian(0.0, mean=0.05), adl.Gaussian(0.0)):
        assert adl.Problem(adl.ExpectedLoss(), event, law).solve().unique is False
        assert "closed form" in adl.optimal_range(adl.Problem(adl.ExpectedLoss(), event, law)).attrs["how"]


def test_dust_and_rare_scenarios_are_said_to_be_within_a_tolerance():
    event = adl.Event(
        book([*HEDGED, ("d", "Y", -1e-13, 1.0, 1e-14), ("e", "Y", -1e-13, 1.0, 2e-14)]),
        short={"X": 8.6, "Y": 1e-13},
    )
    law = adl.Scenarios({"X": [0.11, 0.4], "Z": [-0.1, -0.2], "Y": [0.1, 0.5]})
    found = adl.optimal_range(adl.Problem(adl.ExpectedLoss(), event, law))
    assert found.attrs["within"] == 1e-9 and "programs" in found.attrs["how"]


def test_uniqueness_is_not_claimed_where_it_is_rounding():
    event = adl.Event(book(HEDGED), short={"X": 8.6})
    singular = adl.Gaussian(np.outer([0.2, 0.3], [0.2, 0.3]) * (1 + 1e-16))
    assert adl.Problem(adl.ExpectedLoss(), event, singular).solve().unique is None
    calm = adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian(np.diag([1e-9, 1e-9])))
    assert calm.solve().certificate.status == "negligible" and calm.solve().unique is None
    with pytest.raises(adl.SolveError, match=r"negligible .* cannot be told"):
        adl.optimal_range(calm)


def test_programs_over_the_optimal_face_are_refused_where_nobody_would_wait(tmp_path):
    """19,000 accounts, CVaR, longs that lose too: no closed form, and linear programs would take hours.

    It is said at once, and saving does not wait.
    """
    rng = np.random.default_rng(0)
    equity = 10 ** rng.uniform(2, 5, 2_500)
    position = np.where(np.arange(2_500) % 10 == 0, 5.0, -5.0) * equity
    event = one_asset(position, equity, 0.2 * float(-position[position < 0].sum()))
    problem = adl.Problem(adl.CVaR(0.9), event, adl.Scenarios([-0.5, -0.3, 0.1, 0.4, 0.6]))
    solved = problem.solve()
    assert solved.certificate.certified and solved.unique is None
    with pytest.raises(adl.SolveError, match=r"2,250 positions to decide .* are too many for programs"):
        adl.optimal_range(problem)
    solved.save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").unique is None


@pytest.mark.parametrize("share", [1e-6, 1e-9, 1e-12, 1 - 1e-6, 1 - 1e-9, 1 - 1e-12])
def test_optima_are_not_called_unique_where_little_can_move(share: float) -> None:
    # Both lose in the one scenario whatever is closed: which of them closes makes no difference.
    event = adl.Event(hedged_shorts([4.0, 5.0, 3.0], [0.5, 0.5, 0.5]), short={"A": share * 12.0})
    law = adl.Scenarios([[0.5, 0.5]])
    solved = adl.Problem(adl.ExpectedLoss(), event, law).solve(method="conic")
    assert solved.certificate.certified
    assert solved.unique is not True


def test_one_optimum_is_not_called_several_where_contracts_weigh_little() -> None:
    # By exact fractions only account 3 closes; a contract of A weighs a millionth of what B loses, less than
    # a program tells apart.
    price, size = (
        (1.43e-3, 2445.0),
        [(-1.89e-3, 1.93e-3), (-9.58e-4, -1.88e-3), (-5.53e-4, 5.26e-4), (-1.695, -0.977)],
    )
    rows = [
        (i, a, x, p, e)
        for i, e in enumerate([24.86, 8.26, 7.84, 33.58])
        for a, x, p in zip("AB", size[i], price)
    ]
    law = adl.Scenarios([[0.288, 0.161], [-0.26, 0.075]], [0.9929, 0.0071])
    problem = adl.Problem(adl.ExpectedLoss(), adl.Event(book(rows), short={"A": 1.428}), law)
    solved = problem.solve()
    assert solved.certificate.certified and not solved.closed_by_leg[:-2].any()
    assert solved.unique is not False


def test_cvar_leaves_freedom_on_the_papers_book(paper, law):
    """Two ends of a range whose values differ by the rounding of both are two optima."""
    problem = adl.Problem(adl.CVaR(0.99), paper, law)
    ranges = adl.optimal_range(problem)
    assert problem.solve().unique is False and ((ranges["most"] - ranges["least"]).abs() > 0.6).sum() == 2
