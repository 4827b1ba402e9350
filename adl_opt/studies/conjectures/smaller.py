"""What is tried instead of a counterexample: fewer accounts, positions, requirements and moves, rounder
numbers.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from adl_opt.studies.conjectures.cases import Case
from adl_opt.studies.shrinking import digits, rounder


def cost(case: Case) -> tuple[int, int, int]:
    """(accounts; positions, requirements, moves, prices other than 1, columns; digits)."""
    moves = 0 if case.moves is None else case.moves.size
    parts = (
        np.count_nonzero(case.position) + np.count_nonzero(case.required) + moves + (case.price != 1).sum()
    )
    columns = [
        case.position[case.position != 0], case.price, case.equity, case.required,
        [] if case.entry is None else case.entry.ravel(),
        [] if case.moves is None else case.moves.ravel(),
        [] if case.probability is None else case.probability,
    ]  # fmt: skip
    return len(case.equity), int(parts) + (case.entry is not None), digits(*columns)


def smaller(case: Case) -> Iterator[Case]:
    """Cases to try in its place, the greatest steps first."""
    for other in _fewer(case):
        if (other.position != 0).any() and (other.required != 0).any():
            yield other
    for k, price in enumerate(case.price):
        if price != 1:
            yield _at_price_one(case, k)
    yield from _rounder(case)


def _fewer(case: Case) -> Iterator[Case]:
    n, d = case.position.shape
    if n > 1:
        for i in range(n):
            yield from _clipped(_without(case, i))
    if case.entry is not None:
        yield replace(case, entry=None)
    for k in np.flatnonzero(case.required):
        yield _put(case, "required", k, 0.0)
    if d > 1:
        for k in range(d):
            yield _without_asset(case, k)
    for at in zip(*np.nonzero(case.position)):
        yield from _clipped(_put(case, "position", at, 0.0))
    if case.moves is not None and case.probability is not None and len(case.probability) > 1:
        for s in range(len(case.probability)):
            kept = np.delete(case.probability, s)
            yield replace(case, moves=np.delete(case.moves, s, axis=0), probability=kept / kept.sum())
        yield replace(case, probability=np.full(len(case.probability), 1 / len(case.probability)))


def _without(case: Case, i: int) -> Case:
    return replace(
        case,
        accounts=case.accounts[:i] + case.accounts[i + 1 :],
        position=np.delete(case.position, i, axis=0),
        equity=np.delete(case.equity, i),
        entry=None if case.entry is None else np.delete(case.entry, i, axis=0),
    )


def _without_asset(case: Case, k: int) -> Case:
    def cut(values: Any) -> Any:
        return None if values is None else np.delete(values, k, axis=-1)

    columns = {name: cut(getattr(case, name)) for name in ("position", "price", "entry", "required", "moves")}
    return replace(case, assets=case.assets[:k] + case.assets[k + 1 :], **columns)


def _clipped(case: Case) -> Iterator[Case]:
    """As it is, if there is as much as is required; else with as much as there is, or half of it."""
    most = np.where(case.required > 0, case.capacity(1), case.capacity(-1))
    if (np.abs(case.required) <= most).all():
        yield case
        return
    for share in (0.5, 1.0):
        yield replace(case, required=np.sign(case.required) * np.minimum(np.abs(case.required), share * most))


def _at_price_one(case: Case, k: int) -> Case:
    """Contracts of asset k that are worth 1 each."""
    price = case.price[k]
    one = np.where(np.arange(len(case.price)) == k, price, 1.0)
    return replace(
        case,
        price=case.price / one,
        position=case.position * one,
        required=case.required * one,
        entry=None if case.entry is None else case.entry / one,
    )


def _rounder(case: Case) -> Iterator[Case]:
    for name in ("position", "equity", "required", "price", "moves", "entry"):
        values = getattr(case, name)
        if values is None:
            continue
        for at in zip(*np.nonzero(values)):
            for value in rounder(float(values[at])):
                if value != values[at]:
                    yield from _clipped(_put(case, name, at, value))


def _put(case: Case, name: str, at: Any, value: float) -> Case:
    values = getattr(case, name).copy()
    values[at] = value
    return replace(case, **{name: values})
