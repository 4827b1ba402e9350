"""Books as exchanges hand them out: dialects, sides, sizes, hedge mode, wallets, collateral, currencies."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.data.dialects import DIALECTS
from tests.books import ROOT, frame
from tests.data.exports import exported, tidy
from tests.tolerances import TOL

TIDY = tidy(40)
CASES = frame(list("mn"), "ETH", [3.0, 5.0], 2000.0, [5000.0, 9000.0])
HEDGE = frame(["h", "h", "k"], "ETH", [6.0, -2.0, -5.0], 2000.0, [9000.0, 9000.0, 8000.0])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("asked", [True, False])
def test_a_dialect_is_the_tidy_book_to_the_last_digit(dialect, asked, tmp_path):
    plain = adl.Book.from_frame(exported(TIDY, "tidy"))
    exported(TIDY, dialect).to_csv(tmp_path / "export.csv", index=False)
    book = adl.Book.read(tmp_path / "export.csv", dialect=dialect if asked else None)
    assert book.said[0] == f"read as {DIALECTS[dialect].title} ({dialect})"
    for name in ("position", "equity", "account"):
        np.testing.assert_array_equal(getattr(book, name), getattr(plain, name))
    np.testing.assert_array_equal(book.price[book.asset], plain.price[plain.asset])
    np.testing.assert_array_equal(book.extra["entry_price"], plain.extra["entry_price"])
    suffix = "/0" if dialect == "dydx" else ""
    assert book.accounts.tolist() == [name + suffix for name in plain.accounts]


def test_the_cases_of_one_kind_each():
    book = adl.Book.from_frame(CASES.assign(side=["sell", "buy"]))
    assert book.position.tolist() == [-3.0, 5.0]
    for name in ("contractSize", "ctVal", "multiplier", "contract_size"):
        sized = adl.Book.from_frame(CASES.assign(position=[-4000.0, 1.0], **{name: 0.001}))
        assert sized.position.tolist() == [-4000 * 0.001, 0.001]
        assert sized.leverage.tolist() == pytest.approx([1.6, 2000 * 0.001 / 9000], rel=TOL.rounding)
        assert sized.said == (f"position = size x {name}",)


def test_realized_closings_are_in_contracts_too():
    book = adl.Book.from_frame(CASES.assign(ctVal=0.01, realized_closed=[1.0, 2.0]))
    assert book.extra["realized_closed"].tolist() == [0.01, 0.02]


def test_margins_are_kept_as_columns_for_the_rules_that_rank_by_them():
    rows = CASES.assign(initialMargin=[1.0, 2.0], maintenance_margin=[0.5, 0.7])
    book = adl.Book.from_frame(rows)
    assert book.extra["initial_margin"].tolist() == [1.0, 2.0]
    assert book.extra["maintenance_margin"].tolist() == [0.5, 0.7] and book.unused == ()
    assert adl.Book.from_frame(rows.rename(columns={"maintenance_margin": "maintenanceMargin"})).unused == ()
    assert adl.Book.from_frame(rows.assign(tier=1)).unused == ("tier",)
    blank = adl.Book.from_frame(rows.assign(maintenance_margin=[None, 0.7]))
    assert "maintenance_margin" not in blank.extra and blank.unused == ("maintenance_margin",)
    assert blank.said == ("maintenance_margin is blank in 1 rows and is not kept",)


def test_hedge_mode_keeps_both_legs_on_one_equity():
    """cases/README.md: 7 of shorts can be closed; added up, 2 of them would be lost."""
    for rows in (HEDGE, HEDGE.assign(position=[6.0, 2.0, 5.0], side=["long", "short", "short"])):
        book = adl.Book.from_frame(rows)
        assert book.position.tolist() == [6.0, -2.0, -5.0] and book.equity.tolist() == [9000.0, 8000.0]
        assert adl.Event(book, short={"ETH": "all"}).capacity["ETH"] == 7.0
        assert adl.Event(book, long={"ETH": "all"}).capacity["ETH"] == 6.0
        assert book.leverage["h"] == 16000 / 9000 and not book.isolated
        assert any(words.startswith("hedge mode: 1 account ") for words in book.said)
    empty = HEDGE.assign(position=[6.0, 0.0, 5.0], side=["long", "short", "short"])
    assert adl.Book.from_frame(empty).position.tolist() == [6.0, 0.0, -5.0]


def test_isolated_and_cross_rows_of_one_wallet():
    equity = [9.0, 5.0, 2.0, 7.0]
    rows = frame(["w", "w", "w", "v"], ["X", "Y", "X", "Y"], [1.0, -2.0, -3.0, 4.0], 0.0, equity)
    rows["price"] = rows["asset"].map({"X": 10.0, "Y": 20.0})
    book = adl.Book.from_frame(rows.assign(marginMode=["cross", "isolated", "isolated", "isolated"]))
    assert book.accounts.tolist() == ["w", "w:Y", "w:X", "v"] and book.isolated
    assert book.equity.tolist() == [9.0, 5.0, 2.0, 7.0]
    both = frame(["w"] * 3, ["X", "X", "Y"], [1.0, -2.0, 1.0], 1.0, [1.0, 2.0, 3.0])
    book = adl.Book.from_frame(both.assign(marginMode="isolated"))
    assert book.accounts.tolist() == ["w:X:long", "w:X:short", "w:Y"]


def test_binance_isolated_positions_have_their_own_margin():
    rows = pd.DataFrame(
        {"account": "w", "symbol": ["BTCUSDT", "ETHUSDT"], "positionAmt": [0.1, -2.0],
         "markPrice": [6e4, 2e3],
         "marginBalance": 900.0, "marginType": ["cross", "isolated"], "isolatedMargin": [0.0, 300.0]}
    )  # fmt: skip
    book = adl.Book.from_frame(rows)
    assert dict(zip(book.accounts, book.equity)) == {"w": 600.0, "w:ETHUSDT": 300.0}
    assert any("marginBalance less it" in words for words in book.said)


WALLET = pd.DataFrame(  # cross: 5,320 + 180; isolated: 3,000 before and 3,500 after a profit of 500
    {"account": ["u1", "u1", "u2"], "symbol": ["BTCUSDT", "ETHUSDT", "BTCUSDT"],
     "positionAmt": [1.0, -2.0, -1.0], "entryPrice": [59_500.0, 2090.0, 60_000.0],
     "markPrice": [6e4, 2e3, 6e4], "marginType": ["isolated", "cross", "cross"]}
)  # fmt: skip
OWN = [{"isolatedMargin": [3500.0, 0.0, 0.0]}, {"isolatedWallet": [3000.0, None, None]}]


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize(
    ("column", "u1", "u2"),
    [
        ("totalMarginBalance", 9000.0, 700.0), ("marginBalance", 9000.0, 700.0),
        ("totalWalletBalance", 8320.0, 700.0), ("walletBalance", 8320.0, 700.0),
        ("crossWalletBalance", 5320.0, 700.0),
    ],
)  # fmt: skip
def test_a_wallet_is_counted_once_by_every_name_of_its_money(own, column, u1, u2):
    """One wallet, five columns of Binance: the same book, and what the wallets hold in all."""
    book = adl.Book.from_frame(WALLET.assign(**own, **{column: [u1, u1, u2]}))
    assert dict(zip(book.accounts, book.equity)) == {"u1:BTCUSDT": 3500.0, "u1": 5500.0, "u2": 700.0}
    said = next(words for words in book.said if words.startswith("the "))
    assert said.endswith(f"{column} less it") == (column != "crossWalletBalance") and next(iter(own)) in said


@pytest.mark.parametrize("column", ["totalMarginBalance", "crossWalletBalance"])
def test_a_wallet_of_one_isolated_position_has_that_position_s_equity(column):
    rows = WALLET.assign(**OWN[0], **{column: [9e3, 9e3, 700.0]}, positionAmt=[1.0, 0.0, -1.0])
    book = adl.Book.from_frame(rows)
    assert dict(zip(book.accounts, book.equity)) == {"u1": 3500.0, "u2": 700.0}


def test_okx_isolated_margin_is_before_profit_and_part_of_the_equity():
    rows = pd.DataFrame(
        {"uid": "w", "instId": ["BTC-USDT-SWAP", "ETH-USDT-SWAP"], "pos": [1.0, -2.0], "ctVal": 1.0,
         "markPx": [6e4, 2e3], "upl": [500.0, 180.0], "mgnMode": ["isolated", "cross"],
         "margin": [3000.0, None], "eq": 9e3}
    )  # fmt: skip
    book = adl.Book.from_frame(rows)
    assert dict(zip(book.accounts, book.equity)) == {"w:BTC-USDT-SWAP": 3500.0, "w": 5500.0}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_gives_an_isolated_position_the_equity_of_its_wallet(dialect):
    """Wallets of three positions, the first of them isolated, on the one equity that the export repeats."""
    table = exported(TIDY, dialect)
    mode = next((name for name in ("marginMode", "marginType", "mgnMode", "leverage.type", "tradeMode")
                 if name in table), "marginMode")  # fmt: skip
    first = ~TIDY["account"].duplicated() & TIDY["account"].duplicated(keep=False)
    table[mode] = np.where(first, "isolated", "cross")
    with pytest.raises(adl.BookError, match="are isolated"):
        adl.Book.from_frame(table.drop(columns="isolatedMargin", errors="ignore"))


def test_an_isolated_position_has_collateral_of_its_own():
    rows = CASES.drop(columns="equity").assign(account="m", asset=["X", "Y"], entry_price=2000.0)
    rows["margin_mode"] = ["cross", "isolated"]
    table = {"account": ["m", "m:Y"], "currency": "USDT", "amount": [7.0, 3.0], "price": 1.0, "haircut": 0.0}
    book = adl.Book.from_frame(rows, collateral=pd.DataFrame(table))
    assert dict(zip(book.accounts, book.equity)) == {"m": 7.0, "m:Y": 3.0}
    with pytest.raises(adl.BookError, match="1 of 2 accounts of the book have no collateral, first 'm:Y'"):
        adl.Book.from_frame(rows, collateral=pd.DataFrame(table).head(1))


def test_collateral_counts_at_its_haircut():
    held = CASES.drop(columns="equity").assign(position=[-3.0, 5.0], entry_price=[2100.0, 1900.0])
    table = pd.DataFrame(
        {"account": ["m", "m", "n", "n"], "currency": ["USDT", "BTC", "BTC", "USDT"],
         "amount": [1000.0, 0.1, 0.2, -500.0], "price": [1.0, 60_000.0, 60_000.0, 1.0],
         "haircut": [0.0, 0.05, 0.05, 0.1]}
    )  # fmt: skip
    book = adl.Book.from_frame(held, collateral=table)
    margin = [1000 + 6000 * 0.95, 12_000 * 0.95 - 500]  # a debt counts in full
    assert book.extra["margin"].tolist() == pytest.approx(margin, rel=TOL.rounding)
    assert book.equity.tolist() == pytest.approx([margin[0] + 300, margin[1] + 500], rel=TOL.rounding)
    columns = adl.Book.from_frame(
        held.assign(collateral=[0.1, 0.2], collateral_price=60_000.0, haircut=[0.05, 0.1])
    )
    assert columns.equity.tolist() == pytest.approx([5700 + 300, 10_800 + 500], rel=TOL.rounding)
    plain = adl.Book.from_frame(held.assign(margin=[100.0, 200.0], haircut=0.5))
    assert plain.equity.tolist() == pytest.approx([350.0, 600.0], rel=TOL.rounding)


def test_currencies_are_converted_by_their_rate_alone():
    rows = CASES.assign(asset=["ETHUSDT", "ETHUSDC"], settle=["USDT", "USDC"], entry_price=1e3)
    rows["rate"] = [1.0, 0.5]
    book = adl.Book.from_frame(rows)
    assert book.currency == "USDT" and book.equity.tolist() == [5000.0, 4500.0]
    assert book.price.tolist() == [2000.0, 1000.0] and book.extra["entry_price"].tolist() == [1000.0, 500.0]


def test_a_linear_book_may_be_priced_in_a_coin_and_says_so():
    book = adl.Book.from_frame(CASES.assign(price=0.05, equity=[0.1, 0.2], kind="linear", settle="BTC"))
    assert book.currency == "BTC" and not book.inverse.any()
    assert book.to_frame().attrs["units"]["equity"] == "BTC"
    assert adl.Book.from_frame(book.to_frame().assign(kind="linear")).currency == "BTC"


def test_hyperliquid_isolated_positions_beside_the_cross_account_value():
    rows = pd.DataFrame(
        {"user": "w", "coin": ["BTC", "ETH"], "szi": [1.0, -2.0], "markPx": [6e4, 2e3],
         "crossMarginSummary.accountValue": 9e3, "leverage.type": ["cross", "isolated"],
         "marginUsed": [7e3, 5e2]}
    )  # fmt: skip
    book = adl.Book.from_frame(rows)
    assert dict(zip(book.accounts, book.equity)) == {"w": 9e3, "w:ETH": 5e2}
    total = rows.rename(columns={"crossMarginSummary.accountValue": "marginSummary.accountValue"})
    book = adl.Book.from_frame(total)
    assert dict(zip(book.accounts, book.equity)) == {"w": 8.5e3, "w:ETH": 5e2}


@pytest.mark.parametrize("dialect", ["ccxt", "binance", "bybit", "okx"])
def test_inverse_contracts_of_a_dialect_are_told_by_their_labels(dialect):
    """2,000 contracts of 1 USD, in contracts of 100 where the venue counts those."""
    of = {"account": ["h", "k"]}
    table = {
        "ccxt": {"symbol": "BTC/USD:BTC", "contracts": 20.0, "contractSize": 100.0, "side": ["long", "short"],
                 "markPrice": 52_000.0, "collateral": 0.02},
        "binance": {"symbol": "BTCUSD_PERP", "positionAmt": [20.0, -20.0], "contractSize": 100.0,
                    "markPrice": 52_000.0, "marginBalance": 0.02, "marginAsset": "BTC"},
        "bybit": {"symbol": "BTCUSD", "size": 2000.0, "side": ["Buy", "Sell"], "positionIdx": 0,
                  "markPrice": 52_000.0, "equity": 0.02, "category": "inverse"},
        "okx": {"instId": "BTC-USD-SWAP", "pos": 20.0, "posSide": ["long", "short"], "ctVal": 100.0,
                "ctType": "inverse", "settleCcy": "BTC", "markPx": 52_000.0, "eq": 0.02},
    }  # fmt: skip
    book = adl.Book.from_frame(pd.DataFrame(of | table[dialect]))
    assert book.currency == "BTC" and book.inverse.all() and book.position.tolist() == [2000.0, -2000.0]
    assert book.notional.tolist() == [2000 / 52_000, -2000 / 52_000] and book.quoted.tolist() == [52_000.0]


def test_the_table_of_the_guide_is_the_table_that_is_read():
    """`notebooks/guide/reading.md`: every name of every dialect, in its column."""
    page = (ROOT / "notebooks" / "guide" / "reading.md").read_text(encoding="utf-8")
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line[:1] == "|"
    ]
    header = next(cells for cells in lines if cells[0] == "a Book's")
    assert header[1:] == list(DIALECTS)
    told = {cells[0]: cells[1:] for cells in lines if len(cells) == len(header)}
    for k, (name, dialect) in enumerate(DIALECTS.items()):
        for book, text in dialect.names.items():
            assert [word.strip("`") for word in told[book][k].split()] == text.split(), (name, book)
