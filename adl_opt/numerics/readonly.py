"""Arrays that nobody can write into: a book, an event or a law does not change under those who hold it."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from adl_opt.presented import Presented

Kept = TypeVar("Kept")


def fixed(value: Kept) -> Kept:
    """The same array, or mapping of arrays, which from now on refuses to be written into."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, Mapping):
        for entry in value.values():
            fixed(entry)
    return value


def keep(of: Any, *names: str) -> None:
    """Make these arrays, and mappings of arrays, of a frozen dataclass read-only and its own.

    Whoever made them may go on writing into his.
    """
    for name in names:
        object.__setattr__(of, name, _own(getattr(of, name)))


def _own(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _own(entry) for name, entry in value.items()}
    base = value
    while isinstance(base, np.ndarray) and not base.flags.writeable:
        base = base.base
    return value if base is None else fixed(np.array(value))  # a view of what can be written into is not safe


class ReadOnly(metaclass=Presented):
    """Whose arrays stay read-only in its copies: numpy does not keep that through pickle and deepcopy."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(fixed(state))
