"""Allocation: who closes how much, with its proof; to tables, to and from files (§1, §6, §11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.certificates.certificate import Certificate
from adl_opt.constraints.constrained import Constrained
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, AllocationError
from adl_opt.evaluation.counting import reduced
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective
from adl_opt.problem import stored, written
from adl_opt.problem.allocation_questions import Questions
from adl_opt.problem.panels import allocation_panel
from adl_opt.renamed import renamed
from adl_opt.text import two_lines
from adl_opt.waterfill.isolated import gross_levels

if TYPE_CHECKING:
    import pandas as pd

_MOST_ASKED = 500  # positions up to which saving an allocation finds out whether it is the only optimum


@dataclass(frozen=True, eq=False)
class Allocation(Questions):
    """What is closed of each position, and what is proved about it.

    - `event`: what was solved; `amount` (legs,): contracts closed >= 0 (labelled and signed: `closed`)
    - `method`: "closed-form", "conic", "separable" or a policy's name; `objective_name`: what was minimised
      or is measured; `parts`: the value of each of its terms
    - `certificate`: what is proved
    - `shadow_price_by_asset` (d,): quote currency per contract, nan where nothing is required (labelled:
      `shadow_prices`)
    - `uniqueness`, `price_ends`: what `unique` and `shadow_price_range` tell, or functions that find it out
    - `law` (aligned) and `objective`: what `explain` measures with; None after `load`
    - `priced`: the objective under its constraints, with their multipliers; None without constraints
    - `weight_by_law`: what `law_weights` tells

    Policies and `Problem.solve` make it, and the tables of it are its methods.

    >>> allocation = adl.water_filling(adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100))
    >>> allocation.amount.round(4).tolist(), allocation.method, allocation.certificate.status
    ([6.6667, 0.0, 8.3333], 'water_filling', 'certified')
    """

    event: Event
    amount: Array
    method: str
    objective_name: str
    certificate: Certificate
    shadow_price_by_asset: Array
    parts: Mapping[str, float]
    uniqueness: bool | Callable[[], bool | None] | None = None
    price_ends: tuple[Array, Array] | Callable[[], tuple[Array, Array]] | None = None
    law: Law | None = None
    objective: Objective | None = None
    priced: Constrained | None = None
    recorded_prices: Mapping[tuple[str, str], float] = field(default_factory=dict)
    weight_by_law: Mapping[str, float] = field(default_factory=dict)

    price = renamed("shadow_price_by_asset")
    aim = renamed("objective")

    @cached_property
    def unique(self) -> bool | None:
        """Whether this is the only optimum: True, False, or None (not determined, §13).

        Found out when first asked, by two programs at most.

        Source: Thm 2; THEORY 4.

        >>> adl.water_filling(adl.examples.shorts([10, 10], [500, 4000], 5)).unique  # of LeverageSquare
        True
        """
        return self.uniqueness() if callable(self.uniqueness) else self.uniqueness

    def _known_unique(self) -> bool | None:
        """`unique` if it is known, or found out in a moment; a file is not worth waiting for it."""
        if callable(self.uniqueness) and "unique" not in self.__dict__ and len(self.amount) > _MOST_ASKED:
            return None
        return self.unique

    def _known_ends(self) -> tuple[Array, Array] | None:
        if callable(self.price_ends) and "_ends" not in self.__dict__ and len(self.amount) > _MOST_ASKED:
            return None
        return self._ends

    def __getstate__(self) -> dict[str, Any]:
        # What finds out holds compiled programs, which do not travel.
        known = self.__dict__.get("unique", None if callable(self.uniqueness) else self.uniqueness)
        ends = self.__dict__.get("_ends", None if callable(self.price_ends) else self.price_ends)
        return {**self.__dict__, "uniqueness": known, "unique": known, "price_ends": ends}

    @property
    def closed(self) -> pd.Series:
        """What is closed by account and asset, contracts signed like the position (§1).

        >>> adl.water_filling(adl.examples.shorts([10, 10], [500, 4000], 5)).closed.to_dict()
        {('a0', 'BTC'): -5.0, ('a1', 'BTC'): 0.0}
        """
        import pandas as pd

        book = self.event.book
        labels = [book.accounts[book.account], np.array(book.assets, dtype=object)[book.asset]]
        index = pd.MultiIndex.from_arrays(labels, names=["account", "asset"])
        return pd.Series(self.closed_by_leg, index=index, name="closed")

    @property
    def closed_by_leg(self) -> Array:
        """`closed` in the order of the book's legs, (legs,), without labels."""
        return np.sign(self.event.book.position) * self.amount + 0.0  # no -0.0

    @property
    def shadow_prices(self) -> pd.Series:
        """What closing one more contract would save, by required asset: quote currency per contract.

        nan: not determined. Source: THEORY 6.

        >>> event, law = adl.examples.paper(), adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
        >>> adl.Problem(adl.ExpectedLoss(), event, law).solve().shadow_prices.round(1).to_dict()
        {'BTC': 320.7}
        """
        import pandas as pd

        required = self.event.side != 0
        return pd.Series(
            self.shadow_price_by_asset[required], index=self.event.required_assets, name="shadow_price"
        )

    @property
    def law_weights(self) -> pd.Series:
        """The weight of each law in the worst mixture, by the names of `parts`; for `adl.Robust`, else empty.

        Source: THEORY 11.4.

        >>> laws = [adl.Scenarios([0.1, 0.2]), adl.Scenarios([3.0, -0.9])]
        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
        >>> adl.Problem(adl.Robust(adl.ExpectedLoss(), laws), event).solve().law_weights.tolist()
        [0.0, 1.0]
        """
        import pandas as pd

        return pd.Series(dict(self.weight_by_law), name="law_weight", dtype=float)

    @cached_property
    def constraint_prices(self) -> pd.Series:
        """What one more unit of each constraint's limit would save, by constraint and what it limits: an
        account, a group, or "".

        Objective's unit per unit of the limit: per x of leverage, per 1 (100 %) of a share, per unit of
        currency; of constraints of one's own, per unit of the rows as `express` writes them. 0 where a limit
        does not bind; empty without constraints. One right price where several are.

        Source: THEORY 11.3.

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> limit = adl.LeverageAtMost({"a0": 0.5})
        >>> prices = adl.Problem(adl.LeverageSquare(), event, subject_to=[limit]).solve().constraint_prices
        >>> prices.to_dict()  # leverage squared x equity, quote currency, per x of leverage
        {('LeverageAtMost(a0 0.5)', 'a0'): 500.0}
        """
        import pandas as pd

        from adl_opt.problem.constraint_prices import prices_of

        prices = dict(self.recorded_prices) or prices_of(self.event, self.law, self.amount, self.priced)
        index = pd.MultiIndex.from_tuples(list(prices), names=["constraint", "of"]) if prices else None
        return pd.Series(list(prices.values()), index=index, dtype=float, name="price")

    @cached_property
    def _ends(self) -> tuple[Array, Array]:
        unknown = np.full(len(self.shadow_price_by_asset), np.nan)
        ends = self.price_ends() if callable(self.price_ends) else self.price_ends
        return (unknown, unknown) if ends is None else ends

    @property
    def shadow_price_range(self) -> pd.DataFrame:
        """Least and most of all right shadow prices, by required asset: quote currency per contract.

        least is what closing one more contract saves, most what the last one saved; they differ where the
        least loss has a kink in the requirement. Where nothing is required there is no last contract, and
        most is infinite; at the capacity there is no further one, and least is minus infinite. nan: not
        determined. Found out when first asked; under scenarios by two linear programs an asset.

        Source: THEORY 6.

        >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100)
        >>> law = adl.Scenarios({"BTC": [-0.5, 1.0]})  # one of two scenarios doubles the price
        >>> adl.Problem(adl.ExpectedLoss(), event, law).solve().shadow_price_range.round(6).to_dict("index")
        {'BTC': {'least': 0.0, 'most': 50.0}}
        """
        from adl_opt.table import with_units

        required = self.event.side != 0
        table = {name: end[required] for name, end in zip(("least", "most"), self._ends)}
        units = dict.fromkeys(table, f"{self.certificate.unit} per contract")
        return with_units(table, units, index=self.event.required_assets)

    @property
    def water_level(self) -> pd.Series:
        """The leverage down to which everyone would be brought, by required asset: x of equity.

        Levelling gross leverage at it alone meets the requirement. In isolated margin this is where
        water-filling leaves every account that it reduces.

        Source: Thm 1.

        >>> allocation = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100))
        >>> allocation.water_level.round(6).to_dict()
        {'BTC': 1.0}
        """
        import pandas as pd

        wanted = np.flatnonzero(self.event.side)
        return pd.Series(
            gross_levels(self.event, wanted), index=self.event.required_assets, name="water_level"
        )

    def leverages(self) -> tuple[Array, Array]:
        """Gross leverage of the accounts before and after, (n,) each, x of equity.

        >>> before, after = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100)).leverages()
        >>> before.tolist(), after.tolist()
        ([2.0, 0.25], [1.5, 0.1875])
        """
        m = SymbolsAt(self.event, None, self.amount)
        return m.leverage_before, m.leverage

    def to_frame(self) -> pd.DataFrame:
        """The allocation as a table, a row a position.

        Columns account, asset, position, closed, left (contracts), leverage_before, leverage_after (x of
        equity, gross, of the account); units in `attrs["units"]`.

        >>> frame = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100)).to_frame()
        >>> frame[["account", "position", "closed", "left"]]
        account   position      closed       left
                contracts,  contracts, contracts,
                  long > 0 signed like   long > 0
                              position
        a0             -10        -2.5       -7.5
        a1             -10        -2.5       -7.5
        """
        from adl_opt.problem.allocation_frames import positions

        return positions(self.event, self.amount)

    def by_account(self) -> pd.DataFrame:
        """The allocation as a table, a row an account.

        Columns account, equity, gross_before, gross_after, closed_notional (quote currency), fraction_closed
        of the gross, leverage_before, leverage_after (x of equity); units in `attrs["units"]`.

        >>> frame = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100)).by_account()
        >>> frame[["account", "closed_notional", "leverage_after"]]
        account closed_notional leverage_after
                 quote currency   x of equity,
                                         gross
        a0                  250            1.5
        a1                  250         0.1875
        """
        from adl_opt.problem.allocation_frames import accounts

        return accounts(self.event, self.amount)

    def plot(self, path: str | Path | None = None, *, ax: Any = None) -> Any:
        """Leverage before and after, a bar an account, with the water level; a matplotlib Figure.

        `path`: where it is saved too, if given; `ax`: axes to draw in, of a figure of your own.

        >>> adl.pro_rata(adl.examples.paper()).plot("leverages.png").get_size_inches().tolist()
        [7.2, 4.2]
        """
        from adl_opt import plots

        return plots.allocation(self, path, ax=ax)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write a JSON file that `Allocation.load` reads.

        `path` ends in .json; `overwrite`: whether a file there may be replaced. Raises AllocationError if it
        exists and may not, and for another ending.

        >>> adl.pro_rata(adl.examples.paper()).save("allocation.json")
        >>> adl.Allocation.load("allocation.json").certificate.proof.split(":")[0]
        'recorded'
        """
        place = written.place_of(path, overwrite)
        written.write(place, self, self._known_unique(), self._known_ends())

    @classmethod
    def load(cls, path: str | Path) -> Allocation:
        """Read what `save` wrote.

        The proof says `recorded` until `adl.certify` has proved the allocation again. Boxes and clearing are
        measured again, gap and status held against value, bound and tolerance: a file that claims more has
        the status that it shows, with a UncertifiedWarning. Raises AllocationError for a file that is missing
        or of another kind, and for fields that are missing, unknown, repeated or of another shape or type.

        >>> allocation = adl.water_filling(adl.examples.shorts([10, 10], [500, 4000], 5))
        >>> allocation.save("levelled.json")
        >>> bool((adl.Allocation.load("levelled.json").amount == allocation.amount).all())
        True
        """
        content = stored.content_of(path)
        try:
            return cls._restored(content)
        except (AdlError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            kind = str(error) if isinstance(error, AdlError) else f"{type(error).__name__} {error}"
            raise AllocationError(f"{str(path)!r} is damaged: {kind}") from None

    @classmethod
    def _restored(cls, content: dict[str, Any]) -> Allocation:
        return cls(*stored.fields_of(content))

    def __repr__(self) -> str:
        return two_lines(f"{type(self).__name__}({self._in_words()})")

    def _in_words(self) -> str:
        c, closing = self.certificate, reduced(self.event, self.amount).sum()
        among = f"{closing:,} of {self.event.closable.sum():,} closable positions reduced"
        return f"{c.status} by {self.method}; {among}; {c.in_words()}"

    def _repr_html_(self) -> str:
        return allocation_panel(self)
