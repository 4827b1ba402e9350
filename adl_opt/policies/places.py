"""Where a position stands in a queue: rank, quantiles, lights, what must be required until it is reached, and
what a tie decides (§16).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.policies.ranking import TIED

if TYPE_CHECKING:
    import pandas as pd

    from adl_opt.problem.allocation import Allocation

_LIGHTS = 5  # quintiles
_ROUNDING = 1e-12  # of a share of the queue: at a border of two quintiles


@dataclass(frozen=True)
class Place:
    """Places in the queue by leg, (legs,); nan where a leg is not in it.

    - `rank`: 1 for the first; `of`: how many stand in its queue
    - `ahead`: contracts closed before the leg is touched; `through`: with it, contracts
    - `quantile_accounts`, `quantile_contracts`: shares of the queue up to it and with it, in (0, 1]
    """

    rank: Array
    of: Array
    ahead: Array
    through: Array
    quantile_accounts: Array
    quantile_contracts: Array


class Places:
    """What a QueueRule answers about places in its queue."""

    if TYPE_CHECKING:
        name: str

        def __call__(self, event: Event) -> Allocation: ...
        def score(self, event: Event) -> Array: ...
        def _keys(self, event: Event) -> list[Array]: ...
        def _order(self, event: Event, by: list[Array], k: int) -> tuple[Index, Index]: ...
        def _ranked(self, event: Event, by: list[Array], k: int) -> tuple[Index, Index]: ...
        def _shared(self, group: Index) -> Index: ...

    def places(self, event: Event) -> Place:
        """The place of every leg in the queue of its asset, as arrays (legs,), whatever is required.

        Positions that share in proportion stand at one place: what is ahead of them is ahead of all, and
        their quantile is that of the last. Returns a Place.

        >>> event = adl.examples.shorts([10, 10, 20], [500, 4000, 250], 12, price=100)
        >>> adl.policy("leverage_queue").places(event).ahead.tolist()  # contracts
        [20.0, 30.0, 0.0]
        """
        columns = np.full((6, len(event.size)), np.nan)
        keys = self._keys(event)
        for k in np.flatnonzero(event.side):
            legs, ties = self._order(event, keys, int(k))
            if not len(legs):
                continue
            group = self._shared(ties)
            total = np.bincount(group, event.size[legs])
            many = np.bincount(group)
            through, last = np.cumsum(total), np.cumsum(many)
            rank, of = (last - many + 1)[group], np.full(len(legs), float(len(legs)))
            columns[:, legs] = (
                rank, of, (through - total)[group], through[group], last[group] / len(legs),
                (through / through[-1])[group],
            )  # fmt: skip
        return Place(*columns)

    def lights(self, event: Event) -> pd.DataFrame:
        """Where each position that may be closed stands in the queue: a table, the first to be closed first.

        `event`: an Event; how much it requires does not matter. Columns: account, asset, position, score
        (as `score`), rank (1 is closed first), of (positions in the queue), ahead (contracts closed before),
        quantile_accounts and quantile_contracts (share of the queue up to this position and with it),
        percentile (the quantile by contracts in steps of 20 %, as BitMEX prints it: 20 is first), lights
        (how many of 5 are lit, as venues show them: all where the percentile is 20; less 1 it is Binance's 0
        to 4) and lights_by_accounts, for venues that count positions. A position that the rule never closes
        has score -inf, no rank and no light; one that is first and holds 60 % of the queue has 3.

        Source: BitMEX, Auto-Deleveraging examples: 20 40 60 80 80 100 %.

        >>> event = adl.examples.shorts([10, 10, 20], [500, 4000, 250], 12, price=100)
        >>> adl.policy("leverage_queue").lights(event)[["account", "ahead", "percentile", "lights"]]
        account     ahead percentile lights
                contracts          %   of 5
        a2              0         60      3
        a0             20         80      2
        a1             30        100      1
        """
        from adl_opt.table import with_units

        at, book = self.places(event), event.book
        legs = np.flatnonzero(event.closable)
        legs = legs[np.lexsort((np.nan_to_num(at.rank[legs], nan=np.inf), book.asset[legs]))]
        columns: dict[str, Any] = {
            "account": book.accounts[book.account[legs]],
            "asset": np.array(book.assets, dtype=object)[book.asset[legs]],
            "position": book.position[legs],
            "score": self.score(event)[legs] + 0.0,
            "rank": at.rank[legs],
            "of": at.of[legs],
            "ahead": at.ahead[legs],
            "quantile_accounts": at.quantile_accounts[legs],
            "quantile_contracts": at.quantile_contracts[legs],
            "percentile": 100.0 / _LIGHTS * _step(at.quantile_contracts[legs]),
            "lights": _lit(at.quantile_contracts[legs]),
            "lights_by_accounts": _lit(at.quantile_accounts[legs]),
        }
        units = {
            "rank": "1 = closed first", "of": "positions", "ahead": "contracts", "percentile": "%",
            "quantile_accounts": "fraction of positions", "quantile_contracts": "fraction of contracts",
            "lights": "of 5", "lights_by_accounts": "of 5",
        }  # fmt: skip
        return with_units(columns, units)

    def reached(self, event: Event, account: object) -> pd.DataFrame:
        """From which requirement on an account is closed, in part and wholly: a table, a line a position.

        - `event`: an Event
        - `account`: its id

        Columns: asset, position, in_part (contracts: what is required beyond it is closed of this account),
        wholly (contracts: from it on all that may be closed of the position is), required (contracts, by the
        event) and now ("not closed", "in part" or "wholly"). Infinite: the rule never closes it. Positions
        that share in proportion are reached together. Raises EventError for an account that the book does not
        have, and for one of which nothing may be closed.

        >>> event = adl.examples.shorts([10, 10, 20], [500, 4000, 250], 12, price=100)
        >>> adl.policy("leverage_queue").reached(event, "a0")
        asset    position   in_part    wholly  required now
               contracts, contracts contracts contracts
                 long > 0
        BTC           -10        20        30        12 not closed
        """
        from adl_opt.table import with_units

        at, book = self.places(event), event.book
        legs = np.flatnonzero(legs_of_account(book, account) & event.closable)
        if not len(legs):
            raise EventError(
                f"of account {str(account)!r} nothing may be closed: it holds no position on a side that the "
                f"event closes ({event.in_words()}), or is protected"
            )
        required = event.required[book.asset[legs]]
        first, last = (np.nan_to_num(column[legs], nan=np.inf) for column in (at.ahead, at.through))
        words = np.where(required <= first, "not closed", np.where(required < last, "in part", "wholly"))
        columns = {
            "asset": np.array(book.assets, dtype=object)[book.asset[legs]],
            "position": book.position[legs],
            "in_part": first, "wholly": last, "required": required, "now": words.astype(object),
        }  # fmt: skip
        return with_units(columns, dict.fromkeys(("in_part", "wholly", "required"), "contracts"))

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
            open_ = most - least > TIED * size
            found.append((legs[open_], least[open_], most[open_]))
        j, least, most = (np.concatenate(column) for column in zip(*found))
        sign = np.sign(book.position[j])
        columns = {"score": score[j], "closed": sign * closed[j], "least": sign * least, "most": sign * most}
        names = {
            "account": book.accounts[book.account[j]],
            "asset": np.array(book.assets, dtype=object)[book.asset[j]],
        }
        return pd.DataFrame({**names, **{name: values + 0.0 for name, values in columns.items()}})


def legs_of_account(book: Book, account: object) -> Mask:
    """Legs (legs,) of an account; EventError, with the nearest name, for one that the book does not have."""
    accounts, name = book.accounts, str(account)
    found = np.flatnonzero(accounts == name)
    if not found.size:
        near = difflib.get_close_matches(name, [str(one) for one in accounts[:10_000]], 1)
        raise EventError(
            f"the book has no account {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    return book.account == found[0]


def _step(quantile: Array) -> Array:
    """1 for the first fifth of a queue to 5 for the last; nan where there is none."""
    return np.ceil(_LIGHTS * quantile * (1 - _ROUNDING))


def _lit(quantile: Array) -> Index:
    """Lights lit: all for the first fifth, one for the last, none outside the queue."""
    return np.nan_to_num(_LIGHTS + 1 - _step(quantile), nan=0.0).astype(int)
