"""The methods in the order in which `method="auto"` tries them, and how one of them comes to answer."""

import contextlib
from collections.abc import Sequence

from adl_opt.certificates.assess import assess
from adl_opt.constraints.constrained import constrained
from adl_opt.errors import LawError, SolveError
from adl_opt.methods import separable
from adl_opt.methods.base import INTERRUPTED, Found, Method, Request
from adl_opt.methods.closed_form import ClosedForm
from adl_opt.methods.conic.solve import ConicMethod
from adl_opt.methods.own_formula import judged
from adl_opt.methods.snapping import assess_at_ends
from adl_opt.progress import falling


class Separable(Method):
    """Accounts that answer prices, by an interior point or piece by piece."""

    name = "separable"

    def refuses(self, request: Request) -> str | None:
        if constrained(request.objective) is not None:
            return (
                "method='separable' does not solve this problem: it takes no constraints (subject_to); use "
                "method='conic'"
            )
        reason = separable.applies(request.objective, request.event, request.law)
        return reason and f"method='separable' does not solve this problem: {reason}; use method='conic'"

    def pays(self, request: Request) -> bool:
        return separable.pays(request.objective, request.event, request.law)

    def solve(self, request: Request) -> Found:
        problem, tol = (request.objective, request.event, request.law), request.tolerance
        with falling("the gap", tol) as watch:
            amount, evidence, interrupted = separable.solve(*problem, tol, watch)
        if separable.piece_by_piece(*problem):
            proof = assess(*problem, amount, evidence, tol)
        else:
            amount, proof = assess_at_ends(*problem, amount, evidence, tol)
        return Found(amount, proof, self.name + INTERRUPTED * interrupted)


METHODS: tuple[Method, ...] = (ClosedForm(), Separable(), ConicMethod())  # the last one refuses nothing
AUTO = "auto"
NAMES = (AUTO, *(method.name for method in METHODS))


def named(name: str) -> Method:
    return next(method for method in METHODS if method.name == name)


def answer(request: Request, name: str = AUTO) -> Found:
    """An optimum by the method of that name; "auto": by the first that solves the problem and pays.

    Raises SolveError if the method does not solve this problem or no point is found.
    """
    if request.nothing_to_decide:  # whatever the name
        return METHODS[0].solve(request)
    if name != AUTO:
        method = named(name)
        if (reason := method.refuses(request)) is not None:
            raise SolveError(reason)
        if method is METHODS[0] and request.own_formula:
            return judged(request, method.solve(request), _by_programs, keep=True)
        return method.solve(request)
    if request.own_formula:
        return judged(request, METHODS[0].solve(request), _by_programs, keep=False)
    return _first(request, METHODS)


def _by_programs(request: Request) -> Found:
    """What is found without a formula."""
    return _first(request, METHODS[1:])


def _first(request: Request, methods: Sequence[Method]) -> Found:
    """What the first of the methods that solves the problem and pays finds."""
    suitable = (m for m in methods if m.takes_solver or request.solver is None)
    method = next(m for m in suitable if m.refuses(request) is None and m.pays(request))
    return _second_opinion(request, method.solve(request))


def _second_opinion(request: Request, found: Found) -> Found:
    """The last method's answer, where what is found does not prove itself and it proves more."""
    last = METHODS[-1]
    if not (found.certificate.certified or found.interrupted or found.method == last.name):
        with contextlib.suppress(SolveError, LawError):
            return min(found, last.solve(request), key=lambda each: each.gap)
    return found
