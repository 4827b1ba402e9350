"""What a number is likely to mean. True is no number; moves in percent and prices below 0 are asked about,
and `meant=True` is the answer.

Asked is what a user hands in. Nodes and samples that a law makes of itself may lie anywhere: a normal law has
moves below -1.
"""

from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import LawError

# +100 %; 200 % over the horizon; 1,000 % a year; years
MOST_MOVE, MOST_SPREAD, MOST_VOLATILE, MOST_YEARS = 1.0, 2.0, 10.0, 2.0
SUM_TO_ONE = 1e-9  # how far from 1 the sum of probabilities or weights, or a correlation with itself, may be
_FRACTIONS = "moves are fractions (0.05 is 5 %)"


def plain(value: Any, text: bool = False) -> float:
    """`value` as a float if it is one real number (or, with `text`, says one); infinite beyond what a float
    holds.

    nan for what is none: True, text, complex numbers, dates, tables.
    """
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1 and value.dtype.kind not in "mM":
        value = value.item()
    if isinstance(value, str) and text:
        value = value.strip().replace("_", "?")
    elif isinstance(value, (bool, np.bool_, str, bytes, np.datetime64, np.timedelta64)) or np.iscomplexobj(
        value
    ):
        return float("nan")
    one: Any = value
    try:
        return float(one)
    except (TypeError, ValueError):
        return float("nan")
    except OverflowError:
        return float("inf") if one > 0 else -float("inf")


def holds_truth(values: Any) -> bool:
    """Whether True or False stands among numbers, which numpy reads as 1 and 0."""
    array = (
        np.asarray(values, dtype=object) if isinstance(values, (list, tuple, bool)) else np.asarray(values)
    )
    return array.dtype == bool or (
        array.dtype == object and any(isinstance(x, (bool, np.bool_)) for x in array.ravel())
    )


def ask_moves(moves: Array, assets: tuple[str, ...] | None) -> None:
    """LawError for moves (S, d) that are unlikely to be meant: a price that falls by more than 100 %, or one
    that more than doubles in most of its moves.

    One rise above 100 % among smaller moves is not asked about: such days have been. Moves of 0 do not count.
    """
    doubled = np.abs(moves) > MOST_MOVE
    mostly = doubled & (2 * doubled.sum(axis=0) > (moves != 0).sum(axis=0))
    for odd, what, why in (
        (moves < -1, "below -1", "no price falls by more than 100 %"),
        (mostly, "above 1", "a price that more than doubles most of the time is unlikely"),
    ):
        if odd.any():
            row, k = (int(i) for i in np.argwhere(odd)[0])
            asset = f" of {assets[k]!r}" if assets else f" of asset {k + 1}" if moves.shape[1] > 1 else ""
            raise LawError(
                f"{odd.sum():,} of {moves.size:,} moves are {what}, first number {row + 1}{asset}: "
                f"{moves[row, k]:.6g}, which is "
                f"{100 * moves[row, k]:+,.6g} %: {why}; {_FRACTIONS}: divide by 100, or say meant=True"
            )


def ask_spread(deviation: Array, mean: Array, called: str, assets: tuple[str, ...] | None) -> None:
    """LawError for laws whose typical move (d,) is above 200 %, or whose mean (d,) is above 200 % or below
    -100 %.
    """
    far = (mean > MOST_SPREAD) | (mean < -1)
    for odd, what, values in ((deviation > MOST_SPREAD, called, deviation), (far, "mean", mean)):
        if odd.any():
            k = int(np.argmax(odd))
            name = repr(assets[k]) if assets else f"number {k + 1}"
            raise LawError(
                f"{odd.sum()} of {len(odd)} moves have a {what} that looks like percent, first {name} with "
                f"{values[k]:.6g}, "
                f"which is {100 * values[k]:,.6g} %; {_FRACTIONS}: divide moves by 100 and covariances by "
                "10,000, or say meant=True"
            )
