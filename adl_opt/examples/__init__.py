"""Made-up events, laws and allocations for claims, teaching and tests; nothing here is data (§14: the same
seed, the same bytes).
"""

from adl_opt.examples.events import (
    any_allocation,
    book,
    eight_laws,
    losses,
    optimal_ends,
    random_shorts,
    shorts,
)
from adl_opt.examples.october_twin import twin

__all__ = [
    "any_allocation",
    "book",
    "eight_laws",
    "losses",
    "optimal_ends",
    "random_shorts",
    "shorts",
    "twin",
]
