import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Rules on trial")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Rules on trial
    Exchanges do not solve programs when accounts must be deleveraged: they *rank*. The highest score is
    closed whole, then the next, until enough is closed. People argue about which rule is right. Here the
    rules stand trial: what each costs is measured, what each promises is searched for a counterexample.

    ## Intentions
    At the end you will know what a ranking rule optimises; what it costs against the proved optimum; which
    promises it breaks, with the smallest book that shows it; and why water-filling, the limit of a queue that
    is ranked again and again, keeps nearly all of them.
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
    Account $i$ is short $q_i$ contracts (price $p$, entered at $e_i$) on equity $E_i$; its leverage is
    $l_i=p\,q_i/E_i$. BitMEX's score is $s_i=R_il_i$ with the return $R_i=(e_i-p)/e_i$ of a short (and
    $R_i/l_i$ if it is negative). A queue solves the knapsack

    $$\text{maximise}\ \sum_i s_i\,x_i\quad\text{over}\quad\sum_i x_i=Q,\ 0\le x_i\le q_i .$$

    The scores are those *before* closing: nothing in it notices that whoever is first soon has no leverage
    left.

    ## Book
    Two hundred made-up shorts of BTC, entered within a fifth of the mark (USD); a third of all contracts must
    be closed.
    """)
    return


@app.cell
def _(adl, np):
    rng = np.random.default_rng(1)
    start = adl.examples.random_shorts(200, 1)
    entry = 50_000 * rng.lognormal(0.05, 0.1, 200)  # USD
    event = adl.examples.shorts(start.size, start.book.equity, start.required[0], 50_000.0, entry_price=entry)
    law = adl.StudentT(0.08**2, dof=4)  # relative moves
    event.book.to_frame().head(4).round(3)
    return event, law


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Rules
    Each preset says where it is from, whether the text leaves anything open, and what was assumed. Profit
    term, leverage term, what becomes of losers, the price of closing, ties:
    """)
    return


@app.cell
def _(adl, pd):
    names = ["bitmex", "binance", "okx", "kucoin", "bluefin", "leverage_queue"]
    rules = {name: adl.policy(name) for name in names}
    fields = ["pnl", "leverage", "losers", "price", "sure"]
    pd.DataFrame(
        [[getattr(rule, field) for field in fields] for rule in rules.values()], index=names, columns=fields
    )
    return names, rules


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What they cost
    Excess over the *proved* least expected loss (USD) and over the least highest leverage (x of equity): not
    an estimate, the bound has a certificate. Beside it, who bears it.
    """)
    return


@app.cell
def _(adl, event, law, names, plots):
    table = adl.compare(event, law, ["water_filling", "pro_rata", *names])
    plots.comparison(table)
    return (table,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What they promise
    Fourteen promises, each an executable search over known and random books, shrunk to the smallest
    counterexample. *True*: none was found, which is no proof.
    """)
    return


@app.cell
def _(adl, mo, pd):
    judged = {
        name: adl.axioms.check(adl.policy(name))
        for name in ("water_filling", "pro_rata", "leverage_queue", "bitmex")
    }
    kept = pd.DataFrame({name: found.set_index("axiom")["holds"] for name, found in judged.items()})
    mo.Html(kept.to_html())  # all of them
    return (judged,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Some counterexamples, in words and numbers:
    """)
    return


@app.cell
def _(judged, mo):
    wanted = {
        "leverage_queue": ("path independence", "continuity"),
        "bitmex": ("wash trade",),
        "water_filling": ("merge",),
    }
    said = {
        (name, axiom): judged[name].set_index("axiom").loc[axiom, "counterexample"]
        for name, axioms in wanted.items()
        for axiom in axioms
    }
    mo.plain_text("\n\n".join(f"{name}, {axiom}:\n{text}" for (name, axiom), text in said.items()))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A queue that looks again
    Close a small lot, rank again, close the next. The leverage queue then *becomes* water-filling: the
    smaller the lot, the closer (largest difference in contracts, two accounts).
    """)
    return


@app.cell
def _(adl, np, pd):
    def re_ranked(lots):
        left, equity = np.array([10.0, 10.0]), [1.0, 1.25]
        for _ in range(lots):
            left = left - adl.policy("leverage_queue")(adl.examples.shorts(left, equity, 12.0 / lots)).amount
        return 10 - left

    goal = adl.water_filling(adl.examples.shorts([10.0, 10.0], [1.0, 1.25], 12.0)).amount
    pd.Series(
        {f"lots of {12 / lots:g}": np.abs(re_ranked(lots) - goal).max() for lots in (1, 10, 100, 1_000)},
        name="difference",
    ).round(4)
    return (goal,)


@app.cell(hide_code=True)
def _(adl, event, mo):
    tied = adl.policy("leverage_queue").tied(event)
    transfer = adl.burden(adl.policy("bitmex")(event), 52_000.0)["transfer"].sum()
    mo.md(rf"""
    ## Exercise
    The closing price is not the mark: at 52,000 instead of 50,000 USD, how much do the shorts that BitMEX's
    rule closes give up together, and does it change whom the rule closes? Does a tie decide anything for the
    leverage queue here?

    /// details | Solution
    `adl.burden(adl.policy("bitmex")(event), 52_000)["transfer"].sum()`: {transfer:,.0f} USD, 2,000 for each
    contract. It changes nobody's size, only who pays. `tied` lists {len(tied)} positions whose closing
    depends on the order of equal scores.
    ///
    """)
    return


if __name__ == "__main__":
    app.run()
