"""One book as the venues of `dialects.py` would export it, with columns that nothing is read from."""

import numpy as np
import pandas as pd

SIZE = {"BTC": 0.001, "ETH": 0.01, "SOL": 1.0}  # of a contract, in coins
PRICE = {"BTC": 60_000.0, "ETH": 2_500.0, "SOL": 150.0}


def tidy(n: int, seed: int = 1) -> pd.DataFrame:
    """n accounts of up to three positions on one equity; sizes are whole contracts."""
    rng = np.random.default_rng(seed)
    legs = rng.integers(1, 4, n)
    account = np.repeat(np.arange(n), legs)
    place = np.arange(len(account)) - np.repeat(np.cumsum(legs) - legs, legs)
    asset = np.array([*SIZE])[(np.repeat(rng.integers(0, 3, n), legs) + place) % 3]
    size, price = (pd.Series(asset).map(table).to_numpy() for table in (SIZE, PRICE))
    contracts = np.maximum(rng.lognormal(3, 1, len(account)).round(), 1.0) * rng.choice([-1, 1], len(account))
    equity = np.repeat((100 * rng.lognormal(3, 1, n)).round(2), legs)
    entry = (price * rng.normal(1, 0.02, len(account))).round(2)
    return pd.DataFrame(
        {"account": [f"u{i}" for i in account], "asset": asset, "position": contracts * size, "price": price,
         "equity": equity, "entry_price": entry, "contracts": contracts, "size": size}
    )  # fmt: skip


def exported(book: pd.DataFrame, dialect: str) -> pd.DataFrame:
    short, amount = book["position"] < 0, book["position"].abs()
    common = {"leverage": 10, "updateTime": 1_700_000_000_000}
    if dialect == "tidy":
        columns = book[["account", "asset", "position", "price", "equity", "entry_price"]]
        return pd.DataFrame({**columns, **common})
    if dialect == "ccxt":
        columns = {
            "info.user": book["account"], "symbol": book["asset"] + "/USDT:USDT",
            "contracts": book["contracts"].abs(), "contractSize": book["size"],
            "side": np.where(short, "short", "long"), "markPrice": book["price"],
            "entryPrice": book["entry_price"], "collateral": book["equity"], "marginMode": "cross",
            "hedged": False,
        }  # fmt: skip
    elif dialect == "binance":
        columns = {
            "accountId": book["account"], "symbol": book["asset"] + "USDT", "positionAmt": book["position"],
            "entryPrice": book["entry_price"], "markPrice": book["price"], "marginBalance": book["equity"],
            "marginType": "cross", "isolatedMargin": 0.0, "positionSide": "BOTH", "marginAsset": "USDT",
        }  # fmt: skip
    elif dialect == "bybit":
        columns = {
            "uid": book["account"], "symbol": book["asset"] + "USDT", "side": np.where(short, "Sell", "Buy"),
            "size": amount, "positionIdx": 0, "avgPrice": book["entry_price"], "markPrice": book["price"],
            "totalEquity": book["equity"], "category": "linear", "tradeMode": 0,
        }  # fmt: skip
    elif dialect == "okx":
        columns = {
            "uid": book["account"], "instId": book["asset"] + "-USDT-SWAP", "instType": "SWAP",
            "pos": book["contracts"].abs(), "posSide": np.where(short, "short", "long"),
            "ctVal": book["size"],
            "ctMult": 1, "ctType": "linear", "settleCcy": "USDT", "avgPx": book["entry_price"],
            "markPx": book["price"], "eq": book["equity"], "mgnMode": "cross",
        }  # fmt: skip
    elif dialect == "hyperliquid":
        columns = {
            "user": book["account"], "coin": book["asset"], "szi": book["position"],
            "entryPx": book["entry_price"], "markPx": book["price"], "accountValue": book["equity"],
            "leverage.type": "cross", "leverage.value": 10,
        }  # fmt: skip
        common = {"cumFunding": 0.0}
    elif dialect == "dydx":
        columns = {
            "address": book["account"], "subaccountNumber": 0, "market": book["asset"] + "-USD",
            "side": np.where(short, "SHORT", "LONG"), "size": book["position"],
            "entryPrice": book["entry_price"], "oraclePrice": book["price"], "equity": book["equity"],
            "status": "OPEN",
        }  # fmt: skip
    return pd.DataFrame({**columns, **common})
