"""Pictures of allocations and studies; matplotlib is imported when one is drawn.

`adl.plots.allocation`, `policies`, `losses`, `sweep`, `frontier`, `comparison`, `replay`, `stress`: each
returns a matplotlib Figure, saves it to `path` if given, and draws in the axes `ax` if given.

>>> adl.plots.allocation(adl.pro_rata(adl.examples.paper()), "leverages.png").axes[0].get_ylabel()
'gross leverage (x of equity)'
"""

from adl_opt.plots.allocation import allocation
from adl_opt.plots.losses import frontier, losses
from adl_opt.plots.policies import policies
from adl_opt.plots.stress import stress
from adl_opt.plots.studies import comparison, replay, sweep

__all__ = ["allocation", "comparison", "frontier", "losses", "policies", "replay", "stress", "sweep"]
