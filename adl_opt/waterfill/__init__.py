"""Water-filling in closed form, for arrays: the level, what each account closes, exact clearing (THEORY
1).
"""

from adl_opt.numerics.exact_clearing import clear_exactly
from adl_opt.numerics.exact_sums import exact_sum
from adl_opt.waterfill.level import clipped_level, filled, sorted_levels, water_level, water_levels

__all__ = [
    "clear_exactly",
    "clipped_level",
    "exact_sum",
    "filled",
    "sorted_levels",
    "water_level",
    "water_levels",
]
