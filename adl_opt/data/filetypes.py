"""What a file is, by its first bytes, since a name may lie (§9). Only CSV and Parquet are read."""

import os
import re
from pathlib import Path
from typing import Any

from adl_opt.errors import BookError

_HEAD = 1 << 16
_CSV = "save it as CSV"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_MAGIC: tuple[tuple[bytes, str, str], ...] = (  # first bytes, what it is, what to do
    (b"\x1f\x8b", "compressed (gzip)", "unpack it first, such as with gunzip"),
    (b"BZh", "compressed (bzip2)", "unpack it first"),
    (b"\xfd7zXZ", "compressed (xz)", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)", "unpack it first"),
    (b"ARROW1", "a Feather (Arrow) file", "pandas.read_feather(path) gives a frame for from_frame"),
    (b"FEA1", "a Feather file of version 1", "pandas.read_feather(path) gives a frame for from_frame"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel workbook (.xls)",
        f"{_CSV}, or pandas.read_excel(path) gives a frame for from_frame",
    ),
    (b"SQLite format 3", "an SQLite database", "pandas.read_sql gives a frame for from_frame"),
    (b"\x89HDF", "an HDF5 file", "pandas.read_hdf gives a frame for from_frame"),
    (b"\x93NUMPY", "a numpy file", f"name its columns and {_CSV}"),
    (b"%PDF", "a PDF document", f"{_CSV} what its table says"),
)


def file_of(given: Any, what: str = "a table") -> Path:
    """The path of a file that is there.

    Raises BookError for what is no path, no file, empty, or cannot be opened.
    """
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise BookError(
            f"{what} is read from the path of a file, not from {type(given).__name__}; from_frame reads a "
            "DataFrame"
        )
    path, shown = (
        Path(given),
        repr(str(given))
        if len(str(given)) <= 200
        else f"{str(given)[:60]!r}... ({len(str(given)):,} characters)",
    )
    try:
        if path.is_dir():
            raise BookError(f"{shown} is a folder; name a file")
        if not path.is_file():
            raise BookError(
                f"there is no file {shown}"
                if not path.exists()
                else f"{shown} is no plain file; save it as one"
            )
        if path.stat().st_size == 0:
            raise BookError(f"{shown} is empty: it needs a header and at least one row")
        path.open("rb").close()
    except (OSError, ValueError) as error:
        if isinstance(error, BookError):
            raise
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BookError(f"{shown} cannot be opened: {why}") from None
    return path


def is_parquet(path: Path) -> bool:
    """Whether a file is read as Parquet: its name decides.

    Raises BookError, saying what it is and what to do, for what is neither CSV nor Parquet by its bytes.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    wanted = path.suffix.lower() in (".parquet", ".pq")
    found = _binary(head) or (None if head.startswith(b"PAR1") else _text(head))
    if found is None and wanted != head.startswith(b"PAR1"):
        found = ("text", "if it is CSV, name it .csv") if wanted else ("a Parquet file", "name it .parquet")
    if found is not None:
        raise BookError(f"{str(path)!r} cannot be read: it is {found[0]}; {found[1]}")
    return wanted


def _binary(head: bytes) -> tuple[str, str] | None:
    for magic, what, remedy in _MAGIC:
        if head.startswith(magic):
            return what, remedy
    if head.startswith(_ZIP):
        sheet = b"xl/" in head or b"[Content_Types].xml" in head
        excel = (
            "an Excel workbook (.xlsx)",
            f"{_CSV}, or pandas.read_excel(path) gives a frame for from_frame",
        )
        return excel if sheet else ("a zip archive", "unpack it first")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text", "save it as UTF-8"
    if b"\0" in head and not head.startswith(b"PAR1"):
        return "no text", "save it as CSV (UTF-8) or Parquet"
    return None


def _text(head: bytes) -> tuple[str, str] | None:
    """What text is that is not separated by commas: told by its first line."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if re.match(r"\{|\[\s*[\[{\"\d]", text):
        return "JSON", f"{_CSV}, or pandas.read_json(path) gives a frame for from_frame"
    if re.match(r"<(!|\?xml|html|head|body|table|div)", text, re.IGNORECASE):
        return "a web page or XML", f"{_CSV} what its table says"
    header, _, rest = text.partition("\n")
    if "," in header:
        return None
    for sign, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if sign in header:
            decimal = ", decimal=','" if "," in rest.partition("\n")[0] else ""
            commas = " and has decimal commas" if decimal else ""
            return (
                f"separated by {name}{commas}",
                f"use commas{' and decimal points' if decimal else ''}, "
                f"or pandas.read_csv(path, sep={sign!r}{decimal}) gives a frame for from_frame",
            )
    return None
