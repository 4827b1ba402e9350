"""Pictures of policies and sweeps say what their numbers are (§15)."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt import plots
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.plots.canvas import prefixed_text
from adl_opt.problem.explain import volatility_leverage
from tests.books import one_asset
from tests.tolerances import TOL
from tests.waves import TWO, line, waves

RATIO = {"BTC": 1.0, "ETH": 1.25}


def test_policies_side_by_side(tmp_path):
    hedge = adl.load("hedge_matters").problem()
    figure = plots.policies(
        {"gross": adl.gross_water_filling(hedge.event), "optimum": hedge.solve()},
        hedge.law,
        tmp_path / "h.png",
    )
    assert (tmp_path / "h.png").stat().st_size > 10_000 and len(figure.axes) == 3
    assert [axes.get_title() for axes in figure.axes] == [
        "gross leverage (x of equity)",
        "volatility leverage (x of equity)",
        "expected shortfall (quote currency)",
    ]
    heights = [[bar.get_height() for bar in container] for container in figure.axes[0].containers]
    assert (
        heights[0] == pytest.approx([8, 8])
        and heights[1] == pytest.approx([7, 7])
        and heights[2] == pytest.approx([8, 6])
    )


def test_sweeps_side_by_side(paper, tmp_path):
    exact = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85, 10 / 365)
    required = {"BTC": [1.0, 10.0, 33.0]}
    laws = {"rough": exact.quadrature(4), "one": adl.OneFactor(RATIO, adl.Gaussian(0.01).quadrature(9))}
    swept = {
        name: adl.Problem(adl.ExpectedLoss(), paper, law).sweep(short=required, loading=RATIO)
        for name, law in laws.items()
    }
    figure = plots.sweep(swept, tmp_path / "s.svg")
    assert len(figure.axes) == 4 and len(figure.axes[0].lines) == 4
    assert (
        "3 of 3 certified" in figure.axes[0].get_title()
        and figure.axes[2].get_xlabel() == "short BTC to close (contracts)"
    )
    plain = plots.sweep(
        {"no factor": adl.Problem(adl.ExpectedLoss(), paper, exact.quadrature(4)).sweep(short=required)}
    )
    assert len(plain.axes) == 1 and plain.axes[0].get_ylabel() == "gross leverage (x of equity)"


def test_a_sweeps_factor_leverages_are_those_of_the_symbols(paper):
    law = adl.OneFactor(RATIO, adl.Scenarios([0.0])).align(paper.book.assets)
    problem = adl.Problem(adl.ExpectedLoss(), paper, adl.LogNormal([0.6, 0.75], 0.85, 10 / 365))
    swept = problem.sweep(short={"BTC": [10.0]}, loading=RATIO)
    exact = SymbolsAt(paper, law, problem.solve().amount).factor_leverage
    assert swept[[f"factor leverage {account}" for account in "ABCD"]].to_numpy()[0] == pytest.approx(
        exact, rel=TOL.rounding
    )


def test_volatility_leverage_is_a_standard_deviation(paper):
    for law in (
        adl.LogNormal([0.6, 0.75], 0.85, 10 / 365),
        adl.StudentT(np.array([[0.01, 0.008], [0.008, 0.016]]), 5.0),
    ):
        m = SymbolsAt(paper, law, np.zeros(8))
        drawn = law.sample(2**16, seed=1).moves @ m.exposure.T
        assert volatility_leverage(m) == pytest.approx(drawn.std(axis=0) / m.equity, rel=0.03)
    assert volatility_leverage(SymbolsAt(paper, adl.StudentT(np.eye(2), 1.5), np.zeros(8))) is None
    assert volatility_leverage(SymbolsAt(paper, None, np.zeros(8))) is None


def test_a_picture_of_a_comparison(tmp_path):
    table = adl.compare(one_asset([-10.0, -10.0], [1.0, 2.0], 6.0), adl.Gaussian(0.04))
    plots.comparison(table, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 5_000


def test_a_picture_of_the_waves(tmp_path):
    result = adl.replay(waves(*TWO))
    figure = plots.replay(result, tmp_path / "r.png")
    assert (tmp_path / "r.png").stat().st_size > 10_000 and len(figure.axes) == 3
    assert [bar.get_height() for bar in figure.axes[0].containers[0]] == [10.0, 8.0]
    assert figure.axes[2].lines[0].get_ydata().tolist() == [
        line(result, w, "water_filling")["leverage_max"] for w in (1, 2)
    ]


def test_a_picture_says_best_for_every_law_of_water_filling_alone():
    """A certified LeverageSquare does not feel dust off the level; the picture does."""
    event = adl.examples.shorts([1e-10, 1000.0], [1e-12, 1e6], 500.0, price=100.0)
    level, dust = adl.water_filling(event), np.array([0.0, 500.0])  # leaves the dust account at 10,000 x
    proof = adl.certify(adl.LeverageSquare(), event, None, adl.examples.closings(event, dust))
    off = dataclasses.replace(level, amount=dust, certificate=proof)
    assert proof.certified and level.certificate.certified
    titles = [adl.plots.allocation(one).axes[0].get_title(loc="left") for one in (level, off)]
    assert "proved best for every law" in titles[0] and "every law" not in titles[1]


def test_what_an_account_closes_is_of_its_notional():
    """Contracts of unlike assets are not added."""
    frame = pd.DataFrame(
        {"account": "bob", "asset": ["BTC", "SOL"], "position": [-3.0, -200.0], "price": [67_000.0, 150.0]}
    )
    event = adl.Event(adl.Book.from_frame(frame.assign(equity=60_000.0)), short={"BTC": 3.0, "SOL": 2.0})
    labels = [text.get_text() for text in adl.plots.allocation(adl.pro_rata(event)).axes[0].texts]
    assert labels == [f"closes\n{(3 * 67_000 + 300) / (3 * 67_000 + 30_000):.0%}"]


def shown(texts):
    return [text.get_text() for text in texts]


def test_the_distribution_of_what_is_lost(paper, law, tmp_path):
    rules = {"optimum": adl.Problem(adl.CVaR(0.99), paper, law).solve(), "pro rata": adl.pro_rata(paper)}
    figure = plots.losses(rules, law, 0.99, tmp_path / "l.png")
    (axes,) = figure.axes
    assert (tmp_path / "l.png").stat().st_size > 10_000 and len(axes.lines) == 3 * len(rules) + 1
    for number, rule in enumerate(rules.values()):
        curve, quantile, tail = axes.lines[3 * number : 3 * number + 3]
        table = rule.losses(law)
        loss, probability = table["loss"].to_numpy(), table["probability"].to_numpy()
        for at, more in zip(*curve.get_data()):
            assert more == pytest.approx(probability[loss > at].sum(), abs=TOL.rounding)
        assert quantile.get_data() == ([rule.loss_quantiles(0.99, law)["quantile"][0]], [1 - 0.99])
        assert tail.get_xdata()[0] == pytest.approx(rule.measure(adl.CVaR(0.99), law), rel=TOL.rounding)
    assert "CVaR" in figure.legends[0].get_texts()[0].get_text()
    assert len({line.get_linestyle() for line in axes.lines[:6:3]}) == 2  # not by colour alone


def test_nothing_lost_is_a_picture_too():
    rule = adl.pro_rata(one_asset([-1.0], [10.0], 0.5))
    assert plots.losses(rule, adl.Scenarios([0.1])).axes[0].get_xlim() == (0.0, 1.0)


def curve(status=("certified", "uncertified")):
    frame = pd.DataFrame({"ExpectedLoss": [2000.0, 3000.0], "MaxLeverage": [5.0, 4.0], "status": status})
    frame.attrs = {
        "frontier": ["ExpectedLoss", "MaxLeverage"],
        "units": {"ExpectedLoss": "quote currency", "MaxLeverage": "x of equity"},
    }
    return frame


def test_a_picture_of_a_frontier(paper, tmp_path):
    beside = adl.compare(
        paper, adl.Gaussian(np.eye(2) / 50), measures=[adl.ExpectedLoss(), adl.MaxLeverage()]
    )
    figure = plots.frontier(curve(), beside, tmp_path / "f.png")
    (axes,) = figure.axes
    assert (tmp_path / "f.png").stat().st_size > 10_000
    assert [axes.get_xlabel(), axes.get_ylabel()] == [
        "ExpectedLoss (quote currency)",
        "MaxLeverage (x of equity)",
    ]
    line, proved, open_, *rules = axes.lines
    assert len(line.get_xdata()) == 2 and len(proved.get_xdata()) == len(open_.get_xdata()) == 1
    assert shown(figure.legends[0].get_texts()) == [
        "frontier, certified", "not certified", "pro_rata", "gross_water_filling"
    ]  # fmt: skip
    point = beside.loc["pro_rata", ["ExpectedLoss", "MaxLeverage"]].tolist()
    assert [rules[0].get_xdata()[0], rules[0].get_ydata()[0]] == point


def test_every_picture_is_drawn_in_axes_that_are_given(paper):
    import matplotlib.figure

    law = adl.Gaussian(np.eye(2) / 50)
    rule = adl.pro_rata(paper)
    problem = adl.Problem(adl.LeverageSquare(), one_asset([-10.0, -10.0], [1.0, 2.0], 6.0))
    pictures = {
        "allocation": (1, lambda ax: rule.plot(ax=ax)),
        "policies": (3, lambda ax: plots.policies({"one": rule}, law, ax=ax)),
        "losses": (1, lambda ax: plots.losses(rule, adl.Scenarios([[0.5, 0.5]]), ax=ax)),
        "sweep": (1, lambda ax: plots.sweep({"level": problem.sweep(short={"X": [1.0, 5.0]})}, ax=ax)),
        "frontier": (1, lambda ax: plots.frontier(curve(), ax=ax)),
        "comparison": (4, lambda ax: plots.comparison(adl.compare(paper, law), ax=ax)),
        "replay": (3, lambda ax: plots.replay(adl.replay(waves(*TWO)), ax=ax)),
        "stress": (3, lambda ax: plots.stress(adl.stress(paper.book, law.sample(8, seed=1)), ax=ax)),
    }
    assert set(pictures) == set(plots.__all__)
    for name, (count, draw) in pictures.items():
        figure = matplotlib.figure.Figure(layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
        assert draw(axes[0] if count == 1 else axes) is figure, name
        assert figure.axes == list(axes) and all(one.has_data() for one in axes), name
        with pytest.raises(adl.AllocationError, match=f"needs {count} axes"):
            draw(np.append(axes, axes[0]))


def test_numbers_in_pictures_have_three_digits_and_prefixes():
    texts = {
        0.0: "0",
        0.0848: "0.0848",
        4.0: "4",
        999.6: "1.00 k",
        2413.0: "2.41 k",
        24_130.0: "24.1 k",
        3e6: "3.00 M",
    }
    assert {value: prefixed_text(value) for value in texts} == texts


def test_a_stress_over_scenarios_is_drawn_as_what_is_exceeded(tmp_path):
    book = one_asset([10.0, -10.0], [30.0, 900.0], 5.0, 10.0).book
    law = adl.Scenarios({"X": [0.0, -0.4, -0.5]}, [0.8, 0.15, 0.05])
    figure = plots.stress(adl.stress(book, law, 15.0, maintenance=0.1), tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 10_000
    x, more = figure.axes[0].lines[0].get_data()
    assert x.tolist() == pytest.approx([0, 10, 20]) and more.tolist() == pytest.approx([0.2, 0.05, 0.0])
    assert [line.get_label() for line in figure.axes[0].lines] == ["deficit", "fund"]
    assert figure.axes[1].get_xlabel() == "to close (quote currency)"


def test_a_sweep_of_many_accounts_names_the_highest():
    size = np.arange(1.0, 31.0)
    problem = adl.Problem(adl.LeverageSquare(), one_asset(-size, np.ones(30), 5.0))
    figure = plots.sweep({"level": problem.sweep(short={"X": [1.0, 50.0]})})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert shown(figure.legends[0].get_texts()) == [f"a{i}" for i in range(24, 30)] + ["24 less levered"]
    assert len(axes.lines) == 30 and len({line.get_color() for line in axes.lines}) == 7
    box, label = axes.get_window_extent(), axes.yaxis.label.get_window_extent()
    assert box.height > 0.5 * figure.bbox.height and label.height < box.height
    assert figure.legends[0].get_window_extent().y1 < axes.get_tightbbox().y0


def test_a_sweep_of_unlike_books_names_the_accounts_of_both():
    frames = {
        name: adl.Problem(adl.LeverageSquare(), adl.examples.shorts([9.0] * n, [500.0] * n, 5.0)).sweep(
            short={"BTC": [1.0, 5.0]}
        )
        for name, n in (("two", 2), ("three", 3))
    }
    figure = plots.sweep(frames)
    assert shown(figure.legends[0].get_texts()) == ["a0", "a1", "a2"]
    assert [np.isnan(one.lines[2].get_ydata()).all() for one in figure.axes] == [True, False]


def test_losses_are_drawn_as_far_as_they_are_seen():
    """A rare loss ten times as large lies below the axis; marks at one place differ in size."""
    event = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
    law = adl.Scenarios([0.5, 1.0, 10.0], [0.9, 0.1 - 1e-6, 1e-6])
    rule = adl.pro_rata(event)
    (axes,) = plots.losses({"one": rule, "same": rule}, law, 0.95).axes
    loss = rule.losses(law)["loss"].to_numpy()
    assert loss.max() > 5 * np.sort(loss)[1]
    assert axes.get_xlim()[1] == pytest.approx(
        1.05 * max(rule.measure(adl.CVaR(0.95), law), np.sort(loss)[1])
    )
    assert axes.lines[1].get_markersize() > axes.lines[4].get_markersize()
    assert axes.lines[2].get_ydata()[1] > axes.lines[5].get_ydata()[1]
