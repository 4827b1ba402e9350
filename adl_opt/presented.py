"""What `help` and tab completion show of a class: what a user meets, each thing where it is explained."""

from __future__ import annotations

from abc import ABCMeta


class Presented(ABCMeta):
    """The type of classes whose names without an underscore are shown, their hooks where they are explained.

    A hook, a name in `_hooks`, is what the library may ask of a class and a user seldom does: it is shown of
    a class that says it with a docstring of its own, as the one that introduces it does.
    """

    _hooks: tuple[str, ...] = ()

    def __dir__(cls) -> list[str]:
        names = [name for name in super().__dir__() if not name.startswith("_")]
        return [name for name in names if name not in cls._hooks or explained(vars(cls).get(name))]


def explained(said: object) -> bool:
    """Whether a member has a docstring of its own; a plain value's is that of its type."""
    return getattr(said, "__doc__", None) not in (None, type(said).__doc__)
