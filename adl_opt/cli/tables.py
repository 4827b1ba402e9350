"""Tables that fit the terminal: text folds between words, a number is never cut, and a table that is too wide
for that is shown row by row.
"""

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table as Grid
from rich.text import Text

_BETWEEN = 2  # columns of space between two cells


class Sheet:
    """A title and rows of cells, in rich's markup; columns named in `left` hold text, the others numbers."""

    def __init__(self, title: str, *columns: str, left: tuple[str, ...] = ()) -> None:
        self.title, self.columns = title, columns
        self.text = [column in left for column in columns]
        self.rows: list[list[Text]] = []

    def add_row(self, *cells: str) -> None:
        self.rows.append([Text.from_markup(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(options.max_width)
        yield Text("")
        yield Text.from_markup(self.title, style="bold")
        yield self._grid(widths) if widths else self._row_by_row()

    def _widths(self, room: int) -> list[int]:
        """The width of each column, headers narrowed before cells and the widest first; empty where words or
        numbers do not fit.
        """
        least, widths, wholes = [], [], []
        for k, (name, text) in enumerate(zip(self.columns, self.text)):
            cells = [row[k] for row in self.rows]
            whole = max((cell.cell_len for cell in cells), default=0)
            longest = max((_longest_word(cell.plain) for cell in cells), default=0) if text else whole
            least.append(max(longest, _longest_word(name)))
            widths.append(max(whole, len(name)))
            wholes.append(whole)
        room -= _BETWEEN * (len(widths) - 1)
        if sum(least) > room:
            return []
        while sum(widths) > room:
            spare = [k for k in range(len(widths)) if widths[k] > least[k]]
            widths[max(spare, key=lambda k: (widths[k] > wholes[k], widths[k]))] -= 1
        return widths

    def _grid(self, widths: list[int]) -> Grid:
        grid = Grid(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _BETWEEN - 1, 0, 0))
        for name, text, width in zip(self.columns, self.text, widths):
            grid.add_column(name, width=width, justify="left" if text else "right", vertical="top")
        for row in self.rows:
            grid.add_row(*row)
        return grid

    def _row_by_row(self) -> Group:
        blocks = []
        for row in self.rows:
            block = Grid.grid(padding=(0, _BETWEEN, 0, 0))
            block.add_column(width=max(map(len, self.columns)), style="dim")
            block.add_column(overflow="fold")
            for name, cell in zip(self.columns, row):
                block.add_row(name, cell)
            blocks += [Text(""), block]
        return Group(*blocks[1:])


def _longest_word(text: str) -> int:
    return max((Text(word).cell_len for word in text.split()), default=0)
