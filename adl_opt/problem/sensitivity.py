"""What an optimum would be under slightly other numbers: derivatives of its value and of what is closed
(THEORY 11.7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from adl_opt import html
from adl_opt.arrays import Array, Index
from adl_opt.data.event import Event
from adl_opt.errors import AllocationError
from adl_opt.text import nearest, two_lines

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS = ("requirement", "equity", "price", "volatility")
_SEVERAL = dict(zip(PARAMETERS, ("requirements", "equities", "prices", "volatilities")))
Closing = Callable[[int], Array | str]  # of a parameter's number: (legs,) contracts, or why it is not known


class Ends(NamedTuple):
    """Derivatives of the value from below and from above, of each parameter of a kind; nan where there is
    none, and why.
    """

    below: Array
    above: Array
    why: list[str]


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How an optimum changes with requirements, equities, prices and volatilities: made by `sensitivity()`.

    `event`: what was solved; `unit`: of the value; `marked`: whether prices move equities too. Its tables
    are its methods.
    """

    event: Event
    unit: str
    marked: bool
    values: dict[str, Ends]
    at: dict[str, Array]
    closings: dict[str, Closing]
    own: Array | None

    def __repr__(self) -> str:
        more = "to_frame(), by_account(), closing()"
        return two_lines(f"Sensitivity({self._in_words()}; {more})")

    def _repr_html_(self) -> str:
        return html.panel("Sensitivity", html.line(self._in_words()), self.to_frame().to_panel())

    def _in_words(self) -> str:
        """What is known, and of how many parameters of each kind."""
        told = []
        for parameter in PARAMETERS:
            names, (below, above, _) = self._numbers(parameter), self.values[parameter]
            told.append(f"{(below == above)[names].sum():,} of {len(names):,} {_SEVERAL[parameter]}")
        equities = "equities move with prices" if self.marked else "equities held"
        return f"derivatives of the value ({self.unit}) in {', '.join(told)}; {equities}"

    def to_frame(self) -> pd.DataFrame:
        """Derivatives of the value, a row a parameter: requirement, equity, price or volatility.

        The price of an inverse contract is that of 1 unit of quote currency in coin, 1 / mark. Columns
        parameter, of (asset or account), at (what it is now), derivative (of the least value, `unit`
        per unit of the parameter), below and above (from either side: they differ at a kink, and derivative
        is nan), why (in words, where one is missing). Source: THEORY 11.7.

        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
        >>> solved = adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian(0.25)).solve()
        >>> solved.sensitivity().to_frame()[["parameter", "of", "derivative"]].round(4).values.tolist()[0]
        ['requirement', 'BTC', -2.6995]
        """
        from adl_opt.table import with_units

        rows, currency = [], self.event.book.currency
        per = {"requirement": "contract", "equity": currency, "price": currency, "volatility": "1"}
        for parameter in PARAMETERS:
            below, above, why = self.values[parameter]
            one = np.where(below == above, above, np.nan)
            for number, name in self._names(parameter):
                rows.append((
                    parameter, name, self.at[parameter][number], one[number], below[number], above[number],
                    f"{self.unit} per {per[parameter]}", why[number],
                ))  # fmt: skip
        columns = ["parameter", "of", "at", "derivative", "below", "above", "unit", "why"]
        frame = with_units(rows, columns=columns)
        frame.attrs["said once"] = "why"
        return frame

    def by_account(self) -> pd.DataFrame:
        """Who would gain by a unit more of equity: a row an account.

        Columns account, equity (quote currency); value, what the least value changes; closed, what the
        notional closed of the account itself changes (both per unit of equity; nan where there is no
        derivative, with the reason in `attrs["why"]`).

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> adl.water_filling(event).sensitivity().by_account()[["account", "closed"]].round(4)
        account         closed
                quote currency
                     per quote
                      currency
        a0             -0.2222
        a1                   0
        a2             -0.4444
        """
        from adl_opt.table import with_units

        book = self.event.book
        below, above, why = self.values["equity"]
        own = np.full(len(book.equity), np.nan) if self.own is None else self.own
        columns = {
            "account": book.accounts,
            "equity": book.equity,
            "value": np.where(below == above, above, np.nan) + 0.0,
            "closed": own + 0.0,
        }
        frame = with_units(
            columns,
            {"value": f"{self.unit} per quote currency", "closed": "quote currency per quote currency"},
            book.currency,
        )
        reasons = {"value": next(filter(None, why), None), "closed": self.why_not("equity", book.accounts[0])}
        frame.attrs["why"] = {name: said for name, said in reasons.items() if said}
        return frame

    def closing(self, parameter: str, of: str) -> pd.Series | None:
        """What is closed of each position changes by, per unit of one parameter (contracts).

        `parameter`: "requirement", "equity", "price" or "volatility"; `of`: its asset or account. Returns a
        Series by account and asset; None where there is no derivative: `why_not` says why. Raises
        AllocationError for names that are not known.

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> adl.water_filling(event).sensitivity().closing("requirement", "BTC").round(4).tolist()
        [-0.6667, 0.0, -0.3333]
        """
        import pandas as pd

        change = self._closing(parameter, of)
        if isinstance(change, str):
            return None
        book = self.event.book
        labels = [book.accounts[book.account], np.array(book.assets, dtype=object)[book.asset]]
        index = pd.MultiIndex.from_arrays(labels, names=["account", "asset"])
        return pd.Series(np.sign(book.position) * change + 0.0, index=index, name="closing")

    def why_not(self, parameter: str, of: str) -> str | None:
        """Why what is closed has no derivative in a parameter, in words; None where it has one.

        `parameter`, `of`: as of `closing`. Raises AllocationError as that does.

        >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
        >>> rough = adl.Problem(adl.ExpectedLoss(), event, law.quadrature(4)).solve()
        >>> rough.sensitivity().why_not("equity", "A")
        'not differentiable here: under scenarios the optimum is a corner, from which it jumps'
        """
        change = self._closing(parameter, of)
        return f"not differentiable here: {change}" if isinstance(change, str) else None

    def _closing(self, parameter: str, of: str) -> Array | str:
        if parameter not in PARAMETERS:
            raise AllocationError(f"there is no parameter {parameter!r}; there are {', '.join(PARAMETERS)}")
        return self.closings[parameter](self._number(parameter, str(of)))

    def _names(self, parameter: str) -> list[tuple[int, str]]:
        book = self.event.book
        if parameter == "equity":
            return list(enumerate(map(str, book.accounts)))
        return [(int(k), book.assets[k]) for k in self._numbers(parameter)]

    def _numbers(self, parameter: str) -> Index:
        """Of the parameters of a kind that are there."""
        if parameter == "requirement":
            return np.flatnonzero(self.event.side)
        return np.arange(len(self.at[parameter]))

    def _number(self, parameter: str, name: str) -> int:
        known = {label: number for number, label in self._names(parameter)}
        if name not in known:
            near = nearest(name, list(known)[:10_000])
            raise AllocationError(
                f"there is no {parameter} of {name!r}; "
                + (f"did you mean {near!r}?" if near else f"the first is of {next(iter(known), 'nothing')!r}")
            )
        return known[name]
