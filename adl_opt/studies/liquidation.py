"""Who is liquidated at a maintenance margin, what the market takes of it, and what is left to be closed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.maintenance import Margins, margins_of
from adl_opt.errors import EventError
from adl_opt.inputs import plain
from adl_opt.text import nearest

ROUNDING = 1e-12  # of the contracts netted: a smaller remainder is the rounding of decimal numbers


@dataclass(frozen=True)
class Liquidation:
    """How accounts are liquidated: at `margins` (None: where nothing is left), at the mark less `slippage`
    (d,), with the fund first or not; `maintenance` is what the margins were made of.
    """

    maintenance: Any = None
    margins: Margins | None = None
    slippage: Array | None = None
    fund_first: bool = False

    def margin(self, notional: Array) -> Array:
        """Of each leg (legs,) or (legs, S) of that notional >= 0; zero where nobody is liquidated early."""
        return np.zeros(notional.shape) if self.margins is None else self.margins.of(notional)

    def cost_rate(self, book: Book) -> Array:
        """What closing each leg (legs,) costs of its notional: the slippage, in coin of inverse contracts."""
        if self.slippage is None:
            return np.zeros(len(book.asset))
        sign, slip = np.sign(book.position), self.slippage[book.asset]
        return np.where(book.inverse[book.asset], slip / (1 - sign * slip), slip)


INSOLVENT_ONLY = Liquidation()


def liquidation(book: Book, maintenance: Any, slippage: Any, fund_first: Any) -> Liquidation:
    """Checked. Raises EventError, and BookError for a maintenance margin that the book cannot have."""
    if not isinstance(fund_first, (bool, np.bool_)):
        raise EventError(f"fund_first = {fund_first!r:.40}: True or False")
    slips = _slippages(book, slippage)
    if maintenance is None:
        if slips.any():
            raise EventError(
                "slippage is what liquidations cost; say at which margin accounts are liquidated: "
                "maintenance=adl.MaintenanceTiers(...), or one rate such as 0.01"
            )
        return Liquidation(fund_first=bool(fund_first))
    return Liquidation(maintenance, margins_of(book, maintenance), slips, bool(fund_first))


def _slippages(book: Book, slippage: Any) -> Array:
    """By asset number (d,): one for all, or asset -> slippage, 0 for the others."""
    named = slippage if isinstance(slippage, Mapping) else dict.fromkeys(book.assets, slippage)
    found = np.zeros(len(book.assets))
    for name, value in named.items():
        k, slip = book.number_of.get(str(name)), plain(value)
        if k is None:
            near = nearest(str(name), book.assets)
            meant = f"; did you mean {near!r}?" if near else ""
            raise EventError(f"the slippage names {name!r} that no account holds{meant}")
        if not (math.isfinite(slip) and 0 <= slip < 1):
            raise EventError(
                f"slippage = {value!r:.40}: a fraction of the mark, at least 0 and below 1; 0.5 % is 0.005"
            )
        found[k] = slip
    return found


class Netted(NamedTuple):
    """By asset, and by scenario where there are several: contracts, long > 0.

    - `failed`: what those hold in all who cannot pay; `sold`: what the market takes of the others, after both
      offset one another
    - `required`: what must be closed against the solvent, of the sign of `failed`; `lacking`: what none holds
    """

    failed: Array
    sold: Array
    required: Array
    lacking: Array


def netted(failed: Array, gross: Array, paid: Array, longs: Array, shorts: Array) -> Netted:
    """What must be closed. All (d,) or (d, S), contracts.

    failed: net position of accounts that cannot pay, `gross` its size without offsets; paid: net position of
    the other liquidated ones; longs and shorts >= 0: what the accounts that stay hold.
    """
    offset = np.where(failed * paid < 0, np.minimum(np.abs(failed), np.abs(paid)), 0.0)
    rest = np.abs(failed) - offset
    due = rest > ROUNDING * gross
    room = np.where(due, np.where(failed > 0, shorts, longs), 0.0)
    lacking = np.where(due, rest - room, 0.0)
    lacking = np.where(lacking > ROUNDING * rest, lacking, 0.0)
    return Netted(failed, paid - np.sign(paid) * offset, np.sign(failed) * np.minimum(room, rest), lacking)
