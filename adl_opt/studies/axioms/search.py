"""Which promises a policy keeps: a search over small and degenerate books in both margins, and the smallest
counterexamples it finds (THEORY 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from adl_opt.errors import AdlError, EventError, LawError
from adl_opt.policies.base import Policy
from adl_opt.progress import counted
from adl_opt.studies.axioms.cases import SEEDS, Choice, Probe, State, in_cross_margin, random_state
from adl_opt.studies.axioms.catalogue import AXIOMS, Axiom, Found
from adl_opt.studies.axioms.own import chosen
from adl_opt.studies.shrinking import digits, shrunk

if TYPE_CHECKING:
    import pandas as pd

_BOOKS, _MOST_SHRUNK = 100, 400  # random books an axiom and margin; evaluations of shrinking
_COLUMN = {"isolated": "", "cross": " in cross margin"}  # by margin: after the name of a column
_STREAM: dict[str, tuple[int, ...]] = {"isolated": (), "cross": (1,)}  # of random numbers


def check(
    policy: Policy | str,
    seed: int = 1,
    books: int = _BOOKS,
    *,
    axioms: Sequence[str | Axiom] | None = None,
    margins: Sequence[str] = ("isolated", "cross"),
    progress: bool = False,
) -> pd.DataFrame:
    """Which promises a policy keeps: a table, a line a promise, with a counterexample where it breaks one.

    - `policy`: any function Event -> Allocation, or a name that `adl.policy` knows
    - `seed`, `books`: the known instances of THEORY 3 are searched, then `books` random and degenerate books
      of 2 to 5 accounts in isolated margin (identical accounts, tied scores, no profit; shorts and longs in
      turn) and as many in cross margin (hedges, perfect ones, more of the same); the same seed, the same
      books
    - `axioms`: names of promises, and your own, made with `adl.axiom` (default: all of the library's)
    - `margins`: in which the books are; `progress`: a bar on a terminal

    Returns a DataFrame axiom, holds, counterexample, of isolated margin, then "holds in cross margin" and
    "counterexample in cross margin", where accounts hold another asset beside the one that is closed. holds
    False comes with a counterexample that was made as small as the search could: few accounts, round numbers,
    in contracts and quote currency. holds True means that none was found, which is no proof; None that the
    policy refused every book. "needs no law" reads whether the allocations were computed with a law, which an
    Event does not hold. Raises AdlError for what is not a policy or does not clear, and for unknown axioms.

    Source: THEORY 3.

    >>> kept = adl.axioms.check("pro_rata", books=5).set_index("axiom")["holds"]
    >>> kept[~kept.astype(bool)].index.tolist()
    ['least maximal leverage']
    """
    from adl_opt.table import with_units

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise AdlError(f"seed = {seed!r}: a whole number, at least 0; the same seed, the same books")
    probe, asked_for, where = Probe(policy), chosen(axioms), _margins(margins)
    numbers = {axiom.name: number for number, axiom in enumerate(AXIOMS)}
    rows, counts = [], {margin: {} for margin in where}
    with counted(asked_for, "looking for counterexamples", progress, lambda one: one.name) as looked:
        for axiom in looked:
            row: list[Any] = [axiom.name]
            for margin in where:
                seeds = [seed, numbers.get(axiom.name, crc32(axiom.name.encode())), *_STREAM[margin]]
                found = _line(probe, axiom, _CASES[margin](axiom, np.random.default_rng(seeds), books))
                row, counts[margin][axiom.name] = [*row, *found[:2]], found[2]
            rows.append(row)
    said, told = ([f"{name}{_COLUMN[margin]}" for margin in where] for name in ("holds", "counterexample"))
    columns = ["axiom", *(name for pair in zip(said, told) for name in pair)]
    frame = with_units(rows, dict.fromkeys(told, "contracts, quote currency"), columns=columns)
    frame = frame.astype(dict.fromkeys(said, object))
    frame.attrs["says"] = {axiom.name: axiom.says for axiom in asked_for}
    # Books that the policy did not refuse, up to the first counterexample.
    frame.attrs.update({f"asked{_COLUMN[margin]}": asked for margin, asked in counts.items()})
    frame.attrs["how"] = (
        f"searched: known instances and {books} random and degenerate books an axiom, in "
        f"{' and in '.join(where)} margin; yes: none found, which is no proof"
    )
    return frame


def _margins(given: Any) -> tuple[str, ...]:
    if isinstance(given, (list, tuple)) and given and all(one in _COLUMN for one in given):
        return tuple(margin for margin in _COLUMN if margin in given)
    raise AdlError(f"margins = {given!r}; give a list of {' and '.join(map(repr, _COLUMN))}")


def _line(probe: Probe, axiom: Axiom, cases: Iterator[tuple[State, Choice]]) -> tuple[bool | None, str, int]:
    """(whether it holds, the smallest counterexample or why it was not tested, cases asked)."""
    broken, asked, refused = _search(probe, axiom, cases)
    if broken is not None:
        state, choice = _shrunk(probe, axiom, *broken)
        found = axiom.breaks(probe, state, choice)
        assert found is not None  # only what breaks is kept
        return False, f"{state}: {found[1]}", asked
    return (True, "", asked) if asked else (None, f"not tested: {refused or 'no book could be asked'}", asked)


def _search(
    probe: Probe, axiom: Axiom, cases: Iterator[tuple[State, Choice]]
) -> tuple[tuple[State, Choice] | None, int, str]:
    """(the first case that breaks it, cases asked, the last refusal)."""
    asked, refused = 0, ""
    for state, choice in cases:
        try:
            found = axiom.breaks(probe, state, choice)
        except (EventError, LawError) as error:  # a rule may refuse a book: nothing is promised there
            refused = str(error)
            continue
        asked += found is not None
        if _is_broken(axiom, state, found):
            return (state, choice), asked, refused
    return None, asked, refused


def _is_broken(axiom: Axiom, state: State, found: Found) -> bool:
    return found is not None and found[0] > axiom.least * state.required


def _cases(axiom: Axiom, rng: np.random.Generator, books: int) -> Iterator[tuple[State, Choice]]:
    yield from SEEDS.get(axiom.name, ())
    for number in range(books):
        state = random_state(rng, 2 + number * 4 // books)
        yield state.mirrored() if number % 2 else state, axiom.draw(rng, state)


def _cross_cases(axiom: Axiom, rng: np.random.Generator, books: int) -> Iterator[tuple[State, Choice]]:
    for number in range(books):
        state = in_cross_margin(rng, random_state(rng, 2 + number * 4 // books))
        yield state.mirrored() if number % 2 else state, axiom.draw(rng, state)


_CASES = {"isolated": _cases, "cross": _cross_cases}


def _shrunk(probe: Probe, axiom: Axiom, state: State, choice: Choice) -> tuple[State, Choice]:
    """A case with fewer accounts and rounder numbers that is broken at least half as badly."""

    def badness(case: tuple[State, Choice]) -> float:
        try:
            found = axiom.breaks(probe, *case)
        except (EventError, LawError):
            return -1.0
        return found[0] / case[0].required if found else -1.0

    return shrunk(
        (state, choice),
        lambda case: _smaller(*case),
        lambda case: _cost(*case),
        badness,
        axiom.least,
        _MOST_SHRUNK,
    )


def _cost(state: State, choice: Choice) -> tuple[int, int]:
    sides = [1.0] * (state.side > 0)
    columns = [
        state.size,
        state.equity,
        [] if state.entry is None else [*state.entry, 10.0],
        [] if state.others is None else state.others,
        [state.price, state.required],
        choice.values(),
        sides,
    ]
    return len(state.size), digits(*columns)


def _smaller(state: State, choice: Choice) -> Iterator[tuple[State, Choice]]:
    """Without an account, without entry prices, at price 1, then number after number rounder."""
    n, capacity = len(state.size), float(state.size.sum())
    for k in range(n):
        if (
            n > 1
            and k not in (choice.get("i"), choice.get("j"))
            and capacity - state.size[k] >= state.required
        ):
            moved = {
                name: value - 1 if name in ("i", "j") and value > k else value
                for name, value in choice.items()
            }
            yield state.taken([j for j in range(n) if j != k], state.required), moved
    if state.side > 0:
        yield state.mirrored(), choice
    if state.entry is not None:
        yield replace(state, entry=None), choice
    if state.price != 1:
        entry = None if state.entry is None else state.entry / state.price
        yield replace(state, price=1.0, entry=entry, equity=state.equity / state.price), choice
    for places in (1, 2, 3):
        yield from _rounded(state, choice, places)
    for value in (1.0, 2.0, 10.0):
        for name, k in _numbers(state):
            yield from _with(state, choice, name, k, value)


def _rounded(state: State, choice: Choice, digits: int) -> Iterator[tuple[State, Choice]]:
    for name, k in _numbers(state):
        values = [state.required] if name == "required" else getattr(state, name)
        yield from _with(state, choice, name, k, float(f"{values[k]:.{digits}g}"))
    for name, value in choice.items():
        if name not in ("i", "j", "which"):
            rounder = float(f"{value:.{digits}g}")
            if rounder > 0 and (rounder < 1 or name == "by"):
                yield state, {**choice, name: rounder}


def _numbers(state: State) -> list[tuple[str, int]]:
    columns = ["size", "equity", *(name for name in ("entry", "others") if getattr(state, name) is not None)]
    return [(name, k) for name in columns for k in range(len(state.size))] + [("required", 0)]


def _with(state: State, choice: Choice, name: str, k: int, value: float) -> Iterator[tuple[State, Choice]]:
    other = replace(state, required=value) if name == "required" else state.put(name, k, value)
    if 0 < other.required <= float(other.size.sum()) and other.size.min() > 0:
        yield other, choice
