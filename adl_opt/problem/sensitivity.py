"""What an optimum would be under slightly other numbers: derivatives of its value and of what is closed
(THEORY 11.7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.event import Event
from adl_opt.errors import AllocationError
from adl_opt.text import nearest

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS = ("requirement", "equity", "price", "volatility")
_PER = {"requirement": "contract", "equity": "quote currency", "price": "quote currency", "volatility": "1"}
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

    def to_frame(self) -> pd.DataFrame:
        """Derivatives of the value, a row a parameter: requirement, equity, price or volatility.

        Columns parameter, of (asset or account), at (what it is now), derivative (of the least value, `unit`
        per unit of the parameter), below and above (from either side: they differ at a kink, and derivative
        is nan), why (in words, where one is missing). Source: THEORY 11.7.

        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
        >>> solved = adl.Problem(adl.ExpectedLoss(), event, adl.Gaussian(0.25)).solve()
        >>> solved.sensitivity().to_frame()[["parameter", "of", "derivative"]].round(4).values.tolist()[0]
        ['requirement', 'BTC', -2.6995]
        """
        from adl_opt.table import with_units

        rows = []
        for parameter in PARAMETERS:
            below, above, why = self.values[parameter]
            one = np.where(below == above, above, np.nan)
            for number, name in self._names(parameter):
                rows.append((
                    parameter, name, self.at[parameter][number], one[number], below[number], above[number],
                    f"{self.unit} per {_PER[parameter]}", why[number],
                ))  # fmt: skip
        columns = ["parameter", "of", "at", "derivative", "below", "above", "unit", "why"]
        return with_units(rows, columns=columns)

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
        wanted = np.flatnonzero(self.event.side) if parameter == "requirement" else range(len(book.assets))
        return [(int(k), book.assets[k]) for k in wanted]

    def _number(self, parameter: str, name: str) -> int:
        known = {label: number for number, label in self._names(parameter)}
        if name not in known:
            near = nearest(name, list(known)[:10_000])
            raise AllocationError(
                f"there is no {parameter} of {name!r}; "
                + (f"did you mean {near!r}?" if near else f"the first is of {next(iter(known), 'nothing')!r}")
            )
        return known[name]
