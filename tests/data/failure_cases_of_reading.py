"""Failure cases of books as exchanges hand them out: sides, sizes, currencies, dialects, collateral."""

import pandas as pd

import adl_opt as adl
from tests.books import frame
from tests.data.exports import exported, tidy
from tests.failures import ETH, Case

INVERSE = ETH.assign(kind="inverse", settlement="ETH")
TWO = ETH.assign(asset=["ETHUSDT", "ETHUSDC"], settle=["USDT", "USDC"])
HELD = ETH.drop(columns="equity").assign(entry_price=1900.0)
COLLATERAL = pd.DataFrame(
    {"account": ["m", "n"], "currency": "BTC", "amount": 1.0, "price": 6e4, "haircut": 0.05}
)
WALLET = pd.DataFrame(
    {"user": "w", "coin": ["BTC", "ETH"], "szi": [1.0, -2.0], "markPx": [6e4, 2e3], "accountValue": 9e3,
     "leverage.type": ["cross", "isolated"]}
)  # fmt: skip
INVERSE_BOOK = adl.Book.from_frame(INVERSE)
INVERSE_EVENT = adl.Event(INVERSE_BOOK, long={"ETH": 1.0})


def read(table, **options):
    return lambda _: adl.Book.from_frame(table, **options)


def given(**columns):
    return read(ETH.assign(**columns))


def venue(dialect, change=lambda table: table):
    return read(change(exported(tidy(3), dialect)))


def backed(**columns):
    return read(HELD, collateral=COLLATERAL.assign(**columns))


def problem(law):
    return lambda _: adl.Problem(adl.ExpectedLoss(), INVERSE_EVENT, law)


def load_with(**changes):
    def call(folder):
        import json

        adl.pro_rata(INVERSE_EVENT).save(folder / "a.json")
        stored = json.loads((folder / "a.json").read_text())
        stored["book"] |= changes
        (folder / "a.json").write_text(json.dumps(stored))
        return adl.Allocation.load(folder / "a.json")

    return call


CASES = [
    Case(
        r"first row 1 \(account 'm', asset 'ETH'\), have contradictory sides: 'side' says short beside "
        "position 3",
        given(side=["short", "long"]),
    ),
    Case("have contradictory sides in 'side' and 'isLong'; drop one", given(side="long", isLong=False)),
    Case("say 'up' in the column 'side', which is no side: write long or short", given(side=["up", "short"])),
    Case("have no positive ctVal: how much one contract is", given(ctVal=[0.0, 1.0])),
    Case(
        "have another ctVal than the asset's first: 2 beside 1; one asset, one ctVal", given(ctVal=[1.0, 2.0])
    ),
    Case(
        "2 of 2 rows, .* are inverse contracts without their settlement currency; give a column settlement",
        given(kind="inverse"),
    ),
    Case("are inverse contracts settled in USDT, which is no coin", given(kind="inverse", settle="USDT")),
    Case("settle in BTC, and nothing says of what kind", given(settle="BTC")),
    Case(r"first row 2 .* settle in another currency \(USDT and USDC\) without a rate", read(TWO)),
    Case("have no positive rate", read(TWO.assign(rate=[1.0, 0.0]))),
    Case(
        "settle in another currency .* beside inverse contracts, whose coin's rate moves",
        read(TWO.assign(settle=["BTC", "USDC"], kind=["inverse", "linear"])),
    ),
    Case(
        "settle in two currencies by 'settle' and 'marginCoin'; drop one",
        given(settle="USD", marginCoin="EUR"),
    ),
    Case(
        "are linear by one and inverse by the other of 'contractType' and 'inverse'",
        given(contractType="linear", inverse=True),
    ),
    Case(
        "say 'barrier' in the column 'contractType', which is no kind of contract",
        given(contractType="barrier"),
    ),
    Case("are options or quanto by 'category'", given(category="option")),
    Case("are an option: only linear and inverse", read(ETH.assign(asset="ETH/USD:ETH-261225-4000-C"))),
    Case("are settled in BTC, neither base nor quote", read(ETH.assign(asset="ETH/USD:BTC"))),
    Case("there is no dialect 'binanse'; did you mean 'binance'", read(ETH, dialect="binanse")),
    Case("there is no dialect 'kraken'; there are ccxt, binance", read(ETH, dialect="kraken")),
    Case(
        "has the columns of 2 dialects, binance and okx; say dialect='binance'",
        venue("binance", lambda table: table.assign(instId="X", pos=1)),
    ),
    Case(
        "read as binance, says equity twice, as 'marginBalance' and 'equity'; drop one",
        venue("binance", lambda table: table.assign(equity=1.0)),
    ),
    Case(
        r"count contracts, and no column says how much one is \(OKX\); give contract_size",
        venue("okx", lambda table: table.drop(columns=["ctVal", "ctMult"])),
    ),
    Case(
        r"count contracts, and no column says how much one is \(Binance\)",
        venue("binance", lambda table: table.assign(symbol="BTCUSD_PERP", marginAsset="BTC", markPrice=6e4)),
    ),
    Case(
        "isolated positions become accounts of their own, and 1 such names are other accounts', first 'm:X'",
        read(frame(["m", "m", "m:X"], ["X", "Y", "X"], 1.0, 1.0, 1.0).assign(marginMode="isolated")),
    ),
    Case(
        r"1 of 2 rows, first row 2 \(account 'w', asset 'ETH'\), are isolated, and 'accountValue' is their "
        "wallet's; give isolated_equity",
        read(WALLET),
    ),
    Case(
        "are isolated and repeat the equity of their wallet, which would count twice",
        read(frame(["m", "m"], ["X", "Y"], 1.0, 1.0, 7.0).assign(marginMode=["cross", "isolated"])),
    ),
    Case(
        "nothing tells whether 'equity' holds their margin: write each row's own there .* drop 'marginUsed'",
        read(WALLET.rename(columns={"accountValue": "equity"}).assign(marginUsed=5e2)),
    ),
    Case(
        "are isolated, and 'isolatedWallet' is before unrealized profit, 'marginBalance' is not; give entry",
        venue(
            "binance",
            lambda t: t.assign(marginType="isolated", isolatedWallet=1.0).drop(
                columns=["entryPrice", "isolatedMargin"]
            ),
        ),
    ),
    Case("say 'mixed' in the column 'marginMode', which is no margin mode", given(marginMode="mixed")),
    Case("has the columns equity and haircut: an equity holds profits", given(haircut=0.1)),
    Case("have a haircut outside .0, 1., 5; 5 % is 0.05", read(HELD.assign(margin=1.0, haircut=5.0))),
    Case(
        "lacks 1 of the columns account, currency, amount, price, haircut: first 'haircut'",
        read(HELD, collateral=COLLATERAL.drop(columns="haircut")),
    ),
    Case("1 of 2 rows of collateral, first row 2 .* repeat an account and currency", backed(account="m")),
    Case("have no positive price", backed(price=0.0)),
    Case("have a haircut outside .0, 1.; 5 % is 0.05", backed(haircut=5.0)),
    Case("1 of 2 accounts of the book have no collateral, first 'n'; write 0", backed(account=["m", "z"])),
    Case(
        "rows repeat an account and asset, first account 'm', asset 'ETH'",
        given(account="m", equity=1.0, position=[3.0, 5.0]),
    ),
    Case(
        "1 of 2 scenarios move the price of an inverse contract by -1 or below, first number 2 "
        "with -1 in 'ETH'",
        problem(adl.Scenarios({"ETH": [0.1, -1.0]})),
        adl.LawError,
    ),
    Case(
        r"Gaussian has no closed form for inverse contracts, which gain R / \(1 \+ R\)",
        problem(adl.Gaussian(0.01)),
        adl.LawError,
    ),
    Case(
        "factor leverages are of gains in proportion to a factor, and 1 of 1 assets are inverse",
        lambda _: adl.factor_water_filling(INVERSE_EVENT, {"ETH": 1.0}),
        adl.LawError,
    ),
    Case("1 of 1 quoted prices are not positive", load_with(mark=[-1.0]), adl.AllocationError),
]
