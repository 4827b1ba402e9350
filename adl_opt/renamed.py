"""Old names work until 1.0, with a DeprecationWarning that names the new one."""

import warnings
from typing import Any


def renamed(new: str) -> Any:
    """A read-only attribute that gives what `new` gives, and says so."""

    class Renamed:
        def __set_name__(self, owner: type, old: str) -> None:
            self.old, self.__doc__ = old, f"Old name of `{new}`, until 1.0."

        def __get__(self, instance: Any, owner: type) -> Any:
            if instance is None:
                return self
            warnings.warn(
                f"{owner.__name__}.{self.old} is called {new} now; the old name goes with 1.0",
                DeprecationWarning,
                stacklevel=2,
            )
            return getattr(instance, new)

    return Renamed()
