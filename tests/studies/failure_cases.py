"""Failure cases of comparisons, burdens, stresses, axioms and replays."""

from dataclasses import replace

import numpy as np
import pandas as pd

import adl_opt as adl
from adl_opt.certificates.assess import assess
from tests.books import one_asset
from tests.failures import EVENT, LAW, TIDY, WAVES, Case, half_closed, path_of, waved


def replayed(*policies, table=WAVES):
    return lambda _: adl.replay(adl.Waves.from_frame(table), list(policies))


def too_few(event):
    allocation = adl.pro_rata(event)
    return replace(
        allocation, certificate=assess(adl.LeverageSquare(), event, None, allocation.amount / 2).certificate
    )


def waves():
    return adl.Waves.from_frame(EVENT.book.to_frame().assign(wave=1, realized_closed=[-1.0, 0.0]))


def refuted(conjecture, *objective, **more):
    return lambda _: adl.refute(conjecture, *objective, books=3, **more)


def in_no_mood(event):
    raise adl.AdlError("not in the mood")


def divides_by_nothing(event):
    return 1 // 0


def stressed(move=None, **how):
    return lambda _: adl.stress(EVENT.book, move, **how)


HIGHEST = adl.MaxLeverage()
SPREAD = adl.stress(EVENT.book, LAW)
BROKE = adl.Book.from_frame(TIDY.assign(equity=[1.0, -1.0, 3.0]))


def promised(check, name="mine", **more):
    return lambda _: adl.axioms.check("pro_rata", books=2, axioms=[adl.axiom(name)(check)], **more)


def kept(*axioms):
    return lambda _: adl.axioms.check("pro_rata", books=2, axioms=axioms)


CASES = [
    Case("takes the name of a promise, .* not <function", lambda _: adl.axiom(divides_by_nothing)),
    Case("there is an axiom 'merge' already", promised(divides_by_nothing, "merge")),
    Case(r"is of a function check\(policy, event\), not 3", promised(3)),
    Case("the axiom 'mine' fails where 2 accounts .* TypeError", promised(divides_by_nothing)),
    Case("not in the mood", promised(lambda policy, event: in_no_mood(event))),
    Case("the axiom 'mine' gives nan where", promised(lambda policy, event: float("nan"))),
    Case("axioms is a list of names", lambda _: adl.axioms.check("pro_rata", axioms="merge")),
    Case("axioms names 'merge' twice", kept("merge", "merge")),
    Case("axioms is empty", kept()),
    Case("there is no axiom 'merg'; did you mean 'merge'", kept("merg")),
    Case("there is no axiom function", kept(divides_by_nothing)),
    Case("margins = 'cross'; give a list", lambda _: adl.axioms.check("pro_rata", margins="cross")),
    Case("a conjecture is no class: write MaxLeverage", refuted(adl.MaxLeverage)),
    Case("give no other objective or rule", refuted(HIGHEST, adl.ExpectedLoss())),
    Case("takes a conjecture, then an objective .* not int", refuted("pro_rata", 3)),
    Case("not the class MaxLeverage", refuted("pro_rata", adl.MaxLeverage)),
    Case("say by which objective pro_rata is judged", refuted("pro_rata")),
    Case("say by which objective the policy is judged", refuted(adl.pro_rata, never_worse_than="uniform")),
    Case("a conjecture is a policy and the objective .* not int", refuted(3)),
    Case("a policy is a function Event -> Allocation, such as adl.pro_rata, not int", refuted(3, HIGHEST)),
    Case("not float", refuted("pro_rata", HIGHEST, never_worse_than=1.0)),
    Case("did you mean 'pro_rata'", refuted("prorata", HIGHEST)),
    Case("seed = -1: a whole number, at least 0", refuted("pro_rata", HIGHEST, seed=-1)),
    Case("tol = 2: the relative gap", refuted("pro_rata", HIGHEST, tol=2)),
    Case(
        "takes a law of price moves, a function event -> Law, or None, not float",
        refuted("uniform", HIGHEST, law=0.1),
    ),
    Case(
        "events = 'crossed'; there are 'isolated' and 'cross'", refuted("uniform", HIGHEST, events="crossed")
    ),
    Case("refute takes a concurrent.futures.Executor", refuted("uniform", HIGHEST, executor=3)),
    Case("events are 'isolated' or 'cross', a list", refuted("uniform", HIGHEST, events=EVENT)),
    Case("book number 1 that `events` gives is no Event", refuted("uniform", HIGHEST, events=[3])),
    Case("the conjecture fails where .* ZeroDivisionError", refuted(divides_by_nothing, HIGHEST)),
    Case("the claim fails where .* ZeroDivisionError", refuted(divides_by_nothing)),
    Case("the claim gives nan where", refuted(lambda event: float("nan"))),
    Case("not in the mood", refuted(in_no_mood)),
    Case("not in the mood", refuted(in_no_mood, HIGHEST)),
    Case("real numbers", refuted(lambda event: np.zeros(99), HIGHEST)),
    Case("there is no counterexample to show", lambda _: adl.refute(lambda e: 0.0, books=2).to_frame()),
    Case(
        "two measures are named",
        lambda _: adl.compare(EVENT, LAW, measures=[adl.MaxLeverage(), adl.MaxLeverage()]),
    ),
    Case("compare takes an Event first", lambda _: adl.compare(LAW, EVENT)),
    Case("compare takes lists", lambda _: adl.compare(EVENT, LAW, measures=adl.MaxLeverage())),
    Case("write CVaR", lambda _: adl.compare(EVENT, LAW, measures=[adl.CVaR])),
    Case("compare takes lists", lambda _: adl.compare(EVENT, LAW, adl.CVaR())),
    Case("a policy is a function", lambda _: adl.compare(EVENT, LAW, [adl.MaxLeverage()]), adl.AdlError),
    Case("a policy is a function Event -> Allocation", lambda _: adl.axioms.check(3)),
    Case("burden takes an Allocation", lambda _: adl.burden(EVENT, 1.0), adl.EventError),
    Case(
        "does not clear where",
        lambda _: adl.axioms.check(lambda e: adl.policies.base.plain_allocation(e, 0 * e.size, "none", None)),
    ),
    Case("a stress takes a Book, not str", lambda _: adl.stress("book.csv", {}), adl.EventError),
    Case(
        "1 of 3 accounts are insolvent before the move, first 'b' with -1",
        lambda _: adl.stress_path(BROKE, pd.DataFrame({"X": [0.1]})),
        adl.EventError,
    ),
    Case("bankruptcy_prices takes a Book, not int", lambda _: adl.bankruptcy_prices(3), adl.EventError),
    Case("maintenance = 'mine': give adl.MaintenanceTiers", stressed(maintenance="mine"), adl.BookError),
    Case("maintenance = 4: give adl.MaintenanceTiers", stressed(maintenance=4), adl.BookError),
    Case("no column maintenance_margin", stressed(maintenance="maintenance_margin"), adl.BookError),
    Case(
        "1 of 3 positions have a negative maintenance_margin, first of account 'c': -1",
        lambda _: adl.bankruptcy_prices(adl.Book.from_frame(TIDY.assign(maintenance_margin=[1.0, 0, -1]))),
        adl.BookError,
    ),
    Case(
        "1 of 1 assets have no tiers of maintenance margin, first 'X'",
        stressed(maintenance=adl.MaintenanceTiers({"Y": [(0, 0.01)]})),
        adl.BookError,
    ),
    Case("fund_first = 'yes': True or False", stressed(fund_first="yes"), adl.EventError),
    Case("slippage is what liquidations cost; say at which margin", stressed(slippage=0.01), adl.EventError),
    Case("slippage = 1: a fraction of the mark", stressed(maintenance=0.01, slippage=1), adl.EventError),
    Case(
        "the slippage names 'x' that no account holds; did you mean 'X'",
        stressed(maintenance=0.01, slippage={"x": 0.1}),
        adl.EventError,
    ),
    Case(
        "a stress takes scenarios, and Gaussian is none; say law.sample",
        stressed(adl.Gaussian([[0.01]])),
        adl.EventError,
    ),
    Case(
        "what holders of inverse contracts gain already",
        stressed(LAW.on_inverse(np.array([True]))),
        adl.EventError,
    ),
    Case(
        "1 of 2 scenarios move a price by -100 % or more, first number 1 with -1.5 in 'X'",
        stressed(adl.Scenarios([-1.5, 0.1], meant=True)),
        adl.EventError,
    ),
    Case("the law has 2 moves but the book 1", stressed(adl.Scenarios([[0.1, 0.1]])), adl.LawError),
    Case("levels = .*: probabilities between 0 and 1", lambda _: SPREAD.quantiles([95]), adl.EventError),
    Case("scenario 2: there are 2, counted from 0", lambda _: SPREAD.scenario(2), adl.EventError),
    Case("a move maps assets", lambda _: adl.stress(EVENT.book, -0.1), adl.EventError),
    Case(
        "the move names 'Z' that no account holds; the book has X",
        lambda _: adl.stress(EVENT.book, {"X": 0.1, "Z": 0.1}),
        adl.EventError,
    ),
    Case(
        "the move names 'X' twice",
        lambda _: adl.stress(EVENT.book, pd.Series([0.1, 0.2], index=["X", "X"])),
        adl.EventError,
    ),
    Case("the move of 'X' is -1.0; ", lambda _: adl.stress(EVENT.book, {"X": -1.0}), adl.EventError),
    Case("the move of 'X' is 'down'; ", lambda _: adl.stress(EVENT.book, {"X": "down"}), adl.EventError),
    Case("the move of 'X' is nan; ", lambda _: adl.stress(EVENT.book, {"X": np.nan}), adl.EventError),
    Case(
        "the price of 'X' is beyond",
        lambda _: adl.stress(one_asset([-1.0], [1.0], 0.0, 1e100).book, {"X": 1e300}, meant=True),
        adl.EventError,
    ),
    Case(
        "the equity of account 'a0' is beyond",
        lambda _: adl.stress(one_asset([-1e140], [1.0], 0.0).book, {"X": 1e200}, meant=True),
        adl.EventError,
    ),
    Case("fund = -1: ", lambda _: adl.stress(EVENT.book, {}, -1), adl.EventError),
    Case("a path is a DataFrame", lambda _: adl.stress_path(EVENT.book, {"X": [0.1]}), adl.EventError),
    Case(
        "the column 'X' more than once",
        lambda _: adl.stress_path(EVENT.book, pd.DataFrame([[0.1, 0.2]], columns=["X", "X"])),
        adl.EventError,
    ),
    Case(
        "step 2: the move of 'X' is -2.0",
        lambda _: adl.stress_path(EVENT.book, pd.DataFrame({"X": [0.1, -2.0]})),
        adl.EventError,
    ),
    Case("two policies are named 'pro_rata'", path_of(adl.pro_rata, adl.pro_rata), adl.EventError),
    Case(
        "must return an Allocation of the event it is given, not of another",
        path_of(lambda e: adl.pro_rata(e.with_requirement(e.short, e.long))),
        adl.AllocationError,
    ),
    Case("returns an infeasible allocation: misses", path_of(half_closed), adl.AllocationError),
    Case("replay takes Waves, not DataFrame", lambda _: adl.replay(WAVES)),
    Case("replay takes lists", lambda p: adl.replay(waved()(p), adl.pro_rata)),
    Case("two policies are named 'pro_rata'", replayed(adl.pro_rata, adl.pro_rata)),
    Case(
        "1 of 3 accounts have no positive equity in some wave, first 'b' with -1 in wave 1",
        replayed(table=WAVES.assign(equity=[1.0, -1.0, 1.0])),
        adl.EventError,
    ),
    Case(
        "water_filling in wave 1 fails: water-filling needs isolated",
        replayed(
            adl.water_filling,
            table=WAVES.assign(
                account="a", asset=list("XYX"), equity=1.0, wave=[1, 1, 2], position=[-1.0, 1.0, 3.0]
            ),
        ),
        adl.SolveError,
    ),
    Case(
        "what too_few in wave 1 returns is no allocation that clears: misses",
        replayed(too_few),
        adl.AllocationError,
    ),
    Case(
        "in wave 1 fails: the policy <lambda> returns an Allocation, or a table",
        replayed(lambda event: None),
        adl.SolveError,
    ),
    Case(
        "'bitmex' was not replayed; there are realized, pro_rata",
        lambda p: replayed(adl.pro_rata)(p).closed("bitmex"),
    ),
    Case(
        "the move of 'X' is 5, which is .500 %; write 0.05 for 5 %, or say meant=True",
        lambda _: adl.stress(EVENT.book, {"X": 5}),
        adl.EventError,
    ),
    Case(
        "step 2: the move of 'X' is 5,",
        lambda _: adl.stress_path(EVENT.book, pd.DataFrame({"X": [0.1, 5.0]})),
        adl.EventError,
    ),
    Case(
        "compare takes a list of objectives as measures, not int", lambda _: adl.compare(EVENT, LAW, None, 3)
    ),
    Case(
        "measures are objectives, such as adl.MaxLeverage.., not int '3'",
        lambda _: adl.compare(EVENT, LAW, None, [3]),
    ),
    Case("compare takes a list of policies, not int", lambda _: adl.compare(EVENT, LAW, 3)),
    Case("compare takes a law of price moves or None, not int", lambda _: adl.compare(EVENT, 3)),
    Case(
        "replay takes a law of price moves or None, not int",
        lambda _: adl.replay(waves(), ["pro_rata"], law=3),
    ),
    Case("seed = None: a whole number, at least 0", lambda _: adl.axioms.check("pro_rata", seed=None)),
]
