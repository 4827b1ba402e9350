"""Failure cases of identify and reach."""

import pandas as pd

import adl_opt as adl
from tests.failures import EVENT, TIDY, Case


def closed(*contracts, required=1.0):
    table = EVENT.book.to_frame().assign(entry_price=1.0, realized_closed=list(contracts))
    return adl.Event(adl.Book.from_frame(table), short={"X": required})


ORDER = pd.DataFrame({"order": ["L"], "asset": "X", "size": 6.0, "price": 1.1})
CASES = [
    Case("the book has no column realized_closed", lambda _: adl.identify(EVENT), adl.EventError),
    Case("a policy takes an Event, not Book", lambda _: adl.identify(EVENT.book), adl.EventError),
    Case("nothing was closed", lambda _: adl.identify(closed(0.0, 0.0, required=0.0)), adl.EventError),
    Case(
        "the event requires 1 of 'X', and realized_closed says 3 of the positions that it may close",
        lambda _: adl.identify(closed(-3.0, 0.0)),
        adl.EventError,
    ),
    Case(
        "identify tries ranking rules .* not <function pro_rata",
        lambda _: adl.identify(closed(-1.0, 0.0), ["bitmex", "pro_rata"]),
        adl.EventError,
    ),
    Case(
        "the rule 'first' was not tried on this event; bitmex were",
        lambda _: adl.identify(closed(-1.0, 0.0), ["bitmex"]).contradictions("first"),
        adl.EventError,
    ),
    Case(
        "'kucoin_opening' was not tried on this event: kucoin_opening ranks by the initial margin",
        lambda _: adl.identify(closed(-1.0, 0.0)).contradictions("kucoin_opening"),
        adl.EventError,
    ),
    Case(
        "account 'a' holds no 'Y', which could be closed; it holds X",
        lambda _: adl.reach(adl.Book.from_frame(TIDY), "a", "leverage_queue", "Y"),
        adl.EventError,
    ),
    Case("size, price is missing", lambda _: adl.pairs(EVENT, "aftermath", ORDER[["order", "asset"]])),
    Case("follows the queue of a QueueRule", lambda _: adl.pairs(EVENT, "pro_rata", ORDER), adl.EventError),
    Case(
        "the price of 1 of 1 orders is not a positive number, first that of 'L': -1",
        lambda _: adl.pairs(EVENT, "aftermath", ORDER.assign(price=-1)),
        adl.EventError,
    ),
    Case(
        "the orders close 5 contracts of 'X', and the event requires 6",
        lambda _: adl.pairs(EVENT, "leverage_queue", ORDER.assign(size=5.0)),
        adl.EventError,
    ),
    Case(
        "the book has no account 'nobody'",
        lambda _: adl.reach(adl.Book.from_frame(TIDY), "nobody", "leverage_queue", "X"),
        adl.EventError,
    ),
]
