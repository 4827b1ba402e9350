"""Pictures: `adl.plots.allocation`, `policies`, `sweep`, `comparison`, `replay`. matplotlib is imported when
one is drawn.
"""

from adl_opt.plots.allocation import allocation
from adl_opt.plots.policies import policies
from adl_opt.plots.studies import comparison, replay, sweep

__all__ = ["allocation", "comparison", "policies", "replay", "sweep"]
