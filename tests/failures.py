"""What failure cases of several folders share: a case, small books, events and objectives to fail on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import adl_opt as adl
from adl_opt.certificates.assess import assess
from tests.books import frame, one_asset
from tests.objectives_of_users import Plain

TIDY = frame(list("abc"), ["X", "X", "Y"], [-1.0, -2.0, 3.0], [5.0, 5.0, 7.0], [1.0, 2.0, 3.0])
ETH = frame(["m", "n"], "ETH", [3.0, -5.0], 2000.0, [5000.0, 9000.0])
WAVES = TIDY.assign(wave=[1, 1, 2], realized_closed=[-1.0, 0.0, 3.0])
EVENT = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
LAW = adl.Scenarios([-0.5, 0.5])
PROBLEM = adl.Problem(adl.ExpectedLoss(), EVENT, LAW)
PAPER = adl.load("cross_margin").event(4, 0)
PAPER_LAW = adl.load("cross_margin").law


@dataclass(frozen=True)
class Case:
    """What the one sentence says (a pattern), what is called in an empty folder, the error raised."""

    says: str
    call: Callable[[Path], Any]
    kind: type[Exception] = adl.AdlError


def waved(table=WAVES, **columns):
    return lambda _: adl.Waves.from_frame(table.assign(**columns))


def book(position: Any = (-1.0, -2.0), price: float = 1.0, equity: Any = (1.0, 2.0), **more: Any) -> adl.Book:
    table = frame(["A", "B"], "K", np.asarray(position, float), price, np.asarray(equity, float))
    return adl.Book.from_frame(table.assign(**more).drop(columns="equity" if "margin" in more else []))


def half_closed(event):
    whole = adl.pro_rata(event)
    proof = assess(adl.LeverageSquare(), event, None, whole.amount / 2)
    return replace(whole, amount=whole.amount / 2, certificate=proof.certificate)


def path_of(*policies):
    book = adl.Book.from_frame(frame(list("abc"), "X", [4.0, -3.0, -1.0], 1.0, [1.0, 9.0, 9.0]))
    return lambda _: adl.stress_path(book, pd.DataFrame({"X": [-0.5]}), policies)


class Endless(adl.Objective):
    def value(self, m):
        return float("nan")


def saying(kind: type = Plain, /, **hooks: Any) -> adl.Objective:
    """An objective whose hooks return what is given, whatever they are asked."""
    return type("Saying", (kind,), {name: (lambda *_, value=value: value) for name, value in hooks.items()})()


def solve(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.Problem(objective, EVENT, LAW).solve()
