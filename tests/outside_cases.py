"""Failure cases of what comes from outside: hooks of objectives, tables, files.

(what is said, the call, the error).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

import adl_opt as adl
from adl_opt.evaluation.minorants import Minorant
from adl_opt.waterfill import level as waterfill

from .books import frame, one_asset

EVENT = one_asset([-10.0, -10.0], [1.0, 2.0], 6.0)
LAW = adl.Scenarios([-0.5, 0.5])


class Plain(adl.Objective):
    """The expected loss in a class of one's own, so that nothing of it is trusted."""

    def express(self, m):
        return m.expected_loss

    def value(self, m):
        return m.expected_loss


class PlainMeasure(adl.RiskMeasure):
    def express(self, m):
        return m.probability @ m.loss

    def of(self, loss, probability):
        return float(probability @ loss)


@dataclass(frozen=True, repr=False)
class Field(Plain):
    closed_form: float = 0.5


@dataclass(frozen=True, repr=False, slots=True)
class SlotField(Plain):
    minorant: float = 0.5


def keeping(kind: type, **attributes: Any) -> adl.Objective:
    """An objective with attributes set on the instance."""
    objective = kind()
    vars(objective).update(attributes)
    return objective


def saying(kind: type = Plain, /, **hooks: Any) -> adl.Objective:
    """An objective whose hooks return what is given, whatever they are asked."""
    return type("Saying", (kind,), {name: (lambda *_, value=value: value) for name, value in hooks.items()})()


def solve(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.Problem(objective, EVENT, LAW).solve()


def certified(objective: Any) -> Callable[[Path], Any]:
    return lambda _: adl.certify(objective, EVENT, LAW, adl.pro_rata(EVENT))


ZERO = np.zeros(2)
HOOKS = [
    (
        "Field keeps 0.5 under the name 'closed_form', which hides the method closed_form of Objective",
        solve(Field()),
    ),
    ("SlotField keeps 0.5 under the name 'minorant', which hides", certified(SlotField())),
    (
        "hides the method weighted_parts of Objective",
        lambda _: keeping(Plain, weighted_parts=3) + adl.MaxLeverage(),
    ),
    (
        "hides the method weighted_parts of Objective",
        lambda _: adl.MaxLeverage() + keeping(Plain, weighted_parts=3),
    ),
    ("hides the method value of Objective", lambda _: 2 * keeping(Plain, value=3.0)),
    ("hides the method of of RiskMeasure", solve(keeping(PlainMeasure, of=3.0))),
    ("hides the method _check of RiskMeasure", solve(keeping(PlainMeasure, _check=True))),
    (
        "under the name 'lower_bound_objective'",
        lambda _: adl.compare(EVENT, LAW, None, [keeping(Plain, lower_bound_objective=1)]),
    ),
    (r"says money = 3, which must be 1", solve(keeping(Plain, money=3))),
    (r"says monotone = 'yes', which must be True or False", solve(keeping(Plain, monotone="yes"))),
    (r"says unit = 1000.0, which must be a text", solve(keeping(Plain, unit=1000.0))),
    (
        r"gives \[0.0\] for|closed_form of Saying gives an array of shape \(1,\)",
        solve(saying(closed_form=[0.0])),
    ),
    (r"type <U1 for contracts closed by leg", solve(saying(closed_form=["a", "b"]))),
    (r"type complex128 for contracts closed by leg", solve(saying(closed_form=[1j, 2]))),
    (r"closed_form of Saying gives \[\[1\], \[1, 2\]\] for", solve(saying(closed_form=[[1], [1, 2]]))),
    (
        "1 of 2 contracts closed by leg that closed_form of Saying gives are not finite",
        solve(saying(closed_form=[1.0, np.nan])),
    ),
    ("minorant of Saying gives 3; it must be an adl.Minorant", certified(saying(minorant=3))),
    ("minorant of Saying has slack = -1.0", certified(saying(minorant=Minorant(-1.0, ZERO, ZERO)))),
    ("minorant of Saying has slack = 'x'", certified(saying(minorant=Minorant("x", ZERO, ZERO)))),  # type: ignore[arg-type]
    (
        r"minorant of Saying gives an array of shape \(3,\)",
        certified(saying(minorant=Minorant(0.0, ZERO, np.zeros(3)))),
    ),
    ("dual of Saying gives 3; it must be a pair", solve(saying(PlainMeasure, dual=3))),
    (r"dual of Saying gives an array of shape \(3,\)", solve(saying(PlainMeasure, dual=(np.ones(3), 0.0)))),
    ("dual of Saying has slack = None", solve(saying(PlainMeasure, dual=(ZERO, None)))),
    (
        r"gives an array of shape \(3,\)",
        lambda _: saying(PlainMeasure, dual=(np.ones(3), 0.0)).worst_weights([1.0, 2.0], [0.5, 0.5]),
    ),
    (r"value of Saying gives tuple of shape \(2,\)", solve(saying(value=(1, 2)))),
    ("value of Saying gives list of shape", solve(saying(value=[[1], [1, 2]]))),
    ("value of Saying gives None; an objective is one real number", solve(saying(value=None))),
    ("value of Saying gives 'x'", solve(saying(value="x"))),
    (r"value of Saying gives 1j", solve(saying(value=1j))),
    ("value of Saying gives a int", solve(saying(value=10**400))),
    ("express of Saying gives NoneType", solve(saying(express=None))),
    ("express of Saying gives complex, not a CVXPY expression of real numbers", solve(saying(express=1j))),
    ("express of Saying gives object", solve(saying(express=object()))),
    ("express of Saying gives an expression of shape", solve(saying(express=np.ones(2)))),
    ("compare takes a list of objectives as measures, not int", lambda _: adl.compare(EVENT, LAW, None, 3)),
    (
        "measures are objectives, such as adl.MaxLeverage.., not int '3'",
        lambda _: adl.compare(EVENT, LAW, None, [3]),
    ),
    ("compare takes a list of policies, not int", lambda _: adl.compare(EVENT, LAW, 3)),
]


def book(position: Any = (-1.0, -2.0), price: float = 1.0, equity: Any = (1.0, 2.0), **more: Any) -> adl.Book:
    table = frame(["A", "B"], "K", np.asarray(position, float), price, np.asarray(equity, float))
    return adl.Book.from_frame(table.assign(**more).drop(columns="equity" if "margin" in more else []))


MAGNITUDES = [
    (
        r"2 of 2 positions are above 1e\+150 or below 1e-150 .* first 1e\+308 of account 'A'",
        lambda _: book([-1e308, -1e308]),
    ),
    (r"1 of 2 positions .* first 4.94066e-324 of account 'B'", lambda _: book([-1.0, 5e-324])),
    (r"2 of 2 prices .* first 1e\+200 of account 'A'", lambda _: book(price=1e200)),
    (r"1 of 2 notionals .* first 1e\+200 of account 'B'", lambda _: book([-1.0, 1e100], price=1e100)),
    (r"2 of 2 notionals .* first 1e-298 of account 'A'", lambda _: book([-1e-149, -1e-140], price=1e-149)),
    (r"1 of 2 equities .* first 1e-310 of account 'A'", lambda _: book(equity=[1e-310, 1.0])),
    (
        r"2 of 2 equities .* first inf of account 'A'",
        lambda _: book([1e149, 1.0], margin=1.0, entry_price=-1e160),
    ),
    ("the equities sum to 1.8e", lambda _: book(equity=[9e149, 9e149])),
    ("the positions in 'K' sum to 1.8e.150 in size", lambda _: book([9e149, -9e149], price=1e-3)),
    (
        r"1 of 2 gross leverages .* first 1e\+200 of account 'A'",
        lambda _: adl.Event(book([-1e100, -1.0], equity=[1e-100, 1.0]), short={"K": 1.0}),
    ),
    (
        "cannot close inf contracts of 'K': requirements are finite",
        lambda _: adl.Event(book(), short={"K": 10**400}),
    ),
    (
        r"1 of 2 entries of size are above 1e\+150 or below 1e-150, first number 2: 1e\+200",
        lambda _: adl.waterfill.water_level([1.0, 1e200], [1.0, 1.0], 1.0),
    ),
    (
        r"1 of 2 entries of size / equity .* first number 1: 1e\+200",
        lambda _: adl.waterfill.water_level([1.0, 1.0], [1e-200, 1.0], 1.0),
    ),
    (
        "no water level is found for the requirement 1.5: leverages go up to inf, of entry number 1",
        lambda _: waterfill.filled(np.ones(1_000), np.where(np.arange(1_000) == 0, 1e-310, 1.0), 1.5),
    ),
]


def no_driver(_):
    def fail(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    with (
        patch("numpy.linalg.eigvalsh", fail),
        patch("numpy.linalg.eigh", fail),
        patch("scipy.linalg.eigh", fail),
    ):
        return adl.Gaussian([[1.0, 0.5], [0.5, 1.0]])


def stored(change: Callable[[dict], Any]) -> Callable[[Path], Any]:
    """Loads a file that was changed after it was saved."""

    def call(folder):
        adl.water_filling(EVENT).save(folder / "s.json", overwrite=True)
        content = json.loads((folder / "s.json").read_text(encoding="utf-8"))
        change(content)
        (folder / "s.json").write_text(json.dumps(content).replace('"1e999"', "1e999"), encoding="utf-8")
        return adl.Allocation.load(folder / "s.json")

    return call


def text(content: str) -> Callable[[Path], Any]:
    def call(folder):
        (folder / "t.json").write_text(content, encoding="utf-8")
        return adl.Allocation.load(folder / "t.json")

    return call


def certificate(**fields: Any) -> Callable[[Path], Any]:
    return stored(lambda content: content["certificate"].update(fields))


def in_book(**fields: Any) -> Callable[[Path], Any]:
    return stored(lambda content: content["book"].update(fields))


FILES = [
    ("brackets within brackets, thousands deep", text("[" * 100_000)),
    ("cannot be read as an allocation: 'format' stands twice", text('{"format": 1, "format": 2}')),
    ("cannot be read as an allocation: NaN is no number of JSON", text('{"format": NaN}')),
    ("is not an allocation saved by adl_opt", text("[]")),
    ("cannot be read as an allocation", lambda _: adl.Allocation.load(None)),  # type: ignore[arg-type]
    ("cannot be read as an allocation", lambda _: adl.Allocation.load("a" * 5000)),
    ("its certificate is None, no object of named fields", stored(lambda c: c.update(certificate=None))),
    ("its certificate has the unknown field 'colour'", certificate(colour="red")),
    ("its certificate has no field 'measure'", stored(lambda c: c["certificate"].pop("measure"))),
    ("the objective of its certificate is 'x', no number", certificate(objective="x")),
    ("the proof of its certificate is 3, no text", certificate(proof=3)),
    ("the gap of its certificate is True, no number", certificate(gap=True)),
    ("its status 'proved' is none of infeasible, uncertified", certificate(status="proved")),
    ("its objective, bound or gap is no number", certificate(bound=None)),
    ("the rounding of its certificate is -1.0", certificate(rounding=-1.0)),
    ("the rounding of its certificate is inf", certificate(rounding="inf", bound=-1.0)),
    ("the reference of its certificate is inf", certificate(reference="inf", bound=1e9)),
    ("tol = inf: the relative gap", certificate(tolerance="inf")),
    (
        "2 of 2 positions belong to an account that does not exist, first number 1099511627776 of 2",
        in_book(account=[2**40, 2**40]),
    ),
    ("account of its book must be a list of 2 whole numbers", in_book(account=[0.0, 1.0])),
    ("its positions are not grouped by account", in_book(account=[1, 0])),
    ("its positions are not grouped by account, each asset of an account once", in_book(account=[0, 0])),
    ("accounts must be a list of texts, each once", in_book(accounts=["a", "a"])),
    ("1 of 1 prices are not positive", in_book(price=[0.0])),
    ("position is None, no list", in_book(position=None)),
    ("position holds a number beyond any float", in_book(position=[-(10**400), -1.0])),
    ("equity holds a number that is not finite, first number 2", in_book(equity=[1.0, "1e999"])),
    ("equities are above 1e.150", in_book(equity=[1.0, 1e200])),
    ("method is 3, no text", stored(lambda c: c.update(method=3))),
    ("the part 'LeverageSquare' is 'x', no number", stored(lambda c: c["parts"].update(LeverageSquare="x"))),
    ("unique is 1; it is true, false or null", stored(lambda c: c.update(unique=1))),
    ("price_range is 3, no pair of lists", stored(lambda c: c.update(price_range=3))),
    ("is damaged: KeyError 'short'", stored(lambda c: c.pop("short"))),
    ("is damaged: protected is a list of account ids", stored(lambda c: c.update(protected=3))),
    (
        "an allocation is a table account, asset, closed .a DataFrame., not Odd",
        lambda _: adl.certify(Plain(), EVENT, LAW, Odd()),
    ),
    ("has 2 times the column 'closed'", lambda _: adl.certify(Plain(), EVENT, LAW, twice_closed())),
    ("tol = 'x': the relative gap", lambda _: adl.certify(Plain(), EVENT, LAW, adl.pro_rata(EVENT), tol="x")),  # type: ignore[arg-type]
]


def waves():
    return adl.Waves.from_frame(EVENT.book.to_frame().assign(wave=1, realized_closed=[-1.0, 0.0]))


class Odd:
    columns = ("account", "asset", "closed")


def twice_closed():
    table = adl.pro_rata(EVENT).to_frame()
    return pd.concat([table, table[["closed"]]], axis=1)


OTHERS = [
    ("an allocation is saved to a path ending in .json, not to int", lambda _: adl.pro_rata(EVENT).save(3)),  # type: ignore[arg-type]
    ("compare takes a law of price moves or None, not int", lambda _: adl.compare(EVENT, 3)),  # type: ignore[arg-type]
    (
        "replay takes a law of price moves or None, not int",
        lambda _: adl.replay(waves(), ["pro_rata"], law=3),
    ),  # type: ignore[arg-type]
    ("a model is named by a text or a path, not by int", lambda _: adl.load(3)),  # type: ignore[arg-type]
    ("seed = None: a whole number, at least 0", lambda _: adl.axioms.check("pro_rata", seed=None)),  # type: ignore[arg-type]
    ("size must be an array of numbers, not 'x'", lambda _: adl.waterfill.water_level("x", [1.0], 1.0)),  # type: ignore[arg-type]
    ("size must be an array of numbers", lambda _: adl.waterfill.water_level([[1], [1, 2]], [1.0], 1.0)),  # type: ignore[arg-type]
    ("required must be a number, not", lambda _: adl.waterfill.water_level([1.0], [1.0], [1.0])),  # type: ignore[arg-type]
    ("worst weights of CVaR.level=0.9. are of losses", lambda _: adl.CVaR(0.9).worst_weights("x", [1.0])),
    ("solver is the name of a CVXPY solver", lambda _: adl.Problem(Plain(), EVENT, LAW).solve(solver=3)),  # type: ignore[arg-type]
    ("the picture cannot be written", lambda _: adl.pro_rata(EVENT).plot(3)),  # type: ignore[arg-type]
    ("there is no policy .1.", lambda _: adl.policy([1])),  # type: ignore[arg-type]
    ("cannot be decomposed: none of LAPACK's drivers converges .SVD did not converge.", no_driver),
]
CASES = [(says, call, adl.AdlError) for says, call in HOOKS + MAGNITUDES + FILES + OTHERS]
