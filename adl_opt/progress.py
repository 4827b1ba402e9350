"""Progress bars for a person who waits, on stderr, gone when done: how far the relative gap has come down, or
how many of so many are done.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

_PATIENCE = 3.0  # seconds before a bar of counted work shows
Watch = Callable[[int, float], None]
Item = TypeVar("Item")


@contextmanager
def bar(wanted: bool, what: str, goal: float) -> Iterator[Watch | None]:
    """A watch(step, gap) that draws, or None if it is not wanted; full where the gap has come from its
    highest down to `goal`.
    """
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("step {task.fields[step]}, gap {task.fields[gap]}"),
        TimeElapsedColumn(),
    )
    highest = goal
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=1.0, step=0, gap="-")

        def watch(step: int, gap: float) -> None:
            nonlocal highest
            highest = max(highest, gap)
            done = math.log(highest / max(gap, goal)) / max(math.log(highest / goal), 1e-9)
            progress.update(task, completed=done, step=step, gap=f"{gap:.0e}")

        yield watch


def counted(items: Sequence[Item], what: str, wanted: bool) -> Iterator[Item]:
    """The items one by one; a bar on a terminal once the work on them has taken some seconds."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not (wanted and console.is_terminal):
        yield from items
        return
    begun = time.monotonic()
    with Progress(console=console, transient=True, disable=False) as progress:
        task = progress.add_task(what, total=len(items), visible=False)
        for number, item in enumerate(items):
            progress.update(task, completed=number, visible=time.monotonic() - begun > _PATIENCE)
            yield item
