"""Rules on trial: which promises a policy keeps, and the smallest counterexample where it does not.

`adl.axioms.check` of a policy.

Source: THEORY 3.

>>> adl.axioms.check("uniform", books=5).columns.tolist()[:3]
['axiom', 'holds', 'counterexample']
"""

from adl_opt.studies.axioms.search import check

__all__ = ["check"]
