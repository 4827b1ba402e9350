"""Refinement: programs that agree with the objective to second order around the allocation found."""

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.assess import TIGHT
from adl_opt.certificates.certificate import MATERIAL, Evidence
from adl_opt.data.event import cleared
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.methods.base import Found, Request, best_of
from adl_opt.methods.conic.attempts import amount_at, at_ends, first_answer
from adl_opt.methods.conic.newton_model import newton_at
from adl_opt.objectives.base import evaluate, trusted

if TYPE_CHECKING:
    from adl_opt.methods.conic.program import Point

_ROUNDS = 40  # at most
_HALVINGS = 8  # of a step that leads uphill


def refined(request: Request, best: Found) -> Found:
    """`best`, or what repeated minimisation of local models, from there, proves or finds to be better."""
    here, stalled = best, 0
    for _ in range(_ROUNDS):
        point = None if best.gap <= TIGHT or stalled > 1 else _minimum_of_model(request, here)
        if point is None:
            break
        amount = _downhill(request, here.amount, cleared(request.event, amount_at(request.event, point)))
        after = at_ends(request, amount, Evidence(point.dual, price=point.price))
        # Far from the optimum the value shows the progress, near it, where values are rounding, the gap.
        progress = after.certificate.value < here.certificate.value or after.gap < best.gap
        stalled = 0 if progress else stalled + 1
        here, best = after, best_of((best, after))
    return best


def _minimum_of_model(request: Request, here: Found) -> "Point | None":
    """Where the model around `here` is least; None if there is no model or no solver masters it."""
    from adl_opt.methods.conic.program import Program

    event, m = request.event, SymbolsAt(request.event, request.law, here.amount)
    model = request.objective.local_model(m) or newton_at(request.objective, m)
    if model is None:
        return None
    program, value = Program(model, event, request.law), abs(here.certificate.value)
    least = MATERIAL * abs(here.certificate.reference)
    parts = [part for _, part in model.weighted_parts() if trusted(part)]
    natural = min([value, *(getattr(part, "solver_scale", np.inf) for part in parts)])

    def solve(unit: float, accuracy: float) -> "Point":
        return program.solve(event, max(unit, least), None, accuracy, request.time_limit)

    with contextlib.suppress(SolveError):
        return first_answer(solve, [(natural, 1e-10), (value, 1e-10), (natural, 1e-8)])
    return None


def _downhill(request: Request, here: Array, there: Array) -> Array:
    """`there`, or, where a model of second order led too far, the first halving of the way at which the value
    falls.
    """
    objective, event, law = request.objective, request.event, request.law
    start = evaluate(objective, SymbolsAt(event, law, here))
    for halving in range(_HALVINGS):
        amount = there if halving == 0 else cleared(event, here + 0.5**halving * (there - here))
        if evaluate(objective, SymbolsAt(event, law, amount)) <= start:
            return amount
    return there
