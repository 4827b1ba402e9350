"""RESULTS.md: the headlines, the machine, a table a spec.

It prints what driver.py measured and computes nothing else.
"""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import adl_opt as adl
from adl_opt.certificates.certificate import Certificate

from .driver import LEAST, LONG, ROUNDS, Line, Result
from .kinds import Headline
from .specs import HEADLINES, SPECS

PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "highspy", "pandas")
CERTIFIED = 1e-6  # the gap up to which a line counts as certified
ROUNDING = 1e-12  # contracts or fractions: not what makes an allocation infeasible
ROOT = Path(__file__).resolve().parent.parent
INTRODUCTION = """\
Written by `make bench` (`python -m benchmarks`). Times are of one machine on one day; read the **ratios**:
medians over rounds in which the contenders take turns, so that a slow moment of the machine meets all of
them. Imports are not counted; data are ready.

- **gap**: of the allocation that the contender returned, proved by `adl.certify` after the clock has stopped:
  (objective - lower bound) / objective (or 1e-6 of the objective at pro rata, if that is more), the worst
  over all requirements solved; "infeasible by" says what is missed.
- **claim**: the objective that the contender reports over the certified optimum, minus 1 (empty where it
  reports none).
- **it says**: the contender's own statuses. Ours polish, clear exactly and certify within the time shown.
- **peak memory**: of a process of its own that imports everything, makes the book and answers once.
- **beyond the solver**: the time less what the solver says it needed for the same program.
- Times in milliseconds (ms) or seconds (s); values in quote currency."""


FIGURE = "![Time over accounts, logarithmic on both axes](scale.svg)"


def machine() -> dict[str, str]:
    """What the figures depend on: processor, memory, versions, commit, date."""
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return {
        "processor": (
            f"{_processor()}, "
            f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"
        ),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "BLAS threads": os.environ.get("OPENBLAS_NUM_THREADS", "as many as it likes"),
        "load at the start": ", ".join(f"{load:.1f}" for load in os.getloadavg()) + " (1, 5, 15 minutes)",
        "packages": f"adl_opt {adl.__version__}, {packages}",
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def render(results: list[Result], about: dict[str, str], seconds: float) -> str:
    """The whole of RESULTS.md."""
    parts = ["# Benchmarks", INTRODUCTION, "## In short", _headlines(results), FIGURE, "## Machine"]
    parts.append(_table(("", ""), about.items()))
    parts.append(
        f"Everything together took {seconds:.0f} s: up to {ROUNDS} rounds each, at least {LEAST} (1 where "
        f"one takes over {LONG:.0f} s)."
    )
    for spec in SPECS:
        mine = [result for result in results if result.spec is spec]
        if mine:
            parts += [
                f"## {spec.name[:1].upper()}{spec.name[1:]}",
                spec.question,
                _spec_table(mine),
                _agreement(mine),
            ]
    troubles = [trouble for result in results for trouble in result.troubles]
    if troubles:
        parts += ["## Troubles", "\n".join(f"- {trouble}" for trouble in troubles)]
    return "\n\n".join(parts) + "\n"


def _headlines(results: list[Result]) -> str:
    found = {(result.spec.name, result.case.accounts): result for result in results}
    rows = [_headline(headline, found) for headline in HEADLINES]
    return _table(("comparison", "accounts", "measured", "target", "times"), rows)


def _headline(h: Headline, found: dict[tuple[str, int], Result]) -> tuple[str, ...]:
    """comparison, accounts, measured, target, times with their gaps."""
    if h.worst:
        return _worst(h, [result for (name, _), result in found.items() if name == h.spec])
    result, where = found.get((h.spec, h.size)), found.get((h.spec, h.against_size or h.size))
    line = None if result is None else result.line(h.contender)
    other = None if where is None or h.against is None else where.line(h.against)
    if line is None or (line.overhead is None if h.against is None else other is None):
        return h.text, f"{h.size:,}", "not measured", "", ""
    times = f"{_time(line.median)} (gap {_gap(line)})"
    if other is None:
        value = 1e3 * (line.overhead or 0.0)
        return h.text, f"{h.size:,}", f"{value:.2g} ms", _target(h, value, " ms"), times
    value = line.ratio(other) if h.against_size is None else line.median / other.median
    value *= (h.against_size or h.size) / h.size if h.each else 1.0
    return (
        h.text,
        f"{h.size:,}",
        _shown(value),
        _target(h, value, ""),
        f"{times} over {_time(other.median)} (gap {_gap(other)})",
    )


def _worst(h: Headline, results: list[Result]) -> tuple[str, ...]:
    """The contender over the fastest certified line of each size, where it is largest."""
    ratios = []
    for result in results:
        line = result.line(h.contender)
        rivals = [one for one in result.lines if one.times and one.contender.ours and one.gap <= CERTIFIED]
        if line is not None and rivals:
            ratios.append(
                (
                    max(line.ratio(one) for one in rivals),
                    result.case.accounts,
                    line,
                    min(rivals, key=lambda x: x.median),
                )
            )
    if not ratios:
        return h.text, "", "not measured", "", ""
    value, size, line, best = max(ratios, key=lambda one: one[0])
    times = (
        f"{_time(line.median)} (gap {_gap(line)}) over {best.name} {_time(best.median)} (gap {_gap(best)})"
    )
    return h.text, f"{size:,}", _shown(value), _target(h, value, ""), times


def _shown(value: float) -> str:
    return f"{_ratio(value)} ({_ratio(1 / value)} times as fast)" if value < 0.8 else _ratio(value)


def _target(h: Headline, value: float, unit: str) -> str:
    if h.at_most is None:
        return ""
    goal = f"at most {h.at_most:g}{unit}" + ("" if h.aim is None else f", aim {h.aim:g}")
    if value > h.at_most:
        return f"{goal}: **missed**"
    return f"{goal}: met" + (
        "" if h.aim is None else ", aim reached" if value <= h.aim else ", aim not reached"
    )


def _spec_table(results: list[Result]) -> str:
    against = results[0].spec.against
    overhead = any(line.overhead is not None for result in results for line in result.lines)
    memory = any(line.memory is not None for result in results for line in result.lines)
    last = (("beyond the solver",) if overhead else ()) + (("peak memory",) if memory else ())
    ratios = tuple(f"÷ {name}" for name in against)
    head = ("accounts", "contender", "rounds", "median", "fastest", *ratios, *last, "gap", "claim", "it says")
    rows = [_row(result, line, against, overhead, memory) for result in results for line in result.lines]
    return _table(head, rows)


def _row(result: Result, line: Line, against: tuple[str, ...], overhead: bool, memory: bool) -> list[str]:
    start = [f"{result.case.accounts:,}", line.name]
    if not line.times:
        return [*start, *[""] * (3 + len(against) + overhead + memory), "", "", line.note]
    others = [result.line(name) for name in against]
    ratios = ["" if other is None else _ratio(line.ratio(other)) for other in others]
    # A solver's clock is its own: what it says may exceed the whole by a little.
    beyond = (
        ["" if line.overhead is None else "about 0" if line.overhead < 0 else _time(line.overhead)]
        if overhead
        else []
    )
    beyond += ["" if line.memory is None else f"{line.memory / 2**30:.2f} GiB"] if memory else []
    claim = "" if line.error is None else _small(line.error)
    times = [str(len(line.times)), _time(line.median), _time(min(line.times))]
    return [*start, *times, *ratios, *beyond, _gap(line), claim, "; ".join(line.says)]


def _gap(line: Line) -> str:
    if not line.certificates:
        return "no answer"
    broken = line.infeasible
    return _small(line.gap) if broken is None else f"infeasible by {_broken(broken)}"


def _broken(c: Certificate) -> str:
    parts = ((c.clearing_error, "contracts"), (c.box_violation, "of a position"))
    return ", ".join(f"{value:.1g} {unit}" for value, unit in parts if value > ROUNDING)


def _agreement(results: list[Result]) -> str:
    lines = []
    for result in results:
        first = next(
            (line.certificates[0] for line in result.lines if line.contender.ours and line.certificates), None
        )
        if first is None:
            continue
        size = f"{result.case.accounts:,} accounts" + (
            f" x {result.case.scenarios:,} scenarios" if result.case.scenarios else ""
        )
        spread = "" if result.spread is None else f"; our methods agree to {_small(result.spread)}"
        known = result.case.known
        paper = (
            ""
            if known is None
            else (
                f"; the example is known to have {known:,.6f}, off by {_small(abs(first.value / known - 1))}"
            )
        )
        which = "" if len(result.case.events) == 1 else " at the first requirement"
        known_too = f" {result.case.note[:1].upper()}{result.case.note[1:]}." if result.case.note else ""
        lines.append(
            f"- {size}: certified value {first.value:,.6f} "
            f"({first.objective_name}){which}{spread}{paper}.{known_too}"
        )
    return "\n".join(lines)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; numbers stand to the right."""
    lines = [list(head), *([str(cell).replace("|", "/").replace("\n", " ") for cell in row] for row in rows)]
    width = [max(3, *(len(line[j]) for line in lines)) for j in range(len(lines[0]))]
    padded = [f"| {' | '.join(cell.ljust(w) for cell, w in zip(line, width))} |" for line in lines]
    return "\n".join([padded[0], f"|{'|'.join('-' * (w + 2) for w in width)}|", *padded[1:]])


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _small(value: float) -> str:
    return f"{value:.1e}" if abs(value) >= 1e-15 else "0" if value == 0 else "<1e-15"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def _commit() -> str:
    """The commit measured, with '+changes' if the tree differs from it (RESULTS.md itself aside)."""
    commands = (
        ("rev-parse", "--short", "HEAD"),
        ("status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.md"),
    )
    try:
        found = [
            subprocess.run(["git", *c], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for c in commands
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found[0] + ("+changes" if found[1] else "")
