"""What the threads of a process share: CVXPY's one counter of variables, and Python's one list of warning
filters.

Who makes CVXPY variables, or changes a filter, holds SHARED; who sets a compiled program's parameters holds
that program's own lock from there to the answer. A program's lock is taken before SHARED, never after it.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar, cast

from adl_opt.errors import UncertifiedWarning

SHARED = threading.RLock()
_UNHEARD: ContextVar[bool] = ContextVar("unheard", default=False)
Given = ParamSpec("Given")
Result = TypeVar("Result")


def shared(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function, run by one thread of the process at a time."""

    @wraps(function)
    def one_by_one(*args: Given.args, **named: Given.kwargs) -> Result:
        with SHARED:
            return function(*args, **named)

    return one_by_one


def alone(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """The method, run by one thread at a time on its object, which has a `lock`."""

    @wraps(method)
    def one_by_one(*args: Given.args, **named: Given.kwargs) -> Result:
        with cast(Any, args[0]).lock:
            return method(*args, **named)

    return one_by_one


@contextmanager
def filtered(action: Literal["ignore", "error"], category: type[Warning]) -> Iterator[None]:
    """Warnings of other people's code ignored or raised, by one thread at a time: else a filter might stay
    for good.
    """
    with SHARED, warnings.catch_warnings():
        warnings.simplefilter(action, category)
        yield


@contextmanager
def unheard() -> Iterator[None]:
    """No UncertifiedWarning here and below, in this thread alone: for whoever shows the gap otherwise."""
    before = _UNHEARD.set(True)
    try:
        yield
    finally:
        _UNHEARD.reset(before)


def uncertified(message: str) -> None:
    """Warn the caller's caller, unless it is unheard; no other thread's filter is in force meanwhile."""
    if not _UNHEARD.get():
        with SHARED:
            warnings.warn(message, UncertifiedWarning, stacklevel=3)
