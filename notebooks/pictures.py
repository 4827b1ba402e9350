"""The README's pictures, drawn from models: `make notebooks` calls it."""

from pathlib import Path

import numpy as np

import adl_opt as adl
from adl_opt import plots

FOLDER = Path(__file__).resolve().parent / "rendered"
RATIO = {"BTC": 1.0, "ETH": 1.25}  # volatility relative to BTC


def traders(n: int, seed: int) -> adl.Event:
    """n made-up shorts that were entered within a fifth of the mark, a third of them to be closed."""
    start = adl.examples.random_shorts(n, seed)
    entry = 50_000 * np.random.default_rng(seed).lognormal(0.05, 0.1, n)
    return adl.examples.shorts(start.size, start.book.equity, start.required[0], 50_000.0, entry_price=entry)


def main() -> None:
    """Eight shorts, 30 BTC of them closed by water-filling; two accounts of one gross leverage; the
    paper's sweep; an event in waves; rules compared.
    """
    eight = adl.examples.shorts(
        [12, 20, 16, 10, 14, 6, 9, 3], np.array([40, 110, 125, 105, 220, 130, 310, 180]) * 1e3, 30, 50_000.0
    )
    adl.water_filling(eight).plot(FOLDER / "water_level.png")
    hedge = adl.load("hedge_matters").problem()
    pair = {
        "levelled gross leverage": adl.gross_water_filling(hedge.event),
        "least expected loss": hedge.solve(),
    }
    plots.policies(pair, hedge.law, FOLDER / "hedge.png")
    event = adl.load("cross_margin").event(4, 0)
    exact = adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, correlation=0.85, horizon=10 / 365)
    one = adl.OneFactor(RATIO, adl.Gaussian(0.6**2 * 10 / 365).quadrature(200))
    laws = {"20 x 20 quadrature": exact.quadrature(20), "exact lognormal": exact, "one factor": one}
    required = {"BTC": np.linspace(0, 33, 231)[1:]}
    swept = {
        name: adl.Problem(adl.ExpectedLoss(), event, law).sweep(short=required, loading=RATIO)
        for name, law in laws.items()
    }
    plots.sweep(swept, FOLDER / "sweep.png")
    rules = ["water_filling", "pro_rata", "uniform", "leverage_queue", "bitmex", "binance", "okx", "dydx"]
    plots.comparison(adl.compare(traders(200, 1), adl.StudentT(0.08**2, dof=4), rules), FOLDER / "rules.png")
    plots.replay(adl.replay(adl.examples.twin(seed=2, scale=1 / 30)), FOLDER / "replay.png")
    for path in sorted(FOLDER.glob("*.png")):
        print(f"{FOLDER.name}/{path.name}")


if __name__ == "__main__":
    main()
