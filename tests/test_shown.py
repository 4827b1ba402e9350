"""What is shown: HTML that is well-formed, escaped, with units; two short lines in print; tables that round
what is shown and nothing else.
"""

import pickle
import xml.etree.ElementTree as ET
from html.entities import name2codepoint

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import adl_opt as adl
from adl_opt import html
from adl_opt.objectives.words import symbols
from adl_opt.table import Table, with_units
from adl_opt.text import figure, two_lines

HOSTILE = ["<script>alert(1)</script>", 'a & "b"', "x" * 300]
UNITS = ("quote currency", "%", "pure number", "x of equity", "moves per unit")
ASSETS = [f"a rather long name of asset number {k}" for k in range(40)]


def hostile_event():
    columns = {"account": HOSTILE, "asset": "<b>X</b>", "position": -10.0, "price": 7.0}
    frame = pd.DataFrame({**columns, "equity": [20.0, 30.0, 40.0]})
    return adl.Event(adl.Book.from_frame(frame), short={"<b>X</b>": 15.0}, protected=[HOSTILE[1]])


def wide_event():
    position = {asset: -np.arange(1.0, 41.0) for asset in ASSETS}
    book = adl.examples.cross_book(position, dict.fromkeys(ASSETS, 3.0), np.full(40, 1e6))
    return adl.Event(book, short=dict.fromkeys(ASSETS, 1 / 3))


def laws():
    paper = {"BTC": {"BTC": 0.01, "ETH": 0.009}, "ETH": {"BTC": 0.009, "ETH": 0.0144}}
    many = pd.Series(np.linspace(0.1, 0.9, 40), index=ASSETS)
    exact = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85, 10 / 365)
    model = adl.FactorModel(pd.DataFrame(np.full((40, 4), 0.01), index=ASSETS), np.full(40, 1e-4))
    return [
        exact, exact.quadrature(3), adl.Gaussian(paper), adl.StudentT(paper, dof=4), adl.Gaussian(model),
        model,
        adl.LogNormal(many, 0.5, 1 / 365), adl.OneFactor(many, stats.t(4, scale=0.05)),
        adl.OneFactor({"BTC": 1.0}, adl.Scenarios([-0.1, 0.1])), adl.StudentT(0.01, dof=3),
    ]  # fmt: skip


def everything():
    paper, hostile, wide, law = adl.examples.paper(), hostile_event(), wide_event(), laws()[0]
    big = adl.examples.random_shorts(2_000, 1)
    mixed = adl.ExpectedLoss() + 0.5 * adl.CVaR(0.99) + 0.25 * adl.Spectral()
    solved = adl.Problem(adl.ExpectedLoss(), paper, law).solve()
    allocations = [solved, *map(adl.water_filling, (big, hostile)), adl.gross_water_filling(wide)]
    measures = [mixed, adl.LeverageSquare(), adl.WorstCase(), adl.Spectral(tuple(np.full(500, 1 / 500)))]
    events = [paper, hostile, wide, big]
    return [
        *events, *(event.book for event in events), *laws(), *measures,
        adl.Problem(mixed, paper, law.quadrature(5)), adl.Problem(adl.CVaR(), big),
        adl.Problem(mixed, hostile),
        adl.Problem(adl.ExpectedLoss(), wide, laws()[4]), *allocations,
        *(one.certificate for one in allocations),
        adl.round_to_lots(solved, {"BTC": 0.001}, law), adl.load("cvar"), adl.load("hedge_matters"),
        adl.stress(hostile.book, {"<b>X</b>": 0.5}, 1.0), adl.stress(paper.book, {"BTC": 0.2, "ETH": -0.1}),
    ]  # fmt: skip


ALL = everything()


def parsed(text: str) -> ET.Element:
    """Of HTML that is XML too; void tags must be closed or absent."""
    for name, code in name2codepoint.items():
        text = text if name in ("lt", "gt", "amp", "quot") else text.replace(f"&{name};", chr(code))
    return ET.fromstring(text.replace("<br>", "<br/>"))


def names(things):
    return [f"{type(thing).__name__}{k}" for k, thing in enumerate(things)]


@pytest.mark.parametrize("thing", ALL, ids=names(ALL))
def test_html_is_well_formed_escaped_and_has_units(thing):
    text = thing._repr_html_()
    tags = {element.tag for element in parsed(text).iter()}
    assert tags <= {"div", "strong", "table", "thead", "tbody", "tr", "th", "td", "span", "br"}
    assert len(text) < 60_000 and any(unit in text for unit in UNITS)


@pytest.mark.parametrize("thing", ALL, ids=names(ALL))
def test_plain_reprs_are_two_lines_of_a_hundred_columns(thing):
    lines = repr(thing).splitlines()
    assert len(lines) <= 2 and max(map(len, lines)) <= 100
    assert repr(thing).startswith((type(thing).__name__, "<objective"))


def test_a_hostile_name_stays_text():
    event = hostile_event()
    found = adl.water_filling(event)
    for thing in (event, event.book, found, found.to_frame(), found.closed.reset_index().pipe(with_units)):
        shown = thing._repr_html_()
        assert "<script>" not in shown and "<b>" not in shown
    assert "&lt;script&gt;" in event.book._repr_html_() and HOSTILE[0] in "".join(parsed(
        found.to_frame()._repr_html_()).itertext())  # fmt: skip


def test_large_books_say_how_many_there_are():
    book = adl.examples.random_shorts(2_000, 1).book
    assert "2,000 accounts, of which 10 shown" in book._repr_html_() and "a10<" not in book._repr_html_()
    assert "2,000 rows, of which 10 shown" in repr(book.to_frame())


def test_the_sentence_has_its_numbers():
    said = adl.Problem(adl.CVaR(0.99), adl.examples.paper(), laws()[1])._repr_html_()
    for part in (
        "E(L − t)₊ / (1 − 0.99)",
        "xⱼ = 10 contracts",
        "shorts of BTC, which have 33",
        "Scenarios(9 moves",
    ):
        assert part in said


def test_formulas_are_not_inherited_past_another_value():
    class Mine(adl.CVaR):
        """Something else (quote currency)."""

        def of(self, loss, probability):
            return 2 * float(probability @ loss)

    assert symbols(adl.CVaR(0.9)) != str(adl.CVaR(0.9)) and symbols(Mine(0.9)) == str(Mine(0.9))
    assert "Something else" in Mine(0.9)._repr_html_()


def test_what_is_rounding_is_shown_as_nothing():
    event = adl.examples.paper()
    frame = adl.compare(event, laws()[2]).drop(columns=["ExpectedLoss gap", "MaxLeverage gap"])
    frame["MaxLeverage excess"] = [2.664535e-15, 0.0, 1.25, 1e-13]
    for shown in (
        repr(frame),
        frame.to_string(),
        frame[["MaxLeverage excess"]].to_string(),
        frame._repr_html_(),
    ):
        assert "e-1" not in shown and "1.25" in shown and "x of equity" in shown
    assert frame["MaxLeverage excess"].iloc[0] == 2.664535e-15
    closed = with_units({"position": [1e9, 1e-5], "closed": [1e-4, 1e-6]})
    assert closed.to_string().split()[-1] == "1e-06" and " 0\n" in closed.to_string()


def test_counterexamples_are_whole():
    frame = adl.axioms.check("bitmex", books=5)
    longest = max(frame["counterexample"], key=len)
    assert len(longest) > 100
    assert longest in "".join(parsed(frame._repr_html_()).itertext())
    words = repr(frame[frame["counterexample"] == longest][["counterexample"]]).split()
    assert " ".join(words).endswith(" ".join(longest.split()))


def test_tables_stay_frames():
    table = adl.Problem(adl.LeverageSquare(), adl.examples.random_shorts(5, 1)).sweep(short={"BTC": [1, 2]})
    again = pickle.loads(pickle.dumps(table))
    assert isinstance(again, Table) and again.equals(table) and again.attrs == table.attrs
    assert type(table.head(1)) is Table and type(table["gap"]) is pd.Series
    assert "quote currency per contract" in table._repr_html_() and "contracts" in repr(table.round(2))
    raw = table.to_string(float_format="{:.9f}".format)
    assert f"{table['objective'].iloc[0]:.9f}" in raw
    pd.testing.assert_frame_equal(table, pd.DataFrame(table))
    assert table._display_()._repr_html_() == table._repr_html_()


def test_every_table_fits_a_hundred_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    event = adl.examples.paper()
    solved = adl.Problem(adl.ExpectedLoss(), event, laws()[0]).solve()
    verified = adl.verify(adl.load("worst_case"))
    for table in (solved.to_frame(), solved.by_account(), adl.compare(event, laws()[2]), verified):
        lines = repr(table).splitlines()
        assert max(map(len, lines)) <= 100 and lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    "value, digits, said",
    [(-1.3781971984910524, 7, "-1.378197"), (2212.645998, 6, "2,212.65"), (0.0, 7, "0"), (1e-9, 2, "1e-09"),
     (999_999.9999, 6, "1,000,000"), (1e20, 7, "1e+20"), (float("inf"), 7, "inf")],
)  # fmt: skip
def test_one_formatter_of_numbers(value, digits, said):
    assert figure(value, digits) == said and figure(1e-16, noise=1e-15) == "0"


def test_what_does_not_fit_is_said_to_be_left_out():
    assert two_lines("short") == "short" and two_lines("word " * 90).endswith(" ...)")
    assert html.facts([("nothing", "")]) == html.facts([])


def test_what_is_rounding_is_so_in_its_own_row_and_asset():
    """A huge value elsewhere in the column, or a dear asset, does not make a small number 0."""
    dust = adl.examples.shorts([1e-6, 10.0], [1e-8, 1e3], 5.0, price=100.0)
    table = adl.compare(
        dust, None, [lambda event: adl.examples.closings(event, np.array([0.0, 5.0]))], [adl.MaxLeverage()]
    )
    small = table.iloc[[0]].assign(**{"MaxLeverage": 0.5, "MaxLeverage excess": 1e-6})
    shown = pd.concat([table, small])
    shown.attrs = table.attrs
    assert "1e-06" in str(shown) and table["MaxLeverage"].max() == pytest.approx(1e4)
    cheap = pd.DataFrame({"account": ["a", "b"] * 2, "asset": ["BTC"] * 2 + ["PEPE"] * 2})
    cheap = cheap.assign(
        position=[-8.0, -8.0, -1e9, -2e9], price=[67e3, 67e3, 1e-5, 1e-5], equity=[2e5, 1.5e5] * 2
    )
    event = adl.Event(adl.Book.from_frame(cheap), short={"BTC": 8.0, "PEPE": 1e9})
    solved = adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian([[0.01, 0.005], [0.005, 0.02]])).solve()
    assert 0 < solved.shadow_prices["PEPE"] < 1e-6
    row = solved._repr_html_().split(">PEPE<")[-1].split("</tr>")[0]
    assert f"{solved.shadow_prices['PEPE']:.6g}<" in row
