"""Sweeps over anything: the lines are those of problems solved one by one."""

import itertools

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.studies.test_frontier import Unproved

PAPER = adl.examples.paper()
LEVELS, HOURS = [0.8, 0.95], [240, 480, 720]


def law(hours):
    return adl.LogNormal([0.6, 0.75], 0.85, hours / 8760).quadrature(5)


def build(level, hours):
    return adl.Problem(adl.CVaR(level), PAPER, law(hours))


def test_a_grid_is_every_problem_solved_alone():
    table = adl.sweep(build, level=LEVELS, hours=HOURS)
    assert table[["level", "hours"]].to_numpy().tolist() == [
        list(p) for p in itertools.product(LEVELS, HOURS)
    ]
    for line in table.itertuples():
        alone = build(line.level, line.hours).solve()
        assert line.objective == alone.certificate.value and line.status == alone.certificate.status
        assert line.gap == alone.certificate.gap and line.method == alone.method
        shown = table.loc[line.Index, [f"leverage {account}" for account in PAPER.book.accounts]]
        assert shown.tolist() == alone.leverages()[1].tolist()
        assert table.loc[line.Index, "shadow price BTC"] == alone.shadow_prices["BTC"]
    assert table.attrs["units"]["objective"] == "quote currency"


def test_zipped_lists_go_side_by_side():
    table = adl.sweep(build, zipped=True, level=LEVELS, hours=np.array([240, 720]))
    grid = adl.sweep(build, level=LEVELS, hours=[240, 720])
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(grid.iloc[[0, 3]].reset_index(drop=True)))


def test_a_sweep_over_requirements_is_the_problems_own():
    problem = adl.Problem(adl.ExpectedLoss(), PAPER, law(240))
    own = problem.sweep(short={"BTC": [1.0, 5.0, 10.0]})
    built = adl.sweep(
        lambda contracts: adl.Problem(
            adl.ExpectedLoss(), PAPER.with_requirement(short={"BTC": contracts}), law(240)
        ),
        contracts=pd.Series([1.0, 5.0, 10.0]),
    )
    pd.testing.assert_frame_equal(pd.DataFrame(own), pd.DataFrame(built.drop(columns="contracts")))
    assert built.attrs["units"] == own.attrs["units"]


def test_what_is_no_number_is_shown_in_words_and_units_are_all_named():
    table = adl.sweep(
        lambda measure, twice: adl.Problem((2 if twice else 1) * measure, PAPER, law(240)),
        measure=(adl.ExpectedLoss(), adl.MaxLeverage()),
        twice=[False, True],
    )
    assert table["measure"].tolist() == ["ExpectedLoss"] * 2 + ["MaxLeverage"] * 2
    assert table["twice"].tolist() == [False, True] * 2
    assert table["objective"].iloc[1] == pytest.approx(2 * table["objective"].iloc[0])
    assert table.attrs["units"]["objective"] == "quote currency or x of equity"


def test_books_of_other_accounts_have_columns_of_their_own():
    table = adl.sweep(
        lambda n: adl.Problem(adl.LeverageSquare(), adl.examples.shorts([10.0] * n, [50.0] * n, 5, price=9)),
        n=range(1, 4),
    )
    assert table["leverage a2"].isna().tolist() == [True, True, False] and table["leverage a0"].notna().all()


def test_open_gaps_are_told_once():
    with pytest.warns(adl.UncertifiedWarning, match="2 of 3 lines, first number 2 with relative gap") as said:
        table = adl.sweep(
            lambda one: adl.Problem(one, PAPER), one=[adl.MaxLeverage(), Unproved(), Unproved()]
        )
    assert len(said) == 1 and table["status"].tolist() == ["certified", "uncertified", "uncertified"]
