"""Laws without scenarios: second-order-cone cuts under elliptical moves, Newton's model under the others
(THEORY 4).
"""

import contextlib
from dataclasses import replace

import numpy as np

from adl_opt.certificates.assess import TIGHT
from adl_opt.certificates.certificate import Evidence, with_bound
from adl_opt.constraints.constrained import over
from adl_opt.data.event import Event, cleared
from adl_opt.errors import SolveError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.laws.elliptical import Gaussian
from adl_opt.methods.base import Found, Request, best_of
from adl_opt.methods.conic.agreement import bound_counts
from adl_opt.methods.conic.attempts import amount_at, assessed, at_ends, at_pro_rata, somewhere
from adl_opt.methods.conic.compiled import Compiled
from adl_opt.methods.conic.cutting_planes import cut_below
from adl_opt.methods.conic.newton_model import newton_at
from adl_opt.methods.conic.refinement import refined
from adl_opt.objectives.base import Objective, trusted
from adl_opt.objectives.parts import laws_of
from adl_opt.objectives.robust import with_laws

_CUTS = 25  # rounds at most
_NEWTON = 1e-4  # the gap from which Newton's model takes over


def must_have_optimum(request: Request) -> bool:
    """Whether a solver of our choice without a point is lost in rounding: our own objectives have an
    optimum.
    """
    return request.solver is None and request.time_limit is None and trusted(request.objective)


def by_cuts(request: Request) -> Found | None:
    """Elliptical laws: cuts below the expected loss, one more an account and round, whose programs' bounds
    prove; None where they do not apply.
    """
    event, law, objective = request.event, request.law, request.objective
    amounts = [event.pro_rata_amount, event.amount_from()]
    found: list[Found] = []
    # Newton is faster near a smooth optimum; kinks of other parts need the cuts' bounds to the last.
    enough = 10 * TIGHT if objective.expected_loss_weight is None else _NEWTON
    stalled = 0
    for _ in range(_CUTS):
        below = cut_below(objective, law, [SymbolsAt(event, law, amount) for amount in amounts])
        if below is None:
            return None
        before = min((each.gap for each in found), default=np.inf)
        try:
            found.append(_minimum_of_cuts(request, below))
        except SolveError:
            if not found and not must_have_optimum(request):
                raise
            found = found or [at_pro_rata(request)]
            break
        amounts.append(found[-1].amount)
        stalled = 0 if found[-1].gap < before else stalled + 1
        if min(before, found[-1].gap) <= enough or stalled > 2:
            break
    bounds = [-np.inf if each.certificate.bound is None else each.certificate.bound for each in found]
    highest, best = found[int(np.argmax(bounds))], refined(request, best_of(found))
    certificate = with_bound(best.certificate, highest.certificate, request.tolerance)
    return best._replace(proof=replace(best.proof, certificate=certificate))


def _minimum_of_cuts(request: Request, below: Objective) -> Found:
    event, cuts = request.event, request.compiled.beside(below)
    program = cuts.program(event)
    cuts.trial(event)
    reference = request.compiled.scales(event).reference
    point = program.solve(event, reference, request.solver, 1e-10, request.time_limit)
    amount = amount_at(event, point)
    bound = point.bound if bound_counts(cuts, event, amount, point) else None
    # Of the cuts, duals of constraints and of laws of the objective's own hold for it too.
    known = replace(point.dual.of_limits, laws=point.dual.laws)
    evidence = Evidence(known, bound, point.assumed, point.price)
    return at_ends(request, cleared(event, amount), evidence)


def by_newton(request: Request) -> Found | None:
    """Other laws with a curvature: Newton's model from the optimum under normal moves of the same covariance;
    None where it does not apply.
    """
    event, law, objective = request.event, request.law, request.objective
    if newton_at(objective, SymbolsAt(event, law, event.pro_rata_amount)) is None:
        return None
    amount = somewhere(request)
    with contextlib.suppress(SolveError):
        stand_in = _under_normal_moves(objective, law, event)
        normal = None if stand_in is None else by_cuts(replace(request, compiled=stand_in))
        amount = amount if normal is None else normal.amount
    return refined(request, assessed(request, amount))


def _under_normal_moves(objective: Objective, law: Law | None, event: Event) -> Compiled | None:
    """The problem with every smooth law replaced by normal moves of the same covariance; None where one has
    none.
    """

    smooth = [each for each in laws_of(objective, law, event.book) if each.scenarios is None]
    if any(each.covariance_of_moves() is None for each in smooth):
        return None

    def normal(law: Law) -> Law:
        return law if law.scenarios is not None else Gaussian(law.covariance_of_moves(), meant=True)

    other = with_laws(objective.unconstrained(), event.book, normal)
    return Compiled(over(objective, other), None if law is None else normal(law))
