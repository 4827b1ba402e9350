"""QueueRule: accounts ranked by profit term x leverage term and closed one after the other, as exchanges do;
what a tie decides (§16).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.data.maintenance import MaintenanceTiers
from adl_opt.errors import AdlError, EventError
from adl_opt.inputs import plain
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.policies.closing_prices import entry_prices, unrealized
from adl_opt.policies.margin_terms import maintenance_ratio, margin_ratio
from adl_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING, _LAST_BITS = 1e-12, 1e-15  # relative: of a requirement against what is held; of a running sum
_TIED = 1e-12  # relative: scores this close differ by rounding and are tied

Term = Callable[["QueueRule", Event], Array]


def _equity(event: Event) -> Array:
    return event.book.equity[event.book.account]


def _wallet(rule: QueueRule, event: Event) -> Array:
    """Collateral without unrealized profit, (legs,): the column margin, else equity less all unrealized
    profit of the account.
    """
    book = event.book
    if "margin" in book.extra:
        return book.extra["margin"]
    return _equity(event) - book.per_account(unrealized(event, rule.name))[book.account]


def _return(rule: QueueRule, event: Event, on_entry: bool) -> Array:
    book = event.book
    if "entry_price" not in book.extra and "profit_ratio" in book.extra:
        return _published_return(rule, event, on_entry)
    price, entry = book.price[book.asset], entry_prices(event, rule.name, " (nor profit_ratio)")
    basis = entry if on_entry else price
    sign = np.sign(book.position) * book.direction[book.asset]
    return sign * np.divide(price - entry, basis, out=np.zeros_like(price), where=basis > 0)


def _published_return(rule: QueueRule, event: Event, on_entry: bool) -> Array:
    """The column profit_ratio, a return on the value at entry; on the value at mark it is r / (1 + r) for a
    long, r / (1 - r) for a short.
    """
    book = event.book
    ratio = book.extra["profit_ratio"]
    if on_entry:
        return ratio
    rest = 1 + np.sign(book.position) * book.direction[book.asset] * ratio  # mark over entry
    bad = event.closable & (rest <= 0)
    if bad.any():
        first = int(np.argmax(bad))
        raise EventError(
            f"{rule.name} ranks by the return on the mark, which profit_ratio (a return on entry) does not "
            f"give for {bad.sum():,} of {event.closable.sum():,} "
            f"positions, first that of account {book.accounts[book.account[first]]!r} with "
            f"{ratio[first]:.6g}; give the column entry_price"
        )
    return ratio / np.where(rest > 0, rest, 1.0)


def _on_wallet(rule: QueueRule, event: Event) -> Array:
    return unrealized(event, rule.name) / np.maximum(1.0, _wallet(rule, event))


def _price_ratio(rule: QueueRule, event: Event, flip: bool) -> Array:
    book = event.book
    price, entry = book.price[book.asset], entry_prices(event, rule.name)
    ratio = np.divide(price, entry, out=np.ones_like(price), where=entry > 0) ** book.direction[book.asset]
    return np.where((book.position < 0) & flip, 1 / ratio, ratio)


def _open_leverage(rule: QueueRule, event: Event) -> Array:
    book, wallet = event.book, _wallet(rule, event)
    bad = event.closable & (wallet <= 0)
    if bad.any():
        first = int(np.argmax(bad))
        raise EventError(
            f"{rule.name} divides by the margin, but that of {bad.sum():,} of {event.closable.sum():,} "
            "closable positions is not positive, first "
            f"account {book.accounts[book.account[first]]!r} with {wallet[first]:.6g}; give the column "
            "margin (quote currency, positive)"
        )
    return event.held * entry_prices(event, rule.name) / np.where(wallet > 0, wallet, 1.0)


def _gross_leverage(event: Event) -> Array:
    book = event.book
    return (book.gross_notional / book.equity)[book.account]


PNL: dict[str, Term] = {
    "none": lambda rule, event: np.ones(len(event.size)),
    "return on entry": lambda rule, event: _return(rule, event, True),  # unrealized profit / value at entry
    "return on mark": lambda rule, event: _return(rule, event, False),  # unrealized profit / value at mark
    "return on wallet": _on_wallet,  # unrealized profit / max(1, margin)
    "price ratio": lambda rule, event: _price_ratio(
        rule, event, True
    ),  # long: mark / entry, short: entry / mark
    "mark over entry": lambda rule, event: _price_ratio(rule, event, False),  # for shorts too
}
LEVERAGE: dict[str, Term] = {
    "none": lambda rule, event: np.ones(len(event.size)),
    "leverage": lambda rule, event: (
        np.abs(event.book.notional) / _equity(event)
    ),  # the position's notional / equity
    "account leverage": lambda rule, event: _gross_leverage(event),
    "open leverage": _open_leverage,  # value at entry / margin
    "maintenance ratio": maintenance_ratio,  # maintenance margin of the account / equity
    "margin ratio": margin_ratio,  # 1 / max(maintenance margin, equity) of the gross notional
}
LOSERS: dict[str, Callable[[Array, Array], Array]] = {
    "divide": lambda pnl, leverage: pnl / leverage,
    "multiply": lambda pnl, leverage: pnl * leverage,
    "zero": lambda pnl, leverage: np.zeros_like(pnl),
    "exclude": lambda pnl, leverage: np.full_like(pnl, -np.inf),
}
PRICES = ("mark", "bankruptcy", "oracle", "previous mark", "not stated")
_KEYS: dict[str, Term] = {  # higher first
    "unrealized profit": lambda rule, event: unrealized(event, rule.name),
    "lowest balance": lambda rule, event: -_wallet(rule, event),
    "largest position": lambda rule, event: event.held,
}
TIES = ("account order", "newest first", "in proportion", "random start")


@dataclass(frozen=True)
class QueueRule:
    """A ranking as exchanges use it: highest score closed first, whole positions, the last one in part.

    Call it with an Event: it gives an Allocation, asset by asset, of the side that is required.

    - `pnl`, `leverage`: the terms whose product is the score (names in queue.PNL and queue.LEVERAGE; notional
      at the mark, equity of the account)
    - `losers`, with an unrealized loss: "divide" (pnl / leverage), "multiply", "zero" or "exclude" (never
      closed; where the others hold less than is required by a rounding, all that they hold is closed)
    - `price`: where positions are closed, as documented; it changes no size (see `adl.burden`)
    - `ties` (§16), required: what decides between equal scores (equal to 12 digits): any of "unrealized
      profit", "lowest balance", "largest position", then last "account order", "newest first" (the last
      account of the book is the newest), "in proportion" (to position) or "random start" (cyclic in account
      order from an account drawn with `seed`)
    - `maintenance`: a maintenance margin by `MaintenanceTiers`, or as one fraction of the notional for all;
      of a book with the column maintenance_margin that column counts, unless tiers are given
    - `name`, `source`, `sure` (whether it leaves nothing open) and `assumed` say where the rule is from

    Profit is taken from the column entry_price; returns may come from profit_ratio where there is no
    entry_price. Raises AdlError for a name that is not known, EventError where the book lacks what the rule
    ranks by.

    Source: THEORY 3.3 (a queue, re-ranked, becomes water-filling).

    >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 12, price=100, entry_price=[130, 150, 90])
    >>> rule = adl.QueueRule("return on entry", "leverage", "divide", "mark", "account order")
    >>> rule(event).amount.tolist()  # contracts
    [10.0, 2.0, 0.0]
    """

    pnl: str
    leverage: str
    losers: str
    price: str
    ties: str | tuple[str, ...]
    name: str = "queue"
    source: str = "own rule"
    sure: bool = True
    assumed: str = ""
    maintenance: float | MaintenanceTiers = 0.01
    seed: int = 1

    def __post_init__(self) -> None:
        for field, there_are in (("pnl", PNL), ("leverage", LEVERAGE), ("losers", LOSERS), ("price", PRICES)):
            _known(self.name, field, getattr(self, field), tuple(there_are))
        for key in self._ties[:-1]:
            _known(self.name, "ties before the last", key, tuple(_KEYS))
        _known(self.name, "the last of ties", self._ties[-1] if self._ties else None, TIES)
        rate = plain(self.maintenance)
        if not isinstance(self.maintenance, MaintenanceTiers) and not (math.isfinite(rate) and rate > 0):
            raise AdlError(
                f"{self.name}: maintenance = {self.maintenance!r} must be a positive fraction of the "
                "notional, or adl.MaintenanceTiers"
            )

    @property
    def _ties(self) -> tuple[str, ...]:
        return (self.ties,) if isinstance(self.ties, str) else tuple(self.ties)

    def __str__(self) -> str:
        return self.name

    def score(self, event: Event) -> Array:
        """By leg (legs,), a pure number, highest first; nan for legs that cannot be closed, -inf for those
        excluded.
        """
        need_event(event)
        pnl, leverage = PNL[self.pnl](self, event), LEVERAGE[self.leverage](self, event)
        leverage = np.where(event.closable, leverage, 1.0)
        even = 1.0 if self.pnl in ("price ratio", "mark over entry") else 0.0
        losing = pnl < even
        if self.pnl == "mark over entry":  # a short gains when the mark falls below its entry
            losing = _price_ratio(self, event, True) < even
        if self.losers == "exclude":  # "in profit" is more than none
            losing |= pnl == even
        return np.where(
            event.closable, np.where(losing, LOSERS[self.losers](pnl, leverage), pnl * leverage), np.nan
        )

    def __call__(self, event: Event) -> Allocation:
        keys = self._keys(event)
        amount = np.zeros(len(event.size))
        for k in np.flatnonzero(event.required > 0):
            legs, group = self._ranked(event, keys, int(k))
            # Whom the rule leaves may hold less than is required, by the rounding of two sums.
            required = min(float(event.required[k]), math.fsum(event.size[legs].tolist()))
            amount[legs] = _taken(event.size[legs], self._shared(group), required)
        return plain_allocation(event, amount, self.name, unique=None)

    def tied(self, event: Event) -> pd.DataFrame:
        """The positions whose closing a tie decided: account, asset, score, closed, least and most
        (contracts, signed like the position).

        least and most: closed if placed last and first among those it is tied with. Empty: no tie decided
        anything. Two positions tie if all that the rule states before the last entry of `ties` is equal; "in
        proportion" is a rule for them too.
        """
        import pandas as pd

        closed, keys = self(event).amount, self._keys(event)
        book, score = event.book, keys[0]
        found = [(np.zeros(0, dtype=int), np.zeros(0), np.zeros(0))]
        for k in np.flatnonzero(event.required > 0):
            legs, group = self._ranked(event, keys, int(k))
            size = event.size[legs]
            total = np.bincount(group, size)
            room = np.clip(float(event.required[k]) - (np.cumsum(total) - total), 0.0, total)[
                group
            ]  # what the tied close together
            least, most = np.maximum(room - (total[group] - size), 0.0), np.minimum(room, size)
            open_ = most - least > _TIED * size
            found.append((legs[open_], least[open_], most[open_]))
        j, least, most = (np.concatenate(column) for column in zip(*found))
        sign = np.sign(book.position[j])
        columns = {"score": score[j], "closed": sign * closed[j], "least": sign * least, "most": sign * most}
        names = {
            "account": book.accounts[book.account[j]],
            "asset": np.array(book.assets, dtype=object)[book.asset[j]],
        }
        return pd.DataFrame({**names, **{name: values + 0.0 for name, values in columns.items()}})

    def _keys(self, event: Event) -> list[Array]:
        """The score and what decides between equal ones, by leg, highest first."""
        return [self.score(event), *(_KEYS[key](self, event) for key in self._ties[:-1])]

    def _ranked(self, event: Event, by: list[Array], k: int) -> tuple[Index, Index]:
        """Legs of asset k in order, and the number of the tie each belongs to, rising."""
        legs = event.closable_legs[k]
        legs = legs[by[0][legs] != -np.inf]
        held = float(event.size[legs].sum())
        if event.required[k] > held * (1 + _ROUNDING):
            raise EventError(
                f"{self.name} closes only accounts in profit: they hold {held:.6g} of the "
                f"{event.required[k]:.6g} contracts of "
                f"{event.book.assets[k]!r} to be closed; close at most that, or use "
                "dataclasses.replace(rule, losers='zero')"
            )
        keys = [_levels(key[legs]) for key in by]
        place = np.arange(len(legs))
        if self._ties[-1] == "newest first":
            place = -place
        if self._ties[-1] == "random start" and len(legs):
            place = (place - int(np.random.default_rng(self.seed).integers(len(legs)))) % len(legs)
        order = np.lexsort((place, *keys[::-1]))
        new = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
        return legs[order], np.concatenate(([0], np.cumsum(new)))[: len(legs)]

    def _shared(self, group: Index) -> Index:
        return group if self._ties[-1] == "in proportion" else np.arange(len(group))


def _known(rule: str, field: str, value: object, there_are: tuple[str, ...]) -> None:
    if value not in there_are:
        raise AdlError(
            f"{rule}: {field} = {value!r} is not known; there are {', '.join(map(repr, there_are))}"
        )


def _levels(values: Array) -> Index:
    """0 for the highest, and so on; neighbours closer than rounding have one number."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    new = -np.diff(ordered) > _TIED * np.maximum(np.abs(ordered[1:]), np.abs(ordered[:-1]))
    level = np.empty(len(values), dtype=np.int64)
    level[order] = np.concatenate(([0], np.cumsum(new)))[: len(values)]
    return level


def _taken(size: Array, group: Index, required: float) -> Array:
    """What each of the ordered legs closes: groups wholly, one after the other, the last one in proportion to
    size; exact (§6).
    """
    total = np.bincount(group, size)
    before = np.cumsum(total) - total
    share = np.clip(required - before, 0.0, total) / np.where(total > 0, total, 1.0)
    whole = np.round(share)
    share = np.where(np.abs(share - whole) <= _TIED, whole, share)  # what sums leave by rounding is nothing
    last = int(np.searchsorted(before + total, required * (1 - _LAST_BITS)))
    return clear_exactly(share[group] * size, size, required, share=np.where(group == last, size, 0.0))
