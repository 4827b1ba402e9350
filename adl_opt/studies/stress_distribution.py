"""A stress over many scenarios at once: how likely which deficit is, what must be closed, and who fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.errors import EventError
from adl_opt.inputs import plain
from adl_opt.laws.base import Law, Scenarios
from adl_opt.studies.liquidation import Liquidation, Netted, netted
from adl_opt.text import figure, two_lines

if TYPE_CHECKING:
    import pandas as pd

    from adl_opt.studies.stressed import Stress

_AT_ONCE = 2_000_000  # legs x scenarios in memory together
_LEVELS = (0.5, 0.9, 0.95, 0.99, 1.0)
_WEIGHT = 1e-12  # of a cumulated probability: its rounding
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class StressDistribution:
    """What scenarios of prices do to a book; made by `stress(book, law.sample(1000, seed=1))`.

    - `book`; `law`: the scenarios in the order of its assets; `probability` (S,); `fund`: quote currency
    - `deficit`, `uncovered` (S,): by scenario, quote currency; `insolvent`, `liquidated` (S,): accounts
    - `required` (S, d): contracts to be closed, signed like the positions that are closed (shorts < 0);
      `lacking` (S, d): contracts that nobody holds on that side, >= 0
    - `fails` (n,): the probability that an account fails; `expected_deficit` and `worst_deficit` (n,) of it,
      quote currency; `closes` (n,): the probability that it is liquidated

    >>> found = adl.stress(adl.examples.paper().book, adl.LogNormal({"BTC": 0.6, "ETH": 0.75}, 0.85,
    ...     10 / 365).sample(1024, seed=1))
    >>> found.quantiles([0.9, 0.99])["deficit"].round(-2).tolist()  # quote currency; and the mean
    [0.0, 200800.0, 8200.0]
    """

    book: Book
    law: Scenarios
    fund: float
    how: Liquidation
    deficit: Array
    insolvent: Array
    liquidated: Array
    required: Array
    lacking: Array
    fails: Array
    closes: Array
    expected_deficit: Array
    worst_deficit: Array
    one: Callable[..., Stress]

    @property
    def probability(self) -> Array:
        """Of each scenario (S,)."""
        return self.law.probability

    @property
    def uncovered(self) -> Array:
        """What the fund cannot pay, (S,), quote currency."""
        return np.maximum(self.deficit - self.fund, 0.0)

    def _worth(self, contracts: Array) -> Array:
        """What contracts (S, d) are worth at each scenario's prices, (S,)."""
        growth = 1 + self.law.moves
        growth = np.where(self.book.inverse, 1 / growth, growth)
        return (np.abs(contracts) * growth) @ self.book.price

    def to_frame(self) -> pd.DataFrame:
        """The scenarios: a table, a line each.

        Columns probability, insolvent, liquidated (accounts), deficit, uncovered, to_close, missing (quote
        currency at the moved prices: what must be closed, and what nobody holds to be closed).
        """
        from adl_opt.table import with_units

        columns = {
            "probability": self.probability,
            "insolvent": self.insolvent,
            "liquidated": self.liquidated,
            "deficit": self.deficit,
            "uncovered": self.uncovered,
            "to_close": self._worth(self.required),
            "missing": self._worth(self.lacking),
        }
        units = dict.fromkeys(("deficit", "uncovered", "to_close", "missing"), self.book.currency)
        return with_units(columns, units | dict.fromkeys(("insolvent", "liquidated"), "accounts"))

    def quantiles(self, levels: Sequence[float] = _LEVELS) -> pd.DataFrame:
        """Quantiles of the columns of `to_frame`, each for itself: a table, a line a level, and the mean.

        The quantile at level p is the least value that is not exceeded with probability p. Raises EventError
        for levels outside [0, 1].
        """
        import pandas as pd

        from adl_opt.table import with_units

        given = np.array([plain(level) for level in levels])
        if not len(given) or not ((given >= 0) & (given <= 1)).all():
            raise EventError(f"levels = {levels!r:.60}: probabilities between 0 and 1, such as [0.5, 0.99]")
        frame = self.to_frame()
        weight, frame = frame["probability"].to_numpy(), frame.drop(columns="probability")
        columns = {
            str(name): [*(_quantile(values.to_numpy(float), weight, p) for p in given), weight @ values]
            for name, values in frame.items()
        }
        index = pd.Index([*(f"{100 * p:g} %" for p in given), "mean"], name="quantile")
        return with_units(columns, frame.attrs["units"], index=index)

    @property
    def failing(self) -> pd.DataFrame:
        """The accounts that fail in any scenario, the likeliest first: a table.

        Columns account, equity (as the book stands), probability (of failing), expected_deficit (over all
        scenarios), worst_deficit (quote currency); with a maintenance margin also liquidated, a probability.
        """
        from adl_opt.table import with_units

        ever = self.closes if self.how.margins is not None else self.fails
        who = np.flatnonzero(ever > 0)
        who = who[np.lexsort((-self.expected_deficit[who], -ever[who], -self.fails[who]))]
        columns = {
            "equity": self.book.equity[who],
            "probability": self.fails[who],
            "expected_deficit": self.expected_deficit[who],
            "worst_deficit": self.worst_deficit[who],
        }
        if self.how.margins is not None:
            columns["liquidated"] = self.closes[who]
        money = dict.fromkeys(("equity", "expected_deficit", "worst_deficit"), self.book.currency)
        return with_units(
            {"account": self.book.accounts[who], **columns},
            money | dict.fromkeys(("probability", "liquidated"), "probability"),
        )

    def scenario(self, number: int) -> Stress:
        """The Stress of one scenario, counted from 0 as the rows of `to_frame`: its event, tables and words.

        Raises EventError for a number that is none.

        >>> law = adl.Scenarios({"BTC": [0.0, 0.3], "ETH": [0.0, 0.0]})
        >>> found = adl.stress(adl.examples.paper().book, law)
        >>> found.scenario(1).deficit  # quote currency
        81799.0
        """
        count = len(self.deficit)
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or not 0 <= number < count:
            raise EventError(f"scenario {number!r:.40}: there are {count:,}, counted from 0")
        return self.one(self.book, self.law.moves[number], self.fund, self.how)

    def summary(self) -> str:
        """How often someone fails, what it costs, what must be closed, and who fails most, in words."""
        p, money = self.probability, self.book.currency
        lines = [
            f"scenarios: {len(p):,}; an account fails in {_percent(p @ (self.insolvent > 0))}, something "
            f"must be closed in {_percent(p @ self.required.any(axis=1))} of them (by probability)"
        ]
        if broke := int((self.book.equity <= 0).sum()):
            lines.append(
                f"as the book stands: {broke:,} of {len(self.fails):,} accounts are insolvent already"
            )
        lines.append(f"deficit: {self._spread(self.deficit)} ({money})")
        if self.fund:
            lines.append(
                f"fund: {figure(self.fund)} ({money}); exceeded in {_percent(p @ (self.uncovered > 0))}, "
                f"uncovered {self._spread(self.uncovered)}"
            )
        lines.append(f"to close: {self._spread(self._worth(self.required))} ({money})")
        if self.lacking.any():
            lines.append(f"missing: nobody is left to close in {_percent(p @ self.lacking.any(axis=1))}")
        table = self.failing.head(_SHOWN)
        fails = [f"{a} {_percent(q)}" for a, q in zip(table["account"], table["probability"]) if q > 0]
        if fails:
            more = int((self.fails > 0).sum())
            lines.append(
                f"who fails: {', '.join(fails)}{f', ... ({more:,} in all)' if more > _SHOWN else ''}"
            )
        return "\n".join(lines)

    def _spread(self, values: Array) -> str:
        p = self.probability
        ends = [f"{100 * level:g} % {figure(_quantile(values, p, level))}" for level in (0.5, 0.95, 0.99)]
        return f"mean {figure(float(p @ values))}, {', '.join(ends)}, most {figure(float(values.max()))}"

    def __repr__(self) -> str:
        return two_lines(f"StressDistribution({self.summary().replace(chr(10), '; ')})")

    def _repr_html_(self) -> str:
        said = [line.partition(": ") for line in self.summary().splitlines()]
        facts = html.facts((name, text) for name, _, text in said)
        parts = [facts, self.quantiles().to_panel()]  # type: ignore[attr-defined]
        title = f"Stress of {len(self.book.accounts):,} accounts over {len(self.deficit):,} scenarios"
        return html.panel(title, *parts)


def _percent(share: float) -> str:
    return f"{figure(100 * float(share), 3)} %"


def _quantile(values: Array, weight: Array, level: float) -> float:
    """The least value that is not exceeded with probability `level`."""
    order = np.argsort(values, kind="stable")
    place = int(np.searchsorted(np.cumsum(weight[order]), level - _WEIGHT))
    return float(values[order[min(place, len(order) - 1)]])


def over_scenarios(
    book: Book, law: Law, fund: float, how: Liquidation, one: Callable[..., Stress]
) -> StressDistribution:
    """`one` (book, move, fund, how) in every scenario of a law, in batches of matrix products.

    Raises EventError for a law that is no scenarios, and LawError where it does not know an asset.
    """
    given = law.scenarios
    if given is None:
        raise EventError(
            f"a stress takes scenarios, and {type(law).__name__} is none; say law.sample(1000, seed=1)"
        )
    if given.inverse.any():
        raise EventError(
            "these scenarios are what holders of inverse contracts gain already (law.on_inverse); a stress "
            "takes the moves of prices"
        )
    given = given.align(book.assets)
    low = given.moves <= -1
    if low.any():
        s, k = np.argwhere(low)[0]
        raise EventError(
            f"{low.any(axis=1).sum():,} of {len(low):,} scenarios move a price by -100 % or more, "
            f"first number {s + 1} with {given.moves[s, k]:.6g} in {book.assets[k]!r}; leave them out or "
            "take a law of positive prices (adl.LogNormal)"
        )
    return _gathered(book, given, fund, how, one)


class _Batch(NamedTuple):
    """Of some scenarios: by scenario, by account (weighted by probability), what must be closed (d, S)."""

    deficit: Array
    insolvent: Array
    liquidated: Array
    by_account: Array  # (3, n): failing, closing, expected deficit
    worst: Array  # (n,)
    net: Netted


def _gathered(
    book: Book, law: Scenarios, fund: float, how: Liquidation, one: Callable[..., Stress]
) -> StressDistribution:
    sums = _Sums(book, how)
    step = max(1, _AT_ONCE // max(len(book.asset), 1))
    cuts = range(0, len(law.probability), step)
    batches = [sums.batch(law.moves[i : i + step], law.probability[i : i + step]) for i in cuts]
    deficit, insolvent, liquidated = (np.concatenate([b[part] for b in batches]) for part in range(3))
    fails, closes, expected = np.sum([b.by_account for b in batches], axis=0)
    required, lacking = (
        np.concatenate([getattr(b.net, part).T for b in batches]) for part in ("required", "lacking")
    )
    if how.fund_first:
        needed = (deficit > fund)[:, None]
        required, lacking = required * needed, lacking * needed
    worst = np.max([b.worst for b in batches], axis=0)
    return StressDistribution(
        book, law, fund, how, deficit, insolvent, liquidated, 0.0 - required, lacking, fails, closes,
        expected, worst, one,
    )  # fmt: skip


class _Sums:
    """Sums by account and by asset as sparse products, legs in the order in which bincount adds them."""

    def __init__(self, book: Book, how: Liquidation) -> None:
        from scipy.sparse import csr_array

        self.book, self.how = book, how
        n, d, legs = len(book.accounts), len(book.assets), len(book.asset)
        start = np.append(book.start, legs)
        self.notional = csr_array((book.notional, book.asset, start), shape=(n, d))
        self.accounts = csr_array((np.ones(legs), np.arange(legs), start), shape=(n, legs))
        order = np.argsort(book.asset, kind="stable")
        ends = np.concatenate(([0], np.cumsum(np.bincount(book.asset, minlength=d))))
        held = book.position[order]

        def held_by(values: Array) -> Any:
            return csr_array((values, book.account[order], ends), shape=(d, n))

        self.held, self.gross = held_by(held), held_by(np.abs(held))
        self.longs, self.shorts = held_by(np.maximum(held, 0)), held_by(np.maximum(-held, 0))
        self.size, self.cost_rate = np.abs(book.notional), how.cost_rate(book)

    def batch(self, moves: Array, probability: Array) -> _Batch:
        """Of moves (S, d)."""
        book = self.book
        equity = book.equity[:, None] + self.notional @ book.gains(moves).T
        left = equity
        if self.how.margins is None:
            closing = failed = equity <= 0
        else:
            growth = np.where(book.inverse, 1 / (1 + moves), 1 + moves)
            size = self.size[:, None] * growth.T[book.asset]
            closing = equity <= self.accounts @ self.how.margin(size)
            if self.cost_rate.any():
                left = equity - np.where(closing, self.accounts @ (self.cost_rate[:, None] * size), 0.0)
            failed = closing & (left <= 0)
        owed = np.where(failed, 0.0 - left, 0.0)
        broke, stays = failed.astype(float), (~closing).astype(float)
        paid = np.zeros((len(book.assets), len(moves)))
        if self.how.margins is not None:
            paid = self.held @ (closing & ~failed).astype(float)
        net = netted(self.held @ broke, self.gross @ broke, paid, self.longs @ stays, self.shorts @ stays)
        weighed = np.array([broke @ probability, closing @ probability, owed @ probability])
        return _Batch(
            owed.sum(axis=0), failed.sum(axis=0), closing.sum(axis=0), weighed, owed.max(axis=1), net
        )
