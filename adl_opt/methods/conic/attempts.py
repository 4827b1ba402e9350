"""Allocations that programs lead to, proved; each value is noted, to hold bounds against (§17)."""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Evidence, Proof
from adl_opt.constraints.base import HOLDS
from adl_opt.constraints.constrained import Constrained, constrained
from adl_opt.data.event import Event, cleared
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.base import Found, Request
from adl_opt.methods.snapping import assess_at_ends

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Point

_STEPS, _FAR = 10, 1e-2  # steps towards an allocation with room; a step that is no rounding
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
    amount = within_limits(request, amount)
    return _noted(request, *assess_at_ends(*problem, amount, evidence, request.tolerance))


def at_pro_rata(request: Request) -> Found:
    return assessed(request, somewhere(request))


def somewhere(request: Request) -> Array:
    """Pro rata; under constraints, (legs,) contracts that hold them. Raises InfeasibleError if none do."""
    limits = constrained(request.objective)
    if limits is None:
        return cleared(request.event, request.event.pro_rata_amount)
    return request.compiled.possible(request.event, limits).amount


def within_limits(request: Request, amount: Array) -> Array:
    """`amount`, moved towards an allocation with room where a solver's rounding left the constraints."""
    limits, event = constrained(request.objective), request.event
    if limits is None or not (excess := _excess(limits, request, amount)) > HOLDS:
        return amount
    room = request.compiled.possible(event, limits)
    step = excess / (excess + max(-room.share, 1e-9))
    for _ in range(_STEPS):
        if step > _FAR:
            break
        moved = cleared(event, amount + step * (room.amount - amount))
        if _excess(limits, request, moved) <= HOLDS:
            return moved
        step *= 2
    return amount


def _excess(limits: Constrained, request: Request, amount: Array) -> float:
    m = SymbolsAt(request.event, request.law, amount)
    return max(limits.violations(m).values(), default=0.0)


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
