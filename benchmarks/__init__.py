"""Benchmarks: ratios measured in one run, each time beside its certified gap.

`python -m benchmarks` writes RESULTS.md.

specs.py says what is measured, verbs.py what each contender does, driver.py runs and certifies, report.py
writes.
"""
