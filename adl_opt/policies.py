"""Policies: Event -> Allocation without a law. Water-filling, and shares in proportion to something; the queues are in queues.py."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adl_opt.certificates.assess import assess
from adl_opt.certificates.certificate import Proof
from adl_opt.certificates.clearing import cleared_first, said_first
from adl_opt.data.event import Event
from adl_opt.errors import AdlError, EventError
from adl_opt.evaluation.counting import accounts, left, reduced
from adl_opt.inputs import plain
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.one_factor import OneFactor
from adl_opt.numerics.exact_sums import clear_exactly
from adl_opt.objectives.base import Objective
from adl_opt.objectives.leverage import FactorLeverageSquare, LeverageSquare
from adl_opt.problem.allocation import Allocation
from adl_opt.problem.allocation_table import amounts_from_frame
from adl_opt.waterfill.isolated import fill
from adl_opt.waterfill.level import clipped_level

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Policy = Callable[[Event], Allocation]


def water_filling(event: Event) -> Allocation:
    """Bring everyone above one leverage down to it, asset by asset: optimal for every law and monotone risk in isolated margin.

    Raises EventError if an account holds more than one position. Source: Campbell et al. (2026), Thm 1; proved here on
    LeverageSquare, whose only minimiser it is. Equal leverages are reduced in proportion to equity (§16). Accounts that would have to close more than their cap end above
    the level, and the theorem still holds (isolated.fill).
    """
    return plain_allocation(event, fill(event)[0], "water_filling", unique=True)


def water_filling_at(event: Event, price: Mapping[str, float] | float) -> Allocation:
    """Water-filling where positions are closed at `price` instead of the mark: levels notional left over the equity left, asset by asset.

    price: closing price in quote currency, by required asset (one number if one asset is required). Closing a contract changes equity by kappa (short:
    mark - price, long: price - mark), and size x mark / equity after closing is levelled. It equals water-filling on the equity E + kappa q that
    an account would have if wholly closed, and that sum closing leaves as it is: therefore it does not matter in how many steps one closes (THEORY 3.4).
    Raises EventError if wholly closed an account would have no equity left, or if a price is missing or not positive.
    """
    need_event(event)
    book, at = event.book, closing_prices(event, price)
    change = np.where(event.closable, (event.side * (at - book.price))[book.asset] * event.held, 0.0)
    equity = book.equity + book.per_account(change)
    broke = equity <= 0
    if broke.any():
        first = int(np.argmax(broke))
        raise EventError(
            f"at this closing price {broke.sum():,} of {len(broke):,} accounts would have no equity if wholly closed, first "
            f"{book.accounts[first]!r} with {equity[first]:.6g}: closing would raise their leverage, and there is no level; choose a price nearer the mark"
        )
    return plain_allocation(event, fill(event, equity)[0], "water_filling_at", unique=None)


def pro_rata(event: Event) -> Allocation:
    """Everyone on the required side closes the same fraction of his position, or of its capped part. A yardstick; in general not optimal.

    In one asset and isolated margin it keeps the order of leverages; in cross margin, where other positions
    stay, it can reverse it.
    """
    need_event(event)
    amount = event.pro_rata_fraction * event.size
    for k in event.free_assets:
        legs = event.free_legs[k]
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return plain_allocation(event, amount, "pro_rata", unique=None)


def pro_rata_equity(event: Event) -> Allocation:
    """Everyone on the required side closes in proportion to his equity, at most his position, asset by asset. Rewards small equity beside large positions."""
    need_event(event)
    return _in_proportion(event, event.book.equity[event.book.account], "pro_rata_equity")


def pro_rata_profit(event: Event) -> Allocation:
    """Those in profit close in proportion to their unrealized profit (quote currency), at most their positions; what is left, the others pro rata to position.

    Needs the column entry_price. Raises EventError without it.
    """
    need_event(event)
    return _in_proportion(event, np.maximum(unrealized(event, "pro_rata_profit"), 0.0), "pro_rata_profit")


def uniform(event: Event) -> Allocation:
    """Everyone on the required side closes the same number of contracts, at most his position, asset by asset. Splitting an account pays or costs."""
    need_event(event)
    return _in_proportion(event, np.ones(len(event.size)), "uniform")


def _in_proportion(event: Event, weight: Array, name: str) -> Allocation:
    """Close min(size, level x weight), weight (legs,) >= 0; legs of weight 0 share what is left pro rata."""
    amount = event.fixed_fraction * event.size
    for k in event.free_assets:
        left = float(event.required[k])
        legs = event.free_legs[k]
        for some in (legs[weight[legs] > 0], legs[weight[legs] == 0]):
            own = np.where(weight[some] > 0, weight[some], event.size[some])
            if left >= event.size[some].sum():
                amount[some] = event.size[some]
            elif left > 0:
                amount[some] = clipped_level(np.zeros(len(some)), event.size[some], own, left)[1]
            left -= float(event.size[some].sum())
        amount[legs] = clear_exactly(amount[legs], event.size[legs], float(event.required[k]))
    return plain_allocation(event, amount, name, unique=None)


def factor_water_filling(event: Event, loading: Any) -> Allocation:
    """Level the factor leverages as far as the requirements allow: optimal for every move of one factor, hence for every monotone risk (Thm 3).

    loading: relative move of each asset per unit of the factor, by label or in the order of the book's assets, any signs. Cross margin, several assets, both sides;
    clears every asset exactly. Of the allocations with these factor leverages it closes the most evenly: least sum of notional x fraction^2, which is unique and
    keeps proportional splits neutral. Raises LawError if a loading is missing, SolveError if no solver finds the allocation.
    """
    from adl_opt.methods.conic.levelling import level_factor

    need_event(event)
    law = OneFactor(loading, Scenarios([-1.0, 1.0]), meant=True).align(event.book.assets)
    return _levelled(event, FactorLeverageSquare(), law, level_factor(event, law), "factor_water_filling")


def gross_water_filling(event: Event) -> Allocation:
    """Level the gross leverages as far as the requirements allow: least sum of equity x leverage^2, evenly. Blind to hedges, and so a yardstick.

    In isolated margin it is water_filling. In cross margin closing a hedge lowers gross leverage and raises the
    loss: see the model hedge_matters; and to split an account can pay, which in isolated margin it cannot.
    """
    need_event(event)
    if event.book.isolated:
        amount = fill(event)[0]
        solved = amount, assess(LeverageSquare(), event, None, amount)
    else:
        from adl_opt.methods.conic.levelling import level

        solved = level(LeverageSquare(), event, None, np.abs(event.book.notional))
    return _levelled(event, LeverageSquare(), None, solved, "gross_water_filling")


def applied(rule: Policy, event: Event) -> Allocation:
    """What a policy does: its Allocation, or the one that its table account, asset, closed (contracts, signed like the position) describes.

    Raises AdlError, naming the policy, for anything else and for an Allocation of another book.
    """
    found, name = rule(event), str(getattr(rule, "__name__", getattr(rule, "name", rule)))
    if hasattr(found, "columns"):
        amount, words = cleared_first(event, amounts_from_frame(event, found))
        allocation = plain_allocation(event, amount, name, unique=None)
        return replace(allocation, certificate=said_first(words, allocation.certificate))
    if not isinstance(found, Allocation):
        raise AdlError(
            f"the policy {name} returns an Allocation, or a table account, asset, closed, of the event that it is given, not {type(found).__name__}"
        )
    if found.event is not event and not np.array_equal(found.event.book.position, event.book.position):
        raise AdlError(f"the policy {name} returns an Allocation of another book than the one it is given")
    return found


def need_event(event: object) -> None:
    """Raises EventError for anything but an Event."""
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")


def _levelled(event: Event, objective: Objective, law: Law | None, solved: tuple[Array, Proof], name: str) -> Allocation:
    amount, proof = solved
    return Allocation(event, amount, name, str(objective), proof.certificate, proof.price, proof.parts, law=law, aim=objective)


def plain_allocation(event: Event, amount: Array, name: str, unique: bool | None) -> Allocation:
    """`amount` (legs,) contracts as an Allocation, measured by LeverageSquare: without a law that is what can be proved."""
    objective = LeverageSquare()
    proof = assess(objective, event, None, amount)
    return Allocation(event, amount, name, str(objective), proof.certificate, np.full(len(event.side), np.nan), proof.parts, unique)


def entry_prices(event: Event, who: str, instead: str = "") -> Array:
    """Entry price of each leg (legs,), quote currency. Raises EventError if the book has none, or one of a position is not positive."""
    book = event.book
    if "entry_price" not in book.extra:
        raise EventError(f"{who} needs the entry price of every position: the book has no column entry_price{instead}")
    entry = book.extra["entry_price"]
    bad = (entry <= 0) & (book.position != 0)
    if bad.any():
        j = int(np.argmax(bad))
        raise EventError(
            f"{who} needs positive entry prices, but {bad.sum():,} of {len(bad):,} are not, first of account {book.accounts[book.account[j]]!r}, "
            f"asset {book.assets[book.asset[j]]!r}: {entry[j]:.6g}"
        )
    return entry


def unrealized(event: Event, who: str) -> Array:
    """Unrealized profit of each leg (legs,), quote currency: position x (mark - entry price)."""
    return event.book.position * (event.book.price[event.book.asset] - entry_prices(event, who))


def closing_prices(event: Event, price: Mapping[str, float] | float) -> Array:
    """The price each asset is closed at (d,), quote currency; the mark where nothing is required. Raises EventError for missing labels, and for no price."""
    wanted = event.required_assets
    if not hasattr(price, "items"):
        if len(wanted) > 1:
            raise EventError(f"closing {len(wanted)} assets needs a closing price of each, by label: {{{wanted[0]!r}: 100.0, ...}}")
        given = {wanted[0]: price}
    else:
        given = {str(asset): value for asset, value in price.items()}
    at = event.book.price.copy()
    for k in np.flatnonzero(event.side):
        asset = event.book.assets[k]
        if asset not in given:
            raise EventError(f"there is no closing price of {asset!r}; {len(given)} are given: {', '.join(list(given)[:6])}")
        value = plain(given[asset])
        if not (np.isfinite(value) and value > 0):
            raise EventError(f"the closing price of {asset!r} must be a positive number of quote currency, not {given[asset]!r}")
        at[k] = value
    return at


def burden(allocation: Allocation, price: Mapping[str, float] | float) -> "pd.DataFrame":
    """What an allocation costs each account if positions are closed at `price`: one line an account.

    price: closing price by required asset as in water_filling_at, such as the bankruptcy price of the liquidated order. Columns: account; closed_notional at
    the mark (quote currency); transfer = closed x (mark - closing price), quote currency, positive if the account gives it up (the sizes closed do
    not depend on it); wholly_closed: whether it was reduced and no position is left.
    """
    import pandas as pd

    if not isinstance(allocation, Allocation):
        raise EventError(f"burden takes an Allocation, such as adl.pro_rata(event), not {type(allocation).__name__}")
    event, book = allocation.event, allocation.event.book
    gone = (book.price - closing_prices(event, price))[book.asset]
    closing = reduced(event, allocation.amount)
    frame = pd.DataFrame(
        {
            "account": book.accounts,
            "closed_notional": book.per_account(allocation.amount * book.price[book.asset]),
            "transfer": book.per_account(allocation.closed * gone),
            "wholly_closed": accounts(event, closing) & ~accounts(event, left(event, allocation.amount)),
        }
    )
    frame.attrs["units"] = {"closed_notional": "quote currency", "transfer": "quote currency, given up > 0"}
    return frame
