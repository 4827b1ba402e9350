"""Allocation: tables, files, pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest

import adl_opt as adl
from tests.books import cross, scenarios
from tests.tolerances import TOL


def recorded(certificate):
    """As a file tells it, until it is proved again."""
    return replace(certificate, proof=f"recorded: {certificate.proof}")


@pytest.fixture
def solved(paper, law):
    return adl.Problem(adl.ExpectedLoss(), paper, law).solve()


def test_frames(solved):
    legs, accounts = solved.to_frame(), solved.by_account()
    assert list(legs.columns) == [
        "account",
        "asset",
        "position",
        "closed",
        "left",
        "leverage_before",
        "leverage_after",
    ]
    assert (legs["position"] - legs["closed"] - legs["left"]).abs().max() == 0
    assert (np.sign(legs["closed"]) * np.sign(legs["position"]) >= 0).all()
    assert legs.attrs["units"]["closed"] == "contracts, signed like position"
    assert not any(str(x) == "-0.0" for x in legs["closed"])
    assert accounts["account"].tolist() == list("ABCD")
    assert (accounts["gross_before"] - accounts["closed_notional"]).tolist() == pytest.approx(
        accounts["gross_after"].tolist()
    )
    assert accounts["leverage_after"].tolist() == pytest.approx(
        (accounts["gross_after"] / accounts["equity"]).tolist()
    )
    assert solved.shadow_prices.name == "shadow_price" and "certified by separable" in repr(solved)


def test_water_level_and_certificate_tables(solved):
    assert solved.water_level["BTC"] == pytest.approx(4.70042879, rel=1e-8)
    event = adl.load("expected_loss").event(30, 2)
    filled = adl.water_filling(event)
    after, reduced = filled.leverages()[1], filled.amount > 0
    assert filled.water_level["BTC"] == pytest.approx(after[reduced].max(), rel=TOL.formula)
    table = solved.certificate.to_frame()
    assert table.loc["objective", "unit"] == "quote currency" and table.loc["status", "value"] == "certified"


@pytest.mark.parametrize("seed", range(5))
def test_save_and_load_is_exact(tmp_path, seed):
    rng = np.random.default_rng(seed)
    event = cross(rng)
    solved = adl.Problem(adl.ExpectedLoss(), event, scenarios(rng, len(event.book.assets))).solve()
    solved.save(tmp_path / "a.json")
    again = adl.Allocation.load(tmp_path / "a.json")
    assert (
        again.certificate == recorded(solved.certificate)
        and again.method == solved.method
        and again.parts == dict(solved.parts)
    )
    assert np.array_equal(again.amount, solved.amount) and np.array_equal(
        again.shadow_price_by_asset, solved.shadow_price_by_asset, equal_nan=True
    )
    assert (
        again.to_frame().equals(solved.to_frame())
        and again.event.short == event.short
        and again.event.long == event.long
    )


def test_load_keeps_an_infinite_gap(tmp_path):
    event = cross(np.random.default_rng(1))
    solved = adl.pro_rata(event)
    odd = replace(solved, certificate=replace(solved.certificate, gap=float("inf"), bound=float("-inf")))
    odd.save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").certificate == recorded(odd.certificate)


def test_loaded_allocations_certify_again(solved, tmp_path, paper, law):
    solved.save(tmp_path / "a.json")
    assert adl.certify(adl.ExpectedLoss(), paper, law, adl.Allocation.load(tmp_path / "a.json")).certified


def test_json_is_plain(solved, tmp_path):
    solved.save(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert content["certificate"]["status"] == "certified" and content["short"] == {"BTC": 10.0}


def test_plot_draws_the_level(solved, tmp_path):
    figure = solved.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5_000
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("levelling gross leverage (blind to hedges): 4.7 x" in text for text in texts) and {
        "before",
        "after",
    } <= set(texts)


def test_plot_of_many_accounts_and_water_level(tmp_path):
    event = adl.load("expected_loss").event(200, 1)
    figure = adl.water_filling(event).plot(tmp_path / "b.svg")
    line = figure.axes[0].get_lines()[-1]
    reduced = adl.water_filling(event).amount > 0
    level = adl.water_filling(event).by_account()["leverage_after"][reduced].max()
    assert line.get_ydata()[0] == pytest.approx(level, rel=TOL.formula)
