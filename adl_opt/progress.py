"""Progress for a person who waits: lines with a bar on a terminal, on stderr, once a second has passed; gone
when done.

One display a process: what works inside something else that shows a bar adds a line to it.
"""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

_PATIENCE = 1.0  # seconds before anything shows
Watch = Callable[[int, float], None]
Item = TypeVar("Item")


class _Display:
    """What is shown now: opened by the first line that asks for it, closed by the last."""

    def __init__(self) -> None:
        self.lock, self.lines = threading.RLock(), 0
        self.progress: Any = None
        self.timer: Any = None

    def open(self) -> Any:
        with self.lock:
            self.lines += 1
            if self.progress is None:
                self.progress = _drawn()
                self.timer = threading.Timer(_PATIENCE, self.progress.start)
                self.timer.daemon = True
                self.timer.start()
            return self.progress

    def close(self) -> None:
        with self.lock:
            self.lines -= 1
            if not self.lines:
                self.timer.cancel()
                self.timer.join()  # it may be drawing its first line
                self.progress.stop()
                self.progress = self.timer = None


DISPLAY = _Display()


def _drawn() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True)
    words = Column(no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}", table_column=words, markup=False),
        BarColumn(bar_width=min(40, console.width // 4)),
        TextColumn("{task.fields[said]}", table_column=Column(no_wrap=True), markup=False),
        TimeElapsedColumn(),
        console=console, transient=True, redirect_stdout=False,
    )  # fmt: skip


def _seen() -> bool:
    """Whether somebody looks at stderr: a terminal that can erase a line."""
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    from rich.console import Console

    return not Console(stderr=True).is_dumb_terminal


@contextmanager
def _line(wanted: bool | None, what: str, total: float | None) -> Iterator[Callable[..., None] | None]:
    """update(description=, completed=, said=) of one line, None where there is none. wanted None: where a bar
    shows already, below it, from the first update after a second on.
    """
    if not (DISPLAY.lines if wanted is None else wanted and _seen()):
        yield None
        return
    begun, progress = time.monotonic(), DISPLAY.open()
    try:
        task = progress.add_task(what, total=total, said="", visible=bool(wanted))

        def update(**now: Any) -> None:
            progress.update(task, visible=bool(wanted) or time.monotonic() - begun > _PATIENCE, **now)

        try:
            yield update
        finally:
            progress.remove_task(task)
    finally:
        DISPLAY.close()


@contextmanager
def falling(what: str, goal: float) -> Iterator[Watch | None]:
    """A watch(step, gap) that draws below the bar that shows, None where none does; full where the gap has
    come from its highest down to `goal`.
    """
    highest = goal
    with _line(None, what, 1.0) as update:

        def watch(step: int, gap: float) -> None:
            nonlocal highest
            assert update is not None
            highest = max(highest, gap)
            done = math.log(highest / max(gap, goal)) / max(math.log(highest / goal), 1e-9)
            update(completed=done, said=f"step {step}, gap {gap:.0e}")

        yield None if update is None else watch


@contextmanager
def counted(
    items: Sequence[Item], what: str, wanted: bool | None = None, name: Callable[[Item], str] | None = None
) -> Iterator[Iterable[Item]]:
    """The items one by one, with a bar of how many are done; name: of the item that is worked on; wanted
    None: below the bar that shows, if one does.
    """

    def walked(update: Callable[..., None]) -> Iterator[Item]:
        for number, item in enumerate(items):
            now = what if name is None else f"{what}: {name(item)}"
            update(description=now, completed=number, said=f"{number:,} of {len(items):,}")
            yield item

    with _line(wanted, what, len(items)) as update:
        yield items if update is None else walked(update)


@contextmanager
def waiting(what: str, wanted: bool = True) -> Iterator[None]:
    """A line that moves, for work of which nobody knows how much is done."""
    with _line(wanted, what, None):
        yield
