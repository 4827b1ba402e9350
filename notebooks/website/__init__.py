"""The guide, the reference, the theory, the notebooks and the benchmarks as one site: `make docs`.

Six small libraries and these pages, not MkDocs or Sphinx: those fetch their mathematics from elsewhere, refuse
links that a forge follows (../../models/cvar.py), and read docstrings in a dialect that `help` shows raw.
"""
