"""Failure cases of tiers of maintenance margin."""

import pandas as pd

import adl_opt as adl
from tests.failures import Case


def tiers(*rows, asset="BTC"):
    return lambda _: adl.MaintenanceTiers({asset: list(rows)})


def table(**columns):
    rows = {"asset": ["BTC", "BTC"], "notional_floor": [0.0, 50_000.0], "rate": [0.004, 0.005], **columns}
    return lambda _: adl.MaintenanceTiers.from_frame(pd.DataFrame(rows))


CASES = [
    Case("tiers map an asset to its tiers", lambda _: adl.MaintenanceTiers([(0, 0.01)]), adl.BookError),
    Case("tiers map an asset to its tiers", lambda _: adl.MaintenanceTiers({}), adl.BookError),
    Case("the tiers of 'BTC' are a list of", tiers((0, "x")), adl.BookError),
    Case("the tiers of 'BTC' are a list of", tiers(), adl.BookError),
    Case("the tiers of 'BTC' are a list of", tiers(3), adl.BookError),
    Case(
        "the tiers of 'BTC' begin at 100: nothing says the margin of smaller positions",
        tiers((100, 0.004)),
        adl.BookError,
    ),
    Case(
        "the rates of 'BTC' fall, from 0.005 to 0.004 at 50,000",
        tiers((0, 0.005), (5e4, 0.004)),
        adl.BookError,
    ),
    Case("have the floor 50,000 twice", tiers((0, 0.004), (5e4, 0.005), (5e4, 0.01)), adl.BookError),
    Case(r"from 0 has the rate 1.4, outside \(0, 1\); 0.4 % is 0.004", tiers((0, 1.4)), adl.BookError),
    Case(
        "the deduction of 'BTC' from 50,000 on is 60, and the margin jumps there by -10; 50 makes it",
        tiers((0, 0.004), (5e4, 0.005, 60)),
        adl.BookError,
    ),
    Case("the tiers of 'BTC' have a gap: one ends at 40,000", table(notional_cap=[4e4, 2e5]), adl.BookError),
    Case("the tiers of 'BTC' have an overlap: one ends", table(notional_cap=[6e4, 2e5]), adl.BookError),
    Case("says rate in two columns, the second 'mmr'", table(mmr=[0.1, 0.1]), adl.BookError),
    Case("notional_floor", lambda _: adl.MaintenanceTiers.from_frame(pd.DataFrame({"asset": ["X"]}))),
    Case("there is no file", lambda p: adl.MaintenanceTiers.read(p / "none.csv"), adl.BookError),
]
