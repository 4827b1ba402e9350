"""The versions that the suite is run with, as constraints for pip, from pyproject.toml.

    python .ci/versions.py lowest     what its bounds allow at least, and nothing about what those bring in
    python .ci/versions.py newest     exactly what pip takes today for each Python that it names, whichever
    Python runs this

`newest` needs pip 25 or later: older ones resolve for another Python with the limits of their own.
"""

import itertools
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "Programming Language :: Python :: "


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(settings: dict[str, Any]) -> list[str]:
    """All that `pip install -e .[dev]` asks for by name, with what builds it; extras of our own are said in
    full.
    """
    extras = settings["project"]["optional-dependencies"]
    own = re.compile(rf"{re.escape(settings['project']['name'])}\[(\w+)\]")
    asked, waiting = (
        [],
        [*settings["project"]["dependencies"], *extras["dev"], *settings["build-system"]["requires"]],
    )
    for requirement in waiting:
        extra = own.fullmatch(requirement)
        if extra:
            waiting += extras[extra[1]]
        else:
            asked.append(requirement)
    return sorted(set(asked))


def lowest(settings: dict[str, Any]) -> list[str]:
    """name==bound for every `name>=bound`. Raises ValueError for a requirement without a lower bound."""
    found = []
    for requirement in requirements(settings):
        bound = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)", requirement)
        if bound is None:
            raise ValueError(f"{requirement!r} has no lower bound; write name>=version")
        found.append(f"{bound[1]}=={bound[2]}")
    return sorted(set(found), key=str.lower)


def resolved(asked: list[str], python: str) -> dict[str, str]:
    """name -> version of all that pip would install for this Python (major.minor), on a machine of this
    kind.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--ignore-installed",
            "--report",
            str(report),
        ]
        command += ["--only-binary=:all:", "--python-version", python, "--target", folder, *asked]
        subprocess.run(command, check=True)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(): one["metadata"]["version"]
        for one in installed
    }


def merged(found: dict[str, dict[str, str]]) -> list[str]:
    """found: Python -> name -> version, Pythons in order.

    A line a name, or a line a run of Pythons where they differ.
    """
    pythons, lines = list(found), []
    for name in sorted(set().union(*found.values())):
        mine = [python for python in pythons if name in found[python]]
        version = {python: found[python][name] for python in mine}
        runs = [list(run) for _, run in itertools.groupby(mine, version.__getitem__)]
        for number, run in enumerate(runs):
            limits = [f'python_version >= "{run[0]}"'] if number else []
            limits += [f'python_version < "{runs[number + 1][0]}"'] if number + 1 < len(runs) else []
            lines.append(f"{name}=={found[run[0]][name]}" + (f" ; {' and '.join(limits)}" if limits else ""))
    return lines


def newest(settings: dict[str, Any]) -> list[str]:
    named = [
        line.removeprefix(PYTHON) for line in settings["project"]["classifiers"] if line.startswith(PYTHON)
    ]
    # `editables` is what hatchling asks for when it installs a checkout.
    asked = [*requirements(settings), "editables"]
    return merged({python: resolved(asked, python) for python in named if "." in python})


if __name__ == "__main__":
    print("\n".join({"lowest": lowest, "newest": newest}[sys.argv[1]](project())))
