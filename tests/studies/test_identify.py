"""Which rule was used: events made by the presets are told by their closings, pro rata and chance by none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.policies.exchanges import PRESETS
from tests.books import count


def market(seed: int, accounts: int = 300) -> adl.Book:
    """Cross margin in two assets, both sides, leverages and entries over a decade."""
    rng = np.random.default_rng(200_000 + seed)
    equity = rng.lognormal(8, 1.5, accounts)
    account = np.concatenate([np.arange(accounts), np.flatnonzero(rng.random(accounts) < 0.5)])
    asset = np.repeat([0, 1], [accounts, len(account) - accounts])
    n, price = len(account), np.array([100.0, 7.0])[asset]
    size = rng.choice([-1, 1], n) * rng.lognormal(0.5, 0.8, n) * equity[account] / price
    table = {
        "account": [f"a{i}" for i in account], "asset": np.array(["X", "Y"])[asset], "position": size,
        "price": price, "equity": equity[account], "entry_price": price * rng.lognormal(0, 0.25, n),
        "margin": equity[account] * rng.uniform(0.5, 1.5, n),
        "initial_margin": np.abs(size) * price / rng.choice([2.0, 5, 10, 20], n),
    }  # fmt: skip
    return adl.Book.from_frame(pd.DataFrame(table))


def done(event: adl.Event, amount: np.ndarray) -> adl.Event:
    """The event that requires what was closed."""
    closed = np.sign(event.book.position) * amount
    return adl.realized_event(replace(event.book, extra={**event.book.extra, "realized_closed": closed}))


def required(book: adl.Book, seed: int, most: float = 35) -> adl.Event:
    share = f"{np.random.default_rng(seed).uniform(5, most):.6f}%"
    return adl.Event(book, short={"X": share}, long={"Y": share} if seed % 2 else None)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(20))
def test_each_preset_is_told_by_what_it_closed(seed):
    for number, rule in enumerate(PRESETS):
        most = 12 if rule.losers == "exclude" else 35  # % of the capacity; few are in profit
        event = required(market(seed), seed + number, most)
        used = replace(rule, seed=seed) if rule.drawn else rule
        found = adl.identify(done(event, used(event).amount))
        assert rule.name in found.rules and found.explained[rule.name] > 1 - 1e-9
        assert set(found.refused) <= {"hyperliquid", "hyperliquid_as_printed"}  # too few in profit
        alike = [found.amount[name] for name in found.rules]
        assert all(np.abs(amount - found.closed).sum() <= 1e-6 * found.closed.sum() for amount in alike)


@pytest.mark.parametrize("seed", count(100))
def test_none_is_named_on_pro_rata_on_chance_and_where_all_is_closed(seed):
    event = required(market(seed), seed)
    rng, chance = np.random.default_rng(seed), np.zeros(len(event.size))
    for k in np.flatnonzero(event.side):
        legs = rng.permutation(event.closable_legs[k])
        before = np.cumsum(event.size[legs]) - event.size[legs]
        chance[legs] = np.clip(event.required[k] - before, 0, event.size[legs])
    whole = adl.Event(event.book, short={"X": "all"})
    for some, amount in (
        (event, event.pro_rata_amount),
        (event, chance),
        (event, adl.gross_water_filling(event).amount),
        (whole, whole.pro_rata_amount),
    ):
        found = adl.identify(done(some, amount))
        assert found.rules == () and found.name == "none" and "none of" in found.summary()


def test_closings_that_miss_in_part_still_name_the_rule_and_its_contradictions():
    event = required(market(3), 3)
    amount = adl.policy("hyperliquid")(event).amount
    legs = event.closable_legs[0]
    closed, spared = (
        legs[np.argmax(amount[legs])],
        legs[np.argmax(np.where(amount[legs] == 0, event.size[legs], 0))],
    )
    moved = min(amount[closed], event.size[spared]) / 2
    amount[closed], amount[spared] = amount[closed] - moved, moved
    found = adl.identify(done(event, amount))
    assert found.rules == ("hyperliquid",) and 0.5 < found.explained["hyperliquid"] < 1
    book = event.book
    assert set(found.contradictions("hyperliquid")["account"]) == {
        book.accounts[book.account[j]] for j in (closed, spared)
    }
    table = found.to_frame().set_index("rule")
    assert table.index[0] == "hyperliquid" and table["explained"].is_monotonic_decreasing
    assert table.loc["hyperliquid", "rank_correlation"] > table.loc["leverage_queue", "rank_correlation"]
    assert "hyperliquid" in repr(found) and "hyperliquid" in found._repr_html_()


def test_a_rule_that_lacks_a_column_is_said_with_its_reason():
    table = market(1).to_frame().drop(columns=["initial_margin", "realized_closed"], errors="ignore")
    event = adl.Event(adl.Book.from_frame(pd.DataFrame(table)), short={"X": 10.0})
    found = adl.identify(done(event, adl.policy("bitmex")(event).amount))
    assert list(found.refused) == ["kucoin_opening"] and "bitmex" in found.rules
    assert "no column initial_margin" in found.to_frame().set_index("rule").loc["kucoin_opening", "note"]
