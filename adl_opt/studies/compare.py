"""Policies side by side: what each rule costs against the proved optimum of each measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import relative_gap
from adl_opt.constraints.base import HOLDS, Constraint, constraints_of, violation_of
from adl_opt.constraints.constrained import names_of
from adl_opt.data.event import Event
from adl_opt.errors import AdlError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.executors import check_executor, mapped
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.objectives.expected_loss import ExpectedLoss
from adl_opt.objectives.hooks import check_hooks
from adl_opt.objectives.leverage import LeverageSquare, MaxLeverage
from adl_opt.objectives.parts import needs_no_law
from adl_opt.objectives.words import unit_of
from adl_opt.policies.base import Policy, applied
from adl_opt.policies.registry import default_policies, policy
from adl_opt.problem.problem import Problem
from adl_opt.studies.burden import bearing
from adl_opt.threads import unheard

if TYPE_CHECKING:
    import pandas as pd

_PROVED = 1e-9  # of the value: a smaller excess is shown as 0; the gap beside it tells it


def compare(
    event: Event,
    law: Law | None = None,
    policies: Sequence[Policy | str] | None = None,
    measures: Sequence[Objective] | None = None,
    *,
    subject_to: Iterable[Constraint] = (),
    progress: bool = False,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Policies beside the optimum of each measure: what they cost, and who bears it; a table.

    - `event`: an Event; `law`: how prices may move, or None
    - `policies`: functions Event -> Allocation (or table account, asset, closed) or names that `adl.policy`
      knows, in a list, or in a dict by name (default: pro rata, and water-filling, of gross leverage in cross
      margin)
    - `measures`: objectives (default: MaxLeverage and, with a law, ExpectedLoss, else LeverageSquare)
    - `subject_to`: constraints beside clearing, as of Problem: the optima hold them
    - `progress`: a bar on a terminal; `executor`: as in `sweep`, a policy or measure each

    Returns a DataFrame, a row a policy and a row "optimum of ..." a measure. For each measure: its value
    (quote currency, or x of equity), "... excess" above the proved lower bound (what the rule costs at most,
    in the same unit) and "... gap" (relative, §11). Then who bears it: accounts reduced, wholly closed, share
    of the most levered tenth, Gini coefficient. A policy that does not clear or leaves its box is named "...
    (infeasible)", one that violates a constraint "... (violates ...)"; neither has an excess.
    `attrs["units"]` names units. Raises AdlError for what is no policy or measure.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> adl.compare(event)[["MaxLeverage", "MaxLeverage excess", "accounts reduced"]].round(4)
                              MaxLeverage MaxLeverage excess accounts reduced
                              x of equity        x of equity         accounts
    policy
    water_filling                  0.6667                  0                2
    pro_rata                            2             1.3333                3
    optimum of LeverageSquare      0.6667                  0                2
    optimum of MaxLeverage         0.6667                  0                2
    """
    from adl_opt.table import with_units

    check_executor("compare", executor)
    if not isinstance(event, Event):
        raise AdlError(f"compare takes an Event first, then a law, not {type(event).__name__}")
    check_law("compare", law)
    given = rules("compare", policies, measures)
    chosen = default_policies(event.book.isolated) if given is None else given
    wanted = (
        list(measures)
        if measures is not None
        else [LeverageSquare() if law is None else ExpectedLoss(), MaxLeverage()]
    )
    names = [str(measure) for measure in wanted]
    if len(set(names)) < len(names):
        raise AdlError(
            f"two measures are named {next(n for n in names if names.count(n) > 1)!r}; give their class a "
            "__str__ that tells them apart"
        )
    aligned, limits = None if law is None else law.for_book(event.book), constraints_of(subject_to)
    rows = mapped(partial(_by_policy, event), chosen, executor, "policies", progress, named)
    optimum = partial(_by_measure, event, law, limits)
    optima = mapped(optimum, wanted, executor, "the optimum of", progress, str)
    bounds = {name: bound for name, (_, bound) in zip(names, optima)}
    # What is minimised in place of a measure that can only be valued has no row of its own if it is one too.
    rows += [
        replace(row, name=f"optimum of {row.name}")
        for name, (row, _) in zip(names, optima)
        if row.name == name or row.name not in names
    ]
    lines = mapped(partial(_line, event, wanted, aligned, limits, bounds), rows, executor)
    money = event.book.currency
    units = {f"{one}{column}": unit_of(one, money) for one in wanted for column in ("", " excess")}
    units |= {f"{one} gap": "fraction of the value" for one in wanted}
    shares = {"top tenth bears": "fraction closed", "Gini": "fraction, 0: all alike"}
    counts = dict.fromkeys(("accounts reduced", "wholly closed"), "accounts")
    table = with_units(lines, units | shares | counts).set_index("policy")
    table.attrs["differences"] = {
        f"{one} excess": (str(one), _PROVED, _PROVED * float(table[str(one)].abs().min())) for one in wanted
    }
    return table


def _violated(limits: tuple[Constraint, ...], m: SymbolsAt) -> str:
    """The constraints that an allocation violates, in words to stand after its name."""
    names = [name for name, one in zip(names_of(limits), limits) if violation_of(one, m) > HOLDS]
    return f" (violates {', '.join(names)})" if names else ""


@dataclass(frozen=True, eq=False)
class _Row:
    """An allocation by its name: amount (legs,) contracts, and who bears it; it travels between processes."""

    name: str
    amount: Array
    bears: dict[str, float]


def _by_policy(event: Event, rule: Policy) -> _Row:
    allocation = applied(rule, event)
    return _Row(named(rule), allocation.amount, bearing(allocation))


def _by_measure(
    event: Event, law: Law | None, limits: tuple[Constraint, ...], measure: Objective
) -> tuple[_Row, float]:
    """The optimum of a measure and its bound; for one that can only be valued, of one below it."""
    under = measure.lower_bound_objective() or measure
    # Laws of its own leave none to look at, but constraints may ask for one.
    own = None if needs_no_law(measure) and not limits else law
    with unheard():  # the gap stands in the table
        best = Problem(under, event, own, subject_to=limits).solve()
    bound = -np.inf if best.certificate.bound is None else best.certificate.bound
    return _Row(str(under), best.amount, bearing(best)), bound


def _line(
    event: Event,
    measures: Sequence[Objective],
    law: Law | None,
    limits: tuple[Constraint, ...],
    bounds: dict[str, float],
    row: _Row,
) -> dict[str, Any]:
    """What an allocation costs by each measure, its excess and gap above the bounds, and who bears it."""
    violated = _violated(limits, SymbolsAt(event, law, row.amount))
    name, broken = row.name + violated, False
    line: dict[str, Any] = {"policy": name}
    for measure in measures:
        c = assess(measure, event, law, row.amount).certificate
        line[str(measure)], bound = c.value, bounds[str(measure)]
        broken = c.status == "infeasible"
        outside = broken or bool(violated)
        line[f"{measure} excess"] = np.nan if outside else max(c.value - bound, 0.0)
        line[f"{measure} gap"] = np.nan if outside else relative_gap(c.value, bound, c.floor)
    if broken:  # it does not clear, or leaves its box: its values are those of another problem
        line["policy"] = f"{name} (infeasible)"
    return line | row.bears


def check_law(caller: str, law: object) -> None:
    """Raise AdlError unless `law` is a law or None."""
    if law is not None and not isinstance(law, Law):
        raise AdlError(
            f"{caller} takes a law of price moves or None, not {type(law).__name__}; adl.Scenarios(moves) "
            "makes one"
        )


def rules(caller: str, policies: Any, measures: Any) -> list[Policy] | None:
    """The policies as functions, None if none are given.

    Raises AdlError, in the name of `caller`, for policies that are no list of functions or names that
    adl.policy knows, and for measures that are no list of objectives.
    """
    if isinstance(policies, (Objective, str)) or isinstance(measures, Objective) or callable(policies):
        raise AdlError(
            f'{caller} takes lists: policies=[adl.pro_rata, "bitmex"]'
            + ("" if caller == "stress_path" else ", measures=[adl.MaxLeverage()]")
        )
    if measures is not None and not hasattr(measures, "__len__"):
        raise AdlError(f"{caller} takes a list of objectives as measures, not {type(measures).__name__}")
    if any(isinstance(one, type) for one in measures or ()):
        raise AdlError(
            f"{caller} takes objectives, not classes: write "
            f"{next(o for o in measures or () if isinstance(o, type)).__name__}()"
        )
    strange = [one for one in measures or () if not isinstance(one, Objective)]
    if strange:
        raise AdlError(
            f"measures are objectives, such as adl.MaxLeverage(), not {type(strange[0]).__name__} "
            f"{str(strange[0])[:40]!r}"
        )
    for one in measures or ():
        check_hooks(one)
    if policies is not None and not hasattr(policies, "__len__"):
        raise AdlError(f"{caller} takes a list of policies, not {type(policies).__name__}")
    if isinstance(policies, Mapping):
        policies = [_named(str(name), one) for name, one in policies.items()]
    odd = [one for one in policies or () if not (callable(one) or isinstance(one, str))]
    if odd:
        raise AdlError(
            "a policy is a function Event -> Allocation, such as adl.pro_rata, not "
            f"{type(odd[0]).__name__} {str(odd[0])[:40]!r}"
        )
    return None if policies is None else [policy(one) if isinstance(one, str) else one for one in policies]


def _named(name: str, one: Any) -> Any:
    if not callable(one):
        return one

    def rule(event: Event) -> Any:
        return one(event)

    rule.__name__ = name
    return rule


def named(rule: Policy) -> str:
    return str(rule.__name__) if hasattr(rule, "__name__") else str(getattr(rule, "name", rule))
