"""What can go wrong, as types: each message says what, how many, the first culprit with its number, and the
remedy.
"""


class AdlError(ValueError):
    """Every error that adl_opt raises on purpose."""


class BookError(AdlError):
    """A book that cannot be read or is not consistent (§2-§4, §8, §9)."""


class EventError(AdlError):
    """A requirement that the book cannot meet, or a book that an event refuses (§5, §7, §8)."""


class LawError(AdlError):
    """A law of price moves that is not a law, does not fit the book, or has no closed form here."""


class ObjectiveError(AdlError):
    """An objective that is not convex, contradicts itself, or is combined with a negative weight (§17)."""


class SolveError(AdlError):
    """A method that does not apply, or a solver that returned no point (§11)."""


class AllocationError(AdlError):
    """An allocation, or a file of one, that does not belong to the event."""


class ModelError(AdlError):
    """A model file that cannot be found or does not hold exactly one MODEL."""


class UncertifiedWarning(UserWarning):
    """A feasible allocation was found, but its relative gap is above the tolerance (§11)."""
