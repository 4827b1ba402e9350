"""A table of three legs, as many readers get it."""

from tests.books import frame

LEGS = frame(["a", "a", "b"], ["X", "Y", "X"], [3.0, 4.0, 5.0], [2.0, 7.0, 2.0], [9.0, 9.0, 8.0])
