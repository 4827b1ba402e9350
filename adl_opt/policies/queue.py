"""QueueRule: accounts ranked by profit term x leverage term and closed one after the other, as exchanges do;
what a tie decides (§16).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adl_opt.arrays import TINY, Array, Index
from adl_opt.data.event import Event
from adl_opt.data.maintenance import MaintenanceTiers
from adl_opt.errors import AdlError, EventError
from adl_opt.inputs import plain
from adl_opt.policies.base import need_event, plain_allocation
from adl_opt.policies.closing_prices import entry_prices, unrealized
from adl_opt.policies.margin_terms import maintenance_ratio, margin_ratio
from adl_opt.policies.places import Places
from adl_opt.policies.ranking import levels, taken
from adl_opt.problem.allocation import Allocation

_ROUNDING = 1e-12  # relative: of a requirement against what is held

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


def _initial(rule: QueueRule, event: Event, every: bool = False) -> Array:
    """Initial margin of each leg (legs,), quote currency, from the column; 1 for legs that are not ranked.

    `every`: those of the other legs too, which may be 0. EventError without the column, and unless positive.
    """
    book = event.book
    if "initial_margin" not in book.extra:
        raise EventError(
            f"{rule.name} ranks by the initial margin: the book has no column initial_margin (quote currency)"
        )
    initial = book.extra["initial_margin"]
    bad = event.closable & ~(initial > 0)
    if bad.any():
        j = int(np.argmax(bad))
        raise EventError(
            f"{rule.name} divides by the initial margin, but that of {bad.sum():,} of "
            f"{event.closable.sum():,} closable positions is not positive, first that of account "
            f"{book.accounts[book.account[j]]!r} with "
            f"{initial[j]:.6g}; mend the column initial_margin"
        )
    return initial if every else np.where(event.closable, initial, 1.0)


def _entry(rule: QueueRule, event: Event) -> Array:
    """Entry prices with the sign that ranks a long bought low and a short sold high first."""
    book = event.book
    return -np.sign(book.position) * book.direction[book.asset] * entry_prices(event, rule.name)


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
    "return on initial margin": lambda rule, event: unrealized(event, rule.name) / _initial(rule, event),
    "unrealized profit": lambda rule, event: unrealized(event, rule.name),  # quote currency
    "entry price": _entry,  # the best for its holder first
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
    "opening leverage": lambda rule, event: (
        event.held * entry_prices(event, rule.name) / _initial(rule, event)
    ),  # value at entry / initial margin
    "initial margin / margin": lambda rule, event: (
        event.book.per_account(_initial(rule, event, every=True))[event.book.account] / _equity(event)
    ),  # of the account; margin is its equity
    "equity / maintenance": lambda rule, event: (
        1 / np.maximum(LEVERAGE["maintenance ratio"](rule, event), TINY)
    ),
}
LOSERS: dict[str, Callable[[Array, Array], Array]] = {
    "divide": lambda pnl, leverage: pnl / leverage,
    "multiply": lambda pnl, leverage: pnl * leverage,
    "zero": lambda pnl, leverage: np.zeros_like(pnl),
    "exclude": lambda pnl, leverage: np.full_like(pnl, -np.inf),
}
PRICES = (
    "mark", "bankruptcy", "bankruptcy by pair", "own entry", "oracle", "previous mark", "not stated",
)  # fmt: skip
_KEYS: dict[str, Term] = {  # higher first
    "unrealized profit": lambda rule, event: unrealized(event, rule.name),
    "lowest balance": lambda rule, event: -_wallet(rule, event),
    "largest position": lambda rule, event: event.held,
}
TIES = ("account order", "newest first", "in proportion", "random start")


@dataclass(frozen=True)
class QueueRule(Places):
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
    def drawn(self) -> bool:
        """Whether the place in the queue depends on a start that is drawn."""
        return self._ties[-1] == "random start"

    @property
    def _ties(self) -> tuple[str, ...]:
        return (self.ties,) if isinstance(self.ties, str) else tuple(self.ties)

    def __str__(self) -> str:
        return self.name

    def score(self, event: Event) -> Array:
        """By leg (legs,), highest first, a pure number (quote currency where pnl is the unrealized profit or
        the entry price); nan for legs that cannot be closed, -inf for those excluded.
        """
        need_event(event)
        pnl, leverage = PNL[self.pnl](self, event), LEVERAGE[self.leverage](self, event)
        leverage = np.where(event.closable, leverage, 1.0)
        even = 1.0 if self.pnl in ("price ratio", "mark over entry") else 0.0
        losing = pnl < even
        if self.pnl == "mark over entry":  # a short gains when the mark falls below its entry
            losing = _price_ratio(self, event, True) < even
        if self.pnl == "entry price":  # of any sign: who loses is not in it
            losing = unrealized(event, self.name) < even
        if self.losers == "exclude":  # "in profit" is more than none
            losing |= (unrealized(event, self.name) if self.pnl == "entry price" else pnl) == even
        return np.where(
            event.closable, np.where(losing, LOSERS[self.losers](pnl, leverage), pnl * leverage), np.nan
        )

    def __call__(self, event: Event) -> Allocation:
        return plain_allocation(event, self.closed_from(event), self.name, unique=None)

    def closed_from(self, event: Event, start: int | None = None) -> Array:
        """Contracts closed of each leg, (legs,); `start`: the number of the closable position at which a
        "random start" begins in every asset, in place of the one drawn.
        """
        keys = self._keys(event)
        amount = np.zeros(len(event.size))
        for k in np.flatnonzero(event.required > 0):
            legs, group = self._ranked(event, keys, int(k), start)
            # Whom the rule leaves may hold less than is required, by the rounding of two sums.
            required = min(float(event.required[k]), math.fsum(event.size[legs].tolist()))
            amount[legs] = taken(event.size[legs], self._shared(group), required)
        return amount

    def _keys(self, event: Event) -> list[Array]:
        """The score and what decides between equal ones, by leg, highest first."""
        return [self.score(event), *(_KEYS[key](self, event) for key in self._ties[:-1])]

    def _ranked(self, event: Event, by: list[Array], k: int, start: int | None = None) -> tuple[Index, Index]:
        """Legs of asset k in order, and the number of the tie each belongs to, rising."""
        legs, group = self._order(event, by, k, start)
        held = float(event.size[legs].sum())
        if event.required[k] > held * (1 + _ROUNDING):
            raise EventError(
                f"{self.name} closes only accounts in profit: they hold {held:.6g} of the "
                f"{event.required[k]:.6g} contracts of "
                f"{event.book.assets[k]!r} to be closed; close at most that, or use "
                "dataclasses.replace(rule, losers='zero')"
            )
        return legs, group

    def _order(self, event: Event, by: list[Array], k: int, start: int | None = None) -> tuple[Index, Index]:
        """As `_ranked`, whatever is required; legs that the rule excludes are left out."""
        legs = event.closable_legs[k]
        legs = legs[by[0][legs] != -np.inf]
        keys = [levels(key[legs]) for key in by]
        place = np.arange(len(legs))
        if self._ties[-1] == "newest first":
            place = -place
        if self.drawn and len(legs):
            drawn = int(np.random.default_rng(self.seed).integers(len(legs)))
            place = (place - (drawn if start is None else start)) % len(legs)
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
