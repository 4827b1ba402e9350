"""A certificate: value, bound, gap and status of an allocation, and what they rest on (§11, §12)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array
from adl_opt.errors import SolveError
from adl_opt.evaluation.minorants import Dual
from adl_opt.renamed import renamed
from adl_opt.text import clipped, figure, two_lines

if TYPE_CHECKING:
    import pandas as pd


TOLERANCE = 1e-6  # relative gap up to which an allocation counts as certified (§11)
MATERIAL = 1e-6  # of the objective at pro rata: an open gap below it is negligible (§11)
_ROUNDING = 1e-15  # a relative gap below it is the last digit of a float
# Of a value that is possible, of another: a bound so much above it is of another objective (§17)
_AGREES, _ABOVE = 1e-6, 1e-9


@dataclass(frozen=True)
class Certificate:
    """What is proved about an allocation: its value, a bound below every allocation's, and the gap (§11).

    - `status`: "certified" (value - bound <= max(tolerance x |value|, rounding), and feasible); "negligible"
      (not proved optimal, but less than a millionth of the objective at pro rata could still be saved);
      "uncertified" (feasible, no such proof); "infeasible"
    - `objective_name`: what is measured, in `unit`; `value`: what it is here; `bound`: below its value at
      every feasible allocation; `reference`: its value at pro rata
    - `rounding`: what value - bound may be by rounding alone at this allocation, 0 where the gap closes
      without it
    - `gap`: (value - bound) / max(|value|, floor), floor = rounding / tolerance, so that it is at most the
      tolerance where the allocation is certified; neither depends on a positive weight, on the unit of money
      or on that of contracts
    - `clearing_error`: contracts, largest over assets; `box_violation`: fraction of a position, largest over
      legs; `constraint_violation`: of the problem's constraints, a pure number, largest over them
    - `proof`: how the bound was obtained, in words

    An infeasible allocation has neither bound nor gap (None).

    Source: THEORY 6, THEORY 11.1.

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
    >>> certificate = adl.certify(adl.MaxLeverage(), event, None, adl.pro_rata(event))
    >>> certificate.status, round(certificate.value, 4), round(certificate.bound, 4)  # x of equity
    ('uncertified', 2.0, 0.6667)
    """

    status: str
    objective_name: str
    unit: str
    value: float
    bound: float | None
    gap: float | None
    clearing_error: float
    box_violation: float
    constraint_violation: float
    reference: float
    rounding: float
    tolerance: float
    proof: str

    objective = renamed("value")
    measure = renamed("objective_name")

    @property
    def certified(self) -> bool:
        return self.status == "certified"

    @property
    def floor(self) -> float:
        """What the gap is relative to where the value is smaller: rounding / tolerance, in `unit`."""
        return self.rounding / self.tolerance

    def to_frame(self) -> pd.DataFrame:
        """The certificate as a table, a row a quantity, with its unit (§15).

        Columns value and unit; rows status, proof, objective, value, bound, gap, ...

        >>> certificate = adl.water_filling(adl.examples.shorts([10, 10], [500, 4000], 5)).certificate
        >>> certificate.to_frame().loc["status", "value"]
        'certified'
        """
        from adl_opt.table import Table

        rows = {
            "status": (self.status, "certified: gap at most the tolerance"),
            "proof": (self.proof, "in words"),
            "objective": (self.objective_name, self.unit),
            "value": (self.value, self.unit),
            "bound": (self.bound, self.unit),
            "gap": (self.gap, "fraction of the value"),
            "clearing_error": (self.clearing_error, "contracts"),
            "box_violation": (self.box_violation, "fraction of a position"),
            "constraint_violation": (self.constraint_violation, "pure number"),
            "reference": (self.reference, f"{self.unit}, at pro rata"),
            "rounding": (self.rounding, f"{self.unit}, what the gap may be by rounding alone"),
        }
        return Table(list(rows.values()), index=list(rows), columns=["value", "unit"])

    def __repr__(self) -> str:
        return two_lines(f"Certificate({self.status}: {self.in_words()})")

    def in_words(self) -> str:
        """Value, gap and clearing error, with units."""
        proof = "no bound" if self.gap is None else f"gap {self.gap:.2g}"
        said = f"{clipped(self.objective_name, 40)} {figure(self.value, 9)} ({self.unit}), {proof}"
        return f"{said}, clearing error {self.clearing_error:.2g} contracts"

    def _repr_html_(self) -> str:
        return html.panel(f"Certificate: {self.status}", html.facts(self.facts()))

    def facts(self) -> list[tuple[str, str]]:
        """What is proved, as names and words."""
        proved = self.bound is not None and self.gap is not None and math.isfinite(self.bound)
        size = (
            "0, but for rounding"
            if (self.gap or 0.0) < _ROUNDING
            else f"{figure(self.gap or 0.0, 2)} of the value"
        )
        gap = f"{size}; certified up to {self.tolerance:.0e}"
        unit, rounding, outside = self.unit, figure(self.rounding, 3), figure(self.box_violation, 2)
        return [
            ("objective", self.objective_name),
            ("value", f"{figure(self.value, 10)} {unit}"),
            (
                "no allocation has less than",
                f"{figure(self.bound or 0.0, 10)} {unit}" if proved else "not known",
            ),
            ("gap between them", gap if proved else ""),
            (
                "rounding",
                f"{rounding} {unit}: the gap may be this by rounding alone" if self.rounding else "",
            ),
            ("value at pro rata", f"{figure(self.reference, 7)} {unit}"),
            ("clearing error", f"{figure(self.clearing_error, 2)} contracts"),
            ("beyond a position", f"{outside} of it, at most" if self.box_violation else ""),
            ("proof", self.proof),
        ]

    def times(self, factor: float, name: str) -> Certificate:
        """The certificate of factor x the objective, under another name."""
        bound = None if self.bound is None else factor * self.bound
        scaled = {field: factor * getattr(self, field) for field in ("value", "reference", "rounding")}
        return replace(self, objective_name=name, bound=bound, **scaled)


@dataclass(frozen=True)
class Evidence:
    """Dual information from a solve: shortfall multipliers, a bound from the conic dual (quote currency) and
    its clearing prices.
    """

    dual: Dual = field(default_factory=Dual)
    conic_bound: float | None = None
    conic_assumed: float | None = None
    price: Array | None = None


@dataclass(frozen=True)
class Proof:
    """A certificate with what was found on the way: shadow prices (d,), the value of each part, and the
    multipliers of the constraints by their rows, and the weights of the worst mixture of laws, if the
    objective brings some.
    """

    certificate: Certificate
    price: Array
    parts: Mapping[str, float]
    limits: tuple[tuple[Array, ...], ...] = ()
    law_weights: Mapping[str, float] = field(default_factory=dict)

    def times(self, factor: float, name: str) -> Proof:
        """The proof of factor x the objective, whose parts are the same."""
        limits = tuple(tuple(factor * row for row in rows) for rows in self.limits)
        certificate, price = self.certificate.times(factor, name), factor * self.price
        return replace(self, certificate=certificate, price=price, limits=limits)


def check_tolerance(tol: object) -> None:
    """Raise SolveError unless tol is a number above 0 and below 1: a gap of 1 or more certifies
    everything.
    """
    number = isinstance(tol, (int, float, np.integer, np.floating)) and not isinstance(tol, bool)
    if not (number and 0 < tol < 1):  # type: ignore[operator]
        raise SolveError(
            f"tol = {tol!r}: the relative gap up to which an allocation is certified is a number above 0 "
            "and below 1"
        )


def verdict(
    value: float, bound: float, rounding: float, reference: float, tolerance: float
) -> tuple[float, str]:
    """(gap, status) of a feasible allocation (§11): the one rule, used wherever a bound is held against a
    value.
    """
    gap = relative_gap(value, bound, rounding / tolerance)
    negligible = value - bound <= MATERIAL * abs(reference)
    return gap, "certified" if gap <= tolerance else "negligible" if negligible else "uncertified"


def above(bound: float, value: float, other: float) -> bool:
    """Whether a bound is so much above a value that it may be of another objective; other: a value of the
    same problem.
    """
    return bound - value > max(_AGREES * abs(value), _ABOVE * abs(other))


def relative_gap(value: float, bound: float, floor: float = 0.0) -> float:
    """(value - bound) / max(|value|, floor), 0 where the bound is reached (§11)."""
    if bound >= value:
        return 0.0
    scale = max(abs(value), floor)
    return float((value - bound) / scale) if scale > 0 else math.inf


def with_bound(own: Certificate, other: Certificate, tolerance: float) -> Certificate:
    """`own`, proved by the bound of another allocation's certificate of the same problem, if that is higher:
    a bound holds for every allocation.
    """
    if own.status == "infeasible" or other.bound is None or own.bound is None or other.bound <= own.bound:
        return own
    gap, status = verdict(own.value, other.bound, own.rounding, own.reference, tolerance)
    return replace(
        own, bound=other.bound, gap=gap, status=status, proof=f"bound of the optimum: {other.proof}"
    )
