"""Files are named as what they are, whatever their name says."""

import bz2
import gzip
import lzma
import sqlite3
import zipfile

import pandas as pd
import pytest

import adl_opt as adl
from tests.data.tables import LEGS


def test_headers_in_brackets_are_csv(tmp_path):
    """As databases and terminals write them: neither JSON nor a web page."""
    for left, right in ("<>", "[]"):
        (tmp_path / "b.csv").write_text(
            ",".join(f"{left}{name}{right}" for name in LEGS) + "\na,X,1,1,1\n", encoding="utf-8"
        )
        with pytest.raises(adl.BookError, match="lacks 5 of the columns"):
            adl.Book.read(tmp_path / "b.csv")


def bytes_of(kind, tmp_path, table=LEGS):
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
@pytest.mark.parametrize(
    "reader", [adl.Book.read, adl.Waves.read, adl.Waves.from_hyperreplay, adl.Scenarios.read]
)
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
        (tmp_path / kind).write_bytes(bytes_of(kind, tmp_path, LEGS.assign(position=[3.5, 4.0, 5.0])))
        assert adl.Book.from_frame(read(tmp_path / kind)).position.tolist() == [3.5, 4.0, 5.0]


def test_csv_named_parquet_and_text_of_one_column(tmp_path):
    LEGS.to_csv(tmp_path / "b.parquet", index=False)
    with pytest.raises(adl.BookError, match=r"it is text; if it is CSV, name it \.csv"):
        adl.Book.read(tmp_path / "b.parquet")
    (tmp_path / "one.csv").write_text("account\na\n", encoding="utf-8")
    with pytest.raises(adl.BookError, match="lacks 4 of the columns"):
        adl.Book.read(tmp_path / "one.csv")
