"""The Pareto frontier between expected loss and the highest leverage, twenty points: ours, and as a CVXPY
user writes it, a limit on one that is a cp.Parameter and twenty answers.
"""

import cvxpy as cp
import numpy as np

import adl_opt as adl

from .kinds import Headline, Spec
from .verbs import Answer, Case, Contender, dense, required

POINTS, OURS, BY_HAND = 20, "adl.frontier", "twenty limits, hand-written"


def frontier(case: Case) -> Contender:
    """The frontier from nothing: stated, compiled, solved, every point proved; the worst gap is said."""

    def run(k: int) -> Answer:
        problem = case.problem(k)
        table = adl.frontier(problem, adl.MaxLeverage(), POINTS)
        proved = int((table["status"] == "certified").sum())
        return Answer(
            amount=None, says=f"{proved} of {len(table)} certified, worst gap {table['gap'].max():.0e}"
        )

    return Contender(name=OURS, run=run, ours=False)


def limits(case: Case) -> Contender:
    """The least loss below each of twenty limits on the highest leverage, through HiGHS; not proved."""
    data, event = dense(case), case.event(0)
    book = event.book
    ends = adl.frontier(adl.Problem(case.objective, event, case.law), adl.MaxLeverage(), 2)["MaxLeverage"]
    notional = book.per_account(np.abs(book.position) * book.price[book.asset])
    price = (book.price[book.asset])[data.leg]

    def run(k: int) -> Answer:
        x, most = cp.Variable(len(data.most)), cp.Parameter(nonneg=True)
        loss = cp.sum(cp.pos(data.base - cp.outer(x, data.move)) @ data.weight)
        leverage = cp.max(cp.multiply(notional - cp.multiply(price, x), 1 / book.equity))
        rules = [cp.sum(x) == required(case.event(k)), x >= 0, x <= data.most, leverage <= most]
        problem = cp.Problem(cp.Minimize(loss), rules)
        statuses = []
        for most.value in np.linspace(ends.iloc[0], ends.iloc[-1] * (1 + 1e-6), POINTS):
            problem.solve(solver=cp.HIGHS)
            statuses.append(problem.status)
        return Answer(amount=None, says=f"{statuses.count('optimal')} of {POINTS} {cp.OPTIMAL}")

    return Contender(name=BY_HAND, run=run, ours=False)


def specs(case) -> tuple[Spec, ...]:
    return (
        Spec(
            name="frontier",
            question=(
                f"{POINTS} points between expected loss and the highest leverage, the paper's example (and "
                "forty accounts like them) with its 400 scenarios, from nothing; the gaps are those of the "
                "frontier's own table."
            ),
            sizes=(4, 40),
            case=case,
            contenders=lambda one: (frontier(one), limits(one)),
            against=(BY_HAND,),
        ),
    )


HEADLINES = (
    Headline(text="a frontier over limits by hand", spec="frontier", size=4, contender=OURS, against=BY_HAND),
)
