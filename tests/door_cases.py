"""Failure cases of what comes in: columns that change meanings, kinds of files, numbers that are none, moves
that look like a slip. (what is said, the call, the error).
"""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as papq
from scipy import stats

import adl_opt as adl

from .books import frame, one_asset

TIDY = frame(["m", "n"], "ETH", [3.0, -5.0], 2000.0, [5000.0, 9000.0])
EVENT = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)


def given(**columns):
    return lambda _: adl.Book.from_frame(TIDY.assign(**columns))


def huge(*numbers: int) -> pd.Series:
    """As objects: pandas 2 fails on such integers itself."""
    return pd.Series(numbers, dtype=object)


def file(content: bytes, name: str = "book.csv", reader=adl.Book.read):
    def call(folder: Path):
        (folder / name).write_bytes(content)
        return reader(folder / name)

    return call


def not_utf8(folder: Path):
    ids = pa.array([b"\xff\xfe", b"n"], pa.binary())
    columns = {
        "account": ids,
        "asset": ["X", "X"],
        "position": [1.0, 2.0],
        "price": [1.0, 1.0],
        "equity": [1.0, 1.0],
    }
    papq.write_table(pa.table(columns), folder / "b.parquet")
    return adl.Book.read(folder / "b.parquet")


def ranking(rule: str):
    book = adl.Book.from_frame(TIDY.assign(entry_price=1900.0, maintenance_margin=[1.0, 2.0]))
    return lambda _: adl.policy(rule)(adl.Event(book, long={"ETH": 1.0}))


CASES = [
    # columns that change what a position, a price or an equity means
    (r"column 'side', which says the side .* 1 of 2 rows, first row 1 \(account 'm'\), say 'sell' "
        r"beside position 3; give", given(side=["sell", "SELL"]), adl.BookError),
    (r"column 'ctVal', .* 2 of 2 rows, first row 1 .* '0.001' beside position 3; multiply position by it",
    given(ctVal=0.001), adl.BookError),
    ("the column 'settle', which says a currency .* 'BTC' .* one quote currency",
    given(settle=["USDT", "BTC"]), adl.BookError),
    ("binance ranks by a maintenance margin, and the book has the column 'maintenance_margin', which "
        "is not used", ranking("binance"), adl.EventError),
    ("the frame has the column 'position' 2 times, as 'position', ' position'; keep one",
    given(**{" position": 1.0}), adl.BookError),
    ("has the column 'position' 2 times, as 'position', 'Position'",
    file(b"account,asset,position,Position,price,equity\na,X,1,2,1,1\n"), adl.BookError),
    # files, and what is none
    ("a book is read from the path of a file, not from NoneType; from_frame", lambda _: adl.Book.read(None),
    adl.BookError),
    ("a book is read from the path of a file, not from StringIO",
    lambda _: adl.Book.read(StringIO("account")), adl.BookError),
    ("an event is read from the path of a file, not from bytes", lambda _: adl.Waves.read(b"book.csv"),
    adl.BookError),
    ("is a folder; name a file", adl.Book.read, adl.BookError),
    (r"\(5,004 characters\) cannot be opened: File name too long",
    lambda _: adl.Book.read("a" * 5000 + ".csv"), adl.BookError),
    ("'/dev/null' is no plain file", lambda _: adl.Book.read("/dev/null"), adl.BookError),
    ("it is compressed .gzip.; unpack it first", file(b"\x1f\x8b\x08\x00"), adl.BookError),
    ("it is separated by semicolons; use commas", file(b"account;asset\n"), adl.BookError),
    ("not of dict; pandas.DataFrame", lambda _: adl.Book.from_frame({"account": ["a"]}), adl.BookError),
    ("not of list; pandas.DataFrame", lambda _: adl.Book.from_frame([{"account": "a"}]), adl.BookError),
    ("1 of 2 rows of the account column are not UTF-8 text, first row 1: b'.xff.xfe'", not_utf8,
    adl.BookError),
    ("the account column holds list<.*>, not text", given(account=[["a"], ["b"]]), adl.BookError),
    (r"row 1 \(account 'm'\) holds '1j'; it must be a real number", given(position=[1j, 2]), adl.BookError),
    ("1 of 2 rows have no finite position, first row 1 .account 'm'.: inf", given(position=huge(10**400, 1)),
    adl.BookError),
    (r"no finite position, first row 2 .account 'n'.: -inf", given(position=huge(1, -(10**5000))),
    adl.BookError),
    ("from_columns takes a dict of columns, not list", lambda _: adl.Waves.from_columns([1]), adl.BookError),
    ("lists of one length; their lengths are 'wave' 2, 'account' no list",
    lambda _: adl.Waves.from_columns({"wave": [1, 2], "account": "a"}), adl.BookError),
    ("realized_event takes a Book, not str", lambda _: adl.realized_event("book.csv"), adl.EventError),
    ("drift_charge takes a Book and the loss by asset, .* not Book and 3",
    lambda _: adl.drift_charge(EVENT.book, 3), adl.EventError),
    # numbers that are none
    ("the requirement of 'X' must be a number of contracts, .* not True",
    lambda _: EVENT.with_requirement(short={"X": True}), adl.EventError),
    ("moves must be numbers, not True or False", lambda _: adl.Scenarios([True, 0.5]), adl.LawError),
    ("moves must be numbers, not of the type datetime64",
    lambda _: adl.Scenarios(np.array(["2025-10-10"], "M8[D]")), adl.LawError),
    ("moves must be real numbers", lambda _: adl.Scenarios([0.1j]), adl.LawError),
    ("moves must be numbers: int too large", lambda _: adl.Scenarios([10**400]), adl.LawError),
    (r"size must be an array of numbers, not .\[True\]",
    lambda _: adl.waterfill.water_level([True], [1.0], 0.5), adl.EventError),
    ("required must be a number, not 'True'", lambda _: adl.waterfill.water_level([1.0], [1.0], True),
    adl.EventError),
    (r"weights = \[True\]: spectral weights are numbers", lambda _: adl.Spectral([True]), adl.ObjectiveError),
    # what looks like a slip
    (
        "1 of 3 moves are below -1, first number 2 of 'BTC': -3, which is -300 %: no price falls .* "
        "divide by 100, or say meant=True",
        lambda _: adl.Scenarios({"BTC": [5.0, -3.0, 2.0]}), adl.LawError,
    ),
    ("2 of 3 moves are above 1, first number 1: 5, which is .500 %: .* say meant=True",
    lambda _: adl.Scenarios([5.0, 3.0, 0.5]), adl.LawError),
    ("1 of 1 moves have a standard deviation that looks like percent, first number 1 with 4, which is "
        "400 %", lambda _: adl.Gaussian(16.0), adl.LawError),
    ("1 of 1 moves have a scale that looks like percent", lambda _: adl.StudentT(16.0, 4.0), adl.LawError),
    ("1 of 1 moves have a mean that looks like percent, first number 1 with -2",
    lambda _: adl.Gaussian(0.01, -2.0), adl.LawError),
    ("1 of 2 moves have a typical size that looks like percent, first 'A' with 8.7",
    lambda _: adl.OneFactor({"A": 130.0, "B": 1.0}, stats.norm(0, 0.1)), adl.LawError),
    ("horizon = 10 years: write 10/365 for ten days, or say meant=True",
    lambda _: adl.LogNormal(0.6, None, 10), adl.LawError),
    ("volatility number 1 is 80, 8,000 % a year; write 0.6 for 60 %, or say meant=True",
    lambda _: adl.LogNormal(80, None, 1 / 8760), adl.LawError),
    ("the move of 'X' is 5, which is .500 %; write 0.05 for 5 %, or say meant=True",
    lambda _: adl.stress(EVENT.book, {"X": 5}), adl.EventError),
    ("step 2: the move of 'X' is 5,", lambda _: adl.stress_path(EVENT.book, pd.DataFrame({"X": [0.1, 5.0]})),
    adl.EventError),
]  # fmt: skip
