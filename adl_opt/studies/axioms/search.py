"""Which promises a policy keeps: a search over small and degenerate books, and the smallest counterexample it
finds (THEORY 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adl_opt.errors import AdlError, EventError
from adl_opt.policies.base import Policy
from adl_opt.progress import counted
from adl_opt.studies.axioms.cases import SEEDS, Choice, Probe, State, random_state
from adl_opt.studies.axioms.catalogue import AXIOMS, Axiom, Found

if TYPE_CHECKING:
    import pandas as pd

_BOOKS, _MOST_SHRUNK = 100, 400  # random books an axiom; evaluations of shrinking


def check(
    policy: Policy | str, seed: int = 1, books: int = _BOOKS, *, progress: bool = False
) -> pd.DataFrame:
    """Which promises a policy keeps: a table, a line a promise, with a counterexample where it breaks one.

    - `policy`: any function Event -> Allocation, or a name that `adl.policy` knows
    - `seed`, `books`: the known instances of THEORY 3 are searched, then `books` random and degenerate
      one-asset books of shorts (identical accounts, tied scores, no profit; the same seed, the same books)
      with 2 to 5 accounts
    - `progress`: a bar on a terminal

    Returns a DataFrame axiom, holds, counterexample. holds False comes with a counterexample that was made as
    small as the search could: few accounts, round numbers, in contracts and quote currency. holds True means
    that none was found, which is no proof; None that the policy refused every book. "needs no law" reads
    whether the allocations were computed with a law, which an Event does not hold. Raises AdlError for what
    is not a policy or does not clear.

    Source: THEORY 3.

    >>> kept = adl.axioms.check("pro_rata", books=5).set_index("axiom")["holds"]
    >>> kept[~kept.astype(bool)].index.tolist()
    ['least maximal leverage']
    """
    from adl_opt.table import with_units

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise AdlError(f"seed = {seed!r}: a whole number, at least 0; the same seed, the same books")
    probe = Probe(policy)
    rows, counts = [], {}
    axioms = tuple(enumerate(AXIOMS))
    with counted(axioms, "looking for counterexamples", progress, lambda pair: pair[1].name) as looked:
        for number, axiom in looked:
            broken, asked, refused = _search(probe, axiom, np.random.default_rng([seed, number]), books)
            counts[axiom.name] = asked
            holds = None if not asked else broken is None
            said = "" if asked else f"not tested: {refused or 'no book could be asked'}"
            if broken is not None:
                state, choice = _shrunk(probe, axiom, *broken)
                found = axiom.breaks(probe, state, choice)
                assert found is not None  # only what breaks is kept
                said = f"{state}: {found[1]}"
            rows.append((axiom.name, holds, said))
    units = {"counterexample": "contracts, quote currency"}
    frame = with_units(rows, units, columns=["axiom", "holds", "counterexample"]).astype({"holds": object})
    frame.attrs["says"] = {axiom.name: axiom.says for axiom in AXIOMS}
    frame.attrs["asked"] = counts  # books that the policy did not refuse, up to the first counterexample
    frame.attrs["how"] = (
        f"searched: known instances and {books} random and degenerate books an axiom; yes: none found, "
        "which is no proof"
    )
    return frame


def _search(
    probe: Probe, axiom: Axiom, rng: np.random.Generator, books: int
) -> tuple[tuple[State, Choice] | None, int, str]:
    """(the first case that breaks it, cases asked, the last refusal)."""
    asked, refused = 0, ""
    for state, choice in _cases(axiom, rng, books):
        try:
            found = axiom.breaks(probe, state, choice)
        except EventError as error:  # a rule may refuse a book: nothing is promised there
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
        yield state, axiom.draw(rng, state)


def _shrunk(probe: Probe, axiom: Axiom, state: State, choice: Choice) -> tuple[State, Choice]:
    """A case with fewer accounts and rounder numbers that is broken at least half as badly."""
    found = axiom.breaks(probe, state, choice)
    enough = 0.5 * found[0] / state.required if found else 0.0
    tried, better = 0, True
    while better and tried < _MOST_SHRUNK:
        better = False
        for other, chosen in _smaller(state, choice):
            if _cost(other, chosen) >= _cost(state, choice):
                continue
            tried += 1
            try:
                found = axiom.breaks(probe, other, chosen)
            except EventError:
                continue
            if found is not None and found[0] > max(enough, axiom.least) * other.required:
                state, choice, better = other, chosen, True
                break
    return state, choice


def _cost(state: State, choice: Choice) -> tuple[int, int]:
    columns = [
        state.size,
        state.equity,
        [] if state.entry is None else [*state.entry, 10.0],
        [state.price, state.required],
        choice.values(),
    ]
    return len(state.size), sum(len(f"{v:.12g}") for column in columns for v in column)


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
    if state.entry is not None:
        yield replace(state, entry=None), choice
    if state.price != 1:
        entry = None if state.entry is None else state.entry / state.price
        yield replace(state, price=1.0, entry=entry, equity=state.equity / state.price), choice
    for digits in (1, 2, 3):
        yield from _rounded(state, choice, digits)
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
    columns = ["size", "equity", *(["entry"] if state.entry is not None else [])]
    return [(name, k) for name in columns for k in range(len(state.size))] + [("required", 0)]


def _with(state: State, choice: Choice, name: str, k: int, value: float) -> Iterator[tuple[State, Choice]]:
    other = replace(state, required=value) if name == "required" else state.put(name, k, value)
    if 0 < other.required <= float(other.size.sum()) and other.size.min() > 0:
        yield other, choice
