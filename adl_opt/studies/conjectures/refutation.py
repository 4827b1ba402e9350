"""What a search for a counterexample found: the smallest, with both certificates, or how much was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import AdlError
from adl_opt.laws.base import Law
from adl_opt.problem.allocation import Allocation
from adl_opt.text import figure, one_line, two_lines

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Refutation:
    """What `adl.refute` found: the smallest counterexample, or how many books were tried.

    - `conjecture`: in words; `refuted`: whether there is a counterexample
    - `tried`: books, up to the counterexample; of these `refused` by the rule, and `undecided`, where no
      better allocation was found and none is excluded
    - `event`, `law`: the counterexample, None where there is none (and no law)
    - `given`, `better`: the allocations that are compared, each with its certificate; None for a claim
    - `excess`: by how much the conjecture is wrong there: of the value (a share), or a claim's violation

    >>> found = adl.refute("pro_rata", adl.MaxLeverage(), books=50)
    >>> found.refuted, bool(found.given.certificate.value > found.better.certificate.value)
    (True, True)
    """

    conjecture: str
    tried: int
    refused: int
    undecided: int
    event: Event | None = None
    law: Law | None = None
    given: Allocation | None = None
    better: Allocation | None = None
    excess: float = 0.0

    @property
    def refuted(self) -> bool:
        return self.event is not None

    def to_frame(self) -> pd.DataFrame:
        """The counterexample as the table that `Book.from_frame` reads, a row a position.

        Columns account, asset, position (contracts, long > 0), price, equity (quote currency); then, of a
        rule, what it closes and what is better, contracts signed like the position. What is to be closed is
        `event.short` and `event.long`. Raises AdlError where there is no counterexample.

        >>> found = adl.refute("pro_rata", adl.MaxLeverage(), books=50)
        >>> book = adl.Book.from_frame(found.to_frame())
        >>> again = adl.Event(book, short=found.event.short, long=found.event.long)
        >>> bool(adl.certify(adl.MaxLeverage(), again, None, adl.pro_rata(again)).certified)
        False
        """
        if self.event is None:
            raise AdlError(f"there is no counterexample to show: {self.in_words()}")
        table = self.event.book.to_frame()
        for name, one in (("closed", self.given), ("better", self.better)):
            if one is not None:
                table[name] = one.closed_by_leg
        table.attrs["units"] = {
            **table.attrs.get("units", {}),
            **dict.fromkeys(("closed", "better"), "contracts"),
        }
        return table

    def in_words(self) -> str:
        """The counterexample, or how many books were tried."""
        if self.event is None:
            more = [f"{self.refused:,} refused by it"] * bool(self.refused)
            more += [f"{self.undecided:,} undecided"] * bool(self.undecided)
            several = f"{self.tried:,} books tried" + (f" ({', '.join(more)})" if more else "")
            if self.refused == self.tried:
                return f"not tested: {self.conjecture}: it refused all of {self.tried:,} books"
            return f"not refuted: {self.conjecture}: {several}, which is no proof"
        return f"refuted: {self.conjecture}: {self._said(self.event)}"

    def _said(self, event: Event) -> str:
        book = event.book
        accounts = "1 account" if len(book.accounts) == 1 else f"{len(book.accounts)} accounts"
        where = f"where {event.in_words()} is closed of {accounts}"
        if self.given is None or self.better is None:
            return f"violated by {figure(self.excess, 4)} {where}"
        if self.given.certificate.status == "infeasible":
            return f"{where} it {self.given.certificate.proof}"
        high, low = (one.certificate.value for one in (self.given, self.better))
        unit = self.given.certificate.unit
        return f"{where} it has {figure(high, 6)} ({unit}); {figure(low, 6)} by {self.better.method}"

    def __repr__(self) -> str:
        return two_lines(f"Refutation({self.in_words()})")

    def _repr_html_(self) -> str:
        if self.event is None:
            return html.panel("Conjecture: no counterexample", html.facts([("found", self.in_words())]))
        facts = [("found", self.in_words()), ("close", self.event.in_words())]
        facts += [] if self.law is None else [("under", _law(self.law))]
        both = (("what it closes", self.given), ("what is better", self.better))
        facts += [(name, repr(one.certificate)) for name, one in both if one is not None]
        return html.panel("Conjecture: refuted", html.facts(facts), self.to_frame().to_panel())


def _law(law: Law) -> str:
    if law.scenarios is None or len(law.scenarios.moves) > html.SHOWN:
        return one_line(law)
    moves, weight = law.scenarios.moves, law.scenarios.probability
    return "; ".join(f"{_listed(move)} with probability {figure(w, 3)}" for move, w in zip(moves, weight))


def _listed(move: Array) -> str:
    return ", ".join(f"{100 * r:+.4g} %" for r in np.atleast_1d(move))
