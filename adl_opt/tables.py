"""Tables at the door: CSV, Parquet and DataFrames to checked numpy columns (§4, §8, §9). pyarrow only: pandas is not imported."""

import difflib
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BookError

Array = NDArray[np.float64]
Index = NDArray[np.int32]


def read_columns(path: Path) -> tuple[dict[str, Any], str]:
    import pyarrow as pa

    if not path.is_file():
        raise BookError(f"there is no file {str(path)!r}")
    if path.stat().st_size == 0:
        raise BookError(f"{str(path)!r} is empty: a book needs a header and at least one position")
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise BookError(f"{str(path)!r} is UTF-16 text; save it as UTF-8")
    try:
        table = _read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _read_csv(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeDecodeError, OSError) as error:
        text = str(error).splitlines()[0]
        hint = (
            "; save it as UTF-8 text" if "utf" in text.lower() else "; columns are separated by commas" if "columns" in text else ""
        )
        raise BookError(f"{str(path)!r} cannot be read: {text}{hint}") from None
    count = Counter(table.column_names)
    twice = [name for name in table.column_names if count[name] > 1]
    if twice:
        raise BookError(f"{str(path)!r} has the column {twice[0]!r} {count[twice[0]]} times")
    return dict(zip(map(str.strip, table.column_names), table.columns)), repr(str(path))


def _read_csv(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    as_text = {"account": pa.string(), "asset": pa.string()}
    # Only an empty field is missing: an account called "NA" or "null" stays what it is (§4).
    options = pacsv.ConvertOptions(column_types=as_text, null_values=[""], strings_can_be_null=True)
    return pacsv.read_csv(path, convert_options=options)


def _read_parquet(path: Path) -> Any:
    import pyarrow.parquet as papq

    return papq.read_table(path)


def need_columns(columns: Mapping[str, Any], wanted: tuple[str, ...], where: str) -> None:
    missing = [name for name in wanted if name not in columns]
    if not missing:
        return
    near = difflib.get_close_matches(missing[0].lower(), [name.lower() for name in columns if name not in wanted], 1, 0.6)
    found = next((name for name in columns if near and name.lower() == near[0]), None)
    instead = " (nor margin and entry_price to derive it)" if missing[0] == "equity" else ""
    if len(columns) == 1 and ";" in next(iter(columns)):
        raise BookError(f"{where} is separated by semicolons; use commas, or pandas.read_csv(path, sep=';') and Book.from_frame")
    raise BookError(
        f"{where} lacks {len(missing)} of the columns {', '.join(wanted)}: first {missing[0]!r}{instead}"
        + (f"; rename {found!r}?" if found else f"; it has {', '.join(list(columns)[:8]) or 'none'}")
    )


def arrow(values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # mixed Python objects
        missing = [value is None or value != value for value in values]
        array = pa.array([None if gone else str(value) for value, gone in zip(values, missing)], pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def text_column(values: Any, name: str) -> Any:
    """An arrow array of text without missing entries; whole numbers are written out, "00123" and "NA" stay (§4)."""
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
            f"the {name} column holds decimal numbers, first {array[0].as_py()!r}; write {name} ids as text or whole numbers (§4)"
        )
    array = array.cast(pa.string())
    spaced = pc.not_equal(array, pc.utf8_trim_whitespace(array))
    if pc.any(spaced).as_py():
        first = pc.index(spaced, True).as_py()
        raise BookError(
            f"{pc.sum(spaced).as_py()} rows have a space before or after the {name}, first row {first + 1}: {array[first].as_py()!r}; remove it"
        )
    return array


def number_column(values: Any, name: str, accounts: Any) -> Array:
    import pyarrow as pa

    array = arrow(values)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        numbers = np.array([_parsed(text, name, row, accounts) for row, text in enumerate(array.to_pylist())])
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
        raise BookError(
            f"the column {name} must hold numbers; row {row + 1} (account {accounts[row].as_py()!r}) holds {text!r}"
            + ("; write it without separators, with a decimal point" if text and "," in text else "")
        ) from None


def factorize(names: Any) -> tuple[NDArray[np.object_], Index]:
    """Distinct names in order of first appearance, and the number of each entry."""
    encoded = names.dictionary_encode()
    return np.array(encoded.dictionary.to_pylist(), dtype=object), _from_arrow(encoded.indices).astype(np.int32)


def _from_arrow(array: Any) -> NDArray[Any]:
    """An arrow array without nulls in numpy; its own `to_numpy` would import pandas, a third of a second."""
    return np.array(np.from_dlpack(array)) if len(array) else np.zeros(0)


def figure(value: float) -> str:
    """Seven significant digits with thousands separators; exponents only beyond 1e15 and below 1e-4."""
    if value == 0 or not 1e-4 <= abs(value) < 1e15:
        return f"{value:.7g}"
    text = f"{value:,.{max(0, 6 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
