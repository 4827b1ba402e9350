"""The guide, the reference, the theory, the notebooks and the benchmarks as one site: `make docs`.

Small libraries and this folder, not MkDocs or Sphinx: their mathematics is a script from elsewhere, links
that a forge follows (../../models/cvar.py) break, and docstrings need a dialect that `help` shows raw.
"""
