"""A promise of one's own, beside those of THEORY 3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import getdoc
from typing import Any

import numpy as np

from adl_opt.errors import AdlError
from adl_opt.objectives.hooks import FAILURES
from adl_opt.policies.base import applied
from adl_opt.studies.axioms.cases import Choice, Probe, State
from adl_opt.studies.axioms.catalogue import AXIOMS, Axiom, Found, lists, nothing_drawn
from adl_opt.text import nearest, one_line


def axiom(name: str, tolerance: float = 1e-7) -> Callable[[Callable[..., Any]], Axiom]:
    """Make a function that measures violations into a promise that `axioms.check` looks at; a decorator.

    - `name`: of the promise, in a word or two; its sentence is the function's docstring
    - `tolerance`: the violation (pure number) up to which it holds

    The function is check(policy, event): it applies the policy (Event -> Allocation) to the event and to
    others that it makes of it, and returns violations, numbers of which the largest counts, 0 or less where
    the promise holds; None where there is nothing to ask. Raises AdlError for a name that is none or is
    taken.

    >>> @adl.axiom("somebody is spared")
    ... def spared(policy, event):
    ...     "Not everybody loses something, unless everything is closed."
    ...     return None if event.short == event.capacity.to_dict() else policy(event).amount.min()
    >>> adl.axioms.check("leverage_queue", axioms=[spared], books=9)["axiom"].tolist()
    ['somebody is spared']
    """
    if not isinstance(name, str) or not name.strip():
        raise AdlError(
            '@adl.axiom takes the name of a promise, such as @adl.axiom("nobody is spared"), '
            f"not {name!r:.40}"
        )
    if name in {one.name for one in AXIOMS}:
        raise AdlError(f"there is an axiom {name!r} already; give yours another name")

    def made(check: Callable[..., Any]) -> Axiom:
        if not callable(check):
            raise AdlError(f"@adl.axiom({name!r}) is of a function check(policy, event), not {check!r:.40}")
        says = " ".join((getdoc(check) or name).split())
        return Axiom(name, says, nothing_drawn, _Own(name, check), least=tolerance)

    return made


@dataclass(frozen=True)
class _Own:
    """What a user's function finds, as a share of the requirement times it: the unit of the library's."""

    name: str
    check: Callable[..., Any]

    def __call__(self, probe: Probe, state: State, choice: Choice) -> Found:
        try:
            found = self.check(partial(applied, probe.policy), state.event())
            worst = None if found is None else float(np.max(np.asarray(found, float)))
        except AdlError:
            raise
        except FAILURES as error:
            raise AdlError(
                f"the axiom {self.name!r} fails where {state}: {type(error).__name__}: {one_line(error)}; it "
                "is check(policy, event) and returns violations, numbers <= 0 where it holds, or None"
            ) from error
        if worst is None:
            return None
        if np.isnan(worst):
            raise AdlError(f"the axiom {self.name!r} gives nan where {state}; a violation is a number")
        return worst * state.required, f"they lose {lists(probe(state))}; violated by {worst:.6g}"


def chosen(axioms: Any) -> tuple[Axiom, ...]:
    """The library's and a user's axioms that are asked for; None: all of the library's."""
    if axioms is None:
        return AXIOMS
    if isinstance(axioms, (str, Axiom)) or not hasattr(axioms, "__iter__"):
        raise AdlError("axioms is a list of names and of what @adl.axiom makes, such as ['merge', mine]")
    found = tuple(_named(one) for one in axioms)
    names = [one.name for one in found]
    if len(set(names)) < len(names) or not names:
        twice = next((name for name in names if names.count(name) > 1), None)
        raise AdlError(f"axioms names {twice!r} twice" if twice else "axioms is empty: name one at least")
    return found


def _named(one: Any) -> Axiom:
    if isinstance(one, Axiom):
        return one
    known = {axiom.name: axiom for axiom in AXIOMS}
    if isinstance(one, str) and one in known:
        return known[one]
    near = nearest(one, known) if isinstance(one, str) else None
    hint = f"did you mean {near!r}? " if near else ""
    what = repr(one) if isinstance(one, str) else f"{type(one).__name__} (@adl.axiom makes one of a function)"
    raise AdlError(f"there is no axiom {what}; {hint}there are {', '.join(known)}")
