"""Nothing is read silently wrong: columns that change meanings, kinds of files, numbers that are none, moves
that look like a slip.
"""

import bz2
import gzip
import lzma
import sqlite3
import zipfile
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import adl_opt as adl
from adl_opt.cli.options import scenarios_of
from adl_opt.data.book import USED
from adl_opt.data.columns import MEANINGS, RANKED_BY, plain_name
from adl_opt.inputs import plain
from adl_opt.policies.exchanges import PRESETS

from .books import frame

TIDY = frame(["a", "a", "b"], ["X", "Y", "X"], [3.0, 4.0, 5.0], [2.0, 7.0, 2.0], [9.0, 9.0, 8.0])
ISOLATED = TIDY.assign(equity=[1.0, 2.0, 3.0])
WAVES = TIDY.assign(wave=1, realized_closed=[1.0, 0.0, 2.0])
SAYS = {  # a name of each meaning: what it must not say beside TIDY, what it may
    "side": ("sell", "BUY"),
    "isShort": (True, False),
    "isLong": (0, 1),
    "positionIdx": (2, 1),
    "contractSize": (0.001, 1),
    "contractType": ("InversePerpetual", "LinearPerpetual"),
    "category": ("inverse", "linear"),
    "inverse": (True, False),
    "linear": (False, True),
    "strike": (3000.0, None),
    "settle": ("BTC", "USDT"),
    "marginMode": ("isolated", "cross"),
}
TABLE = [
    (name, *SAYS[key])
    for meaning in MEANINGS
    for key in SAYS
    if plain_name(key) in meaning.names
    for name in sorted(meaning.names)
]


def file(suffix, reader, table):
    def read(tmp_path, **columns):
        path = tmp_path / f"t.{suffix}"
        full = table.assign(**columns)
        full.to_csv(path, index=False) if suffix == "csv" else full.to_parquet(path)
        return reader(path)

    return read


READERS = {
    "Book.read csv": file("csv", adl.Book.read, TIDY),
    "Book.read parquet": file("parquet", adl.Book.read, TIDY),
    "Book.from_frame": lambda _, **columns: adl.Book.from_frame(TIDY.assign(**columns)),
    "Book.from_frame arrow": lambda _, **columns: adl.Book.from_frame(
        pa.Table.from_pandas(TIDY.assign(**columns))
    ),
    "Book.from_isolated": lambda _, **columns: adl.Book.from_isolated(ISOLATED.assign(**columns)),
    "Waves.read": file("csv", adl.Waves.read, WAVES),
    "Waves.from_frame": lambda _, **columns: adl.Waves.from_frame(WAVES.assign(**columns)),
    "Waves.from_columns": lambda _, **columns: adl.Waves.from_columns(
        WAVES.assign(**columns).to_dict("list")
    ),
}


def test_every_name_of_the_table_is_tried_and_is_none_that_is_read():
    assert {name for name, _, _ in TABLE} == {name for meaning in MEANINGS for name in meaning.names}
    assert not {plain_name(name) for name in (*USED, "wave", "time")} & (
        RANKED_BY | {name for name, _, _ in TABLE}
    )
    assert sum(len(meaning.names) for meaning in MEANINGS) == len(TABLE), "one name, two meanings"


@pytest.mark.parametrize("reader", READERS)
def test_a_column_that_changes_a_meaning_is_refused_by_name(reader, tmp_path):
    for name, wrong, _ in TABLE:
        if reader == "Book.from_isolated" and plain_name("marginMode") in next(
            m.names for m in MEANINGS if name in m.names
        ):
            assert READERS[reader](tmp_path, **{name: wrong}).isolated  # that is what isolated margin means
            continue
        with pytest.raises(
            adl.BookError,
            match=f"the column '{name}', which says .* and is not used: . of 3 rows, first row .*; ",
        ):
            READERS[reader](tmp_path, **{name: wrong})


@pytest.mark.parametrize("reader", READERS)
def test_values_that_change_nothing_pass(reader, tmp_path):
    for name, _, harmless in TABLE:
        if reader.startswith("Waves"):  # which read no column that they do not know
            with pytest.raises(adl.BookError, match=f"unknown column, first '{name}'"):
                READERS[reader](tmp_path, **{name: harmless})
        else:
            assert READERS[reader](tmp_path, **{name: harmless}).position.tolist() == [3.0, 4.0, 5.0]


@settings(max_examples=60)
@given(st.sampled_from(TABLE), st.data())
def test_case_blanks_underscores_and_units_do_not_hide_a_name(entry, data):
    name, wrong, _ = entry
    spelled = "".join(
        (c.upper() if data.draw(st.booleans()) else c) + data.draw(st.sampled_from(["", "", "_", " ", "-"]))
        for c in name
    )
    spelled = (
        data.draw(st.sampled_from(["", " ", "info."]))
        + spelled
        + data.draw(st.sampled_from(["", " ", " (coins)", "[USD]"]))
    )
    with pytest.raises(adl.BookError, match=r"which says .* and is not used"):
        adl.Book.from_frame(TIDY.assign(**{spelled: wrong}))


@settings(max_examples=60)
@given(st.text(max_size=12), st.sampled_from(["sell", 0.001, "BTC", True, None, "isolated"]))
def test_other_columns_are_ignored_as_ever(name, value):
    assume(plain_name(name) not in {known for known, _, _ in TABLE} and name.strip().casefold() not in USED)
    try:
        name.encode()
    except UnicodeEncodeError:
        assume(False)
    assert adl.Book.from_frame(TIDY.assign(**{name: value})).position.tolist() == [3.0, 4.0, 5.0]


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.floats(-10, 10).map(lambda x: round(x, 3)),
            st.sampled_from(["long", "Short", "BUY", "sell", "", "both", "what"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_side_passes_if_and_only_if_it_agrees_with_every_sign(rows):
    sign = {"long": 1, "Short": -1, "BUY": 1, "sell": -1, "": 0, "both": 0, "what": np.nan}
    position, side = zip(*rows)
    agrees = all(x == 0 or sign[s] == 0 or sign[s] == np.sign(x) for x, s in rows)
    table = frame(range(len(rows)), "X", list(position), 1.0, 1.0).assign(positionSide=side)
    if agrees:
        assert adl.Book.from_frame(table).position.tolist() == list(position)
    else:
        with pytest.raises(adl.BookError, match="'positionSide'"):
            adl.Book.from_frame(table)


def test_a_side_by_the_case_file():
    """cases/README.md: both of them were read as long."""
    rows = frame(["m", "n"], "ETH", [3.0, 5.0], 2000.0, [5000.0, 9000.0])
    for sides in (
        ["sell", "buy"],
        ["short", "long"],
        ["SHORT", "LONG"],
        ["ask", "bid"],
        ["Sell", "Buy"],
        ["A", "B"],
    ):
        with pytest.raises(
            adl.BookError, match=f"1 of 2 rows, first row 1 .account 'm'., say '{sides[0]}' beside position 3"
        ):
            adl.Book.from_frame(rows.assign(side=sides))
        signed = rows.assign(side=sides, position=[-3.0, 5.0])
        assert adl.Book.from_frame(signed).position.tolist() == [-3.0, 5.0]


def test_sides_as_numbers():
    """1 and -1 are signs; 0 and 1, or 1 and 2, are codes of which one cannot know; positionIdx is Bybit's: 0
    says nothing.
    """
    for column, said, passes in (
        ("side", [1, 1, 1], True),
        ("side", [1, 1, -1], False),
        ("side", [0, 0, 0], False),
        ("side", [1, 2, 1], False),
        ("side", [True] * 3, False),
        ("is_long", [1, 1, 1], True),
        ("is_long", [1, 0, 1], False),
        ("is_short", [0, 0, 0], True),
        ("is_short", [0, 0, 1.0], False),
        ("positionIdx", [0, 0, 0], True),
        ("positionIdx", [1, 0, 1], True),
        ("positionIdx", [1, 2, 1], False),
    ):
        if passes:
            assert adl.Book.from_frame(TIDY.assign(**{column: said})).position.tolist() == [3.0, 4.0, 5.0]
        else:
            with pytest.raises(adl.BookError, match=f"'{column}', which says the side of a position"):
                adl.Book.from_frame(TIDY.assign(**{column: said}))


def test_a_currency_is_one_currency_of_money():
    for said, passes in (
        (["USDT"] * 3, True),
        (["usd", "USD", "Usd"], True),
        (["USDT", "USDC", "USDT"], False),
        (["BTC"] * 3, False),
    ):
        if passes:
            adl.Book.from_frame(TIDY.assign(marginCoin=said))
        else:
            with pytest.raises(adl.BookError, match="'marginCoin', which says a currency"):
                adl.Book.from_frame(TIDY.assign(marginCoin=said))
    assert adl.Book.from_frame(TIDY.assign(quote=TIDY["price"])).assets == (
        "X",
        "Y",
    )  # numbers name no currency


def test_rules_that_rank_by_a_maintenance_margin_refuse_to_pass_over_its_column():
    rows = frame(list("abc"), "X", [-3.0, -4.0, 9.0], 2.0, [3.0, 4.0, 20.0]).assign(
        entry_price=[2.1, 2.2, 1.0], margin=[3.0, 4.0, 9.0]
    )
    plain_event = adl.Event(adl.Book.from_frame(rows), short={"X": 3.0})
    refused = set()
    for column in ("maintenance_margin", "mmr", "Maintenance Margin Percentage", "tier", "riskLimit"):
        book = adl.Book.from_frame(rows.assign(**{column: 1.0}))
        event = adl.Event(book, short={"X": 3.0})
        for rule in PRESETS:
            if rule.leverage in ("maintenance ratio", "margin ratio"):
                said = f"{rule.name} ranks by a maintenance margin, and the book has the column '{column}'"
                with pytest.raises(adl.EventError, match=said):
                    rule(event)
                refused.add(rule.name)
            else:
                assert rule(event).amount.tolist() == rule(plain_event).amount.tolist()
    assert refused == {"binance", "bitget", "bluefin"}
    assert book.solvent().unused == adl.stress(book, {"X": 0.01}).marked.unused == ("riskLimit",)


def test_what_is_not_used_is_remembered_by_a_saved_allocation(tmp_path):
    book = adl.Book.from_frame(TIDY.assign(mmr=0.01))
    adl.pro_rata(adl.Event(book, long={"X": 1.0})).save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").event.book.unused == ("mmr",)


def test_blanks_around_a_name_are_not_part_of_it_and_names_that_differ_by_them_are_refused(tmp_path):
    for name in (" position", "position ", "\ufeffposition", "\u200bposition\xa0"):
        spaced = TIDY.rename(columns={"position": name})
        assert adl.Book.from_frame(spaced).position.tolist() == [3.0, 4.0, 5.0]
        for also in ("position", "Position", " POSITION "):
            spaced.assign(**{also: -999.0}).to_csv(tmp_path / "b.csv", index=False)
            with pytest.raises(adl.BookError, match="the column 'position' 2 times, as"):
                adl.Book.from_frame(spaced.assign(**{also: -999.0}))
            with pytest.raises(adl.BookError, match="the column 'position' 2 times, as"):
                adl.Book.read(tmp_path / "b.csv")
    with pytest.raises(adl.BookError, match="the column 'price' 2 times; keep one"):
        adl.Book.from_frame(pd.concat([TIDY, TIDY[["price"]]], axis=1))


def test_what_is_natural_is_read(tmp_path):
    """A table of pyarrow, long doubles and halves, ids beyond 64 bits, bytes that are UTF-8."""
    made = adl.Book.from_frame(pa.Table.from_pandas(TIDY))
    assert list(made.accounts) == ["a", "b"] and made.position.tolist() == [3.0, 4.0, 5.0]
    assert adl.Book.from_frame(TIDY.astype({"position": "longdouble"})).position.tolist() == [3.0, 4.0, 5.0]
    assert adl.Book.from_frame(TIDY.astype({"position": "float16"})).position.tolist() == [3.0, 4.0, 5.0]
    assert list(adl.Book.from_frame(TIDY.assign(account=[10**30, 10**30, 5])).accounts) == [str(10**30), "5"]
    assert list(adl.Book.from_frame(TIDY.assign(account=[b"a", b"a", "é".encode()])).accounts) == ["a", "é"]
    with pytest.raises(adl.BookError, match="no finite position"):
        adl.Book.from_frame(TIDY.assign(position=np.full(3, np.longdouble("1e4000"))))


class Polars:
    """What polars is to a reader: names of columns and a stream of arrow, no index."""

    columns = tuple(TIDY)

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.Table.from_pandas(TIDY).__arrow_c_stream__(requested_schema)


def test_a_table_that_speaks_arrow_is_read():
    assert adl.Book.from_frame(Polars()).to_frame().equals(adl.Book.from_frame(TIDY).to_frame())


def test_headers_in_brackets_are_csv(tmp_path):
    """As databases and terminals write them: neither JSON nor a web page."""
    for left, right in ("<>", "[]"):
        (tmp_path / "b.csv").write_text(
            ",".join(f"{left}{name}{right}" for name in TIDY) + "\na,X,1,1,1\n", encoding="utf-8"
        )
        with pytest.raises(adl.BookError, match="lacks 5 of the columns"):
            adl.Book.read(tmp_path / "b.csv")


def bytes_of(kind, tmp_path, table=TIDY):
    text, path = table.to_csv(index=False), tmp_path / "made"
    european = table.to_csv(index=False, sep=";", decimal=",")
    if kind == "xlsx":
        with zipfile.ZipFile(path, "w") as book:
            book.writestr("xl/workbook.xml", "<workbook/>")
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("book.csv", text)
    elif kind == "feather":
        table.to_feather(path)
    elif kind == "parquet":
        table.to_parquet(path)
    elif kind == "sqlite":
        with sqlite3.connect(path) as base:
            base.execute("create table t (x)")
    else:
        made = {
            "gzip": gzip.compress(text.encode()),
            "bzip2": bz2.compress(text.encode()),
            "xz": lzma.compress(text.encode()),
            "json": table.to_json(orient="records").encode(),
            "tsv": table.to_csv(index=False, sep="\t").encode(),
            "semicolons": european.encode(),
            "bars": table.to_csv(index=False, sep="|").encode(),
            "html": table.to_html().encode(),
            "utf-16": text.encode("utf-16"),
            "xls": b"\xd0\xcf\x11\xe0" + bytes(60),
            "binary": bytes(range(256)),
        }
        return made[kind]
    return path.read_bytes()


KINDS = {
    "xlsx": r"an Excel workbook \(.xlsx\); save it as CSV, or pandas.read_excel",
    "zip": "a zip archive; unpack it",
    "xls": "an old Excel workbook",
    "feather": r"a Feather \(Arrow\) file; pandas.read_feather",
    "parquet": "a Parquet file; name it .parquet",
    "sqlite": "an SQLite database",
    "gzip": r"compressed \(gzip\); unpack it first",
    "bzip2": r"compressed \(bzip2\)",
    "xz": r"compressed \(xz\)",
    "json": "JSON; save it as CSV, or pandas.read_json",
    "tsv": r"separated by tabs; use commas, or pandas.read_csv\(path, sep='\\t'\)",
    "semicolons": (
        r"separated by semicolons and has decimal commas; use commas and decimal points, or "
        r"pandas.read_csv\(path, sep=';', decimal=','\)"
    ),
    "bars": r"separated by vertical bars; use commas, or pandas.read_csv\(path, sep='\|'\)",
    "html": "a web page or XML",
    "utf-16": "UTF-16 text; save it as UTF-8",
    "binary": "no text",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", [adl.Book.read, adl.Waves.read, adl.Waves.from_hyperreplay, scenarios_of])
def test_files_are_named_as_what_they_are_whatever_their_name(kind, reader, tmp_path):
    content = bytes_of(kind, tmp_path)
    for name in (
        "book.csv",
        "book.csv.gz",
        "book",
        *([] if kind == "parquet" else [f"book.{kind}", "b.parquet"]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(adl.AdlError, match=f"cannot be read: it is {KINDS[kind]}"):
            reader(tmp_path / name)


def test_the_remedies_of_other_files_work(tmp_path):
    for kind, read in {
        "semicolons": lambda path: pd.read_csv(path, sep=";", decimal=","),
        "tsv": lambda path: pd.read_csv(path, sep="\t"),
        "bars": lambda path: pd.read_csv(path, sep="|"),
        "json": pd.read_json,
        "feather": pd.read_feather,
    }.items():
        (tmp_path / kind).write_bytes(bytes_of(kind, tmp_path, TIDY.assign(position=[3.5, 4.0, 5.0])))
        assert adl.Book.from_frame(read(tmp_path / kind)).position.tolist() == [3.5, 4.0, 5.0]


def test_csv_named_parquet_and_text_of_one_column(tmp_path):
    TIDY.to_csv(tmp_path / "b.parquet", index=False)
    with pytest.raises(adl.BookError, match=r"it is text; if it is CSV, name it \.csv"):
        adl.Book.read(tmp_path / "b.parquet")
    (tmp_path / "one.csv").write_text("account\na\n", encoding="utf-8")
    with pytest.raises(adl.BookError, match="lacks 4 of the columns"):
        adl.Book.read(tmp_path / "one.csv")


# Numbers


@given(
    st.one_of(
        st.floats(allow_nan=False),
        st.integers(-(10**300), 10**300),
        st.fractions(),
        st.decimals(allow_nan=False, places=3),
    )
)
def test_a_real_number_is_what_it_is(value):
    assert plain(value) == float(value) == plain(str(float(value)), text=True)
    assert plain(np.float64(float(value))) == plain(np.array([float(value)])) == float(value)


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        np.True_,
        1j,
        np.complex128(1),
        "1",
        b"1",
        None,
        [1.0],
        np.ones(2),
        np.datetime64("2025"),
        np.timedelta64(1, "ns"),
        pd.NA,
        "1_0",
    ],
    ids=repr,
)
def test_what_is_no_number_is_none(value):
    assert np.isnan(plain(value))


def test_numbers_beyond_a_float_are_infinite():
    assert plain(10**400) == np.inf and plain(-(10**400)) == -np.inf
    assert plain(Fraction(1, 3)) == 1 / 3 and plain(Decimal("0.1")) == 0.1


BOOK = adl.Book.from_frame(TIDY.assign(position=[3.0, -4.0, 5.0]))
EVENT = adl.Event(BOOK, long={"X": 1.0})
READ_NUMBERS = {
    "requirement": lambda x: adl.Event(BOOK, long={"X": x}),
    "cap": lambda x: adl.Event(BOOK, long={"X": 1.0}, cap=x),
    "cap of one": lambda x: adl.Event(BOOK, long={"X": 1.0}, cap={"a": x}),
    "position": lambda x: adl.Book.from_frame(TIDY.assign(position=[x, 1.0, 2.0])),
    "price": lambda x: adl.Book.from_frame(TIDY.assign(price=[x, 1.0, 1.0])),
    "equity": lambda x: adl.Book.from_frame(TIDY.assign(equity=[x, x, x])),
    "moves": lambda x: adl.Scenarios([x, 0.5]),
    "moves by asset": lambda x: adl.Scenarios({"X": [x], "Y": [0.1]}),
    "probability": lambda x: adl.Scenarios([0.1], [x]),
    "table": lambda x: adl.Scenarios(pd.DataFrame({"X": [0.1, 0.2], "Y": [x, x]})),
    "volatility": lambda x: adl.LogNormal({"X": 0.5, "Y": x}, 0.5, 0.1),
    "correlation": lambda x: adl.LogNormal([0.5, 0.5], x, 0.1),
    "horizon": lambda x: adl.LogNormal(0.5, None, x),
    "covariance": adl.Gaussian,
    "mean": lambda x: adl.Gaussian(0.1, x),
    "scale": lambda x: adl.StudentT(x, 4.0),
    "dof": lambda x: adl.StudentT(0.1, x),
    "loading": lambda x: adl.OneFactor([x, 1.0], adl.Scenarios([0.1])),
    "specific": lambda x: adl.FactorModel([1.0, 1.0], [x, 0.1]),
    "prices": lambda x: adl.Scenarios.from_prices(pd.DataFrame({"X": [1.0, x]})),
    "move": lambda x: adl.stress(BOOK, {"X": x}),
    "step": lambda x: adl.stress_path(BOOK, pd.DataFrame({"X": [0.1, x]})),
    "fund": lambda x: adl.stress(BOOK, {"X": 0.1}, x),
    "closing price": lambda x: adl.burden(adl.pro_rata(EVENT), x),
    "lot": lambda x: adl.round_to_lots(adl.pro_rata(EVENT), {"X": x}),
    "loss": lambda x: adl.drift_charge(BOOK, {"X": x}),
    "maintenance": lambda x: adl.QueueRule("none", "none", "zero", "mark", "account order", maintenance=x),
    "power": adl.LeveragePower,
    "weight": lambda x: x * adl.ExpectedLoss(),
    "level": adl.CVaR,
    "weights": lambda x: adl.Spectral([x]),
    "aversion": adl.Entropic,
    "size": lambda x: adl.waterfill.water_level([x], [1.0], 0.5),
    "own equity": lambda x: adl.waterfill.water_level([1.0], [x], 0.5),
    "required": lambda x: adl.waterfill.water_level([1.0], [1.0], x),
    "every": lambda x: adl.Waves.from_hyperreplay(HYPER, every=x),
    "twin": lambda x: adl.examples.twin(1, x),
    "tolerance": lambda x: adl.Problem(adl.ExpectedLoss(), EVENT).solve(tol=x),
    "seconds": lambda x: adl.Problem(adl.ExpectedLoss(), EVENT).solve(time_limit=x),
}
HYPER = pd.DataFrame(
    {
        "user": ["u"],
        "coin": "X",
        "time": 1000,
        "adl_price": 9.0,
        "adl_size": 1.0,
        "position_size": -4.0,
        "total_equity": 7.0,
    }
)


@pytest.mark.parametrize("where", READ_NUMBERS)
@pytest.mark.parametrize("value", [True, np.True_, 1 + 0j, "x"], ids=repr)
def test_true_and_complex_numbers_are_numbers_nowhere(where, value):
    with pytest.raises(adl.AdlError):
        READ_NUMBERS[where](value)


# Slips


def meant_or_asked(build, says):
    """The law that `meant=True` gives, after the same without it is refused."""
    with pytest.raises(adl.AdlError, match=says):
        build(False)
    return build(True)


@settings(max_examples=100)
@given(st.lists(st.floats(-1, 8), min_size=1, max_size=30))
def test_moves_that_happen_are_read(moves):
    """No price below 0, and not more than half of the moves above 100 %."""
    moves = np.array(moves)
    moved, doubled = int((moves != 0).sum()), int((moves > 1).sum())
    if 2 * doubled <= moved and not (len(moves) >= 20 and (moves > 0).all() and np.median(moves) > 2):
        assert adl.Scenarios(moves).moves[:, 0].tolist() == moves.tolist()
    else:
        assert (
            meant_or_asked(
                lambda meant: adl.Scenarios(moves, meant=meant), "moves are above 1|these are prices"
            )
            .moves[:, 0]
            .tolist()
            == moves.tolist()
        )


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.01, 0.2), st.integers(1, 3))
def test_moves_in_percent_are_asked_about(seed, deviation, assets):
    moves = np.random.default_rng(seed).normal(0, deviation, (250, assets)).clip(-0.99)
    assert adl.Scenarios(moves).dimension == assets
    found = meant_or_asked(
        lambda meant: adl.Scenarios(100 * moves, meant=meant),
        "of 250|moves are below -1, .* divide by 100, or say meant=True",
    )
    assert np.array_equal(found.moves, 100 * moves)


def test_what_a_law_makes_of_itself_is_not_asked_about():
    wide = adl.Gaussian(np.eye(2))
    assert wide.quadrature(9).moves.min() < -1 and wide.sample(256, seed=1).moves.min() < -1
    assert adl.StudentT(1.0, 3.0).sample(64, seed=1).moves.min() < -1
    assert adl.LogNormal(3.0, None, 1.0).quadrature(30).moves.max() > 100
    factor = adl.OneFactor([1.0, 1.8], adl.Scenarios([-1.0, 1.0]))
    assert factor.as_scenarios_if_exact().align(("A", "B")).moves.min() == -1.8
    law = adl.Scenarios({"A": [-3.0, 1.0], "B": [0.1, 0.2]}, meant=True)
    assert law.align(("B", "A")).moves[0].tolist() == [0.1, -3.0] and law.sample(4, seed=1).dimension == 2
    assert adl.Scenarios.from_prices(pd.DataFrame({"A": [1.0, 5.0, 30.0]})).moves[:, 0].tolist() == [4.0, 5.0]


def test_horizons_volatilities_spreads_and_shocks_are_asked_about():
    assert (
        meant_or_asked(lambda meant: adl.LogNormal(0.6, None, 10, meant=meant), "horizon = 10 years").horizon
        == 10
    )
    assert (
        meant_or_asked(
            lambda meant: adl.LogNormal(80, None, 1 / 365, meant=meant), "volatility number 1 is 80"
        ).volatility[0]
        == 80
    )
    assert adl.LogNormal(10.0, None, 2.0).horizon == 2.0  # the last that is not asked about
    assert (
        meant_or_asked(lambda meant: adl.Gaussian(16.0, meant=meant), "a standard deviation that").covariance
        == 16.0
    )
    assert meant_or_asked(lambda meant: adl.Gaussian(0.01, 5.0, meant=meant), "a mean that").mean == 5.0
    assert meant_or_asked(lambda meant: adl.StudentT(16.0, 3.0, meant=meant), "a scale that").dof == 3.0
    factor = adl.Scenarios([-0.1, 0.1])
    assert (
        meant_or_asked(
            lambda meant: adl.OneFactor([100.0], factor, meant=meant), "a typical size that"
        ).loading[0]
        == 100.0
    )
    up = meant_or_asked(
        lambda meant: adl.stress(BOOK, {"X": 1.5}, meant=meant),
        "the move of 'X' is 1.5, which is .150 %; write 0.015 for 1.5 %",
    )
    assert up.marked.price[0] == 5.0
    path = pd.DataFrame({"X": [0.1, 1.5]})
    assert (
        len(
            meant_or_asked(
                lambda meant: adl.stress_path(BOOK, path, meant=meant), "step 2: the move of 'X' is 1.5"
            )
        )
        == 2
    )
    with pytest.raises(adl.EventError, match="above -1"):
        adl.stress(BOOK, {"X": -15}, meant=True)  # no price is negative, whatever is meant
