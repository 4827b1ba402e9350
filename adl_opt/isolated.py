"""Isolated margin: water-filling of an event, asset by asset, and its proof scenario by scenario (THEORY 1, Thm 1)."""

import math

import numpy as np
from numpy.typing import NDArray

from adl_opt.data.event import Event
from adl_opt.errors import EventError
from adl_opt.laws.base import Law, Scenarios
from adl_opt.numerics.exact_sums import clear_exactly
from adl_opt.numerics.tail_integrals import UNIT
from adl_opt.symbols import Symbols
from adl_opt.waterfill import water_levels

Array = NDArray[np.float64]
_INSIDE = 8 * UNIT  # of a position: the rounding by which the ends of a range stay inside it
_DUST = 1e-9  # of what may be closed: accounts this close to their cap are on it


def fill(event: Event, equity: Array | None = None) -> tuple[Array, Array]:
    """What each leg closes (legs,) contracts >= 0, and the water level of each asset (d,) x of equity (nan where nothing is required).

    With caps: closed = clip(position - level x equity, 0, cap x position). Optimal in every scenario, hence for every law and monotone risk: its leverages l minimise
    sum E l^2 (that is its KKT condition), so that where more of i and less of j may be closed l_j >= l_i. For convex phi, moving towards any other allocation changes
    sum E phi(l) by a positive combination of phi'_+(l_j) - phi'_-(l_i) >= 0; with phi(l) = (move x l - 1)^+ that is the loss in a scenario.
    Protected accounts are like those with nothing to close.

    equity (n,) quote currency, positive: to be levelled by instead of the book's. Raises EventError if an account has more than one position: levels are then not defined asset by asset.
    """
    if not isinstance(event, Event):
        raise EventError(f"a policy takes an Event, not {type(event).__name__}: adl.Event(book, short={{...}})")
    book = event.book
    if not book.isolated:
        count = np.bincount(book.account, book.position != 0, len(book.accounts))
        first = int(np.argmax(count > 1))
        raise EventError(
            f"water-filling needs isolated margin, but {(count > 1).sum():,} of {len(count):,} accounts hold more than one position, "
            f"first {book.accounts[first]!r} with {int(count[first])}; solve a Problem, or give each position its own equity (Book.from_isolated)"
        )
    amount, level = np.zeros(len(book.position)), np.full(len(book.assets), np.nan)
    equity = book.equity if equity is None else equity
    wanted = np.flatnonzero(event.side)
    level[wanted] = 0.0
    for some, legs in event.closable_legs.batches(wanted):
        # Contracts over (equity in contracts) is the leverage, so that clearing is exact in contracts.
        contracts = equity[book.account[legs]] / book.price[some, None]
        cap = event.size[legs] if event.capped else None
        level[some], amount[legs] = water_levels(event.held[legs], contracts, event.required[some], cap)
    return amount, level


def pathwise_gap(event: Event, law: Law, amount: Array) -> Array:
    """How much less than `amount` any allocation could lose, at most, in each scenario: (S,) quote currency, >= 0.

    Weak duality scenario by scenario: with slope u of each account's loss and price of each asset, the gap is the sum of
    (slope + price)^+ closed + (slope + price)^- (size - closed). At the water level it is rounding only (Thm 1).
    """
    m = Symbols(event, law, amount)
    book, moves = event.book, m.scenarios.moves
    level = np.zeros(len(book.assets))
    cut = event.free & (amount > 0)
    if event.capped:  # accounts closed to their cap may stay above the level; who can still be closed does not
        cut = event.free & (amount < (1 - _DUST) * event.size)
    np.maximum.at(level, book.asset[cut], m.leverage[book.account[cut]])
    # Loss per contract closed less, if the account is under water: the sign of the side being closed times the move.
    per_contract = -event.side[None, :] * moves * book.price[None, :]
    price = np.where(-event.side[None, :] * moves * level[None, :] > 1, per_contract, 0.0)
    gap = np.zeros(len(moves))
    for a, b, argument in m.arguments():
        legs = np.arange(len(amount))[m.legs_of(a, b)]
        legs = legs[event.free[legs]]
        account, asset = book.account[legs] - a, book.asset[legs]
        raised = np.maximum(m.leverage[book.account[legs]], np.where(amount[legs] > 0, level[asset], 0.0))
        under = -event.side[asset, None] * moves.T[asset] * raised[:, None] > 1
        own = argument[account]
        gap += (np.maximum(own, 0.0) - np.where(under, own, 0.0)).sum(axis=0)
        tilt = price.T[asset] - np.where(under, per_contract.T[asset], 0.0)
        gap += (np.maximum(tilt, 0.0) * amount[legs, None]).sum(axis=0)
        gap += (np.maximum(-tilt, 0.0) * (event.size[legs] - amount[legs])[:, None]).sum(axis=0)
    return gap


def affine_around(
    event: Event, law: Law | None, level: Array, ignored: float = 0.0, coupled: bool = True
) -> tuple[Array, Array] | None:
    """The leverages (d,), (d,) around each water level between which the expected loss of an account is affine in its leverage (Thm 2).

    ignored: only the worst 1 - ignored of the moves count (their tail law; 1: the worst move alone). coupled: the tail is that of the total loss; then
    one asset must be decided, and whatever else is lost must grow with the same moves, or None is returned. Kinks are 1 / (move against
    the position); a level on a kink has no interval around it. None if the law's support is not known.
    """
    if law is None:
        return level, level  # optimal for every law: laws with a density everywhere leave no freedom
    low, high = level.copy(), level.copy()
    if ignored > 0 and coupled and not (isinstance(law, Scenarios) and len(event.free_assets) <= 1):
        return None
    for k in event.free_assets:
        if not isinstance(law, Scenarios):
            reach = law.reach(int(k))
            if reach is None or ignored > 0:
                return None
            most = reach[1] if event.side[k] < 0 else -reach[0]  # the worst move against the side being closed
            kink = 1 / most if most > 0 else np.inf
            if level[k] < kink:
                low[k], high[k] = 0.0, kink
            elif reach[0] == reach[1] and level[k] > kink:
                low[k], high[k] = kink, np.inf
            continue
        against = -event.side[k] * law.moves[:, k]
        if ignored > 0 and coupled and not _grows(_other_loss(event, law), against, law.probability):
            return None
        move = against[_worst(against, law.probability, ignored)]
        kink = 1 / move[move > 0]
        if not (kink == level[k]).any():
            low[k], high[k] = kink[kink < level[k]].max(initial=0.0), kink[kink > level[k]].min(initial=np.inf)
    return low, high


def _worst(against: Array, probability: Array, ignored: float) -> NDArray[np.bool_]:
    """Which moves belong to the worst 1 - ignored, with any part of their probability; ties all belong."""
    possible = probability > 0
    if ignored >= 1:
        return possible & (against == against[possible].max())
    if ignored <= 0:
        return possible
    order = np.argsort(-against, kind="stable")
    before = np.cumsum(probability[order]) - probability[order]
    inside = possible[order] & (before < (1 - ignored) * (1 - 1e-12))
    return possible & (against >= against[order][inside].min())


def _other_loss(event: Event, law: Scenarios) -> Array:
    """Loss of the accounts that no allocation changes, (S,) quote currency."""
    m = Symbols(event, law, event.fixed_fraction * event.size)
    fixed = event.book.per_account(event.free.astype(float)) == 0
    total = np.zeros(len(law.probability))
    for a, b, argument in m.arguments():
        total += np.maximum(argument[fixed[a:b]], 0.0).sum(axis=0)
    return total


def _grows(loss: Array, against: Array, probability: Array) -> bool:
    """Whether a loss never falls when the move against the side being closed grows."""
    possible = probability > 0
    order = np.lexsort((loss[possible], against[possible]))
    ordered, moves = loss[possible][order], against[possible][order]
    tied = np.diff(moves) == 0
    return bool((np.diff(ordered) >= 0).all() and (np.diff(ordered)[tied] == 0).all())


def one_asset_ranges(event: Event, amount: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Least and most (legs,) contracts that each leg closes at an optimum: leverages of reduced accounts anywhere in [low, high] (d,) (Thm 2).

    Not for caps, unless low == high. amount: water-filling. Sums are of differences from it, so that dust accounts beside giants keep their digits.
    """
    book = event.book
    least, most = amount.copy(), amount.copy()
    for k in event.free_assets:
        legs = event.free_legs[k]
        if low[k] == high[k]:
            continue
        size, equity = event.size[legs], book.equity[book.account[legs]] / book.price[k]
        left = size - amount[legs]
        movable = size / equity > low[k]
        floor = np.where(movable, np.minimum(low[k] * equity, left), left)
        ceiling = np.where(movable, np.maximum(np.minimum(high[k] * equity, size), left), left)
        # A rounding inside, lest an end lie beyond its kink.
        down, up = (np.maximum(room - _INSIDE * size, 0.0) for room in (left - floor, ceiling - left))
        # What one account leaves more, the others must leave less.
        least[legs] = amount[legs] - np.minimum(up, _others(down))
        most[legs] = amount[legs] + np.minimum(down, _others(up))
    return np.where(least <= 1e-12 * event.size, 0.0, least), np.minimum(most, event.size)


def fewest_touched(event: Event, least: Array, most: Array) -> Array:
    """An optimal amount (legs,) that reduces as few accounts as can be: those that must be, then those that can take most.

    least, most (legs,) as of one_asset_ranges. Exact: one requirement, so that the largest rooms first is the fewest.
    """
    amount = least.copy()
    for k in event.free_assets:
        legs = event.free_legs[k]
        room = most[legs] - least[legs]
        order = np.lexsort((-room, least[legs] <= 1e-9 * event.size[legs]))
        missing = max(float(event.required[k]) - math.fsum(least[legs].tolist()), 0.0)
        before = np.cumsum(room[order]) - room[order]
        taken = np.clip(missing - before, 0.0, room[order])
        amount[legs[order]] += np.where(taken > 8 * _INSIDE * event.required[k], taken, 0.0)
        touched = legs[amount[legs] > 0]  # who is spared takes no part of the last digit either
        amount[touched] = clear_exactly(amount[touched], event.size[touched], float(event.required[k]))
    return amount


def _others(values: Array) -> Array:
    """Sum of all the other entries, (n,), without cancelling against a large one."""
    before = np.concatenate(([0.0], np.cumsum(values)[:-1]))
    after = np.concatenate((np.cumsum(values[::-1])[::-1][1:], [0.0]))
    return before + after


def gross_levels(event: Event, wanted: NDArray[np.integer]) -> Array:
    """The gross leverage (x of equity) at which levelling it by closing one asset alone meets its requirement.

    wanted (K,) asset numbers; (K,), by bisection, 1e-12 relative.

    In isolated margin this is the water level. Accounts whose other positions keep them above it are closed in full.
    """
    book = event.book
    gross = book.per_account(np.abs(book.notional)) / book.equity
    level = np.zeros(len(event.side))
    for some, legs in event.closable_legs.batches(wanted):  # (K,) assets, (K, m) legs
        size, equity, leverage = event.size[legs], book.equity[book.account[legs]], gross[book.account[legs]]
        low, high = np.zeros(len(some)), leverage.max(axis=1)
        for _ in range(200):
            middle = (low + high) / 2
            contracts = (leverage - middle[:, None]) * equity / book.price[some, None]
            closed = np.clip(contracts, 0.0, size).sum(axis=1)
            wide = high - low > 1e-12 * high
            low = np.where(wide & (closed >= event.required[some]), middle, low)
            high = np.where(wide & (closed < event.required[some]), middle, high)
            if not wide.any():
                break
        level[some] = (low + high) / 2
    return level[wanted]
