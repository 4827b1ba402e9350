import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Cross margin")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Cross margin
    So far an account held one position. In cross margin its positions share one equity, and one may *hedge*
    another: then gross leverage no longer says who is in danger, and the water level (notebook 01) may close
    the wrong positions.

    ## Intentions
    At the end you will know what takes the place of the leverage: a *shadow price*, the same for every
    account that is reduced; why closing a hedge makes things worse; which leverage is levelled when one
    factor moves all prices; and how much a coarse quadrature can mislead.
    """)
    return


@app.cell
def _():
    import marimo as mo
    import numpy as np
    import pandas as pd

    import adl_opt as adl
    from adl_opt import plots

    return adl, mo, np, pd, plots


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Mathematics
    Account $i$ has equity $E_i$ (USD) and *exposures* $y_i$ (USD, one an asset, long positive): what is left
    of its positions, at their prices. Prices move by the fractions $R$. The exchange loses $L=\sum_i(-R\cdot
    y_i-E_i)_+$. Closing $x_{ik}$ contracts changes $y_{ik}$; $\sum_i x_{ik}=Q_k$ is required. The expected
    loss is a convex function of $x$, and at its minimum there is a price $\lambda_k$ for each required asset
    with

    $$\lambda_k\ \begin{cases}
    =\text{ what one more contract of account } i \text{ saves, where it is closed in part,}\\
    \ge\text{ what the first one would save, where it is spared,}\\ \le\text{ what the last one saved, where
    it is closed whole.}\end{cases}$$

    What a contract saves may be *negative*: then it hedges.

    ## Book
    The paper's four accounts (Campbell, Hey, Moallemi, Nutz 2026): all are short BTC. A and C are short ETH
    too, B and D long. Positions in coins, equity in USD, at 67,000 USD per BTC and 1,900 per ETH.
    """)
    return


@app.cell
def _(adl, pd):
    table = pd.DataFrame({"account": list("ABCD") * 2, "asset": ["BTC"] * 4 + ["ETH"] * 4})
    table["position"] = [-8.0, -10, -8, -7, -323, 38.7, -326.2, 190]  # coins
    table["price"] = [67_000.0] * 4 + [1_900.0] * 4  # USD per coin
    table["equity"] = [242_100.0, 143_000, 180_704.8, 116_901] * 2  # USD
    event = adl.Event(adl.Book.from_frame(table), short={"BTC": 10.0})
    wide = table.pivot(index="account", columns="asset", values="position")
    wide.assign(equity=event.book.equity, gross_leverage=event.book.leverage.to_numpy().round(2))
    return (event,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Model
    10 BTC of shorts must be closed. Prices are lognormal over ten days, volatility 60 % (BTC) and 75 % (ETH)
    a year, correlation 0.85. Given the price of one coin the loss is a call or put on the other, so one
    integral is Black and Scholes's formula and the other a sum: exact to nine digits.
    """)
    return


@app.cell
def _(adl, event):
    exact = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, correlation=0.85, horizon=10 / 365)
    problem = adl.Problem(adl.ExpectedLoss(), event, exact)
    problem
    return exact, problem


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Solve
    Gross leverage would close D first: 7.1 x. The optimum spares it, because D's ETH hedges its BTC, and
    closes A and C. `explain` says why, account by account.
    """)
    return


@app.cell
def _(mo, problem):
    best = problem.solve()
    mo.plain_text("\n".join(best.explain(account) for account in "AD"))
    return (best,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Certificate
    For any prices $\lambda$ the least of $L+\lambda\cdot(\sum_i x_i-Q)$ over the boxes alone is a lower
    bound; at the shadow prices it meets the value. Two methods, which share nothing but the law, and two
    policies measured by the same bound (expected loss in USD):
    """)
    return


@app.cell
def _(adl, event, exact, pd, problem):
    methods = {f"optimum, {how}": problem.solve(method=how).certificate for how in ("separable", "conic")}
    policies = {"levelled gross leverage": adl.gross_water_filling(event), "pro rata": adl.pro_rata(event)}
    proofs = methods | {
        name: adl.certify(adl.ExpectedLoss(), event, exact, one) for name, one in policies.items()
    }
    columns = ["expected loss", "proved bound", "status"]
    pd.DataFrame(
        [[c.value, c.bound, c.status] for c in proofs.values()], index=list(proofs), columns=columns
    ).round(4)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Quadrature, and the exact law
    The paper replaces the law by 20 x 20 points. The loss then is piecewise linear and its optimum sits on a
    kink: it reports 2,213 USD, is really worth 2,197, and closes a little of B, which the exact optimum
    spares. Expected loss in USD, closed in BTC:
    """)
    return


@app.cell
def _(adl, best, event, exact, pd):
    solved = {
        f"{k} x {k} points": adl.Problem(adl.ExpectedLoss(), event, exact.quadrature(k)).solve()
        for k in (10, 20, 40)
    }
    solved["exact"] = best
    quadrature = pd.DataFrame(
        [a.amount[event.free] for a in solved.values()], index=list(solved), columns=list("ABCD")
    )
    quadrature.insert(0, "says", [a.certificate.value for a in solved.values()])
    really = [adl.certify(adl.ExpectedLoss(), event, exact, a).value for a in solved.values()]
    quadrature.insert(1, "really costs", really)
    quadrature.round(4)
    return (quadrature,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Picture
    The paper's figure: 230 requirements, from next to nothing to all 33 BTC, each solved again and certified.
    *Factor leverage* is $v\cdot y_i/E_i$, with $v$ the volatility of each coin relative to BTC. If **one
    factor** moved both coins, the water level would return, for factor leverage: accounts meet and stay
    together (Theorem 3). Under the exact law it is nearly so; the quadrature turns the curves into stairs.
    """)
    return


@app.cell
def _(adl, event, exact, np, plots):
    ratio, required = {"BTC": 1.0, "ETH": 1.25}, np.linspace(0, 33, 231)[1:]  # x of BTC's volatility, BTC
    one_factor = adl.OneFactor(ratio, adl.Gaussian((0.6**2) * 10 / 365).quadrature(200))
    laws = {"20 x 20 quadrature": exact.quadrature(20), "exact lognormal": exact, "one factor": one_factor}
    sentences = {name: adl.Problem(adl.ExpectedLoss(), event, law) for name, law in laws.items()}
    swept = {
        name: sentence.sweep(short={"BTC": required}, loading=ratio) for name, sentence in sentences.items()
    }
    plots.sweep(swept)
    return (swept,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Hedges
    Two accounts with the *same* gross leverage, 8 x; A's ETH hedges its BTC, B's doubles it. Levelling gross
    leverage takes half from each: A loses its hedge, and its volatility *rises*. The optimum closes B alone.
    (Volatility leverage: standard deviation of profit and loss over equity.)
    """)
    return


@app.cell
def _(adl, plots):
    hedge = adl.load("hedge_matters").problem()
    pictured = {
        "levelled gross leverage": adl.gross_water_filling(hedge.event),
        "least expected loss": hedge.solve(),
    }
    plots.policies(pictured, hedge.law)
    return


@app.cell(hide_code=True)
def _(adl, mo, pd):
    pair = pd.DataFrame(
        {"account": list("aab"), "asset": list("XYX"), "position": -4.0, "price": 1.0, "equity": 1.0}
    )
    two = adl.Event(adl.Book.from_frame(pair), short={"X": 2.0, "Y": 4.0})
    together, first = (
        adl.factor_water_filling(e, [1, 1]).amount[0] for e in (two, two.with_requirement(short={"X": 2.0}))
    )
    mo.md(rf"""
    ## Exercise
    One factor moves X and Y alike; account a is short 4 of each, b short 4 X, both on equity 1 at price 1.
    How much X does a close if 2 X are required? And if 2 X *and* 4 Y are? Which promise of the water level is
    broken?

    /// details | Solution
    {first:.0f}, then {together:.0f}. Closing its 4 Y brings a down to 4 x, level with b, so both give one X;
    without Y, a stands at 8 x and gives both. *More* is required and a closes *less* X: with several assets
    the water level is no longer monotone in the requirement, nor path independent.
    ///
    """)
    return


if __name__ == "__main__":
    app.run()
