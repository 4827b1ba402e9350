import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="The water level")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # The water level
    A trader who was long BTC is bankrupt. The exchange must close his position, and nobody buys it. So it
    closes shorts of solvent traders against it, at the mark price: *auto-deleveraging* (ADL). Which shorts,
    and how much of each?

    ## Intentions
    At the end you will know which shorts to close so that the exchange expects to lose least, and why this
    needs no model of prices; and how to read the proof that comes with the answer: objective, bound, gap,
    clearing error.
    """)
    return


@app.cell
def _():
    import marimo as mo
    import pandas as pd
    from matplotlib.figure import Figure

    import adl_opt as adl

    return Figure, adl, mo, pd


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Mathematics
    Account $i$ is short $q_i$ BTC and has equity $E_i$ (USD). The price is $p$ (USD per BTC). Its *leverage*
    is $l_i = p q_i / E_i$ (x of equity). The exchange closes $x_i$ BTC of it, $Q$ BTC in all. Then the price
    moves by the fraction $R$. What an account loses beyond its equity, the exchange pays:

    $$\min_x \mathbb{E}\sum_i \bigl(R p (q_i-x_i)-E_i\bigr)_+
    \quad\text{subject to}\quad \sum_i x_i=Q,\qquad 0\le x_i\le q_i .$$

    **Theorem 1** (Campbell, Hey, Moallemi, Nutz 2026, arXiv 2603.15963). Close so that $p (q_i-x_i)=\min(p
    q_i, \eta E_i)$ for all $i$, with the *water level* $\eta$ such that $\sum_i x_i=Q$: everyone above the
    level is brought down to it, nobody else is touched. This is optimal for every law of $R$; for no single
    $R$ does another allocation lose less.

    **Idea of the proof.** For one $R$, account $i$ costs $E_i \varphi(l_i)$ with $\varphi(l)=(R l-1)_+$
    convex: closing one more BTC saves $p \varphi'(l_i)$, no less at a higher leverage. At the level all
    reduced accounts save the same and the others at most as much, so moving a closed BTC to another account
    never pays.

    ## Book
    A book is a table, one row a position; shorts are negative. Ten accounts, all made up, are short 50 BTC
    together. Price in USD per BTC, position in BTC, equity in USD, leverage in x of equity:
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
    shorts.assign(leverage=book.leverage.to_numpy())
    return book, shorts


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Model
    20 BTC of shorts must be closed. The price is lognormal without drift: volatility 60 % a year, horizon 10
    days. The model is one sentence: *an objective, an event, a law*. Nothing is solved yet.
    """)
    return


@app.cell
def _(adl, book):
    event = adl.Event(book, short={"BTC": 20.0})
    law = adl.LogNormal({"BTC": 0.6}, correlation=None, horizon=10 / 365)
    problem = adl.Problem(adl.ExpectedLoss(), event, law)
    problem
    return event, law, problem


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Solve
    **By hand.** Eight accounts are above the level. They are short 37 BTC, 1,850,000 USD, on 218,000 USD of
    equity. 20 BTC, 1,000,000 USD, are closed. So $\eta=(1{,}850{,}000-1{,}000{,}000)/218{,}000=3.899$ x of
    equity.

    **By machine**, twice: the closed form is Theorem 1; the linear program knows nothing of it, only ten
    price moves with probabilities (Gauss–Hermite) for the law. Amounts in BTC, signed like the position;
    leverage in x of equity:
    """)
    return


@app.cell
def _(adl, event, law, problem):
    exact = problem.solve(method="closed-form")
    moves = law.quadrature(10)
    linear = adl.Problem(adl.ExpectedLoss(), event, moves).solve(method="conic")
    exact.to_frame().drop(columns="asset").set_index("account").assign(
        closed_by_linear_program=linear.closed_by_leg
    ).round(3)
    return exact, linear, moves


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Certificate
    No answer has to be believed. Each carries a certificate, recomputed from its numbers; no solver is
    trusted:

    - **objective**: its cost (USD). **bound**: no allocation costs less (USD). **clearing error**: missing
      BTC.
    - **gap**: (objective − bound) / objective, a fraction (or / what rounding explains, where that is all
      there is).
    - **status**: `certified` if it clears and the gap is at most 0.000001; `negligible` or `uncertified` if
      it clears, but the gap is open, by less or more than a millionth of pro rata's cost; `infeasible` if it
      does not clear or closes more of a position than there is.

    Theorem 1 in numbers: the *same* water level is certified under four laws. The linear program costs as
    little under its ten moves, although it closes other amounts: between two kinks $1/R$ the loss is linear
    in the leverage, and it does not matter who is closed. Under another law it is worse. Last, two bad
    allocations.
    """)
    return


@app.cell
def _(adl, event, exact, law, linear, moves, pd):
    lines = {
        "water level: lognormal, volatility 60 % a year": (law, exact),
        "water level: ten moves": (moves, exact),
        "water level: Student t, 3 degrees of freedom, scale 7 %": (adl.StudentT(0.07**2, dof=3), exact),
        "water level: four moves, −20, 5, 10 and 30 %": (adl.Scenarios([-0.2, 0.05, 0.1, 0.3]), exact),
        "linear program: ten moves": (moves, linear),
        "linear program: lognormal": (law, linear),
        "everyone closes 40 %: lognormal": (law, adl.pro_rata(event)),
        "Hana is forgotten: lognormal": (law, exact.to_frame().query("account != 'Hana'")),
    }
    proofs = {name: vars(adl.certify(adl.ExpectedLoss(), event, *line)) for name, line in lines.items()}
    certificates = (
        pd.DataFrame(proofs).T[["status", "value", "bound", "gap", "clearing_error"]].infer_objects()
    )
    certificates.columns = ["status", "value (USD)", "bound (USD)", "gap (fraction)", "clearing error (BTC)"]
    certificates.round(4)
    return (certificates,)


@app.cell(hide_code=True)
def _(mo):
    share = mo.ui.slider(
        0.05, 0.95, 0.05, value=0.4, label="requirement (fraction of the 50 BTC)", show_value=True
    )
    mo.md(f"""
    ## Picture
    Move the requirement: who is reduced first, and who last? {share}

    The second picture shows why it is *water*: an account is as wide as its equity and as high as its
    leverage, so that its area is its position (USD). Closing skims the top.
    """)
    return (share,)


@app.cell
def _(event, problem, share):
    moved = problem.solve(short={"BTC": share.value * event.capacity["BTC"]})
    moved.plot()
    return (moved,)


@app.cell
def _(Figure, moved):
    rows = moved.by_account().sort_values("leverage_before", ascending=False)
    edges = [0, *rows["equity"].cumsum() / 1000]
    axes = Figure(figsize=(7.2, 4.2)).add_subplot(
        xlabel="equity (thousand USD)", ylabel="leverage (x of equity)"
    )
    axes.stairs(
        rows["leverage_before"],
        edges,
        fill=True,
        color="#e8a08c",
        label=f"{moved.amount.sum():.3g} BTC closed",
    )
    axes.stairs(rows["leverage_after"], edges, fill=True, color="#1f4e8c", label="left")
    axes.legend(frameon=False)
    axes.figure
    return


@app.cell(hide_code=True)
def _(adl, mo, pd, shorts):
    def ada_closes(position, equity):  # BTC and USD of each of her accounts
        own = shorts.iloc[[0] * len(equity)].assign(
            account=range(len(equity)), position=position, equity=equity
        )
        split = adl.Book.from_frame(pd.concat([own, shorts[1:]]))
        return adl.water_filling(adl.Event(split, short={"BTC": 20.0})).amount[: len(equity)].sum()

    one, halves, uneven = (
        ada_closes([-4], [8e3]),
        ada_closes([-2, -2], [4e3, 4e3]),
        ada_closes([-3.6, -0.4], [1e3, 7e3]),
    )
    mo.md(rf"""
    ## Exercise
    Ada splits her account (4 BTC short, 8,000 USD) in two. Does she close less with two equal halves? With
    3.6 BTC on 1,000 USD in one account and 0.4 BTC on 7,000 USD in the other?

    /// details | Solution
    No. One account closes {one:.3f} BTC. Two halves close {halves:.3f} BTC together: both have her leverage.
    The uneven pair closes {uneven:.3f} BTC, more: equity in an account below the level no longer protects the
    other account.
    ///
    """)
    return halves, one, uneven


if __name__ == "__main__":
    app.run()
