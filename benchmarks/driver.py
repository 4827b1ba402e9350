"""The clock: contenders interleaved in rounds, because a machine is noisy; every answer certified once the
clock has stopped.
"""

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import adl_opt as adl
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Certificate, with_bound

from .kinds import Spec
from .memory import MEMORABLE, peak
from .verbs import Answer, Case, Contender, frame_of

ROUNDS, LEAST = (
    25,
    3,
)  # of one spec at one size: at most, and at least unless the warm-up alone took LONG seconds
LONG, ONCE = 6.0, 20.0  # seconds; a contender whose warm-up takes ONCE is not run again: that was its round
# Accounts x scenarios from which an answer is certified as arrays, by a bound proved before, not as a table
# and from nothing.
LARGE = 200_000
AGREE = 1e-6  # relative difference of certified values that counts as agreement


@dataclass(frozen=True, kw_only=True)
class Line:
    """One contender at one size. times: seconds by round; own: the solver's share of them; certificates: by
    event solved.

    memory: bytes at the most, in a process of its own, or None; says: its own statuses; error: claimed
    objective over the optimum, minus 1, the largest in size; note: why it has no times.
    """

    contender: Contender
    times: tuple[float, ...] = ()
    own: tuple[float, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    says: tuple[str, ...] = ()
    error: float | None = None
    note: str = ""
    memory: float | None = None

    @property
    def name(self) -> str:
        return self.contender.name

    @property
    def median(self) -> float:
        return float(np.median(self.times))

    def ratio(self, other: "Line") -> float:
        """Median over rounds of this time over the other's in the same round."""
        return float(np.median(np.divide(self.times, other.times)))

    @property
    def overhead(self) -> float | None:
        """Seconds beyond the solver's own, median over the rounds where it answered."""
        beyond = np.subtract(self.times, self.own) if self.own else np.array([np.nan])
        return None if np.isnan(beyond).all() else float(np.nanmedian(beyond))

    @property
    def infeasible(self) -> Certificate | None:
        """The worst certificate of an allocation that does not clear or leaves its box."""
        broken = [c for c in self.certificates if c.status == "infeasible"]
        return max(broken, key=lambda c: max(c.clearing_error, c.box_violation), default=None)

    @property
    def gap(self) -> float:
        """The worst relative gap; infinite where nothing is proved."""
        return max(
            (float("inf") if c.gap is None else c.gap for c in self.certificates), default=float("inf")
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """A spec at a size: its lines, how far our certified values differ (relative, the most), what went wrong,
    in words.
    """

    spec: Spec
    case: Case
    lines: tuple[Line, ...]
    spread: float | None
    troubles: tuple[str, ...]

    def line(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name and line.times), None)


@dataclass
class _Run:
    """What accumulates for one contender while the clock runs."""

    contender: Contender
    times: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)
    note: str = ""
    memory: float | None = None


def run(specs: Iterable[Spec], console: Console) -> list[Result]:
    """Measure every spec at every size, with a bar that says what is being done."""
    jobs = [(spec, size) for spec in specs for size in spec.sizes]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(jobs))
        for spec, size in jobs:

            def tick(text: str, label: str = f"{spec.name}, {size:,} accounts") -> None:
                progress.update(task, description=f"{label}: {text}")

            results.append(measure(spec, size, tick))
            progress.advance(task)
    return results


def measure(spec: Spec, size: int, tick: Callable[[str], None] = lambda text: None) -> Result:
    """Build untimed, warm up, run the rounds, certify. tick(text) says what is being done."""
    tick("building")
    case, contenders = spec.build(size)
    runs = [
        _Run(contender, note=f"not run: {contender.skip}" if contender.skip else "")
        for contender in contenders
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CVXPY's and ours: the gap stands beside the time
        begun = time.perf_counter()
        for run in runs:
            tick(f"warm-up: {run.contender.name}")
            _warm_up(run)
        active = [run for run in runs if not run.note and not run.times]
        start, k = time.perf_counter(), 0
        least = LEAST if start - begun < LONG else 1
        while active and (k < least or (k < ROUNDS and time.perf_counter() - start < spec.seconds)):
            tick(f"round {k + 1}")
            for run in active[k % len(active) :] + active[: k % len(active)]:  # nobody is always first
                _timed(run, k, len(case.events))
            k += 1
        for run in runs:
            if run.contender.name in spec.memory and size >= MEMORABLE and not run.note:
                tick(f"memory: {run.contender.name}")
                run.memory = peak(spec.name, size, run.contender.name)
        tick("certifying")
        return _result(spec, case, runs)


def _warm_up(run: _Run) -> None:
    if run.note:
        return
    start = time.perf_counter()
    try:
        answer = run.contender.run(0)
    except adl.AdlError as error:
        run.note = f"{'not run' if run.contender.optional else 'failed'}: {error}"
        return
    seconds = time.perf_counter() - start
    if seconds > ONCE:
        run.times.append(seconds)
        run.answers[0] = answer


def _timed(run: _Run, k: int, events: int) -> None:
    if run.note:
        return
    start = time.perf_counter()
    try:
        answer = run.contender.run(k)
    except adl.AdlError as error:
        run.note = f"failed in round {k + 1}: {error}"
        return
    run.times.append(time.perf_counter() - start)
    run.answers[k % events] = answer
    if run.contender.solver_seconds is not None:
        run.own.append(run.contender.solver_seconds(k))


def _result(spec: Spec, case: Case, runs: list[_Run]) -> Result:
    solved = sorted({k for run in runs for k in run.answers})
    proofs = {
        k: a.proof
        for run in runs
        for k, a in run.answers.items()
        if a.proof is not None and a.proof.certified
    }
    certificates = {run.contender.name: _certificates(case, run, proofs) for run in runs}
    optimum = {k: _optimum(case, k, runs, certificates) for k in solved}
    lines = tuple(_line(run, optimum, certificates[run.contender.name]) for run in runs)
    ours = [line.certificates for line in lines if line.contender.ours and line.times]
    spread = max(_spread(values) for values in zip(*ours)) if len(ours) > 1 else None
    troubles = [f"{line.name}: {line.note}" for line in lines if line.note.startswith("failed")]
    troubles += [
        f"{line.name}: {c.status}, {c.proof}"
        for line in lines
        for c in line.certificates
        if line.contender.ours and not c.certified
    ]
    if spread is not None and spread > AGREE:
        troubles.append(f"certified values differ by {spread:.2g}")
    if case.known is not None and ours and abs(ours[0][0].value / case.known - 1) > AGREE:
        troubles.append(f"certified value {ours[0][0].value:.9g}, known {case.known:.9g}")
    where = f"{spec.name}, {case.accounts:,} accounts"
    return Result(
        spec=spec, case=case, lines=lines, spread=spread, troubles=tuple(f"{where}: {t}" for t in troubles)
    )


def _certificates(case: Case, run: _Run, proofs: dict[int, Certificate]) -> dict[int, Certificate]:
    """By event, of what was answered: told nothing but the allocation, and for large cases a bound that was
    proved there already.
    """
    found = {}
    for k, answer in sorted(run.answers.items()):
        if answer.amount is None:
            continue
        event = case.event(k)
        if case.accounts * max(case.scenarios, 1) <= LARGE:
            found[k] = case.certify(k, frame_of(event, answer.amount))
            continue
        law = None if case.law is None else case.law.for_book(event.book)
        own = assess(case.objective, event, law, answer.amount).certificate
        found[k] = (
            with_bound(own, proofs[k], own.tolerance) if own.status == "uncertified" and k in proofs else own
        )
    return found


def _optimum(case: Case, k: int, runs: list[_Run], certificates: dict[str, dict[int, Certificate]]) -> float:
    """The certified optimum of an event: of ours that answered, else solved for."""
    for run in runs:
        found = certificates[run.contender.name].get(k)
        if run.contender.ours and found is not None and found.certified:
            return found.value
    return case.problem(k).solve().certificate.value


def _line(run: _Run, optimum: dict[int, float], certificates: dict[int, Certificate]) -> Line:
    claimed = {k: answer.claimed for k, answer in run.answers.items() if answer.claimed is not None}
    errors = [value / optimum[k] - 1 for k, value in claimed.items() if optimum[k] > 0]
    return Line(
        contender=run.contender,
        times=() if run.note else tuple(run.times),
        own=tuple(run.own),
        certificates=tuple(certificates.values()),
        memory=run.memory,
        says=tuple(dict.fromkeys(answer.says for _, answer in sorted(run.answers.items()))),
        error=max(errors, key=abs, default=None),
        note=run.note,
    )


def _spread(values: tuple[Certificate, ...]) -> float:
    objective = [c.value for c in values]
    scale = max([values[0].floor, *map(abs, objective)])
    return (max(objective) - min(objective)) / scale if scale > 0 else 0.0
