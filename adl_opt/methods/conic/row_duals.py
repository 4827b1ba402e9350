"""What a solver's multipliers of the named rows say, for the certificate (§12)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.evaluation.minorants import Dual, LawDuals
from adl_opt.methods.conic.symbols import ConicSymbols


def dual_of_rows(m: ConicSymbols, duals: Mapping[int, Any], back: float) -> Dual:
    """Of the rows of a program's symbols, law by law; duals: multipliers by row id; back: how much of the
    objective a unit of the program's is.
    """
    return Dual(shortfalls(m, duals, back), _weights(m, duals, back), laws=_laws(m, duals, back))


def shortfalls(m: ConicSymbols, duals: Mapping[int, Any], back: float) -> Array | None:
    row = m.named.get("shortfall")
    if row is None:
        return None
    rows = m.rows
    table = np.full((len(m.scale), len(m.probability)), np.nan)
    if len(rows.constant):
        if row.id not in duals:
            return None
        table[rows.account, rows.scenario] = np.ravel(duals[row.id]) * back / m.scale[rows.account]
    return table


def _weights(m: ConicSymbols, duals: Mapping[int, Any], back: float) -> dict[int, Array]:
    """By part of the objective: the multipliers of the rows that it raised, per unit of quote currency."""
    found = {}
    for number, row in _named(m, "weights", duals):
        table = np.reshape(np.ravel(duals[row.id], order="F"), row.shape, order="F")
        found[number] = np.maximum(table * back / m.unit, 0.0)
    return found


def _laws(m: ConicSymbols, duals: Mapping[int, Any], back: float) -> dict[int, LawDuals]:
    """By part of the objective that is the worst over laws; its weights sum to that of the part."""
    found = {}
    for number, row in _named(m, "laws", duals):
        weight = np.maximum(np.ravel(duals[row.id]) * back / m.units[number], 0.0)
        told = (m.laws.get((number, k)) for k in range(len(weight)))
        each = (Dual() if one is None else dual_of_rows(one, duals, back) for one in told)
        found[number] = LawDuals(weight, tuple(each))
    return found


def _named(m: ConicSymbols, kind: str, duals: Mapping[int, Any]) -> list[tuple[int, Any]]:
    return [
        (int(name.split()[1]), row)
        for name, row in m.named.items()
        if name.startswith(f"{kind} ") and row.id in duals
    ]
