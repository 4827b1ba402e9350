"""Which rule did the exchange really use? Ranking rules held against what was closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, EventError
from adl_opt.policies.base import need_event
from adl_opt.policies.exchanges import PRESETS
from adl_opt.policies.queue import QueueRule
from adl_opt.policies.realized import realized
from adl_opt.policies.registry import policy
from adl_opt.policies.water_filling import gross_water_filling
from adl_opt.text import counted

if TYPE_CHECKING:
    import pandas as pd

_ALIKE = 1e-9  # of what was closed: rules that explain as much as one another
_CLEARS = 1e-6  # of a requirement: what was closed may miss it by that
_HALF = 0.5  # of what pro rata leaves unexplained, which a rule must explain at least to be named
_AGREE = 0.4  # agreement of positions that a rule to be named must have; queues in chance order have 0.3
_STARTS = 64  # starts of a cyclic queue that are tried
_WORST = 3  # accounts named in a line


@dataclass(frozen=True, eq=False)
class Identification:
    """Which ranking rules explain what was closed; made by `identify`.

    - `event`, `closed` (legs,): contracts really closed
    - `rules`: names of those that explain it best, alike; empty where none does
    - `explained`: rule -> share in [0, 1] of the notional closed that it would have closed of the same
      positions; `others`: the same of "pro_rata" and "gross_water_filling" (asset by asset), no queues
    - `agreement`: rule -> sum over positions of the fraction closed by both, over that closed by either, in
      [0, 1]: large accounts count no more than small ones
    - `correlation`: rule -> rank correlation (Spearman) of place in the queue and fraction closed, 1 = first
      closed most; `amount`: rule -> contracts it closes of each leg, (legs,)
    - `refused`: rule -> why it cannot be applied to the event

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, entry_price=[130, 110])
    >>> table = event.book.to_frame().assign(realized_closed=[-5.0, 0.0])
    >>> adl.identify(adl.realized_event(adl.Book.from_frame(table))).explained["bitmex"]
    1.0
    """

    event: Event
    closed: Array
    rules: tuple[str, ...]
    explained: dict[str, float]
    others: dict[str, float]
    agreement: dict[str, float]
    correlation: dict[str, float]
    amount: dict[str, Array]
    refused: dict[str, str]

    @property
    def name(self) -> str:
        """The first of `rules`, or "none"."""
        return self.rules[0] if self.rules else "none"

    def contradictions(self, rule: str) -> pd.DataFrame:
        """The accounts that contradict a rule, the most first: a table, a line a position.

        `rule`: its name. Columns: account, asset, realized_closed, by_rule (contracts, signed like the
        position), difference (notional at the mark, quote currency). Raises EventError for a rule that was
        not tried.

        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, realized_closed=[0, -5.0])
        >>> adl.identify(event).contradictions("leverage_queue")
        account asset  realized_closed          by_rule     difference
                            contracts,       contracts, quote currency
                           signed like      signed like
                              position         position
        a0      BTC                  0               -5            500
        a1      BTC                 -5                0            500
        """
        from adl_opt.table import with_units

        if rule not in self.amount:
            raise EventError(
                f"the rule {rule!r} was not tried on this event"
                + (f": {self.refused[rule]}" if rule in self.refused else f"; {', '.join(self.amount)} were")
            )
        book, sign = self.event.book, np.sign(self.event.book.position)
        off = np.abs(self.closed - self.amount[rule]) * book.price[book.asset]
        legs = np.argsort(-off, kind="stable")
        legs = legs[off[legs] > _ALIKE * (self.closed * book.price[book.asset]).sum()]
        columns = {
            "account": book.accounts[book.account[legs]],
            "asset": np.array(book.assets, dtype=object)[book.asset[legs]],
            "realized_closed": (sign * self.closed)[legs] + 0.0,
            "by_rule": (sign * self.amount[rule])[legs] + 0.0,
            "difference": off[legs],
        }
        units = {"by_rule": "contracts, signed like position", "difference": "quote currency"}
        return with_units(columns, units, currency=book.currency)

    def to_frame(self) -> pd.DataFrame:
        """A table, a line a rule, what explains most first.

        Columns rule, explained, agreement, rank_correlation, contradicted_by (the accounts that contradict it
        most) and note (why a rule cannot be applied).

        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, realized_closed=[-5.0, 0])
        >>> adl.identify(event, ["leverage_queue"]).to_frame()[["rule", "explained"]]
        rule           explained
                        fraction
        leverage_queue         1
        """
        from adl_opt.table import with_units

        order = sorted(self.explained, key=lambda name: -self.explained[name])
        worst = [
            ", ".join(dict.fromkeys(self.contradictions(name)["account"].head(2 * _WORST))) for name in order
        ]
        rows = {
            "rule": [*order, *self.refused],
            "explained": [self.explained.get(name, np.nan) for name in [*order, *self.refused]],
            "agreement": [self.agreement.get(name, np.nan) for name in [*order, *self.refused]],
            "rank_correlation": [self.correlation.get(name, np.nan) for name in [*order, *self.refused]],
            "contradicted_by": [*worst, *("" for _ in self.refused)],
            "note": [*("" for _ in order), *self.refused.values()],
        }
        return with_units(
            rows, {"explained": "fraction", "agreement": "fraction", "rank_correlation": "-1 to 1"}
        )

    def summary(self) -> str:
        """What was found, in a sentence or two.

        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, realized_closed=[-2.5, -2.5])
        >>> print(adl.identify(event, ["leverage_queue"]).summary())
        none of 1 rule explains what was closed: leverage_queue 50.0 %, pro_rata 100.0 %
        """
        best = max(self.explained, key=lambda name: self.explained[name], default=None)
        rival = max(self.others, key=lambda name: self.others[name])
        said = f"{rival} {100 * self.others[rival]:.1f} %"
        tried = counted(len(self.explained), "rule")
        if best is None:
            return f"none of the rules can be applied: {next(iter(self.refused.values()), 'there are none')}"
        if not self.rules:
            share = 100 * self.explained[best]
            return f"none of {tried} explains what was closed: {best} {share:.1f} %, {said}"
        alike = "" if len(self.rules) == 1 else ", which close the same here and cannot be told apart"
        share = 100 * self.explained[self.name]
        return f"{', '.join(self.rules)} explains {share:.1f} % of what was closed ({said}){alike}"

    def __repr__(self) -> str:
        return f"Identification({self.summary()})"

    def _repr_html_(self) -> str:
        from adl_opt import html

        return html.panel(self.summary(), self.to_frame().to_panel())


def identify(event: Event, rules: Iterable[QueueRule | str] = PRESETS) -> Identification:
    """Which preset explains what was really closed: the rule that an exchange seems to have used.

    - `event`: an Event of a book with the column realized_closed (contracts, signed like the position) that
      requires what was closed, as `adl.realized_event(book)` does
    - `rules`: QueueRules or their names (default: every preset)

    Each rule closes what the event requires; explained is the share of the notional really closed that it
    closes of the same positions (of contracts, where one asset is closed). The best, and all that explain as
    much, are named if they explain at least half of what pro rata does not, more than water-filling of gross
    leverage does, and agree in two positions of five: where everything is closed, or in proportion, or to a
    level, every queue is right by chance and none is named. Of a rule that starts at random every start that
    the data suggest is tried, and it is named last. Returns an Identification. Raises EventError without the
    column, where nothing was closed, and where the event requires something else.

    Source: EXCHANGES (the rules).

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, entry_price=[130, 190])
    >>> done = event.book.to_frame().assign(realized_closed=[0.0, -5.0])
    >>> adl.identify(adl.realized_event(adl.Book.from_frame(done))).rules[:2]
    ('cvex', 'kucoin_cross')
    """
    need_event(event)
    closed = realized(event).amount
    _check_requirement(event, closed)
    value = closed * event.book.price[event.book.asset]
    if not value.sum() > 0:
        raise EventError("nothing was closed (realized_closed is 0 everywhere): there is nothing to explain")
    amount, refused, correlation = dict[str, Array](), dict[str, str](), dict[str, float]()
    given = [policy(one) if isinstance(one, str) else one for one in rules]
    for rule in sorted(given, key=lambda one: isinstance(one, QueueRule) and one.drawn):  # a free start last
        if not isinstance(rule, QueueRule):
            raise EventError(
                f"identify tries ranking rules (QueueRule) and names of presets, not {rule!r:.60}; "
                "it holds them against pro rata by itself"
            )
        try:
            amount[rule.name] = _closest(rule, event, closed) if rule.drawn else rule.closed_from(event)
        except AdlError as error:
            refused[rule.name] = str(error)
            continue
        correlation[rule.name] = _correlation(rule, event, closed)
    explained = {name: _share(event, closed, done) for name, done in amount.items()}
    agreement = {name: _agreement(event, closed, done) for name, done in amount.items()}
    others = {
        "pro_rata": _share(event, closed, event.pro_rata_amount),
        "gross_water_filling": _share(event, closed, _levelled(event)),
    }
    named = _named(explained, agreement, others)
    return Identification(event, closed, named, explained, others, agreement, correlation, amount, refused)


def _named(
    explained: dict[str, float], agreement: dict[str, float], others: dict[str, float]
) -> tuple[str, ...]:
    """The rules that explain most, alike, where that is more than chance and than what is no queue."""
    best, shared = max(explained.values(), default=0.0), others["pro_rata"]
    enough = best >= shared + _HALF * (1 - shared) and shared < 1 - _ALIKE
    if not enough or best <= others["gross_water_filling"]:
        return ()
    alike = [name for name, share in explained.items() if share >= best - _ALIKE]
    return tuple(name for name in alike if agreement[name] >= _AGREE)


def _check_requirement(event: Event, closed: Array) -> None:
    """EventError unless what was closed is what the event requires, on its side, asset by asset."""
    book = event.book
    ours = np.bincount(book.asset, np.where(event.closable, closed, 0.0), len(book.assets))
    every = np.bincount(book.asset, closed, len(book.assets))
    wrong = (np.abs(ours - event.required) > _CLEARS * event.required) | (every > ours * (1 + _CLEARS))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise EventError(
            f"the event requires {event.required[k]:.6g} of {book.assets[k]!r}, and realized_closed says "
            f"{ours[k]:.6g} of the positions that it may close and {every[k] - ours[k]:.6g} of others; "
            "make the event with adl.realized_event(book)"
        )


def _share(event: Event, closed: Array, done: Array) -> float:
    """The share of the notional really closed that `done` closes of the same positions."""
    price = event.book.price[event.book.asset]
    return float(np.minimum(closed, done) @ price / (closed @ price))


def _levelled(event: Event) -> Array:
    """What water-filling of gross leverage closes (legs,), of each asset by itself: a closed form."""
    amount = np.zeros(len(event.size))
    for side, required in (("short", event.short), ("long", event.long)):
        for asset, contracts in required.items():
            alone = event.with_requirement(**{side: {asset: contracts}})
            amount += gross_water_filling(alone).amount
    return amount


def _agreement(event: Event, closed: Array, done: Array) -> float:
    """The fractions closed by both, over those closed by either, summed over positions."""
    size = np.where(event.closable, event.size, 1.0)
    return float(np.minimum(closed, done) @ (1 / size) / (np.maximum(closed, done) @ (1 / size)))


def _closest(rule: QueueRule, event: Event, closed: Array) -> Array:
    """What a rule with a random start closes (legs,), begun asset by asset where it explains most."""
    found = rule.closed_from(event)
    for k in np.flatnonzero(event.required > 0):
        legs = event.closable_legs[k]
        begins = (closed[legs] > 0) & (np.roll(closed[legs], 1) < np.roll(event.size[legs], 1))
        starts = np.flatnonzero(begins)
        starts = starts[np.argsort(-closed[legs][starts], kind="stable")][:_STARTS]
        tried = [found[legs], *(rule.closed_from(event, int(start))[legs] for start in starts)]
        found[legs] = max(tried, key=lambda done: float(np.minimum(done, closed[legs]).sum()))
    return found


def _correlation(rule: QueueRule, event: Event, closed: Array) -> float:
    """Spearman's, of early places and fractions closed; nan where all are alike."""
    import pandas as pd

    at, legs = rule.places(event), event.closable
    early = pd.Series(-np.nan_to_num(at.quantile_contracts[legs], nan=2.0)).rank()
    fraction = pd.Series(closed[legs] / event.size[legs]).rank()
    if rule.drawn or early.nunique() < 2 or fraction.nunique() < 2:
        return float("nan")
    return float(np.corrcoef(early, fraction)[0, 1])
