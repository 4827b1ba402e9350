"""Peak memory of one contender, in a process of its own: `python -m benchmarks.memory SPEC SIZE CONTENDER`
prints bytes.
"""

import resource
import subprocess
import sys
from pathlib import Path

MEMORABLE = 100_000  # accounts from which it is worth a process
_UNIT = 1 if sys.platform == "darwin" else 1024


def peak(spec: str, size: int, contender: str) -> float | None:
    """Bytes that a process holds at most which builds the book and answers once, everything imported
    included; None if it fails.
    """
    command = [sys.executable, "-m", "benchmarks.memory", spec, str(size), contender]
    done = subprocess.run(
        command, cwd=Path(__file__).resolve().parent.parent, capture_output=True, text=True, check=False
    )
    return float(done.stdout) if done.returncode == 0 else None


def main(spec: str, size: str, contender: str) -> None:
    from .specs import SPECS

    _, contenders = next(one for one in SPECS if one.name == spec).build(int(size))
    next(one for one in contenders if one.name == contender).run(0)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)


if __name__ == "__main__":
    main(*sys.argv[1:])
