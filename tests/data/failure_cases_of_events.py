"""Failure cases of events: requirements, protected accounts, caps."""

import pandas as pd

import adl_opt as adl
from tests.failures import EVENT, PAPER, TIDY, Case, book

CASES = [
    Case("an Event takes a Book, not str", lambda _: adl.Event("book.csv", short={"X": 1}), adl.EventError),
    Case(
        r"2 of 3 accounts have no positive equity, first 'b' with -2; book.solvent\(\)",
        lambda _: adl.Event(adl.Book.from_frame(TIDY.assign(equity=[1.0, -2.0, 0.0])), short={"X": 1}),
        adl.EventError,
    ),
    Case("nothing to close", lambda _: adl.Event(EVENT.book), adl.EventError),
    Case("on both sides", lambda _: adl.Event(EVENT.book, short={"X": 1}, long={"X": 1}), adl.EventError),
    Case("maps assets to contracts", lambda _: adl.Event(EVENT.book, short=10), adl.EventError),
    Case(
        r"no account holds 'BTV'; did you mean 'BTC'\?",
        lambda _: PAPER.with_requirement(short={"BTV": 1}),
        adl.EventError,
    ),
    Case(
        "a share such as '35%', or 'all', not 'most'",
        lambda _: EVENT.with_requirement(short={"X": "most"}),
        adl.EventError,
    ),
    Case("finite and positive", lambda _: EVENT.with_requirement(short={"X": -1.0}), adl.EventError),
    Case("finite and positive", lambda _: EVENT.with_requirement(short={"X": float("inf")}), adl.EventError),
    Case(
        r"cannot close 21.0 contracts of 'X': the shorts hold 20.0 in all",
        lambda _: EVENT.with_requirement(short={"X": 21}),
        adl.EventError,
    ),
    Case("the longs hold 0.0", lambda _: EVENT.with_requirement(long={"X": 1e-9}), adl.EventError),
    Case(
        "protected is a list of account ids",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, protected="a0"),
        adl.EventError,
    ),
    Case(
        "2 of 3 accounts of protected are not in the book, first 'who'",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, protected=["a0", "who", "x"]),
        adl.EventError,
    ),
    Case(
        "1 of 1 accounts of cap are not in the book, first 'who'",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap={"who": 0.5}),
        adl.EventError,
    ),
    Case(
        "cap = 0: the most that may be closed",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap=0),
        adl.EventError,
    ),
    Case("cap = nan: ", lambda _: adl.Event(EVENT.book, short={"X": 1}, cap=float("nan")), adl.EventError),
    Case("cap = '50%': ", lambda _: adl.Event(EVENT.book, short={"X": 1}, cap="50%"), adl.EventError),
    Case(
        "2 of 3 caps are not one fraction above 0 and at most 1 for an account, first 'a0' with 1.5",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap={"a0": 1.5, "a1": 0.5, "a2": None}),
        adl.EventError,
    ),
    Case(
        "first 'a0' a second time",
        lambda _: adl.Event(EVENT.book, short={"X": 1}, cap=pd.Series([0.5, 0.4], index=["a0", "a0"])),
        adl.EventError,
    ),
    Case(
        r"of the shorts 10.0 may be closed \(cap 0.5\); close at most that, or 'all' \(§7\)",
        lambda _: adl.Event(EVENT.book, short={"X": 11}, cap=0.5),
        adl.EventError,
    ),
    Case(
        "the requirement of 'X' must be a number of contracts, .* not True",
        lambda _: EVENT.with_requirement(short={"X": True}),
        adl.EventError,
    ),
    Case(
        "cannot close inf contracts of 'K': requirements are finite",
        lambda _: adl.Event(book(), short={"K": 10**400}),
    ),
]
