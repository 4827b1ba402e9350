"""Failure cases of made-up events."""

import adl_opt as adl
from tests.failures import Case

CASES = [
    Case("legs = True: a book has at least one", lambda _: adl.examples.book(3, legs=True), adl.BookError),
    Case("no attribute 'papers'", lambda _: adl.examples.papers, AttributeError),
    Case("scale = 20", lambda _: adl.examples.twin(1, 20), adl.BookError),
]
