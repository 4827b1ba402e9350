"""A sweep over anything: problems built from lists of parameters, each solved and certified, in one table."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.certificates.certificate import TOLERANCE, check_tolerance
from adl_opt.errors import AdlError, InfeasibleError
from adl_opt.executors import check_executor
from adl_opt.methods.registry import AUTO
from adl_opt.objectives.words import unit_of
from adl_opt.problem.problem import Problem
from adl_opt.problem.sweep import Line, answered, impossible, swept
from adl_opt.text import one_line, several
from adl_opt.threads import unheard

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = ("status", "method", "objective", "gap", "max leverage")  # columns of every sweep
_PLAIN = (str, bool, int, float, np.generic)


def sweep(
    build: Callable[..., Problem],
    *,
    zipped: bool = False,
    method: str = AUTO,
    tol: float = TOLERANCE,
    progress: bool = False,
    executor: Executor | None = None,
    **lists: Any,
) -> pd.DataFrame:
    """Problems over lists of parameters, each solved and certified: a table, a line each.

    - `build`: a function of the parameters, by name, that returns a Problem
    - `lists`: for each parameter its values; all combinations, the last one varying fastest, or with `zipped`
      lists of one length side by side
    - `method`, `tol`, `progress`: as of `Problem.solve`
    - `executor`: a concurrent.futures.Executor that solves the lines, such as ProcessPoolExecutor() or a Dask
      client's get_executor(): the same table, bit for bit; None solves them here

    Returns a DataFrame: the parameters (numbers and words as they are, what else in words), then the columns
    of `Problem.sweep`: requirement, status, method, objective, gap, shadow prices, leverages. A line whose
    gap stays open has the status "uncertified", and an UncertifiedWarning says so. Raises AdlError for lists
    that are none, empty or, zipped, of different lengths, for parameters that `build` does not take, and,
    naming the parameters, where it returns no Problem or one that is not solved.

    >>> def build(level, hours):
    ...     law = adl.LogNormal([0.6, 0.75], 0.85, hours / 8760).quadrature(6)
    ...     return adl.Problem(adl.CVaR(level), adl.examples.paper(), law)
    >>> table = adl.sweep(build, level=[0.9, 0.99], hours=[240, 720])
    >>> table[["level", "hours", "status", "objective"]].round(2)
    level hours status         objective
                          quote currency
      0.9   240 certified       18,154.4
      0.9   720 certified        291,949
     0.99   240 certified        172,209
     0.99   720 certified        789,646
    """
    check_executor("sweep", executor)
    check_tolerance(tol)
    if not callable(build):
        raise AdlError(
            f"sweep takes a function of the parameters that returns a Problem, not {type(build).__name__}"
        )
    values = {name: _listed(name, given) for name, given in lists.items()}
    points = _points(values, zipped)
    _check_names(build, points[0])
    return swept(partial(_answer, build, method, tol), points, executor, "problems", progress, _words)


def _listed(name: str, given: Any) -> list[Any]:
    """The values of a parameter. Raises AdlError for what is no list, and for an empty one."""
    if name in _TAKEN:
        raise AdlError(
            f"the table of a sweep has a column {name!r} of its own; give that parameter of build another "
            "name"
        )
    if not isinstance(given, (list, tuple, range)) and not getattr(given, "ndim", 0) == 1:
        raise AdlError(f"{name} = {one_line(given)[:40]} is no list; write {name}=[...]")
    if not len(given):
        raise AdlError(f"{name} is an empty list: there is nothing to sweep over")
    return list(given)


def _points(values: dict[str, list[Any]], zipped: bool) -> list[dict[str, Any]]:
    """The parameters of each line."""
    if not values:
        raise AdlError(
            "nothing to sweep over: give lists by the names of build's parameters, level=[0.9, 0.95]"
        )
    lengths = {name: len(one) for name, one in values.items()}
    if zipped and len(set(lengths.values())) > 1:
        first, count = next(iter(lengths.items()))
        other, odd = next(item for item in lengths.items() if item[1] != count)
        raise AdlError(
            f"zipped lists have one length, but {first} has {count} values and {other} {odd}; without "
            "zipped=True all combinations are taken"
        )
    rows = zip(*values.values()) if zipped else itertools.product(*values.values())
    return [dict(zip(values, row)) for row in rows]


def _check_names(build: Callable[..., Problem], point: dict[str, Any]) -> None:
    """Raise AdlError for parameters that build does not take, or lacks."""
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):  # some built-in functions have none: calling them tells
        return
    try:
        signature.bind(**point)
    except TypeError as error:
        takes = several(signature.parameters, 8) or "nothing"
        raise AdlError(f"build cannot be called with {', '.join(point)}: {error}; it takes {takes}") from None


def _answer(build: Callable[..., Problem], method: str, tol: float, point: dict[str, Any]) -> Line:
    """The line of one point."""
    with unheard():  # the sweep tells of open gaps
        try:
            problem = build(**point)
            if not isinstance(problem, Problem):
                raise AdlError(f"build returns {type(problem).__name__}, not a Problem")
            try:
                columns, unit = answered(problem.solve(method=method, tol=tol))
            except InfeasibleError as error:
                money = problem.event.book.currency
                columns, unit = impossible(error, problem.event, unit_of(problem.objective, money))
        except AdlError as error:
            raise type(error)(f"at {_words(point)}: {error}") from None
    return {name: _shown(value) for name, value in point.items()} | columns, unit


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, _PLAIN) else one_line(value)


def _words(point: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {one_line(_shown(value))[:40]}" for name, value in point.items())
