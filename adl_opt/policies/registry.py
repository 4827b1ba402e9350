"""Policies by name, as the command line and comparisons know them."""

from __future__ import annotations

import difflib

from adl_opt.errors import AdlError
from adl_opt.policies.base import Policy
from adl_opt.policies.exchanges import PRESETS
from adl_opt.policies.proportional import pro_rata, pro_rata_equity, pro_rata_profit, uniform
from adl_opt.policies.realized import realized
from adl_opt.policies.water_filling import gross_water_filling, water_filling

POLICIES: dict[str, Policy] = {
    "water_filling": water_filling,
    "pro_rata": pro_rata,
    "gross_water_filling": gross_water_filling,
    "pro_rata_equity": pro_rata_equity,
    "pro_rata_profit": pro_rata_profit,
    "uniform": uniform,
    "realized": realized,
    **{rule.name: rule for rule in PRESETS},
}


def default_policies(isolated: bool) -> list[Policy]:
    """What is compared if nobody says: pro rata, and the water level that the margin mode has."""
    return [water_filling, pro_rata] if isolated else [pro_rata, gross_water_filling]


def policy(name: str) -> Policy:
    """A policy by name; exchanges' names give the rules that they publish.

    `name`: such as "pro_rata", "water_filling" or "bitmex". Returns a function Event -> Allocation;
    exchanges' are QueueRules. Raises AdlError naming those there are.

    >>> event = adl.examples.shorts([10, 10], [500, 4000], 5, price=100, entry_price=[130, 110])
    >>> adl.policy("bitmex")(event).amount.tolist()  # contracts
    [5.0, 0.0]
    """
    if not isinstance(name, str) or name not in POLICIES:
        near = difflib.get_close_matches(str(name).lower(), POLICIES, 1, 0.6)
        raise AdlError(
            f"there is no policy {name!r}; "
            + (f"did you mean {near[0]!r}? " if near else "")
            + f"there are {', '.join(POLICIES)}"
        )
    return POLICIES[name]
