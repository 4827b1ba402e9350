"""HiGHS 1.16 says its name on stdout, once a process, when the first `highspy.Highs` is made: before it can
be told not to.

Importing this module makes that first one, with its console off before it speaks. Whoever imports CVXPY or
highspy here imports this too, so that ours, CVXPY's and a user's solves of `problem.cvxpy` are all silent. No
file descriptor is touched; a release that says nothing is not changed.
"""

import highspy


class _Silent(highspy.Highs):
    def enableCallbacks(self) -> None:
        # Of this one only: `verbose=True` still shows what later ones do.
        self.setOptionValue("log_to_console", False)
        super().enableCallbacks()


_Silent().passModel(highspy.HighsModel())
