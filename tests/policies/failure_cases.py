"""Failure cases of policies, ranking rules, lots and least sizes."""

from dataclasses import replace

import numpy as np

import adl_opt as adl
from adl_opt.policies.standing import standing
from tests.books import frame, one_asset
from tests.failures import ETH, EVENT, LAW, PAPER, TIDY, Case, half_closed, path_of

TWO = adl.Event(adl.Book.from_frame(TIDY), short={"X": 1.0}, long={"Y": 1.0})


def entered(entry, required=6.0):
    return adl.Event(
        adl.Book.from_frame(EVENT.book.to_frame().assign(entry_price=entry)), short={"X": required}
    )


def _no_targets(_):
    from types import SimpleNamespace
    from unittest.mock import patch

    with patch(
        "scipy.optimize.linprog", lambda *_, **__: SimpleNamespace(status=4, message="numerical trouble")
    ):
        return adl.factor_targets(PAPER, [1.0, 1.25])


def lots(lot):
    return lambda _: adl.round_to_lots(adl.water_filling(EVENT), lot)


def ranking(rule: str):
    book = adl.Book.from_frame(ETH.assign(entry_price=1900.0, mmr=[1.0, 2.0]))
    return lambda _: adl.policy(rule)(adl.Event(book, long={"ETH": 1.0}))


def initial_margin(*values):
    table = EVENT.book.to_frame()
    table = table.assign(entry_price=1.0, **({"initial_margin": list(values)} if values else {}))
    return adl.Event(adl.Book.from_frame(table), short={"X": 1.0})


def flat(*position):
    return adl.Book.from_frame(frame(list("ab"), "X", list(position), 1.0, 1.0))


CASES = [
    Case(
        "kucoin_opening ranks by the initial margin: the book has no column initial_margin",
        lambda _: adl.policy("kucoin_opening")(initial_margin()),
        adl.EventError,
    ),
    Case(
        "kucoin_opening divides by the initial margin, but that of 1 of 2 closable positions is not positive",
        lambda _: adl.policy("kucoin_opening")(initial_margin(1.0, 0.0)),
        adl.EventError,
    ),
    Case(
        "the book has no account 'a9'",
        lambda _: adl.policy("leverage_queue").reached(EVENT, "a9"),
        adl.EventError,
    ),
    Case(
        "account 'b' has no position that could be closed",
        lambda _: standing(flat(1.0, 0.0), adl.policy("leverage_queue"), "b"),
        adl.EventError,
    ),
    Case(
        "no account of the book has a position",
        lambda _: standing(flat(0.0, 0.0), adl.policy("leverage_queue")),
        adl.EventError,
    ),
    Case(
        "of account 'a0' nothing may be closed",
        lambda _: adl.policy("leverage_queue").reached(
            adl.Event(EVENT.book, short={"X": 1.0}, protected=["a0"]), "a0"
        ),
        adl.EventError,
    ),
    Case("a policy takes an Event, not Book", lambda _: adl.pro_rata(EVENT.book), adl.EventError),
    Case("there is no policy 'fair'", lambda _: adl.policy("fair")),
    Case(
        "least maps assets to the contracts",
        lambda _: adl.without_remainders(EVENT, LAW, 1.0),
        adl.EventError,
    ),
    Case(
        r"least\['Y'\] = 1.0: give a positive number",
        lambda _: adl.without_remainders(EVENT, LAW, {"Y": 1.0}),
        adl.EventError,
    ),
    Case(
        "without_remainders needs scenarios",
        lambda _: adl.without_remainders(EVENT, adl.Gaussian(0.04), {"X": 1.0}),
        adl.SolveError,
    ),
    Case(
        "320,000 accounts x scenarios are too many for an integer program",
        lambda _: adl.without_remainders(EVENT, adl.Scenarios(np.linspace(-0.5, 0.5, 160_000)), {"X": 1.0}),
        adl.SolveError,
    ),
    Case(
        "whole positions of 'X' miss the requirement by -5e-07 contracts",
        lambda _: adl.without_remainders(one_asset([-10.0, -6.0], [1.0, 2.0], 10.0000005), LAW, {"X": 50.0}),
        adl.SolveError,
    ),
    Case(
        "HiGHS finds no allocation that leaves nothing",
        lambda _: adl.without_remainders(EVENT, LAW, {"X": 50.0}),
        adl.SolveError,
    ),
    Case("no column realized_closed", lambda _: adl.realized(EVENT)),
    Case(
        "realized_closed of 1 of 2 positions is on the other side of the position, or of a position of 0, "
        "first that of account 'a'",
        lambda _: adl.realized_event(
            adl.Book.from_frame(
                frame(["a", "b"], "X", [0.0, -10.0], 1.0, 5.0).assign(realized_closed=[-7.0, -3.0])
            )
        ),
        adl.EventError,
    ),
    Case(
        "which profit_ratio .a return on entry. does not give for 1 of 2 positions, first that of account "
        "'a' with 1.5",
        lambda _: adl.policy("aster")(
            adl.Event(
                adl.Book.from_frame(
                    frame(["a", "b"], "X", [-1.0, -1.0], 1.0, 5.0).assign(profit_ratio=[1.5, 0.5])
                ),
                short={"X": 1.0},
            )
        ),
        adl.EventError,
    ),
    Case(
        "1 assets were closed on both sides, first 'X'",
        lambda _: adl.realized_event(
            adl.Book.from_frame(
                frame(["a", "b"], "X", [-1.0, 1.0], 1.0, 1.0).assign(realized_closed=[-1.0, 1.0])
            )
        ),
    ),
    Case("a policy takes an Event", lambda _: adl.factor_water_filling(TIDY, [1.0]), adl.EventError),
    Case(
        "factor_targets takes an Event, not Book",
        lambda _: adl.factor_targets(PAPER.book, [1.0, 1.0]),
        adl.EventError,
    ),
    Case("HiGHS does not find the closing", _no_targets, adl.SolveError),
    Case(
        "bitmex needs the entry price of every position",
        lambda _: adl.policy("bitmex")(EVENT),
        adl.EventError,
    ),
    Case("pro_rata_profit needs the entry price", lambda _: adl.pro_rata_profit(EVENT), adl.EventError),
    Case(
        "needs positive entry prices, but 1 of 2",
        lambda _: adl.policy("bitmex")(entered([2.0, 0.0])),
        adl.EventError,
    ),
    Case(
        "they hold 10 of the 12 contracts",
        lambda _: adl.policy("hyperliquid")(entered([2.0, 0.5], 12.0)),
        adl.EventError,
    ),
    Case("margin, but that of 1 of 2", lambda _: adl.policy("coinex")(entered([2.0, 0.5])), adl.EventError),
    Case(
        "own: losers = 'drop' is not known; there are 'divide'",
        lambda _: replace(adl.policy("okx"), name="own", losers="drop"),
    ),
    Case("the last of ties = None is not known", lambda _: replace(adl.policy("okx"), ties=())),
    Case("maintenance = 0 must be a positive fraction", lambda _: replace(adl.policy("okx"), maintenance=0)),
    Case("there is no policy 'ftx'; there are water_filling", lambda _: adl.policy("ftx")),
    Case("nobody holds 'Z'", lambda _: adl.drift_charge(EVENT.book, {"Z": 1.0}), adl.EventError),
    Case("the loss in 'X' must be", lambda _: adl.drift_charge(EVENT.book, {"X": -1.0}), adl.EventError),
    Case(
        "1 of 2 accounts would have no equity if wholly closed, first 'a0'",
        lambda _: adl.water_filling_at(EVENT, 1.15),
        adl.EventError,
    ),
    Case(
        "there is no closing price of 'X'", lambda _: adl.water_filling_at(EVENT, {"Y": 1.0}), adl.EventError
    ),
    Case(
        "the closing price of 'X' must be a positive number",
        lambda _: adl.burden(adl.pro_rata(EVENT), -1.0),
        adl.EventError,
    ),
    Case(
        "closing 2 assets needs a closing price of each",
        lambda _: adl.burden(adl.pro_rata(TWO), 1.0),
        adl.EventError,
    ),
    Case("there is no policy 'bitmx'; did you mean 'bitmex'", lambda _: adl.axioms.check("bitmx")),
    Case(
        "returns an Allocation, or a table account, asset, closed, of the event that it is given, not float",
        lambda _: adl.axioms.check(lambda event: 1.0),
    ),
    Case(
        r"the policy <lambda> gives an array of shape \(3,\) .* contracts closed by leg; .* 2 real numbers",
        lambda _: adl.compare(EVENT, policies=[lambda event: np.zeros(3)]),
    ),
    Case(
        "returns an Allocation of another book",
        lambda _: adl.compare(EVENT, policies=[lambda event: adl.pro_rata(PAPER)]),
    ),
    Case("of the event that it is given, not NoneType", path_of(lambda _: None)),
    Case(
        "round_to_lots takes an Allocation, not Event",
        lambda _: adl.round_to_lots(EVENT, {"X": 1}),
        adl.AllocationError,
    ),
    Case("lots map assets", lots(0.1), adl.AllocationError),
    Case("no lot is given for 'X'", lots({"Y": 1.0}), adl.AllocationError),
    Case("the lot of 'X' is 0; ", lots({"X": 0}), adl.AllocationError),
    Case("the lot of 'X' is 'one'; ", lots({"X": "one"}), adl.AllocationError),
    Case(
        "6.0 contracts of 'X' are not a multiple of the lot 0.7; require 5.6 or 6.3",
        lots({"X": 0.7}),
        adl.AllocationError,
    ),
    Case("is too small: a float cannot count", lots({"X": 1e-15}), adl.AllocationError),
    Case(
        r"cannot close 3 lots of 'X': the positions hold 2 whole lots",
        lambda _: adl.round_to_lots(adl.pro_rata(one_asset([-1.5, -1.5], [1.0, 1.0], 3.0)), {"X": 1}),
        adl.AllocationError,
    ),
    Case(
        "misses the requirement of 'X' by -3 contracts",
        lambda _: adl.round_to_lots(half_closed(EVENT), {"X": 1}),
        adl.AllocationError,
    ),
    Case(
        "binance ranks by a maintenance margin, and the book has the column 'mmr', which "
        "is not used: give the column maintenance_margin",
        ranking("binance"),
        adl.EventError,
    ),
    Case("realized_event takes a Book, not str", lambda _: adl.realized_event("book.csv"), adl.EventError),
    Case(
        "drift_charge takes a Book and the loss by asset, .* not Book and 3",
        lambda _: adl.drift_charge(EVENT.book, 3),
        adl.EventError,
    ),
    Case("there is no policy .1.", lambda _: adl.policy([1])),
]
