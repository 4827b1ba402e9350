"""How exchanges say they rank accounts today, as presets with their sources."""

from adl_opt.policies.queue import QueueRule

_EQUITY = "leverage is the position's notional at the mark over the account's equity"
_ORDER = "ties, which the text does not state, go by account order"
_RATE = (
    "maintenance margins of the account by tiers (the field maintenance), else by the column "
    "maintenance_margin, else at one rate for all, which cancels in the ranking"
)


def _preset(
    name: str,
    pnl: str,
    leverage: str,
    losers: str,
    price: str,
    source: str,
    sure: bool,
    assumed: str,
    ties: str | tuple[str, ...] = "account order",
) -> QueueRule:
    return QueueRule(pnl, leverage, losers, price, ties, name, source, sure, assumed)


PRESETS: tuple[QueueRule, ...] = (
    _preset(
        "bitmex",
        "return on entry",
        "leverage",
        "divide",
        "bankruptcy",
        "support.bitmex.com, What is Auto-Deleveraging (also MEXC, Poloniex, Satori)",
        True,
        f"mark value - bankruptcy value is the account's equity; {_ORDER}",
    ),
    _preset(
        "binance",
        "return on wallet",
        "maintenance ratio",
        "zero",
        "bankruptcy",
        "Binance futures FAQ on insurance funds and ADL (formula sure; whether still current: not)",
        False,
        f"{_RATE}; wallet is the column margin, else equity less unrealized profit; {_ORDER}",
    ),
    _preset(
        "aster",
        "return on mark",
        "leverage",
        "divide",
        "bankruptcy",
        "docs.asterdex.com",
        True,
        f"abs(notional) is at the mark; balance + uPnL is the account's equity; {_ORDER}",
    ),
    _preset(
        "okx",
        "return on entry",
        "leverage",
        "divide",
        "mark",
        "okx.com help, introduction to ADL",
        True,
        f"L is not defined in the text: {_EQUITY}; losses rank below profits, divided by leverage; closed "
        f"at the bankruptcy price when the fund is nearly empty; {_ORDER}",
    ),
    _preset(
        "bybit",
        "return on entry",
        "leverage",
        "divide",
        "bankruptcy",
        "Bybit help centre",
        False,
        f"the text has no formula: return times leverage as at BitMEX, {_EQUITY}; {_ORDER}",
    ),
    _preset(
        "hyperliquid",
        "price ratio",
        "leverage",
        "exclude",
        "previous mark",
        "Hyperliquid docs, auto-deleveraging",
        False,
        "as printed mark/entry does not flip for shorts; here it does (the rule hyperliquid_as_printed "
        f"does not); closed at the previous mark (older page: previous oracle); {_ORDER}",
    ),
    _preset(
        "hyperliquid_as_printed",
        "mark over entry",
        "leverage",
        "exclude",
        "previous mark",
        "Hyperliquid docs, auto-deleveraging",
        False,
        f"mark/entry for shorts too, so that among shorts the least profitable rank first; {_ORDER}",
    ),
    _preset(
        "kucoin",
        "return on entry",
        "leverage",
        "divide",
        "bankruptcy",
        "kucoin.com support",
        True,
        f"effective margin is the account's equity; {_ORDER}",
    ),
    _preset(
        "bitget",
        "return on entry",
        "maintenance ratio",
        "divide",
        "bankruptcy",
        "Bitget support (cross margin)",
        True,
        f"{_RATE}; {_ORDER}",
    ),
    _preset(
        "coinex",
        "price ratio",
        "open leverage",
        "multiply",
        "bankruptcy",
        "support.coinex.com",
        True,
        "margin is the column margin, else equity less unrealized profit; the score is one product for "
        f"winners and losers; {_ORDER}",
    ),
    _preset(
        "bluefin",
        "return on entry",
        "margin ratio",
        "zero",
        "not stated",
        "learn.bluefin.io",
        True,
        "the oracle price is the book's price; MMR is the account's maintenance margin / gross notional, by "
        "tiers (the field maintenance), else by the column maintenance_margin, else 1%; margin ratio is "
        f"equity / gross notional; {_ORDER}",
    ),
    _preset(
        "ethereal",
        "none",
        "account leverage",
        "multiply",
        "oracle",
        "docs.ethereal.trade",
        True,
        "effective leverage is gross notional / equity; uPnL is the position's; balance is the column "
        "margin, else equity less unrealized profit; the last account of the book is "
        "the newest; the oracle mark is capped at the bankruptcy price",
        ("unrealized profit", "lowest balance", "newest first"),
    ),
    _preset(
        "dydx",
        "none",
        "none",
        "multiply",
        "bankruptcy",
        "dYdX v4-chain, deleveraging",
        True,
        "no score: account order stands for the list of subaccounts, the start is drawn with `seed`; "
        "pairs are not skipped, since an event knows no bankruptcy price of the "
        "liquidated account; closed at the bankruptcy or the oracle price",
        "random start",
    ),
    _preset(
        "synthetix",
        "return on entry",
        "leverage",
        "divide",
        "bankruptcy",
        "Synthetix perps (February 2026), as listed by EXCHANGES",
        True,
        f"losers as at BitMEX; closed at mark x (1 - equity / notional) of the liquidated; {_ORDER}",
    ),
    _preset(
        "xt",
        "return on entry",
        "leverage",
        "divide",
        "bankruptcy",
        "xtsupport.zendesk.com, Auto-Deleveraging",
        True,
        f"mark value - bankruptcy value is the account's equity; {_ORDER}",
    ),
    _preset(
        "cube",
        "unrealized profit",
        "leverage",
        "multiply",
        "not stated",
        "Cube, as listed by EXCHANGES (GTE, Much, Arkham alike)",
        True,
        f"profit in quote currency; {_EQUITY}; one product for winners and losers; {_ORDER}",
    ),
    _preset(
        "gte",
        "unrealized profit",
        "leverage",
        "multiply",
        "bankruptcy by pair",
        "docs.gte.xyz, Auto Deleveraging (Much alike)",
        True,
        "the text says high unrealized profit and leverage: their product, profit in quote currency; "
        f"{_EQUITY}; each liquidated position at its own bankruptcy price; {_ORDER}",
    ),
    _preset(
        "cvex",
        "entry price",
        "none",
        "multiply",
        "mark",
        "docs.cvex.xyz, Deleverage Queue",
        True,
        "the entry price best for its holder first (re-entering at the current price goes to the end of the "
        f"queue, says the text): longs bought lowest, shorts sold highest; {_ORDER}",
    ),
    _preset(
        "aftermath",
        "none",
        "none",
        "multiply",
        "own entry",
        "docs.aftermath.finance, Liquidations; EXCHANGES",
        False,
        "the price is sure, each counterparty at its own entry, and the collateral left is distributed; the "
        "order is not stated: account order, whole positions",
    ),
    _preset(
        "kucoin_cross",
        "return on entry",
        "none",
        "multiply",
        "bankruptcy",
        "kucoin.com support, Auto Deleverage in Cross-Margin Mode",
        False,
        f"this page ranks by the return alone, another (kucoin) by return and leverage; {_ORDER}",
    ),
    _preset(
        "kucoin_opening",
        "return on initial margin",
        "opening leverage",
        "multiply",
        "bankruptcy",
        "kucoin.com support, Auto-Deleveraging, French and Italian pages",
        False,
        "profit over initial margin, times value at entry over initial margin (column initial_margin): the "
        f"leverage counts twice; losers, of whom the page says nothing, by the same product; {_ORDER}",
    ),
    _preset(
        "gate",
        "return on entry",
        "maintenance ratio",
        "divide",
        "bankruptcy",
        "gate.com help, Auto-Deleveraging (2025)",
        False,
        "the text names return rate and maintenance margin ratio, no formula: as at Bitget, "
        f"maintenance margin / equity; {_RATE}; {_ORDER}",
    ),
    _preset(
        "sunx",
        "return on entry",
        "maintenance ratio",
        "divide",
        "not stated",
        "sunx.gitbook.io, Auto-Deleveraging (the text is HTX's)",
        False,
        "return / margin ratio for winners, x for losers, where the riskier has the lower margin ratio, as "
        "once at HTX: equity / maintenance margin (sunx_as_printed takes the ratio of today's pages); "
        f"{_RATE}; {_ORDER}",
    ),
    _preset(
        "sunx_as_printed",
        "return on entry",
        "equity / maintenance",
        "divide",
        "not stated",
        "sunx.gitbook.io, Auto-Deleveraging, and Trading Account and Margin",
        False,
        "margin ratio is maintenance margin / equity, liquidated at 100 %: dividing by it spares the most "
        f"levered winners; {_RATE}; {_ORDER}",
    ),
    _preset(
        "leverage_queue",
        "none",
        "leverage",
        "multiply",
        "not stated",
        "no exchange: leverage alone, highest first",
        True,
        _ORDER,
    ),
)
