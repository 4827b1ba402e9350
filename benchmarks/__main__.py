"""`python -m benchmarks`: run every spec at every size and write RESULTS.md beside this file; exit 1 if
anything went wrong.
"""

import os
import sys
import time
from pathlib import Path


def main() -> int:
    # Before numpy is imported: on a busy machine BLAS threads wait for one another; small products then take
    # six times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rich.console import Console

    from .driver import run
    from .figure import draw, write
    from .report import machine, render
    from .specs import SPECS

    console = Console()
    about = machine()  # before anything is written: the commit as it was measured
    start = time.perf_counter()
    results = run(SPECS, console)
    path = Path(__file__).with_name("RESULTS.md")
    draw(results, path.with_name("scale.svg"))
    write(results, path.with_name("scale.csv"))
    path.write_text(render(results, about, time.perf_counter() - start), encoding="utf-8")
    troubles = [trouble for result in results for trouble in result.troubles]
    for trouble in troubles:
        console.print(trouble, style="red", markup=False, highlight=False)
    console.print(
        f"benchmarks/{path.name}: {len(results)} measurements in {time.perf_counter() - start:.0f} s",
        highlight=False,
    )
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
