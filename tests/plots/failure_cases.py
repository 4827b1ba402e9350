"""Failure cases of pictures."""

import pandas as pd

import adl_opt as adl
from adl_opt import plots
from tests.failures import EVENT, LAW, PAPER, WAVES, Case


def between(*names):
    frame = pd.DataFrame({name: [1.0] for name in names})
    frame.attrs["frontier"] = list(names)
    return frame


def of_volatility(vol):
    return adl.Problem(adl.ExpectedLoss(), EVENT, adl.Gaussian(vol**2))


CASES = [
    Case("losses draws an Allocation", lambda _: plots.losses([adl.pro_rata(EVENT)]), adl.AllocationError),
    Case(
        "7 allocations do not fit",
        lambda _: plots.losses({str(k): adl.water_filling(EVENT) for k in range(7)}, LAW),
        adl.AllocationError,
    ),
    Case(
        "level = 1: give a fraction", lambda _: plots.losses(adl.pro_rata(EVENT), LAW, 1), adl.AllocationError
    ),
    Case("frontier draws a table made by", lambda _: plots.frontier(pd.DataFrame()), adl.AllocationError),
    Case("beside has no column 'g'", lambda _: plots.frontier(between("f", "g"), pd.DataFrame({"f": []}))),
    Case(
        r"ax is 1 of int; this picture needs 3 axes \(1 x 3\)",
        lambda _: plots.policies({"one": adl.pro_rata(EVENT)}, LAW, ax=3),
        adl.AllocationError,
    ),
    Case(
        r"beside is a table of adl.compare, not 'fr.png': to save .* path='fr.png'",
        lambda _: plots.frontier(between("f", "g"), "fr.png"),
        adl.AllocationError,
    ),
    Case(
        "sweep 'vols' begins with column 'vol'; drawn are tables whose first column is a requirement",
        lambda _: plots.sweep({"vols": adl.sweep(of_volatility, vol=[0.1, 0.2])}),
        adl.AllocationError,
    ),
    Case("sweep 'one' is no table; drawn are", lambda _: plots.sweep({"one": EVENT}), adl.AllocationError),
    Case("comparison draws a table made by adl.compare", lambda _: plots.comparison(pd.DataFrame())),
    Case(
        "8 allocations do not fit",
        lambda _: plots.policies({str(k): adl.water_filling(EVENT) for k in range(8)}, LAW),
        adl.AllocationError,
    ),
    Case(
        "41 accounts do not fit",
        lambda _: plots.policies(
            {"one": adl.pro_rata(adl.load("gaussian").event(41, 0))}, adl.load("gaussian").law
        ),
        adl.AllocationError,
    ),
    Case("policies draws a dict", lambda _: plots.policies(adl.pro_rata(EVENT), LAW), adl.AllocationError),
    Case(
        "policies needs a law",
        lambda _: plots.policies({"one": adl.pro_rata(EVENT)}, None),
        adl.AllocationError,
    ),
    Case(
        "belong to different books",
        lambda _: plots.policies({"one": adl.pro_rata(EVENT), "two": adl.pro_rata(PAPER)}, LAW),
        adl.AllocationError,
    ),
    Case("sweep draws a dict", lambda _: plots.sweep(pd.DataFrame({"short X": [1.0]})), adl.AllocationError),
    Case("no sweep to draw", lambda _: plots.sweep({}), adl.AllocationError),
    Case(
        "sweep 'bare' has no leverages",
        lambda _: plots.sweep({"bare": pd.DataFrame({"short X": [1.0]})}),
        adl.AllocationError,
    ),
    Case(
        "the picture cannot be written",
        lambda p: adl.water_filling(EVENT).plot(p / "none" / "a.png"),
        adl.AllocationError,
    ),
    Case("replay draws what adl.replay returns", lambda _: plots.replay(WAVES), adl.AllocationError),
    Case("the picture cannot be written", lambda _: adl.pro_rata(EVENT).plot(3)),
    Case("stress draws what adl.stress returns for scenarios", lambda _: adl.plots.stress(EVENT)),
]
