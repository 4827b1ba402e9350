"""Arrays that nobody can write into: what a book, an event or a law says does not change under those who hold it."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

Kept = TypeVar("Kept")


def fixed(value: Kept) -> Kept:
    """The same array (or mapping of arrays, or anything else), which from now on refuses to be written into."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, Mapping):
        for entry in value.values():
            fixed(entry)
    return value


def own(values: Any) -> Any:
    """An array that is read-only: `values` itself if it is, else a copy, so that whoever made it may go on writing into his."""
    return values if not values.flags.writeable else fixed(values.copy())


class ReadOnly:
    """Whose arrays stay read-only in its copies: numpy does not keep that through pickle and deepcopy."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(fixed(state))
