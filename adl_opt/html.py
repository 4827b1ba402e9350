"""What a notebook shows: small panels of HTML in the notebook's own colours, light or dark.

Styles are inline, nothing is fetched, and every text is escaped here: what `panel` puts together is the only
thing that is taken as HTML.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

SHOWN = 10  # rows of a long table
_NAME, _SHORT = 24, 30  # characters of a text that stays on a line, of a word that is not broken
_LINE = "border:0;border-top:1px solid rgba(128,128,128,.35);"
_CELL = "padding:.2em .7em .2em 0;vertical-align:top;background:transparent;"
_FAINT = "opacity:.7;font-weight:normal;font-size:.9em"
_TABLE = '<table style="border-collapse:collapse;border:0;margin:.3em 0;color:inherit;font-size:.92em">'
_PANEL = '<div class="adl-opt" style="overflow-x:auto;line-height:1.4;color:inherit">'


@dataclass(frozen=True)
class Column:
    """A column of texts with its name and unit; words stand left, numbers right."""

    name: str
    unit: str
    texts: Sequence[str]
    words: bool = False


def panel(title: str, *parts: str) -> str:
    """A titled block; `parts` are HTML, made by the functions below."""
    head = f"<div><strong>{escape(title)}</strong></div>" if title else ""
    return f"{_PANEL}{head}{''.join(parts)}</div>"


def line(text: str) -> str:
    return f'<div style="margin:.2em 0">{escape(text)}</div>' if text else ""


def shown(total: int, of_what: str, most: int = SHOWN) -> str:
    """Under a table that shows the first rows only: how many there are."""
    return f"{total:,} {of_what}, of which {most:,} shown" if total > most else ""


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A name and what is said of it, a line each; nothing said, no line."""
    name = f'style="{_LINE}{_CELL}text-align:left;font-weight:normal;opacity:.75;white-space:nowrap"'
    said = f'style="{_LINE}{_CELL}text-align:left;white-space:pre-line"'
    rows = (
        f'<tr style="background:transparent"><th scope="row" {name}>{escape(key)}</th>'
        f"<td {said}>{escape(value)}</td></tr>"
        for key, value in pairs
        if value
    )
    return f"{_TABLE}{''.join(rows)}</table>"


def table(columns: Sequence[Column], note: str = "") -> str:
    """Rows of texts under names and units; a note below, such as how many rows there are."""
    head = "".join(
        f'<th style="{_CELL}text-align:{_side(column)}">{escape(column.name)}'
        + (f'<br><span style="{_FAINT}">{escape(column.unit)}</span>' if column.unit else "")
        + "</th>"
        for column in columns
    )
    rows = "".join(
        '<tr style="background:transparent">'
        + "".join(
            f'<td style="{_LINE}{_CELL}text-align:{_side(column)};{_wrapping(column)}">{escape(text)}</td>'
            for column, text in zip(columns, texts)
        )
        + "</tr>"
        for texts in zip(*(column.texts for column in columns))
    )
    below = f'<div style="{_FAINT}">{escape(note)}</div>' if note else ""
    return f"{_TABLE}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}"


def _side(column: Column) -> str:
    return "left" if column.words else "right"


def _wrapping(column: Column) -> str:
    """Sentences are broken into lines between words; only words that are too long for any page are cut."""
    longest = max((len(word) for text in column.texts for word in text.split()), default=0)
    sentence = any(len(text) > _NAME for text in column.texts)
    if not column.words or not sentence:
        return "white-space:nowrap"
    return "overflow-wrap:anywhere" if longest > _SHORT else "min-width:8em"


def words(name: str, values: Iterable[Any]) -> Column:
    """A column of names."""
    return Column(name, "", [str(value) for value in values], words=True)
