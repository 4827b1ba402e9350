"""A closed form of a user's own, judged: proved by the best bound there is, or told how far above the optimum
it is.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from adl_opt.certificates.certificate import Proof, with_bound
from adl_opt.errors import LawError, SolveError
from adl_opt.methods.base import Found, Request
from adl_opt.methods.conic.agreement import expressed
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.objectives.base import normalised
from adl_opt.objectives.words import unit_of
from adl_opt.text import clipped, figure

Solve = Callable[[Request], Found]


def judged(request: Request, own: Found, solve: Solve, keep: bool) -> Found:
    """The formula's answer, proved by its own bound or by that of `solve`, which knows no formula; the other
    answer, with a word, if it is better and `keep` does not ask for the formula.
    """
    c = own.certificate
    if c.certified:
        return _worded(own, f"agrees to {c.gap:.2g} with the {c.proof}")
    if keep and c.status == "infeasible":
        return own
    other, is_rival = _other(request, solve)
    if other is None:
        return own if c.status == "infeasible" else _worded(own, f"{c.proof}; no solve gives a bound")
    proved = with_bound(c, other.certificate, request.tolerance)
    price = np.where(np.isnan(own.proof.price), other.proof.price, own.proof.price)
    own = own._replace(proof=Proof(proved, price, own.proof.parts))
    if proved.certified:
        return _worded(own, f"agrees to {proved.gap:.2g} with the {proved.proof}")
    words = _above(request, own, other)
    said = f"closed_form of {clipped(request.written or request.objective, 60)} {words}"
    if keep or not is_rival or own.rank <= other.rank:
        return _worded(own, words)._replace(said=said)
    return other._replace(said=f"{said}; what {other.method} found is returned")


def _other(request: Request, solve: Solve) -> tuple[Found | None, bool]:
    """(what is found without the formula, whether it minimises the objective itself): None where nothing can
    be.
    """
    under = request.objective.lower_bound_objective()
    if under is not None:
        request = replace(request, compiled=Compiled(under, request.law))
    if not expressed(request.objective):
        return None, False
    with contextlib.suppress(SolveError, LawError):
        return solve(request), under is None
    return None, False


def _worded(own: Found, words: str) -> Found:
    proved = replace(own.certificate, proof=f"own closed form: {words}")
    return own._replace(proof=replace(own.proof, certificate=proved))


def _above(request: Request, own: Found, other: Found) -> str:
    """By how much the formula is above what was found without it, in the unit of the objective."""
    written = request.written or request.objective
    factor = normalised(written)[0]
    c, best = own.certificate.times(factor, str(written)), other.certificate.times(factor, str(written))
    if c.status == "infeasible":
        return c.proof
    bound = -np.inf if c.bound is None else c.bound
    return (
        f"gives {c.value:.9g} ({unit_of(written)}), {figure(c.value - best.value, 3)} above the "
        f"{best.value:.9g} that {other.method} found; no allocation has less than {bound:.9g}"
    )
