"""A progress bar for a person who waits: how far the relative gap has come down, on stderr, gone when done."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[[int, float], None]


@contextmanager
def bar(wanted: bool, what: str, goal: float) -> Iterator[Watch | None]:
    """A watch(step, gap) that draws, or None if it is not wanted; full where the gap has come from its highest down to `goal`."""
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
