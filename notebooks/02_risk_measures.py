import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Risk measures")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Risk measures
    The water level (notebook 01) is optimal for the *expected* loss of the exchange. But an exchange fears
    the bad days, not the average one. Does another measure of risk close other positions?

    ## Intentions
    At the end you will know why every monotone risk measure agrees with the water level; how much freedom
    conditional value at risk (CVaR) leaves besides: a *cutoff leverage*; which popular measure disagrees, and
    why; and how to state your own in ten lines.
    """)
    return


@app.cell
def _():
    import cvxpy as cp
    import marimo as mo
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    import adl_opt as adl

    return Figure, adl, cp, mo, np, pd


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Mathematics
    Account $i$ is short $q_i$ BTC with equity $E_i$ (USD); $x_i$ BTC are closed, $Q$ in all; the price $p$
    moves by the fraction $R$. The exchange loses $L=\sum_i (R p (q_i-x_i)-E_i)_+$ (USD). A risk measure
    $\rho(L)$ is *monotone* if more loss is never less risk.

    **Theorem 1** (Campbell, Hey, Moallemi, Nutz 2026). For *every* price move $R$ no allocation loses less
    than the water level. So every monotone $\rho$ is least there: no law of $R$ is needed, no convexity,
    nothing else.

    **CVaR** of level $\alpha$ is the mean of the worst $1-\alpha$ of losses. Let $r_\alpha$ be the smallest
    move among the worst. An account of leverage *above* $l_c=1/r_\alpha$ loses in all of them, and one
    contract costs the same in each such account: it does not matter whose is closed.

    **Cutoff theorem.** Let $c_i=(q_i-l_c E_i/p)_+$ be the position above the cutoff. If $\sum_i c_i\ge Q$,
    then $x$ is CVaR-optimal exactly if $0\le x_i\le c_i$ for all $i$: never touch what lies below the cutoff;
    above it anything goes.

    ## Book
    Ten accounts are short 50 BTC together. Position in BTC, price in USD per BTC, equity in USD, leverage in
    x of equity:
    """)
    return


@app.cell
def _(adl, pd):
    shorts = pd.DataFrame(
        {"account": ["Ada", "Ben", "Cem", "Dora", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun"]}
    )
    shorts["asset"], shorts["price"] = "BTC", 50_000.0  # USD per BTC
    shorts["position"] = [-4.0, -2, -8, -6, -4, -6, -5, -2, -12, -1]  # BTC
    shorts["equity"] = [8e3, 5e3, 25e3, 30e3, 25e3, 50e3, 50e3, 25e3, 200e3, 50e3]  # USD
    book = adl.Book.from_frame(shorts)
    event = adl.Event(book, short={"BTC": 10.0})
    shorts.assign(leverage=book.leverage.to_numpy())
    return book, event


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Model
    10 BTC of shorts must be closed. The price moves by 500 equally likely draws of a Student t, three degrees
    of freedom, scale 8 %.
    """)
    return


@app.cell
def _(adl, event):
    law = adl.StudentT(0.08**2, dof=3).sample(500, seed=1)
    problem = adl.Problem(adl.CVaR(0.95), event, law)
    problem
    return law, problem


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Solve
    Seven measures, each minimised by a solver that knows no theorem, and evaluated at the water level (USD).
    They differ by orders of magnitude; all are least at the water level. Last, how many BTC an optimum may
    shift: hardly any, unless the measure looks at few moves.
    """)
    return


@app.cell
def _(adl, event, law, pd):
    measures = [
        adl.ExpectedLoss(),
        adl.CVaR(0.95),
        adl.Spectral((0.1, 0.2, 0.7)),
        adl.Entropic(1e-5),
        adl.Expectile(0.9),
    ]
    lines = []
    for measure in [*measures, adl.MeanSemideviation(0.5), adl.WorstCase()]:
        solved = adl.Problem(measure, event, law).solve(method="conic")
        levelled = adl.certify(measure, event, law, adl.water_filling(event)).value
        free = adl.optimal_range(adl.Problem(measure, event, law)).eval("least - most").max()
        lines.append([str(measure), solved.certificate.value, levelled, solved.certificate.status, free])
    pd.DataFrame(
        lines, columns=["measure", "by a solver (USD)", "at the water level (USD)", "status", "free (BTC)"]
    ).round(2)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Certificate
    A bound on a risk measure comes from its *worst case*: $\rho(L)=\max_w \sum_s w_s L_s-\text{penalty}(w)$
    over scenario weights $w$. For fixed weights that is an expected loss, bounded as in notebook 01. Under
    CVaR the weights lie on the worst moves only:
    """)
    return


@app.cell
def _(event, law, np, pd, problem):
    best = problem.solve()
    loss = np.maximum(law.moves * 50_000 * (event.size - best.amount) - event.book.equity, 0).sum(1)
    weights = problem.objective.worst_weights(loss, law.probability)
    worst = np.argsort(-law.moves[:, 0])[[0, 1, 2, 10, 24, 25, 26]]
    tail = {
        "move (fraction)": law.moves[worst, 0],
        "loss (USD)": loss[worst],
        "worst-case weight": weights[worst],
    }
    pd.DataFrame(tail).assign(status=best.certificate.status, gap=round(best.certificate.gap, 9)).round(4)
    return


@app.cell(hide_code=True)
def _(mo):
    level = mo.ui.slider(0.91, 0.99, 0.01, value=0.95, label="level of CVaR (fraction)", show_value=True)
    mo.md(f"""
    ## Picture
    The cutoff drawn: what lies above the line suffices, and may be closed in any way that adds up; what lies
    below must stay. {level}
    """)
    return (level,)


@app.cell
def _(Figure, adl, book, event, law, level, np):
    found = adl.optimal_range(adl.Problem(adl.CVaR(level.value), event, law))
    cutoff = 1 / np.sort(law.moves[:, 0])[round(level.value * 500)]  # x of equity
    ends = [(event.size + found[end].to_numpy()) * 50_000 / book.equity for end in ("least", "most")]
    axes = Figure(figsize=(7.2, 4.2)).add_subplot(ylabel="leverage (x of equity)", yscale="log")
    axes.bar(book.accounts, book.leverage, color="#b8c4d6")
    axes.vlines(
        range(10), ends[1], ends[0], color="#1f4e8c", linewidth=4, label="what may be left at an optimum"
    )
    axes.axhline(cutoff, color="#c8442b", label=f"cutoff {cutoff:.3g} x")
    axes.legend(frameon=False)
    axes.figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Your own
    Ten lines: the measure in CVXPY and in numpy, compared with each other after every solve. The root mean
    square of the loss is monotone, so Theorem 1 holds for it too.
    """)
    return


@app.cell
def _(adl, cp, event, law, np, pd):
    class RootMeanSquare(adl.RiskMeasure):
        """The square root of E L^2 (USD)."""

        def express(self, m):
            return cp.norm(cp.multiply(np.sqrt(m.probability), m.loss))

        def of(self, loss, probability):
            return float(np.sqrt(probability @ loss**2))

    mine = adl.Problem(RootMeanSquare(), event, law)
    proofs = {how: mine.solve(method=how).certificate for how in ("conic", "closed-form")}
    pd.DataFrame(
        {how: [c.status, f"{c.value:.2f} USD"] for how, c in proofs.items()}, index=["status", "value"]
    )
    return


@app.cell(hide_code=True)
def _(adl, mo):
    pair = adl.examples.shorts([3, 3], [1, 1], 3.0)  # two equal accounts
    two = adl.Scenarios([0.5, 3.0])
    other = pair.book.to_frame()[["account", "asset"]].assign(closed=[-0.8, -2.2])
    values = [
        adl.certify(adl.MeanVariance(0.2), pair, two, how).value for how in (adl.water_filling(pair), other)
    ]
    mo.md(rf"""
    ## Exercise
    Two equal accounts, short 3 on equity 1 at price 1; 3 must be closed; $R$ is 0.5 or 3, equally likely.
    Compute $\mathbb E L+0.2\,\mathrm{{Var}}\,L$ for $x=(1.5, 1.5)$, the water level, and for $x=(0.8, 2.2)$.
    Which property does mean-variance lack?

    /// details | Solution
    {values[0]:.4f} and {values[1]:.4f}: the water level loses. At $R=0.5$ it loses 0 and the other one 0.1,
    at $R=3$ both lose 7. Losing *more* in the mild move brings the losses closer together: mean-variance is
    not monotone, so Theorem 1 says nothing about it.
    ///
    """)
    return


if __name__ == "__main__":
    app.run()
