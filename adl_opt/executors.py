"""A function of each item of a list, here or by a `concurrent.futures.Executor`: the same results in the same
order.
"""

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, TypeVar

from adl_opt.errors import AdlError
from adl_opt.progress import counted

Item = TypeVar("Item")
Result = TypeVar("Result")


def check_executor(caller: str, executor: object) -> None:
    """Raise AdlError unless `executor` is one, or None."""
    if executor is None or isinstance(executor, Executor):
        return
    dask = "; of a Dask client, write client.get_executor()" if hasattr(executor, "get_executor") else ""
    raise AdlError(
        f"{caller} takes a concurrent.futures.Executor, such as ProcessPoolExecutor(), or None as executor, "
        f"not {type(executor).__name__}{dask}"
    )


def mapped(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    executor: Executor | None = None,
    what: str = "",
    progress: bool | None = None,
    name: Callable[[Item], str] | None = None,
) -> list[Result]:
    """[function(item) for item in items], here or by an executor; what, progress, name: as of `counted`.

    Function and items travel by cloudpickle, results by pickle, except to threads; a process unpacks the
    function once. The first error in the order of the items is raised, and what has not begun is given up.
    Raises AdlError for what cannot travel, and where a process broke down.
    """
    if executor is None:
        with counted(items, what, progress, name) as walked:
            return [function(item) for item in walked]
    there, sent = _travelling(function, items, executor)
    futures: list[Future[Result]] = []
    try:
        futures += (executor.submit(there, item) for item in sent)
        with counted(list(zip(futures, items)), what, progress, name and (lambda one: name(one[1]))) as pairs:
            return [future.result() for future, _ in pairs]
    except BrokenExecutor as error:
        raise AdlError(
            f"a process of the executor broke down ({str(error).rstrip('.')}): it had too little memory, or "
            'the script does not start its work under `if __name__ == "__main__":`'
        ) from None
    finally:
        for future in futures:
            future.cancel()


def _travelling(
    function: Callable[[Item], Result], items: Sequence[Item], executor: Executor
) -> tuple[Callable[[Any], Result], Sequence[Any]]:
    """Function and items in the form in which this executor is given them."""
    if isinstance(executor, ThreadPoolExecutor):
        return function, items
    there = partial(_unpacked_call, _packed(function, "what is asked"))
    return there, [_packed(item, f"item {number} of {len(items)}") for number, item in enumerate(items, 1)]


def _packed(thing: object, what: str) -> bytes:
    """Bytes that `pickle.loads` opens; classes and functions of a notebook or script are written out."""
    import cloudpickle

    try:
        return cloudpickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AdlError(
            f"{what} cannot be sent to another process: {str(error).splitlines()[0]}; give what is made of "
            "numbers, tables and functions, or a ThreadPoolExecutor"
        ) from None


def _unpacked_call(packed: bytes, item: bytes) -> Any:
    return _unpacked(packed)(pickle.loads(item))


@lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> Any:
    """Kept, so that a process compiles the programs of a problem once for all that it is asked about it."""
    return pickle.loads(packed)
