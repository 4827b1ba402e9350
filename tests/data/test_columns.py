"""Columns that change what another one means are understood, or refused by name; all others are ignored."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import adl_opt as adl
from adl_opt.data.columns import MEANINGS, RANKED_BY, READ, plain_name
from adl_opt.data.reading import USED
from tests.books import frame
from tests.data.tables import LEGS

ISOLATED = LEGS.assign(equity=[1.0, 2.0, 3.0])
WAVES = LEGS.assign(wave=1, realized_closed=[1.0, 0.0, 2.0])
SAYS = {  # a name of each meaning: what it must not say beside LEGS, what it may
    "side": ("sell", "BUY"),
    "isShort": (True, False),
    "isLong": (0, 1),
    "positionIdx": (2, 1),
    "contractSize": (0.001, 1),
    "lotSize": (0.001, 1),
    "contractType": ("InversePerpetual", "LinearPerpetual"),
    "category": ("inverse", "linear"),
    "inverse": (True, False),
    "linear": (False, True),
    "strike": (3000.0, None),
    "settle": ("BTC", "USDT"),
    "quote": ("BTC", "USDT"),
    "marginMode": ("isolated", "cross"),
}
TABLE = [
    (name, *SAYS[key])
    for meaning in MEANINGS
    for key in SAYS
    if plain_name(key) in meaning.names
    for name in sorted(meaning.names)
]


READS = {  # what a Book makes of what it must not say: positions, or an error
    "side": [-3.0, -4.0, -5.0],
    "isShort": [-3.0, -4.0, -5.0],
    "isLong": [-3.0, -4.0, -5.0],
    "positionIdx": [-3.0, -4.0, -5.0],
    "contractSize": [3.0 * 0.001, 4.0 * 0.001, 5.0 * 0.001],
    "contractType": "are inverse contracts without their settlement currency",
    "category": "are inverse contracts without their settlement currency",
    "inverse": "are inverse contracts without their settlement currency",
    "linear": "are inverse contracts without their settlement currency",
    "settle": "settle in BTC, and nothing says of what kind",
    "marginMode": [3.0, 4.0, 5.0],
}
KEY = {name: key for key in SAYS for meaning in MEANINGS if plain_name(key) in meaning.names
       for name in meaning.names}  # fmt: skip


def file(suffix, reader, table):
    def read(tmp_path, **columns):
        path = tmp_path / f"t.{suffix}"
        full = table.assign(**columns)
        full.to_csv(path, index=False) if suffix == "csv" else full.to_parquet(path)
        return reader(path)

    return read


READERS = {
    "Book.read csv": file("csv", adl.Book.read, LEGS),
    "Book.read parquet": file("parquet", adl.Book.read, LEGS),
    "Book.from_frame": lambda _, **columns: adl.Book.from_frame(LEGS.assign(**columns)),
    "Book.from_frame arrow": lambda _, **columns: adl.Book.from_frame(
        pa.Table.from_pandas(LEGS.assign(**columns))
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
    assert not {plain_name(name) for name in (*USED, "wave", "time") if name != "maintenance_margin"} & (
        RANKED_BY | {name for name, _, _ in TABLE}
    )
    assert sum(len(meaning.names) for meaning in MEANINGS) == len(TABLE), "one name, two meanings"


@pytest.mark.parametrize("reader", READERS)
def test_a_column_that_changes_a_meaning_is_refused_by_name_unless_a_book_is_read_by_it(reader, tmp_path):
    for name, wrong, _ in TABLE:
        if name in READ and reader.startswith("Book"):
            continue
        with pytest.raises(
            adl.BookError,
            match=f"the column '{name}', which says .* and is not used: . of 3 rows, first row .*; ",
        ):
            READERS[reader](tmp_path, **{name: wrong})


@pytest.mark.parametrize("reader", [name for name in READERS if name.startswith("Book")])
def test_a_book_is_read_by_every_name_that_it_knows(reader, tmp_path):
    assert {KEY[name] for name in READ} == set(READS)
    for name, wrong, _ in TABLE:
        if name not in READ:
            continue
        expected = READS[KEY[name]]
        if isinstance(expected, str):
            with pytest.raises(adl.BookError, match=expected):
                READERS[reader](tmp_path, **{name: wrong})
            continue
        own = {"equity": [1.0, 2.0, 3.0]} if KEY[name] == "marginMode" else {}
        book = READERS[reader](tmp_path, **{name: wrong}, **own)
        assert book.position.tolist() == expected
        assert book.isolated == (KEY[name] == "marginMode" or reader == "Book.from_isolated")
        assert book.said or reader == "Book.from_isolated"  # where all positions are isolated anyway


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
        adl.Waves.from_frame(WAVES.assign(**{spelled: wrong}))
    expected = READS.get(KEY[name], "which says .* and is not used")
    if isinstance(expected, str):
        with pytest.raises(adl.BookError, match=expected):
            adl.Book.from_frame(LEGS.assign(**{spelled: wrong}))
    else:
        legs = ISOLATED if KEY[name] == "marginMode" else LEGS
        assert adl.Book.from_frame(legs.assign(**{spelled: wrong})).position.tolist() == expected


@settings(max_examples=60)
@given(st.text(max_size=12), st.sampled_from(["sell", 0.001, "BTC", True, None, "isolated"]))
def test_other_columns_are_ignored_as_ever(name, value):
    assume(plain_name(name) not in {known for known, _, _ in TABLE} and name.strip().casefold() not in USED)
    try:
        name.encode()
    except UnicodeEncodeError:
        assume(False)
    assert adl.Book.from_frame(LEGS.assign(**{name: value})).position.tolist() == [3.0, 4.0, 5.0]


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
def test_sizes_without_signs_take_the_sign_of_their_side_and_signs_must_agree(rows):
    sign = {"long": 1, "Short": -1, "BUY": 1, "sell": -1, "": 0, "both": 0, "what": np.nan}
    position, side = zip(*rows)
    table = frame(range(len(rows)), "X", list(position), 1.0, 1.0).assign(positionSide=side)
    signs = np.array([sign[s] for s in side])
    held, sided = np.array(position) != 0, np.nan_to_num(signs) != 0
    unsigned = not (np.array(position)[sided] < 0).any()
    agrees = not (held & sided & (signs != np.sign(position))).any()
    if (held & np.isnan(signs)).any():
        with pytest.raises(adl.BookError, match="say 'what' in the column 'positionSide', which is no side"):
            adl.Book.from_frame(table)
    elif agrees or unsigned:
        expected = np.where(sided, np.nan_to_num(signs) * np.abs(position), position)
        assert adl.Book.from_frame(table).position.tolist() == expected.tolist()
    else:
        with pytest.raises(adl.BookError, match="contradictory sides: 'positionSide' says"):
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
        book = adl.Book.from_frame(rows.assign(side=sides))
        assert book.position.tolist() == [-3.0, 5.0] and book.said == (
            "sizes have no sign: 'side' says the side",
        )
        signed = adl.Book.from_frame(rows.assign(side=sides, position=[-3.0, 5.0]))
        assert signed.position.tolist() == [-3.0, 5.0] and signed.said == ()


def test_sides_as_numbers():
    """1 and -1 are signs; 0 and 1, or 1 and 2, are codes of which one cannot know; positionIdx is Bybit's: 0
    says nothing.
    """
    for column, said, signs in (
        ("side", [1, 1, 1], [1, 1, 1]),
        ("side", [1, 1, -1], [1, 1, -1]),
        ("side", [0, 0, 0], None),
        ("side", [1, 2, 1], None),
        ("side", [True] * 3, None),
        ("is_long", [1, 1, 1], [1, 1, 1]),
        ("is_long", [1, 0, 1], [1, -1, 1]),
        ("is_short", [0, 0, 0], [1, 1, 1]),
        ("is_short", [0, 0, 1.0], [1, 1, -1]),
        ("positionIdx", [0, 0, 0], [1, 1, 1]),
        ("positionIdx", [1, 0, 1], [1, 1, 1]),
        ("positionIdx", [1, 2, 1], [1, -1, 1]),
    ):
        if signs is not None:
            book = adl.Book.from_frame(LEGS.assign(**{column: said}))
            assert book.position.tolist() == [3.0 * signs[0], 4.0 * signs[1], 5.0 * signs[2]]
        else:
            with pytest.raises(adl.BookError, match=f"in the column '{column}', which is no side"):
                adl.Book.from_frame(LEGS.assign(**{column: said}))


def test_a_currency_is_one_currency_of_money():
    assert adl.Book.from_frame(LEGS.assign(marginCoin="USDT")).currency == "USDT"
    assert adl.Book.from_frame(LEGS.assign(marginCoin=["usd", "USD", "Usd"])).currency == "USD"
    with pytest.raises(adl.BookError, match=r"settle in another currency \(USDT and USDC\) without a rate"):
        adl.Book.from_frame(LEGS.assign(marginCoin=["USDT", "USDC", "USDT"]))
    with pytest.raises(adl.BookError, match="settle in BTC, and nothing says of what kind"):
        adl.Book.from_frame(LEGS.assign(marginCoin=["BTC"] * 3))
    assert adl.Book.from_frame(LEGS.assign(quote=LEGS["price"])).currency == "quote currency"  # names none


def test_what_is_not_used_is_remembered_by_a_saved_allocation(tmp_path):
    book = adl.Book.from_frame(LEGS.assign(mmr=0.01))
    adl.pro_rata(adl.Event(book, long={"X": 1.0})).save(tmp_path / "a.json")
    assert adl.Allocation.load(tmp_path / "a.json").event.book.unused == ("mmr",)


def test_blanks_around_a_name_are_not_part_of_it_and_names_that_differ_by_them_are_refused(tmp_path):
    for name in (" position", "position ", "\ufeffposition", "\u200bposition\xa0"):
        spaced = LEGS.rename(columns={"position": name})
        assert adl.Book.from_frame(spaced).position.tolist() == [3.0, 4.0, 5.0]
        for also in ("position", "Position", " POSITION "):
            spaced.assign(**{also: -999.0}).to_csv(tmp_path / "b.csv", index=False)
            with pytest.raises(adl.BookError, match="the column 'position' 2 times, as"):
                adl.Book.from_frame(spaced.assign(**{also: -999.0}))
            with pytest.raises(adl.BookError, match="the column 'position' 2 times, as"):
                adl.Book.read(tmp_path / "b.csv")
    with pytest.raises(adl.BookError, match="the column 'price' 2 times; keep one"):
        adl.Book.from_frame(pd.concat([LEGS, LEGS[["price"]]], axis=1))
