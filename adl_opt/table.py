"""A DataFrame that knows its units: shown with them in the headers and with rounded numbers, exact inside.

Imported where a table is made, as pandas is, never at the top of a file.
"""

import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from adl_opt import html
from adl_opt.text import NOISE, figure

MONEY = "quote currency"  # where no currency is said
AS_QUOTED = "as quoted"  # begins a unit of a price that no currency of a book changes
UNITS = {  # of columns that mean the same in every table
    "position": "contracts, long > 0",
    "closed": "contracts, signed like position",
    "left": "contracts, long > 0",
    "least": "contracts, signed like position",
    "most": "contracts, signed like position",
    "realized_closed": "contracts, signed like position",
    "price": "quote currency per contract",
    "entry_price": "quote currency per contract",
    "shadow_price": "quote currency per contract",
    **dict.fromkeys(
        (
            "equity", "margin", "deficit", "gross_notional", "gross_before", "gross_after", "closed_notional",
            "realized_notional",
        ),
        "quote currency",
    ),
    "leverage_before": "x of equity, gross",
    "leverage_after": "x of equity, gross",
    "fraction_closed": "fraction",
    "profit_ratio": "fraction of the entry price",
}  # fmt: skip
_OF = {"leverage_after": "leverage_before", "gross_after": "gross_before"}  # what a difference is taken of
_OF |= dict.fromkeys(("left", "closed"), "position")
_MOST_ROWS, _MOST_COLUMNS = 60, 30  # shown whole; of longer ones the first ten rows
_WORDS, _UNIT, _WIDTH = 60, 16, 100  # columns of text that words, units and tables are broken into
_DIGITS, _DIGITS_OF_ONE, _TINY = 6, 10, 1e-4  # in a column of numbers; of one among words, if it is not tiny
# By how a unit begins: digits, and what is rounding. Of gaps and violations the size is all that matters.
_KINDS = {"fraction of the value": (2, 1e-15), "pure number, 0 = holds": (2, 1e-15), "fraction": (3, 0.0)}


class Table(pd.DataFrame):
    """A DataFrame made by `with_units`; what is selected from it is one too."""

    @property
    def _constructor(self) -> Any:
        return Table

    def to_string(self, *args: Any, **options: Any) -> Any:
        """As pandas, with units and rounded numbers; pandas' own where anything is asked for."""
        if args or options:
            return super().to_string(*args, **options)
        shown, notes = _said_once(self)
        return "\n".join([_print(shown, None, self._plain()), *notes])

    def __repr__(self) -> str:
        rows, columns = self._extent()
        width = shutil.get_terminal_size((_WIDTH, 0)).columns
        shown, notes = _said_once(self.iloc[:rows, :columns])
        text = _print(shown, width, self._plain())
        notes = [line for note in notes for line in textwrap.wrap(note, width, subsequent_indent="    ")]
        return "\n".join(filter(None, [text, *notes, self._left_out()]))

    def _plain(self) -> dict[str, Any]:
        return {"sparsify": False, "index": not isinstance(self.index, pd.RangeIndex)}

    def _repr_html_(self) -> str:
        return html.panel(self.attrs.get("title", ""), self.to_panel())

    def to_panel(self) -> str:
        """The table as a part of a panel of HTML."""
        rows, columns = self._extent()
        index = [] if isinstance(self.index, pd.RangeIndex) else _index(self.index[:rows])
        shown, notes = _said_once(self.iloc[:rows, :columns])
        table = html.table(index + [_column(shown, k, rows) for k in range(columns)], self._left_out())
        return table + "".join(map(html.line, notes))

    def _extent(self) -> tuple[int, int]:
        """Rows and columns that are shown."""
        rows, columns = self.shape
        return html.SHOWN if rows > _MOST_ROWS else rows, min(columns, _MOST_COLUMNS)

    def _left_out(self) -> str:
        named = zip(self.shape, ("rows", "columns"), self._extent())
        return "; ".join(filter(None, (html.shown(*one) for one in named)))

    def _display_(self) -> Any:
        """marimo's own protocol: it shows other DataFrames in a viewer that knows no units."""
        return _Html(self._repr_html_())


class _Html:
    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


def with_units(
    data: Any, units: Mapping[str, str] | None = None, currency: str = MONEY, **options: Any
) -> Table:
    """A Table of what DataFrame takes. units: by column, beside those that names have everywhere (UNITS);
    currency: what the money of the table is in.
    `attrs["said once"]` may name a column of sentences: those of several rows are shown once, below.
    `attrs["differences"]` may say by column (of, share, least): up to that share of column `of`, in its row,
    it is rounding and shown as 0; up to `least` where that column is not there.
    """
    frame = Table(data, **options)
    known = UNITS | dict(units or {})
    if currency != MONEY:
        known = {
            name: unit if unit.startswith(AS_QUOTED) else unit.replace(MONEY, currency)
            for name, unit in known.items()
        }
    frame.attrs["units"] = {str(name): known[str(name)] for name in frame.columns if known.get(str(name))}
    return frame


def _said_once(frame: Any) -> tuple[Any, list[str]]:
    """The table, with a number for each sentence that rows share, and what the numbers say."""
    name = frame.attrs.get("said once")
    if name not in frame.columns or not frame[name][frame[name] != ""].duplicated().any():
        return frame, []
    numbers = {text: f"({k})" for k, text in enumerate(filter(None, dict.fromkeys(frame[name])), 1)}
    told = frame.assign(**{name: [numbers.get(text, "") for text in frame[name]]})
    return told, [f"{number} {text}" for text, number in numbers.items()]


def _column(frame: pd.DataFrame, k: int, most: int) -> html.Column:
    name, values = str(frame.columns[k]), frame.iloc[:most, k]
    unit = frame.attrs.get("units", {}).get(name, "")
    if values.dtype.kind not in "iuf":
        return html.Column(name, unit, [_cell(value) for value in values], words=True)
    of, share, alone = frame.attrs.get("differences", {}).get(name, (_OF.get(name), NOISE, 0.0))
    known = of in frame.columns and frame[of].dtype.kind in "iuf"
    noise = share * np.abs(frame[of].to_numpy()[:most]) if known else np.full(len(values), alone)
    digits, least = next((kind for start, kind in _KINDS.items() if unit.startswith(start)), (_DIGITS, 0.0))
    texts = [_number(value, digits, max(least, floor)) for value, floor in zip(values, noise)]
    return html.Column(name, unit, texts)


def _index(index: pd.Index) -> list[html.Column]:
    return [
        html.words(str(index.names[k] or ""), map(_cell, index.get_level_values(k)))
        for k in range(index.nlevels)
    ]


def _number(value: Any, digits: int, noise: float) -> str:
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return "–" if value != value else figure(float(value), digits, noise)


def _cell(value: Any) -> str:
    """Anything as text: numbers rounded, truth in words."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if not isinstance(value, (float, np.floating)):
        return str(value)
    return figure(float(value), _DIGITS_OF_ONE if abs(value) >= _TINY else 2)


def _print(frame: Table, width: int | None, options: dict[str, Any]) -> str:
    """The texts of a table under headers with units; columns beyond the width stand in a block below."""
    columns = [_lines(_column(frame, k, len(frame))) for k in range(frame.shape[1])]
    index = [", ".join(map(_cell, one)) if isinstance(one, tuple) else _cell(one) for one in frame.index]
    room = (width or 10**9) - (max(map(len, index), default=0) if options["index"] else 0)
    blocks, left = [[]], room
    for column in columns:
        wide = 1 + max(map(len, [*column.head, *chain(*column.cells)]))
        if wide > left and blocks[-1]:
            blocks, left = [*blocks, []], room
        blocks[-1].append(column)
        left -= wide
    text = "\n\n".join(_block(index, frame.index.name, block).to_string(**options) for block in blocks)
    return "\n".join(line.rstrip() for line in text.splitlines())


@dataclass(frozen=True)
class _Lines:
    """A column broken into lines: of the header, and of each cell."""

    head: list[str]
    cells: list[list[str]]


def _lines(column: html.Column) -> _Lines:
    cells = [textwrap.wrap(text, _WORDS) or [""] if column.words else [text] for text in column.texts]
    unit = column.unit.replace(", ", ",\n").splitlines()
    head = [column.name, *chain(*(textwrap.wrap(part, _UNIT) for part in unit))]
    if column.words:  # stand left
        width = max(map(len, [*head, *chain(*cells)]))
        head, cells = [text.ljust(width) for text in head], [[t.ljust(width) for t in cell] for cell in cells]
    return _Lines(head, cells)


def _block(index: list[str], name: Any, columns: list[_Lines]) -> pd.DataFrame:
    height = [max(map(len, row)) for row in zip(*(column.cells for column in columns))] or [1] * len(index)
    labels = [text for label, n in zip(index, height) for text in [label] + [""] * (n - 1)]
    body = {
        k: [text for cell, n in zip(column.cells, height) for text in cell + [""] * (n - len(cell))]
        for k, column in enumerate(columns)
    }
    block = pd.DataFrame(body, index=pd.Index(labels, name=name, dtype=object))
    depth = max((len(column.head) for column in columns), default=1)
    heads = [column.head + [""] * (depth - len(column.head)) for column in columns]
    block.columns = pd.MultiIndex.from_arrays(list(zip(*heads))) if depth > 1 else [head[0] for head in heads]
    return block
