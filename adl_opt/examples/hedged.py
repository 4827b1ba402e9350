"""The four hedged accounts of the paper's cross-margin example, and made-up books of accounts like them.

Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963.
"""

from __future__ import annotations

import numpy as np

from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.examples.events import cross_book

PRICE = {"BTC": 67_000.0, "ETH": 1_900.0}
BTC, ETH = np.array([-8.0, -10.0, -8.0, -7.0]), np.array([-323.0, 38.7, -326.2, 190.0])  # contracts
ENTRY = np.array([72_000.0, 73_544.0, 80_000.0, 80_143.0, 2_100.0, 2_100.0, 1_904.0, 2_000.0])  # BTC, ETH
MARGIN = np.array([137_500.0, 85_300.0, 75_400.0, 43_900.0])
EQUITY = np.array([242_100.0, 143_000.0, 180_704.8, 116_901.0])


def paper() -> Event:
    """The paper's event: four hedged accounts A to D, of which 10 BTC of shorts are to be closed.

    Returns an Event; equity follows from margin and entry prices.

    Source: Campbell, Hey, Moallemi, Nutz (2026), arXiv 2603.15963; THEORY 8.1.

    >>> adl.examples.paper().book.to_frame().pivot(index="account", columns="asset", values="position")
    asset     BTC    ETH
    account
    A        -8.0 -323.0
    B       -10.0   38.7
    C        -8.0 -326.2
    D        -7.0  190.0
    """
    import pandas as pd

    columns = {"account": [*"ABCD"] * 2, "asset": np.repeat([*PRICE], 4), "position": np.append(BTC, ETH)}
    money = {"price": np.repeat([*PRICE.values()], 4), "margin": np.tile(MARGIN, 2), "entry_price": ENTRY}
    return Event(Book.from_frame(pd.DataFrame({**columns, **money})), short={"BTC": 10.0})


def like_the_four(n: int, seed: int) -> Event:
    """Accounts like the paper's four, each resized and rehedged at random; 30 % of the BTC is closed.

    `n`: accounts; `seed`: a whole number. Returns an Event.

    >>> len(adl.examples.like_the_four(20, seed=1).book.accounts)
    20
    """
    rng = np.random.default_rng(seed)
    like, size = rng.integers(0, 4, n), 10 ** rng.uniform(-2, 2, n)
    position = {"BTC": BTC[like] * size, "ETH": ETH[like] * size * rng.uniform(0.3, 1.3, n)}
    return Event(
        cross_book(position, PRICE, EQUITY[like] * size * rng.uniform(0.7, 1.5, n)), short={"BTC": "30%"}
    )
