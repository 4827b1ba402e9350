"""Who bears an allocation: what it costs each account, and how it is shared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adl_opt.errors import EventError
from adl_opt.evaluation.counting import accounts, left, reduced
from adl_opt.problem.allocation import Allocation

if TYPE_CHECKING:
    import pandas as pd
from adl_opt.policies.closing_prices import closing_prices

Array = NDArray[np.float64]


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
