"""Made-up events, laws and allocations for claims, teaching and tests, and formulas by hand; no data.

The same seed gives the same bytes (§14).

>>> adl.examples.paper().short  # contracts
{'BTC': 10.0}
"""

import warnings
from typing import Any

from adl_opt.examples.by_hand import (
    above,
    apart,
    cutoff_ends,
    inside,
    law_loss,
    least_loss,
    least_whole_loss,
    left,
    leverages,
    losses,
    normal_loss,
    optimal_ends,
    student_loss,
)
from adl_opt.examples.events import (
    any_allocation,
    book,
    closings,
    coins,
    cross_book,
    eight_laws,
    queue,
    random_losses,
    random_shorts,
    rng_of,
    shorts,
    whole_shorts,
)
from adl_opt.examples.hedged import like_the_four, paper
from adl_opt.examples.october_twin import twin

__all__ = [
    "above", "any_allocation", "apart", "book", "closings", "coins", "cross_book", "cutoff_ends",
    "eight_laws", "inside", "law_loss", "least_loss", "least_whole_loss", "left", "leverages",
    "like_the_four", "losses", "normal_loss", "optimal_ends", "paper", "queue", "random_losses",
    "random_shorts", "rng_of", "shorts", "student_loss", "twin", "whole_shorts",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "four_hedged":
        warnings.warn(
            "adl.examples.four_hedged is called paper now; the old name goes with 1.0",
            DeprecationWarning,
            stacklevel=2,
        )
        return paper
    raise AttributeError(f"module 'adl_opt.examples' has no attribute {name!r}")
