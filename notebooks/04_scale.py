import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="From four accounts to a million")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # From four accounts to a million
    On 10 October 2025 an exchange deleveraged among 437,723 accounts and 162 assets. A general solver sees
    millions of variables. Yet only the *assets* couple the accounts: at given prices each account answers by
    itself (notebook 03). Here is how that becomes a method, and how one knows that its answer is right.

    ## Intentions
    At the end you will know what one step of an interior point costs when accounts are eliminated by hand;
    what a certificate proves without trusting the method that found the allocation; and why CVaR of the
    total, which does couple the accounts, is hardly harder.
    """)
    return


@app.cell
def _():
    from pathlib import Path

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import pandas as pd

    import adl_opt as adl
    from adl_opt.methods import separable

    return Path, adl, mo, np, pd, plt, separable


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Mathematics
    Minimise $\sum_i f_i(x_i)$ over $0\le x_i\le q_i$ with $\sum_i x_i=Q$: $f_i$ is the expected loss of
    account $i$ beyond its equity (USD), $x_i$ what it closes (contracts, one number a position), $Q$ the
    requirement (one number an asset). A step of Newton's method, with barriers for the bounds, solves

    $$\begin{pmatrix}H & P\\ P^\top & 0\end{pmatrix}\begin{pmatrix}\Delta x\\ \Delta\lambda\end{pmatrix}
    =\text{what is left},\qquad
    \Big(\sum_i P_i^\top H_i^{-1}P_i\Big)\,\Delta\lambda=\dots$$

    $H$ is block diagonal, a small block an account; $P$ says which position is in which asset. So the blocks
    are inverted all at once, three by three, and what remains is one system in the *prices* $\lambda$: as
    large as there are assets, however many accounts there are. The work of a step is linear in the accounts.

    ## Book
    Made up: equities over five decades, gross leverages around 4 x, up to three positions an account. Three
    books, each ten times the one before.
    """)
    return


@app.cell
def _(adl, np, pd):
    deviation = np.array([0.05, 0.065, 0.09])  # of a relative move
    normal = adl.Gaussian(np.outer(deviation, deviation) * (0.3 * np.eye(3) + 0.7))
    books = {n: adl.examples.book(n) for n in (200, 2_000, 20_000)}
    events = {n: adl.Event(book, short=dict.fromkeys(book.assets[:2], "30%")) for n, book in books.items()}
    lines = [
        [n, len(book.position), book.equity.sum() / 1e6, len(event.free_assets)]
        for (n, book), event in zip(books.items(), events.values())
    ]
    pd.DataFrame(lines, columns=["accounts", "positions", "equity, million USD", "assets decided"]).round(1)
    return deviation, events, normal


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Solve
    The relative gap between the central path and the optimum after each step: the number of *steps* hardly
    grows while the book grows a hundredfold.
    """)
    return


@app.cell
def _(adl, events, normal, plt, separable):
    paths = {}
    for accounts, event in events.items():
        paths[accounts] = []
        aligned = normal.align(event.book.assets)
        separable.solve(
            adl.ExpectedLoss(), event, aligned, 1e-6, lambda step, gap, seen=paths[accounts]: seen.append(gap)
        )
    steps, axes = plt.subplots(figsize=(7, 3.2))
    for accounts, seen in paths.items():
        axes.semilogy(range(1, len(seen) + 1), seen, marker=".", label=f"{accounts:,} accounts")
    axes.set(xlabel="step", ylabel="relative gap")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    steps
    return (paths,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Certificate
    The gap above is the method's own word. The certificate takes the allocation alone: the slope of each
    $f_i$ there makes a plane below the loss, whose least value is found by filling each asset in order of
    slope, a *knapsack*. Two methods that share nothing but the law; the value in USD, then what is proved.
    """)
    return


@app.cell
def _(adl, events, normal, pd):
    small = adl.Problem(adl.ExpectedLoss(), events[200], normal)
    solved = {f"200 accounts, {how}": small.solve(method=how) for how in ("separable", "conic")}
    solved |= {
        f"{n:,} accounts, separable": adl.Problem(adl.ExpectedLoss(), events[n], normal).solve(
            method="separable"
        )
        for n in (2_000, 20_000)
    }
    pd.DataFrame(
        {
            name: [f"{a.certificate.value:,.4f}", a.certificate.gap < 1e-8, a.certificate.proof]
            for name, a in solved.items()
        },
        index=["expected loss", "gap below 1e-8", "proof"],
    ).T
    return (solved,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The tail
    CVaR at 95 % is the mean of the worst twentieth of the scenarios *of the total*: it couples all accounts,
    through one weight $w_s$ a scenario. But the weights vanish outside the tail, and given weights and prices
    accounts answer by themselves again: the system left over has a row an asset and a row a scenario *of the
    tail*.
    """)
    return


@app.cell
def _(adl, deviation, events, np, pd):
    drawn = adl.StudentT(np.outer(deviation, deviation) * (0.3 * np.eye(3) + 0.7), dof=3).sample(
        1_000, seed=1
    )
    tail = adl.Problem(adl.CVaR(0.95), events[2_000], drawn).solve(method="separable")
    lost = tail.losses()["loss"].to_numpy()  # USD, by scenario
    weights = adl.CVaR(0.95).worst_weights(lost, drawn.probability)
    shown = {"CVaR, USD": round(tail.certificate.value), "certified": tail.certificate.certified}
    pd.Series(
        shown
        | {
            "scenarios": len(lost),
            "with weight": int((weights > 0).sum()),
            "weighted mean, USD": round(weights @ lost),
        }
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Picture
    What `make bench` measured on its machine: seconds from nothing to the certificate. Filled points are
    certified within one part in a million. Slope 1 is linear.
    """)
    return


@app.cell
def _(Path, adl, pd, plt):
    measured = pd.read_csv(Path(adl.__file__).parents[1] / "benchmarks" / "scale.csv")
    growth, log = plt.subplots(figsize=(7, 4.5))
    for label, points in measured.groupby("line", sort=False):
        (drawing,) = log.loglog(points["accounts"], points["seconds"], label=label)
        proved = points[points["gap"] <= 1e-6]
        log.loglog(
            points["accounts"], points["seconds"], "o", color=drawing.get_color(), markerfacecolor="white"
        )
        log.loglog(proved["accounts"], proved["seconds"], "o", color=drawing.get_color())
    log.set(xlabel="accounts", ylabel="seconds")
    log.grid(alpha=0.3)
    log.legend(frameon=False, fontsize=8)
    growth
    return (measured,)


@app.cell(hide_code=True)
def _(adl, events, mo, normal):
    plain = adl.certify(adl.ExpectedLoss(), events[20_000], normal, adl.pro_rata(events[20_000]))
    mo.md(rf"""
    ## Exercise
    Certify an allocation that no optimizer has seen: `adl.pro_rata(events[20_000])`. By how much is it above
    the least expected loss, and who proved it?

    /// details | Solution
    `adl.certify(adl.ExpectedLoss(), events[20_000], normal, adl.pro_rata(events[20_000]))`: it costs
    {plain.value:,.0f} USD, at least {plain.gap:.0%} of which the optimum saves. The plane at pro rata is
    too weak a proof, so that the problem is solved, and the plane at the *optimum* gives the bound.
    ///
    """)
    return


if __name__ == "__main__":
    app.run()
