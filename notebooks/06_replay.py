import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="An event in waves")


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # An event in waves
    Deleveraging does not happen once. On 10 October 2025 Hyperliquid closed 34,983 positions of 19,337
    accounts in twelve minutes, wave after wave, and what one wave left was where the next began.

    ## Intentions
    At the end you will know how a policy is held against a real event: on the state that it left itself, not
    on the one that reality left; what such a replay can say, and what it cannot.
    """)
    return


@app.cell
def _():
    import marimo as mo
    import pandas as pd

    import adl_opt as adl
    from adl_opt import plots

    return adl, mo, pd, plots


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Data
    The event's data may not be copied, so this notebook draws a *twin*: made-up accounts with the published
    figures (as corrected in December 2025: leverage at closing with median 0.196, 95th percentile 5.10, 99th
    122.7 x; 89.7 % closed), here a thirtieth in size. A row is one position in one wave, as it stood before
    closing; positions and `realized_closed` in contracts, short negative, equity and price in USD.
    """)
    return


@app.cell
def _(adl):
    twin = adl.examples.twin(seed=2, scale=1 / 30)
    twin.to_frame().head(4)
    return (twin,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Mathematics
    Let $p_{iw}$ be the position of account $i$ that the data list in wave $w$, and $r_{iw}$ what was closed
    of it. A policy that has closed $x_{iv}$ in earlier waves holds

    $$p_{iw}-\sum_{v<w}(x_{iv}-r_{iv})$$

    so that what accounts traded themselves stays what it was. It must close the same total, asset by asset:
    $\sum_i x_{iw}=\sum_i r_{iw}$. Accounts join when they first appear; one that is not listed again stands
    still. Two accounts by hand, both short 10 contracts on equity 5 and 10; first 10 contracts are closed,
    then 4:
    """)
    return


@app.cell
def _(adl, pd):
    table = pd.DataFrame({"wave": [1, 1, 2], "account": ["a", "b", "b"], "asset": "X", "price": 1.0})
    table["position"], table["equity"], table["realized_closed"] = (
        [-10.0, -10, -10],
        [5.0, 10, 10],
        [-10.0, 0, -4],
    )
    by_hand = adl.replay(adl.Waves.from_frame(table), [adl.pro_rata, adl.water_filling])
    closings = pd.concat(
        {name: by_hand.closed(name) for name in ("realized", "pro_rata", "water_filling")}, names=["policy"]
    )
    closings.reset_index("policy").pivot(index=["wave", "account"], columns="policy", values="closed").fillna(
        0.0
    ).round(3)
    return (by_hand,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    In reality a is closed whole and b must give 4 more. Pro rata took 5 from each, so in the second wave a,
    whom the data no longer list, still holds 5 and gives 2. Water-filling left both at leverage 2/3; it goes
    on from there, and both give in proportion to equity.

    ## Replay
    The twin's accounts hold several positions on one equity, so water-filling levels their gross leverage.
    After all twelve waves (USD; leverage in x of equity; `elsewhere`: the share of what was closed that came
    from other positions than in reality):
    """)
    return


@app.cell
def _(adl, twin):
    result = adl.replay(twin, [adl.pro_rata, adl.gross_water_filling])
    result.total()[
        [
            "notional_closed",
            "missing",
            "touched",
            "leverage_max",
            "leverage_p99",
            "leverage_median",
            "elsewhere",
        ]
    ].round(3)
    return (result,)


@app.cell
def _(plots, result):
    plots.replay(result)
    return


@app.cell(hide_code=True)
def _(mo, result):
    end = result.total()
    mo.md(rf"""
    Every policy closes the same (left). The twin's reality, like the true one, closes most accounts whole and
    leaves a few as they are; the policies spread the closing over everyone who is there (middle). What is
    left is not the same at all (right; accounts closed whole count as 0 x): after the last wave the 99th
    percentile of leverage is {end.leverage_p99["realized"]:.1f} x as realized,
    {end.leverage_p99["pro_rata"]:.1f} x under pro rata and {end.leverage_p99["gross_water_filling"]:.1f} x
    under water-filling; the highest {end.leverage_max["realized"]:,.0f}, {end.leverage_max["pro_rata"]:,.0f}
    and {end.leverage_max["gross_water_filling"]:.1f} x.

    And yet only {end.elsewhere["gross_water_filling"]:.0%} of the notional is closed elsewhere: 90 % of all
    that is listed must go, so that there is little to choose. Leverage is decided by that little.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What it costs
    If each position were its own account, with its share of the equity, water-filling would be optimal for
    *every* law of prices (notebook 01), wave by wave. Then each line has a certified gap: the share of its
    expected loss above the proved least, on the state that the policy came with. Moves are Gaussian, 80 % a
    year for all assets, correlation 0.7, one day.
    """)
    return


@app.cell
def _(adl, pd, twin):
    assets = list(twin.assets)
    covariance = pd.DataFrame(0.7 * 0.8**2 / 365, assets, assets)
    for one in assets:
        covariance.loc[one, one] = 0.8**2 / 365
    alone = adl.replay(twin.isolated(), [adl.pro_rata, adl.water_filling], adl.Gaussian(covariance))
    lines = alone.to_frame().set_index(["wave", "policy"])
    loss = lines["ExpectedLoss"].unstack()[["realized", "pro_rata", "water_filling"]]
    loss.assign(water_filling_gap=lines["ExpectedLoss gap"].unstack()["water_filling"]).round(2)
    return alone, loss


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What a replay cannot say
    Prices and requirements are those of reality, whatever the policy does; nobody reacts; profit on positions
    held longer is not booked. Above all, public data list only *those who were closed*: whoever was spared is
    in no row, and no policy can close him. A policy looks as if it had 10 % to choose from; an exchange,
    which knows its whole book, has far more.
    """)
    return


@app.cell(hide_code=True)
def _(adl, mo, pd):
    own = pd.DataFrame(
        {"wave": [1, 1, 2], "account": ["a", "b", "b"], "asset": "X", "price": 1.0, "equity": 10.0}
    )
    own["position"], own["realized_closed"] = [-10.0, -10, -2], [-10.0, 0, -2]
    last = adl.replay(adl.Waves.from_frame(own), [adl.pro_rata]).to_frame().iloc[-1]
    mo.md(rf"""
    ## Exercise
    a and b are short 10; in reality a is closed whole. Then b buys back 8 himself, and his last 2 are closed.
    What does b hold under pro rata when the second wave comes, and who meets it?

    /// details | Solution
    Pro rata had closed 5 of b, and b's own 8 would take him beyond 0: he holds nothing, and
    the replay reports {last.overtaken:.0f} USD overtaken. a still holds 5
    and gives the {last.notional_closed:.0f}; {last.missing:.0f} is missing.
    ///
    """)
    return


if __name__ == "__main__":
    app.run()
