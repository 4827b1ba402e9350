import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Your question")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Your question
    *To play with it: `marimo edit notebooks/07_your_question.py`; a slider below moves a limit.*

    You have an objective of your own, a condition that the allocation must hold, and a formula that you
    believe in. What does the condition cost, what does one aim cost in another, and is the formula right?

    ## Intentions
    At the end you will have stated an objective and a constraint in ten lines, read what a limit costs, seen
    a frontier of which every point is proved, and a plausible rule refuted by a book of two accounts.
    """)
    return


@app.cell
def _():
    import cvxpy as cp
    import marimo as mo
    import numpy as np

    import adl_opt as adl
    from adl_opt import plots

    return adl, cp, mo, np, plots


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## An objective of your own
    Said twice, in CVXPY and in numpy; the two are compared after every solve. Here: nobody bears it alone,
    $\sum_j f_j^2$ over the fractions closed $f_j$. The book is the paper's: four accounts, of which 10 BTC of
    shorts are closed.
    """)
    return


@app.cell
def _(adl, cp, np):
    class Shared(adl.Objective):
        money = 0  # a pure number

        def express(self, m):
            return cp.sum_squares(m.fraction)

        def value(self, m):
            return float(np.sum(m.fraction**2))

    event = adl.examples.paper()
    law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(10)
    return Shared, event, law


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A condition of your own
    Said twice too: `express` gives CVXPY constraints, `violation` a pure number, 0 where it holds. Nobody may
    end with a net notional above 4.5 x of equity; and A and C, one desk, bear a share at most. Move it:
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    share = mo.ui.slider(0.72, 1.0, 0.02, value=0.8)
    mo.md(f"Most of the closing that A and C bear: {share}")
    return (share,)


@app.cell
def _(Shared, adl, cp, event, law, np, share):
    class NetAtMost(adl.Constraint):
        def __init__(self, most):
            self.most = most  # x of equity

        def express(self, m):
            return cp.abs(cp.sum(m.exposure, axis=1)) <= self.most * m.equity

        def violation(self, m):
            net = np.abs(m.exposure.sum(axis=1)) / m.equity
            return max(0.0, float((net / self.most - 1).max()))

    limits = [NetAtMost(4.5), adl.GroupShare({"desk": ["A", "C"]}, share.value)]
    problem = adl.Problem(adl.ExpectedLoss() + 1000 * Shared(), event, law, subject_to=limits)
    held = problem.solve()
    held
    return held, limits, problem


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    What one more unit of each limit would save: of the desk's share per 1, that is per 100 %:
    """)
    return


@app.cell
def _(held):
    held.constraint_prices.round(2).reset_index()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    What no allocation holds is said, with the limits that conflict and the least that is possible, proved by
    their multipliers:
    """)
    return


@app.cell
def _(adl, event, law, mo):
    try:
        adl.Problem(adl.ExpectedLoss(), event, law, subject_to=[adl.LeverageAtMost(3)]).solve()
    except adl.InfeasibleError as error:
        impossible = str(error)
    mo.plain_text(impossible)
    return (impossible,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What one aim costs in another
    Expected loss against the highest leverage: of every point it is proved that none is lower in both.
    """)
    return


@app.cell
def _(adl, event, law, plots):
    table = adl.frontier(adl.Problem(adl.ExpectedLoss(), event, law), adl.MaxLeverage(), points=12)
    plots.frontier(table)
    return (table,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A conjecture
    "Close in proportion to equity times leverage squared: the risky ones first, everyone a little." Is its
    highest leverage never above pro rata's? Ask for the smallest book that says no.
    """)
    return


@app.cell
def _(adl, np):
    def risky_first(event):
        """Weights equity x leverage^2, filled up to what each position has."""
        weight = event.book.notional**2 / event.book.equity[event.book.account] * event.closable
        amount = np.zeros(len(weight))
        for k in np.flatnonzero(event.side):
            legs, left = event.closable_legs[k], float(event.required[k])
            while left > 1e-12 * event.required[k]:
                room = legs[amount[legs] < event.size[legs] * (1 - 1e-12)]
                part = np.minimum(left * weight[room] / weight[room].sum(), event.size[room] - amount[room])
                amount[room] += part
                left -= part.sum()
        return amount

    found = adl.refute(risky_first, adl.MaxLeverage(), never_worse_than="pro_rata", events="isolated")
    found.to_frame()  # Book.from_frame reads it
    return found, risky_first


@app.cell(hide_code=True)
def _(adl, event, law, mo):
    desk = adl.GroupShare({"desk": ["A", "C"]}, 0.8)
    free, held_too = (
        adl.Problem(adl.CVaR(0.99), event, law, subject_to=limits_of).solve() for limits_of in ([], [desk])
    )
    cost = held_too.certificate.value - free.certificate.value
    mo.md(rf"""
    ## Exercise
    How much CVaR at 99 % does the desk's limit of 80 % cost? Is its price the slope of that cost?

    /// details | Solution
    `adl.Problem(adl.CVaR(0.99), event, law, subject_to=[desk]).solve()`: {cost:,.0f} more. The price,
    {held_too.constraint_prices.iloc[0]:,.0f} per 100 %, is the slope at 80 %: the cost is convex.
    ///
    """)
    return cost, desk


if __name__ == "__main__":
    app.run()
