"""Allocations that programs lead to, proved; each value is noted, to hold bounds against (§17)."""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence, Proof
from adl_opt.data.event import Event, cleared
from adl_opt.errors import SolveError
from adl_opt.methods.base import Found, Request
from adl_opt.methods.snapping import assess_at_ends

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Point

Answer = TypeVar("Answer")
CONIC = "conic"  # the method's name


def amount_at(event: Event, point: "Point") -> Array:
    """The solver's fractions as contracts by leg, (legs,); they clear up to its accuracy."""
    return event.amount_from(np.clip(point.fraction, 0.0, 1.0))


def assessed(request: Request, amount: Array) -> Found:
    """The allocation, proved without evidence of a solver's."""
    proof = assess(request.objective, request.event, request.law, amount, None, request.tolerance)
    return _noted(request, amount, proof)


def at_ends(request: Request, amount: Array, evidence: Evidence) -> Found:
    """The allocation, what rounding touches put at its end, proved by the solver's evidence."""
    problem = request.objective, request.event, request.law
    return _noted(request, *assess_at_ends(*problem, amount, evidence, request.tolerance))


def at_pro_rata(request: Request) -> Found:
    return assessed(request, cleared(request.event, request.event.pro_rata_amount))


def _noted(request: Request, amount: Array, proof: Proof) -> Found:
    if proof.certificate.status != "infeasible":
        value = proof.certificate.value
        request.compiled.valued.note(request.event, value, "an allocation found on the way")
    return Found(amount, proof, CONIC)


def first_answer(solve: Callable[..., Answer], tries: Sequence[tuple[Any, ...]]) -> Answer:
    """solve(*arguments) for the first of `tries` that is mastered. Raises the SolveError of the last."""
    for arguments in tries[:-1]:
        with contextlib.suppress(SolveError):
            return solve(*arguments)
    return solve(*tries[-1])
