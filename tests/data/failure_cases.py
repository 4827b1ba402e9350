"""Failure cases of books: files, tables, columns, numbers."""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as papq

import adl_opt as adl
from tests.failures import ETH, TIDY, Case, book


def changed(**columns):
    return lambda _: adl.Book.from_frame(TIDY.assign(**columns))


def written(text: str, name: str = "book.csv"):
    def call(folder):
        (folder / name).write_text(text, encoding="utf-8")
        return adl.Book.read(folder / name)

    return call


def given(**columns):
    return lambda _: adl.Book.from_frame(ETH.assign(**columns))


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


CASES = [
    Case("there is no file", lambda p: adl.Book.read(p / "none.csv"), adl.BookError),
    Case("is empty", written(""), adl.BookError),
    Case("has no rows", written("account,asset,position,price,equity\n"), adl.BookError),
    Case(
        "cannot be read: CSV parse error",
        written("account,asset,position,price,equity\na,X,1,1,1\na,X,1\n"),
        adl.BookError,
    ),
    Case("cannot be read", written("not parquet", "book.parquet"), adl.BookError),
    Case(
        r"has the column 'price' 2 times",
        written("account,asset,position,price,price\na,X,1,1,1\n"),
        adl.BookError,
    ),
    Case(
        r"lacks 1 of the columns .* first 'equity' \(nor margin and entry_price",
        written("account,asset,position,price\na,X,1,1\n"),
        adl.BookError,
    ),
    Case(
        r"first 'position'; rename 'Positions'\?",
        lambda _: adl.Book.from_frame(TIDY.rename(columns={"position": "Positions"})),
        adl.BookError,
    ),
    Case("1 of 3 rows have no account, first row 2", changed(account=["a", None, "c"]), adl.BookError),
    Case("1 of 3 rows have no asset, first row 1", changed(asset=[None, "X", "Y"]), adl.BookError),
    Case("account column holds decimal numbers, first 1.5", changed(account=[1.5, 2.0, 3.0]), adl.BookError),
    Case("the column position holds bool", changed(position=[True, False, True]), adl.BookError),
    Case(
        r"1 of 3 rows have no finite equity, first row 2 \(account 'b'\): nan",
        changed(equity=[1.0, np.nan, 3.0]),
        adl.BookError,
    ),
    Case(
        r"no finite price, first row 3 \(account 'c'\): inf", changed(price=[5.0, 5.0, np.inf]), adl.BookError
    ),
    Case(r"no finite entry_price", changed(entry_price=[1.0, None, 2.0]), adl.BookError),
    Case(
        r"the column position must hold numbers; row 2 \(account 'b'\) holds 'x'",
        changed(position=["1", "x", "2"]),
        adl.BookError,
    ),
    Case(
        r"must hold numbers; row 1 \(account 'a'\) holds '1,000'",
        written('account,asset,position,price,equity\na,X,"1,000",1,1\n'),
        adl.BookError,
    ),
    Case("no finite position", written("account,asset,position,price,equity\na,X,,1,1\n"), adl.BookError),
    Case("1 of 2 prices are not positive, first 'Y' with 0", changed(price=[5.0, 5.0, 0.0]), adl.BookError),
    Case(
        "1 of 2 assets have more than one price, first 'X' with 5.0 and 6.0",
        changed(price=[5.0, 6.0, 7.0]),
        adl.BookError,
    ),
    Case(
        "1 of 2 accounts have more than one equity, first 'a' with 1.0 and 3.0",
        changed(account=["a", "b", "a"]),
        adl.BookError,
    ),
    Case(
        "1 rows repeat an account and asset, first account 'a', asset 'X'",
        changed(account="a", asset=["X", "X", "Y"], equity=1.0),
        adl.BookError,
    ),
    Case(
        "none of the 3 accounts has positive equity",
        lambda _: adl.Book.from_frame(TIDY.assign(equity=-1.0)).solvent(),
        adl.BookError,
    ),
    Case(
        "made of a DataFrame, not of dict", lambda _: adl.Book.from_frame({"account": ["a"]}), adl.BookError
    ),
    Case(
        "1 rows have a space before or after the asset, first row 2: ' X'",
        changed(asset=["X", " X", "Y"]),
        adl.BookError,
    ),
    Case(
        "separated by semicolons",
        lambda _: adl.Book.from_frame(pd.DataFrame({"account;asset": ["a;X"]})),
        adl.BookError,
    ),
    Case(
        "save it as UTF-8",
        lambda p: ((p / "u.csv").write_bytes("account,asset\n".encode("utf-16")), adl.Book.read(p / "u.csv")),
        adl.BookError,
    ),
    Case(
        "save it as UTF-8",
        lambda p: (
            (p / "l.csv").write_bytes(
                "account,asset,position,price,equity\n\u00e9,X,1,1,1\n".encode("latin-1")
            ),
            adl.Book.read(p / "l.csv"),
        ),
        adl.BookError,
    ),
    Case(
        r"2 of 2 rows, first row 1 .* say '0.001' beside position 3; multiply position by it",
        given(lotSize=0.001),
        adl.BookError,
    ),
    Case(
        "the frame has the column 'position' 2 times, as 'position', ' position'; keep one",
        given(**{" position": 1.0}),
        adl.BookError,
    ),
    Case(
        "has the column 'position' 2 times, as 'position', 'Position'",
        file(b"account,asset,position,Position,price,equity\na,X,1,2,1,1\n"),
        adl.BookError,
    ),
    Case(
        "a book is read from the path of a file, not from NoneType; from_frame",
        lambda _: adl.Book.read(None),
        adl.BookError,
    ),
    Case(
        "a book is read from the path of a file, not from StringIO",
        lambda _: adl.Book.read(StringIO("account")),
        adl.BookError,
    ),
    Case("is a folder; name a file", adl.Book.read, adl.BookError),
    Case(
        r"\(5,004 characters\) cannot be opened: File name too long",
        lambda _: adl.Book.read("a" * 5000 + ".csv"),
        adl.BookError,
    ),
    Case("'/dev/null' is no plain file", lambda _: adl.Book.read("/dev/null"), adl.BookError),
    Case("it is compressed .gzip.; unpack it first", file(b"\x1f\x8b\x08\x00"), adl.BookError),
    Case("it is separated by semicolons; use commas", file(b"account;asset\n"), adl.BookError),
    Case("not of dict; pandas.DataFrame", lambda _: adl.Book.from_frame({"account": ["a"]}), adl.BookError),
    Case("not of list; pandas.DataFrame", lambda _: adl.Book.from_frame([{"account": "a"}]), adl.BookError),
    Case(
        "1 of 2 rows of the account column are not UTF-8 text, first row 1: b'.xff.xfe'",
        not_utf8,
        adl.BookError,
    ),
    Case("the account column holds list<.*>, not text", given(account=[["a"], ["b"]]), adl.BookError),
    Case(
        r"row 1 \(account 'm'\) holds '1j'; it must be a real number", given(position=[1j, 2]), adl.BookError
    ),
    Case(
        "1 of 2 rows have no finite position, first row 1 .account 'm'.: inf",
        given(position=huge(10**400, 1)),
        adl.BookError,
    ),
    Case(
        r"no finite position, first row 2 .account 'n'.: -inf",
        given(position=huge(1, -(10**5000))),
        adl.BookError,
    ),
    Case(
        r"2 of 2 positions are above 1e\+150 or below 1e-150 .* first 1e\+308 of account 'A'",
        lambda _: book([-1e308, -1e308]),
    ),
    Case(r"1 of 2 positions .* first 4.94066e-324 of account 'B'", lambda _: book([-1.0, 5e-324])),
    Case(r"2 of 2 prices .* first 1e\+200 of account 'A'", lambda _: book(price=1e200)),
    Case(r"1 of 2 notionals .* first 1e\+200 of account 'B'", lambda _: book([-1.0, 1e100], price=1e100)),
    Case(
        r"2 of 2 notionals .* first 1e-298 of account 'A'", lambda _: book([-1e-149, -1e-140], price=1e-149)
    ),
    Case(r"1 of 2 equities .* first 1e-310 of account 'A'", lambda _: book(equity=[1e-310, 1.0])),
    Case(
        r"2 of 2 equities .* first inf of account 'A'",
        lambda _: book([1e149, 1.0], margin=1.0, entry_price=-1e160),
    ),
    Case("the equities sum to 1.8e", lambda _: book(equity=[9e149, 9e149])),
    Case("the positions in 'K' sum to 1.8e.150 in size", lambda _: book([9e149, -9e149], price=1e-3)),
    Case(
        r"1 of 2 gross leverages .* first 1e\+200 of account 'A'",
        lambda _: adl.Event(book([-1e100, -1.0], equity=[1e-100, 1.0]), short={"K": 1.0}),
    ),
]
