"""What is measured as books grow: from ten accounts to a million, scenarios by the thousand, the tail, and
whether `auto` chooses well.
"""

from collections.abc import Callable

import numpy as np

import adl_opt as adl

from . import theirs, verbs
from .kinds import Headline, Spec
from .verbs import Case, Contender

LARGE = 10_000  # accounts from which peak memory is measured, in a process of its own
TWENTY = tuple(int(n) for n in np.round(np.geomspace(10, 1_000, 20)))
NAIVE, NAIVE_CLARABEL, SPARSE = "hand-written, HiGHS", "hand-written, Clarabel", "by an expert, HiGHS"
_DEVIATION = np.array([0.05, 0.065, 0.09])


def correlated(deviation: np.ndarray) -> np.ndarray:
    return np.outer(deviation, deviation) * (0.3 * np.eye(len(deviation)) + 0.7)


def _made(
    law: Callable[[adl.Book], adl.Law], objective: adl.Objective | None = None
) -> Callable[[int], Case]:
    """A made-up book of three assets; thirty per cent of the shorts of two of them are closed."""

    def case(size: int) -> Case:
        book = adl.examples.book(size, assets=3, legs=3, seed=1)
        event = adl.Event(book, short=dict.fromkeys(book.assets[:2], "30%"))
        return Case(objective=objective or adl.ExpectedLoss(), events=(event,), law=law(book))

    return case


def _normal(book: adl.Book) -> adl.Law:
    return adl.Gaussian(correlated(_DEVIATION))


def _drawn(count: int) -> Callable[[adl.Book], adl.Law]:
    return lambda book: adl.StudentT(correlated(_DEVIATION), dof=3).sample(count, seed=1)


def _large(book: adl.Book) -> adl.Law:
    """Two thousand scenarios for two thousand accounts, five hundred below."""
    return _drawn(2_000 if len(book.accounts) > 1_000 else 500)(book)


def _october(size: int) -> Case:
    """As many accounts and assets as on 10 October 2025: one market factor, 162 assets, a requirement in
    twenty.
    """
    book = adl.examples.book(size, assets=162, legs=3, seed=1)
    rng, held = np.random.default_rng(1), len(book.assets)
    law = adl.Gaussian(
        adl.FactorModel(rng.uniform(0.04, 0.12, (held, 1)), rng.uniform(0.02, 0.08, held) ** 2)
    )
    return Case(
        objective=adl.ExpectedLoss(),
        events=(adl.Event(book, short=dict.fromkeys(book.assets[:20], "30%")),),
        law=law,
    )


def _hedged(size: int) -> Case:
    """Everyone holds two positions of about twelve times his equity each, so that two rows in five can be
    positive.
    """
    import pandas as pd

    rng = np.random.default_rng(2)
    equity = 10 ** rng.uniform(2, 5, size)
    first = -rng.lognormal(np.log(12), 0.5, size) * equity
    second = rng.lognormal(np.log(12), 0.5, size) * equity * rng.choice([1, -1], size)
    columns = {
        "account": np.repeat([f"a{i}" for i in range(size)], 2),
        "asset": ["X", "Y"] * size,
        "price": 1.0,
    }
    frame = pd.DataFrame(
        {**columns, "position": np.c_[first, second].ravel(), "equity": np.repeat(equity, 2)}
    )
    event = adl.Event(adl.Book.from_frame(frame), short={"X": "40%", "Y": "40%"})
    law = adl.LogNormal([0.15, 0.15], 0.3, 1.0).sample(1_000, seed=1)
    case = Case(objective=adl.ExpectedLoss(), events=(event,), law=law)
    return Case(
        objective=case.objective,
        events=case.events,
        law=law,
        note=f"{possible(case):.0%} of the rows can be positive",
    )


def possible(case: Case) -> float:
    """The share of accounts x scenarios in which some allocation leaves a loss."""
    event, law = case.event(0), case.law
    assert isinstance(law, adl.Scenarios)
    book = event.book
    lost = -book.notional[:, None] * law.align(book.assets).moves.T[book.asset]
    most = np.add.reduceat(np.where(event.closable[:, None], np.maximum(lost, 0.0), lost), book.start, axis=0)
    return float((most > book.equity[:, None]).mean())


def _isolated(size: int) -> Case:
    case = verbs.isolated_case(size)
    return Case(objective=case.objective, events=case.events, law=None)


def _ours(most: int) -> Callable[[Case], tuple[Contender, ...]]:
    """auto, separable, conic up to `most` accounts."""

    def contenders(case: Case) -> tuple[Contender, ...]:
        skip = "" if case.accounts <= most else f"{case.accounts:,} accounts"
        return (
            verbs.cold(case, "auto", "auto"),
            verbs.cold(case, "separable"),
            verbs.cold(case, "conic", skip=skip),
        )

    return contenders


def _growth(case: Case) -> tuple[Contender, ...]:
    skip = "" if case.accounts <= 2_000 else f"{case.accounts:,} accounts"
    return (verbs.cold(case, "separable"), verbs.cold(case, "conic", skip=skip), verbs.certified(case))


def _tail(case: Case) -> tuple[Contender, ...]:
    skip = "" if case.accounts <= 200 else f"{case.accounts:,} accounts"
    return (
        verbs.cold(case, "auto", "auto"),
        verbs.cold(case, "separable"),
        verbs.cold(case, "conic"),
        theirs.handwritten(case, "CLARABEL", NAIVE_CLARABEL, 0.95, skip),
    )


SCALE = (
    Spec(
        name="scale, normal law",
        question=(
            "From ten accounts to a million: Gaussian moves, up to three positions an account, a "
            "requirement in two assets. Separable: accounts answering prices. Conic: second-order-cone "
            "cuts refined until they certify (up to 25 rounds, then Newton's model). Certify: the proof "
            "alone."
        ),
        sizes=(10, 200, 2_000, 10_000, 100_000, 1_000_000),
        case=_made(_normal),
        contenders=_growth,
        against=("separable",),
        memory=("separable",),
    ),
    Spec(
        name="scale, 10 October 2025",
        question=(
            "437,723 accounts, 162 assets, about three positions an account, the covariance of one "
            "factor, a requirement in twenty assets."
        ),
        sizes=(437_723,),
        case=_october,
        contenders=lambda case: (verbs.cold(case, "separable"),),
        against=("separable",),
        memory=("separable",),
    ),
    Spec(
        name="scale, scenarios",
        question=(
            "A thousand draws of a Student t with three degrees of freedom: the rows of the linear "
            "program eliminated account by account, against HiGHS. Build: CVXPY's compilation alone."
        ),
        sizes=(20, 200, 2_000),
        case=_made(_drawn(1_000)),
        contenders=lambda case: (
            *_ours(200)(case),
            verbs.built(case, skip="" if case.accounts <= 200 else f"{case.accounts:,} accounts"),
        ),
        against=("separable",),
    ),
    Spec(
        name="scale, forty million rows",
        question=("The same with 2,000 draws for 20,000 accounts."),
        sizes=(20_000,),
        case=_made(_drawn(2_000)),
        contenders=lambda case: (verbs.cold(case, "separable"),),
        against=("separable",),
        memory=("separable",),
    ),
    Spec(
        name="scale, scenarios by hand",
        question=(
            "Two assets, a thousand scenarios: the linear program as a CVXPY user writes it, through "
            "HiGHS, and as an expert writes it with one sparse matrix, against ours. (Without bounds on "
            "its variable CVXPY 1.9.3 calls this program infeasible: THEORY 8.5.)"
        ),
        sizes=(500,),
        case=_hedged,
        contenders=lambda case: (
            *_ours(500)(case),
            theirs.handwritten(case, "HIGHS", NAIVE),
            theirs.sparse(case, "HIGHS", SPARSE),
        ),
        against=(NAIVE,),
    ),
    Spec(
        name="scale, CVaR of the total",
        question=(
            "CVaR at 0.95, 500 scenarios for 200 accounts and 2,000 for 2,000: the scenarios of the tail "
            "with their weights, eliminated, against HiGHS and against the program as a CVXPY user writes "
            "it, through Clarabel."
        ),
        sizes=(200, 2_000),
        case=_made(_large, adl.CVaR(0.95)),
        contenders=_tail,
        against=("auto",),
    ),
    Spec(
        name="auto, normal law",
        question=(
            "Does `auto` choose the fastest method that certifies? Twenty sizes over two decades, "
            "Gaussian moves."
        ),
        sizes=TWENTY,
        case=_made(_normal),
        contenders=_ours(1_000),
        against=("auto",),
        seconds=1.0,
    ),
    Spec(
        name="auto, scenarios",
        question=("The same under 256 scenarios."),
        sizes=TWENTY,
        case=_made(_drawn(256)),
        contenders=_ours(1_000),
        against=("auto",),
        seconds=1.0,
    ),
    Spec(
        name="isolated margin",
        question=(
            "Water-filling with its certificate, and the certificate alone, from ten accounts to a million."
        ),
        sizes=(10, 100, 1_000, 10_000, 100_000, 1_000_000),
        case=_isolated,
        contenders=lambda case: (
            verbs.closed_form(case, adl.water_filling),
            verbs.certified(case, "closed-form"),
        ),
        against=("closed form",),
        seconds=3.0,
        memory=("closed form",),
    ),
    Spec(
        name="water-filling",
        question=(
            "Level and closed sizes in a few passes over memory, and the sum exact, against one dot "
            "product of the same arrays."
        ),
        sizes=(10_000, 1_000_000, 10_000_000),
        case=verbs.isolated_case,
        contenders=lambda case: (verbs.dot(case), verbs.filled(case), verbs.exactly(case)),
        against=("one dot product",),
        seconds=3.0,
    ),
)

HEADLINES = (
    Headline(
        text="a million accounts over ten thousand, per account",
        spec="scale, normal law",
        size=1_000_000,
        contender="separable",
        against="separable",
        against_size=10_000,
        each=True,
        at_most=1.5,
    ),
    Headline(
        text="separable over cuts, normal law",
        spec="scale, normal law",
        size=2_000,
        contender="separable",
        against="conic",
        at_most=1 / 50,
    ),
    Headline(
        text="separable over cuts, normal law",
        spec="scale, normal law",
        size=200,
        contender="separable",
        against="conic",
        at_most=1.0,
    ),
    Headline(
        text="two assets, a thousand scenarios, over CVXPY by hand with HiGHS",
        spec="scale, scenarios by hand",
        size=500,
        contender="separable",
        against=NAIVE,
        at_most=1 / 50,
    ),
    Headline(
        text="the same over one sparse matrix by an expert",
        spec="scale, scenarios by hand",
        size=500,
        contender="separable",
        against=SPARSE,
    ),
    Headline(
        text="CVaR: 2,000 x 2,000 over CVXPY by hand with Clarabel at 200 x 500",
        spec="scale, CVaR of the total",
        size=2_000,
        contender="auto",
        against=NAIVE_CLARABEL,
        against_size=200,
        at_most=1.0,
    ),
    Headline(
        text="auto over the fastest that certifies, worst of 20 sizes, normal law",
        spec="auto, normal law",
        size=TWENTY[-1],
        contender="auto",
        against="fastest",
        worst=True,
        at_most=1.5,
    ),
    Headline(
        text="auto over the fastest that certifies, worst of 20 sizes, scenarios",
        spec="auto, scenarios",
        size=TWENTY[-1],
        contender="auto",
        against="fastest",
        worst=True,
        at_most=1.5,
    ),
    Headline(
        text="water-filling, level and sizes, over a dot product",
        spec="water-filling",
        size=10_000_000,
        contender="level and sizes",
        against="one dot product",
        at_most=25.0,
    ),
)
