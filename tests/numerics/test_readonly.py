"""Books, events, waves and laws do not change under those who hold them: their arrays refuse to be written
into, in copies too.
"""

import copy
import pickle

import numpy as np
import pytest
from scipy import stats

import adl_opt as adl
from tests import books

SHORTS = books.frame(
    ["a", "a", "b", "c"],
    ["X", "Y", "X", "X"],
    [-3.0, -2.0, -4.0, 5.0],
    [2.0, 9.0, 2.0, 2.0],
    [5.0, 5.0, 7.0, 9.0],
)
LAWS = [
    adl.Gaussian([[0.1, 0.01], [0.01, 0.2]]),
    adl.FactorModel([1.0, 0.5], [0.1, 0.1]),
    adl.Gaussian(adl.FactorModel([1.0, 0.5], [0.1, 0.1])),
    adl.StudentT([[0.1, 0.01], [0.01, 0.2]], 4),
    adl.LogNormal([0.6, 0.7], 0.5, 0.1),
    adl.OneFactor([1.0, 0.5], stats.norm(0, 0.1)),
    adl.OneFactor([1.0, 0.5], adl.Scenarios([-0.1, 0.1])),
    adl.Scenarios(np.full((3, 2), 0.1)),
    adl.LogNormal([0.6, 0.7], 0.5, 0.1).quadrature(3),
]


def an_event(**limits) -> adl.Event:
    book = adl.Book.from_frame(SHORTS.assign(realized_closed=SHORTS.position))
    return adl.Event(book, short={"X": 1.25, "Y": "all"}, **limits)


def arrays(thing, path=""):
    """Every array that a thing of ours holds or computes when asked, by where it is."""
    if isinstance(thing, np.ndarray):
        yield path, thing
    elif isinstance(thing, dict):
        for name, value in thing.items():
            yield from arrays(value, f"{path}[{name}]")
    elif type(thing).__module__.startswith("adl_opt"):
        asked = [
            name
            for base in type(thing).__mro__
            for name, kind in vars(base).items()
            if type(kind).__name__ == "cached_property"
        ]
        for name in {*vars(thing), *asked}:
            yield from arrays(getattr(thing, name), f"{path}.{name}")


def copies(thing):
    yield from (thing, pickle.loads(pickle.dumps(thing)), copy.deepcopy(thing), copy.copy(thing))


@pytest.mark.parametrize(
    "limits", [{}, {"cap": 0.5}, {"cap": {"a": 0.5}, "protected": ["b"]}], ids=["plain", "cap", "protected"]
)
def test_arrays_of_books_and_events_cannot_be_written_into(limits):
    event = an_event(**limits)
    wanted = (
        "required",
        "side",
        "size",
        "held",
        "notional",
        "capacities",
        "closable",
        "free",
        "fixed_fraction",
        "pro_rata_fraction",
    )
    for one in (
        *copies(event),
        event.with_requirement(short={"X": 1.0}),
        adl.Event(event.book.solvent(), short={"X": 1.0}),
    ):
        found = dict(arrays(one))
        assert {f".{name}" for name in wanted} | {
            ".book.position",
            ".book.equity",
            ".book.extra[realized_closed]",
        } <= set(found)
        for path, array in found.items():
            assert not array.flags.writeable, path
            with pytest.raises(ValueError, match="read-only"):
                array[...] = array


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_arrays_of_laws_cannot_be_written_into(law):
    aligned = [law.align(("X", "Y"))] if hasattr(law, "align") else []
    for one in (*copies(law), *aligned):
        found = dict(arrays(one))
        assert found and not [path for path, array in found.items() if array.flags.writeable]


def test_arrays_of_waves_cannot_be_written_into():
    waves = adl.Waves.from_frame(SHORTS.assign(wave=[1, 1, 1, 2], realized_closed=[-1.0, 0.0, -1.0, 2.0]))
    for one in copies(waves):
        assert not [path for path, array in arrays(one) if array.flags.writeable]


def test_whoever_makes_a_book_goes_on_writing_into_his_own_arrays():
    mine = adl.Book.from_frame(SHORTS)
    position = np.array(mine.position)
    names = ("accounts", "assets", "price", "equity", "account", "asset")
    window = position[:]  # a read-only view of it would change with it
    window.setflags(write=False)
    for given in (position, window):
        book = adl.Book(*(getattr(mine, name) for name in names), given, {})
        position[:] = 1.0
        assert np.array_equal(book.position, mine.position)
        position[:] = mine.position
    assert (
        adl.Book(*(getattr(mine, name) for name in names), mine.position, {}).position is mine.position
    )  # nothing is copied twice


def test_a_solve_works_on_read_only_arrays_and_leaves_them_as_they_were():
    event = adl.load("cross_margin").event(4, 0)
    law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(5)
    before = {path: array.copy() for path, array in arrays(event)}
    for method in ("conic", "separable"):
        problem = adl.Problem(adl.ExpectedLoss(), event, law)
        adl.certify(adl.ExpectedLoss(), event, law, problem.solve(method=method))
    assert all(np.array_equal(array, before[path]) for path, array in arrays(event))
