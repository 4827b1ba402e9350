"""What a price move does to a book, as `stress` tells it: tables and words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.studies.bankruptcy import bankruptcy_prices
from adl_opt.studies.liquidation import Liquidation
from adl_opt.text import figure, two_lines

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Stress:
    """What a price move does to a book: who fails, who pays, what must be closed; made by `stress`.

    - `before`: the book; `move` (d,): relative; `fund`: quote currency
    - `marked`: every account at the moved prices, equity of any sign; `book`: those that stay, which are
      solvent and not liquidated, None if there are none
    - `event`: what they must close, None if nothing
    - `failed` (n,): accounts that owe, or are left nothing; `closing` (n,): those liquidated, which with a
      maintenance margin are more; `margin` (n,): that margin, and `cost` (n,) their slippage, quote currency
    - `netted` (d,): contracts that the failed hold in all, long > 0; `sold` (d,): what the market takes of
      the other liquidated ones; `lacking` (d,): contracts that nobody who stays holds on that side

    >>> after = adl.stress(adl.examples.paper().book, {"BTC": 0.2, "ETH": -0.1}, fund=1000.0)
    >>> after.deficit, after.uncovered, after.event.short  # quote currency; contracts
    (12999.0, 11999.0, {'ETH': 190.0})
    """

    before: Book
    move: Array
    fund: float
    marked: Book
    book: Book | None
    event: Event | None
    netted: Array
    lacking: Array
    sold: Array
    failed: Mask
    closing: Mask
    cost: Array
    margin: Array
    how: Liquidation

    @property
    def insolvent(self) -> pd.DataFrame:
        """The accounts that fail, worst first: a table, a line an account.

        Columns account, equity_before, profit, equity, deficit, gross_notional (quote currency, after the
        move; deficit after the slippage of a liquidation).

        >>> adl.stress(adl.examples.paper().book, {"BTC": 0.3}).insolvent[["account", "deficit"]].round(2)
        account        deficit
                quote currency
        B               58,000
        D               23,799
        """
        from adl_opt.table import with_units

        broke = self._worst(self.failed)
        then, now = self.before.equity[broke], self.marked.equity[broke]
        columns = {
            "equity_before": then,
            "profit": now - then,
            "equity": now,
            "deficit": self.cost[broke] - now,
            "gross_notional": self.marked.gross_notional[broke],
        }
        units = dict.fromkeys(columns, self.marked.currency)
        return with_units({"account": self.marked.accounts[broke], **columns}, units)

    @property
    def liquidated(self) -> pd.DataFrame:
        """The accounts whose equity is at most their maintenance margin, worst first: a table.

        Columns account, equity, maintenance_margin, slippage, left, deficit, gross_notional (quote currency,
        after the move): what liquidation leaves to the account, or what it owes. Without `maintenance` those
        that fail.

        >>> book = adl.examples.paper().book
        >>> adl.stress(book, {"BTC": 0.2}, maintenance=0.1).liquidated[["account", "left"]]
        account           left
                quote currency
        B                9,000
        D               23,101
        C             73,504.8
        """
        from adl_opt.table import with_units

        who = self._worst(self.closing)
        left = self.marked.equity[who] - self.cost[who]
        columns = {
            "equity": self.marked.equity[who],
            "maintenance_margin": self.margin[who],
            "slippage": self.cost[who],
            "left": np.maximum(left, 0.0),
            "deficit": np.maximum(-left, 0.0),
            "gross_notional": self.marked.gross_notional[who],
        }
        units = dict.fromkeys(columns, self.marked.currency)
        return with_units({"account": self.marked.accounts[who], **columns}, units)

    @property
    def liquidation_prices(self) -> pd.DataFrame:
        """Bankruptcy and zero price of every position that is liquidated: `bankruptcy_prices` at the moved
        prices, by the maintenance margin of the stress.
        """
        found = bankruptcy_prices(self.marked, self.how.maintenance)
        return found.loc[self.closing[self.marked.account]].reset_index(drop=True)

    def _worst(self, of: Mask) -> Index:
        chosen = np.flatnonzero(of)
        return chosen[np.argsort((self.marked.equity - self.cost)[chosen], kind="stable")]

    @property
    def deficit(self) -> float:
        """What the accounts that fail owe in all, quote currency >= 0."""
        return math.fsum((self.cost - self.marked.equity)[self.failed].tolist()) + 0.0

    @property
    def uncovered(self) -> float:
        """What the fund cannot pay of the deficit, quote currency: lost by the exchange."""
        return max(self.deficit - self.fund, 0.0)

    @property
    def fund_left(self) -> float:
        """Quote currency."""
        return max(self.fund - self.deficit, 0.0)

    @property
    def taken_over(self) -> bool:
        """Whether the fund takes the positions of those who fail, so that nothing must be closed
        (`fund_first`).
        """
        return self.how.fund_first and bool(self.failed.any()) and self.uncovered == 0

    @property
    def net_position(self) -> pd.Series:
        """By asset: what the accounts that fail hold in all, longs and shorts offset, contracts, long > 0.

        Net long closes solvent shorts, and conversely.
        """
        return self._by_asset(self.netted, "net_position")

    @property
    def market(self) -> pd.Series:
        """By asset: what the market takes of liquidated accounts that can pay, contracts, long > 0: what they
        hold in all, less what offsets the accounts that fail.
        """
        return self._by_asset(self.sold, "market")

    @property
    def missing(self) -> pd.Series:
        """By asset: contracts that remain when every solvent position on the opposite side is closed; 0 where
        it suffices.
        """
        return self._by_asset(self.lacking, "missing")

    def _by_asset(self, values: Array, name: str) -> pd.Series:
        import pandas as pd

        return pd.Series(values, index=list(self.before.assets), name=name)

    def summary(self) -> str:
        """Who failed, the deficit against the fund, and what must be closed, in words; several lines.

        >>> print(adl.stress(adl.examples.paper().book, {"BTC": 0.3}, fund=1000.0).summary())
        move: BTC +30 %
        insolvent: 2 of 4 accounts, owing B 58,000, D 23,799 (quote currency)
        deficit: 81,799; the fund pays 1,000, uncovered 80,799 (quote currency)
        BTC: the insolvent hold -17 net; missing 17: no solvent longs are left to close (contracts)
        ETH: the insolvent hold 228.7 net; close 228.7 of solvent shorts, who hold 649.2 (contracts)
        """
        after, assets = self.marked, self.before.assets
        moved = ", ".join(f"{a} {100 * m:+,.6g} %" for a, m in zip(assets, self.move) if m) or "nothing moves"
        lines = [f"move: {moved}", *self._liquidated_in_words()]
        lines.append(f"insolvent: {self.failed.sum():,} of {len(after.equity):,} accounts")
        if not self.failed.any():
            return "\n".join([*lines, "nothing must be closed"])
        lines[-1] += f", owing {self._named(self.cost - after.equity, self._worst(self.failed))}"
        paid = (
            f"the fund of {figure(self.fund)} covers it, {figure(self.fund_left)} is left"
            if self.uncovered == 0
            else f"the fund pays {figure(self.fund)}, uncovered {figure(self.uncovered)}"
        )
        lines.append(f"deficit: {figure(self.deficit)}; {paid} ({after.currency})")
        if self.taken_over:
            held = self._held_in_words(self.netted, "nothing net")
            return "\n".join([*lines, f"the fund takes over {held}: nothing must be closed"])
        lines += [self._asset_in_words(k) for k in np.flatnonzero((self.netted != 0) | (self.lacking != 0))]
        return "\n".join(lines)

    def _liquidated_in_words(self) -> list[str]:
        if self.how.margins is None:
            return []
        paying = self._worst(self.closing & ~self.failed)
        among = f"{self.closing.sum():,} of {len(self.closing):,} accounts"
        said = f"liquidated: {among} at their maintenance margin"
        if not len(paying):
            return [said]
        left = self._named(self.marked.equity - self.cost, paying)
        sold = self._held_in_words(self.sold, "nothing")
        return [f"{said}, {len(paying):,} of them able to pay, left {left}", f"the market takes {sold}"]

    def _named(self, values: Array, who: Index) -> str:
        """The first of these accounts with a value each."""
        of = self.marked
        said = ", ".join(f"{of.accounts[i]} {figure(float(values[i]) + 0.0)}" for i in who[:_SHOWN])
        return f"{said}{', ...' if len(who) > _SHOWN else ''} ({of.currency})"

    def _held_in_words(self, contracts: Array, none: str) -> str:
        held = [(self.before.assets[k], contracts[k]) for k in np.flatnonzero(contracts)]
        said = ", ".join(f"{figure(float(q))} {asset}" for asset, q in held[:_SHOWN])
        return f"{said}{', ...' if len(held) > _SHOWN else ''} (contracts, long > 0)" if held else none

    def _asset_in_words(self, k: int) -> str:
        net, side = self.netted[k], "shorts" if self.netted[k] > 0 else "longs"
        line = f"{self.before.assets[k]}: the insolvent hold {figure(net)} net"
        close = 0.0 if self.event is None else float(self.event.required[k])
        if self.event is not None and close:
            line += (
                f"; close {figure(close)} of solvent {side}, who hold "
                f"{figure(float(self.event.capacities[k]))}"
            )
        if self.lacking[k]:
            line += f"; missing {figure(self.lacking[k])}: no solvent {side} are left to close"
        elif not close:
            line += (
                ", offset by what else is liquidated: nothing to close"
                if self.closing.sum() > self.failed.sum() and abs(net) > 1e-9 * self._gross(k)
                else ", a rounding: nothing to close"
            )
        return f"{line} (contracts)"

    def _gross(self, k: int) -> float:
        legs = self.before.legs_of[k]
        return float(np.abs(self.before.position[legs][self.failed[self.before.account[legs]]]).sum())

    def __repr__(self) -> str:
        return two_lines(f"Stress({self.summary().replace(chr(10), '; ')})")

    def _repr_html_(self) -> str:
        said = [line.partition(": ") for line in self.summary().splitlines()]
        facts = html.facts((name, text) if text else ("so", name) for name, _, text in said)
        broke = self.insolvent
        below = html.line(html.shown(len(broke), "insolvent accounts, the worst first"))
        worst = broke.head(html.SHOWN).to_panel() + below if len(broke) else ""
        return html.panel(f"Stress of {len(self.before.accounts):,} accounts", facts, worst)
