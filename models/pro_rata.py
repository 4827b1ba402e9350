r"""Everyone closes the same fraction: what pro rata is the optimum of, and what it is not.

    minimize    sum_i p q_i f_i^2,   f_i = x_i / q_i   over   sum_i x_i = Q,  0 <= f_i <= 1

Strictly convex; at its minimum all f_i are equal. No equity occurs in it: that is why it is proof against
every split and merger, and why it leaves the highest leverage, and most of the loss, where they were. Source:
ours (KKT: 2 p q_i f_i = lambda q_i); the promises are those of THEORY 3, the least expected loss that of
Campbell et al. (2026), Thm 1.
"""

import cvxpy as cp
import numpy as np

import adl_opt as adl


class ClosedEvenly(adl.Objective):
    """sum_i notional_i fraction_i^2 (quote currency): the more evenly, the less."""

    def express(self, m):
        return (m.equity * m.leverage_before) @ cp.square(m.fraction)

    def value(self, m):
        return (m.equity * m.leverage_before) @ m.fraction**2

    def minorant(self, m, dual):
        slope = 2 * m.equity * m.leverage_before * m.fraction  # convex: its tangent lies below it
        return adl.Minorant(0.0, slope, slope)

    def closed_form(self, event, law):
        return adl.pro_rata(event).amount if event.book.isolated else None


PROMISES = adl.claims(
    ("split_and_merge_proof", "splitting an account anyhow, or merging two, changes nobody's total (of the "
     "requirement)", "THEORY 3", 1e-12, lambda model, start: abs(model.in_steps(start, 1.0) - model.split(
     start, start.size.argmax(), *adl.examples.rng_of(start).uniform(0.01, 0.99, 2))) / start.required[0]),
    ("path_independent", "half now and half later is the whole at once (of the requirement)", "THEORY 3",
     1e-12, lambda m, start: abs(m.in_steps(start, 0.5, 0.5) - m.in_steps(start, 1.0)) / start.required[0]),
    seeds=20,
)  # fmt: skip
FALSE = adl.claims(
    ("least_highest_leverage", "the highest leverage it leaves is the least possible (above it, of it)",
     "false: THEORY 3, n2", 1e-6, lambda model, start: np.divide(*(
     model.certify(start, rule(start), adl.MaxLeverage()).value
     for rule in (model.closed_form, adl.water_filling))) - 1),
    ("least_expected_loss", "its expected loss is the least possible (above it, of it)",
     "false: Thm 1 gives that to water-filling", 1e-6, lambda model, start: model.certify(start,
     model.closed_form(start), adl.ExpectedLoss(), adl.StudentT({"BTC": {"BTC": 0.08**2}}, dof=4)).gap),
    fails=True, seeds=[1],
)  # fmt: skip

MODEL = adl.Model(
    name="pro_rata",
    title="one fraction for all: proof against splits and mergers",
    source="ours; promises: THEORY 3",
    objective=ClosedEvenly(), law=None, closed_form=adl.pro_rata,
    event=adl.examples.random_shorts, sizes=(30, 1_000, 100_000),
    claims=(
        adl.methods_agree(),
        adl.value_by_hand("p sum x^2 / q", "definition")(
            lambda start, x: start.book.price[0] * (x**2 / np.maximum(start.size, 1e-300)).sum()),
        *PROMISES, *FALSE,
    ),
)  # fmt: skip
