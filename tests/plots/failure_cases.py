"""Failure cases of pictures."""

import pandas as pd

import adl_opt as adl
from adl_opt import plots
from tests.failures import EVENT, LAW, PAPER, WAVES, Case

CASES = [
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
]
