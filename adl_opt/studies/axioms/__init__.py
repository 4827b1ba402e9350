"""Rules on trial: which promises a policy keeps, and the smallest counterexample where it does not (THEORY
3).
"""

from adl_opt.studies.axioms.search import check

__all__ = ["check"]
