"""Books: reading, storage by legs, what is natural to hand in; the failures are in failure_cases.py."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adl_opt as adl
from tests.books import frame
from tests.data.tables import LEGS
from tests.tolerances import TOL

TIDY = frame(
    ["00123", "NA", "00123", "null"],
    ["A", "A", "B", "B"],
    [1.0, -2.0, 3.0, 0.0],
    [2.0, 2.0, 5.0, 5.0],
    [7.0, 8.0, 7.0, 9.0],
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_read_keeps_ids_order_and_numbers(tmp_path, suffix):
    path = tmp_path / f"book.{suffix}"
    TIDY.assign(comment="ignored").to_csv(path, index=False) if suffix == "csv" else TIDY.to_parquet(path)
    book = adl.Book.read(path)
    assert list(book.accounts) == ["00123", "NA", "null"] and book.assets == ("A", "B")
    expected = TIDY.sort_values(
        "account", key=lambda s: s.map({"00123": 0, "NA": 1, "null": 2}), kind="stable"
    ).reset_index(drop=True)
    pd.testing.assert_frame_equal(book.to_frame(), expected, check_dtype=False)


def test_equity_follows_from_margin_and_entry_prices():
    rows = TIDY.drop(columns="equity").assign(
        margin=[10.0, 20.0, 10.0, 30.0], entry_price=[1.0, 3.0, 6.0, 5.0]
    )
    book = adl.Book.from_frame(rows)
    assert book.equity == pytest.approx(
        [10 + 1 * (2 - 1) + 3 * (5 - 6), 20 - 2 * (2 - 3), 30], rel=TOL.rounding
    )
    assert set(book.extra) == {"margin", "entry_price"}


def test_whole_number_ids_become_text_and_categories_are_read():
    assert list(adl.Book.from_frame(TIDY.assign(account=[7, 8, 7, 9])).accounts) == ["7", "8", "9"]
    assert adl.Book.from_frame(TIDY.assign(asset=TIDY["asset"].astype("category"))).assets == ("A", "B")
    assert list(adl.Book.from_frame(TIDY.assign(account=["x", 8, "x", 9])).accounts) == ["x", "8", "9"]
    assert adl.Book.from_frame(TIDY.assign(position=["1", "-2", "3e0", "0"])).position.tolist() == [
        1.0,
        3.0,
        -2.0,
        0.0,
    ]


def test_from_isolated_gives_each_position_its_own_equity():
    book = adl.Book.from_isolated(TIDY.assign(equity=[1.0, 2.0, 3.0, 4.0]))
    assert list(book.accounts) == ["00123:A", "NA:A", "00123:B", "null:B"] and book.isolated
    assert book.equity.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_leverage_and_solvency():
    book = adl.Book.from_frame(TIDY.assign(equity=[7.0, -8.0, 7.0, 0.0]))
    assert book.leverage.to_dict() == {"00123": pytest.approx((2 + 15) / 7), "NA": math.inf, "null": math.inf}
    broke = book.insolvent()
    assert broke["account"].tolist() == ["NA", "null"] and broke["gross_notional"].tolist() == [4.0, 0.0]
    kept = book.solvent()
    assert (
        kept.assets == book.assets
        and list(kept.accounts) == ["00123"]
        and kept.position.tolist() == [1.0, 3.0]
    )


def test_isolated_means_at_most_one_position_that_is_not_zero():
    assert not adl.Book.from_frame(TIDY).isolated
    assert adl.Book.from_frame(TIDY.assign(position=[1.0, -2.0, 0.0, 0.0])).isolated


def test_memory_is_by_legs():
    n, d = 20_000, 162
    rng = np.random.default_rng(1)
    asset = rng.permuted(np.tile(np.arange(d), (n, 1)), axis=1)[:, :3].ravel()
    rows = frame(
        np.repeat(np.arange(n), 3), [f"X{k}" for k in asset], rng.normal(size=3 * n), 1.0 + asset, 1.0
    )
    book = adl.Book.from_frame(rows)
    stored = sum(a.nbytes for a in (book.account, book.asset, book.position, book.price, book.equity))
    assert stored <= 3 * n * (4 + 4 + 8) + 8 * (n + d)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.text(min_size=1).filter(lambda t: t == t.strip()),
            st.sampled_from("ABC"),
            st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) >= 1e-150),
        ),
        min_size=1,
        unique_by=lambda t: t[:2],
    )
)
def test_round_trip_through_frames(rows):
    accounts, assets, positions = zip(*rows)
    book = adl.Book.from_frame(frame(list(accounts), list(assets), list(positions), 3.0, 1.0))
    again = adl.Book.from_frame(book.to_frame())
    assert list(again.accounts) == list(book.accounts)
    assert {(a, k): x for a, k, x in zip(accounts, assets, positions)} == {
        (r.account, r.asset): r.position for r in again.to_frame().itertuples()
    }


def test_what_is_natural_is_read(tmp_path):
    """A table of pyarrow, long doubles and halves, ids beyond 64 bits, bytes that are UTF-8."""
    made = adl.Book.from_frame(pa.Table.from_pandas(LEGS))
    assert list(made.accounts) == ["a", "b"] and made.position.tolist() == [3.0, 4.0, 5.0]
    assert adl.Book.from_frame(LEGS.astype({"position": "longdouble"})).position.tolist() == [3.0, 4.0, 5.0]
    assert adl.Book.from_frame(LEGS.astype({"position": "float16"})).position.tolist() == [3.0, 4.0, 5.0]
    assert list(adl.Book.from_frame(LEGS.assign(account=[10**30, 10**30, 5])).accounts) == [str(10**30), "5"]
    assert list(adl.Book.from_frame(LEGS.assign(account=[b"a", b"a", "é".encode()])).accounts) == ["a", "é"]
    with pytest.raises(adl.BookError, match="no finite position"):
        adl.Book.from_frame(LEGS.assign(position=np.full(3, np.longdouble("1e4000"))))


class Polars:
    """What polars is to a reader: names of columns and a stream of arrow, no index."""

    columns = tuple(LEGS)

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.Table.from_pandas(LEGS).__arrow_c_stream__(requested_schema)


def test_a_table_that_speaks_arrow_is_read():
    assert adl.Book.from_frame(Polars()).to_frame().equals(adl.Book.from_frame(LEGS).to_frame())
