"""What is measured. A Spec builds its contenders for a size, untimed; every model of models/ brings one by
itself.

SPECS holds them all; `spec.build(size)` for `size in spec.sizes` is what a test runs. HEADLINES are the
ratios worth a line.
"""

import numpy as np

import adl_opt as adl
from adl_opt.verification import catalog

from . import frontiers, scale, theirs, verbs
from .kinds import Headline, Spec
from .verbs import Case, Contender

SAMPLE = 128  # scenarios drawn from a law that is not a set of scenarios
MOST_CELLS = (
    200_000  # accounts x scenarios up to which the conic method is run here (its own limit is far higher)
)
PLAIN, PLAIN_HIGHS = "hand-written", "hand-written, HiGHS"
AUTO, CONIC, PUBLISHED = "adl_opt", "adl_opt, conic", "published dual ascent"
CONSENSUS = "published consensus (ADMM)"
CLOSED_FORM, OPTIMUM = "closed form", 2212.645998  # dollars: the paper's example, computed independently


def model_spec(name: str) -> Spec:
    """A model at all its sizes, by every method that it admits."""
    model = adl.load(name)
    drawn = model.law is not None and not isinstance(model.law, (adl.Scenarios, adl.OneFactor))

    def case(size: int) -> Case:
        law = model.law.sample(SAMPLE, seed=0) if drawn else model.law
        events, limits = (model.event(size, 0),), model.subject_to
        return Case(objective=model.objective, events=events, law=law, subject_to=limits)

    def contenders(case: Case) -> tuple[Contender, ...]:
        cells = case.accounts * max(case.scenarios, 1)
        reason = f"{case.accounts:,} accounts x {case.scenarios:,} scenarios"
        formula = () if model.closed_form is None else (verbs.closed_form(case, model.closed_form),)
        return (
            *formula,
            verbs.cold(case, "auto", "auto"),
            *(
                (verbs.cold(case, "separable", optional=True),)
                if case.objective.expected_loss_weight is not None
                else ()
            ),
            verbs.cold(case, "conic", skip=reason if cells > MOST_CELLS else ""),
        )

    return Spec(
        name=f"model {name}",
        question=f"{model.title[:1].upper()}{model.title[1:]}: every method, from nothing"
        + (f", under {SAMPLE} scenarios drawn from its {type(model.law).__name__} law." if drawn else "."),
        sizes=model.sizes,
        case=case,
        contenders=contenders,
        against=("auto" if model.closed_form is None else CLOSED_FORM,),
        seconds=3.0,
    )


def _paper(size: int) -> Case:
    model = adl.load("cross_margin")
    known = OPTIMUM if size == 4 else None
    return Case(objective=model.objective, events=(model.event(size, 0),), law=model.law, known=known)


def _paper_again(size: int) -> Case:
    """The same book at eleven requirements, from half to one and a half times the paper's; round k solves
    number k.
    """
    case = _paper(size)
    start = case.event(0)
    factors = np.linspace(0.5, 1.5, 11).tolist()
    events = [start.with_requirement(short={a: f * q for a, q in start.short.items()}) for f in factors]
    return Case(objective=case.objective, events=tuple(events), law=case.law)


def _built(case: Case) -> tuple[Contender, ...]:
    return (
        verbs.handwritten_cold(case, None, PLAIN),
        verbs.handwritten_cold(case, "HIGHS", PLAIN_HIGHS),
        verbs.cold(case, "conic", CONIC),
        verbs.cold(case, "auto", AUTO),
    )


def _built_again(case: Case) -> tuple[Contender, ...]:
    return (
        verbs.handwritten_again(case, None, PLAIN),
        verbs.handwritten_again(case, "HIGHS", PLAIN_HIGHS),
        verbs.again(case, "conic", CONIC),
        verbs.again(case, "auto", AUTO),
    )


def _ascended(case: Case) -> tuple[Contender, ...]:
    return (
        verbs.dual_ascent(case, PUBLISHED),
        theirs.consensus(case, CONSENSUS),
        verbs.cold(case, "conic", CONIC),
        verbs.cold(case, "auto", AUTO),
    )


BUILDER = (
    Spec(
        name="builder, cold",
        question=(
            "The paper's example (and forty accounts like them), constructed and solved from nothing, "
            "against the program as a CVXPY user writes it: contracts, dollars, `cp.pos`, every scenario; "
            "with the solver that CVXPY chooses, and with HiGHS."
        ),
        sizes=(4, 40),
        case=_paper,
        contenders=_built,
        against=(PLAIN, PLAIN_HIGHS),
    ),
    Spec(
        name="builder, re-solve",
        question=(
            "The same at eleven requirements, compiled before: `problem.solve(short=...)` against "
            "`cp.Parameter`."
        ),
        sizes=(4, 40),
        case=_paper_again,
        contenders=_built_again,
        against=(PLAIN, PLAIN_HIGHS),
    ),
    Spec(
        name="published approach",
        question=(
            "A shadow price outside (bisection), each account's answer by L-BFGS-B with its exact slope "
            "inside, then rescale and clip; and consensus: each account near its share of the message, "
            "then an exchange step; from nothing. Under scenarios the answers to a price jump, so that "
            "the residual does not vanish and rescaling decides."
        ),
        sizes=(4, 40, 400),
        case=_paper,
        contenders=_ascended,
        against=(PUBLISHED,),
    ),
)


SPECS = (
    *(
        model_spec(name)
        for name in catalog.names()
        if adl.load(name).objective.lower_bound_objective() is None
    ),
    *BUILDER,
    *frontiers.specs(_paper),
    *scale.SCALE,
)

_COLD = {"spec": "builder, cold", "size": 4, "at_most": 1.0, "aim": 0.25}
_AGAIN = {"spec": "builder, re-solve", "size": 4, "at_most": 1.0}
HEADLINES = (
    Headline(
        text="linear program over analytic policy",
        spec="model expected_loss",
        size=1_000,
        contender="conic",
        against=CLOSED_FORM,
    ),
    Headline(text="cold, each as it comes", contender=AUTO, against=PLAIN, **_COLD),
    Headline(text="cold, conic over CVXPY as it comes", contender=CONIC, against=PLAIN, **_COLD),
    Headline(text="cold, conic, both through HiGHS", contender=CONIC, against=PLAIN_HIGHS, **_COLD),
    Headline(text="re-solve, each as it comes", contender=AUTO, against=PLAIN, **_AGAIN),
    Headline(text="re-solve, conic over CVXPY as it comes", contender=CONIC, against=PLAIN, **_AGAIN),
    Headline(text="re-solve, conic, both through HiGHS", contender=CONIC, against=PLAIN_HIGHS, **_AGAIN),
    Headline(
        text="re-solve, conic, beyond the solver's own time",
        contender=CONIC,
        against=None,
        **_AGAIN | {"at_most": 10.0},
    ),
    *scale.HEADLINES,
    *frontiers.HEADLINES,
    Headline(
        text="adl_opt over the published dual ascent",
        spec="published approach",
        size=4,
        contender=AUTO,
        against=PUBLISHED,
    ),
    Headline(
        text="adl_opt over the published consensus method",
        spec="published approach",
        size=4,
        contender=AUTO,
        against=CONSENSUS,
    ),
)
