"""Where a fault is planted, and who notices it (the faults themselves: tests/planted.py)."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from adl_opt.objectives.base import Objective
from adl_opt.verification import catalog
from adl_opt.verification.model import OF_EVERY_MODEL, Model, Verdict, checked


class Plant:
    """Where a fault is put: replaces functions and methods of the package, and remembers whether a faulty
    answer was given.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack, self.touched, self.on_model = stack, False, []

    def spoiled(self, right: Callable[..., Any], spoil: Callable[..., Any]) -> Callable[..., Any]:
        """`right`, its answer handed to spoil(answer, *arguments)."""

        def wrong(*arguments: Any, **named: Any) -> Any:
            answer = right(*arguments, **named)
            faulty = spoil(answer, *arguments)
            self.touched |= faulty is not answer and not _same(faulty, answer)
            return faulty

        return wrong

    def function(self, right: Callable[..., Any], spoil: Callable[..., Any], *within: str) -> None:
        """A function of the package, wherever it has been imported, or only within some modules or
        folders.
        """
        wrong = self.spoiled(right, spoil)
        for name, module in list(sys.modules.items()):
            if any(
                f"{name}.".startswith(f"adl_opt.{place}." if place else "adl_opt.")
                for place in within or ("",)
            ):
                for attribute, value in list(vars(module).items()):
                    if value is right:
                        self.stack.enter_context(mock.patch.object(module, attribute, wrong))

    def method(self, owner: type, name: str, spoil: Callable[..., Any]) -> None:
        """A method; spoil(answer, self, ...)."""
        self.stack.enter_context(mock.patch.object(owner, name, self.spoiled(getattr(owner, name), spoil)))

    def attribute(self, owner: type, name: str, spoil: Callable[..., Any]) -> None:
        """A property, cached or not; spoil(answer, self)."""
        held = owner.__dict__[name]
        right = getattr(held, "fget", None) or held.func
        self.stack.enter_context(mock.patch.object(owner, name, property(self.spoiled(right, spoil))))

    def built(self, owner: type, spoil: Callable[[Any], None]) -> None:
        """What a constructor leaves behind, changed in place."""
        right = owner.__init__

        def wrong(self_: Any, *arguments: Any, **named: Any) -> None:
            right(self_, *arguments, **named)
            spoil(self_)

        self.stack.enter_context(mock.patch.object(owner, "__init__", wrong))

    def model(self, change: Callable[[Model], Model]) -> None:
        """Something that can be planted only in a model that is loaded."""
        self.on_model.append(change)

    def objective(
        self, name: str, spoil: Callable[..., Any], of: Callable[[Objective], Objective | None]
    ) -> None:
        """A method of the class of the model's objective, or of another that `of` names."""

        def change(model: Model) -> Model:
            chosen = of(model.objective)
            if chosen is not None:
                self.method(type(chosen), name, spoil)
            return model

        self.model(change)


def _same(one: Any, other: Any) -> bool:
    """Whether two answers are one number or array of numbers; anything else that a fault made is another
    answer.
    """
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if not isinstance(one, (float, int, np.ndarray, np.number)):
        return one is other
    return bool(np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True))


@dataclass(frozen=True)
class Fault:
    """name, what is planted, which models must notice it (`uses`), and whether those do too to whose claims a
    faulty answer was given.
    """

    name: str
    plant: Callable[[Plant], None]
    uses: Callable[[Model], bool]
    whoever: bool = False


@contextlib.contextmanager
def planted(fault: Fault, name: str) -> Iterator[tuple[Model, Plant]]:
    with contextlib.ExitStack() as stack:
        plant = Plant(stack)
        fault.plant(plant)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # a fault may leave gaps open
        model = catalog.load(name)
        for change in plant.on_model:
            model = change(model)
        yield model, plant


def noticed(fault: Fault, name: str) -> tuple[bool, list[Verdict]]:
    """(whether the fault touches the model, the first verdict that is not as stated, if any)."""
    with planted(fault, name) as (model, plant):
        for claim in (*OF_EVERY_MODEL, *model.claims):  # the quick ones first
            verdict = checked(model, claim)
            if verdict is not None and not verdict.as_stated:
                return True, [verdict]
        return fault.uses(model) or (fault.whoever and plant.touched), []
