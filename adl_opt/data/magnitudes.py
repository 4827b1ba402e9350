"""Numbers so large or so small that floats lose them in products and sums: refused at the door, the account
named. numpy only.
"""

from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.errors import AdlError, BookError, EventError

# In size, where not 0: squares and ratios of such numbers are floats of full precision
LEAST, MOST = 1e-150, 1e150


def check_book(book: Any) -> None:
    """Raise BookError for positions, prices, notionals or equities outside [1e-150, 1e150] in size, zeros
    excepted, or sums above 1e150.
    """
    held, price, owner = np.abs(book.position), book.price[book.asset], book.account
    with np.errstate(over="ignore", under="ignore"):
        notional = held * price
        sums = {"notionals": float(notional.sum()), "equities": float(np.abs(book.equity).sum())}
        by_asset = np.bincount(book.asset, held, len(book.assets))
    _within("positions", held, held != 0, book, owner, BookError)
    _within("prices", price, held != 0, book, owner, BookError)
    _within("notionals", notional, held != 0, book, owner, BookError)
    _within("equities", np.abs(book.equity), book.equity != 0, book, np.arange(len(book.equity)), BookError)
    sums |= {
        f"positions in {asset!r}": float(total)
        for asset, total in zip(book.assets, by_asset)
        if not total <= MOST
    }
    for name, total in sums.items():
        if not total <= MOST:
            raise BookError(
                f"the {name} sum to {total:.6g} in size, more than {MOST:g}: use other units of contracts "
                "or of money"
            )


def check_leverages(book: Any) -> None:
    """Raise EventError for a gross leverage outside [1e-150, 1e150], equities being positive."""
    gross = book.gross_notional
    with np.errstate(over="ignore", under="ignore"):
        leverage = gross / book.equity
    _within("gross leverages", leverage, gross != 0, book, np.arange(len(gross)), EventError)


def _within(name: str, size: Array, counts: Mask, book: Any, account: Index, kind: type[AdlError]) -> None:
    """size (m,) where `counts` (m,), of account number account (m,)."""
    wrong = ~(size <= MOST) | (~(size >= LEAST) & counts)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise kind(
            f"{wrong.sum():,} of {len(wrong):,} {name} are above {MOST:g} or below {LEAST:g} in size, "
            "where floats lose their squares, "
            f"first {size[first]:.6g} of account {book.accounts[account[first]]!r}; leave it out, or use "
            "other units of contracts or of money"
        )
