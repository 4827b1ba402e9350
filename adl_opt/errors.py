"""What can go wrong, as types: each message says what, how many, the first culprit with its number, and the
remedy.
"""


class AdlError(ValueError):
    """Every error that adl_opt raises on purpose: catch this one to catch them all.

    A ValueError; its message says what, how many, the first culprit with its number, and the remedy.

    >>> try: adl.Event(adl.examples.paper().book, short={"BTC": 99})
    ... except adl.AdlError as error: print(error)
    cannot close 99.0 contracts of 'BTC': the shorts hold 33.0 in all; close at most that, or 'all' (§7)
    """


class BookError(AdlError):
    """A book or waves that cannot be read or are not consistent (§2-§4, §8, §9).

    >>> adl.Book.from_frame(pd.DataFrame({"account": ["A"], "asset": ["BTC"]}))
    Traceback (most recent call last):
        ...
    adl_opt.errors.BookError: the frame lacks 3 of the columns account, asset, position, price, ...
    """


class EventError(AdlError):
    """A requirement that the book cannot meet, or a book that an event refuses (§5, §7, §8).

    >>> adl.Event(adl.examples.paper().book, short={"BTC": 99})
    Traceback (most recent call last):
        ...
    adl_opt.errors.EventError: cannot close 99.0 contracts of 'BTC': the shorts hold 33.0 in all; ...
    """


class LawError(AdlError):
    """A law of price moves that is not a law, does not fit the book, or has no closed form here.

    >>> adl.LogNormal(80, None, 10 / 365)
    Traceback (most recent call last):
        ...
    adl_opt.errors.LawError: volatility number 1 is 80, 8,000 % a year; write 0.6 for 60 %, or say ...
    """


class ObjectiveError(AdlError):
    """An objective that is not convex, contradicts itself, or is weighed with a negative number (§17).

    >>> adl.ExpectedLoss() - adl.WorstCase()
    Traceback (most recent call last):
        ...
    adl_opt.errors.ObjectiveError: cannot subtract from ExpectedLoss: a difference of convex ...
    """


class SolveError(AdlError):
    """A method that does not apply, or a solver that returned no point (§11).

    >>> adl.Problem(adl.LeverageSquare(), adl.examples.paper()).solve(method="magic")
    Traceback (most recent call last):
        ...
    adl_opt.errors.SolveError: there is no method 'magic'; there are auto, closed-form, separable, conic
    """


class ConstraintError(AdlError):
    """A constraint that is not convex, contradicts itself, or does not fit the book.

    >>> adl.LeverageAtMost(-1)
    Traceback (most recent call last):
        ...
    adl_opt.errors.ConstraintError: LeverageAtMost(-1): the leverage, x of equity is a number, at least 0, ...
    """


class InfeasibleError(SolveError):
    """No allocation of the event holds the constraints.

    It says which of them conflict, and the least that their limits would have to be raised.

    >>> adl.Problem(adl.LeverageSquare(), adl.examples.paper(), subject_to=[adl.LeverageAtMost(1)]).solve()
    Traceback (most recent call last):
        ...
    adl_opt.errors.InfeasibleError: no allocation of this event holds LeverageAtMost(1): ...
    """


class AllocationError(AdlError):
    """An allocation, or a file or picture of one, that does not belong to the event.

    >>> adl.pro_rata(adl.examples.paper()).save("book.csv")
    Traceback (most recent call last):
        ...
    adl_opt.errors.AllocationError: 'book.csv': an allocation is saved as .json; ...
    """


class ModelError(AdlError):
    """A model file that cannot be found or does not hold exactly one MODEL.

    >>> adl.load("cvarr")
    Traceback (most recent call last):
        ...
    adl_opt.errors.ModelError: there is no model 'cvarr'; did you mean 'cvar'?
    """


class UncertifiedWarning(UserWarning):
    """A feasible allocation was found, but its relative gap is above the tolerance (§11).

    Turn it into an error where an unproved allocation must not pass:

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", adl.UncertifiedWarning)
    ...     adl.Problem(adl.LeverageSquare(), adl.examples.paper()).solve().certificate.status
    'certified'
    """
