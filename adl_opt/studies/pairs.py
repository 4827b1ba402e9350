"""Who is closed against whom, and at which price: of each liquidated order, or each account's own entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.inputs import plain
from adl_opt.policies.base import need_event
from adl_opt.policies.closing_prices import entry_prices, worth
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.registry import policy

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("order", "asset", "size", "price")
_ROUNDING = 1e-12  # of a requirement: what sums of decimal sizes miss it by, and slices that are nothing


def pairs(event: Event, rule: QueueRule | str, orders: pd.DataFrame) -> pd.DataFrame:
    """Which liquidated order closes how much of which account, at which price: a table, a line a pair.

    - `event`: an Event
    - `rule`: a QueueRule, or its name
    - `orders`: a DataFrame order (a name), asset, size (contracts > 0) and price (quote currency, such as the
      bankruptcy price of the liquidated), in the order in which they are handled; the sizes of an asset sum
      to what the event requires

    The first order closes the first of the queue, and so on; positions that share in proportion share each
    order. A pair is closed at the price of its order; under a rule whose price is "own entry", at the entry
    price of the account, under "mark", "oracle" or "previous mark", at the mark of the book.

    Returns a DataFrame: order, account, asset, closed (contracts, signed like the position), price, and
    transfer = closed x (mark - price), quote currency, positive if the account gives it up. Raises EventError
    for orders that are no such table or do not sum to the requirement.

    >>> event = adl.examples.shorts([6, 4], [50, 400], 10, price=100)
    >>> orders = pd.DataFrame({"order": ["L1", "L2"], "asset": "BTC", "size": [5, 5], "price": [97.0, 92.0]})
    >>> adl.pairs(event, "leverage_queue", orders)[["order", "account", "closed", "transfer"]]
    order account          closed        transfer
                       contracts, quote currency,
                      signed like    given up > 0
                         position
    L1    a0                   -5             -15
    L2    a0                   -1              -8
    L2    a1                   -4             -32
    """
    from adl_opt.table import with_units

    need_event(event)
    found = policy(rule) if isinstance(rule, str) else rule
    if not isinstance(found, QueueRule):
        raise EventError(f"pairs follows the queue of a QueueRule, or the name of one, not {rule!r:.60}")
    rule = found
    book = event.book
    name, asset, size, price = _checked(event, orders)
    first = np.zeros(len(size))
    for k in np.unique(asset):
        first[asset == k] = np.cumsum(size[asset == k]) - size[asset == k]
    order, leg, closed = _slices(event, rule, asset, first, size)
    if rule.price == "own entry":
        quoted, at = book.extra["entry_price"][leg], entry_prices(event, rule.name)[leg]
    elif rule.price in ("mark", "oracle", "previous mark"):
        quoted, at = book.quoted[book.asset[leg]], book.price[book.asset[leg]]
    else:
        quoted, at = price[order], worth(book, price[order], asset[order])
    signed = np.sign(book.position[leg]) * closed
    gone = book.direction[book.asset[leg]] * (book.price[book.asset[leg]] - at)
    columns = {
        "order": name[order], "account": book.accounts[book.account[leg]],
        "asset": np.array(book.assets, dtype=object)[book.asset[leg]],
        "closed": signed, "price": quoted, "transfer": signed * gone + 0.0,
    }  # fmt: skip
    return with_units(columns, {"transfer": "quote currency, given up > 0"}, currency=book.currency)


def _slices(
    event: Event, rule: QueueRule, asset: Index, first: Array, size: Array
) -> tuple[Index, Index, Array]:
    """(order, leg, contracts) of each pair: what the interval of an order and that of a place share."""
    at, done = rule.places(event), rule.closed_from(event)
    low, high = at.ahead, np.minimum(at.through, event.required[event.book.asset])
    part = np.divide(
        done, high - low, out=np.zeros_like(done), where=done > 0
    )  # of a place that several share
    found = [(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))]
    for i in range(len(size)):
        legs = event.closable_legs[int(asset[i])]
        legs = legs[done[legs] > 0]
        legs = legs[np.argsort(low[legs], kind="stable")]
        shared = np.minimum(high[legs], first[i] + size[i]) - np.maximum(low[legs], first[i])
        keep = shared > _ROUNDING * event.required[asset[i]]
        found.append((np.full(keep.sum(), i), legs[keep], (shared * part[legs])[keep]))
    order, leg, closed = (np.concatenate(column) for column in zip(*found))
    return order, leg, closed


def _checked(event: Event, orders: Any) -> tuple[Array, Index, Array, Array]:
    """(names, asset numbers, sizes, prices) of orders, (o,); EventError for what is no such table."""
    missing = [one for one in _COLUMNS if one not in getattr(orders, "columns", ())]
    if missing:
        raise EventError(
            f"orders are a DataFrame {', '.join(_COLUMNS)}, a row an order; {', '.join(missing)} is missing"
        )
    names, labels = (np.array([str(one) for one in orders[column]], dtype=object) for column in _COLUMNS[:2])
    size, price = (np.array([plain(one) for one in orders[column]], float) for column in _COLUMNS[2:])
    for what, values in (("size", size), ("price", price)):
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            j = int(np.argmax(bad))
            raise EventError(
                f"the {what} of {bad.sum():,} of {len(bad):,} orders is not a positive number, first that of "
                f"{names[j]!r}: {orders[what].iloc[j]!s:.40}"
            )
    total = {label: float(size[labels == label].sum()) for label in dict.fromkeys(labels)}
    needed = {**event.short, **event.long}
    for label in {**dict.fromkeys(total), **needed}:
        due, given = needed.get(label, 0.0), total.get(label, 0.0)
        if abs(due - given) > _ROUNDING * max(due, given):
            raise EventError(
                f"the orders close {given:.6g} contracts of {label!r}, and the event requires {due:.6g}; "
                "the sizes of an asset sum to its requirement"
            )
    return names, np.array([event.book.number_of[label] for label in labels], dtype=int), size, price
