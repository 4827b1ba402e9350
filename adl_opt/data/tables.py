"""Tables at the door: CSV, Parquet and DataFrames to checked numpy columns (§4, §8, §9). pyarrow only: pandas
is not imported.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.arrays import Array, Index
from adl_opt.data.filetypes import file_of, is_parquet
from adl_opt.errors import BookError

_INVISIBLE = "\ufeff\u200b\u200e\u200f \t\r\n\xa0"  # what editors and spreadsheets leave around a name


def read_columns(given: Any, what: str = "a table") -> tuple[dict[str, Any], str]:
    """(columns by name, what to call the file) of a CSV or Parquet file. Raises BookError."""
    import pyarrow as pa

    path = file_of(given, what)
    try:
        table = _read_parquet(path) if is_parquet(path) else _read_csv(path)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        text = str(error).splitlines()[0]
        hint = (
            "; save it as UTF-8 text"
            if "utf" in text.lower()
            else "; columns are separated by commas"
            if "columns" in text
            else ""
        )
        raise BookError(f"{str(path)!r} cannot be read: {text}{hint}") from None
    return arrow_columns(table, repr(str(path))), repr(str(path))


def arrow_columns(table: Any, where: str) -> dict[str, Any]:
    return dict(zip(once_each(table.column_names, where), table.columns))


def once_each(names: Iterable[Any], where: str) -> list[str]:
    """Column names without the blanks around them.

    Raises BookError for two that differ by blanks or case alone.
    """
    given = [str(name) for name in names]
    same: dict[str, list[str]] = {}
    for name in given:
        same.setdefault("".join(name.strip(_INVISIBLE).split()).casefold(), []).append(name)
    for alike in same.values():
        if len(alike) > 1:
            spelled = f", as {', '.join(map(repr, alike[:3]))}" if len(set(alike)) > 1 else ""
            raise BookError(
                f"{where} has the column {alike[0].strip(_INVISIBLE).strip()!r} {len(alike)} times{spelled}; "
                "keep one, rename or drop the others"
            )
    return [name.strip(_INVISIBLE).strip() for name in given]


def _read_csv(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    as_text = {"account": pa.string(), "asset": pa.string()}
    # Only an empty field is missing: an account called "NA" or "null" stays what it is (§4).
    options = pacsv.ConvertOptions(
        column_types=as_text, null_values=[""], strings_can_be_null=True, auto_dict_encode=True
    )
    return pacsv.read_csv(path, convert_options=options)


def _read_parquet(path: Path) -> Any:
    import pyarrow.parquet as papq

    return papq.read_table(path)


def need_columns(columns: Mapping[str, Any], wanted: tuple[str, ...], where: str) -> None:
    missing = [name for name in wanted if name not in columns]
    if not missing:
        return
    near = difflib.get_close_matches(
        missing[0].lower(), [name.lower() for name in columns if name not in wanted], 1, 0.6
    )
    found = next((name for name in columns if near and name.lower() == near[0]), None)
    instead = " (nor margin and entry_price to derive it)" if missing[0] == "equity" else ""
    if len(columns) == 1 and ";" in next(iter(columns)):
        raise BookError(
            f"{where} is separated by semicolons; use commas, or pandas.read_csv(path, sep=';') and "
            "Book.from_frame"
        )
    raise BookError(
        f"{where} lacks {len(missing)} of the columns {', '.join(wanted)}: first {missing[0]!r}{instead}"
        + (f"; rename {found!r}?" if found else f"; it has {', '.join(list(columns)[:8]) or 'none'}")
    )


def arrow(values: Any) -> Any:
    """Any column as an arrow array; long doubles become floats, mixed objects and numbers beyond 64 bits
    text.
    """
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = getattr(values, "dtype", None)
    if kind in (np.longdouble, np.float16):
        with np.errstate(over="ignore"):
            values = np.asarray(values, dtype=float)
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        array = pa.array([None if _absent(value) else _text_of(value) for value in values], pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _absent(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and value != value)
    )


def _text_of(value: Any) -> str:
    """str(value), also of whole numbers of more digits than Python writes out: those are beyond any float."""
    try:
        return str(value).encode("utf-8", "backslashreplace").decode()
    except ValueError:
        return "inf" if value > 0 else "-inf"


def text_column(values: Any, name: str) -> Any:
    """An arrow array of text without missing entries; whole numbers are written out, "00123" and "NA" stay
    (§4).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    array = arrow(values)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.null_count:
        first = int(np.argmax(np.asarray(array.is_null())))
        raise BookError(f"{array.null_count} of {len(array)} rows have no {name}, first row {first + 1}")
    if pa.types.is_floating(array.type):
        raise BookError(
            f"the {name} column holds decimal numbers, first {array[0].as_py()!r}; write {name} ids as "
            "text or whole numbers (§4)"
        )
    array = _as_text(array, name)
    spaced = pc.not_equal(array, pc.utf8_trim_whitespace(array))
    if pc.any(spaced).as_py():
        first = pc.index(spaced, True).as_py()
        raise BookError(
            f"{pc.sum(spaced).as_py()} rows have a space before or after the {name}, first row "
            f"{first + 1}: {array[first].as_py()!r}; remove it"
        )
    return array


def _as_text(array: Any, name: str) -> Any:
    """Cast to valid UTF-8. Raises BookError for lists, tables within the table, and bytes of another
    encoding.
    """
    import pyarrow as pa

    try:
        text = array.cast(pa.string())
        text.validate(full=True)
    except pa.ArrowException:
        binary = (
            pa.types.is_binary(array.type)
            or pa.types.is_large_binary(array.type)
            or pa.types.is_fixed_size_binary(array.type)
        )
        if not (binary or pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
            raise BookError(
                f"the {name} column holds {array.type}, not text; write one {name} id a row (§4)"
            ) from None
        rows = array.cast(pa.large_binary()).to_pylist()
        odd = [row for row, value in enumerate(rows) if value.decode("utf-8", "replace").encode() != value]
        raise BookError(
            f"{len(odd)} of {len(rows)} rows of the {name} column are not UTF-8 text, first row "
            f"{odd[0] + 1}: "
            f"{rows[odd[0]][:40]!r}; write ids as UTF-8 text (§4)"
        ) from None
    return text


def number_column(values: Any, name: str, accounts: Any) -> Array:
    """A column as finite floats, or BookError.

    Text is read as a number; True and False are none, nor are complex numbers.
    """
    import pyarrow as pa

    array = arrow(values)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        numbers = np.array(
            [_parsed(text, name, row, accounts) for row, text in enumerate(_as_text(array, name).to_pylist())]
        )
    elif (
        pa.types.is_integer(array.type)
        or pa.types.is_floating(array.type)
        or pa.types.is_decimal(array.type)
        or pa.types.is_null(array.type)
    ):
        floats = array.cast(pa.float64(), safe=False)
        numbers = _from_arrow(floats.fill_null(math.nan) if floats.null_count else floats)
    else:
        raise BookError(f"the column {name} holds {array.type}, not numbers")
    bad = ~np.isfinite(numbers)
    if bad.any():
        first = int(np.argmax(bad))
        raise BookError(
            f"{bad.sum()} of {len(numbers)} rows have no finite {name}, first row {first + 1} "
            f"(account {accounts[first].as_py()!r}): {numbers[first]}; complete or remove them (§8)"
        )
    return numbers


def _parsed(text: str | None, name: str, row: int, accounts: Any) -> float:
    try:
        return math.nan if text is None else float(text.replace("_", "?"))
    except ValueError:
        hint = "; write it without separators, with a decimal point" if text and "," in text else ""
        hint = "; it must be a real number" if text and text.strip("()").endswith("j") else hint
        raise BookError(
            f"the column {name} must hold numbers; row {row + 1} (account {accounts[row].as_py()!r}) "
            f"holds {(text or '')[:40]!r}{hint}"
        ) from None


def factorize(names: Any) -> tuple[NDArray[np.object_], Index]:
    """Distinct names in order of first appearance, and the number of each entry."""
    encoded = names.dictionary_encode()
    return np.array(encoded.dictionary.to_pylist(), dtype=object), _from_arrow(encoded.indices).astype(
        np.int32
    )


def _from_arrow(array: Any) -> NDArray[Any]:
    """An arrow array without nulls in numpy; its own `to_numpy` would import pandas, a third of a second."""
    return np.array(np.from_dlpack(array)) if len(array) else np.zeros(0)


def clock_column(values: Any, name: str, accounts: Any) -> tuple[Array | Index, list[Any]]:
    """The order of the rows, and what each is called: whole numbers, numbers, or timestamps as text."""
    import pyarrow as pa

    array = arrow(values)
    if pa.types.is_timestamp(array.type):
        if array.null_count:
            first = int(np.argmax(np.asarray(array.is_null())))
            raise BookError(f"{array.null_count} of {len(array)} rows have no {name}, first row {first + 1}")
        return np.array(array.cast(pa.int64()).to_pylist(), dtype=np.int64), [
            str(text) for text in array.cast(pa.string()).to_pylist()
        ]
    when = number_column(array, name, accounts)
    return when, [int(x) if x.is_integer() else x for x in when.tolist()]
