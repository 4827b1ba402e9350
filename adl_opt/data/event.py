"""Event: what must be closed, on which side, and what can be (§5, §7, §8)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.book import Book
from adl_opt.data.limits import LIMITS
from adl_opt.data.magnitudes import check_leverages
from adl_opt.errors import EventError
from adl_opt.inputs import plain
from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.numerics.groups import Groups
from adl_opt.numerics.readonly import ReadOnly, fixed
from adl_opt.text import clipped, figure, nearest, one_line, several, two_lines

if TYPE_CHECKING:
    import pandas as pd

_DUST = 1e-9  # fractions closed this close to 0 or 1 are a solver's rounding


class Event(ReadOnly):
    """What must be closed of a book, on which side, and what may be.

    - `book`: a Book whose accounts all have positive equity (§8)
    - `short`, `long`: asset -> what is to be closed of shorts, of longs: contracts > 0, a share of the
      capacity such as "35%", or "all"; one side an asset (§1, §5)
    - `protected`: ids of accounts of which nothing may be closed
    - `cap`: the most that may be closed of a position, as a fraction in (0, 1]: one number, or account ->
      fraction, 1 for the others

    Raises EventError for accounts without positive equity, unknown assets and accounts, negative or infinite
    requirements, caps outside (0, 1], and for more than what these limits leave (§7).

    >>> book = adl.examples.paper().book
    >>> event = adl.Event(book, short={"BTC": 10.0}, protected=["D"], cap=0.5)
    >>> event.capacity.to_dict()  # contracts: half of what A, B and C are short
    {'BTC': 13.0}
    """

    def __init__(
        self,
        book: Book,
        short: Mapping[str, Any] | None = None,
        long: Mapping[str, Any] | None = None,
        *,
        protected: Iterable[Any] = (),
        cap: float | Mapping[Any, float] = 1.0,
    ) -> None:
        if not isinstance(book, Book):
            raise EventError(
                f"an Event takes a Book, not {type(book).__name__}: adl.Book.read(path) or "
                "adl.Book.from_frame(frame)"
            )
        self.book = book
        broke = book.equity <= 0
        if broke.any():
            first = int(np.argmax(broke))
            raise EventError(
                f"{broke.sum():,} of {len(broke):,} accounts have no positive equity, first "
                f"{book.accounts[first]!r} with "
                f"{book.equity[first]:.6g}; book.solvent() (--solvent on the command line) keeps the "
                "others (§8)"
            )
        check_leverages(book)
        given = [
            (asset, value, sign)
            for amounts, sign in ((short, -1), (long, 1))
            for asset, value in requirement_pairs(amounts)
        ]
        if not given:
            raise EventError('nothing to close: say short={"BTC": 10.0} or long={"BTC": 10.0}, in contracts')
        said = {"protected": protected, "cap": cap}
        limits = [kind(book, said[kind.name]) for kind in LIMITS]
        self.given_limits: dict[str, Any] = {limit.name: limit.given for limit in limits}
        self.limits = [words for limit in limits if (words := limit.words())]  # in words
        spared = [limit.spared for limit in limits if limit.spared is not None]
        shares = [limit.share for limit in limits if limit.share is not None]
        self._stays = np.logical_or.reduce(spared) if spared else None
        self._share = math.prod(shares[1:], start=shares[0]) if shares else None
        self.side = np.zeros(len(book.assets), dtype=np.int8)
        self.required, self.capacities = np.zeros((2, len(book.assets)))
        for asset, value, sign in given:
            k = _asset_number(asset, book)
            if self.side[k]:
                raise EventError(
                    f"{asset!r} is required on both sides; an event closes one side of an asset (§5)"
                )
            self.side[k] = sign
            self.capacities[k] = self._capacity(k)
            self.required[k] = _amount(asset, value, sign, float(self.capacities[k]), self.limits)
        for values in (self.side, self.required, self.capacities, self._stays, self._share):
            fixed(values)

    def _capacity(self, k: int) -> float:
        legs = self.book.legs_of[k]
        legs = legs[self.book.position[legs] * self.side[k] > 0]
        if self._stays is not None:
            legs = legs[~self._stays[self.book.account[legs]]]
        return math.fsum(self.size[legs].tolist())

    @property
    def protected(self) -> tuple[str, ...]:
        """Accounts of which nothing may be closed, in the book's order."""
        return self.given_limits["protected"]

    @property
    def cap(self) -> float | dict[str, float]:
        """The most that may be closed of a position, as a fraction: one number, or by account."""
        return self.given_limits["cap"]

    @property
    def capacity(self) -> pd.Series:
        """The most that can be closed on the required side, contracts, by required asset."""
        import pandas as pd

        return pd.Series(self.capacities[self.side != 0], index=self.required_assets, name="capacity")

    @property
    def required_assets(self) -> list[str]:
        return [asset for asset, side in zip(self.book.assets, self.side) if side]

    @property
    def short(self) -> dict[str, float]:
        """Contracts of shorts to close, by asset."""
        return {a: float(q) for a, q, s in zip(self.book.assets, self.required, self.side) if s < 0}

    @property
    def long(self) -> dict[str, float]:
        """Contracts of longs to close, by asset."""
        return {a: float(q) for a, q, s in zip(self.book.assets, self.required, self.side) if s > 0}

    @cached_property
    def held(self) -> Array:
        """|position| of each leg, (legs,), contracts."""
        return fixed(np.abs(self.book.position))

    @cached_property
    def size(self) -> Array:
        """The most that may be closed of each closable leg, (legs,), contracts: its position, or the cap's
        share of it. Fractions closed are of this.
        """
        return fixed(self.closable_part(self.held))

    @cached_property
    def notional(self) -> Array:
        """Signed notional of `size`, (legs,), quote currency: what closing a leg as far as may be takes
        away.
        """
        return fixed(self.closable_part(self.book.notional))

    @property
    def capped(self) -> bool:
        """Whether some positions may not be closed whole."""
        return self._share is not None

    def closable_part(self, values: Array) -> Array:
        """Values of whole positions (legs,) times the share of them that may be closed; the same array
        without a cap.
        """
        return values if self._share is None else self._share * values

    @cached_property
    def shielded(self) -> Mask:
        """Legs of protected accounts."""
        stays = np.zeros(len(self.book.accounts), dtype=bool) if self._stays is None else self._stays
        return fixed(stays[self.book.account])

    @cached_property
    def closable(self) -> Mask:
        """Legs on the side being closed in their asset, of accounts that are not protected (§5)."""
        legs = (np.sign(self.book.position) == self.side[self.book.asset]) & (self.size > 0)
        return fixed(legs if self._stays is None else legs & ~self.shielded)

    @cached_property
    def closable_legs(self) -> Groups:
        """`event.closable_legs[k]`: the closable legs in asset number k."""
        return Groups(self.book.asset, len(self.side), self.closable)

    @cached_property
    def free_assets(self) -> Index:
        """Asset numbers whose requirement is strictly between 0 and the capacity: only there is something to
        decide (§5).
        """
        return fixed(np.flatnonzero((self.required > 0) & (self.required < self.capacities)))

    @cached_property
    def free(self) -> Mask:
        """Legs that something is to be decided about."""
        return fixed(self.closable & np.isin(self.book.asset, self.free_assets))

    @cached_property
    def free_legs(self) -> Groups:
        """`event.free_legs[k]`: the free legs in asset number k."""
        return Groups(self.book.asset, len(self.side), self.free)

    @cached_property
    def fixed_fraction(self) -> Array:
        """Fraction closed of the legs that are not free, (legs,): 1 where the capacity is required, else
        0.
        """
        whole = (self.required > 0) & (self.required == self.capacities)
        return fixed(np.where(self.closable & whole[self.book.asset], 1.0, 0.0))

    @cached_property
    def pro_rata_fraction(self) -> Array:
        """Fraction closed if every closable leg gives the same share of what may be closed of it, (legs,): a
        feasible reference point.
        """
        share = np.divide(
            self.required, self.capacities, out=np.zeros_like(self.required), where=self.capacities > 0
        )
        return fixed(np.where(self.closable, share[self.book.asset], 0.0))

    @property
    def pro_rata_amount(self) -> Array:
        """What pro rata closes of each leg, (legs,) contracts."""
        return self.pro_rata_fraction * self.size

    def amount_from(self, fraction: Array | float = 0.0) -> Array:
        """What is closed of each leg, (legs,) contracts, if `fraction` (F,) is closed of the free legs."""
        amount = self.fixed_fraction * self.size
        amount[self.free] = fraction * self.size[self.free]
        return amount

    def fraction_from(self, amount: Array) -> Array:
        """Fractions (F,) closed of the free legs in an amount (legs,) contracts."""
        return amount[self.free] / self.size[self.free]

    @cached_property
    def natural_scale(self) -> Array:
        """Of each account's money (n,), quote currency: gross notional or equity, whichever is more (§10)."""
        return fixed(np.maximum(self.book.gross_notional, self.book.equity))

    def with_requirement(
        self, short: Mapping[str, Any] | None = None, long: Mapping[str, Any] | None = None
    ) -> Event:
        """The same book with another requirement (the whole of it), under the same limits.

        `short`, `long`: as of Event. Raises EventError as Event does.

        >>> adl.examples.paper().with_requirement(long={"ETH": 5.0}).long
        {'ETH': 5.0}
        """
        return Event(self.book, short=short, long=long, **self.given_limits)

    def __repr__(self) -> str:
        limits = "".join(f"{words}; " for words in self.limits)
        return two_lines(f"Event(close {self.in_words()} (contracts); {limits}{self.book!r})")

    def in_words(self) -> str:
        """What is closed: side, contracts and asset of the first few requirements."""
        sides = (("short", self.short), ("long", self.long))
        return several(f"{side} {q:.6g} of {clipped(a)}" for side, closed in sides for a, q in closed.items())

    def _repr_html_(self) -> str:
        number = np.flatnonzero(self.side)
        k = number[: html.SHOWN]
        most, price = self.capacities[k], self.book.price[k]
        share = 100 * np.divide(self.required[k], most, out=np.zeros(len(k)), where=most > 0)
        numbers = {
            ("to close", "contracts"): self.required[k], ("of at most", "contracts"): most,
            ("share", "%"): share, ("notional", self.book.currency): self.required[k] * price,
        }  # fmt: skip
        columns = [
            html.words("asset", [self.book.assets[j] for j in k]),
            html.words("side", ["shorts" if self.side[j] < 0 else "longs" for j in k]),
            *(html.Column(*name, [figure(x, 6) for x in values]) for name, values in numbers.items()),
        ]
        return html.panel(
            f"Event: close positions of {len(self.book.accounts):,} accounts",
            html.table(columns, html.shown(len(number), "requirements")),
            html.facts([("limits", "; ".join(self.limits)), ("book", one_line(self.book))]),
        )


def cleared(event: Event, amount: Array) -> Array:
    """`amount` without the solver's rounding: dust closed or left whole, clearing exact (§6)."""
    amount = np.where(
        amount <= _DUST * event.size, 0.0, np.where(amount >= (1 - _DUST) * event.size, event.size, amount)
    )
    for k in event.free_assets:
        legs = event.free_legs[k]
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return amount


def requirement_pairs(amounts: Any) -> list[tuple[str, Any]]:
    """(asset, amount) of a dict or Series of requirements; EventError for anything else."""
    if amounts is None:
        return []
    if not hasattr(amounts, "items"):
        raise EventError(f"a requirement maps assets to contracts, such as {{'BTC': 10.0}}, not {amounts!r}")
    return [(str(asset), value) for asset, value in amounts.items()]


def _asset_number(asset: str, book: Book) -> int:
    if asset not in book.number_of:
        assets = book.assets
        near = nearest(asset, assets)
        raise EventError(
            f"no account holds {asset!r}; "
            + (
                f"did you mean {near!r}?"
                if near
                else f"the book has {', '.join(assets[:6])}{', ...' if len(assets) > 6 else ''} (§9)"
            )
        )
    return book.number_of[asset]


def _amount(asset: str, value: Any, sign: int, capacity: float, limits: list[str]) -> float:
    side = "shorts" if sign < 0 else "longs"
    if isinstance(value, str) and value.lower() == "all":
        return capacity
    share = isinstance(value, str) and value.strip().endswith("%")
    amount = plain(value.strip()[:-1], text=True) / 100 * capacity if share else plain(value, text=True)
    if math.isnan(amount):
        raise EventError(
            f"the requirement of {asset!r} must be a number of contracts, a share such as '35%', or 'all', "
            f"not {value!r}"
        )
    if not (math.isfinite(amount) and amount >= 0):
        raise EventError(
            f"cannot close {amount!r} contracts of {asset!r}: requirements are finite and positive, by "
            "side (§1)"
        )
    if amount > capacity:
        most = (
            f"of the {side} {capacity!r} may be closed ({', '.join(limits)})"
            if limits
            else f"the {side} hold {capacity!r} in all"
        )
        raise EventError(
            f"cannot close {amount!r} contracts of {asset!r}: {most}; close at most that, or 'all' (§7)"
        )
    return amount
